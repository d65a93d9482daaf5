//! The EFI system partition: a FAT32 volume with given files. Microsoft FAT specification
//! (`fatgen103`, 2000).
//!
//! The `fatfs` crate formats the volume and fills it, on a device in memory that keeps only what
//! is not zero. What its release writes needs repair before other systems accept it, and it has no
//! way to set attributes; see [`repair`].
//!
//! ```text
//!  files ──► model ──► fatfs ──► repair ──► ranges to write, and where each file lies
//!                        ▲ zeros where a content comes later: the device does not keep them
//! ```

mod geometry;
mod model;
mod repair;
mod time;

use std::io::{self, Read, Write};
use std::ops::Range;

use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use nanovhd_tree::{Attributes, Filetime};
use thiserror::Error;

use self::geometry::{cluster_size, clusters, minimum_size};
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
    pub data: EspData,
    /// Its attributes, of which FAT has `READONLY`, `HIDDEN`, `SYSTEM` and `ARCHIVE`.
    pub attributes: Attributes,
    /// When it was last written, if that is not the time of everything else.
    pub written: Option<Filetime>,
}

/// The content of a file of the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EspData {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many bytes, which the caller writes to the place that [`EspLayout::files`] names.
    Later(u64),
}

impl EspData {
    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Later(len) => *len,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where everything of the volume lies. Offsets count from the start of the partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EspLayout {
    /// What is to be written: offsets, ascending, and bytes. What is between the ranges is zero or comes
    /// later. They are whole pages of 4096 bytes, less the clusters of what comes later.
    pub ranges: Vec<(u64, Vec<u8>)>,
    /// Where each file's content begins, in the order of the files that were given. It lies there in one
    /// piece. An empty file has no place: its offset is 0.
    pub files: Vec<u64>,
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

/// What Windows' own formatting allows. Larger volumes would need clusters that firmware may not read.
const MAX_SIZE: u64 = 32 << 30;

/// The size of a partition for these files: `usual`, or as many whole MiB more as leave a quarter of what
/// the files take for those that Windows adds and replaces.
///
/// # Errors
/// [`EspError`]: there can't be such files, or not so many.
pub fn esp_size(files: &[EspFile], sector_size: u32, usual: u64) -> Result<u64, EspError> {
    const MIB: u64 = 1 << 20;
    let model = Model::new(files, true)?;
    let mut size = usual;
    while size <= MAX_SIZE {
        let cluster = cluster_size(size, sector_size).ok_or_else(|| too_small(size, sector_size))?;
        let room = clusters(size, sector_size, cluster) * u64::from(cluster);
        let needed = model.needed(files, cluster.into());
        let wanted = needed.saturating_add(needed / 4);
        if wanted <= room {
            return Ok(size);
        }
        // At least one MiB more each time, so this ends at the limit.
        size = size.saturating_add(wanted - room).checked_next_multiple_of(MIB).unwrap_or(u64::MAX);
    }
    Err(EspError::TooLarge { size, limit: MAX_SIZE })
}

/// Makes the volume and says what is to be written where. Files lie on the volume in the given order,
/// each in one piece.
///
/// Memory beside `files` is that of the content that they hold once more, not that of the volume, nor
/// that of content that comes later.
///
/// # Errors
/// [`EspError`] says what can't be.
pub fn format_esp(options: &EspOptions, files: &[EspFile]) -> Result<EspLayout, EspError> {
    let sectors = check(options)?;
    let hidden =
        u32::try_from(options.hidden_sectors).map_err(|_| EspError::HiddenSectors(options.hidden_sectors))?;
    let label = label(&options.label)?;
    let model = Model::new(files, label.is_some())?;

    let mut disk = SparseDisk::new(options.size);
    let cluster = cluster_size(options.size, options.sector_size)
        .ok_or_else(|| too_small(options.size, options.sector_size))?;
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
    let places = repair::repair(&mut disk, &model, files, hidden, options.time)?;
    let later = files.iter().zip(&places).filter(|(file, _)| matches!(file.data, EspData::Later(1..)));
    let mut holes: Vec<_> =
        later.map(|(file, &at)| at..at + file.data.len().next_multiple_of(cluster.into())).collect();
    holes.sort_by_key(|hole| hole.start);
    Ok(EspLayout { ranges: without(disk.into_ranges(), &holes), files: places })
}

/// The ranges less `holes`, which are in order and apart from each other.
fn without(ranges: Vec<(u64, Vec<u8>)>, holes: &[Range<u64>]) -> Vec<(u64, Vec<u8>)> {
    let mut left = Vec::with_capacity(ranges.len());
    for (mut start, mut bytes) in ranges {
        let end = start + bytes.len() as u64;
        let first = holes.partition_point(|hole| hole.end <= start);
        for hole in holes[first..].iter().take_while(|hole| hole.start < end) {
            let within = |at: u64| usize::try_from(at.clamp(start, end) - start).expect("a place in memory");
            let (from, to) = (within(hole.start), within(hole.end));
            let behind = bytes.split_off(to);
            bytes.truncate(from);
            left.push((start, std::mem::replace(&mut bytes, behind)));
            start += to as u64;
        }
        left.push((start, bytes));
    }
    left.retain(|(_, bytes)| bytes.iter().any(|&byte| byte != 0));
    left
}

/// Checks size and sectors and says how many sectors there are.
fn check(options: &EspOptions) -> Result<u32, EspError> {
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

fn too_small(size: u64, sector_size: u32) -> EspError {
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
                Child::File(index) => {
                    let mut file = parent.create_file(&step.name)?;
                    match &files[index].data {
                        EspData::Bytes(bytes) => file.write_all(bytes)?,
                        EspData::Later(len) => io::copy(&mut io::repeat(0).take(*len), &mut file).map(|_| ())?,
                    }
                }
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
        let data = EspData::Bytes(vec![7; len]);
        EspFile { path: path.into(), data, attributes: Attributes::default(), written: None }
    }

    fn later(path: &str, len: u64) -> EspFile {
        EspFile { data: EspData::Later(len), ..file(path, 0) }
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
        let layout = format_esp(&options(), &files).unwrap();
        let ranges = &layout.ranges;
        let total: usize = ranges.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!((1_000_000..1_060_000).contains(&total), "{total}");
        assert!(ranges.iter().all(|(offset, _)| offset.is_multiple_of(4096)));
        assert!(ranges.windows(2).all(|pair| pair[0].0 + (pair[0].1.len() as u64) < pair[1].0));
        assert_eq!(layout, format_esp(&options(), &files).unwrap());
    }

    #[test]
    fn what_comes_later_is_not_among_the_ranges_and_has_its_place() {
        // Clusters are of 1 KiB, so pages hold the ends of several files.
        let lens = [(1, true), (5000, false), (0, true), (1024, true), (3, false), (4096, true), (30 << 20, true)];
        let (mut files, mut whole) = (Vec::new(), Vec::new());
        for (number, (len, is_later)) in lens.into_iter().enumerate() {
            let path = format!("EFI/{number}");
            whole.push(file(&path, len));
            files.push(if is_later { later(&path, len as u64) } else { file(&path, len) });
        }
        let layout = format_esp(&options(), &files).unwrap();
        let total: usize = layout.ranges.iter().map(|(_, bytes)| bytes.len()).sum();
        assert!(total < 300_000, "the FATs and three pages of directories and files: {total}");

        // Writing what was to come gives what those with all bytes give.
        let mut disk = SparseDisk::new(options().size);
        layout.ranges.iter().for_each(|(at, bytes)| disk.write_at(bytes, *at));
        for ((file, whole), at) in files.iter().zip(&whole).zip(&layout.files) {
            assert_eq!((*at == 0, at % 1024), (file.data.is_empty(), 0));
            let place = *at..*at + file.data.len();
            let EspData::Bytes(bytes) = &whole.data else { panic!() };
            if matches!(file.data, EspData::Later(_)) {
                let touches =
                    |(start, bytes): &(u64, Vec<u8>)| *start < place.end && place.start < start + bytes.len() as u64;
                assert!(!layout.ranges.iter().any(touches), "{file:?}");
                disk.write_at(bytes, *at);
            } else {
                let mut found = vec![0; bytes.len()];
                disk.read_at(&mut found, *at);
                assert_eq!(found, *bytes);
            }
        }
        assert!(disk.into_ranges() == format_esp(&options(), &whole).unwrap().ranges);
    }

    #[test]
    fn ranges_are_cut_where_holes_are() {
        let range = |from: u8, to: u8| (u64::from(from), (from..to).map(|byte| byte.max(1)).collect::<Vec<_>>());
        let zeros = (30, vec![0; 5]);
        for (holes, left) in [
            (&[][..], vec![range(0, 10), range(12, 20)]),
            (&[(0, 10)], vec![range(12, 20)]),
            (&[(0, 2), (4, 5), (9, 13)], vec![range(2, 4), range(5, 9), range(13, 20)]),
            (&[(3, 4), (4, 6), (10, 12), (20, 30)], vec![range(0, 3), range(6, 10), range(12, 20)]),
            (&[(0, 40)], vec![]),
        ] {
            let holes: Vec<_> = holes.iter().map(|&(start, end)| start..end).collect();
            let found = without(vec![range(0, 10), range(12, 20), zeros.clone()], &holes);
            assert_eq!(found, left, "{holes:?}");
        }
    }

    #[test]
    fn the_partition_grows_with_what_is_on_it() {
        for (mib, expected) in [(0, 100), (1, 100), (78, 100), (80, 101), (300, 376)] {
            let files = [later("a", mib * MIB)];
            let size = esp_size(&files, 512, 100 * MIB).unwrap();
            assert_eq!(size / MIB, expected, "{mib}");
            assert!(format_esp(&EspOptions { size, ..options() }, &files).is_ok());
        }
        let many: Vec<_> = (0..9).map(|n| later(&n.to_string(), u32::MAX.into())).collect();
        assert!(matches!(esp_size(&many, 512, 100 * MIB), Err(EspError::TooLarge { .. })));
        assert!(matches!(esp_size(&many[..1], 4096, 100 * MIB), Err(EspError::TooSmall { .. })));
        assert!(matches!(esp_size(&[later("a", 1 << 32)], 512, 100 * MIB), Err(EspError::FileTooLarge { .. })));
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
