//! The recipe while parameters of an original are put into it.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use nanovhd::{InterfaceEntry, InterfaceTable, Media, RecipeFile, Secret};

use super::parameter::Given;
use super::problem::Problem;
use super::value;
use crate::failure::Failure;

/// What the originals take for a disk: they call it a size from 512MB to 64TB.
const SIZES: std::ops::RangeInclusive<u64> = 512 << 20..=64 << 40;
/// The largest disk that a VHD can hold, to which the originals lower a larger one.
pub(super) const LARGEST_VHD: u64 = 2040 << 30;

/// A recipe in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) recipe: RecipeFile,
    /// What the user should know.
    pub(super) notes: Vec<String>,
    /// The image, where only the media can tell which is meant.
    pub(super) image: Option<Wanted>,
    pub(super) size: Option<u64>,
    pub(super) card: Card,
    /// Whether paths are those of Windows.
    pub(super) on_windows: bool,
}

/// An image by a part of what the media says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Its name ends with this, in any case.
    NameEnd(String),
    /// Its description has this as a word of its own, in any case.
    Described(String),
}

/// The network card: several parameters make one key.
#[derive(Debug, Default)]
pub(super) struct Card {
    pub(super) name: String,
    pub(super) ipv4: Option<String>,
    pub(super) mask: Option<String>,
    pub(super) gateway: Vec<String>,
    pub(super) ipv4_dns: Vec<String>,
    pub(super) ipv6: Option<String>,
    pub(super) ipv6_dns: Vec<String>,
}

impl Draft {
    pub(super) fn path(&self, given: &Given) -> Result<PathBuf, Problem> {
        self.path_of(given.text())
    }

    fn path_of(&self, text: &str) -> Result<PathBuf, Problem> {
        value::path(text, self.on_windows).map_err(Problem::Rule)
    }

    /// Copies files and folders under their own names into a folder of the image.
    pub(super) fn copy(&mut self, given: &Given) -> Result<(), Problem> {
        let root = given.texts.iter().map(|source| (source.as_str(), ""));
        let pairs = given.pairs.iter().map(|(source, folder)| (source.as_str(), folder.as_str()));
        for (source, folder) in root.chain(pairs) {
            let path = self.path_of(source)?;
            let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
                Problem::Rule(format!("-CopyPath: {source:?} has no name of its own to have in the image"))
            })?;
            let folder = folder.trim_matches(['\\', '/']);
            let folder = if folder.is_empty() { String::new() } else { format!("\\{folder}") };
            self.recipe.copy.push(format!("{}={folder}\\{name}", text(&path)?));
        }
        Ok(())
    }

    /// Copies what is in a folder over the root of the image.
    pub(super) fn merge(&mut self, given: &Given) -> Result<(), Problem> {
        let path = self.path(given)?;
        self.recipe.copy.push(format!("{}=\\", text(&path)?));
        Ok(())
    }

    /// Chooses the image by number, or later by what the media says of it.
    pub(super) fn image(&mut self, text: &str, wanted: impl FnOnce(String) -> Wanted) {
        if text.parse::<u32>().is_ok() {
            self.recipe.image = Some(text.to_owned());
        } else {
            self.image = Some(wanted(text.to_owned()));
        }
    }

    /// Takes a size within the limits of the originals.
    pub(super) fn size(&mut self, given: &Given) -> Result<(), Problem> {
        let text = given.text();
        let bytes = value::bytes(text).ok_or_else(|| {
            Problem::Rule(format!("{text:?} is no size: bytes, or a number with KB, MB, GB or TB were expected"))
        })?;
        if !SIZES.contains(&bytes) {
            return Err(Problem::Rule(format!("a disk has 512MB to 64TB, not {text}")));
        }
        self.size = Some(bytes);
        Ok(())
    }

    /// Where the administrator's password is found. The value itself is never taken, nor shown.
    pub(super) fn password(&mut self, given: &Given) -> Result<(), Problem> {
        let text = given.text();
        let strip = |prefix: &str| {
            let start = text.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix));
            start.map(|_| text[prefix.len()..].to_owned()).filter(|rest| !rest.is_empty())
        };
        if let Some(name) = strip("$env:").or_else(|| strip("env:")) {
            self.recipe.administrator_password_env = Some(name);
        } else if let Some(file) = strip("file:") {
            self.recipe.administrator_password_file = Some(self.path_of(&file)?);
        } else if text.eq_ignore_ascii_case("prompt") {
            self.recipe.administrator_password_prompt = Some(true);
        } else if !text.eq_ignore_ascii_case("$null") {
            let ways = "a password is not taken from the command line, where others can see it: give env:NAME, \
                        file:PATH, prompt, or '$null' for none";
            return Err(Problem::Value("-AdministratorPassword".to_owned(), ways.to_owned()));
        }
        Ok(())
    }

    pub(super) fn debug_key(&mut self, given: &Given) {
        self.recipe.debug_key = Some(Secret::new(given.text()));
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Writes the size into the recipe: what was said, or what the original takes.
    pub(super) fn finish_size(&mut self, usual: u64, is_vhd: bool) {
        let asked = self.size.unwrap_or(usual);
        let bytes = if is_vhd { asked.min(LARGEST_VHD) } else { asked };
        if bytes < asked {
            self.note(format!("a VHD has at most {}, and so has this one", value::size(bytes)));
        }
        self.recipe.size = Some(value::size(bytes));
    }

    /// Puts the network card into the recipe.
    pub(super) fn finish_card(&mut self) {
        let card = std::mem::take(&mut self.card);
        if card.name.is_empty() {
            return;
        }
        // Without a length netsh takes 64 for the prefix.
        let ipv6 = card.ipv6.map(|address| if address.contains('/') { address } else { address + "/64" });
        let dns = [card.ipv4_dns, card.ipv6_dns].concat();
        let table =
            InterfaceTable { name: card.name, ipv4: card.ipv4, mask: card.mask, ipv6, gateway: card.gateway, dns };
        self.recipe.interface.push(InterfaceEntry::Table(table));
    }

    /// The originals replace a file that is there.
    pub(super) fn replace(&mut self) {
        self.recipe.force = Some(true);
        if self.recipe.output.as_deref().is_some_and(std::path::Path::exists) {
            self.note("the file that is there is replaced, as the original does");
        }
    }

    /// Asks the media which image is meant.
    pub(super) fn choose_image(&mut self) -> Result<(), Failure> {
        let (Some(wanted), Some(path)) = (self.image.take(), &self.recipe.media) else { return Ok(()) };
        let media = Media::open(path)?;
        let images = media.images();
        if let [only] = images {
            self.note(format!("{wanted} is not looked for: image {} is the only one", only.index));
            return Ok(());
        }
        let meant: Vec<_> =
            images.iter().filter(|image| wanted.is(image.name.as_deref(), image.description.as_deref())).collect();
        let [image] = meant.as_slice() else {
            let found = if meant.is_empty() { "no image".to_owned() } else { format!("{} images", meant.len()) };
            let names: Vec<_> =
                images.iter().map(|i| format!("{} {:?}", i.index, i.name.as_deref().unwrap_or_default())).collect();
            let there = names.join(", ");
            return Err(Failure::usage(format!("{found} of `{}` has {wanted}; it has {there}", path.display())));
        };
        let (index, name) = (image.index, image.name.clone().unwrap_or_default());
        self.note(format!("{wanted} means image {index}, {name:?}"));
        self.recipe.image = Some(index.to_string());
        Ok(())
    }
}

