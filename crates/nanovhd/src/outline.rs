//! A plan in words and numbers: for people as text, for programs as JSON.

use std::fmt;
use std::path::{Path, PathBuf};

use nanovhd_tree::visible;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::text::counted;
use crate::{BcdDevice, BcdTemplate, ChosenBy, Counts, DiskFormat, Firmware, SettingOutline, Size, Target};

/// What a plan says about the disk that it makes. All sizes and offsets are in bytes. Serialised, it
/// keeps its shape within one [`Outline::SCHEMA`]; members may be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outline {
    /// [`Outline::SCHEMA`].
    pub schema: u32,
    /// Where Windows comes from.
    pub media: MediaOutline,
    /// Which image of it.
    pub image: ImageOutline,
    /// The disk and the file it is kept in.
    pub disk: DiskOutline,
    /// What makes it start; nothing if no boot files were to be on it.
    pub boot: Option<BootOutline>,
    /// The partitions in the order in which they lie on the disk.
    pub partitions: Vec<PartitionOutline>,
    /// The volume in the last partition.
    pub volume: VolumeOutline,
    /// What will be unpacked.
    pub contents: ContentsOutline,
    /// What is set in the image, and which way.
    pub settings: Vec<SettingOutline>,
    /// The time that the disk's own structures bear, in seconds since 1970.
    pub time: i64,
    /// What will not be as the user may expect.
    pub warnings: Vec<String>,
}

/// Where Windows comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MediaOutline {
    /// The path that was given.
    #[serde(serialize_with = "path_text")]
    pub path: PathBuf,
    /// The WIM file.
    #[serde(serialize_with = "path_text")]
    pub wim: PathBuf,
    /// Its GUID.
    pub guid: Uuid,
}

/// An image of a WIM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageOutline {
    /// Its number, from 1 on.
    pub index: u32,
    /// Its name.
    pub name: Option<String>,
    /// Its edition id.
    pub edition: Option<String>,
    /// What decided on it.
    pub chosen_by: ChosenBy,
}

/// A disk and its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskOutline {
    /// Where it is to be started, if that was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
    /// The kind of file.
    pub format: DiskFormat,
    /// Whether the file has a place for every byte of the disk.
    pub fixed: bool,
    /// The firmware that starts it.
    pub firmware: Firmware,
    /// `gpt` or `mbr`.
    pub partition_table: &'static str,
    /// The size that the virtual machine sees.
    pub size: Size,
    /// Why it is that.
    pub size_reason: String,
    /// The least size that would do.
    pub least_size: Size,
    /// A logical sector.
    pub sector_size: u32,
    /// What the partition table calls the disk: a GUID, or the signature of an MBR as eight digits.
    pub id: String,
    /// The length of the file.
    pub file_length: Size,
    /// What is written to the file; the rest are holes, where the file system has them.
    pub written: Size,
}

/// What makes a disk start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BootOutline {
    /// The boot manager: on the EFI system partition for UEFI, on that of Windows for a BIOS. So are the
    /// other files.
    pub manager: String,
    /// Its copy for firmware that knows of no boot manager yet; UEFI only.
    pub fallback: Option<String>,
    /// The boot configuration (BCD).
    pub store: String,
    /// The loader, on the Windows partition.
    pub loader: String,
    /// The identifier of its entry in the BCD.
    pub loader_id: Uuid,
    /// What that entry is called.
    pub description: String,
    /// What the BCD is made from.
    pub template: BcdTemplate,
    /// How the BCD names partitions.
    pub device: BcdDevice,
    /// Files that are copied from the image.
    pub files: usize,
    /// Their bytes.
    pub bytes: Size,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionOutline {
    /// Its number, from 1 on.
    pub number: usize,
    /// `esp`, `msr` or `windows`.
    pub kind: &'static str,
    /// Its name in the partition table, or what it would be.
    pub name: String,
    /// Its first byte.
    pub offset: u64,
    /// Its size.
    pub size: Size,
    /// Its identifier; an MBR has no place for it.
    pub id: Option<Uuid>,
}

/// An NTFS volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeOutline {
    /// `ntfs`.
    pub file_system: &'static str,
    /// Its name.
    pub label: String,
    /// Its serial number, as Windows shows it in full.
    pub serial: String,
    /// A cluster.
    pub cluster_size: u32,
    /// What is in use, its own structures included.
    pub used: Size,
    /// What it holds.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What will be unpacked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContentsOutline {
    /// Different contents.
    pub pieces: u64,
    /// Their bytes.
    pub bytes: Size,
    /// Their bytes as they are stored in the WIM.
    pub stored: Size,
}

