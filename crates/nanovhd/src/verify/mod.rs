//! Checking a disk image, and comparing it with the image that it was made from.
//!
//! ```text
//!   container ──► partition table ──► each volume: FAT, NTFS ──┬─► what starts Windows
//!     the structures of each layer, whoever made them           └─► the Windows volume's files ──► contents
//!                                                                     beside those of a WIM image
//! ```
//!
//! What is damaged ends in a finding, never in an error; a layer that can't be read at all ends the
//! verification, with the findings that there are.

mod added;
mod boot;
mod compare;
mod describe;
mod digest;
mod known;
mod log;
mod report;
mod rule;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nanovhd_boot::{BootPaths, Firmware};
use nanovhd_disk::{
    Disk, FoundPartition, PartitionReadError, PartitionTable, check_container, check_fat, check_partitions,
};
use nanovhd_tree::{Finding, ReadAt, Tree};
use nanovhd_wim::{Note, Wim};
use thiserror::Error;

use crate::disk_image::{FileSystem, Part, file_system, open, parts, window};
use crate::media::{Found, recognise};
use crate::startup::{Mounted, Startup};
use crate::text::causes;
use crate::volume::StreamFailure;
use crate::{ContentError, Media, MediaFile, Origin, Progress, Size, Stage, Volume, VolumeError};
use added::with_boot_files;
use boot::Boot;
use compare::Comparison;
use describe::{describe_no_start, describe_other, describe_table, describe_volume, meaning};
use digest::Expectations;

pub use boot::BootRule;
pub use known::{KnownDifference, KnownKind};
pub use report::{Check, Compared, Fault, Place, RuleCount, Verification};
pub use rule::ContentRule;

/// The usual bytes of an MFT record, by which its check is shown.
const RECORD: u64 = 1024;
/// What is looked at of a volume's end, in bytes.
const SECTOR: u64 = 512;

/// How a disk image is verified.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// How many threads compute digests; by default as many as the machine runs at once.
    pub threads: Option<NonZeroUsize>,
    /// Whether to check what starts Windows, if Windows is there.
    pub boot: bool,
}

impl Default for VerifyOptions {
    /// Everything, with all the threads that the machine has.
    fn default() -> Self {
        Self { threads: None, boot: true }
    }
}

/// Why a disk image can't be verified.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The file can't be opened.
    #[error("can't read the disk `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The file is something else than a disk image.
    #[error("`{}` is {found}, not a disk image", path.display())]
    NotADisk {
        /// The file.
        path: PathBuf,
        /// What its first bytes say it is.
        found: &'static str,
    },
    /// It is a disk image, but none that can be read.
    #[error("can't open the disk `{}`", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        source: nanovhd_disk::OpenError,
    },
    /// The image to compare with can't be read.
    #[error(transparent)]
    Image(VolumeError),
    /// The file can't be read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// A content of the disk can't be read.
    #[error("can't read the contents of `{}`", path.display())]
    Contents {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ContentError,
    },
    /// The caller's [`Progress`] asked to stop.
    #[error("stopped before everything was checked")]
    Cancelled,
}

impl VerifyError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotADisk { .. } => Some("give a disk image: VHDX, VHD or raw".to_owned()),
            Self::Image(e) => e.hint(),
            _ => None,
        }
    }
}