impl Wanted {
    fn is(&self, name: Option<&str>, description: Option<&str>) -> bool {
        match self {
            Self::NameEnd(end) => name.unwrap_or_default().to_lowercase().ends_with(&end.to_lowercase()),
            Self::Described(word) => {
                let mut words = description.unwrap_or_default().split(|c: char| !c.is_alphanumeric() && c != '_');
                words.any(|one| one.eq_ignore_ascii_case(word))
            }
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NameEnd(end) => write!(f, "a name that ends with {end:?}"),
            Self::Described(word) => write!(f, "a description with the word {word:?}"),
        }
    }
}

/// A path as the key `copy` has it.
fn text(path: &std::path::Path) -> Result<String, Problem> {
    path.to_str().map(str::to_owned).ok_or_else(|| Problem::Rule(format!("{path:?} is not Unicode")))
}

/// One of a few words, in any case.
pub(super) fn word<'w>(parameter: &str, given: &Given, words: &[&'w str]) -> Result<&'w str, Problem> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(given.text()));
    found.copied().ok_or_else(|| {
        let problem = format!("{:?} is none of {}", given.text(), words.join(", "));
        Problem::Value(parameter.to_owned(), problem)
    })
}

/// A number of the width that the recipe has for it.
pub(super) fn number<T: FromStr>(parameter: &str, given: &Given) -> Result<T, Problem> {
    let problem = || Problem::Value(parameter.to_owned(), format!("{:?} is no number that fits", given.text()));
    given.text().parse().map_err(|_| problem())
}

/// Dotted quads.
pub(super) fn quads(parameter: &str, given: &Given) -> Result<Vec<String>, Problem> {
    if let Some(bad) = given.texts.iter().find(|text| text.parse::<Ipv4Addr>().is_err()) {
        let problem =
            format!("{bad:?} is no IPv4 address: four numbers from 0 to 255 with dots between were expected");
        return Err(Problem::Value(parameter.to_owned(), problem));
    }
    Ok(given.texts.clone())
}
