//! Writing what is extracted.

use std::collections::HashMap;
use std::fs::{self, File, FileTimes};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use nanovhd_tree::{Filetime, Source, Times};
use nanovhd_wim::BlobSink;
use tempfile::NamedTempFile;

use super::plan::{Item, Ledger, Link, Plan};
use super::{ExtractError, LeftOut, LeftOutKind, make_folder};
use crate::output::{persist_new, unfinished};
use crate::volume::Receiver;
use crate::{Progress, Size};

/// Writes a plan's files.
pub(super) struct Writer<'p, 't> {
    plan: &'p Plan<'t>,
    overwrite: bool,
    progress: &'p dyn Progress,
    /// Contents by number, each with the items that have it: sorted.
    wanted: Vec<(u32, usize)>,
    /// Files that are being written, by the number of their content.
    open: Mutex<HashMap<u32, NamedTempFile>>,
    /// The first thing that went wrong.
    failure: Mutex<Option<ExtractError>>,
    left_out: Mutex<Ledger>,
}

impl<'p, 't> Writer<'p, 't> {
    /// A writer that adds to what the plan leaves out.
    pub(super) fn new(plan: &'p Plan<'t>, left_out: Ledger, overwrite: bool, progress: &'p dyn Progress) -> Self {
        let blob = |item: &Item<'_>| match item.content.source() {
            Source::Blob(id) if !item.content.is_empty() => Some(id.index),
            _ => None,
        };
        let mut wanted: Vec<_> =
            plan.items.iter().enumerate().filter_map(|(i, item)| blob(item).map(|blob| (blob, i))).collect();
        wanted.sort_unstable();
        Self {
            plan,
            overwrite,
            progress,
            wanted,
            open: Mutex::default(),
            failure: Mutex::default(),
            left_out: Mutex::new(left_out),
        }
    }

    /// The numbers of the contents, ascending.
    pub(super) fn contents(&self) -> Vec<u32> {
        let mut contents: Vec<u32> = self.wanted.iter().map(|&(blob, _)| blob).collect();
        contents.dedup();
        contents
    }

    /// The bytes that will come, contents of several files once.
    pub(super) fn bytes(&self) -> Size {
        let same = self.wanted.chunk_by(|a, b| a.0 == b.0);
        Size(same.fold(0, |sum, same| sum.saturating_add(self.plan.items[same[0].1].content.len())))
    }

    /// What stopped the writer.
    pub(super) fn failure(&self) -> Option<ExtractError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The folder that everything goes to.
    pub(super) fn folder(&self) -> &Path {
        &self.plan.folders[0].path
    }

    /// Makes the folders that are not there, and says which.
    pub(super) fn make_folders(&self) -> Result<Vec<usize>, ExtractError> {
        let mut made = Vec::new();
        for (i, folder) in self.plan.folders.iter().enumerate().skip(1) {
            match fs::create_dir(&folder.path) {
                Ok(()) => made.push(i),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    // Whoever put a link there since it was looked at does not lead us away.
                    if !super::is_folder(&folder.path, false)? {
                        make_folder(&folder.path)?;
                    }
                }
                Err(source) => return Err(self.io("make the folder", folder.path.clone(), source)),
            }
        }
        Ok(made)
    }

    /// Writes the files whose contents are in memory or empty.
    pub(super) fn write_small(&self) -> Result<(), ExtractError> {
        for item in &self.plan.items {
            let bytes: &[u8] = match item.content.source() {
                Source::Bytes(bytes) => bytes,
                _ if item.content.is_empty() => &[],
                _ => continue,
            };
            if self.progress.cancelled() {
                return Err(ExtractError::Cancelled);
            }
            let mut file = self.create(item)?;
            file.write_all(bytes).map_err(|e| self.io("write", self.path(item), e))?;
            self.publish(item, file)?;
        }
        Ok(())
    }

    /// Makes the further names of files: how many are hard links, and how many copies.
    pub(super) fn link(&self) -> Result<(u64, u64), ExtractError> {
        let (mut links, mut copies) = (0, 0);
        for link in &self.plan.links {
            if self.progress.cancelled() {
                return Err(ExtractError::Cancelled);
            }
            if self.link_one(link)? { links += 1 } else { copies += 1 }
        }
        Ok((links, copies))
    }

    /// Whether it is a hard link; else it is a copy.
    fn link_one(&self, link: &Link) -> Result<bool, ExtractError> {
        let item = &self.plan.items[link.item];
        let (from, to) = (self.path(item), self.plan.path(link.folder, &link.name));
        if self.overwrite {
            match fs::remove_file(&to) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(self.io("replace", to, e)),
                _ => {}
            }
        }
        match fs::hard_link(&from, &to) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(ExtractError::Exists { path: to }),
            // Some file systems have no links, and all have a limit.
            Err(_) => {
                let copy = Item { folder: link.folder, name: link.name.clone(), ..*item };
                self.copy(&from, &copy)?;
                Ok(false)
            }
        }
    }

    /// Sets the times of the folders that were made, those within others first.
    pub(super) fn finish_folders(&self, made: &[usize]) {
        for &i in made.iter().rev() {
            let folder = &self.plan.folders[i];
            if open_folder(&folder.path).and_then(|open| set_times(&open, &folder.times)).is_err() {
                self.untimed(&folder.path);
            }
        }
    }

    /// What was left out, by the plan and since.
    pub(super) fn left_out(self) -> Vec<LeftOut> {
        self.left_out.into_inner().unwrap_or_else(PoisonError::into_inner).finish()
    }

    fn untimed(&self, path: &Path) {
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.add(LeftOutKind::Time, || path.display().to_string());
    }

    fn path(&self, item: &Item<'_>) -> PathBuf {
        self.plan.path(item.folder, &item.name)
    }

    fn io(&self, action: &'static str, path: PathBuf, source: io::Error) -> ExtractError {
        ExtractError::Io { action, path, source }
    }

    fn create(&self, item: &Item<'_>) -> Result<NamedTempFile, ExtractError> {
        let folder = &self.plan.folders[item.folder].path;
        unfinished(folder, &item.name).map_err(|e| self.io("create a file in", folder.clone(), e))
    }

    /// Gives a complete file its times and its name.
    fn publish(&self, item: &Item<'_>, file: NamedTempFile) -> Result<(), ExtractError> {
        let path = self.path(item);
        if set_times(file.as_file(), &item.times).is_err() {
            self.untimed(&path);
        }
        let named = if self.overwrite { file.persist(&path) } else { persist_new(file, &path) };
        match named {
            Ok(_) => Ok(()),
            Err(e) if e.error.kind() == ErrorKind::AlreadyExists => Err(ExtractError::Exists { path }),
            Err(e) => Err(self.io("give the finished file its name", path, e.error)),
        }
    }

    fn copy(&self, from: &Path, item: &Item<'_>) -> Result<(), ExtractError> {
        let mut file = self.create(item)?;
        let copied = File::open(from).and_then(|mut from| io::copy(&mut from, file.as_file_mut()));
        copied.map_err(|e| self.io("write", self.path(item), e))?;
        self.publish(item, file)
    }

    fn items(&self, index: u32) -> &[(u32, usize)] {
        let start = self.wanted.partition_point(|&(blob, _)| blob < index);
        let end = self.wanted.partition_point(|&(blob, _)| blob <= index);
        &self.wanted[start..end]
    }

    fn first(&self, index: u32) -> io::Result<&'p Item<'t>> {
        let missing = || io::Error::new(ErrorKind::InvalidInput, format!("content {index} was not asked for"));
        self.items(index).first().map(|&(_, item)| &self.plan.items[item]).ok_or_else(missing)
    }

    fn append(&self, index: u32, bytes: &[u8]) -> Result<(), ExtractError> {
        if self.progress.cancelled() {
            return Err(ExtractError::Cancelled);
        }
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let item = self.first(index).map_err(|e| self.io("write below", self.folder().to_owned(), e))?;
        // Out of the lock while it is written: the calls for one content come one at a time.
        let open = lock().remove(&index);
        let mut file = open.map_or_else(|| self.create(item), Ok)?;
        file.write_all(bytes).map_err(|e| self.io("write", self.path(item), e))?;
        lock().insert(index, file);
        self.progress.advance(bytes.len() as u64);
        Ok(())
    }

    fn complete(&self, index: u32) -> Result<(), ExtractError> {
        let file = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&index);
        let first = self.first(index).map_err(|e| self.io("write below", self.folder().to_owned(), e))?;
        self.publish(first, file.map_or_else(|| self.create(first), Ok)?)?;
        let from = self.path(first);
        self.items(index)[1..].iter().try_for_each(|&(_, item)| self.copy(&from, &self.plan.items[item]))
    }

    /// Keeps the first failure, which an [`io::Error`] could not tell.
    fn keep(&self, result: Result<(), ExtractError>) -> io::Result<()> {
        result.map_err(|e| {
            let text = e.to_string();
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(e);
            io::Error::other(text)
        })
    }
}

