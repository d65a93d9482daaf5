//! A disk image: its container, its partitions, and the volumes in them.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use nanovhd_disk::{Disk, FatVolume, FoundKind, FoundPartition, PartitionReadError, PartitionTable, Slice};
use nanovhd_ntfs::Ntfs;
use nanovhd_tree::ReadAt;
use nanovhd_wim::ImageSelector;
use thiserror::Error;

use crate::volume::Contents;
use crate::{Origin, Volume, VolumeError};

/// What an NTFS boot sector bears from its fourth byte on.
const NTFS_OEM: &[u8; 8] = b"NTFS    ";

/// A part of a disk, for reading.
pub(crate) type Window<'s> = Slice<&'s dyn ReadAt>;

/// A disk image: VHD, VHDX or raw, with partitions or without.
#[derive(Debug)]
pub struct DiskImage {
    path: PathBuf,
    disk: Disk<File>,
    table: Option<PartitionTable>,
}

/// Why a disk image can't be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The container can't be read.
    #[error("can't open the disk `{}`", path.display())]
    Container {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: nanovhd_disk::OpenError,
    },
    /// The partition table can't be read.
    #[error("can't read the partition table of `{}`", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PartitionReadError,
    },
}

/// What a partition holds, as far as its first sector tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Ntfs,
    Fat,
    /// Neither.
    Other,
}

/// A partition, or the whole of a disk that has none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'s> {
    /// The partition's number.
    pub(crate) number: Option<u32>,
    /// Its first byte on the disk.
    pub(crate) first: u64,
    /// Its bytes.
    pub(crate) size: u64,
    /// What the table says of it.
    pub(crate) found: Option<&'s FoundPartition>,
}

impl<'s> Part<'s> {
    fn of(found: &'s FoundPartition) -> Self {
        Self { number: Some(found.number), first: found.first, size: found.size, found: Some(found) }
    }
}

/// The partitions of a disk, for messages: `1 esp, 2 "Basic data partition"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionList(pub Vec<(u32, String)>);

impl fmt::Display for PartitionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (number, name)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{number} ({name})")?;
        }
        Ok(())
    }
}

impl DiskImage {
    /// Opens a disk image. Any file is one: what is no VHD and no VHDX is taken for the bytes of a disk.
    ///
    /// # Errors
    /// [`DiskError`] says what is damaged.
    pub fn open(path: impl AsRef<Path>, file: File) -> Result<Self, DiskError> {
        let path = path.as_ref().to_owned();
        let disk = Disk::open(file).map_err(|source| DiskError::Container { path: path.clone(), source })?;
        let table = PartitionTable::read(&disk, disk.sector_size())
            .map_err(|source| DiskError::Table { path: path.clone(), source })?;
        Ok(Self { path, disk, table })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The virtual disk.
    pub fn disk(&self) -> &Disk<File> {
        &self.disk
    }

    /// The partition table, if there is one.
    pub fn table(&self) -> Option<&PartitionTable> {
        self.table.as_ref()
    }

    /// The partitions, or the whole disk.
    pub(crate) fn parts(&self) -> Vec<Part<'_>> {
        parts(self.table.as_ref(), self.disk.virtual_size())
    }

