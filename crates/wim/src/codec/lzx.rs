//! LZX as WIM files use it.
//!
//! [MS-PATCH] 2 describes LZX DELTA, a near relative that shares blocks and codes. No specification
//! tells how the LZX of WIM files differs; what follows is what wimlib does and Windows' files show:
//!
//! - each chunk stands alone: recent offsets, codeword lengths and positions for the translation
//!   of [calls](super::e8) start anew, and there is no header before the first block;
//! - a block's size is one bit for 32,768 bytes, or a zero and 16 bits, or 24 with windows of
//!   64 KiB and more;
//! - calls are always translated.
//!
//! ```text
//!   block:  3 bits type, size, then
//!     1 verbatim      codes, symbols
//!     2 aligned       8 × 3 bits aligned offset code, codes, symbols
//!     3 uncompressed  padding to a word, 3 × 4 bytes recent offsets, bytes, padding to a word
//!
//!   codes:  main code of literals, of match headers; length code
//!           (each as changes from the block before, run-length coded in a code of its own)
//! ```
//!
//! The forms of matches are in [`mod@matches`].

mod matches;

use self::matches::{ALIGNED_ENTRIES, ALIGNED_SYMBOLS, Forms, LENGTH_ENTRIES, LENGTH_SYMBOLS, MAIN_ENTRIES, Recent};
use super::bits::{Bits, Words};
use super::cpu::{Choice, Cpu, Job};
use super::huffman::{Entry, MAX_LEN, MAX_SYMBOLS, Table};
use super::lz::{self, Main};
use super::{Code, DecodeError, e8};

/// The smallest window, as a power of two. Smaller chunks have codes for it too.
const MIN_WINDOW_ORDER: u32 = 15;

/// The largest window, and the largest chunk.
const MAX_WINDOW_ORDER: u32 = 21;

/// Windows from which on a block's size takes 24 bits.
const LONG_SIZE_WINDOW: usize = 1 << 16;

/// Size of a block that is told in one bit.
const DEFAULT_BLOCK: usize = 1 << 15;

const LITERALS: usize = 256;

/// Offset slots for windows of each order from the smallest on; each slot has eight symbols.
const SLOTS: [usize; 7] = [30, 32, 34, 36, 38, 42, 50];

const PRECODE_SYMBOLS: usize = 20;

/// Longest codewords of the precode and of the aligned offset code: their lengths are written in
/// four and in three bits.
const PRECODE_MAX_LEN: u32 = 15;
const ALIGNED_MAX_LEN: u32 = 7;

/// The precode's symbols are the lengths' changes and three kinds of runs.
const MAX_CHANGE: u32 = 16;
const SHORT_ZEROS: u32 = 17;
const LONG_ZEROS: u32 = 18;

static PRECODE_ENTRIES: [Entry; PRECODE_SYMBOLS] = matches::numbers(0);

type Length = Table<10, { 1 << 10 }>;
type Aligned = Table<7, { 1 << 7 }>;
type Precode = Table<6, { 1 << 6 }>;

/// Decodes chunks that are compressed with LZX.
#[derive(Debug)]
pub struct LzxDecoder {
    window: usize,
    words: Words,
    codes: Codes,
}

impl LzxDecoder {
    /// A decoder for the chunks of resources with chunks of `chunk_size` bytes, which is at most
    /// 2 MiB.
    pub fn new(chunk_size: u32) -> Self {
        let order = chunk_size.saturating_sub(1).checked_ilog2().map_or(0, |order| order + 1);
        let order = order.clamp(MIN_WINDOW_ORDER, MAX_WINDOW_ORDER);
        let slots = SLOTS[(order - MIN_WINDOW_ORDER) as usize];
        let words = Words::with_capacity((chunk_size as usize).min(1 << order), 1);
        Self { window: 1 << order, words, codes: Codes::new(LITERALS + 8 * slots) }
    }

    /// The same decoder, but with nothing that only newer processors have. It does the same in more
    /// time, and is there for tests to show it.
    pub fn portable(mut self) -> Self {
        self.codes.cpu = Choice::plain();
        self
    }

