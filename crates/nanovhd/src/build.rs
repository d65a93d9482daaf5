//! Carrying a plan out.
//!
//! ```text
//!   WIM ─► workers: read, decode, SHA-1 ─┐                        ┌► Window ─► Gather ─┐
//!                                        ├─► contents ─► Sink ────┤  extents    1 MiB  ├─► DiskWriter
//!   host files ──────────────────────────┘                        └► Window ───────────┤   virtual to
//!   NTFS structures, partition tables, ESP ─────────────────────────► Window ──────────┘   file offsets
//!                                                                   asks to stop            │
//!   OUT ◄─ rename ◄─ sync ◄─ .OUT.xxxxxx.partial ◄─ write-back, pages dropped ◄─ Behind ◄───┘
//! ```
//!
//! The contents come first, from all threads and in the order of the WIM, which is also that of their
//! extents; so the output is written nearly from front to back, and each byte of it once. The structures
//! come after them, because small files lie within their records.
//!
//! A worker does everything from reading to writing, while the bytes are in its core's cache; no queue lies
//! between. [`Gather`] makes long writes of the small files that are neighbours on the disk, and
//! [`Behind`] has the system write them to the disk meanwhile, so that they take neither its memory nor, at
//! the end, time: the sync waits only for the last few MiB. Holes are never written.
//!
//! Memory: 2 MiB for each worker in the WIM's reader, 1 MiB for each in [`Gather`] (but no more than 32 MiB
//! for up to 500 workers), and what the layout of the volume takes. In the system's page cache there are the
//! at most 128 MiB that [`Behind`] has not given to the disk, and what the disk has not written yet.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Builder;
use std::time::Instant;

use nanovhd_disk::DiskWriter;
use nanovhd_ntfs::WriteError;
use nanovhd_tree::{Source, WriteAt};
use nanovhd_wim::StreamError;
use serde::Serialize;
use thiserror::Error;

use crate::behind::{Behind, Pages};
use crate::contents::{Contents, HostError, Places, Sink};
use crate::gather::Gather;
use crate::outline::path_text;
use crate::output::{Partial, Target};
use crate::text::counted;
use crate::verify::{self, Expected};
use crate::{
    DiskFormat, Outline, OutputError, Owners, Plan, Progress, Size, Stage, Verification, VerifyError, VerifyOptions,
};

/// How a plan is carried out. None of it changes the bytes of the output.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// How many threads unpack; by default as many as the machine runs at once.
    pub threads: Option<NonZeroUsize>,
    /// Whether an existing output file is replaced.
    pub overwrite: bool,
    /// Whether the output is verified, and every file on it compared with the image, before it gets
    /// its name.
    pub verify: bool,
    /// Whether the output gets its name before the operating system has brought all of it to the disk. That
    /// is sooner, but after a power failure within the next minute there may be a file of this name with
    /// pieces missing; and when the disk fails meanwhile, nobody is told.
    pub no_sync: bool,
}

/// What was built.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Raised when a member of this structure changes its meaning or goes away.
    pub schema: u32,
    /// The output file.
    #[serde(serialize_with = "path_text")]
    pub output: PathBuf,
    /// Its length in bytes.
    pub file_length: Size,
    /// Bytes of file contents that were unpacked.
    pub unpacked: Size,
    /// Seconds it took, the sync to the disk included, if there was one.
    pub seconds: f64,
    /// Whether the output is on the disk, and not only in the operating system's memory.
    pub synced: bool,
    /// Seconds that the sync took of them.
    pub sync_seconds: f64,
    /// Threads that unpacked.
    pub threads: usize,
    /// What verifying the output came to, if that was asked for.
    pub verification: Option<Verification>,
    /// The plan that was carried out.
    pub plan: Outline,
}

