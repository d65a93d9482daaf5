//! The table of the documentation and that of the code say the same, and both are true.

use super::powershell::COMMON;
use super::*;

const DOCUMENT: &str = include_str!("../../../docs/parameters.md");

/// A row of the document.
#[derive(Debug)]
struct Row {
    original: Original,
    name: String,
    aliases: Vec<String>,
    example: String,
    becomes: String,
}

fn rows() -> Vec<Row> {
    let mut original = None;
    let mut rows = Vec::new();
    for line in DOCUMENT.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            original = Some(Original::of(title).unwrap());
        }
        let Some(cells) = line.strip_prefix("| `") else { continue };
        let cells: Vec<_> = format!("`{cells}").split('|').map(|cell| cell.trim().to_owned()).collect();
        let [name, aliases, example, becomes, ..] = cells.as_slice() else { panic!("{line}") };
        let plain = |text: &str| text.trim_matches('`').trim_start_matches(['-', '/']).to_owned();
        rows.push(Row {
            original: original.unwrap(),
            name: plain(name),
            aliases: aliases.split_whitespace().map(plain).collect(),
            example: example.trim_matches('`').to_owned(),
            becomes: becomes.clone(),
        });
    }
    rows
}

/// The arguments of an example: spaces part them, `"` keeps them together.
fn arguments(example: &str) -> Vec<String> {
    let (mut args, mut inside) = (vec![String::new()], false);
    for c in example.chars() {
        match c {
            '"' => inside = !inside,
            ' ' if !inside => args.push(String::new()),
            c => args.last_mut().unwrap().push(c),
        }
    }
    args
}

/// What an original needs in any case, but for what the example has.
fn with_the_rest(original: Original, example: &str) -> Vec<String> {
    let needed: &[&[&str]] = match original {
        Original::New => &[
            &["-DeploymentType", "Guest"],
            &["-Edition", "Datacenter"],
            &["-MediaPath", "m"],
            &["-TargetPath", "n.vhdx"],
            &["-AdministratorPassword", "$null"],
        ],
        Original::Edit => &[&["-TargetPath", "n.vhdx"]],
        Original::Get => &[&["-MediaPath", "m"]],
        Original::Convert => &[&["-SourcePath", "m"], &["-DiskLayout", "UEFI"], &["-VHDPath", "n.vhdx"]],
        Original::Wim2Vhd => &[&["/wim:m"], &["/vhd:n.vhd"]],
    };
    let mut args = arguments(example);
    let name = |arg: &str| arg.split(':').next().unwrap_or_default().to_owned();
    let given: Vec<_> = args.iter().map(|arg| name(arg)).collect();
    for part in needed {
        let instead = |a: &str, b: &str| part[0] == a && given.iter().any(|given| given == b);
        let replaced = instead("-DiskLayout", "-VHDPartitionStyle")
            || instead("-MediaPath", "-BasePath") && original == Original::Get;
        if !given.contains(&name(part[0])) && !replaced {
            args.extend(part.iter().map(|&arg| arg.to_owned()));
        }
    }
    args
}

/// What stands in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_document_has_every_parameter_and_no_other() {
    let rows = rows();
    for original in ORIGINALS {
        let mut known = original.parameters();
        if original != Original::Wim2Vhd {
            known.extend(COMMON);
        }
        let mut documented: Vec<_> = rows.iter().filter(|row| row.original == original).collect();
        for parameter in &known {
            let place = documented.iter().position(|row| row.name == parameter.name);
            let row = documented.remove(place.unwrap_or_else(|| panic!("{original:?} {}", parameter.name)));
            assert_eq!(row.aliases, parameter.aliases, "{original:?} {}", parameter.name);
        }
        assert!(documented.is_empty(), "{documented:?}");
    }
}

