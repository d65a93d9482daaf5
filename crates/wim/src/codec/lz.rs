//! The loop that both codecs spend their time in: literals and matches until the output is full.

use super::bits::Bits;
use super::copy::{SLACK, copy_exact, copy_fast};
use super::huffman::{Entry, Table};
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

/// What the codecs do in their own way.
pub(super) trait Matches {
    /// Length up to which the loop has room in advance.
    const SHORT: usize;

    /// Whether matches may be longer than that.
    const MAY_BE_LONG: bool;

    /// Reads what follows the main symbol `entry`, which is still to be skipped. Symbol and all are
    /// 34 bits or more, what two literals leave of a refill, and a full refill if the symbol takes
    /// more than [`MAIN_BITS`] of them.
    ///
    /// # Errors
    /// What follows is no match. Where it leads to is not looked at.
    fn read(&mut self, entry: Entry, bits: &mut Bits<'_>, output: usize) -> Result<Match, DecodeError>;
}

/// Decodes into `out` from `at` on, to its end.
///
/// # Errors
/// What [`Matches::read`] finds, a match that leads outside the output, or an empty main code.
/// Whether the input has ended is for the caller to [check](Bits::check).
#[inline(always)]
pub(super) fn decode<'a, M: Matches>(
    main: &Main,
    matches: &mut M,
    mut bits: Bits<'a>,
    out: &mut [u8],
    mut at: usize,
) -> Result<Bits<'a>, DecodeError> {
    // Room for two literals, a short match and what its copy writes beyond it.
    while out.len() - at >= 2 + M::SHORT + SLACK {
        bits.refill();
        let mut entry = main.lookup(bits.peek());
        // Up to three literals, or two and a match, fit into one refill.
        if entry.is_literal() {
            put_literal(entry, &mut bits, out, &mut at);
            entry = main.lookup(bits.peek());
            if entry.is_literal() {
                put_literal(entry, &mut bits, out, &mut at);
                entry = main.lookup(bits.peek());
                if entry.is_literal() {
                    put_literal(entry, &mut bits, out, &mut at);
                    continue;
                }
            }
        }
        if entry.is_indirect() {
            bits.refill();
            entry = main.follow(entry, bits.peek()).ok_or_else(|| empty(bits, at))?;
            if entry.is_literal() {
                put_literal(entry, &mut bits, out, &mut at);
                continue;
            }
        }
        let Match { offset, length } = matches.read(entry, &mut bits, at)?;
        if M::MAY_BE_LONG && length > M::SHORT && length + SLACK > out.len() - at {
            copy_last(out, at, offset, length).map_err(|wrong| wrong.at(bits, at))?;
        } else if !copy_fast(out, at, offset, length) {
            return Err(Outside::Start { offset }.at(bits, at));
        }
        at += length;
    }
    finish(main, matches, bits, out, at)
}

/// The end of [`decode`], symbol by symbol.
#[inline(always)]
fn finish<'a, M: Matches>(
    main: &Main,
    matches: &mut M,
    mut bits: Bits<'a>,
    out: &mut [u8],
    mut at: usize,
) -> Result<Bits<'a>, DecodeError> {
    while at < out.len() {
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
    Ok(bits)
}

#[inline(always)]
fn put_literal(entry: Entry, bits: &mut Bits<'_>, out: &mut [u8], at: &mut usize) {
    bits.skip(entry.skip());
    out[*at] = entry.byte();
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
