//! The loop in which almost all of the time of LZX and XPRESS is spent.
//!
//! Whether a symbol is a literal or a match can't be guessed, and a wrong guess of the processor
//! costs more than either. So the loop decides nothing: literals and matches of few bytes take the
//! same steps. A literal is a copy too, from the start of the output to behind its own byte, where
//! it does no harm since what comes there is written later. All that differs is in the table's
//! [entry](Entry) and the [row](Row) that it names: bits to skip, length, and a one to add to the
//! place of the copy. What is rare, or takes longer, are branches that are guessed well.
//!
//! Three things follow from measuring where the steps wait for each other:
//!
//! - Shifts, branches and choices share two of a processor's units, so fields of entries and rows
//!   are loaded one by one rather than shifted out of one number.
//! - One check finds matches that reach into themselves and those from before the start: the
//!   offset is neither below the length nor above the place.
//! - Codes nearly all of whose codewords are literals have no choice worth avoiding, and there it
//!   takes less time to branch. The table tells.
//!
//! # Why pointers
//!
//! With slices, checks of bounds for each access took a tenth more time for XPRESS in a trial, again for want of
//! those units. In their place, each turn of the loop begins with at least [`ROOM`] bytes of output and
//! [`AHEAD`] bytes of input left, which is no less than a turn takes.

#![expect(unsafe_code, reason = "with checks of each access XPRESS took a tenth more time in a trial")]

use std::hint::select_unpredictable;

use super::bits::Bits;
use super::copy::SLACK;
use super::cpu::Cpu;
use super::huffman::Entry;
use super::long_copy::{Copied, copy_long};
use super::lz::{Main, Match, Matches, Row};

/// Bytes that a turn may write: two short tokens, of which the second one's copy begins one byte
/// late and has 17 bytes.
const ROOM: usize = 2 * SHORTEST_LONG + SLACK;

/// More than the length of any short match.
const SHORTEST_LONG: usize = 18;

/// Bytes of input that a turn may look at: four refills that pass over seven bytes each, and the
/// eighth byte of the last.
const AHEAD: usize = 4 * 7 + 1;

/// Bytes that have to be there already: as many as a short match has, so that the one check works.
pub(super) const START: usize = SHORTEST_LONG;

/// Why the loop ended.
pub(super) enum Stop {
    /// There is too little room, in the output or in the input.
    Margin,
    /// The next symbol is a matter for others. Nothing of it is read.
    Symbol(Entry),
    /// A match begins before the start of the output.
    Outside { offset: usize },
    /// A match has too little room for the fast copy.
    Last(Match),
}

/// The place in the input.
#[derive(Clone, Copy)]
struct Cursor {
    /// See [`Bits`].
    buffer: u64,
    left: u64,
    next: *const u8,
}

impl Cursor {
    /// Does what [`Bits::refill`] does.
    ///
    /// # Safety
    /// There are eight bytes at `next`.
    #[inline(always)]
    unsafe fn refill(&mut self) {
        let taken = (self.left ^ 63) >> 3 & 7;
        // SAFETY: the caller grants the eight bytes, and no more than seven are passed over.
        unsafe {
            self.buffer |= u64::from_be(self.next.cast::<u64>().read_unaligned()) >> (self.left & 63);
            self.next = self.next.add(taken as usize);
        }
        self.left |= 56;
    }

    #[inline(always)]
    fn skip(&mut self, count: u8) {
        self.buffer <<= count & 63;
        self.left = self.left.wrapping_sub(count.into());
    }

    /// The last `count` bits of which `ones` are wanted, at the lowest place.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "there are no more than 17 ones")]
    fn last(&self, count: u8, ones: u32) -> u32 {
        (self.buffer >> (count.wrapping_neg() & 63)) as u32 & ones
    }
}