#[test]
fn every_row_of_the_document_is_true() {
    let rows = rows();
    assert!(rows.len() > 180, "{}", rows.len());
    for row in rows {
        let args = with_the_rest(row.original, &row.example);
        let name = format!("{}{}", row.original.mark(), row.name);
        assert!(args.iter().any(|arg| arg.split(':').next() == Some(&name)), "{row:?}");
        let done = row.original.translate(&args);
        if let Some(reason) = row.becomes.strip_prefix("refused: ") {
            let problem = done.expect_err(&name).to_string();
            assert_eq!(problem, format!("{name} is refused: {reason}"));
            continue;
        }
        let draft = done.unwrap_or_else(|e| panic!("{row:?}: {e}"));
        draft.recipe.check().unwrap_or_else(|e| panic!("{row:?}: {e}"));
        let without = without(&row, &args);
        if let Some(reason) = row.becomes.strip_prefix("no effect: ") {
            assert!(draft.notes.contains(&format!("{name} has no effect: {reason}")), "{:?}", draft.notes);
            assert!(without.is_none_or(|without| without == draft.recipe), "{row:?}");
            continue;
        }
        let toml = draft.recipe.to_toml().unwrap();
        assert!(quoted(&row.becomes).count() > 0, "{row:?}");
        for expected in quoted(&row.becomes) {
            assert!(toml.contains(expected), "{row:?}\n{toml}");
        }
        let same = without.is_some_and(|without| without == draft.recipe);
        assert!(!same || row.example == "-VHDFormat VHDX", "{row:?} changes nothing");
    }
}

/// The recipe of the same command line without the parameter, if that can be run.
fn without(row: &Row, args: &[String]) -> Option<RecipeFile> {
    let name = format!("{}{}", row.original.mark(), row.name);
    let at = args.iter().position(|arg| arg.split(':').next() == Some(&name))?;
    let end =
        args[at + 1..].iter().position(|arg| arg.starts_with(row.original.mark())).map_or(args.len(), |n| at + 1 + n);
    let rest: Vec<_> = [&args[..at], &args[end..]].concat();
    row.original.translate(&rest).ok().map(|draft| draft.recipe)
}

fn recipe(original: Original, line: &str) -> Result<String, String> {
    let draft = original.translate(&arguments(line)).map_err(|problem| problem.to_string())?;
    Ok(draft.recipe.to_toml().unwrap())
}

#[test]
fn what_the_originals_do_unless_told_otherwise() {
    let new = "-MediaPath m -TargetPath N.VHD -De Guest -Ed Datacenter";
    assert!(recipe(Original::New, new).unwrap_err().starts_with("-de may stand for -DeploymentType, "));
    let toml = recipe(Original::New, "guest datacenter -MediaPath m -Targ N.VHD").unwrap();
    let expected = "media = \"m\"\nedition = \"datacenter\"\noutput = \"N.VHD\"\nsize = \"4GiB\"\nforce = true\n\
                    computer-name = \"*\"\nadministrator-password-prompt = true\n";
    assert_eq!(toml, expected);
    let toml = recipe(Original::Convert, "s.wim -VHD a.vhd -Layout bios").unwrap();
    assert_eq!(
        toml,
        "media = \"s.wim\"\noutput = \"a.vhd\"\nsize = \"25GiB\"\nformat = \"vhd\"\nfirmware = \"bios\"\nforce = true\n"
    );
    let toml = recipe(Original::Wim2Vhd, "/WIM:s.wim /Vhd:a.vhd /sku:1").unwrap();
    assert_eq!(
        toml,
        "media = \"s.wim\"\nimage = \"1\"\noutput = \"a.vhd\"\nsize = \"40GiB\"\nformat = \"vhd\"\nfirmware = \"bios\"\n\
         force = true\n"
    );
}

