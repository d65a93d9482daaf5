//! `IMAGE[:N]`: a media and one of its images.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nanovhd::{ImageSelector, Selection};

/// A media, and how one of its images is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ImageRef {
    pub(crate) media: PathBuf,
    pub(crate) selection: Selection,
}

impl FromStr for ImageRef {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(split(text, Path::exists))
    }
}

/// The colon of a drive (`C:\x.wim`) or in a folder's name is not the one that is looked for: what
/// follows that one has no separator, and what precedes it is no single letter.
fn split(text: &str, exists: impl Fn(&Path) -> bool) -> ImageRef {
    let whole = || ImageRef { media: text.into(), selection: Selection::Only };
    let Some((media, selector)) = text.rsplit_once(':') else { return whole() };
    let drive = matches!(media.as_bytes(), [letter] if letter.is_ascii_alphabetic());
    if exists(Path::new(text)) || selector.contains(['/', '\\']) || selector.is_empty() || drive {
        return whole();
    }
    let Ok(selector) = selector.parse::<ImageSelector>();
    ImageRef { media: media.into(), selection: Selection::Image(selector) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_colon_counts_unless_it_belongs_to_the_path() {
        let index = |n| Some(ImageSelector::Index(n));
        for (text, media, selector) in [
            ("a.wim", "a.wim", None),
            ("a.wim:2", "a.wim", index(2)),
            ("a.wim:Windows Server 2016", "a.wim", Some(ImageSelector::Name("Windows Server 2016".to_owned()))),
            (r"C:\x.wim", r"C:\x.wim", None),
            (r"C:\x.wim:2", r"C:\x.wim", index(2)),
            ("C:/x.wim:2", "C:/x.wim", index(2)),
            ("C:x.wim", "C:x.wim", None),
            ("C:x.wim:2", "C:x.wim", index(2)),
            (r"D:\", r"D:\", None),
            ("D:", "D:", None),
            ("media:1", "media", index(1)),
            ("a:b/c.wim", "a:b/c.wim", None),
            ("a:b/c.wim:3", "a:b/c.wim", index(3)),
            ("odd:1.wim", "odd:1.wim", None),
        ] {
            let expected =
                ImageRef { media: media.into(), selection: selector.map_or(Selection::Only, Selection::Image) };
            assert_eq!(split(text, |path| path == Path::new("odd:1.wim")), expected, "{text}");
        }
    }
}
