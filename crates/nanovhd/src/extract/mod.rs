//! Taking files out of a volume, to a folder of this machine.
//!
//! ```text
//!   paths ──► Plan ──► checks ──► folders ──► contents, in the volume's order ──► links ──► times
//!             what goes where     nothing is  each under another name until
//!                                 written     it is complete
//! ```
//!
//! Nothing is written outside the folder: names of an image hold no separators, and folders that are
//! there already have to be folders and no links to one. Links of the image are not made, as they
//! would lead to files of this machine.

mod host;
mod plan;
mod write;

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nanovhd_tree::{Source, visible};
use serde::Serialize;
use thiserror::Error;

use crate::browse::find;
use crate::outline::path_text;
use crate::text::counted;
use crate::volume::{ContentError, StreamFailure};
use crate::{BrowseError, Outline, Owners, Progress, Size, Stage, Volume};
use plan::Plan;
use write::Writer;

/// How files are extracted.
#[derive(Debug, Clone, Default)]
pub struct ExtractOptions {
    /// How many threads unpack; by default as many as the machine runs at once.
    pub threads: Option<NonZeroUsize>,
    /// Whether files that are there already are replaced.
    pub overwrite: bool,
    /// Whether named streams are written, each to a file `FILE:STREAM`.
    pub streams: bool,
}

/// What was extracted.
#[derive(Debug, Clone, Serialize)]
pub struct Extraction {
    /// Raised when a member of this structure changes its meaning or goes away.
    pub schema: u32,
    /// The folder.
    #[serde(serialize_with = "path_text")]
    pub folder: PathBuf,
    /// Files, named streams that became files included.
    pub files: u64,
    /// Folders, the one that was given not counted.
    pub folders: u64,
    /// Names of files beyond their first that are hard links.
    pub hard_links: u64,
    /// Those that are copies, because there could be no hard link.
    pub copies: u64,
    /// Bytes of the files.
    pub bytes: Size,
    /// Seconds it took.
    pub seconds: f64,
    /// What was not extracted.
    pub left_out: Vec<LeftOut>,
}

/// Something that was not extracted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Why.
    pub kind: LeftOutKind,
    /// How often.
    pub count: u64,
    /// The path of the first in the volume.
    pub first: String,
}

/// Why something was not extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LeftOutKind {
    /// A file or folder with a name that this machine can't have, with all that is below it.
    Name,
    /// A folder whose path would be too long for this machine, with all that is below it.
    Path,
    /// A symbolic link, junction or mount point.
    Link,
    /// The reparse data of a file whose contents were extracted.
    ReparseData,
    /// A named stream.
    Stream,
    /// A content that claims to be longer than its volume.
    Length,
    /// A time that this machine can't set.
    Time,
}

impl LeftOut {
    /// Whether a content was not extracted that was asked for.
    pub fn is_failure(&self) -> bool {
        matches!(self.kind, LeftOutKind::Name | LeftOutKind::Path | LeftOutKind::Length)
    }
}

/// `48 named streams, first \Windows\a.txt:s`
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, more) = match self.kind {
            LeftOutKind::Name => ("name that this machine can't have", "names that this machine can't have"),
            LeftOutKind::Path => {
                ("folder with a path too long for this machine", "folders with paths too long for this machine")
            }
            LeftOutKind::Link => ("link or junction", "links or junctions"),
            LeftOutKind::ReparseData => ("reparse point's data", "reparse points' data"),
            LeftOutKind::Stream => ("named stream", "named streams"),
            LeftOutKind::Length => (
                "content that claims to be longer than its volume",
                "contents that claim to be longer than their volume",
            ),
            LeftOutKind::Time => ("time that could not be set", "times that could not be set"),
        };
        let what = if self.count == 1 { one } else { more };
        write!(f, "{} {what}, first {}", crate::text::grouped(self.count), visible(&self.first))
    }
}

