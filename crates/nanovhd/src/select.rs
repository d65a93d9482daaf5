//! Which image of a WIM is meant.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use nanovhd_wim::{ImageInfo, ImageSelector, SelectError};
use serde::Serialize;
use thiserror::Error;

use crate::{FormatError, Media};

/// An edition of Nano Server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// Windows Server Standard.
    Standard,
    /// Windows Server Datacenter.
    Datacenter,
}

impl Edition {
    /// The edition's number in the `NanoServer.wim` of the Server 2016 media.
    fn nano_index(self) -> u32 {
        match self {
            Self::Standard => 1,
            Self::Datacenter => 2,
        }
    }

    /// What Windows calls the edition in `EDITIONID`, and at the end of an image's name: the Nano
    /// Server, then the full one.
    fn ids(self) -> [&'static str; 2] {
        match self {
            Self::Standard => ["ServerStandardNano", "ServerStandard"],
            Self::Datacenter => ["ServerDatacenterNano", "ServerDatacenter"],
        }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Standard => "standard",
            Self::Datacenter => "datacenter",
        })
    }
}

impl FromStr for Edition {
    type Err = FormatError;

    fn from_str(word: &str) -> Result<Self, FormatError> {
        match word.to_ascii_lowercase().as_str() {
            "standard" => Ok(Self::Standard),
            "datacenter" => Ok(Self::Datacenter),
            _ => {
                Err(FormatError::Word { what: "edition", expected: "standard or datacenter", found: word.to_owned() })
            }
        }
    }
}

/// How the image was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// Not at all: there must be just one.
    #[default]
    Only,
    /// By its number or name.
    Image(ImageSelector),
    /// By its edition.
    Edition(Edition),
}

/// What decided on the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChosenBy {
    /// There is no other.
    Only,
    /// Its number.
    Index,
    /// Its name.
    Name,
    /// Its edition id is that of the edition.
    EditionId,
    /// Its name ends as the edition's names do; it has no edition id.
    EditionName,
    /// Its place: the images say nothing about their editions.
    Position,
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Only => "the only one",
            Self::Index => "chosen by number",
            Self::Name => "chosen by name",
            Self::EditionId => "chosen by edition",
            Self::EditionName => "chosen by edition, from its name",
            Self::Position => "chosen by edition, from its place",
        })
    }
}

/// An image that was chosen.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'m> {
    /// The image.
    pub image: &'m ImageInfo,
    /// What decided on it.
    pub by: ChosenBy,
}

/// Why no image was chosen.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// There are several images, and none was asked for.
    #[error("`{}` holds {} images, and one must be chosen: {images}", wim.display(), images.0.len())]
    Needed {
        /// The WIM.
        wim: PathBuf,
        /// What it holds.
        images: ImageList,
    },
    /// There is no image at all.
    #[error("`{}` holds no image", wim.display())]
    Empty {
        /// The WIM.
        wim: PathBuf,
    },
    /// There is no image of this number or name.
    #[error("can't choose an image of `{}`", wim.display())]
    Image {
        /// The WIM.
        wim: PathBuf,
        /// What there is instead.
        source: SelectError,
    },
    /// No image is of this edition.
    #[error("`{}` holds no image of the {edition} edition, but {images}", wim.display())]
    NoEdition {
        /// The WIM.
        wim: PathBuf,
        /// The edition.
        edition: Edition,
        /// What it holds.
        images: ImageList,
    },
    /// Several images are of this edition.
    #[error("`{}` holds several images of the {edition} edition: {images}", wim.display())]
    SeveralEditions {
        /// The WIM.
        wim: PathBuf,
        /// The edition.
        edition: Edition,
        /// Those of that edition.
        images: ImageList,
    },
}

impl SelectionError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Needed { images, .. } if images.0.iter().any(|(_, name)| ends_with(name, "Nano")) => {
                Some("give --edition standard, --edition datacenter, or --image with a number or a name".to_owned())
            }
            Self::Needed { .. } | Self::NoEdition { .. } | Self::SeveralEditions { .. } | Self::Image { .. } => {
                Some("give --image with a number or a name".to_owned())
            }
            Self::Empty { .. } => None,
        }
    }
}

/// Images by number and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageList(pub Vec<(u32, String)>);

impl fmt::Display for ImageList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (index, name)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{index} {name:?}")?;
        }
        Ok(())
    }
}

impl<'m> FromIterator<&'m ImageInfo> for ImageList {
    fn from_iter<I: IntoIterator<Item = &'m ImageInfo>>(images: I) -> Self {
        Self(images.into_iter().map(|i| (i.index, i.name.clone().unwrap_or_default())).collect())
    }
}