/// Two lines: what there is now, and how long it took. One more if it was verified.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { output, file_length, unpacked, seconds, sync_seconds, .. } = self;
        let disk = &self.plan.disk;
        let kind = disk.kind();
        writeln!(f, "{}: {kind} of {}, {file_length} long", output.display(), disk.size)?;
        // Rates are for people; a build of no time at all has none.
        let rate = unpacked.0 as f64 / seconds.max(1e-3) / (1 << 20) as f64;
        write!(f, "{unpacked} unpacked in {seconds:.1} s ({rate:.0} MiB/s), ")?;
        if self.synced {
            writeln!(f, "{sync_seconds:.1} s of them for the sync to disk")?;
        } else {
            writeln!(f, "not synced to disk")?;
        }
        self.verification.as_ref().map_or(Ok(()), |verification| {
            writeln!(
                f,
                "verified in {:.1} s of them: every structure, and every file against the image",
                verification.seconds
            )
        })
    }
}

/// Why nothing was built. What had been written is removed, and a file that was there under the
/// output's name is as it was.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The output can't be made under its name.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The caller's [`Progress`] asked to stop.
    #[error("stopped before the output was complete")]
    Cancelled,
    /// The disk has no room for the output.
    #[error("no room for the output `{}`, which needs about {needed}", path.display())]
    Full {
        /// The output.
        path: PathBuf,
        /// The bytes that are written to it; the file may be longer, with holes.
        needed: Size,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The output can't be written.
    #[error("can't write the output `{}`", path.display())]
    Write {
        /// The output.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// A content of the image is damaged or can't be read.
    #[error("can't unpack {owners} from `{}`", wim.display())]
    Content {
        /// The files it belongs to.
        owners: Owners,
        /// The WIM.
        wim: PathBuf,
        /// What is wrong, and where in the WIM.
        source: Box<StreamError>,
    },
    /// The WIM can't be read.
    #[error("can't read `{}`", wim.display())]
    Wim {
        /// The WIM.
        wim: PathBuf,
        /// What is wrong.
        source: Box<StreamError>,
    },
    /// A file of this machine that belongs into the image can't be read.
    #[error("can't read `{}`, which is to become {owners}", path.display())]
    HostFile {
        /// The file.
        path: PathBuf,
        /// The files of the image that it becomes.
        owners: Owners,
        /// What the operating system reports.
        source: io::Error,
    },
    /// A file of this machine is not as long as it was when the plan was made.
    #[error("`{}` has changed since the plan was made: {expected} bytes were expected, {found} or more found", path.display())]
    HostFileChanged {
        /// The file.
        path: PathBuf,
        /// Its length when the plan was made.
        expected: u64,
        /// What was found.
        found: u64,
    },
    /// The output can't be verified.
    #[error("can't verify the output")]
    Verify(#[source] VerifyError),
    /// The output is not as it should be.
    #[error("the output has {}, so it was removed", counted(.0.count(), "finding"))]
    Findings(Box<Verification>),
    /// The structures of the volume can't be made.
    #[error("can't write the NTFS structures of `{}`", path.display())]
    Structures {
        /// The output.
        path: PathBuf,
        /// What is wrong.
        source: WriteError,
    },
}

impl BuildError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Output(e) => e.hint(),
            Self::Full { needed, .. } => Some(format!("free {needed}, or choose a folder on another disk")),
            Self::Write { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => {
                Some("the file system or a limit of this session allows no file so large".to_owned())
            }
            Self::Content { .. } => {
                Some("the WIM is damaged: compare its checksum with that of the download, or copy it anew".to_owned())
            }
            Self::HostFileChanged { .. } => Some("run again when the file is at rest".to_owned()),
            Self::Findings(_) => Some("this is a fault of nanovhd or of the machine: please report it".to_owned()),
            Self::Cancelled
            | Self::Verify(_)
            | Self::Write { .. }
            | Self::Wim { .. }
            | Self::HostFile { .. }
            | Self::Structures { .. } => None,
        }
    }
}

/// A part of the virtual disk, as a writer of its own. It stops when the caller wants to.
struct Window<'a> {
    disk: &'a dyn WriteAt,
    start: u64,
    progress: &'a dyn Progress,
    stopped: &'a AtomicBool,
}