/// One line for what there is now, one for each kind of what is not.
impl fmt::Display for Extraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} in {}", self.folder.display(), self.bytes, counted(self.files, "file"))?;
        for (count, what) in [(self.folders, "folder"), (self.hard_links, "hard link")] {
            if count > 0 {
                write!(f, ", {}", counted(count, what))?;
            }
        }
        if self.copies > 0 {
            let copies = if self.copies == 1 { "copy" } else { "copies" };
            write!(f, ", {} {copies} instead of hard links", self.copies)?;
        }
        writeln!(f, " in {:.1} s", self.seconds)?;
        self.left_out.iter().try_for_each(|left| writeln!(f, "left out: {left}"))
    }
}

/// Why files were not extracted. Files that were complete by then are there; unfinished ones are
/// removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// A path leads nowhere.
    #[error(transparent)]
    Path(#[from] BrowseError),
    /// There is a file of that name, and it was not said that it may be replaced.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Something is where a folder or file must be.
    #[error("`{}` is {found}, where {expected} is to be", path.display())]
    InTheWay {
        /// What is there.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What is to be there.
        expected: &'static str,
    },
    /// Two names of a folder are the same name here.
    #[error("`{folder}` holds both {:?} and {:?}, and `{}` does not tell names by case", names[0], names[1], target.display())]
    CaseTwins {
        /// The folder in the volume.
        folder: String,
        /// The names.
        names: [String; 2],
        /// The folder that is written to.
        target: PathBuf,
    },
    /// A content is damaged or can't be read.
    #[error("can't unpack {owners} from `{}`", container.display())]
    Content {
        /// The files it belongs to.
        owners: Owners,
        /// The file that holds the volume.
        container: PathBuf,
        /// What is wrong, and where.
        source: ContentError,
    },
    /// The file that holds the volume can't be read.
    #[error("can't read `{}`", container.display())]
    Container {
        /// The file that holds the volume.
        container: PathBuf,
        /// What is wrong.
        source: ContentError,
    },
    /// The operating system refuses something.
    #[error("can't {action} `{}`", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The caller's [`Progress`] asked to stop.
    #[error("stopped before everything was extracted")]
    Cancelled,
}

impl ExtractError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Path(e) => e.hint(),
            Self::Exists { .. } => Some("give --force to replace files, or another folder".to_owned()),
            Self::CaseTwins { .. } => Some("choose a folder on a file system that tells names by case".to_owned()),
            Self::InTheWay { .. } => Some("move it away, or give another folder".to_owned()),
            _ => None,
        }
    }
}

impl Volume<'_> {
    /// Extracts files and folders with all they hold; no path at all means everything. They have
    /// the same path below `folder` as in the volume. Folders are made where need be.
    ///
    /// # Errors
    /// [`ExtractError`] says what stands against it.
    pub fn extract(
        &self,
        paths: &[impl AsRef<str>],
        folder: impl AsRef<Path>,
        options: &ExtractOptions,
        progress: &dyn Progress,
    ) -> Result<Extraction, ExtractError> {
        let start = Instant::now();
        let folder = folder.as_ref();
        let mut plan = self.plan_extraction(paths, folder, options)?;
        check(&plan, options.overwrite)?;
        make_folder(folder)?;
        if let Some(twins) = plan.twins.take().filter(|_| !tells_case(folder)) {
            let target = folder.to_owned();
            return Err(ExtractError::CaseTwins { folder: twins.folder, names: twins.names, target });
        }
        let left_out = std::mem::take(&mut plan.left_out);
        let writer = Writer::new(&plan, left_out, options.overwrite, progress);
        let made = writer.make_folders()?;
        progress.begin(Stage::Extracting, writer.bytes());
        self.fill(&writer, options)?;
        let (hard_links, copies) = writer.link()?;
        writer.finish_folders(&made);
        Ok(Extraction {
            schema: Outline::SCHEMA,
            folder: folder.to_owned(),
            files: plan.items.len() as u64,
            folders: plan.folders.len() as u64 - 1,
            hard_links,
            copies,
            bytes: Size(plan.items.iter().fold(0, |sum, item| sum.saturating_add(item.content.len()))),
            seconds: start.elapsed().as_secs_f64(),
            left_out: writer.left_out(),
        })
    }

    /// What the paths lead to; all there is, if there are none.
    fn plan_extraction(
        &self,
        paths: &[impl AsRef<str>],
        folder: &Path,
        options: &ExtractOptions,
    ) -> Result<Plan<'_>, ExtractError> {
        let mut plan = Plan::new(self.tree(), folder, options.streams, self.longest_content());
        for path in paths {
            plan.take(&find(self.tree(), self.origin(), path.as_ref())?);
        }
        if paths.is_empty() {
            plan.take(&find(self.tree(), self.origin(), "\\")?);
        }
        Ok(plan)
    }

    /// Writes the contents of all items.
    fn fill(&self, writer: &Writer<'_, '_>, options: &ExtractOptions) -> Result<(), ExtractError> {
        writer.write_small()?;
        let threads = options.threads.or_else(|| std::thread::available_parallelism().ok());
        let result = self.stream(&writer.contents(), threads.unwrap_or(NonZeroUsize::MIN), writer);
        let container = || self.path().to_owned();
        result.map_err(|e| match e {
            StreamFailure::Receiver(source) => writer.failure().unwrap_or_else(|| ExtractError::Io {
                action: "write below",
                path: writer.folder().to_owned(),
                source,
            }),
            StreamFailure::Content { index: None, error } => {
                ExtractError::Container { container: container(), source: error }
            }
            StreamFailure::Content { index: Some(index), error } => {
                let is_it = |s: &Source| matches!(s, Source::Blob(id) if id.index == index);
                let owners = Owners::of(self.tree(), is_it);
                ExtractError::Content { owners, container: container(), source: error }
            }
        })
    }
}