impl BlobSink for Writer<'_, '_> {
    fn write(&self, index: u32, _: u64, bytes: &[u8]) -> io::Result<()> {
        self.keep(self.append(index, bytes))
    }

    fn finish(&self, index: u32) -> io::Result<()> {
        self.keep(self.complete(index))
    }
}

impl Receiver for Writer<'_, '_> {}

/// A folder, open for setting its times.
fn open_folder(path: &Path) -> io::Result<File> {
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        // Folders are opened only for backups, and setting times needs the right to write attributes.
        const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
        const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
        return fs::OpenOptions::new()
            .access_mode(FILE_WRITE_ATTRIBUTES)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
            .open(path);
    }
    #[cfg(not(windows))]
    File::open(path)
}

fn set_times(file: &File, times: &Times) -> io::Result<()> {
    let system = |time| system_time(time).ok_or(io::Error::from(ErrorKind::InvalidInput));
    let set = FileTimes::new().set_accessed(system(times.accessed)?).set_modified(system(times.written)?);
    #[cfg(windows)]
    let set = std::os::windows::fs::FileTimesExt::set_created(set, system(times.created)?);
    #[cfg(target_os = "macos")]
    let set = std::os::macos::fs::FileTimesExt::set_created(set, system(times.created)?);
    file.set_times(set)
}

/// The time as this machine counts it.
fn system_time(time: Filetime) -> Option<SystemTime> {
    const EPOCH: u64 = 116_444_736_000_000_000;
    let ticks = |ticks: u64| Duration::from_secs(ticks / 10_000_000) + Duration::from_nanos(ticks % 10_000_000 * 100);
    match time.0.checked_sub(EPOCH) {
        Some(after) => SystemTime::UNIX_EPOCH.checked_add(ticks(after)),
        None => SystemTime::UNIX_EPOCH.checked_sub(ticks(EPOCH - time.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_times_are_this_machine_s_times() {
        let time = |seconds, ticks| system_time(Filetime(Filetime::from_unix(seconds).0 + ticks)).unwrap();
        assert_eq!(time(0, 0), SystemTime::UNIX_EPOCH);
        assert_eq!(time(1, 3), SystemTime::UNIX_EPOCH + Duration::new(1, 300));
        assert_eq!(time(-1, 1), SystemTime::UNIX_EPOCH - Duration::new(0, 999_999_900));
    }
}
