//! Choosing an image of a file by its number or its name.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::xml::ImageInfo;

/// Which image is meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ImageSelector {
    /// The one with this number, from 1.
    Index(u32),
    /// The one with this name.
    Name(String),
}

/// Digits mean a number, anything else a name.
impl FromStr for ImageSelector {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let index = text.parse().ok().filter(|_| digits);
        Ok(index.map_or_else(|| Self::Name(text.to_owned()), Self::Index))
    }
}

impl fmt::Display for ImageSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "with number {index}"),
            Self::Name(name) => write!(f, "with the name {name:?}"),
        }
    }
}

/// Why no image was chosen. The message lists the images that there are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectError {
    /// No image fits.
    #[error("no image {selector}; the file has {}", list(images))]
    None {
        /// What was asked for.
        selector: ImageSelector,
        /// Numbers and names of all images.
        images: Vec<(u32, Option<String>)>,
    },
    /// More than one image fits.
    #[error("several images {selector}: {}; choose one by its number", list(images))]
    Several {
        /// What was asked for.
        selector: ImageSelector,
        /// Numbers and names of those that fit.
        images: Vec<(u32, Option<String>)>,
    },
}

fn list(images: &[(u32, Option<String>)]) -> String {
    /// A file made to annoy may have thousands.
    const SHOWN: usize = 32;
    if images.is_empty() {
        return "no images".to_owned();
    }
    let show = |(index, name): &(u32, Option<String>)| match name {
        Some(name) => format!("{index} {name:?}"),
        None => format!("{index} (without a name)"),
    };
    let mut texts: Vec<_> = images.iter().take(SHOWN).map(show).collect();
    if images.len() > SHOWN {
        texts.push(format!("and {} more", images.len() - SHOWN));
    }
    texts.join(", ")
}

/// The image that is meant: by number, or by a name that fits to the letter, or by the only name
/// that fits when case is ignored.
pub(crate) fn select<'i>(images: &'i [ImageInfo], selector: &ImageSelector) -> Result<&'i ImageInfo, SelectError> {
    let fitting: Vec<&ImageInfo> = match selector {
        ImageSelector::Index(index) => images.iter().filter(|image| image.index == *index).collect(),
        ImageSelector::Name(name) => {
            let exact: Vec<_> = images.iter().filter(|image| image.name.as_ref() == Some(name)).collect();
            let fits =
                |image: &&ImageInfo| image.name.as_ref().is_some_and(|n| n.to_lowercase() == name.to_lowercase());
            if exact.is_empty() { images.iter().filter(fits).collect() } else { exact }
        }
    };
    let names = |images: &[&ImageInfo]| images.iter().map(|image| (image.index, image.name.clone())).collect();
    match fitting[..] {
        [image] => Ok(image),
        [] => {
            Err(SelectError::None { selector: selector.clone(), images: names(&images.iter().collect::<Vec<_>>()) })
        }
        _ => Err(SelectError::Several { selector: selector.clone(), images: names(&fitting) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images() -> Vec<ImageInfo> {
        let image =
            |index, name: Option<&str>| ImageInfo { index, name: name.map(str::to_owned), ..Default::default() };
        vec![image(1, Some("Standard")), image(2, Some("Datacenter")), image(3, Some("datacenter")), image(4, None)]
    }

    fn choose(text: &str) -> Result<u32, String> {
        let selector = text.parse().unwrap();
        select(&images(), &selector).map(|image| image.index).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_and_names_choose() {
        for (text, index) in
            [("1", 1), ("004", 4), ("Standard", 1), ("sTANDARD", 1), ("Datacenter", 2), ("datacenter", 3)]
        {
            assert_eq!(choose(text), Ok(index), "{text}");
        }
    }

    #[test]
    fn a_message_lists_what_there_is() {
        let all = "1 \"Standard\", 2 \"Datacenter\", 3 \"datacenter\", 4 (without a name)";
        assert_eq!(choose("5").unwrap_err(), format!("no image with number 5; the file has {all}"));
        assert_eq!(choose("Nano").unwrap_err(), format!("no image with the name \"Nano\"; the file has {all}"));
        assert_eq!(
            choose("DATACENTER").unwrap_err(),
            "several images with the name \"DATACENTER\": 2 \"Datacenter\", 3 \"datacenter\"; choose one by its number"
        );
        assert_eq!("+1".parse(), Ok(ImageSelector::Name("+1".to_owned())));
        assert_eq!("99999999999".parse(), Ok(ImageSelector::Name("99999999999".to_owned())));
    }
}