#[test]
fn the_rules_of_the_originals() {
    let new = |more: &str| {
        let line = format!("Guest Datacenter -MediaPath m -TargetPath n.vhdx {more}");
        recipe(Original::New, &line).unwrap_err()
    };
    for (more, expected) in [
        ("-OEMDrivers", "-OEMDrivers is not for -DeploymentType Guest"),
        ("-DomainName d -DomainBlobPath b", "-DomainName and -DomainBlobPath exclude each other"),
        (
            "-ComputerName n -DomainBlobPath b",
            "-ComputerName and -DomainBlobPath exclude each other: the blob says the name of the computer",
        ),
        ("-DomainName d", "-DomainName needs -ComputerName"),
        ("-ReuseDomainNode", "-ReuseDomainNode needs -DomainName or -DomainBlobPath"),
        ("-EMSPort 2", "-EMSPort needs -EnableEMS"),
        ("-Ipv4Dns 10.0.0.1", "-Ipv4Dns needs -InterfaceNameOrIndex"),
        (
            "-Interf a -Ipv4Dns 10.0.0.256",
            "-Ipv4Dns: \"10.0.0.256\" is no IPv4 address: four numbers from 0 to 255 with dots between were expected",
        ),
        ("-ComputerName 1234567890abcdef", "-ComputerName: a name has 1 to 15 characters, not 16"),
        ("-MaxSize 511MB", "a disk has 512MB to 64TB, not 511MB"),
        ("-DebugMethod Net", "-DebugRemoteIP, -DebugPort are missing, which New-NanoServerImage needs"),
        ("-DebugMethod Usb -DebugComPort 1 -DebugTargetName t", "-DebugCOMPort belongs to -DebugMethod Serial"),
        (
            "-DebugMethod Serial -EnableEMS -EMSPort 2",
            "the debugger and EMS can't have the same serial port: give -DebugCOMPort or -EMSPort another",
        ),
        ("-Storag", "-Storage is refused: packages come with a later version"),
    ] {
        assert_eq!(new(more), expected, "{more}");
    }
    let missing = recipe(Original::New, "-MediaPath m").unwrap_err();
    assert_eq!(missing, "-DeploymentType, -Edition, -TargetPath are missing, which New-NanoServerImage needs");
    assert_eq!(
        recipe(Original::New, "Guest Datacenter -MediaPath m -TargetPath n.wim").unwrap_err(),
        "-TargetPath: a .wim is not made: take .vhd or .vhdx"
    );
    assert_eq!(
        recipe(Original::Convert, "s.wim -VHDPath a.vhdx -DiskLayout BIOS").unwrap_err(),
        "-VHDPath must end in .vhd: that is the format of this disk (-VHDFormat)"
    );
    assert_eq!(
        recipe(Original::Wim2Vhd, "/wim:a /vhd:b.vhd /skuu:1").unwrap_err(),
        "WIM2VHD has no parameter /skuu; is /sku meant?"
    );
    assert_eq!(recipe(Original::Wim2Vhd, "/sku:1").unwrap_err(), "/wim, /vhd are missing, which WIM2VHD needs");
}

#[test]
fn passwords_are_neither_taken_nor_shown() {
    for value in ["Pa55word", "''", "env:", "(ConvertTo-SecureString Pa55word)"] {
        let line = format!("Guest Datacenter -MediaPath m -TargetPath n.vhdx \"-Adm:{value}\"");
        let problem = recipe(Original::New, &line).unwrap_err();
        assert!(problem.starts_with("-AdministratorPassword: ") && !problem.contains("Pa55"), "{problem}");
    }
    for (value, expected) in [
        ("$env:X", "-env = \"X\""),
        ("file:p.txt", "-file = \"p.txt\""),
        ("PROMPT", "-prompt = true"),
        ("$null", "force"),
    ] {
        let line = format!("Guest Datacenter -MediaPath m -TargetPath n.vhdx -Adm {value}");
        let toml = recipe(Original::New, &line).unwrap();
        assert!(toml.contains(expected), "{toml}");
        assert!(value != "$null" || !toml.contains("password"), "{toml}");
    }
}

#[test]
fn names_of_commands() {
    for (name, original) in [
        ("new-nanoserverimage", Some(Original::New)),
        ("Get-NanoServerPackages", Some(Original::Get)),
        (".\\Convert-WindowsImage.ps1", Some(Original::Convert)),
        ("WIM2VHD.WSF", Some(Original::Wim2Vhd)),
        ("build", None),
        ("", None),
    ] {
        assert_eq!(Original::of(name), original, "{name}");
    }
}

#[test]
fn what_it_is_today() {
    let line = "Guest Datacenter -Med m -Tar n.vhdx -Adm $null -Interf Eth -Ipv6A fd00::5 -DebugM 1394 -DebugC 3";
    let draft = Original::New.translate(&arguments(line)).unwrap();
    let today = command(&draft.recipe).unwrap();
    for part in
        ["nanovhd build --", " --media m", " --computer-name '*'", " --force", " --interface Eth,ipv6=fd00::5/64"]
    {
        assert!(today.contains(part), "{today}");
    }
    for original in ORIGINALS {
        assert!(help::text(original).lines().all(|line| line.len() < 260));
    }
}
