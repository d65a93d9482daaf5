//! What a media holds, summed up.

use std::fmt;
use std::path::PathBuf;

use nanovhd_tree::visible;
use nanovhd_wim::{ImageInfo, WindowsInfo};
use serde::Serialize;
use uuid::Uuid;

use crate::outline::path_text;
use crate::text::{causes, counted};
use crate::{Counts, Media, Outline, Size, Utc};

/// What a WIM says of itself, and what its metadata really hold.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// Raised when a member of this structure changes its meaning or goes away.
    pub schema: u32,
    /// The WIM file.
    #[serde(serialize_with = "path_text")]
    pub wim: PathBuf,
    /// Its length.
    pub file_length: Size,
    /// Its GUID.
    pub guid: Uuid,
    /// The version of the format.
    pub version: u32,
    /// `none`, `XPRESS` or `LZX`.
    pub compression: String,
    /// How many bytes are compressed at a time; 0 without compression.
    pub chunk_size: u32,
    /// The number of the part that comes first, which is 1.
    pub part: u16,
    /// How many parts there are.
    pub parts: u16,
    /// Whether it has an integrity table.
    pub integrity_table: bool,
    /// The number of the image that is meant to be started.
    pub boot_index: Option<u32>,
    /// The contents of all images together.
    pub blobs: BlobCounts,
    /// The images.
    pub images: Vec<ImageInspection>,
}

/// Contents that are stored once, whatever number of files has them.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct BlobCounts {
    /// How many there are.
    pub count: usize,
    /// Their bytes.
    pub bytes: Size,
    /// Their bytes as stored.
    pub stored: Size,
}

/// One image.
#[derive(Debug, Clone, Serialize)]
pub struct ImageInspection {
    /// Its number, from 1 on.
    pub index: u32,
    /// Its name.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// The edition id of its Windows.
    pub edition: Option<String>,
    /// The kind of installation, such as `Nano Server`.
    pub installation_type: Option<String>,
    /// The processor architecture.
    pub architecture: Option<String>,
    /// The version of its Windows, such as `10.0.14393.0`.
    pub version: Option<String>,
    /// Its languages, the default one first.
    pub languages: Vec<String>,
    /// When it was made.
    pub created: Option<Utc>,
    /// When it was last changed.
    pub modified: Option<Utc>,
    /// What the WIM says that it holds.
    pub stated: Stated,
    /// What it holds; nothing when its metadata are damaged.
    #[serde(flatten)]
    pub found: Findings,
}

/// What the XML data say about the size of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stated {
    /// Directories without the root.
    pub directories: Option<u64>,
    /// Names of files, all hard links counted.
    pub file_names: Option<u64>,
    /// Bytes, those of a file with several names counted for each.
    pub bytes: Option<Size>,
    /// How many of these bytes are counted for names after the first.
    pub hard_link_bytes: Option<Size>,
}

/// What reading the metadata of an image came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Findings {
    /// What the image holds.
    Counts(Counts),
    /// Why that can't be said: the error and its causes.
    Damage(String),
}

impl Inspection {
    /// Sums up the media. Contents are not read; `Media::cat` and a build check them.
    pub fn of(media: &Media) -> Self {
        let info = media.wim().header();
        let blobs = media.wim().blobs();
        // Lengths come from a file: their sum need not fit.
        let sum = |lens: &mut dyn Iterator<Item = u64>| Size(lens.fold(0, u64::saturating_add));
        Self {
            schema: Outline::SCHEMA,
            wim: media.wim_path().to_owned(),
            file_length: Size(info.file_len),
            guid: Uuid::from_bytes_le(info.guid),
            version: info.version,
            compression: info.compression.to_string(),
            chunk_size: info.chunk_size,
            part: info.part,
            parts: info.parts,
            integrity_table: info.has_integrity,
            boot_index: info.boot_index,
            blobs: BlobCounts {
                count: blobs.len(),
                bytes: sum(&mut blobs.iter().map(|b| b.len)),
                stored: sum(&mut blobs.iter().map(|b| b.stored_len)),
            },
            images: media.images().iter().map(|image| ImageInspection::of(media, image)).collect(),
        }
    }

