//! The EFI system partition: a FAT32 volume with given files. Microsoft FAT specification
//! (`fatgen103`, 2000).
//!
//! The `fatfs` crate formats the volume and fills it, on a device in memory that keeps only what
//! is not zero. What its release writes needs repair before other systems accept it, and it has no
//! way to set attributes; see [`repair`].

mod geometry;
mod model;
mod repair;
mod time;

use std::io::{self, Write};

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use nanovhd_tree::{Attributes, Filetime};
use thiserror::Error;

use self::geometry::{cluster_size, minimum_size};
pub use self::model::PathFault;
use self::model::{Child, Model};
use self::time::FixedTime;
use crate::sparse::SparseDisk;

/// What the volume is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EspOptions {
    /// Bytes of the partition.
    pub size: u64,
    /// Bytes of a sector: 512 or 4096.
    pub sector_size: u32,
    /// Sectors of the disk in front of the partition.
    pub hidden_sectors: u64,
    /// The volume's serial number.
    pub serial: u32,
    /// The volume's label, at most 11 ASCII characters, stored in upper case. May be empty.
    pub label: String,
    /// The time of everything on the volume. FAT stores local time and no zone: this is UTC.
    pub time: Filetime,
}

/// A file of the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EspFile {
    /// Where it is, with `/` or `\` between names and optionally in front. Directories are made
    /// as needed.
    pub path: String,
    /// Its content.
    pub data: Vec<u8>,
    /// Its attributes, of which FAT has `READONLY`, `HIDDEN`, `SYSTEM` and `ARCHIVE`.
    pub attributes: Attributes,
}

/// Why the volume can't be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EspError {
    /// FAT has no such sectors, or no disk has.
    #[error("a FAT32 volume can't have sectors of {0} bytes; it can have 512 or 4096")]
    SectorSize(u32),
    /// The partition ends within a sector.
    #[error("a partition of {size} bytes is not a whole number of sectors of {sector_size} bytes")]
    PartialSector {
        /// The size of the partition.
        size: u64,
        /// The sector size.
        sector_size: u32,
    },
    /// FAT32 has at least 65,525 clusters, and a cluster is at least a sector.
    #[error("a FAT32 volume with sectors of {sector_size} bytes needs {needed} bytes, not {size}")]
    TooSmall {
        /// The least that would do.
        needed: u64,
        /// The size of the partition.
        size: u64,
        /// The sector size.
        sector_size: u32,
    },
    /// Windows doesn't format so large a FAT32 volume.
    #[error("a FAT32 volume of {size} bytes is larger than the {limit} that Windows allows")]
    TooLarge {
        /// The size of the partition.
        size: u64,
        /// The largest possible.
        limit: u64,
    },
    /// The boot sector has 32 bits for the start of the partition.
    #[error("a FAT32 volume can't start at sector {0}")]
    HiddenSectors(u64),
    /// The label is too long or has characters that a label can't have.
    #[error("{0:?} can't be the label of a FAT32 volume")]
    Label(String),
    /// A path can't be on the volume.
    #[error("the path {path:?} can't be on a FAT32 volume")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        fault: PathFault,
    },
    /// Two files have the same path, but for case, or the long name of one is the short name of
    /// the other.
    #[error("the path {path:?} is already taken on the volume")]
    Duplicate {
        /// The path of the second.
        path: String,
    },
    /// A file and a directory have the same path.
    #[error("the path {path:?} needs a directory where there is a file, or the other way round")]
    FileAndDirectory {
        /// The path of the second.
        path: String,
    },
    /// A file is longer than FAT allows.
    #[error("the file {path:?} has {len} bytes; FAT32 allows 4 GiB less one")]
    FileTooLarge {
        /// The path.
        path: String,
        /// The length in bytes.
        len: u64,
    },
    /// A directory has more entries than FAT allows.
    #[error("the directory of {path:?} has more than 65,536 entries, counting those of long names")]
    DirectoryFull {
        /// The path of the first file that doesn't fit.
        path: String,
    },
    /// The files don't fit.
    #[error("the files need {needed} bytes in whole clusters; the volume has {available}")]
    Full {
        /// What files and directories need.
        needed: u64,
        /// What the volume has for them.
        available: u64,
    },
    /// The FAT library refused.
    #[error("the FAT32 volume can't be made")]
    Fat(#[from] io::Error),
}