    /// Decodes the chunk `input` into `output`, whose length is that of the uncompressed chunk.
    ///
    /// # Errors
    /// `input` is no chunk of that length. The content of `output` is unspecified then.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
        let Self { window, words, codes } = self;
        if output.len() > *window {
            return Err(DecodeError::OutputTooLong { len: output.len(), max: *window });
        }
        codes.reset();
        let mut bits = words.load(input);
        let mut recent = Recent::default();
        let mut at = 0;
        while at < output.len() {
            let block = Block::read(&mut bits, *window, output.len() - at, at)?;
            let end = at + block.size;
            codes.block(block.kind, &mut bits, &mut recent, &mut output[..end], at)?;
            bits.check(end)?;
            at = end;
        }
        if codes.may_have_calls {
            e8::undo(output);
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Verbatim,
    Aligned,
    Uncompressed,
}

/// The header of a block.
struct Block {
    kind: Kind,
    /// Bytes that the block decodes to, not 0.
    size: usize,
}

impl Block {
    fn read(bits: &mut Bits<'_>, window: usize, left: usize, output: usize) -> Result<Self, DecodeError> {
        let kind = match bits.read(3) {
            1 => Kind::Verbatim,
            2 => Kind::Aligned,
            3 => Kind::Uncompressed,
            found => return Err(bits.fault(output, |at| DecodeError::BlockType { found, at })),
        };
        let size = if bits.take(1) == 1 {
            DEFAULT_BLOCK
        } else if window >= LONG_SIZE_WINDOW {
            bits.take(24) as usize
        } else {
            bits.take(16) as usize
        };
        if size == 0 || size > left {
            return Err(bits.fault(output, |at| DecodeError::BlockSize { found: size, left, at }));
        }
        Ok(Self { kind, size })
    }
}

/// The codes of a chunk, and what blocks leave to those after them.
#[derive(Debug)]
struct Codes {
    main_symbols: usize,
    main_lens: [u8; MAX_SYMBOLS],
    length_lens: [u8; LENGTH_SYMBOLS],
    main: Main,
    length: Length,
    aligned: Aligned,
    precode: Precode,
    /// Whether a block has literals `E8` or is uncompressed.
    may_have_calls: bool,
    cpu: Choice,
}

impl Codes {
    fn new(main_symbols: usize) -> Self {
        Self {
            main_symbols,
            main_lens: [0; MAX_SYMBOLS],
            length_lens: [0; LENGTH_SYMBOLS],
            main: Main::new(main_symbols, MAX_LEN),
            length: Table::new(LENGTH_SYMBOLS, MAX_LEN),
            aligned: Table::new(ALIGNED_SYMBOLS, ALIGNED_MAX_LEN),
            precode: Table::new(PRECODE_SYMBOLS, PRECODE_MAX_LEN),
            may_have_calls: false,
            cpu: Choice::new(),
        }
    }

    /// What holds at the start of a chunk.
    fn reset(&mut self) {
        self.main_lens.fill(0);
        self.length_lens.fill(0);
        self.may_have_calls = false;
    }

    /// Decodes the rest of a block into `out` from `at` to its end.
    fn block(
        &mut self,
        kind: Kind,
        bits: &mut Bits<'_>,
        recent: &mut Recent,
        out: &mut [u8],
        at: usize,
    ) -> Result<(), DecodeError> {
        match kind {
            Kind::Verbatim => {
                self.read_codes(bits, false, at)?;
                self.cpu.run(Symbols::<false> { codes: self, bits, recent, out, at })
            }
            Kind::Aligned => {
                let lens: [u8; ALIGNED_SYMBOLS] = std::array::from_fn(|_| low_byte(bits.read(3)));
                // The loop relies on there being entries: a block without any should be verbatim.
                if lens == [0; ALIGNED_SYMBOLS] {
                    return Err(bits.fault(at, |at| DecodeError::CodeEmpty { code: Code::Aligned, at }));
                }
                self.aligned.build(Code::Aligned, &lens, &ALIGNED_ENTRIES, *bits, at)?;
                self.read_codes(bits, true, at)?;
                self.cpu.run(Symbols::<true> { codes: self, bits, recent, out, at })
            }
            Kind::Uncompressed => {
                self.may_have_calls = true;
                (*bits, *recent) = uncompressed(*bits, &mut out[at..], at)?;
                Ok(())
            }
        }
    }