    /// Whether the metadata of an image can't be read.
    pub fn is_damaged(&self) -> bool {
        self.images.iter().any(|image| matches!(image.found, Findings::Damage(_)))
    }
}

impl ImageInspection {
    fn of(media: &Media, image: &ImageInfo) -> Self {
        let windows = image.windows.as_ref();
        let found = match media.tree(image.index) {
            Ok(tree) => Findings::Counts(Counts::of(&tree)),
            Err(e) => Findings::Damage(causes(&e)),
        };
        Self {
            index: image.index,
            name: image.name.clone(),
            description: image.description.clone(),
            edition: windows.and_then(|w| w.edition_id.clone()),
            installation_type: windows.and_then(|w| w.installation_type.clone()),
            architecture: windows.and_then(architecture),
            version: windows.and_then(|w| w.version).map(|v| v.to_string()),
            languages: windows.map(languages).unwrap_or_default(),
            created: image.created.map(Utc),
            modified: image.modified.map(Utc),
            stated: Stated {
                directories: image.directories,
                file_names: image.files,
                bytes: image.total_bytes.map(Size),
                hard_link_bytes: image.hard_link_bytes.map(Size),
            },
            found,
        }
    }
}

fn architecture(windows: &WindowsInfo) -> Option<String> {
    let number = windows.architecture?;
    Some(windows.architecture_name().map_or_else(|| format!("architecture {number}"), str::to_owned))
}

fn languages(windows: &WindowsInfo) -> Vec<String> {
    let default = windows.default_language.iter();
    let others = windows.languages.iter().filter(|l| Some(*l) != windows.default_language.as_ref());
    default.chain(others).cloned().collect()
}

/// What a newcomer reads.
impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "file         {}", self.wim.display())?;
        let compression = match self.chunk_size {
            0 => "not compressed".to_owned(),
            size => format!("{} in chunks of {}", self.compression, Size(size.into())),
        };
        let integrity = if self.integrity_table { "an" } else { "no" };
        writeln!(f, "             {}, {compression}, {integrity} integrity table", self.file_length)?;
        if self.parts > 1 {
            writeln!(f, "             split into {} files", self.parts)?;
        }
        writeln!(f, "guid         {}", self.guid)?;
        let BlobCounts { count, bytes, stored } = self.blobs;
        writeln!(f, "contents     {bytes} in {}, stored as {stored}", counted(count as u64, "piece"))?;
        for image in &self.images {
            let boot = if self.boot_index == Some(image.index) { " (to be started)" } else { "" };
            writeln!(
                f,
                "\nimage {:<6} {}{boot}",
                image.index,
                visible(image.name.as_deref().unwrap_or("(no name)"))
            )?;
            image.fmt(f)?;
        }
        Ok(())
    }
}

/// The lines below an image's name.
impl fmt::Display for ImageInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |title: &str, text: Option<&str>| match text {
            Some(text) if !text.is_empty() => writeln!(f, "{title:<12} {}", visible(text)),
            _ => Ok(()),
        };
        let description = self.description.as_deref().filter(|d| Some(*d) != self.name.as_deref());
        line("", description)?;
        let about = [&self.edition, &self.installation_type, &self.architecture, &self.version].into_iter().flatten();
        let about: Vec<&str> = about.map(String::as_str).chain(self.languages.iter().map(String::as_str)).collect();
        line("  windows", Some(&about.join(", ")))?;
        let times = [("made", self.created), ("changed", self.modified)];
        let times = times.iter().filter_map(|(what, time)| time.map(|time| format!("{what} {time}")));
        line("  times", Some(&times.collect::<Vec<_>>().join(", ")))?;
        match &self.found {
            Findings::Counts(counts) => {
                let [names, others] = counts.lines();
                line("  holds", Some(&format!("{} in {names}", counts.bytes)))?;
                line("", Some(&others))
            }
            Findings::Damage(damage) => line("  DAMAGED", Some(damage)),
        }
    }
}