/// Decodes into `out` from `at` on, which is [`START`] or more, as far as it gets. `BRANCH` makes
/// literals a branch.
#[inline(always)]
pub(super) fn run<M: Matches, C: Cpu, const BRANCH: bool>(
    main: &Main,
    matches: &mut M,
    cpu: C,
    bits: &mut Bits<'_>,
    out: &mut [u8],
    at: &mut usize,
) -> Stop {
    const { assert!(M::SHORT < SHORTEST_LONG) };
    let (buffer, left, input) = bits.parts();
    if *at < START || out.len() < ROOM || *at > out.len() - ROOM || input.len() < AHEAD {
        return Stop::Margin;
    }
    let mut cursor = Cursor { buffer, left: left.into(), next: input.as_ptr() };
    let last_start = input[input.len() - AHEAD..].as_ptr();
    let end = out.len() - ROOM;
    let mut to = *at;
    let stop = loop {
        if to > end || cursor.next > last_start {
            break Stop::Margin;
        }
        // SAFETY: at the start of a turn `AHEAD` bytes of input are left, and this is the first of
        // at most four refills of a turn.
        unsafe { cursor.refill() };
        let mut entry = main.at(cursor.buffer);
        if !entry.is_special() {
            // SAFETY: `to` is `START` or more and at most `end`; the second refill, at most.
            if let Err(offset) = unsafe { token::<M, C, BRANCH>(entry, matches, cpu, &mut cursor, out, &mut to) } {
                break Stop::Outside { offset };
            }
            entry = main.at(cursor.buffer);
            if !entry.is_special() {
                // SAFETY: a short token before has moved `to` less than `SHORTEST_LONG`; the third
                // refill, at most.
                if let Err(offset) = unsafe { token::<M, C, BRANCH>(entry, matches, cpu, &mut cursor, out, &mut to) }
                {
                    break Stop::Outside { offset };
                }
                continue;
            }
        }
        // A long match, or a long codeword.
        let before = cursor;
        cursor.skip(entry.skip);
        let length = if entry.is_indirect() {
            None
        } else {
            // SAFETY: the third refill, at most: the first and one of a short token before.
            unsafe { cursor.refill() };
            matches.long(cursor.buffer)
        };
        let Some(length) = length else {
            cursor = before;
            break Stop::Symbol(*entry);
        };
        cursor.skip(length.skip);
        let length = length.value() as usize;
        let row = M::row(entry);
        // SAFETY: the fourth refill, at most.
        let offset = unsafe { offset(matches, row, row.extra, &mut cursor) };
        match copy_long(cpu, out, to, offset, length) {
            Copied::All => to += length,
            Copied::FromOutside => break Stop::Outside { offset },
            Copied::NearTheEnd => break Stop::Last(Match { offset, length }),
        }
    };
    let taken = cursor.next.addr() - input.as_ptr().addr();
    bits.resume(cursor.buffer, cursor.left, taken);
    *at = to;
    stop
}

/// Decodes a literal or a match of few bytes to `to`, and moves that on. Gives the offset of a match
/// that begins before the start of the output.
///
/// # Safety
/// `to` is [`START`] or more and there are `ROOM - SHORTEST_LONG` bytes from there on; eight bytes
/// of input are left behind what a refill may pass over.
#[inline(always)]
unsafe fn token<M: Matches, C: Cpu, const BRANCH: bool>(
    entry: &Entry,
    matches: &mut M,
    cpu: C,
    cursor: &mut Cursor,
    out: &mut [u8],
    to: &mut usize,
) -> Result<(), usize> {
    let length = usize::from(entry.length);
    let is_literal = length == 1;
    if BRANCH && is_literal {
        cursor.skip(entry.skip);
        // SAFETY: there is room for more.
        unsafe { *out.as_mut_ptr().add(*to) = entry.byte };
        *to = to.wrapping_add(1);
        return Ok(());
    }
    let row = M::row(entry);
    // SAFETY: passed on to the caller.
    let offset = unsafe { offset(matches, row, entry.skip, cursor) };
    // A literal is copied from the start of the output, which was written long ago.
    let reach = select_unpredictable(is_literal, *to, offset);
    if reach.wrapping_sub(length) <= to.wrapping_sub(length) {
        // SAFETY: `to` is not less than the length, so the condition is that `reach` is in between.
        // Thus the source begins in the output, and before `to`, behind which is more room than the
        // 18 bytes that are read and written from there on.
        unsafe {
            let to = out.as_mut_ptr().add(*to);
            let from = to.sub(reach);
            *to = entry.byte;
            let to = to.add(row.literal as usize);
            if M::SHORT <= 8 {
                to.cast::<[u8; 8]>().write(from.cast::<[u8; 8]>().read());
            } else {
                to.cast::<[u8; 16]>().write(from.cast::<[u8; 16]>().read());
                if M::SHORT > 16 {
                    to.add(16).write(from.add(16).read());
                }
            }
        }
    } else if let Copied::FromOutside = copy_long(cpu, out, *to, reach, length) {
        return Err(offset);
    }
    *to = to.wrapping_add(length);
    Ok(())
}

/// Reads what tells the offset of a match, or nothing for a literal, of which the bits to skip are
/// `skip`.
///
/// # Safety
/// Eight bytes of input are left.
#[inline(always)]
unsafe fn offset<M: Matches>(matches: &mut M, row: &Row, skip: u8, cursor: &mut Cursor) -> usize {
    let mut choice = cursor.last(skip, row.ones);
    cursor.skip(skip);
    if M::ALIGNED && row.is_aligned {
        let entry = matches.lowest(cursor.buffer);
        cursor.skip(entry.skip);
        choice = choice << 3 | entry.value();
        // SAFETY: the caller grants it.
        unsafe { cursor.refill() };
    }
    matches.offset(row, row.base.wrapping_add(choice))
}