impl WriteAt for Window<'_> {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        if self.progress.cancelled() {
            self.stopped.store(true, Ordering::Relaxed);
            return Err(io::Error::other("stopped"));
        }
        self.disk.write_all_at(buf, self.start + offset)
    }
}

impl Plan<'_> {
    /// Looks whether the output could be made under this name, which [`Plan::build`] does before
    /// anything else too.
    ///
    /// # Errors
    /// What stands against it.
    pub fn check_output(&self, output: impl AsRef<Path>, options: &BuildOptions) -> Result<(), OutputError> {
        self.target(output.as_ref(), options).map(|_| ())
    }

    fn target(&self, output: &Path, options: &BuildOptions) -> Result<Target, OutputError> {
        let format = self.outline.disk.format;
        // Hyper-V goes by the suffix and refuses what does not fit it.
        if let Some(suffix) = DiskFormat::of_suffix(output).filter(|suffix| *suffix != format) {
            return Err(OutputError::Suffix { path: output.to_owned(), suffix, format });
        }
        Target::check(output, options.overwrite, self.media.files())
    }

    /// Builds the disk. The output appears under its name when it is complete and (but for
    /// [`BuildOptions::no_sync`]) on the disk; until then, and when anything fails, there is nothing new under
    /// that name.
    ///
    /// # Errors
    /// [`BuildError`] says what failed.
    pub fn build(
        &self,
        output: impl AsRef<Path>,
        options: &BuildOptions,
        progress: &dyn Progress,
    ) -> Result<Report, BuildError> {
        let start = Instant::now();
        let partial = self.target(output.as_ref(), options)?.create()?;
        let threads =
            options.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let work = Work { plan: self, partial: &partial, progress, stopped: AtomicBool::new(false) };
        work.write(threads, options)?;
        let verification = if options.verify { Some(work.verify(threads)?) } else { None };

        let synced = !options.no_sync;
        let sync_seconds = if synced { work.sync()? } else { 0.0 };
        work.go_on()?;
        let output = partial.path().to_owned();
        partial.publish(synced)?;
        Ok(Report {
            schema: Outline::SCHEMA,
            output,
            file_length: Size(self.container.file_len()),
            unpacked: self.outline.contents.bytes,
            seconds: start.elapsed().as_secs_f64(),
            synced,
            sync_seconds,
            threads: threads.get(),
            verification,
            plan: self.outline.clone(),
        })
    }
}

/// Does two things, at once if there may be and is a second thread.
fn both<A, B: Send>(threads: NonZeroUsize, one: impl FnOnce() -> A, other: impl Fn() -> B + Sync) -> (A, B) {
    std::thread::scope(|scope| {
        let start = || Builder::new().spawn_scoped(scope, &other).ok();
        let thread = (threads > NonZeroUsize::MIN).then(start).flatten();
        let one = one();
        let other = match thread {
            Some(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            None => other(),
        };
        (one, other)
    })
}

/// A build under way.
struct Work<'a> {
    plan: &'a Plan<'a>,
    partial: &'a Partial,
    progress: &'a dyn Progress,
    stopped: AtomicBool,
}

