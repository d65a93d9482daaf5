//! The user's scripts: copied beside the script of the first start, which runs them in their order.
//!
//! Each gets a number before its name, and what could mean something to `cmd.exe` becomes `_`. Each runs in a
//! process of its own, so that an `exit` in one does not end the others.

use std::fs;
use std::path::{Path, PathBuf};

use nanovhd_tree::{Content, Times};

use super::FOLDER;
use crate::CustomizeError;
use crate::customize::copy::host_times;

/// How many there may be: numbers have two digits.
pub(super) const MOST: usize = 99;
/// What a name keeps, in characters. Names in the image have at most 255.
const MAX_NAME: usize = 100;
/// What runs by itself, and how.
const RUNNERS: [(&str, &str); 4] = [
    ("cmd", "%ComSpec% /d /c call "),
    ("bat", "%ComSpec% /d /c call "),
    ("ps1", "powershell.exe -NoProfile -NonInteractive -ExecutionPolicy Bypass -File "),
    ("exe", ""),
];

/// A script of this machine and its place in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Staged {
    pub(super) source: PathBuf,
    pub(super) name: String,
    pub(super) len: u64,
    pub(super) times: Times,
    runner: &'static str,
}

impl Staged {
    /// All scripts. What is wrong with any of them is told at once.
    pub(super) fn all(sources: &[PathBuf]) -> Result<Vec<Self>, CustomizeError> {
        let mut staged = Vec::new();
        let mut problems = Vec::new();
        for (number, source) in (1..).zip(sources) {
            match Self::new(number, source) {
                Ok(script) => staged.push(script),
                Err(problem) => problems.push(format!("`{}` {problem}", source.display())),
            }
        }
        if problems.is_empty() {
            return Ok(staged);
        }
        Err(CustomizeError::Setting { setting: "run-script", problem: problems.join("; "), hint: None })
    }

    fn new(number: usize, source: &Path) -> Result<Self, String> {
        let (name, runner) = named(number, source).ok_or_else(|| {
            "can't be run: .cmd, .bat, .ps1 and .exe can be; let one of those start others".to_owned()
        })?;
        let found = fs::metadata(source).map_err(|e| format!("can't be read: {e}"))?;
        if !found.is_file() {
            return Err("is no file".to_owned());
        }
        Ok(Self { source: source.to_owned(), name, len: found.len(), times: host_times(&found), runner })
    }

    /// Its bytes, which are read when the disk is written.
    pub(super) fn content(&self) -> Content {
        if self.len == 0 { Content::empty() } else { Content::host_file(self.source.as_path(), self.len) }
    }

    /// Its path in the image.
    pub(super) fn path(&self) -> String {
        format!(r"{FOLDER}\nanovhd\{}", self.name)
    }

    /// The command that runs it.
    pub(super) fn command(&self) -> String {
        format!(r#"{}"%SystemRoot%\Setup\Scripts\nanovhd\{}""#, self.runner, self.name)
    }
}

/// The name in the image, and what is before it in a command.
fn named(number: usize, source: &Path) -> Option<(String, &'static str)> {
    let name = source.file_name()?.to_string_lossy();
    let (stem, extension) = name.rsplit_once('.')?;
    let (_, runner) = RUNNERS.iter().find(|(known, _)| known.eq_ignore_ascii_case(extension))?;
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let stem: String = stem.chars().map(safe).take(MAX_NAME).collect();
    Some((format!("{number:02}-{stem}.{extension}"), runner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_nothing_to_a_shell() {
        for (number, source, name) in [
            (1, "a/setup.cmd", "01-setup.cmd"),
            (12, "50% & (more)!.PS1", "12-50_____more__.PS1"),
            (3, "größe.v2.exe", "03-gr__e.v2.exe"),
        ] {
            assert_eq!(named(number, Path::new(source)).unwrap().0, name);
        }
        for source in ["setup", "setup.vbs", "setup.", "..", "/", ".cmd/x"] {
            assert_eq!(named(1, Path::new(source)), None, "{source}");
        }
    }

    #[test]
    fn every_bad_script_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("a.cmd"), "echo a").unwrap();
        fs::create_dir(path("b.cmd")).unwrap();
        let error =
            Staged::all(&[path("a.cmd"), path("b.cmd"), path("c.ps1"), path("d.txt")]).unwrap_err().to_string();
        for part in ["b.cmd` is no file", "c.ps1` can't be read", "d.txt` can't be run"] {
            assert!(error.contains(part), "{error}");
        }
        assert!(!error.contains("a.cmd"), "{error}");
        let [good] = &Staged::all(&[path("a.cmd")]).unwrap()[..] else { panic!() };
        assert_eq!(good.path(), r"\Windows\Setup\Scripts\nanovhd\01-a.cmd");
        let command = r#"%ComSpec% /d /c call "%SystemRoot%\Setup\Scripts\nanovhd\01-a.cmd""#;
        assert_eq!((good.command().as_str(), good.len), (command, 6));
    }
}