/// Makes the volume and says what is to be written: offset in the partition and bytes, in whole
/// pages of 4096 bytes. What is between the ranges is zero. Files lie on the volume in the given order.
///
/// Memory beside `files` is that of their content once more, not that of the volume.
///
/// # Errors
/// [`EspError`] says what can't be.
pub fn format_esp(options: &EspOptions, files: &[EspFile]) -> Result<Vec<(u64, Vec<u8>)>, EspError> {
    let sectors = check(options)?;
    let hidden =
        u32::try_from(options.hidden_sectors).map_err(|_| EspError::HiddenSectors(options.hidden_sectors))?;
    let label = label(&options.label)?;
    let model = Model::new(files, label.is_some())?;

    let mut disk = SparseDisk::new(options.size);
    let cluster = cluster_size(options.size, options.sector_size).ok_or_else(|| too_small(options))?;
    let mut format = FormatVolumeOptions::new()
        .bytes_per_sector(if options.sector_size == 512 { 512 } else { 4096 })
        .total_sectors(sectors)
        .bytes_per_cluster(cluster)
        .fat_type(FatType::Fat32)
        .volume_id(options.serial)
        // The geometry that every disk of more than 8 GB has pretended to have since 1996.
        .heads(255)
        .sectors_per_track(63);
    if let Some(label) = label {
        format = format.volume_label(label);
    }
    fatfs::format_volume(&mut disk, format)?;
    fill(&mut disk, &model, files)?;
    repair::repair(&mut disk, &model, files, hidden, options.time)?;
    Ok(disk.into_ranges())
}

/// Checks size and sectors and says how many sectors there are.
fn check(options: &EspOptions) -> Result<u32, EspError> {
    /// What Windows' own formatting allows. Larger volumes would need clusters that firmware may not read.
    const MAX_SIZE: u64 = 32 << 30;

    let &EspOptions { size, sector_size, .. } = options;
    if ![512, 4096].contains(&sector_size) {
        return Err(EspError::SectorSize(sector_size));
    }
    if !size.is_multiple_of(u64::from(sector_size)) {
        return Err(EspError::PartialSector { size, sector_size });
    }
    let too_large = EspError::TooLarge { size, limit: MAX_SIZE };
    if size > MAX_SIZE {
        return Err(too_large);
    }
    u32::try_from(size / u64::from(sector_size)).map_err(|_| too_large)
}

fn too_small(options: &EspOptions) -> EspError {
    let &EspOptions { size, sector_size, .. } = options;
    EspError::TooSmall { needed: minimum_size(sector_size), size, sector_size }
}