impl Work<'_> {
    fn write(&self, threads: NonZeroUsize, options: &BuildOptions) -> Result<(), BuildError> {
        let plan = self.plan;
        // The bytes that nobody writes are zeros, and holes where the file system has them.
        self.partial.file().set_len(plan.container.file_len()).map_err(|e| self.io(e))?;
        let behind = Behind::new(self.partial.file(), Pages::of(plan.outline.disk.written.0, options.verify));
        let disk: DiskWriter<'_, _> = plan.container.create(&behind);
        let volume = plan.lay_out();
        let window = |start| Window { disk: &disk, start, progress: self.progress, stopped: &self.stopped };

        let whole = window(0);
        let contents = Contents::new(volume.placements(), plan.volume_start, &plan.copies);
        self.progress.begin(Stage::Contents, plan.outline.contents.bytes);
        let gather = Gather::new(&disk, plan.volume_start, plan.outline.volume.cluster_size, threads.get());
        let places = Places { volume: &Window { disk: &gather, ..window(0) }, elsewhere: &whole };
        self.stream(&contents, places, threads)?;
        gather.flush().map_err(|e| self.io(e))?;

        self.progress.begin(Stage::Structures, Size(0));
        let resident = |placement| contents.resident(placement);
        let in_volume = || volume.write_metadata(&resident, &window(plan.volume_start));
        let outside = || plan.fixed.iter().try_for_each(|(offset, bytes)| whole.write_all_at(bytes, *offset));
        let (volume_written, outside_written) = both(threads, in_volume, outside);
        volume_written.map_err(|e| self.structures(e))?;
        outside_written.map_err(|e| self.io(e))?;
        disk.finish().map_err(|e| self.io(e))?;
        // Without a sync nobody waits for the last windows.
        if !options.no_sync {
            behind.finish();
        }
        Ok(())
    }

    /// Reads the output back. Only one without findings is good.
    fn verify(&self, threads: NonZeroUsize) -> Result<Verification, BuildError> {
        let plan = self.plan;
        let expected = Expected {
            tree: &plan.tree,
            notes: &[],
            wim: plan.media.wim(),
            wim_path: plan.media.wim_path(),
            index: plan.outline.image.index,
            knows_changes: true,
            is_image: false,
        };
        let options = VerifyOptions { threads: Some(threads), boot: plan.outline.boot.is_some() };
        let path = self.partial.path();
        match verify::run(self.partial.file(), path, Some(&expected), &options, self.progress) {
            Ok(verification) if verification.clean => Ok(verification),
            Ok(verification) => Err(BuildError::Findings(Box::new(verification))),
            Err(VerifyError::Cancelled) => Err(BuildError::Cancelled),
            Err(e) => Err(BuildError::Verify(e)),
        }
    }

    /// Brings all contents to their places.
    fn stream(&self, contents: &Contents<'_>, places: Places<'_>, threads: NonZeroUsize) -> Result<(), BuildError> {
        let sink = Sink { contents, places, progress: self.progress };
        let wim = self.plan.media.wim();
        wim.stream(contents.blobs(), threads, &sink).map_err(|e| self.unpacking(e))?;
        for (file, len) in contents.host_files() {
            sink.copy(&file, len).map_err(|e| match e {
                HostError::Write(e) => self.io(e),
                HostError::Changed { found } => {
                    BuildError::HostFileChanged { path: file.path.to_owned(), expected: len, found }
                }
                HostError::Read(source) => BuildError::HostFile {
                    path: file.path.to_owned(),
                    owners: Owners::of(&self.plan.tree, |s| matches!(s, Source::HostFile(p) if **p == *file.path)),
                    source,
                },
            })?;
        }
        Ok(())
    }

    /// Waits until the output is on the disk, and says how many seconds that took. Errors of what the
    /// system wrote in its own time come here.
    fn sync(&self) -> Result<f64, BuildError> {
        self.progress.begin(Stage::Sync, Size(0));
        let start = Instant::now();
        self.partial.file().sync_all().map_err(|e| self.io(e))?;
        Ok(start.elapsed().as_secs_f64())
    }

    /// An error when the caller wants to stop.
    fn go_on(&self) -> Result<(), BuildError> {
        if self.progress.cancelled() { Err(BuildError::Cancelled) } else { Ok(()) }
    }

    /// What a failed write of the output means.
    fn io(&self, source: io::Error) -> BuildError {
        let path = self.partial.path().to_owned();
        match source.kind() {
            _ if self.stopped.load(Ordering::Relaxed) => BuildError::Cancelled,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                BuildError::Full { path, needed: self.plan.outline.disk.written, source }
            }
            _ => BuildError::Write { path, source },
        }
    }

    fn structures(&self, e: WriteError) -> BuildError {
        match e {
            WriteError::Io { source, .. } => self.io(source),
            source => BuildError::Structures { path: self.partial.path().to_owned(), source },
        }
    }

    fn unpacking(&self, e: StreamError) -> BuildError {
        let wim = self.plan.media.wim_path().to_owned();
        match e {
            StreamError::Sink { source, .. } => self.io(source),
            source => match source.blob() {
                None => BuildError::Wim { wim, source: Box::new(source) },
                Some(index) => {
                    let is_it = |s: &Source| matches!(s, Source::Blob(id) if id.index == index);
                    BuildError::Content { owners: Owners::of(&self.plan.tree, is_it), wim, source: Box::new(source) }
                }
            },
        }
    }
}

