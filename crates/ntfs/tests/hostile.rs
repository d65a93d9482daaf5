//! Damaged volumes: whatever bytes change, reading ends with an error or a tree, never with a panic,
//! a hang or memory without bound.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{Builder, options, write_volume};
use nanovhd_ntfs::{Ntfs, OpenError, ReadError};
use nanovhd_tree::{ObjectId, ReadAt, Source, SourceId, Tree};

/// A small volume with some of everything, as bytes.
fn volume() -> Vec<u8> {
    let mut b = Builder::new();
    let folder = b.dir(Tree::ROOT, "folder");
    for i in 0..120u32 {
        b.file(folder, format!("a name that is long enough to need blocks {i}").as_str(), u64::from(i) * 97);
    }
    let streams = b.file(folder, "streams", 10_000);
    for i in 0..60 {
        b.stream(streams, format!("stream {i}").as_str(), i * 40);
    }
    b.symlink(folder, "link", "folder");
    b.tree.metadata_mut(streams).object_id = Some(ObjectId { object: [7; 16], birth: Some([[1; 16]; 3]) });
    let file = tempfile::tempfile().unwrap();
    let size = 12 << 20;
    write_volume(&b.tree, &options(size), &file);
    let mut bytes = vec![0; usize::try_from(size).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// Reads all that there is, and says whether there was nothing wrong.
fn read(bytes: &Vec<u8>) -> Result<(), String> {
    let ntfs = Ntfs::open(bytes).map_err(|e| e.to_string())?;
    let snapshot = ntfs.snapshot(SourceId(0)).map_err(|e| e.to_string())?;
    let mut buf = vec![0; 4096];
    for step in snapshot.tree.walk() {
        let streams = step.file.metadata.streams.iter().map(|s| &s.content);
        for content in step.file.content().into_iter().chain(streams) {
            let Source::Blob(id) = content.source() else { continue };
            // The start, the end and behind the end; sizes may be lies of 2^62 bytes.
            for offset in [0, content.len().saturating_sub(100), content.len(), u64::MAX] {
                ntfs.read_stream(&snapshot.streams, id.index, offset, &mut buf).map_err(|e| e.to_string())?;
            }
        }
    }
    Ok(())
}

/// Places of the volume that hold metadata: everything that is not zero but in front of the MFT, and
/// the MFT.
fn places(bytes: &[u8]) -> Vec<usize> {
    let record = |chunk: &[u8]| chunk.starts_with(b"FILE") || chunk.starts_with(b"INDX");
    let blocks = bytes.chunks(1024).enumerate().filter(|(i, chunk)| *i == 0 || record(chunk));
    blocks.flat_map(|(i, chunk)| (0..chunk.len()).filter(|&b| chunk[b] != 0).map(move |b| i * 1024 + b)).collect()
}

#[test]
fn changed_bytes_never_bring_the_reader_down() {
    let mut bytes = volume();
    assert_eq!(read(&bytes), Ok(()));
    let places = places(&bytes);
    assert!(places.len() > 10_000);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).unwrap() % below
    };
    let (mut errors, rounds) = (0, 3_000);
    for _ in 0..rounds {
        let changes: Vec<(usize, u8)> =
            (0..=next(3)).map(|_| (places[next(places.len())], next(256).to_le_bytes()[0])).collect();
        let saved: Vec<u8> = changes.iter().map(|(at, _)| bytes[*at]).collect();
        for (at, value) in &changes {
            bytes[*at] = *value;
        }
        errors += u32::from(read(&bytes).is_err());
        for ((at, _), value) in changes.iter().zip(saved) {
            bytes[*at] = value;
        }
    }
    assert!(errors > rounds / 10, "only {errors} of {rounds} changes were seen");
    assert_eq!(read(&bytes), Ok(()));
}

#[test]
fn a_volume_that_is_cut_off_is_an_error() {
    let bytes = volume();
    for length in [0, 1, 511, 512, 4096, 65_536, 1 << 20, bytes.len() - 512] {
        match Ntfs::open(bytes[..length].to_vec()) {
            Err(OpenError::NotNtfs { .. }) => assert!(length < 512),
            Err(OpenError::Read(ReadError::Corrupt(finding))) => assert_eq!(finding.rule, "boot-total-sectors"),
            other => assert!(length == bytes.len() - 512, "{length}: {other:?}"),
        }
    }
}

#[test]
fn something_else_is_not_taken_for_ntfs() {
    let error = Ntfs::open(vec![0x41u8; 4096]).unwrap_err().to_string();
    assert_eq!(error, "not an NTFS volume: expected \"NTFS    \" at offset 0x3, found \"AAAAAAAA\"");
}