/// Looks at what is there before anything is written.
fn check(plan: &Plan<'_>, overwrite: bool) -> Result<(), ExtractError> {
    let mut there = Vec::with_capacity(plan.folders.len());
    for folder in &plan.folders {
        // Below a folder that is not there nothing is.
        let above = folder.parent.is_none_or(|parent| there[parent]);
        there.push(above && is_folder(&folder.path, folder.parent.is_none())?);
    }
    let names = plan.items.iter().map(|item| (item.folder, &item.name));
    for (folder, name) in names.chain(plan.links.iter().map(|link| (link.folder, &link.name))) {
        if there[folder] {
            check_file(&plan.path(folder, name), overwrite)?;
        }
    }
    Ok(())
}

/// Whether there is a folder. Only the one that the user gave may be a link to one.
fn is_folder(path: &Path, follow: bool) -> Result<bool, ExtractError> {
    let found = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
    match found {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(source) => Err(ExtractError::Io { action: "look at", path: path.to_owned(), source }),
        Ok(found) if found.is_dir() => Ok(true),
        Ok(found) => {
            let found = if found.is_symlink() { "a symbolic link" } else { "no folder" };
            Err(ExtractError::InTheWay { path: path.to_owned(), found, expected: "a folder" })
        }
    }
}

fn check_file(path: &Path, overwrite: bool) -> Result<(), ExtractError> {
    match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ExtractError::Io { action: "look at", path: path.to_owned(), source }),
        Ok(found) if found.is_dir() => {
            Err(ExtractError::InTheWay { path: path.to_owned(), found: "a folder", expected: "a file" })
        }
        Ok(_) if overwrite => Ok(()),
        Ok(_) => Err(ExtractError::Exists { path: path.to_owned() }),
    }
}

fn make_folder(folder: &Path) -> Result<(), ExtractError> {
    fs::create_dir_all(folder).map_err(|source| ExtractError::Io {
        action: "make the folder",
        path: folder.to_owned(),
        source,
    })
}

/// Whether names that differ in case only are two names there. Where it can't be tried, they are:
/// nothing is replaced without being told anyway.
fn tells_case(folder: &Path) -> bool {
    let probe = tempfile::Builder::new().prefix(".nanovhd-case-").tempfile_in(folder);
    probe.map_or(true, |probe| {
        let name = probe.path().file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        fs::symlink_metadata(folder.join(name)).is_err()
    })
}
