//! Literals and matches until the output is full: what surrounds the [fast loop](super::hot).

use super::bits::Bits;
use super::copy::copy_exact;
use super::cpu::{Cpu, Order};
use super::hot::{self, Stop};
use super::huffman::{Entry, Table};
use super::long_copy::{Copied, copy_long};
use super::{Code, DecodeError};

/// Bits that index the first table of a main code. Fewer make building cheaper and send more
/// symbols through the second table; this is the best for chunks from 4 KiB to 2 MiB.
pub(super) const MAIN_BITS: u32 = 11;

/// The table of a main code.
pub(super) type Main = Table<MAIN_BITS, { 1 << MAIN_BITS }>;

/// A match: `length` bytes again that began `offset` bytes ago.
pub(super) struct Match {
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// What the main entries of an offset slot share, and what is not in the way for literals, which
/// have a row too.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Row {
    /// How to put the offset into its place; see [`Matches::offset`].
    pub(super) order: Order,
    /// The first offset of the slot.
    pub(super) base: u32,
    /// A one for each bit that is added to it.
    pub(super) ones: u32,
    /// How many these are.
    pub(super) extra: u8,
    /// Whether an aligned offset code has three bits more.
    pub(super) is_aligned: bool,
    /// 1 in the row of literals, 0 in others.
    pub(super) literal: u8,
}

/// More rows than any codec has: what six bits can number.
pub(super) const ROWS: usize = 64;

impl Row {
    /// A row without any offset, such as that of a literal.
    pub(super) const LITERAL: Self = Self { literal: 1, ..Self::slot(0, 0) };

    /// A slot of offsets from `base` on, in which so many bits choose.
    pub(super) const fn slot(base: u32, extra: u8) -> Self {
        let order = Order([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        Self { order, base, ones: (1 << extra) - 1, extra, is_aligned: false, literal: 0 }
    }
}

/// What the codecs do in their own way.
pub(super) trait Matches {
    /// Bytes of the longest match whose entry isn't marked.
    const SHORT: usize;

    /// Whether rows may have an aligned offset code.
    const ALIGNED: bool;

    /// The row of a main entry.
    fn row(entry: &Entry) -> &'static Row;

    /// The entry with the lowest three bits of an offset.
    fn lowest(&self, next: u64) -> &Entry;

    /// The entry with the length of a match whose main entry is marked, if it is as easy as that.
    fn long(&self, next: u64) -> Option<&Entry>;

    /// The offset that a match has after all, if that of its row is `plain`. For a literal, any.
    fn offset(&mut self, row: &Row, plain: u32) -> usize;

    /// Reads what follows the main symbol `entry`, which is still to be skipped. A full refill is
    /// there.
    ///
    /// # Errors
    /// What follows is no match. Where it leads to is not looked at.
    fn read(&mut self, entry: Entry, bits: &mut Bits<'_>, output: usize) -> Result<Match, DecodeError>;
}

/// Of so many codewords, and when that many of them are literals, a literal is so easy to guess
/// that the fast loop should do so.
const SAMPLES: usize = 64;
const EASY: usize = 56;

/// Decodes into `out` from `at` on, to its end.
///
/// # Errors
/// What [`Matches::read`] finds, a match that leads outside the output, or an empty main code.
/// Whether the input has ended is for the caller to [check](Bits::check).
#[inline(always)]
pub(super) fn decode<'a, M: Matches, C: Cpu>(
    main: &Main,
    matches: &mut M,
    cpu: C,
    mut bits: Bits<'a>,
    out: &mut [u8],
    mut at: usize,
) -> Result<Bits<'a>, DecodeError> {
    if at < hot::START {
        let until = hot::START.min(out.len());
        (bits, at) = careful(main, matches, bits, out, at, until)?;
    }
    let is_easy = main.sample((1 << MAIN_BITS) / SAMPLES).filter(|entry| entry.is_literal()).count() >= EASY;
    while at < out.len() {
        let stop = if is_easy {
            hot::run::<M, C, true>(main, matches, cpu, &mut bits, out, &mut at)
        } else {
            hot::run::<M, C, false>(main, matches, cpu, &mut bits, out, &mut at)
        };
        let Match { offset, length } = match stop {
            Stop::Margin => break,
            Stop::Outside { offset } => return Err(Outside::Start { offset }.at(bits, at)),
            Stop::Last(found) => found,
            Stop::Symbol(mut entry) => {
                bits.refill();
                if entry.is_indirect() {
                    entry = main.follow(entry, bits.peek()).ok_or_else(|| empty(bits, at))?;
                }
                if entry.is_literal() {
                    put_literal(entry, &mut bits, out, &mut at);
                    continue;
                }
                matches.read(entry, &mut bits, at)?
            }
        };
        match copy_long(cpu, out, at, offset, length) {
            Copied::All => {}
            _ => copy_last(out, at, offset, length).map_err(|wrong| wrong.at(bits, at))?,
        }
        at += length;
    }
    let end = out.len();
    Ok(careful(main, matches, bits, out, at, end)?.0)
}

/// The start and the end of [`decode`], symbol by symbol: gives the places in input and output
/// where `until` is reached.
#[inline(never)]
fn careful<'a, M: Matches>(
    main: &Main,
    matches: &mut M,
    mut bits: Bits<'a>,
    out: &mut [u8],
    mut at: usize,
    until: usize,
) -> Result<(Bits<'a>, usize), DecodeError> {
    while at < until {
        bits.refill();
        let entry = main.find(bits.peek()).ok_or_else(|| empty(bits, at))?;
        if entry.is_literal() {
            put_literal(entry, &mut bits, out, &mut at);
        } else {
            let Match { offset, length } = matches.read(entry, &mut bits, at)?;
            copy_last(out, at, offset, length).map_err(|wrong| wrong.at(bits, at))?;
            at += length;
        }
    }
    Ok((bits, at))
}

#[inline(always)]
fn put_literal(entry: Entry, bits: &mut Bits<'_>, out: &mut [u8], at: &mut usize) {
    bits.skip(entry.skip());
    out[*at] = entry.byte;
    *at += 1;
}

/// How a match leads outside the output.
enum Outside {
    Start { offset: usize },
    End { length: usize, left: usize },
}

impl Outside {
    #[cold]
    fn at(self, bits: Bits<'_>, output: usize) -> DecodeError {
        bits.fault(output, |at| match self {
            Self::Start { offset } => DecodeError::MatchBeforeStart { offset, at },
            Self::End { length, left } => DecodeError::MatchPastEnd { length, left, at },
        })
    }
}

/// Copies a match that may be near the end, or outside.
#[inline(never)]
fn copy_last(out: &mut [u8], at: usize, offset: usize, length: usize) -> Result<(), Outside> {
    let left = out.len() - at;
    if offset > at {
        return Err(Outside::Start { offset });
    }
    if length > left {
        return Err(Outside::End { length, left });
    }
    copy_exact(out, at, offset, length);
    Ok(())
}

#[cold]
fn empty(bits: Bits<'_>, output: usize) -> DecodeError {
    bits.fault(output, |at| DecodeError::CodeEmpty { code: Code::Main, at })
}
