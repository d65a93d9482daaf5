//! What a disk image holds, summed up.

use std::fmt;
use std::path::PathBuf;

use nanovhd_disk::{FatVolume, Format, FoundKind, PartitionTable, Scheme};
use nanovhd_ntfs::VolumeInfo;
use nanovhd_tree::{ReadAt, visible};
use serde::Serialize;
use uuid::Uuid;

use crate::disk_image::{FileSystem, Part, file_system, gpt_name, open};
use crate::outline::path_text;
use crate::startup::{Mounted, Startup};
use crate::text::causes;
use crate::{BootInspection, Counts, DiskImage, Findings, Origin, Outline, Size, Volume};

/// What a disk image says of itself, and what its volumes really hold. All offsets are in bytes.
#[derive(Debug, Clone, Serialize)]
pub struct DiskInspection {
    /// Raised when a member of this structure changes its meaning or goes away.
    pub schema: u32,
    /// The file.
    #[serde(serialize_with = "path_text")]
    pub disk: PathBuf,
    /// Its length.
    pub file_length: Size,
    /// `vhdx`, `vhd` or `raw`.
    pub format: &'static str,
    /// Whether the file has a place for every byte of the disk.
    pub fixed: bool,
    /// The size of the virtual disk.
    pub size: Size,
    /// A logical sector.
    pub sector_size: u32,
    /// The identifier that the container gives the disk.
    pub id: Option<Uuid>,
    /// Who made the container.
    pub creator: Option<String>,
    /// Whether a log had to be replayed, in memory, because the file was not closed well.
    pub log_replayed: bool,
    /// The partition table.
    pub table: Option<TableInspection>,
    /// The partitions, or the one volume that the disk is.
    pub partitions: Vec<PartitionInspection>,
    /// What starts Windows; nothing on a disk without Windows, or without partitions.
    pub boot: Option<BootInspection>,
}

/// A partition table.
#[derive(Debug, Clone, Serialize)]
pub struct TableInspection {
    /// `gpt` or `mbr`.
    pub scheme: &'static str,
    /// What the table calls the disk: a GUID, or eight digits.
    pub id: Option<String>,
    /// Whether the first GPT is damaged, and this is the second.
    pub from_backup: bool,
}

/// A partition.
#[derive(Debug, Clone, Serialize)]
pub struct PartitionInspection {
    /// Its number; nothing where the disk has no partitions.
    pub number: Option<u32>,
    /// Its name in a GPT.
    pub name: Option<String>,
    /// Its type: a GUID, or two digits.
    #[serde(rename = "type")]
    pub type_id: Option<String>,
    /// Whether it is an EFI system partition.
    pub esp: bool,
    /// Its first byte on the disk.
    pub offset: u64,
    /// Its size.
    pub size: Size,
    /// Its identifier in a GPT.
    pub id: Option<Uuid>,
    /// Whether BIOS firmware starts it.
    pub active: Option<bool>,
    /// The volume in it, if it is NTFS or FAT.
    pub volume: Option<VolumeInspection>,
}

/// A volume.
#[derive(Debug, Clone, Serialize)]
pub struct VolumeInspection {
    /// What it says of itself, if it can be read so far.
    #[serde(flatten)]
    pub facts: Option<VolumeFacts>,
    /// What it holds.
    #[serde(flatten)]
    pub found: Findings,
}

/// What a volume says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VolumeFacts {
    /// `ntfs`, `fat12`, `fat16` or `fat32`.
    pub file_system: &'static str,
    /// Its name.
    pub label: String,
    /// Its serial number, in hexadecimal.
    pub serial: Option<String>,
    /// A cluster.
    pub cluster_size: u32,
    /// Its size, which may be less than that of the partition.
    pub size: Size,
    /// The version of the file system, as NTFS has it.
    pub version: Option<String>,
    /// Whether it asks for a check, as NTFS does.
    pub dirty: Option<bool>,
}

impl VolumeFacts {
    pub(crate) fn of_ntfs(info: &VolumeInfo) -> Self {
        Self {
            file_system: "ntfs",
            label: info.label.to_string(),
            serial: Some(format!("{:016x}", info.serial)),
            cluster_size: info.cluster_size,
            size: Size(info.size),
            version: Some(format!("{}.{}", info.version.0, info.version.1)),
            dirty: Some(info.dirty),
        }
    }

