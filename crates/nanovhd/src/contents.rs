//! From the pieces of content as they come to every place where they belong.
//!
//! ```text
//!   WIM blobs, in file order ─┐             ┌─► extents of the volume, through Gather
//!                             ├─► run ──────┼─► copies on the EFI system partition, at once
//!   host files ───────────────┘             └─► slot in memory, for the file's own record
//! ```
//!
//! The volume lists its placements sorted by content, so those of one content are neighbours: a
//! *run*. The runs are the only bookkeeping, a few words for each distinct content. Boot files on the EFI
//! system partition are copies of files of the volume, so their contents come by among its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nanovhd_ntfs::{Placement, Target};
use nanovhd_tree::{Content, Source, WriteAt};
use nanovhd_wim::BlobSink;

use crate::Progress;

/// How much of a host file is read at a time.
const HOST_BUFFER: usize = 1 << 20;

/// Neighbouring placements of the same content.
#[derive(Debug)]
struct Run {
    placements: Range<usize>,
    /// Where bytes are kept that go into file records, if any placement asks for it.
    slot: Option<usize>,
}

/// All contents of a disk, and where they go.
pub(crate) struct Contents<'p> {
    placements: &'p [Placement<'p>],
    /// Where the volume begins on the disk, in bytes.
    start: u64,
    /// The places on the disk, outside the volume, of the few runs that have such.
    elsewhere: BTreeMap<usize, Vec<u64>>,
    /// In the order of the placements: the blobs of the WIM by number, then host files.
    runs: Vec<Run>,
    /// The run of each placement: there are as many questions for it as small files, in another order.
    run_of: Vec<u32>,
    /// The blob number of each of the first runs.
    blobs: Vec<u32>,
    slots: Vec<Mutex<Vec<u8>>>,
}

impl std::fmt::Debug for Contents<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Contents({} runs, {} slots)", self.runs.len(), self.slots.len())
    }
}

impl<'p> Contents<'p> {
    /// Finds the runs among the placements of a volume that begins at `start`. `copies` are places on the
    /// disk that contents of the volume go to as well.
    pub(crate) fn new(placements: &'p [Placement<'p>], start: u64, copies: &[(Content, u64)]) -> Self {
        let elsewhere = BTreeMap::new();
        let mut by_blob: BTreeMap<_, Vec<&(Content, u64)>> = BTreeMap::new();
        for copy in copies {
            by_blob.entry(blob(copy.0.source())).or_default().push(copy);
        }
        let run_of = Vec::with_capacity(placements.len());
        let mut contents =
            Self { placements, start, elsewhere, runs: Vec::new(), run_of, blobs: Vec::new(), slots: Vec::new() };
        for same in placements.chunk_by(|a, b| a.content.source() == b.content.source()) {
            let start = contents.runs.last().map_or(0, |run| run.placements.end);
            let slot = same.iter().any(|p| p.target == Target::Resident).then(|| {
                contents.slots.push(Mutex::default());
                contents.slots.len() - 1
            });
            let source = same[0].content.source();
            let alike = by_blob.get(&blob(source)).into_iter().flatten();
            let places: Vec<u64> =
                alike.filter(|(copy, _)| copy.source() == source).map(|(_, offset)| *offset).collect();
            if !places.is_empty() {
                contents.elsewhere.insert(contents.runs.len(), places);
            }
            let run = u32::try_from(contents.runs.len()).expect("a volume has fewer than 2^32 files");
            contents.run_of.extend(same.iter().map(|_| run));
            contents.runs.push(Run { placements: start..start + same.len(), slot });
            contents.blobs.extend(blob(source));
        }
        contents
    }

    /// The numbers of the blobs that are needed, ascending.
    pub(crate) fn blobs(&self) -> &[u32] {
        &self.blobs
    }

    /// The host files that are needed, with the length each had when the tree was made.
    pub(crate) fn host_files(&self) -> impl Iterator<Item = (HostFile<'_>, u64)> {
        (self.blobs.len()..self.runs.len()).filter_map(|run| {
            let content = self.placements[self.runs[run].placements.start].content;
            match content.source() {
                Source::HostFile(path) => Some((HostFile { run, path }, content.len())),
                Source::Blob(_) | Source::Bytes(_) => None,
            }
        })
    }

    /// The bytes for a placement in a file's own record, once they have come.
    pub(crate) fn resident(&self, placement: usize) -> Option<Arc<[u8]>> {
        let run = &self.runs[*self.run_of.get(placement)? as usize];
        let slot = self.slots[run.slot?].lock().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::from(slot.as_slice()))
    }

    /// Brings a piece of a run's content to all its places.
    fn put(&self, index: usize, offset: u64, bytes: &[u8], places: Places<'_>) -> io::Result<()> {
        let run = &self.runs[index];
        let placements = &self.placements[run.placements.clone()];
        let len = placements[0].content.len();
        // The places were reserved for the length that the tree states.
        if offset.checked_add(bytes.len() as u64).is_none_or(|end| end > len) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the content is longer than its place"));
        }
        for placement in placements {
            if let Target::Extent { offset: start } = placement.target {
                places.volume.write_all_at(bytes, self.start + start + offset)?;
            }
        }
        for start in self.elsewhere.get(&index).into_iter().flatten() {
            places.elsewhere.write_all_at(bytes, start + offset)?;
        }
        if let Some(slot) = run.slot {
            self.slots[slot].lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        }
        Ok(())
    }
}

/// The number of a blob.
fn blob(source: &Source) -> Option<u32> {
    match source {
        Source::Blob(id) => Some(id.index),
        Source::HostFile(_) | Source::Bytes(_) => None,
    }
}

