use proptest::prelude::*;

use super::block::{self, BEGIN, Block, END};
use super::merge::{Merged, Note, merge};
use super::network;

fn block(commands: &[&str]) -> String {
    let commands: Vec<String> = commands.iter().map(|command| (*command).to_owned()).collect();
    String::from_utf8(Block::new(&commands).bytes()).unwrap()
}

fn merged(existing: &[u8], block: &str) -> Merged {
    merge(Some(existing), block.as_bytes()).unwrap()
}

#[test]
fn a_script_of_its_own() {
    let text = block(&["netsh interface ipv4 set address \"Ethernet\" static 10.0.0.5 255.255.255.0"]);
    let expected = [
        BEGIN,
        "@echo off",
        "setlocal EnableExtensions DisableDelayedExpansion",
        r#"set "SCLOG=%SystemRoot%\Setup\Scripts\setupcomplete.log""#,
        r#">>"%SCLOG%" echo Executing 'netsh interface ipv4 set address 'Ethernet' static 10.0.0.5 255.255.255.0'"#,
        r#"netsh interface ipv4 set address "Ethernet" static 10.0.0.5 255.255.255.0 >>"%SCLOG%" 2>&1"#,
        r#">>"%SCLOG%" echo Exit code %ERRORLEVEL%"#,
        "endlocal",
        END,
        "",
    ];
    assert_eq!(text, expected.join("\r\n"));
    assert_eq!(merge(None, text.as_bytes()).unwrap().bytes, text.as_bytes());
}

#[test]
fn text_outside_ascii_sets_the_code_page_and_puts_it_back() {
    let text = block(&["md C:\\Größe"]);
    let lines: Vec<&str> = text.lines().collect();
    let at = |line: &str| lines.iter().position(|found| *found == line).unwrap_or_else(|| panic!("{line}: {text}"));
    let (set, restore) = (at("chcp 65001 >nul"), at("if defined SCCP chcp %SCCP% >nul"));
    let named = at(">>\"%SCLOG%\" echo Executing 'md C:\\Größe'");
    assert!(set < named && named < restore && restore < at("endlocal"), "{text}");
    assert!(lines[..set].iter().all(|line| line.is_ascii()), "what is read in another code page is ASCII");
    assert!(text.starts_with(BEGIN), "there is no byte order mark");
    assert!(!block(&["md C:\\Groesse"]).contains("chcp"));
}

/// What `echo` writes for the rest of a line, by the rules that `cmd.exe` follows when delayed expansion is off:
/// percent signs first, then carets, which hide one character each; quotes hide all but themselves.
fn echo(line: &str) -> Result<String, String> {
    let mut after_percent = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('%') {
        after_percent.push_str(before);
        rest = after.strip_prefix('%').ok_or_else(|| format!("a variable at {after:?}"))?;
        after_percent.push('%');
    }
    after_percent.push_str(rest);
    let mut out = String::new();
    let mut chars = after_percent.chars();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                out.push(c);
            }
            '^' if !quoted => out.push(chars.next().ok_or("a caret at the end")?),
            '&' | '|' | '<' | '>' | '(' | ')' if !quoted => return Err(format!("{c:?} means something")),
            c => out.push(c),
        }
    }
    Ok(out)
}