/// Checks every structure of a disk image: container, partition table, FAT and NTFS volumes. With an
/// image of a media given, it also compares every file of the Windows volume with that image.
///
/// # Errors
/// [`VerifyError`]: something can't be read, or is no disk image. Damage is no error but a finding.
pub fn verify(
    path: impl AsRef<Path>,
    against: Option<(&Media, u32)>,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<Verification, VerifyError> {
    let path = path.as_ref();
    let io = |source| VerifyError::Open { path: path.to_owned(), source };
    let is_folder = std::fs::metadata(path).map_err(io)?.is_dir();
    let not_a_disk = |found| VerifyError::NotADisk { path: path.to_owned(), found };
    if is_folder {
        return Err(not_a_disk("a folder"));
    }
    let file = File::open(path).map_err(io)?;
    match recognise(&file).map_err(io)? {
        Found::Disk(_) => {}
        found => return Err(not_a_disk(found.name())),
    }
    let image = against.map(|(media, index)| media.volume(index)).transpose().map_err(VerifyError::Image)?;
    let expected = against.zip(image.as_ref()).map(|((media, index), image)| Expected {
        tree: image.tree(),
        notes: image.notes(),
        wim: media.wim(),
        wim_path: media.wim_path(),
        index,
        knows_changes: false,
        is_image: true,
    });
    run(&file, path, expected.as_ref(), options, progress)
}

/// What a volume should hold.
pub(crate) struct Expected<'e> {
    pub(crate) tree: &'e Tree,
    /// What the tree does not keep of the image.
    pub(crate) notes: &'e [Note],
    pub(crate) wim: &'e Wim<MediaFile>,
    pub(crate) wim_path: &'e Path,
    pub(crate) index: u32,
    /// Whether the tree's times of the last change are those that the volume was given.
    pub(crate) knows_changes: bool,
    /// Whether the tree is that of the image, to which a build adds what starts it.
    pub(crate) is_image: bool,
}

/// Verifies a file that is known to be a disk image.
pub(crate) fn run(
    file: &File,
    path: &Path,
    expected: Option<&Expected<'_>>,
    options: &VerifyOptions,
    progress: &dyn Progress,
) -> Result<Verification, VerifyError> {
    let start = Instant::now();
    let threads = options.threads.or_else(|| std::thread::available_parallelism().ok());
    let mut session = Session {
        path,
        progress,
        threads: threads.unwrap_or(NonZeroUsize::MIN),
        boot: options.boot,
        counts: BTreeMap::new(),
        report: Verification::new(path.to_owned()),
    };
    let result = session.disk(&Watched { inner: file, progress }, expected);
    if progress.cancelled() {
        return Err(VerifyError::Cancelled);
    }
    result?;
    let mut report = session.finish();
    report.seconds = start.elapsed().as_secs_f64();
    Ok(report)
}

/// Ends every read when the caller wants to stop.
struct Watched<'a, R> {
    inner: R,
    progress: &'a dyn Progress,
}

impl<R: ReadAt> ReadAt for Watched<'_, R> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.progress.cancelled() {
            return Err(io::Error::other("stopped"));
        }
        self.inner.read_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }
}

/// A verification under way.
struct Session<'a> {
    path: &'a Path,
    progress: &'a dyn Progress,
    threads: NonZeroUsize,
    boot: bool,
    counts: BTreeMap<&'static str, u64>,
    report: Verification,
}