impl Outline {
    /// The version of the serialised shape. It grows when a member changes its meaning or goes away.
    pub const SCHEMA: u32 = 1;
}

/// What a newcomer reads.
impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.input(f)?;
        self.disk.fmt(f)?;
        writeln!(f)?;
        self.table(f)?;
        if let Some(boot) = &self.boot {
            boot.fmt(f)?;
            writeln!(f)?;
        }
        self.volume.fmt(f)?;
        let ContentsOutline { pieces, bytes, stored } = &self.contents;
        writeln!(f, "contents    {bytes} in {}, {stored} in the WIM", counted(*pieces, "piece"))?;
        self.settings(f)?;
        for (n, warning) in self.warnings.iter().enumerate() {
            let title = if n == 0 { "warnings" } else { "" };
            if n == 0 {
                writeln!(f)?;
            }
            writeln!(f, "{title:<12}- {warning}")?;
        }
        Ok(())
    }
}

impl Outline {
    fn input(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let image = &self.image;
        writeln!(f, "media       {}", self.media.wim.display())?;
        let name = visible(image.name.as_deref().unwrap_or("(no name)"));
        writeln!(f, "image       {}  {name}, {}", image.index, image.chosen_by)
    }

    /// One line for each way of each setting.
    fn settings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = || self.settings.iter().map(|setting| setting.setting.chars().count());
        let width = names().max().unwrap_or(0);
        for (n, SettingOutline { setting, way, what }) in self.settings.iter().enumerate() {
            let title = if n == 0 { "settings" } else { "" };
            if n == 0 {
                writeln!(f)?;
            }
            writeln!(f, "{title:<12}{setting:<width$}  {way:<12}  {}", visible(what))?;
        }
        Ok(())
    }

    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "partitions  #  {:>10}  {:>10}  name", "offset", "size")?;
        for part in &self.partitions {
            let PartitionOutline { number, name, offset, size, id, .. } = part;
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            let line = format!("            {number}  {:>10}  {size:>10}  {name:<28}  {id}", Size(*offset));
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f)
    }
}

impl DiskOutline {
    /// The kind of file in words, such as `dynamic VHDX`.
    pub(crate) fn kind(&self) -> String {
        match (self.format, self.fixed) {
            (DiskFormat::Raw, _) => self.format.to_string(),
            (format, true) => format!("fixed {format}"),
            (format, false) => format!("dynamic {format}"),
        }
    }
}

impl fmt::Display for DiskOutline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, table) = (self.kind(), self.partition_table.to_ascii_uppercase());
        let target = self.target.map(|target| format!(" of {}", target.what())).unwrap_or_default();
        writeln!(
            f,
            "disk        {kind} for {}{target}, {table}, sectors of {} bytes",
            self.firmware, self.sector_size
        )?;
        writeln!(f, "            {} ({}); at least {} are needed", self.size, self.size_reason, self.least_size)?;
        writeln!(f, "            id {}", self.id)?;
        write!(f, "file        {} long, {} of it written", self.file_length, self.written)
    }
}

impl fmt::Display for BootOutline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { manager, store, description, files, bytes, .. } = self;
        let template = match self.template {
            BcdTemplate::Image => "the image's template",
            BcdTemplate::Builtin => "built-in settings",
        };
        writeln!(f, "boot        {manager}, {} of {bytes}", counted(*files as u64, "file"))?;
        if let Some(fallback) = &self.fallback {
            writeln!(f, "            {fallback}, the same boot manager")?;
        }
        writeln!(f, "            {store}, from {template}: {description:?}")?;
        let windows = match self.device {
            BcdDevice::Partition => "by the identifiers of disk and partition",
            BcdDevice::Boot => "on the partition that the boot manager comes from",
            BcdDevice::Locate => "on the first partition that has it",
        };
        writeln!(f, "            which finds Windows {windows}")
    }
}

impl fmt::Display for VolumeOutline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = if self.label.is_empty() { "without a name".to_owned() } else { format!("{:?}", self.label) };
        writeln!(
            f,
            "volume      NTFS {label}, clusters of {}, serial {}",
            Size(self.cluster_size.into()),
            self.serial
        )?;
        for line in self.counts.lines().iter().filter(|line| !line.is_empty()) {
            writeln!(f, "            {line}")?;
        }
        writeln!(f, "            {} in use", self.used)
    }
}

/// A path as text. Names that are no Unicode lose something, which is better than no output at all.
pub(crate) fn path_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
