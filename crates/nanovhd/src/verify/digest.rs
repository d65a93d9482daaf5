//! The contents of a volume, hashed in the order in which they lie there.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use nanovhd_tree::{Content, Source};
use nanovhd_wim::{BlobSink, Wim};
use sha1::{Digest as _, Sha1};

use super::compare::{Both, Comparison, Part};
use crate::volume::{ContentError, Receiver, StreamFailure};
use crate::{MediaFile, Progress, Size, Stage, Volume};

/// A SHA-1.
pub(super) type Digest = [u8; 20];

/// What the contents should be.
pub(super) struct Expectations<'e> {
    /// Whose blobs the contents are.
    pub(super) wim: &'e Wim<MediaFile>,
    /// Whether the times of the last change are stated too; a WIM doesn't have them.
    pub(super) knows_changes: bool,
}

impl Expectations<'_> {
    /// The SHA-1 that a content should have. A WIM states it.
    pub(super) fn of(&self, content: &Content) -> io::Result<Digest> {
        match content.source() {
            Source::Bytes(bytes) => Ok(digest_of(bytes)),
            Source::Blob(id) => {
                let blob = self.wim.blobs().get(id.index as usize);
                blob.map(|blob| blob.sha1).ok_or_else(|| io::ErrorKind::InvalidInput.into())
            }
            Source::HostFile(path) => {
                let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha1::new(), vec![0; 1 << 20]);
                loop {
                    match file.read(&mut buffer)? {
                        0 => return Ok(hasher.finalize().into()),
                        n => hasher.update(&buffer[..n]),
                    }
                }
            }
        }
    }
}

/// The SHA-1 of bytes.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Sha1::digest(bytes).into()
}

/// A content that has to be read.
#[derive(Debug)]
pub(super) struct Job<'t> {
    /// Its number in the volume.
    pub(super) content: u32,
    /// Its bytes.
    pub(super) len: u64,
    pub(super) both: Both<'t>,
    pub(super) part: Part<'t>,
    /// The SHA-1 that it should have.
    pub(super) expected: Digest,
}

/// How a content turned out.
enum Outcome {
    Digest(Digest),
    Unreadable(String),
}

struct Hasher<'h> {
    progress: &'h dyn Progress,
    /// Contents that are being read.
    open: Mutex<HashMap<u32, Sha1>>,
    jobs: &'h [Job<'h>],
    /// Those that are not as they should be: few, if all is well.
    bad: Mutex<Vec<(u32, Outcome)>>,
}

/// Reads the contents that the walk left for later. Gives how many there were, and their bytes.
pub(super) fn run(
    comparison: &mut Comparison<'_, '_>,
    volume: &Volume<'_>,
    threads: NonZeroUsize,
    progress: &dyn Progress,
) -> Result<(u64, Size), StreamFailure> {
    let mut jobs = std::mem::take(&mut comparison.jobs);
    jobs.sort_by_key(|job| job.content);
    let mut contents: Vec<u32> = jobs.iter().map(|job| job.content).collect();
    contents.dedup();
    let bytes =
        jobs.chunk_by(|a, b| a.content == b.content).fold(0, |sum: u64, same| sum.saturating_add(same[0].len));
    progress.begin(Stage::Comparing, Size(bytes));
    let hasher = Hasher { progress, open: Mutex::default(), jobs: &jobs, bad: Mutex::default() };
    volume.stream(&contents, threads, &hasher)?;
    let mut bad = hasher.bad.into_inner().unwrap_or_else(PoisonError::into_inner);
    bad.sort_by_key(|(content, _)| *content);
    for (content, outcome) in bad {
        let start = jobs.partition_point(|job| job.content < content);
        for job in jobs[start..].iter().take_while(|job| job.content == content) {
            match &outcome {
                Outcome::Digest(found) if *found == job.expected => {}
                Outcome::Digest(found) => comparison.differs(job.both, job.part, *found, job.expected),
                Outcome::Unreadable(error) => comparison.unreadable(job.both, job.part, error),
            }
        }
    }
    Ok((contents.len() as u64, Size(bytes)))
}

impl BlobSink for Hasher<'_> {
    fn write(&self, index: u32, _: u64, bytes: &[u8]) -> io::Result<()> {
        if self.progress.cancelled() {
            return Err(io::Error::other("stopped"));
        }
        let lock = || self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Out of the lock while it works: the calls for one content come one at a time.
        let open = lock().remove(&index);
        let mut hasher = open.unwrap_or_default();
        hasher.update(bytes);
        lock().insert(index, hasher);
        self.progress.advance(bytes.len() as u64);
        Ok(())
    }

    fn finish(&self, index: u32) -> io::Result<()> {
        let hasher = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&index);
        let found: Digest = hasher.unwrap_or_default().finalize().into();
        let start = self.jobs.partition_point(|job| job.content < index);
        if self.jobs[start..].iter().take_while(|job| job.content == index).any(|job| job.expected != found) {
            self.bad.lock().unwrap_or_else(PoisonError::into_inner).push((index, Outcome::Digest(found)));
        }
        Ok(())
    }
}

impl Receiver for Hasher<'_> {
    /// One that can't be read is a finding, and the others are read all the same.
    fn failed(&self, index: u32, error: ContentError) -> Result<(), ContentError> {
        if self.progress.cancelled() {
            return Err(error);
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&index);
        let error = crate::text::causes(&error);
        self.bad.lock().unwrap_or_else(PoisonError::into_inner).push((index, Outcome::Unreadable(error)));
        Ok(())
    }
}
