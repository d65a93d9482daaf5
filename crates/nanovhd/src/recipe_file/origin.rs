//! Where the keys of a recipe come from: which file, line and column, for messages and for relative paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

/// A place in a recipe file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The name of the file as it was given.
    pub file: String,
    /// The line, from 1 on.
    pub line: usize,
    /// The column in characters, from 1 on.
    pub column: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl At {
    /// The place of a byte of the text.
    pub(super) fn of_byte(file: &str, text: &str, byte: usize) -> Self {
        let start = Self { file: file.to_owned(), line: 1, column: 1 };
        Self::of_bytes(file, text, &BTreeSet::from([byte])).remove(&byte).unwrap_or(start)
    }

    /// The places of many bytes, found in one walk over the text. What lies behind its end is at its end.
    pub(super) fn of_bytes(file: &str, text: &str, bytes: &BTreeSet<usize>) -> BTreeMap<usize, Self> {
        let mut chars = text.char_indices().peekable();
        let (mut line, mut column) = (1, 1);
        let places = bytes.iter().map(|&byte| {
            while let Some((_, c)) = chars.next_if(|&(at, _)| at < byte) {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            (byte, Self { file: file.to_owned(), line, column })
        });
        places.collect()
    }
}

/// Where the keys of a recipe come from. What no file says, the command line or a program said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipeOrigin {
    /// The folder that relative paths of the file start at.
    pub(super) folder: PathBuf,
    /// Keys, values in lists and keys of tables, as in `interface[1].ipv4`.
    pub(super) places: BTreeMap<String, Places>,
}

/// The two places that a key has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) key: At,
    pub(super) value: At,
}

impl RecipeOrigin {
    /// Where the file gives the key its value, if it is a file that does.
    pub fn of(&self, key: &str) -> Option<&At> {
        self.places.get(key).map(|places| &places.value)
    }

    /// Where the key itself stands.
    pub(super) fn of_name(&self, key: &str) -> Option<&At> {
        self.places.get(key).map(|places| &places.key)
    }

    /// A path that is the value of a key: one of a file starts at the folder of that file.
    pub(super) fn path(&self, key: &str, path: &Path) -> PathBuf {
        if self.places.contains_key(key) { self.folder.join(path) } else { path.to_owned() }
    }

    /// The file no longer decides on this key.
    pub(super) fn forget(&mut self, key: &str) {
        let inner =
            |place: &str| place.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('['));
        self.places.retain(|place, _| !inner(place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters() {
        let text = "a\näö = 1\r\nb";
        for (byte, line, column) in [(0, 1, 1), (1, 1, 2), (2, 2, 1), (6, 2, 3), (12, 3, 1), (99, 3, 2)] {
            let at = At::of_byte("f", text, byte);
            assert_eq!((at.line, at.column), (line, column), "byte {byte}");
        }
        assert_eq!(At::of_byte("f", text, 2).to_string(), "f:2:1");
    }
}
