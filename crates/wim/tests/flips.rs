//! Flips bits of small compressed files: each flip is noticed, or changes nothing of trees and
//! contents.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use nanovhd_tree::{SourceId, Tree};
use nanovhd_wim::{BlobSink, Wim};

const LZX: &[u8] = include_bytes!("data/small-lzx.wim");
const XPRESS: &[u8] = include_bytes!("data/small-xpress.wim");

#[derive(Default)]
struct Pieces(Mutex<Vec<(u32, u64, Vec<u8>)>>);

impl BlobSink for Pieces {
    fn write(&self, index: u32, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().push((index, offset, bytes.to_vec()));
        Ok(())
    }
}

/// The tree and the contents in the order of the file.
fn read_everything(bytes: Vec<u8>) -> Result<(Tree, Vec<u8>), Box<dyn std::error::Error>> {
    let wim = Wim::open(bytes)?;
    let tree = wim.tree(1, SourceId(0))?;
    let sink = Pieces::default();
    wim.stream(&(0..).take(wim.blobs().len()).collect::<Vec<_>>(), NonZeroUsize::MIN, &sink)?;
    let mut pieces = sink.0.into_inner()?;
    pieces.sort();
    Ok((tree, pieces.into_iter().flat_map(|(_, _, bytes)| bytes).collect()))
}

/// Linear congruential, with the constants of Knuth's MMIX.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap()
}

fn flip_two_hundred_bits(file: &[u8], mut seed: u64) {
    let original = read_everything(file.to_vec()).unwrap();
    assert!(original.1.starts_with(b"//! ") && original.1.len() > 40_000);
    let mut noticed = 0;
    for _ in 0..200 {
        let (at, bit) = (random(&mut seed) % file.len(), random(&mut seed) % 8);
        let mut flipped = file.to_vec();
        flipped[at] ^= 1 << bit;
        match read_everything(flipped) {
            Ok(result) => assert!(result == original, "bit {bit} of byte {at:#x}"),
            Err(_) => noticed += 1,
        }
    }
    // Most of the file is content.
    assert!(noticed > 150, "{noticed} of 200 were noticed");
}

#[test]
fn lzx_files_are_safe_from_flipped_bits() {
    for seed in 0..3 {
        flip_two_hundred_bits(LZX, seed);
    }
}

#[test]
fn xpress_files_are_safe_from_flipped_bits() {
    for seed in 0..3 {
        flip_two_hundred_bits(XPRESS, seed);
    }
}

#[test]
fn the_integrity_table_notices_every_flip_of_what_it_covers() {
    for file in [LZX, XPRESS] {
        let wim = Wim::open(file.to_vec()).unwrap();
        wim.check_integrity(&mut |_| {}).unwrap();
        let first = usize::try_from(wim.blobs()[0].offset).unwrap();
        let mut flipped = file.to_vec();
        flipped[first] ^= 1;
        assert!(Wim::open(flipped).unwrap().check_integrity(&mut |_| {}).is_err());
    }
}
