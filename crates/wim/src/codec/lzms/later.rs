//! Copies that are put off.
//!
//! Where a match leads to is seldom in the caches when chunks have 64 MiB, but nothing that is decoded
//! depends on the bytes that it copies. So items are decoded some dozens at a time, the source of each
//! match is fetched while those after it are decoded, and only then are they copied.

use super::super::copy::{SLACK, copy_exact, copy_fast};
use super::machine::prefetch;

/// Matches that are put off, and literals.
const STEPS: usize = 64;
const LITERALS: usize = 512;
const _: () = assert!(STEPS.is_power_of_two() && LITERALS.is_power_of_two());

/// Longest run of literals that is copied in one piece.
const PIECE: usize = SLACK;

/// A match after some literals.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Where its literals end among those that are kept.
    literals: usize,
    offset: usize,
    length: usize,
    /// Bytes between those whose differences a delta match copies; 0 for a match.
    span: usize,
}

/// What is still to be written. All of it lies within the output, which was checked when it came.
#[derive(Debug)]
pub(super) struct Later {
    literals: [u8; LITERALS + PIECE],
    steps: [Step; STEPS],
    /// How many of both there are.
    kept: usize,
    count: usize,
    /// Where the first of them goes.
    at: usize,
}

impl Later {
    pub(super) fn new() -> Self {
        Self { literals: [0; LITERALS + PIECE], steps: [Step::default(); STEPS], kept: 0, count: 0, at: 0 }
    }

    /// Whether there is no room for another item.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.kept == LITERALS || self.count == STEPS
    }

    /// A literal, for which there is room.
    #[inline(always)]
    pub(super) fn literal(&mut self, byte: u8) {
        self.literals[self.kept & (LITERALS - 1)] = byte;
        self.kept = self.kept.wrapping_add(1);
    }

    /// A match, for which there is room, that goes to `at`, and begins and ends inside of the output,
    /// with a span if it is a delta match.
    #[inline(always)]
    pub(super) fn copy(&mut self, at: usize, (offset, span): (usize, usize), length: usize, out: &[u8]) {
        prefetch(out, at.wrapping_sub(offset));
        self.steps[self.count & (STEPS - 1)] = Step { literals: self.kept, offset, length, span };
        self.count = self.count.wrapping_add(1);
    }

    /// Writes everything.
    #[inline(always)]
    pub(super) fn write(&mut self, out: &mut [u8]) {
        let steps = &self.steps[..self.count];
        let (mut at, mut from) = (self.at, 0);
        for &Step { literals, offset, length, span } in steps {
            at = self.put(out, at, from..literals);
            from = literals;
            if span == 0 {
                let left = out.len() - at;
                if left < SLACK || length > left - SLACK || !copy_fast(out, at, offset, length) {
                    copy_exact(out, at, offset, length);
                }
            } else {
                copy_delta(out, at, (offset, span), length);
            }
            at += length;
        }
        self.at = self.put(out, at, from..self.kept);
        (self.kept, self.count) = (0, 0);
    }

    /// Writes literals and says where they end.
    #[inline(always)]
    fn put(&self, out: &mut [u8], at: usize, range: std::ops::Range<usize>) -> usize {
        let count = range.len();
        if let (..=PIECE, Some(to)) = (count, out[at..].first_chunk_mut::<PIECE>()) {
            // What is too much is written over.
            *to = *self.literals[range.start..].first_chunk().expect("there is a piece after the last literal");
        } else {
            out[at..at + count].copy_from_slice(&self.literals[range]);
        }
        at + count
    }
}

/// Copies a delta match that lies within the output.
#[inline(never)]
fn copy_delta(out: &mut [u8], at: usize, (offset, span): (usize, usize), length: usize) {
    let reach = offset + span;
    let bytes = &mut out[at - reach..at + length];
    for i in 0..length {
        bytes[reach + i] = bytes[offset + i].wrapping_add(bytes[span + i]).wrapping_sub(bytes[i]);
    }
}