    pub(crate) fn of_fat<R: ReadAt>(fat: &FatVolume<R>) -> Self {
        use nanovhd_disk::FatKind::{Fat12, Fat16, Fat32};
        Self {
            file_system: match fat.kind() {
                Fat12 => "fat12",
                Fat16 => "fat16",
                Fat32 => "fat32",
            },
            label: fat.label().ok().flatten().map(|label| label.to_string()).unwrap_or_default(),
            serial: fat.serial().map(|serial| format!("{serial:08x}")),
            cluster_size: fat.cluster_size(),
            size: Size(fat.size()),
            version: None,
            dirty: None,
        }
    }

    /// `NTFS 3.1 "Windows"`
    pub(crate) fn title(&self) -> String {
        let label = if self.label.is_empty() { String::new() } else { format!(" {:?}", self.label) };
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        format!("{}{version}{label}", self.file_system.to_ascii_uppercase())
    }
}

/// The kind of container in words.
pub(crate) fn kind(format: Format) -> &'static str {
    match format {
        Format::Raw => "raw disk",
        Format::VhdFixed => "fixed VHD",
        Format::VhdDynamic => "dynamic VHD",
        Format::VhdxFixed => "fixed VHDX",
        Format::VhdxDynamic => "dynamic VHDX",
    }
}

impl DiskInspection {
    /// Sums up a disk image. Contents are not read; `verify` checks them.
    pub fn of(image: &DiskImage) -> Self {
        let disk = image.disk();
        let (format, fixed) = match disk.format() {
            Format::Raw => ("raw", true),
            Format::VhdFixed => ("vhd", true),
            Format::VhdDynamic => ("vhd", false),
            Format::VhdxFixed => ("vhdx", true),
            Format::VhdxDynamic => ("vhdx", false),
        };
        let parts = image.parts();
        let (mut partitions, mut volumes) = (Vec::new(), Vec::new());
        for part in &parts {
            let (inspection, volume) = VolumeInspection::of(image, part).unzip();
            partitions.push(PartitionInspection::of(part, inspection));
            volumes.extend(volume.flatten().map(|volume| Mounted { part: *part, volume }));
        }
        let startup = image.table().and_then(|table| Startup::find(table, &volumes));
        Self {
            schema: Outline::SCHEMA,
            disk: image.path().to_owned(),
            file_length: Size(std::fs::metadata(image.path()).map_or(0, |found| found.len())),
            format,
            fixed,
            size: Size(disk.virtual_size()),
            sector_size: disk.sector_size(),
            id: disk.id(),
            creator: disk.creator().map(str::to_owned),
            log_replayed: disk.log_replayed(),
            table: image.table().map(TableInspection::of),
            partitions,
            boot: startup.as_ref().map(BootInspection::of),
        }
    }

    /// Whether a volume can't be read.
    pub fn is_damaged(&self) -> bool {
        let volumes = self.partitions.iter().filter_map(|part| part.volume.as_ref());
        volumes.into_iter().any(|volume| matches!(volume.found, Findings::Damage(_)))
    }
}

impl TableInspection {
    fn of(table: &PartitionTable) -> Self {
        let (scheme, id) = match table.scheme {
            Scheme::Gpt => ("gpt", table.disk_id.map(|id| id.to_string())),
            Scheme::Mbr => ("mbr", table.signature.map(|signature| format!("{signature:08x}"))),
        };
        Self { scheme, id, from_backup: table.from_backup }
    }
}

impl PartitionInspection {
    fn of(part: &Part<'_>, volume: Option<VolumeInspection>) -> Self {
        let found = part.found.map(|found| &found.kind);
        let (type_id, id, active) = match found {
            Some(FoundKind::Gpt { type_id, id, .. }) => (Some(type_id.to_string()), Some(*id), None),
            Some(FoundKind::Mbr { kind, active }) => (Some(format!("{kind:02x}")), None, Some(*active)),
            _ => (None, None, None),
        };
        Self {
            number: part.number,
            name: part.found.map(gpt_name).filter(|name| !name.is_empty()).map(str::to_owned),
            type_id,
            esp: part.found.is_some_and(nanovhd_disk::FoundPartition::is_esp),
            offset: part.first,
            size: Size(part.size),
            id,
            active,
            volume,
        }
    }
}

