//! Where secrets come from: a file, an environment variable, a person at a terminal.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::SecretError;
use crate::Secret;

/// No password and no key is longer; and a wrong path (a disk, a device) does no harm.
const MOST_BYTES: u64 = 16 << 10;

/// What starts a text in UTF-8 and the two kinds of UTF-16.
const BOM: &[u8] = &[0xef, 0xbb, 0xbf];
const UTF16_BOMS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];

/// Gives secrets that a recipe names but does not hold.
pub trait SecretSource {
    /// The value of an environment variable.
    fn environment(&self, name: &str) -> Option<OsString>;

    /// What a person types, unseen, when asked for this.
    ///
    /// # Errors
    /// An error of the system, or of kind `Unsupported` when there is nobody to ask.
    fn prompt(&self, what: &str) -> io::Result<Secret>;
}

/// The environment of this process, and nobody to ask: for programs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Environment;

impl SecretSource for Environment {
    fn environment(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn prompt(&self, _what: &str) -> io::Result<Secret> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "there is no terminal"))
    }
}

/// Whether bytes look like UTF-16, as PowerShell's `>` writes it.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    UTF16_BOMS.iter().any(|bom| bytes.starts_with(bom))
}

/// Text without the mark that some editors put before it.
pub(super) fn without_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// The secret in a file: its only line, without the end of it.
pub(super) fn of_file(path: &Path, warnings: &mut Vec<String>) -> Result<Secret, SecretError> {
    let error = |source| SecretError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(error)?;
    if is_open_to_others(&file) {
        warnings.push(format!("others on this machine may read `{}`, which holds a secret", path.display()));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(error)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(SecretError::TooLong { path: path.to_owned(), most: MOST_BYTES });
    }
    let place = format!("`{}`", path.display());
    let utf16 = is_utf16(&bytes);
    let encoding = |_| SecretError::Encoding { place: place.clone(), utf16 };
    let text = std::str::from_utf8(without_bom(&bytes)).map_err(encoding)?;
    let line = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    whole_line(line, &place)
}

/// The secret in an environment variable.
pub(super) fn of_variable(name: &str, source: &dyn SecretSource) -> Result<Secret, SecretError> {
    let value = source.environment(name).ok_or_else(|| SecretError::Unset(name.to_owned()))?;
    let place = format!("the environment variable `{name}`");
    let text = value.to_str().ok_or_else(|| SecretError::Encoding { place: place.clone(), utf16: false })?;
    whole_line(text, &place)
}

/// The secret that a person types.
pub(super) fn of_person(what: &str, source: &dyn SecretSource) -> Result<Secret, SecretError> {
    let typed = source.prompt(what).map_err(SecretError::Prompt)?;
    whole_line(typed.reveal(), what)
}

fn whole_line(text: &str, place: &str) -> Result<Secret, SecretError> {
    if text.is_empty() {
        Err(SecretError::Empty(place.to_owned()))
    } else if text.contains(['\n', '\r']) {
        Err(SecretError::Lines(place.to_owned()))
    } else if text.contains(char::is_control) {
        Err(SecretError::Control(place.to_owned()))
    } else {
        Ok(Secret::new(text))
    }
}

/// Whether the rights of a file let others than its owner read it.
#[cfg(unix)]
fn is_open_to_others(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o044 != 0)
}

/// Windows' rights are lists that only their owner can judge.
#[cfg(not(unix))]
fn is_open_to_others(_file: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(bytes: &[u8]) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        let mut warnings = Vec::new();
        let secret = of_file(file.path(), &mut warnings);
        // Temporary files are made for their owner alone.
        assert_eq!(warnings, [""; 0]);
        secret.map(|secret| secret.reveal().to_owned()).map_err(|e| format!("{e}; {e:?}"))
    }

    #[test]
    fn the_secret_is_the_only_line() {
        for (bytes, secret) in [
            (&b"Pa55 word"[..], "Pa55 word"),
            (b"Pa55\n", "Pa55"),
            (b"Pa55 \r\n", "Pa55 "),
            (b"\xef\xbb\xbfP\xc3\xa4ss\n", "P\u{e4}ss"),
        ] {
            assert_eq!(of(bytes).unwrap(), secret);
        }
    }

    #[test]
    fn other_files_are_refused_without_a_word_of_them() {
        for (bytes, expected) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"Pa55\nPa55\n", "more than one line"),
            (b"Pa55\n\n", "more than one line"),
            (b"Pa55\0", "control characters"),
            (b"\xff\xfeP\0a\0", "not UTF-8 text, but UTF-16"),
            (b"Pa55\xff", "not UTF-8 text"),
            (&[b'P'; 20_000], "longer than 16384 bytes"),
        ] {
            let message = of(bytes).unwrap_err();
            assert!(message.contains(expected) && !message.contains("Pa5"), "{message}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_read_is_said_to_be_one() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "Pa55").unwrap();
        for (mode, warned) in [(0o600, 0), (0o640, 1), (0o604, 1), (0o400, 0)] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
            let mut warnings = Vec::new();
            of_file(file.path(), &mut warnings).unwrap();
            assert_eq!(warnings.len(), warned, "{mode:o}");
            assert!(warnings.iter().all(|warning| !warning.contains("Pa55")));
        }
    }
}