    /// Reads main and length code.
    fn read_codes(&mut self, bits: &mut Bits<'_>, aligned: bool, output: usize) -> Result<(), DecodeError> {
        let main_lens = &mut self.main_lens[..self.main_symbols];
        let (literals, matches) = main_lens.split_at_mut(LITERALS);
        read_lens(&mut self.precode, Code::Main, literals, bits, output)?;
        read_lens(&mut self.precode, Code::Main, matches, bits, output)?;
        self.main.build(Code::Main, main_lens, &MAIN_ENTRIES[usize::from(aligned)], *bits, output)?;
        read_lens(&mut self.precode, Code::Length, &mut self.length_lens, bits, output)?;
        self.length.build(Code::Length, &self.length_lens, &LENGTH_ENTRIES, *bits, output)?;
        self.may_have_calls |= self.main_lens[0xe8] != 0;
        Ok(())
    }
}

/// The symbols of a block, which go to `out` from `at` to its end.
struct Symbols<'a, 'b, const ALIGNED: bool> {
    codes: &'a Codes,
    bits: &'a mut Bits<'b>,
    recent: &'a mut Recent,
    out: &'a mut [u8],
    at: usize,
}

impl<const ALIGNED: bool> Job for Symbols<'_, '_, ALIGNED> {
    type Output = Result<(), DecodeError>;

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> Self::Output {
        let Self { codes, bits, recent, out, at } = self;
        let mut forms = Forms::<C, ALIGNED>::new(&codes.length, &codes.aligned, cpu, *recent);
        *bits = lz::decode(&codes.main, &mut forms, cpu, *bits, out, at)?;
        *recent = forms.recent();
        Ok(())
    }
}

/// Copies the bytes of an uncompressed block, which go to `output` of the chunk.
fn uncompressed<'a>(bits: Bits<'a>, target: &mut [u8], output: usize) -> Result<(Bits<'a>, Recent), DecodeError> {
    let start = bits.next_word();
    let bytes = bits.input().get(start..).unwrap_or_default();
    let Some((offsets, bytes)) = bytes.split_first_chunk::<12>() else {
        return Err(bits.seek(start).truncated(output));
    };
    let after = bits.seek(start + offsets.len());
    let recent =
        Recent::read(offsets).map_err(|index| after.fault(output, |at| DecodeError::ZeroOffset { index, at }))?;
    let Some(source) = bytes.get(..target.len()) else { return Err(after.truncated(output)) };
    target.copy_from_slice(source);
    Ok((bits.seek((start + offsets.len() + source.len()).next_multiple_of(2)), recent))
}

/// Reads codeword lengths: the precode they are written in and their changes from those that
/// `lens` has.
fn read_lens(
    precode: &mut Precode,
    code: Code,
    lens: &mut [u8],
    bits: &mut Bits<'_>,
    output: usize,
) -> Result<(), DecodeError> {
    let precode_lens: [u8; PRECODE_SYMBOLS] = std::array::from_fn(|_| low_byte(bits.read(4)));
    precode.build(Code::Precode, &precode_lens, &PRECODE_ENTRIES, *bits, output)?;
    let mut at = 0;
    while at < lens.len() {
        bits.refill();
        let symbol = precode_symbol(precode, bits, output)?;
        let (run, value) = match symbol {
            0..=MAX_CHANGE => {
                lens[at] = changed(lens[at], symbol);
                at += 1;
                continue;
            }
            SHORT_ZEROS => (4 + bits.take(4) as usize, 0),
            LONG_ZEROS => (20 + bits.take(5) as usize, 0),
            _ => {
                let run = 4 + bits.take(1) as usize;
                let change = precode_symbol(precode, bits, output)?;
                if change > MAX_CHANGE {
                    return Err(bits.fault(output, |at| DecodeError::RunOfRuns { code, found: change, at }));
                }
                (run, changed(lens[at], change))
            }
        };
        let left = lens.len() - at;
        if run > left {
            return Err(bits.fault(output, |at| DecodeError::LengthRun { code, run, left, at }));
        }
        lens[at..at + run].fill(value);
        at += run;
    }
    Ok(())
}

/// Reads a symbol of the precode: at most 15 bits of those that are available.
#[inline(always)]
fn precode_symbol(precode: &Precode, bits: &mut Bits<'_>, output: usize) -> Result<u32, DecodeError> {
    let Some(entry) = precode.find(bits.peek()) else {
        return Err(bits.fault(output, |at| DecodeError::CodeEmpty { code: Code::Precode, at }));
    };
    bits.skip(entry.skip());
    Ok(entry.value())
}

/// A length that was `len` in the block before, less `change` modulo 17.
#[inline(always)]
fn changed(len: u8, change: u32) -> u8 {
    let len = u32::from(len).wrapping_sub(change);
    low_byte(if len > u32::from(u8::MAX) { len.wrapping_add(17) } else { len })
}

#[inline(always)]
fn low_byte(value: u32) -> u8 {
    value.to_le_bytes()[0]
}

#[cfg(test)]
mod tests;