impl VolumeInspection {
    /// What the volume in a partition is, and its files if they can be read.
    fn of<'i>(image: &'i DiskImage, part: &Part<'i>) -> Option<(Self, Option<Volume<'i>>)> {
        if file_system(image.disk(), part) == FileSystem::Other {
            return None;
        }
        let origin = Origin { path: image.path().to_owned(), image: None, partition: part.number };
        Some(match open(image.disk(), *part, origin) {
            Ok(volume) => {
                let found = Findings::Counts(Counts::of(volume.tree()));
                (Self { facts: volume.facts(), found }, Some(volume))
            }
            Err(e) => (Self { facts: None, found: Findings::Damage(causes(&e)) }, None),
        })
    }
}

/// What a newcomer reads.
impl fmt::Display for DiskInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "file         {}", self.disk.display())?;
        let kind = match (self.format, self.fixed) {
            ("raw", _) => "raw disk".to_owned(),
            (format, true) => format!("fixed {}", format.to_ascii_uppercase()),
            (format, false) => format!("dynamic {}", format.to_ascii_uppercase()),
        };
        let (size, sectors) = (self.size, self.sector_size);
        writeln!(f, "             {}: {kind} of {size}, sectors of {sectors} bytes", self.file_length)?;
        if let Some(id) = self.id {
            writeln!(f, "id           {id}")?;
        }
        if let Some(creator) = self.creator.as_deref().filter(|creator| !creator.is_empty()) {
            writeln!(f, "made by      {}", visible(creator))?;
        }
        if self.log_replayed {
            writeln!(f, "             not closed well: its log was replayed in memory")?;
        }
        match &self.table {
            None => writeln!(f, "partitions   none: the disk is one volume")?,
            Some(table) => {
                let id = table.id.as_ref().map(|id| format!(", disk {id}")).unwrap_or_default();
                let backup = if table.from_backup { ", read from its backup" } else { "" };
                writeln!(f, "partitions   {}{id}{backup}", table.scheme.to_ascii_uppercase())?;
            }
        }
        self.partitions.iter().try_for_each(|part| part.fmt(f))?;
        self.boot.as_ref().map_or(Ok(()), |boot| boot.fmt(f))
    }
}

/// A paragraph.
impl fmt::Display for PartitionInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number.map_or("volume".to_owned(), |number| format!("partition {number}"));
        let name = self.name.as_deref().map(|name| format!("{}, ", visible(name))).unwrap_or_default();
        let active = if self.active == Some(true) { ", active" } else { "" };
        writeln!(f, "\n{number:<12} {name}{} from {:#x} on{active}", self.size, self.offset)?;
        if let Some(type_id) = &self.type_id {
            let id = self.id.map(|id| format!(", id {id}")).unwrap_or_default();
            writeln!(f, "  type       {type_id}{id}")?;
        }
        self.volume.as_ref().map_or(Ok(()), |volume| volume.fmt(f))
    }
}

/// The lines below a partition's name.
impl fmt::Display for VolumeInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(facts) = &self.facts {
            let cluster = Size(facts.cluster_size.into());
            let serial = facts.serial.as_ref().map(|serial| format!(", serial {serial}")).unwrap_or_default();
            let dirty = if facts.dirty == Some(true) { ", asks for a check" } else { "" };
            writeln!(f, "  holds      {}, clusters of {cluster}{serial}{dirty}", visible(&facts.title()))?;
        }
        match &self.found {
            Findings::Damage(damage) => writeln!(f, "  DAMAGED    {}", visible(damage)),
            Findings::Counts(counts) => {
                let [names, others] = counts.lines();
                writeln!(f, "             {} in {names}", counts.bytes)?;
                if others.is_empty() { Ok(()) } else { writeln!(f, "             {others}") }
            }
        }
    }
}
