//! Copies that are put off.
//!
//! Where a match leads to is seldom in the caches when chunks have 64 MiB, but nothing that is decoded
//! depends on the bytes that it copies. So items are decoded some dozens at a time. Then one byte of
//! every source is read, in a loop that is so short that the processor waits for many of them at once,
//! and only then are they copied.

use std::hint::black_box;

use super::super::copy::{SLACK, copy_exact, copy_fast};

/// Matches that are put off, and literals.
const STEPS: usize = 64;
const LITERALS: usize = 512;

/// Longest run of literals that is copied in one piece.
const PIECE: usize = SLACK;

/// A match after some literals.
#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Where its literals end among those that are kept.
    literals: usize,
    /// Where its source begins, without that of a span before.
    source: usize,
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

    /// A literal. Says whether everything was written.
    #[inline(always)]
    pub(super) fn literal(&mut self, byte: u8, out: &mut [u8]) -> bool {
        self.literals[self.kept] = byte;
        self.kept += 1;
        let full = self.kept == LITERALS;
        if full {
            self.write(out);
        }
        full
    }

    /// A match that goes to `at`, and begins and ends inside of the output, with a span if it is a
    /// delta match. Says whether everything was written.
    #[inline(always)]
    pub(super) fn copy(&mut self, at: usize, (offset, span): (usize, usize), length: usize, out: &mut [u8]) -> bool {
        self.steps[self.count] = Step { literals: self.kept, source: at - offset, offset, length, span };
        self.count += 1;
        let full = self.count == STEPS;
        if full {
            self.write(out);
        }
        full
    }

    /// Writes everything.
    #[inline(never)]
    pub(super) fn write(&mut self, out: &mut [u8]) {
        let steps = &self.steps[..self.count];
        black_box(steps.iter().fold(0, |all, step| all ^ out[step.source]));
        let (mut at, mut from) = (self.at, 0);
        for &Step { literals, offset, length, span, .. } in steps {
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
