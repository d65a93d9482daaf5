//! Names of an image as names on this machine.
//!
//! A name is taken as it is or not at all. Names that were changed to fit could meet others, and
//! would not be found under the name that the image has for them. What can't be taken is left out
//! and reported.

use std::ffi::OsString;

use nanovhd_tree::Name;

/// The most bytes of a name on nearly every file system but those of Windows.
const MAX_BYTES: usize = 255;

/// The most bytes of a folder's path, so that a name fits behind it into what the operating system takes:
/// 4096 bytes on Linux, 1024 on macOS, 32767 units on Windows, with an end mark.
pub(super) const MAX_FOLDER_BYTES: usize = PATH_BYTES - 2 - MAX_BYTES;
const PATH_BYTES: usize = if cfg!(windows) {
    32_767
} else if cfg!(target_os = "linux") {
    4096
} else {
    1024
};

/// Names that mean devices to Win32, whatever follows them after a dot. [Naming Files, Paths, and
/// Namespaces]
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// The name here, if there can be such a name here. `/`, `\`, `:`, NUL, `.` and `..` are no names in a
/// tree at all.
pub(super) fn file_name(name: &Name) -> Option<OsString> {
    if cfg!(windows) { on_windows(name) } else { elsewhere(&name.to_text()?) }
}

/// What stands for a named stream: `FILE:STREAM`, which is no other file's name, as no name of an image
/// has a colon. On Windows it would be the stream itself, which is not written by renaming.
pub(super) fn stream_name(file: &OsString, stream: &Name) -> Option<OsString> {
    if cfg!(windows) {
        return None;
    }
    elsewhere(&format!("{}:{}", file.to_str()?, stream.to_text()?))
}

fn elsewhere(text: &str) -> Option<OsString> {
    (text.len() <= MAX_BYTES).then(|| OsString::from(text))
}

fn on_windows(name: &Name) -> Option<OsString> {
    if !is_win32(name) {
        return None;
    }
    #[cfg(windows)]
    return Some(std::os::windows::ffi::OsStringExt::from_wide(name.units()));
    #[cfg(not(windows))]
    return name.to_text().map(OsString::from);
}

/// Whether Win32 takes the name for a file of this name.
fn is_win32(name: &Name) -> bool {
    let ascii = |&unit: &u16| u8::try_from(unit).ok();
    let refused = name.units().iter().filter_map(ascii).any(|c| c < 0x20 || br#"<>"|?*"#.contains(&c));
    let ends_badly = name.units().last().and_then(ascii).is_some_and(|c| c == b' ' || c == b'.');
    !refused && !ends_badly && !is_device(&name.to_string())
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_uppercase();
    let numbered = ["COM", "LPT"].iter().find_map(|port| stem.strip_prefix(port));
    let is_number = |rest: &str| matches!(rest, "¹" | "²" | "³") || matches!(rest.as_bytes(), [b'0'..=b'9']);
    DEVICES.contains(&stem.as_str()) || numbered.is_some_and(is_number)
}

/// A name as Unicode.
trait Text {
    /// Nothing where there are lone surrogates.
    fn to_text(&self) -> Option<String>;
}

impl Text for Name {
    fn to_text(&self) -> Option<String> {
        String::from_utf16(self.units()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_win32_takes_for_something_else_are_not_taken() {
        for bad in ["con", "NUL.txt", "aux .x", "com1", "LPT².log", "a?", "a<b", "a.", "a ", "a\u{1}", "conin$"] {
            assert!(!is_win32(&bad.into()), "{bad}");
        }
        for good in ["a", ".a", "console", "com", "com10", "comx", "a b", "é.txt", "nul_"] {
            assert!(is_win32(&good.into()), "{good}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_too_long_or_no_text_are_not_taken() {
        let long = "ж".repeat(128);
        for (name, fits) in [("CON", true), ("a.", true), ("a\nb", true), (&long[2..], true), (long.as_str(), false)]
        {
            assert_eq!(file_name(&name.into()).is_some(), fits, "{name}");
        }
        assert_eq!(file_name(&Name::from_units([u16::from(b'a'), 0xdc00])), None);
        assert_eq!(stream_name(&"a".into(), &"b".into()), Some("a:b".into()));
        assert_eq!(stream_name(&"a".into(), &Name::from_units([0xd800])), None);
    }
}