/// A host file among the contents.
#[derive(Debug)]
pub(crate) struct HostFile<'c> {
    run: usize,
    pub(crate) path: &'c Path,
}

/// Why a host file's content can't be brought to its place.
#[derive(Debug)]
pub(crate) enum HostError {
    /// It can't be read.
    Read(io::Error),
    /// It has not the length that it had when the tree was made.
    Changed {
        /// The length now, as far as it was read.
        found: u64,
    },
    /// The disk can't be written.
    Write(io::Error),
}

/// The disk, by what is written where. Offsets are those of the disk.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// For extents of the volume.
    pub(crate) volume: &'a dyn WriteAt,
    /// For the copies outside of it, whose clusters are not the volume's.
    pub(crate) elsewhere: &'a dyn WriteAt,
}

/// Takes what the WIM's reader unpacks.
pub(crate) struct Sink<'a> {
    pub(crate) contents: &'a Contents<'a>,
    pub(crate) places: Places<'a>,
    pub(crate) progress: &'a dyn Progress,
}

impl BlobSink for Sink<'_> {
    fn write(&self, index: u32, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let run = self.contents.blobs.binary_search(&index).map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("blob {index} came without being asked for"))
        })?;
        self.contents.put(run, offset, bytes, self.places)?;
        self.progress.advance(bytes.len() as u64);
        Ok(())
    }
}

impl Sink<'_> {
    /// Brings a host file to its places.
    pub(crate) fn copy(&self, file: &HostFile<'_>, len: u64) -> Result<(), HostError> {
        let mut input = File::open(file.path).map_err(HostError::Read)?;
        let mut buffer = vec![0; HOST_BUFFER];
        let mut offset = 0;
        loop {
            let n = match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(HostError::Read(e)),
            };
            let found = offset + n as u64;
            if found > len {
                return Err(HostError::Changed { found });
            }
            self.contents.put(file.run, offset, &buffer[..n], self.places).map_err(HostError::Write)?;
            self.progress.advance(n as u64);
            offset = found;
        }
        if offset == len { Ok(()) } else { Err(HostError::Changed { found: offset }) }
    }
}

#[cfg(test)]
mod tests {
    use nanovhd_tree::{BlobId, SourceId};

    use super::*;

    #[derive(Default)]
    struct Disk(Mutex<Vec<(u64, Vec<u8>)>>);

    impl WriteAt for Disk {
        fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
            self.0.lock().unwrap().push((offset, buf.to_owned()));
            Ok(())
        }
    }

    fn content(index: u32, len: u64) -> Content {
        Content::blob(BlobId { source: SourceId(0), index }, len)
    }

    #[test]
    fn a_blob_goes_to_all_its_places() {
        let (first, second) = (content(3, 4), content(9, 2));
        let places = [
            Placement { content: &first, target: Target::Extent { offset: 4096 } },
            Placement { content: &first, target: Target::Resident },
            Placement { content: &first, target: Target::Extent { offset: 8192 } },
            Placement { content: &second, target: Target::Resident },
        ];
        let contents = Contents::new(&places, 1 << 20, &[(second.clone(), 512), (second.clone(), 1024)]);
        assert_eq!(contents.blobs(), [3, 9]);
        let disk = Disk::default();
        let places = Places { volume: &disk, elsewhere: &disk };
        let sink = Sink { contents: &contents, places, progress: &() };
        sink.write(9, 0, b"xy").unwrap();
        sink.write(3, 0, b"abc").unwrap();
        sink.write(3, 3, b"d").unwrap();
        let written = disk.0.lock().unwrap().clone();
        let expected: [(u64, &[u8]); 6] = [
            (512, b"xy"),
            (1024, b"xy"),
            (0x10_1000, b"abc"),
            (0x10_2000, b"abc"),
            (0x10_1003, b"d"),
            (0x10_2003, b"d"),
        ];
        assert_eq!(written, expected.map(|(at, bytes)| (at, bytes.to_vec())));
        assert_eq!(contents.resident(1).unwrap()[..], *b"abcd");
        assert_eq!(contents.resident(3).unwrap()[..], *b"xy");
    }

    #[test]
    fn more_than_the_place_holds_is_refused() {
        let content = content(0, 4);
        let places = [Placement { content: &content, target: Target::Extent { offset: 0 } }];
        let contents = Contents::new(&places, 0, &[]);
        let disk = Disk::default();
        let places = Places { volume: &disk, elsewhere: &disk };
        let sink = Sink { contents: &contents, places, progress: &() };
        assert!(sink.write(0, 2, b"abc").is_err());
        assert!(sink.write(0, u64::MAX, b"abc").is_err());
        assert!(sink.write(1, 0, b"a").is_err(), "not asked for");
        assert!(disk.0.lock().unwrap().is_empty());
    }

    #[test]
    fn host_files_are_copied_and_watched_for_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"hello").unwrap();
        for (len, good) in [(5, true), (4, false), (6, false)] {
            let content = Content::host_file(path.clone(), len);
            let places = [
                Placement { content: &content, target: Target::Extent { offset: 64 } },
                Placement { content: &content, target: Target::Resident },
            ];
            let contents = Contents::new(&places, 0, &[]);
            let disk = Disk::default();
            let places = Places { volume: &disk, elsewhere: &disk };
            let sink = Sink { contents: &contents, places, progress: &() };
            let (file, expected) = contents.host_files().next().unwrap();
            let result = sink.copy(&file, expected);
            assert_eq!(result.is_ok(), good, "{len}: {result:?}");
            if good {
                assert_eq!(*disk.0.lock().unwrap(), [(64, b"hello".to_vec())]);
                assert_eq!(contents.resident(1).unwrap()[..], *b"hello");
            } else {
                assert!(matches!(result, Err(HostError::Changed { .. })));
            }
        }
    }
}