    /// The files of a partition: by number, by its name in a GPT, or as `esp` or `windows`, which is the
    /// largest that holds NTFS and the default.
    ///
    /// # Errors
    /// [`VolumeError`]: there is no such partition, or it holds nothing that can be read.
    pub fn volume(&self, part: Option<&ImageSelector>) -> Result<Volume<'_>, VolumeError> {
        let part = self.choose(part)?;
        let origin = Origin { path: self.path.clone(), image: None, partition: part.number };
        open(&self.disk, part, origin)
    }

    fn choose(&self, selector: Option<&ImageSelector>) -> Result<Part<'_>, VolumeError> {
        let parts = self.parts();
        let named = |name: &str| {
            parts.iter().find(|p| p.found.is_some_and(|found| gpt_name(found).eq_ignore_ascii_case(name)))
        };
        let esp = || parts.iter().find(|p| p.found.is_some_and(FoundPartition::is_esp));
        let windows =
            || parts.iter().filter(|p| file_system(&self.disk, p) == FileSystem::Ntfs).rev().max_by_key(|p| p.size);
        let found = match selector {
            None if self.table.is_none() => parts.first(),
            None => windows(),
            Some(ImageSelector::Index(number)) => parts.iter().find(|p| p.number == Some(*number)),
            Some(ImageSelector::Name(name)) => match name.to_ascii_lowercase().as_str() {
                "esp" => esp(),
                "windows" => windows(),
                name => named(name),
            },
        };
        found.copied().ok_or_else(|| {
            let asked = match selector {
                None => "with NTFS on it".to_owned(),
                Some(ImageSelector::Index(number)) => format!("{number}"),
                Some(ImageSelector::Name(name)) => format!("{name:?}"),
            };
            VolumeError::NoPartition { disk: self.path.clone(), asked, partitions: self.list() }
        })
    }

    fn list(&self) -> PartitionList {
        let described = |part: Part<'_>| Some((part.number?, describe(part.found?, file_system(&self.disk, &part))));
        PartitionList(self.parts().into_iter().filter_map(described).collect())
    }
}

/// The partitions of a table, or the whole disk.
pub(crate) fn parts(table: Option<&PartitionTable>, size: u64) -> Vec<Part<'_>> {
    match table {
        None => vec![Part { number: None, first: 0, size, found: None }],
        Some(table) => table.partitions.iter().map(Part::of).collect(),
    }
}

/// The bytes of a part.
pub(crate) fn window<'s>(disk: &'s dyn ReadAt, part: &Part<'_>) -> Window<'s> {
    Slice::new(disk, part.first, part.size)
}

/// What the first sector says. What can't be read holds nothing.
pub(crate) fn file_system(disk: &dyn ReadAt, part: &Part<'_>) -> FileSystem {
    let mut head = [0; 11];
    let window = window(disk, part);
    match window.read_exact_at(&mut head, 0) {
        Ok(()) if head[3..] == *NTFS_OEM => FileSystem::Ntfs,
        Ok(()) if FatVolume::open(window).is_ok() => FileSystem::Fat,
        _ => FileSystem::Other,
    }
}

/// The name of a partition in a GPT; empty in an MBR.
pub(crate) fn gpt_name(part: &FoundPartition) -> &str {
    match &part.kind {
        FoundKind::Gpt { name, .. } => name,
        _ => "",
    }
}

/// What a partition is, in a word or two.
fn describe(part: &FoundPartition, file_system: FileSystem) -> String {
    let holds = match file_system {
        FileSystem::Ntfs => "NTFS",
        FileSystem::Fat => "FAT",
        FileSystem::Other => "no file system that is known",
    };
    if part.is_esp() { format!("esp, {holds}") } else { holds.to_owned() }
}

/// Opens the volume in a part of a disk.
pub(crate) fn open<'s>(disk: &'s dyn ReadAt, part: Part<'_>, origin: Origin) -> Result<Volume<'s>, VolumeError> {
    let window = window(disk, &part);
    let at = || Box::new(origin.clone());
    match file_system(disk, &part) {
        FileSystem::Ntfs => {
            let ntfs = Ntfs::open(window).map_err(|e| VolumeError::Ntfs { origin: at(), source: Box::new(e) })?;
            let snapshot = ntfs.snapshot(crate::media::WIM);
            let snapshot = snapshot.map_err(|e| VolumeError::NtfsFiles { origin: at(), source: Box::new(e) })?;
            Ok(Volume::from_ntfs(origin, ntfs, snapshot))
        }
        FileSystem::Fat => {
            let fat = FatVolume::open(window).map_err(|e| VolumeError::Fat { origin: at(), source: e.into() })?;
            let files = fat.tree(crate::media::WIM);
            let files = files.map_err(|e| VolumeError::FatFiles { origin: at(), source: Box::new(e) })?;
            Ok(Volume::new(origin, files.tree, Contents::Fat(Box::new(fat), files.files)))
        }
        FileSystem::Other => Err(VolumeError::NoFileSystem { origin: at() }),
    }
}
