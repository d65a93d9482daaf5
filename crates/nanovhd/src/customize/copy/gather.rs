//! What is to be copied, found on this machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use nanovhd_tree::{Name, Times};

use super::{host_times, name, shown};
use crate::HostCopy;
use crate::text::causes;

/// A file or folder, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    /// The path in the image.
    pub(super) target: String,
    pub(super) source: PathBuf,
    pub(super) times: Times,
    /// The length in bytes; folders have none.
    pub(super) len: Option<u64>,
}

/// All that one copy brings, folders before what is in them and names in their order; or what stands
/// against it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Gathered {
    pub(super) items: Vec<Item>,
    pub(super) problems: Vec<String>,
}

impl Gathered {
    pub(super) fn of(copy: &HostCopy) -> Self {
        let mut gathered = Self::default();
        if let Err(problem) = gathered.add(copy) {
            gathered.problems.push(problem);
        }
        gathered
    }

    /// Files, and their bytes.
    pub(super) fn totals(&self) -> (u64, u64) {
        let lens = self.items.iter().filter_map(|item| item.len);
        lens.fold((0, 0), |(files, bytes), len| (files + 1, u64::saturating_add(bytes, len)))
    }

    fn add(&mut self, copy: &HostCopy) -> Result<(), String> {
        copy.check().map_err(|e| e.to_string())?;
        let source = &copy.source;
        let found = fs::metadata(source).map_err(|e| unreadable(source, &e))?;
        // `.` and such have a name only when they are spelled out.
        let whole =
            if source.file_name().is_some() { source.clone() } else { fs::canonicalize(source).unwrap_or_default() };
        let own = whole.file_name().map(|name| name.to_string_lossy().into_owned());
        let target = copy.destination(own.as_deref(), found.is_dir());
        let target = target.ok_or_else(|| format!("{} has no name to copy it under", shown(source)))?;
        // Only a name that comes from this machine has not been checked yet.
        let last = target.rsplit('\\').next().filter(|last| !last.is_empty());
        if let Some(problem) = last.and_then(name::problem) {
            return Err(format!("{} can't be in the image: {problem}", shown(source)));
        }
        if found.is_dir() {
            self.folder(source, target, &found);
            Ok(())
        } else if found.is_file() {
            self.items.push(item(source.clone(), target, &found));
            Ok(())
        } else {
            Err(format!("{} is neither a file nor a folder", shown(source)))
        }
    }

    /// A folder and everything in it, whatever its depth.
    fn folder(&mut self, source: &Path, target: String, found: &fs::Metadata) {
        let mut waiting = vec![item(source.to_owned(), target, found)];
        while let Some(next) = waiting.pop() {
            if next.len.is_none() {
                match self.entries(&next) {
                    // The last comes out first.
                    Ok(entries) => waiting.extend(entries.into_iter().rev()),
                    Err(problem) => self.problems.push(problem),
                }
            }
            // The root is there.
            if !next.target.is_empty() {
                self.items.push(next);
            }
        }
    }

    /// What is in a folder, in the order of the names.
    fn entries(&mut self, folder: &Item) -> Result<Vec<Item>, String> {
        let failed = |e: std::io::Error| unreadable(&folder.source, &e);
        let listed = fs::read_dir(&folder.source).map_err(failed)?;
        let mut names =
            listed.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<OsString>, _>>().map_err(failed)?;
        names.sort_unstable();
        let mut items = Vec::with_capacity(names.len());
        for name in &names {
            match entry(folder, name) {
                Ok(item) => items.push(item),
                Err(problem) => self.problems.push(problem),
            }
        }
        self.twins(folder, &names);
        Ok(items)
    }

    /// Names that are one to Windows, which only one file can have.
    fn twins(&mut self, folder: &Item, names: &[OsString]) {
        let mut folded: Vec<(Name, &OsString)> =
            names.iter().map(|name| (Name::from(&*name.to_string_lossy()).folded(), name)).collect();
        folded.sort();
        for pair in folded.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            let [one, other] = [pair[0].1, pair[1].1].map(|name| shown(&folder.source.join(name)));
            self.problems.push(format!("{one} and {other} have one name to Windows"));
        }
    }
}

fn entry(folder: &Item, name: &OsString) -> Result<Item, String> {
    let source = folder.source.join(name);
    let Some(text) = name.to_str() else { return Err(format!("{} has a name that is no Unicode", shown(&source))) };
    if let Some(problem) = name::problem(text) {
        return Err(format!("{} can't be in the image: {problem}", shown(&source)));
    }
    let found = fs::symlink_metadata(&source).map_err(|e| unreadable(&source, &e))?;
    let target = format!("{}\\{text}", folder.target);
    match found.file_type() {
        kind if kind.is_file() || kind.is_dir() => Ok(item(source, target, &found)),
        kind if kind.is_symlink() => {
            Err(format!("{} is a symbolic link, which is not followed: put there what it names", shown(&source)))
        }
        _ => Err(format!("{} is neither a file nor a folder", shown(&source))),
    }
}

fn item(source: PathBuf, target: String, found: &fs::Metadata) -> Item {
    Item { target, source, times: host_times(found), len: found.is_file().then_some(found.len()) }
}

fn unreadable(path: &Path, error: &std::io::Error) -> String {
    format!("{} can't be read: {}", shown(path), causes(error))
}
