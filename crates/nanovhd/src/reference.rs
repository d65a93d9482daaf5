//! `FILE[:PART]`: a file that holds others, and which part of it is meant.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nanovhd_wim::ImageSelector;

use crate::Selection;

/// A WIM, a media folder or a disk image, and which of its images or partitions is meant: by number,
/// or by a name such as `esp` or `windows`. What the part stands for depends on what the file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The file or folder.
    pub path: PathBuf,
    /// What follows the colon.
    pub part: Option<ImageSelector>,
}

impl Reference {
    /// The part as the choice of an image.
    pub fn selection(&self) -> Selection {
        self.part.clone().map_or(Selection::Only, Selection::Image)
    }
}

impl FromStr for Reference {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(split(text, Path::exists))
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        match &self.part {
            Some(ImageSelector::Index(number)) => write!(f, ":{number}"),
            Some(ImageSelector::Name(name)) => write!(f, ":{name}"),
            None => Ok(()),
        }
    }
}

/// The colon of a drive (`C:\x.wim`) or in a folder's name is not the one that is looked for: what
/// follows that one has no separator, and what precedes it is no single letter.
fn split(text: &str, exists: impl Fn(&Path) -> bool) -> Reference {
    let whole = || Reference { path: text.into(), part: None };
    let Some((path, part)) = text.rsplit_once(':') else { return whole() };
    let drive = matches!(path.as_bytes(), [letter] if letter.is_ascii_alphabetic());
    if exists(Path::new(text)) || part.contains(['/', '\\']) || part.is_empty() || drive {
        return whole();
    }
    let Ok(part) = part.parse::<ImageSelector>();
    Reference { path: path.into(), part: Some(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_counts_unless_it_belongs_to_the_path() {
        let index = |n| Some(ImageSelector::Index(n));
        let name = |name: &str| Some(ImageSelector::Name(name.to_owned()));
        for (text, path, part) in [
            ("a.wim", "a.wim", None),
            ("a.wim:2", "a.wim", index(2)),
            ("a.wim:Windows Server 2016", "a.wim", name("Windows Server 2016")),
            (r"C:\x.wim", r"C:\x.wim", None),
            (r"C:\x.wim:2", r"C:\x.wim", index(2)),
            ("C:/x.wim:2", "C:/x.wim", index(2)),
            ("C:x.wim", "C:x.wim", None),
            ("C:x.wim:2", "C:x.wim", index(2)),
            (r"C:\x.vhdx:esp", r"C:\x.vhdx", name("esp")),
            (r"D:\", r"D:\", None),
            ("D:", "D:", None),
            ("media:1", "media", index(1)),
            ("a:b/c.wim", "a:b/c.wim", None),
            ("a:b/c.wim:3", "a:b/c.wim", index(3)),
            ("odd:1.wim", "odd:1.wim", None),
        ] {
            let expected = Reference { path: path.into(), part };
            assert_eq!(split(text, |path| path == Path::new("odd:1.wim")), expected, "{text}");
            assert_eq!(expected.to_string(), text);
        }
    }
}
