//! Our part of the script: each command is named in the log, run, and its exit code noted.
//!
//! The log is where the tool of Windows Server 2016 has it, and each command is announced in the same words.
//! There are no labels and no jumps, because `cmd.exe` looks for labels by bytes and loses its place in UTF-8.

/// The first line of our part.
pub(super) const BEGIN: &str = "@rem ---- begin: first boot, made by nanovhd ----";
/// Its last line.
pub(super) const END: &str = "@rem ---- end: first boot, made by nanovhd ----";
/// The longest line that `cmd.exe` reads. Microsoft, "Command prompt line string limitation".
const MAX_LINE: usize = 8191;
/// What goes behind a command, so that all it says is in the log.
const LOGGED: &str = r#" >>"%SCLOG%" 2>&1"#;

/// Lines of a batch file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block(String);

impl Block {
    /// For these commands, in their order. Each is one line that `cmd.exe` understands.
    pub(super) fn new(commands: &[String]) -> Self {
        let is_ascii = commands.iter().all(|command| command.is_ascii());
        let mut lines = vec![
            BEGIN.to_owned(),
            "@echo off".to_owned(),
            // The image's own script may have let `!` mean something.
            "setlocal EnableExtensions DisableDelayedExpansion".to_owned(),
            r#"set "SCLOG=%SystemRoot%\Setup\Scripts\setupcomplete.log""#.to_owned(),
        ];
        if !is_ascii {
            // What chcp says is translated, but the number is behind a colon, and in some languages before a dot.
            lines.push(r#"set "SCCP=""#.to_owned());
            lines.push(r#"for /f "tokens=2 delims=:." %%C in ('chcp') do set "SCCP=%%C""#.to_owned());
            lines.push("chcp 65001 >nul".to_owned());
        }
        lines.extend(commands.iter().flat_map(|command| logged(command)));
        if !is_ascii {
            lines.push("if defined SCCP chcp %SCCP% >nul".to_owned());
        }
        lines.extend(["endlocal".to_owned(), END.to_owned()]);
        Self(lines.iter().map(|line| format!("{line}\r\n")).collect())
    }

    /// Whether it means the same in every code page.
    pub(super) fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// The lines in UTF-8, without a byte order mark, which `cmd.exe` would take for a command.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }
}

/// The lines for a command.
fn logged(command: &str) -> [String; 3] {
    [announced(command), redirected(command), r#">>"%SCLOG%" echo Exit code %ERRORLEVEL%"#.to_owned()]
}

/// The line that names a command in the log. The redirection comes first, so that no digit at the end of the
/// text can be taken for the number of a handle.
fn announced(command: &str) -> String {
    format!(r#">>"%SCLOG%" echo Executing '{}'"#, echoed(command))
}

/// A text as `echo` gives it back. As in the original, a double quote becomes a single one: behind the former
/// carets would no longer escape.
fn echoed(text: &str) -> String {
    let mut echoed = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => echoed.push('\''),
            '%' => echoed.push_str("%%"),
            '^' | '&' | '|' | '<' | '>' | '(' | ')' => echoed.extend(['^', c]),
            c => echoed.push(c),
        }
    }
    echoed
}

/// A command whose output goes to the log, unless it sends its output elsewhere itself. Behind a quote that
/// is not closed, or a caret at the end, the redirection would be an argument.
fn redirected(command: &str) -> String {
    let open = command.matches('"').count() % 2 == 1;
    let elsewhere = command.contains('>') || open || command.ends_with('^');
    format!("{command}{}", if elsewhere { "" } else { LOGGED })
}

/// Why a text can't be a command; nothing if it can.
pub(super) fn refusal(command: &str) -> Option<String> {
    if command.is_empty() {
        return Some("is empty".to_owned());
    }
    if let Some(c) = command.chars().find(|c| c.is_control() && *c != '\t') {
        return Some(format!("has the character {:?}, and a command is one line", c.escape_unicode().to_string()));
    }
    let longest = logged(command).iter().map(|line| line.encode_utf16().count()).max().unwrap_or_default();
    let too_long = || {
        format!(
            "is too long: with its log it would make a line of {longest} characters, and cmd.exe reads {MAX_LINE}"
        )
    };
    (longest > MAX_LINE).then(too_long)
}

/// A command in a form from which the script comes back: a batch file that is not called never returns.
pub(super) fn called(command: &str) -> String {
    let word = first_word(command).to_ascii_lowercase();
    if word.ends_with(".cmd") || word.ends_with(".bat") { format!("call {command}") } else { command.to_owned() }
}

/// Whether nothing after this command would be run.
pub(super) fn ends_the_script(command: &str) -> bool {
    let command = command.trim_start_matches(['@', ' ', '\t']).to_ascii_lowercase();
    let to_end = |rest: &str| rest.trim_start().starts_with(":eof");
    first_word(&command) == "exit" || command.strip_prefix("goto").is_some_and(to_end)
}

/// The program of a command line, without quotes.
fn first_word(command: &str) -> &str {
    let command = command.trim_start_matches(['@', ' ', '\t']);
    match command.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => command.split([' ', '\t', ',', ';', '=', '/', '&', '|', '<', '>', '(']).next().unwrap_or_default(),
    }
}