/// The label as directories have it: upper case, filled up with blanks. `None` when it is empty.
fn label(text: &str) -> Result<Option<[u8; 11]>, EspError> {
    // Those of short names, but for the blank, which may be in a label.
    let allowed =
        |c: u8| matches!(c, b' ' | b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9') || b"!#$%&'()-@^_`{}~".contains(&c);
    let bytes = text.as_bytes();
    if bytes.len() > 11 || bytes.first() == Some(&b' ') || !bytes.iter().all(|&c| allowed(c)) {
        return Err(EspError::Label(text.to_owned()));
    }
    let mut label = [b' '; 11];
    label[..bytes.len()].copy_from_slice(bytes);
    label.make_ascii_uppercase();
    Ok((!bytes.is_empty()).then_some(label))
}

/// Writes directories and files in the order of the files.
fn fill(disk: &mut SparseDisk, model: &Model, files: &[EspFile]) -> Result<(), EspError> {
    let options = FsOptions::new().time_provider(&FixedTime);
    let volume = FileSystem::new(disk, options)?;
    // This also counts free clusters, which the volume then keeps up to date and stores.
    let stats = volume.stats()?;
    let cluster = u64::from(stats.cluster_size());
    let available = u64::from(stats.total_clusters()) * cluster;
    let needed = model.needed(files, cluster);
    if needed > available {
        return Err(EspError::Full { needed, available });
    }
    {
        let mut directories = vec![volume.root_dir()];
        for step in model.steps() {
            let parent = directories[step.parent].clone();
            let path = || files[step.file].path.clone();
            // The library opens what is there under the long or the short name, and says nothing.
            match parent.open_file(&step.name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                _ => return Err(EspError::Duplicate { path: path() }),
            }
            match step.child {
                Child::Directory(_) => directories.push(parent.create_dir(&step.name)?),
                Child::File(index) => parent.create_file(&step.name)?.write_all(&files[index].data)?,
            }
        }
    }
    Ok(volume.unmount()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn options() -> EspOptions {
        EspOptions {
            size: 100 * MIB,
            sector_size: 512,
            hidden_sectors: 2048,
            serial: 0x1234_5678,
            label: "System".into(),
            time: Filetime::from_unix(1_476_316_800),
        }
    }

    fn file(path: &str, len: usize) -> EspFile {
        EspFile { path: path.into(), data: vec![7; len], attributes: Attributes::default() }
    }

    #[test]
    fn labels_are_upper_cased_and_checked() {
        assert_eq!(label("System").unwrap(), Some(*b"SYSTEM     "));
        assert_eq!(label("A b-c").unwrap(), Some(*b"A B-C      "));
        assert_eq!(label("").unwrap(), None);
        for bad in ["twelve chars", " x", "a.b", "ü", "a/b", "a\0", "a\"b"] {
            assert!(matches!(label(bad), Err(EspError::Label(_))), "{bad:?}");
        }
    }

    #[test]
    fn volumes_that_can_not_be_are_refused() {
        let with = |change: &dyn Fn(&mut EspOptions)| {
            let mut options = options();
            change(&mut options);
            format_esp(&options, &[]).unwrap_err()
        };
        assert!(matches!(with(&|o| o.sector_size = 1024), EspError::SectorSize(1024)));
        assert!(matches!(with(&|o| o.size += 1), EspError::PartialSector { .. }));
        assert!(matches!(with(&|o| o.size = 64 << 30), EspError::TooLarge { .. }));
        assert!(matches!(with(&|o| o.hidden_sectors = 1 << 32), EspError::HiddenSectors(_)));
        for size in [0, 512, MIB, 32 * MIB] {
            assert!(matches!(with(&|o| o.size = size), EspError::TooSmall { size: s, .. } if s == size));
        }
        assert!(matches!(with(&|o| o.sector_size = 4096), EspError::TooSmall { .. }), "100 MiB with 4096");
    }

    #[test]
    fn the_least_size_is_enough() {
        for sector_size in [512, 4096] {
            let EspError::TooSmall { needed, .. } =
                format_esp(&EspOptions { size: 0, sector_size, ..options() }, &[]).unwrap_err()
            else {
                panic!("a volume of no bytes");
            };
            assert!(format_esp(&EspOptions { size: needed, sector_size, ..options() }, &[]).is_ok());
        }
    }

    #[test]
    fn only_what_is_not_zero_is_returned() {
        let files = [file("EFI/Boot/bootx64.efi", 1_000_000)];
        let ranges = format_esp(&options(), &files).unwrap();
        let total: usize = ranges.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!((1_000_000..1_060_000).contains(&total), "{total}");
        assert!(ranges.iter().all(|(offset, _)| offset.is_multiple_of(4096)));
        assert!(ranges.windows(2).all(|pair| pair[0].0 + (pair[0].1.len() as u64) < pair[1].0));
        assert_eq!(ranges, format_esp(&options(), &files).unwrap());
    }

    #[test]
    fn files_must_fit() {
        let error = format_esp(&options(), &[file("big", 100 << 20)]).unwrap_err();
        let EspError::Full { needed, available } = error else { panic!("{error}") };
        assert_eq!(needed, (100 << 20) + 1024, "the file and the root directory");
        assert!(available < 100 * MIB);
        // To the last cluster, and not one more.
        let largest = usize::try_from(available).unwrap() - 1024;
        assert!(format_esp(&options(), &[file("big", largest)]).is_ok());
        assert!(matches!(format_esp(&options(), &[file("big", largest + 1)]), Err(EspError::Full { .. })));
    }

    #[test]
    fn a_long_name_may_not_be_the_short_name_of_another() {
        let files = [file("a long name.txt", 1), file("ALONGN~1.TXT", 1)];
        assert!(matches!(format_esp(&options(), &files), Err(EspError::Duplicate { .. })));
        let directories = [file("a long name/x", 1), file("ALONGN~1/y", 1)];
        assert!(matches!(format_esp(&options(), &directories), Err(EspError::Duplicate { .. })));
    }
}