impl Media {
    /// The image that is meant.
    ///
    /// # Errors
    /// [`SelectionError`] says why it is not clear which.
    pub fn choose(&self, selection: &Selection) -> Result<Chosen<'_>, SelectionError> {
        let wim = || self.wim_path().to_owned();
        match selection {
            Selection::Only => match self.images() {
                [image] => Ok(Chosen { image, by: ChosenBy::Only }),
                [] => Err(SelectionError::Empty { wim: wim() }),
                images => Err(SelectionError::Needed { wim: wim(), images: images.iter().collect() }),
            },
            Selection::Image(selector) => {
                let by = match selector {
                    ImageSelector::Index(_) => ChosenBy::Index,
                    ImageSelector::Name(_) => ChosenBy::Name,
                };
                let image =
                    self.wim().select(selector).map_err(|source| SelectionError::Image { wim: wim(), source })?;
                Ok(Chosen { image, by })
            }
            Selection::Edition(edition) => {
                of_edition(self.images(), *edition).map_err(|several| match several.as_slice() {
                    [] => SelectionError::NoEdition {
                        wim: wim(),
                        edition: *edition,
                        images: self.images().iter().collect(),
                    },
                    _ => SelectionError::SeveralEditions {
                        wim: wim(),
                        edition: *edition,
                        images: several.into_iter().collect(),
                    },
                })
            }
        }
    }
}

/// The image of an edition, or the several (or none) that could be it. A Nano Server goes before a
/// full one, and what an image says of itself before its place.
fn of_edition(images: &[ImageInfo], edition: Edition) -> Result<Chosen<'_>, Vec<&ImageInfo>> {
    let silent = |image: &ImageInfo| edition_id(image).is_none();
    for id in edition.ids() {
        let by_id = |i: &&ImageInfo| edition_id(i).is_some_and(|e| e.eq_ignore_ascii_case(id));
        let by_name = |i: &&ImageInfo| silent(i) && i.name.as_deref().is_some_and(|n| ends_with(n, id));
        for (found, by) in [
            (images.iter().filter(by_id).collect::<Vec<_>>(), ChosenBy::EditionId),
            (images.iter().filter(by_name).collect(), ChosenBy::EditionName),
        ] {
            match found.as_slice() {
                [] => {}
                [image] => return Ok(Chosen { image, by }),
                _ => return Err(found),
            }
        }
    }
    // The order of the Server 2016 media, where nothing contradicts it.
    let place = images.iter().find(|image| image.index == edition.nano_index());
    match place.filter(|_| images.len() == 2 && images.iter().all(silent)) {
        Some(image) => Ok(Chosen { image, by: ChosenBy::Position }),
        None => Err(Vec::new()),
    }
}

/// The edition that an image says it is of.
pub(crate) fn edition_id(image: &ImageInfo) -> Option<&str> {
    image.windows.as_ref()?.edition_id.as_deref()
}

fn ends_with(name: &str, end: &str) -> bool {
    let tail = name.len().checked_sub(end.len()).and_then(|at| name.get(at..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use nanovhd_wim::WindowsInfo;

    use super::*;

    /// Images with these edition ids and names; an empty text stands for none.
    fn images(list: &[(&str, &str)]) -> Vec<ImageInfo> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let image = |(index, (edition, name)): (u32, &(&str, &str))| {
            let mut windows = WindowsInfo::default();
            windows.edition_id = some(edition);
            let mut image = ImageInfo::default();
            image.index = index;
            image.name = some(name);
            image.windows = Some(windows);
            image
        };
        (1..).zip(list).map(image).collect()
    }

    #[test]
    fn the_edition_is_what_an_image_says_it_is() {
        let nano = [("ServerDatacenterNano", "x"), ("ServerStandardNano", "SERVERDATACENTERNANO")];
        let names = [("", "Windows SERVERSTANDARDNANO"), ("", "Windows serverdatacenternano")];
        let mixed = [("ServerDatacenter", "a"), ("", "b SERVERDATACENTERNANO"), ("ServerStandard", "c")];
        for (list, index, by) in [
            (&nano[..], 1, ChosenBy::EditionId),
            (&names, 2, ChosenBy::EditionName),
            (&mixed, 2, ChosenBy::EditionName),
            (&mixed[..1], 1, ChosenBy::EditionId),
            (&[("", "a"), ("", "")], 2, ChosenBy::Position),
        ] {
            let images = images(list);
            let chosen = of_edition(&images, Edition::Datacenter).unwrap();
            assert_eq!((chosen.image.index, chosen.by), (index, by), "{list:?}");
        }
    }

    #[test]
    fn an_edition_is_not_guessed() {
        for (list, candidates) in [
            (&[][..], 0),
            (&[("ServerStandardNano", ""), ("ServerStandardCore", "")], 0),
            (&[("", "a"), ("", "b"), ("", "c")], 0),
            (&[("", "a"), ("ServerStandard", "b")], 0),
            (&[("ServerDatacenter", "core"), ("ServerDatacenter", "desktop")], 2),
        ] {
            let images = images(list);
            let several = of_edition(&images, Edition::Datacenter).unwrap_err();
            assert_eq!(several.len(), candidates, "{list:?}");
        }
    }
}