impl Session<'_> {
    fn disk(&mut self, file: &Watched<'_, &File>, expected: Option<&Expected<'_>>) -> Result<(), VerifyError> {
        let findings = check_container(file).map_err(|e| self.read(e))?;
        let damaged = !findings.is_empty();
        self.add(Place::Container, None, findings);
        let disk = match Disk::open(file) {
            Ok(disk) => disk,
            Err(nanovhd_disk::OpenError::Read(e)) => return Err(self.read(e)),
            Err(e) if damaged => return self.stop(&e),
            Err(source) => return Err(VerifyError::Disk { path: self.path.to_owned(), source }),
        };
        let replayed = if disk.log_replayed() { ", its log replayed" } else { "" };
        let size = Size(disk.virtual_size());
        self.checked(
            Place::Container,
            None,
            format!("{} of {size}{replayed}", crate::disk_inspection::kind(disk.format())),
        );

        let sector_size = disk.sector_size();
        let findings = check_partitions(&disk, sector_size).map_err(|e| self.read(e))?;
        self.add(Place::PartitionTable, None, findings);
        let table = match PartitionTable::read(&disk, sector_size) {
            Ok(table) => table,
            Err(PartitionReadError::Read(e)) => return Err(self.read(e)),
            Err(e) => return self.stop(&e),
        };
        self.checked(Place::PartitionTable, None, describe_table(table.as_ref()));
        self.volumes(&disk, sector_size, table.as_ref(), expected)
    }

    /// All volumes, what starts from them, and the files of that with Windows.
    fn volumes(
        &mut self,
        disk: &dyn ReadAt,
        sector_size: u32,
        table: Option<&PartitionTable>,
        expected: Option<&Expected<'_>>,
    ) -> Result<(), VerifyError> {
        let parts = parts(table, disk.len().map_err(|e| self.read(e))?);
        let is_ntfs = |part: &&Part<'_>| expected_file_system(disk, part) == FileSystem::Ntfs;
        let windows = parts.iter().filter(is_ntfs).rev().max_by_key(|part| part.size).map(|part| part.number);
        let (mut volumes, mut unreadable) = (Vec::new(), None);
        for part in &parts {
            match self.volume(disk, sector_size, part)? {
                Some(Ok(volume)) => volumes.push(Mounted { part: *part, volume }),
                Some(Err(e)) if windows == Some(part.number) => unreadable = Some(e),
                Some(Err(_)) | None => {}
            }
        }
        let startup = table.and_then(|table| Startup::find(table, &volumes));
        if self.boot {
            match &startup {
                Some(startup) => self.boot(disk, sector_size, startup)?,
                None => self.checked(Place::Boot, None, describe_no_start(table, unreadable.is_some())),
            }
        }
        let files = volumes.iter().find(|mounted| windows == Some(mounted.part.number));
        match (expected, files, unreadable) {
            (None, ..) => {}
            (Some(expected), Some(files), _) => {
                let startup = startup.filter(|_| expected.is_image);
                let added = startup.and_then(|startup| with_boot_files(expected.tree, files, &startup));
                self.contents(&files.volume, expected, added.as_ref())?;
            }
            (Some(_), None, Some(e)) => self.stop(&e)?,
            (Some(_), None, None) => {
                let detail = "there is no NTFS volume to compare with the image".to_owned();
                self.whole(ContentRule::Missing, None, detail);
            }
        }
        Ok(())
    }

    /// What starts Windows.
    fn boot(&mut self, disk: &dyn ReadAt, sector_size: u32, startup: &Startup<'_>) -> Result<(), VerifyError> {
        let mut boot = Boot::new(startup);
        let what = boot.check(disk, sector_size).map_err(|e| self.read(e))?;
        let (faults, counts) = boot.finish();
        self.counts.extend(counts);
        self.report.findings.extend(faults);
        self.checked(Place::Boot, None, what);
        Ok(())
    }

    /// The structures of one volume. Gives its files, or why they can't be read.
    fn volume<'d>(
        &mut self,
        disk: &'d dyn ReadAt,
        sector_size: u32,
        part: &Part<'_>,
    ) -> Result<Option<Result<Volume<'d>, VolumeError>>, VerifyError> {
        let place = match expected_file_system(disk, part) {
            FileSystem::Ntfs => Place::Ntfs,
            FileSystem::Fat => Place::Fat,
            FileSystem::Other => {
                self.checked(Place::PartitionTable, part.number, describe_other(part));
                return Ok(None);
            }
        };
        let window = window(disk, part);
        let findings = match place {
            Place::Ntfs => nanovhd_ntfs::check(&window, &mut self.steps()),
            _ => check_fat(&window, part.found.map(|found| found.first / u64::from(sector_size))),
        };
        let findings = findings.map_err(|e| self.read(e))?;
        let sound = findings.is_empty();
        self.add(place, part.number, findings);
        let origin = Origin { path: self.path.to_owned(), image: None, partition: part.number };
        let volume = open(disk, *part, origin);
        let what = match &volume {
            Ok(volume) => describe_volume(volume),
            Err(e) => {
                // Whoever can't read it must not call it clean.
                if sound {
                    self.whole(ContentRule::Unreadable, part.number, causes(e));
                }
                format!("{}, not readable", if place == Place::Ntfs { "NTFS" } else { "FAT" })
            }
        };
        self.checked(place, part.number, what);
        Ok(Some(volume))
    }

    /// The files of the Windows volume beside those of the image, with what a build adds to them.
    fn contents(
        &mut self,
        volume: &Volume<'_>,
        expected: &Expected<'_>,
        added: Option<&Tree>,
    ) -> Result<(), VerifyError> {
        let expectations = Expectations { wim: expected.wim, knows_changes: expected.knows_changes };
        let cluster_size = volume.ntfs_cluster_size().unwrap_or_default();
        let walk =
            Comparison::walk(added.unwrap_or(expected.tree), volume, volume.tree(), cluster_size, &expectations);
        let mut comparison = walk.map_err(|e| self.read(e))?;
        let hashed = digest::run(&mut comparison, volume, self.threads, self.progress);
        let (contents, bytes) = hashed.map_err(|e| self.unreadable(e))?;
        let wim = expected.wim_path.to_owned();
        self.report.comparison = Some(Compared {
            wim,
            index: expected.index,
            names: comparison.names,
            boot_files: added.is_some(),
            contents,
            bytes,
        });
        if added.is_some() {
            comparison.known.add(KnownKind::BootStore, || BootPaths::of(Firmware::Bios).store.to_owned());
        }
        expected.notes.iter().for_each(|note| comparison.known.note(note));
        self.report.known_differences = comparison.known.finish();
        let (faults, counts) = comparison.log.finish();
        self.counts.extend(counts);
        self.report.findings.extend(faults);
        Ok(())
    }

    /// Hands on how far the check of a volume is, which counts MFT records.
    fn steps(&self) -> impl FnMut(u64, u64) + '_ {
        let (mut begun, mut last) = (false, 0);
        move |done, total| {
            if !std::mem::replace(&mut begun, true) {
                self.progress.begin(Stage::Checking, Size(total.saturating_mul(RECORD)));
            }
            self.progress.advance(done.saturating_sub(last).saturating_mul(RECORD));
            last = last.max(done);
        }
    }

    fn add(&mut self, place: Place, partition: Option<u32>, findings: Vec<Finding>) {
        for finding in findings {
            *self.counts.entry(finding.rule).or_default() += 1;
            self.report.findings.push(Fault::new(place, partition, finding));
        }
    }

    fn checked(&mut self, place: Place, partition: Option<u32>, what: String) {
        self.report.checks.push(Check { place, partition, what });
    }

    /// What is so damaged that no more can be read of it. It has findings already.
    fn stop(&mut self, e: &dyn StdError) -> Result<(), VerifyError> {
        self.report.stopped = Some(causes(e));
        Ok(())
    }

    /// A finding about all files of a volume.
    fn whole(&mut self, rule: ContentRule, partition: Option<u32>, detail: String) {
        let rule = rule.name();
        *self.counts.entry(rule).or_default() += 1;
        let (place, path) = (Place::Contents, Some("\\".to_owned()));
        self.report.findings.push(Fault { rule, place, partition, record: None, offset: None, path, detail });
    }

    fn read(&self, source: io::Error) -> VerifyError {
        VerifyError::Read { path: self.path.to_owned(), source }
    }

    fn unreadable(&self, failure: StreamFailure) -> VerifyError {
        match failure {
            StreamFailure::Receiver(e) => self.read(e),
            StreamFailure::Content { error, .. } => {
                VerifyError::Contents { path: self.path.to_owned(), source: error }
            }
        }
    }

    fn finish(mut self) -> Verification {
        let count = |(rule, count)| RuleCount { rule, meaning: meaning(rule), count };
        self.report.rules = self.counts.into_iter().map(count).collect();
        self.report.clean = self.report.rules.is_empty() && self.report.stopped.is_none();
        self.report
    }
}

/// What a partition should hold, by its first sector, by the copy of it that NTFS keeps in the last one,
/// or by what the partition table says.
fn expected_file_system(disk: &dyn ReadAt, part: &Part<'_>) -> FileSystem {
    let found = file_system(disk, part);
    if found != FileSystem::Other {
        return found;
    }
    let last = Part { first: part.first + part.size.saturating_sub(SECTOR), size: SECTOR.min(part.size), ..*part };
    match file_system(disk, &last) {
        FileSystem::Ntfs => FileSystem::Ntfs,
        _ if part.found.is_some_and(FoundPartition::is_esp) => FileSystem::Fat,
        _ => FileSystem::Other,
    }
}

#[cfg(test)]
mod tests;