#[cfg(test)]
#[path = "../tests/support/mod.rs"]
pub(crate) mod support;

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use nanovhd_tree::{Content, Metadata, Tree};

    use super::support::{Part, in_image, on_volume, testdata, with_boot_files};
    use super::*;
    use crate::{Edition, Media, Recipe, Selection};

    /// A plan for the Standard image with files of this machine and of memory added to it.
    fn plan<'m>(media: &'m Media, host: &Path) -> Plan<'m> {
        let chosen = media.choose(&Selection::Edition(Edition::Standard)).unwrap();
        let mut tree = media.tree(chosen.image.index).unwrap();
        for (name, content) in [
            ("host.bin", Content::host_file(host, fs::metadata(host).unwrap().len())),
            ("host again.bin", Content::host_file(host, fs::metadata(host).unwrap().len())),
            ("small.txt", Content::bytes(*b"from memory")),
            ("large.txt", Content::bytes(vec![7; 100_000])),
        ] {
            tree.add_file(Tree::ROOT, name.into(), Metadata::default(), content).unwrap();
        }
        Recipe::for_output("a.vhd")
            .unwrap()
            .fixed(true)
            .disk_size(Size(32 << 20))
            .plan_tree(media, chosen, tree, vec![])
            .unwrap()
    }

    #[test]
    fn files_of_this_machine_and_of_memory_come_onto_the_disk() {
        let media = Media::open(testdata("media")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for len in [0, 100, 3_000_000] {
            let host = folder.path().join("host");
            let bytes: Vec<u8> = (0..len).map(|i: u32| (i % 251) as u8).collect();
            fs::write(&host, &bytes).unwrap();
            let plan = plan(&media, &host);
            let output = folder.path().join(format!("{len}.vhd"));
            plan.build(&output, &BuildOptions::default(), &()).unwrap();
            let found = on_volume(Part { disk: File::open(&output).unwrap(), start: plan.volume_start });
            let mut expected = in_image(&media, 1);
            for (name, bytes) in [
                ("host", &bytes),
                ("host again", &bytes),
                ("small", &b"from memory".to_vec()),
                ("large", &vec![7; 100_000]),
            ] {
                let suffix = if name.starts_with("host") { "bin" } else { "txt" };
                expected.insert(format!("\\\"{name}.{suffix}\""), bytes.clone());
            }
            super::support::assert_same(&found, &with_boot_files(expected, &found));
        }
    }

    #[test]
    fn a_file_that_changes_or_goes_away_stops_the_build() {
        let media = Media::open(testdata("media")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (host, output) = (folder.path().join("host"), folder.path().join("a.vhd"));
        let build = |change: &dyn Fn()| {
            fs::write(&host, vec![1; 5000]).unwrap();
            let plan = plan(&media, &host);
            change();
            let error = plan.build(&output, &BuildOptions::default(), &()).unwrap_err();
            assert!(!output.exists());
            error
        };
        for len in [4999, 5001, 0] {
            let error = build(&|| fs::write(&host, vec![1; len]).unwrap());
            assert!(matches!(error, BuildError::HostFileChanged { expected: 5000, .. }), "{error}");
        }
        let error = build(&|| fs::remove_file(&host).unwrap());
        assert!(error.to_string().contains("host.bin"), "{error}");
        assert!(matches!(error, BuildError::HostFile { .. }), "{error}");
    }
}