fn announced(command: &str) -> String {
    let text = block(&[command]);
    let line = text.lines().find(|line| line.contains("Executing")).unwrap();
    line.strip_prefix(r#">>"%SCLOG%" echo "#).unwrap().to_owned()
}

#[test]
fn the_log_names_commands_as_they_are() {
    for command in [
        "echo 100% & echo done",
        "reg add HKLM\\X /v a^b /d \"c d\" | find \"(x)\"",
        "if not exist x (md x) >nul 2>nul",
        "echo !var! %PATH% %%x ^",
        "echo 1>2",
    ] {
        let expected = format!("Executing '{}'", command.replace('"', "'"));
        assert_eq!(echo(&announced(command)).as_deref(), Ok(expected.as_str()), "{command}");
    }
}

#[test]
fn output_goes_to_the_log_unless_it_goes_elsewhere() {
    for (command, logged) in [
        ("ver", true),
        ("dir C:\\ >C:\\list.txt", false),
        ("find \"a", false),
        ("echo a ^", false),
        ("find \"a\" x", true),
    ] {
        let text = block(&[command]);
        let line = text.lines().find(|line| line.starts_with(command)).unwrap();
        assert_eq!(line.ends_with(r#" >>"%SCLOG%" 2>&1"#), logged, "{line}");
    }
}

#[test]
fn commands_are_one_line_that_cmd_can_read() {
    for (command, part) in [
        (String::new(), "empty"),
        ("a\nb".to_owned(), "one line"),
        ("a\0".to_owned(), "one line"),
        ("x".repeat(8192), "too long"),
        // Escaped, each takes two places.
        ("&".repeat(4096), "too long"),
    ] {
        assert!(block::refusal(&command).is_some_and(|told| told.contains(part)), "{command:.20}");
    }
    assert_eq!(block::refusal("a\tb"), None);
    assert_eq!(block::refusal(&"x".repeat(8000)), None);
}

#[test]
fn batch_files_are_called() {
    for (command, called) in [
        ("C:\\a.cmd x", "call C:\\a.cmd x"),
        ("\"C:\\a b.BAT\" x", "call \"C:\\a b.BAT\" x"),
        ("call a.cmd", "call a.cmd"),
        ("copy a.cmd b.cmd", "copy a.cmd b.cmd"),
        ("a.exe b.cmd", "a.exe b.cmd"),
        ("start \"\" a.cmd", "start \"\" a.cmd"),
    ] {
        assert_eq!(block::called(command), called);
    }
    for (command, ends) in [
        ("exit", true),
        ("@EXIT /b 1", true),
        ("goto :eof", true),
        ("goto:EOF", true),
        ("exit.exe", false),
        ("gotox", false),
    ] {
        assert_eq!(block::ends_the_script(command), ends, "{command}");
    }
}

#[test]
fn the_script_of_the_image_stays() {
    let ours = block(&["ver"]);
    // Latin letters in some code page, and line ends of another system.
    let own = b"@echo off\necho Gr\x81\xe1e\n";
    let both = [&own[..], ours.as_bytes()].concat();
    assert_eq!(merged(own, &ours), Merged { bytes: both.clone(), notes: vec![] });
    assert_eq!(
        merged(&own[..own.len() - 1], &ours).bytes,
        [&own[..own.len() - 1], b"\r\n", ours.as_bytes()].concat()
    );
    assert_eq!(merged(&both, &ours).bytes, both, "twice is once");
    let newer = block(&["dir"]);
    assert_eq!(merged(&both, &newer).bytes, [&own[..], newer.as_bytes()].concat());
    let behind = [&both[..], b"echo more\r\n"].concat();
    assert_eq!(merged(&behind, &newer).bytes, [&own[..], newer.as_bytes(), b"echo more\r\n"].concat());
    let ended = [&own[..], b"\x1a rest"].concat();
    assert_eq!(merged(&ended, &ours).bytes, [&own[..], ours.as_bytes(), b"\x1a rest"].concat());
}

#[test]
fn a_script_that_may_end_on_its_own_comes_after_ours() {
    let ours = block(&["ver"]);
    for own in [
        "exit\r\n",
        "if errorlevel 1 exit /b 1\r\necho x",
        "call :a\ngoto :EOF\n:a\nver",
        "ver&exit",
        "goto:eof",
        "(EXIT)",
    ] {
        let found = merged(own.as_bytes(), &ours);
        assert_eq!(
            found,
            Merged { bytes: [ours.as_bytes(), own.as_bytes()].concat(), notes: vec![Note::Exits] },
            "{own}"
        );
        assert_eq!(merged(&found.bytes, &ours).bytes, found.bytes, "{own}");
    }
    for own in [
        "rem exit\r\n",
        ":: exit\r\n",
        "exitcode.exe\r\n",
        "a.exit\r\n",
        "goto end\r\n:end\r\n",
        "@rem goto :eof\r\n",
    ] {
        assert_eq!(merged(own.as_bytes(), &ours).notes, [], "{own}");
    }
    let marked = [b"\xef\xbb\xbf", &b"exit"[..]].concat();
    let found = merged(&marked, &ours);
    assert_eq!(found.bytes, [b"\xef\xbb\xbf\r\n", ours.as_bytes(), b"exit"].concat());
    assert_eq!(found.notes, [Note::Mark, Note::Exits]);
}

#[test]
fn marks_without_partners_are_the_image_s() {
    let ours = block(&["ver"]);
    for own in [format!("{BEGIN}\r\n"), format!("{END}\r\n"), format!("{END}\r\n{BEGIN}\r\nver\r\n")] {
        let once = merged(own.as_bytes(), &ours).bytes;
        assert_eq!(once, [own.as_bytes(), ours.as_bytes()].concat());
        assert_eq!(merged(&once, &ours).bytes, once);
    }
    let twice = format!("{ours}echo between\r\n{ours}echo behind\r\n");
    assert_eq!(merged(twice.as_bytes(), &ours).bytes, format!("{ours}echo between\r\necho behind\r\n").into_bytes());
}

#[test]
fn scripts_that_cmd_cannot_run_are_refused() {
    for bad in [&b"\xff\xfee\0"[..], b"\xfe\xff\0e", b"e\0c\0"] {
        assert!(merge(Some(bad), b"").is_err());
    }
}

#[test]
fn addresses_are_set_by_netsh() {
    let card = "Net % 2,ipv4=10.0.0.5/23,gateway=10.0.0.1,dns=10.0.0.2,dns=10.0.0.3,ipv6=fd00::5/48,gateway=fe80::1,dns=fd00::2";
    let expected = [
        r#"netsh interface ipv6 set address "Net %% 2" fd00::5/48"#,
        r#"netsh interface ipv6 add route ::/0 "Net %% 2" fe80::1"#,
        r#"netsh interface ipv6 set dnsservers "Net %% 2" static fd00::2 validate=no"#,
        r#"netsh interface ipv4 set address "Net %% 2" static 10.0.0.5 255.255.254.0 10.0.0.1"#,
        r#"netsh interface ipv4 set dnsservers "Net %% 2" static 10.0.0.2 validate=no"#,
        r#"netsh interface ipv4 add dnsservers "Net %% 2" 10.0.0.3 index=2 validate=no"#,
    ];
    assert_eq!(network::commands(&card.parse().unwrap()), expected);
    let only = network::commands(&"12,ipv4=10.0.0.5/32".parse().unwrap());
    assert_eq!(only, [r#"netsh interface ipv4 set address "12" static 10.0.0.5 255.255.255.255"#]);
}

proptest! {
    #[test]
    fn any_command_is_announced_as_it_is(command in "[ -~äß€😀]{1,80}") {
        let expected = format!("Executing '{}'", command.replace('"', "'"));
        prop_assert_eq!(echo(&announced(&command)), Ok(expected));
    }

    #[test]
    fn the_same_twice_is_the_same_once(
        own in prop_oneof![
            proptest::collection::vec(1u8..=255, 0..200),
            proptest::collection::vec(
                prop_oneof![Just("exit"), Just("ver"), Just(BEGIN), Just(END), Just("\u{1a}"), Just(""), Just("\u{feff}")],
                0..8,
            ).prop_map(|lines| lines.join("\r\n").into_bytes()),
        ],
        first in proptest::collection::vec("[ -~]{1,20}", 1..4),
        second in proptest::collection::vec("[ -~]{1,20}", 1..4),
    ) {
        let [first, second] = [first, second].map(|commands| Block::new(&commands).bytes());
        if let Ok(once) = merge(Some(&own), &first) {
            let again = merge(Some(&once.bytes), &first).unwrap();
            prop_assert_eq!(&again.bytes, &once.bytes);
            // What came before makes no difference to what comes after.
            let other = merge(Some(&once.bytes), &second).unwrap();
            prop_assert_eq!(other.bytes, merge(Some(&own), &second).unwrap().bytes);
        }
    }
}
