//! Files and folders of this machine that go into the image.
//!
//! Everything is looked at before the image is touched, and whatever stands against it is told at once. Contents
//! are read only when the disk is written. A folder goes into one of the image that has its name in any case;
//! a file takes the place of such a one.
//!
//! Of a folder, plain files and folders are taken. A symbolic link in it is refused, not followed: it may lead out
//! of the folder, or round in circles. What the user names is followed, as it is what the user means.

mod gather;
mod name;
#[cfg(test)]
mod tests;

use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use nanovhd_tree::{Attributes, Content, Filetime, Times, visible};
use thiserror::Error;

use self::gather::{Gathered, Item};
use super::apply::{Context, Way};
use super::{CustomizeError, HostCopy};
use crate::Size;
use crate::text::counted;

/// Nanoseconds in a tick of a file time.
const NANOSECONDS: u128 = 100;
/// How many problems a message tells.
const TOLD: usize = 20;

/// Why a text doesn't say what to copy where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CopyError {
    /// One of the two is missing.
    #[error(
        "{:?} does not say what to copy where: SOURCE=TARGET was expected, such as tools=\\Tools; \\ is the root",
        visible(.0)
    )]
    Form(String),
    /// The target can't be.
    #[error("nothing in the image can be at {:?}: {problem}", visible(target))]
    Target {
        /// The target.
        target: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// `SOURCE=TARGET`. What is behind the last `=` is the target: names of this machine have one more often than
/// those of the image.
impl FromStr for HostCopy {
    type Err = CopyError;

    fn from_str(text: &str) -> Result<Self, CopyError> {
        match text.rsplit_once('=') {
            Some((source, target)) if !source.is_empty() && !target.is_empty() => {
                let copy = Self { source: PathBuf::from(source), target: target.to_owned() };
                copy.check().map(|()| copy)
            }
            _ => Err(CopyError::Form(text.to_owned())),
        }
    }
}

impl HostCopy {
    /// Checks that there can be something at the target. Whether there is something to copy is found out when a
    /// plan is made.
    ///
    /// # Errors
    /// [`CopyError::Target`] says why not.
    pub fn check(&self) -> Result<(), CopyError> {
        let refuse = |problem: String| Err(CopyError::Target { target: self.target.clone(), problem });
        let mut names = self.target.split(['\\', '/']);
        if self.target.is_empty() {
            return refuse("the root is \\".to_owned());
        }
        if names.clone().next().is_some_and(|first| first.ends_with(':')) {
            return refuse("it is a path below the root of the image's volume, without a drive".to_owned());
        }
        names.find_map(|part| name::problem(part).filter(|_| !part.is_empty())).map_or(Ok(()), refuse)
    }

    /// The path in the image at which a file or folder of this name comes to be: the target, or below it where it
    /// ends with a separator. The contents of a folder go into the root itself.
    fn destination(&self, name: Option<&str>, is_folder: bool) -> Option<String> {
        let mut names: Vec<&str> = self.target.split(['\\', '/']).filter(|part| !part.is_empty()).collect();
        let into = self.target.ends_with(['\\', '/']);
        if into && !(is_folder && names.is_empty()) {
            names.push(name?);
        }
        Some(names.iter().fold(String::new(), |path, name| path + "\\" + name))
    }
}

/// Copies everything into the image.
pub(super) fn apply(copies: &[HostCopy], context: &mut Context<'_>) -> Result<(), CustomizeError> {
    let mut gathered = Vec::with_capacity(copies.len());
    let mut problems = Vec::new();
    for copy in copies {
        let found = Gathered::of(copy);
        problems.extend(found.problems.iter().cloned());
        gathered.push(found);
    }
    refuse(&problems)?;
    for (copy, found) in copies.iter().zip(gathered) {
        let (files, bytes) = found.totals();
        let what = format!(
            "{}, {} in {}, to {}",
            copy.source.display(),
            Size(bytes),
            counted(files, "file"),
            visible(&copy.target)
        );
        context.say("copy", Way::File, what);
        for item in &found.items {
            put(item, context)?;
        }
    }
    Ok(())
}

/// Tells all problems at once, up to a number that somebody reads.
fn refuse(problems: &[String]) -> Result<(), CustomizeError> {
    if problems.is_empty() {
        return Ok(());
    }
    let more = problems.len().saturating_sub(TOLD);
    let mut problem = problems.iter().take(TOLD).cloned().collect::<Vec<_>>().join("; ");
    if more > 0 {
        problem += &format!("; and {} more", counted(more as u64, "problem"));
    }
    Err(CustomizeError::Setting { setting: "copy", problem, hint: None })
}

/// Puts a file or folder into the image.
fn put(item: &Item, context: &mut Context<'_>) -> Result<(), CustomizeError> {
    let Item { target, source, times, len } = item;
    context.input("copy", target.as_bytes());
    context.input("written", &times.written.0.to_le_bytes());
    let Some(len) = *len else {
        // A folder that the image has keeps its times.
        if context.files.tree.lookup(target).is_none() {
            let id = context.files.folder(target)?;
            context.files.tree.metadata_mut(id).times = *times;
        } else {
            context.files.folder(target)?;
        }
        return Ok(());
    };
    context.input("length", &len.to_le_bytes());
    let content = if len == 0 { Content::empty() } else { Content::host_file(source.as_path(), len) };
    let id = context.files.write(target, content)?;
    let metadata = context.files.tree.metadata_mut(id);
    metadata.times = *times;
    metadata.attributes = metadata.attributes.with(Attributes::ARCHIVE);
    Ok(())
}

/// The times that a file of this machine has in the image: when it was last written, four times. Other times say
/// when somebody copied or read it, and would differ for the same files.
pub(super) fn host_times(metadata: &Metadata) -> Times {
    Times::all(metadata.modified().map_or_else(|_| Filetime::default(), filetime))
}

fn filetime(time: SystemTime) -> Filetime {
    let epoch = u128::from(Filetime::from_unix(0).0);
    let ticks = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => epoch.saturating_add(since.as_nanos() / NANOSECONDS),
        Err(before) => epoch.saturating_sub(before.duration().as_nanos().div_ceil(NANOSECONDS)),
    };
    Filetime(u64::try_from(ticks).unwrap_or(u64::MAX))
}

/// A path for a message.
fn shown(path: &Path) -> String {
    format!("`{}`", visible(&path.display().to_string()))
}
