//! LZMS, the compression of Windows 8 and later for images that are downloaded.
//!
//! There is no specification. What is told here is what wimlib found out and Windows' files show.
//!
//! ```text
//!   chunk:   words ─► decisions            ◄─ words of codewords and numbers
//!            ├── range coder, forwards ────┼──── bits, backwards ────┤
//!
//!   item:    0            literal             literal code
//!            1 0 0        match               offset code, length code
//!            1 0 1 …      match from a recent offset: 0, 10 or 11, length code
//!            1 1 0        delta match         power code, delta offset code, length code
//!            1 1 1 …      delta match from a recent source
//! ```
//!
//! The decisions on the left are bits of a [range coder](range); what is on the right comes in
//! [Huffman codes that adapt](adaptive) and, after symbols that stand for [runs of values](slots),
//! as plain bits. A match of any length from 1 on copies bytes that came `offset` bytes before. A
//! delta match continues series of numbers: with a span of 1 to 128 bytes, which is two to the
//! power, it copies the differences between bytes and those a span before them. Offsets of delta
//! matches are counted in spans. Recent sources are kept [per kind](recent).
//!
//! Encoders [translate x86 code](x86) beforehand, and every chunk stands alone. Chunks have an even
//! number of bytes. Items are decoded some dozens at a time and [copied then](later).

mod adaptive;
mod back;
mod builder;
mod later;
mod machine;
mod range;
mod recent;
mod slots;
mod x86;

use self::adaptive::Adaptive;
use self::back::Back;
use self::builder::Builder;
use self::later::Later;
use self::range::{Decision, Range};
use self::recent::Recent;
use self::slots::{
    LENGTH_BASES, LENGTH_ENTRIES, LENGTHS, LITERAL_ENTRIES, MAX_CHUNK, OFFSET_BASES, OFFSET_ENTRIES, OFFSETS,
    POWER_ENTRIES, offset_slots,
};
use self::x86::{Block, X86};
use super::{DecodeError, Position};

/// Symbols after which codes are made anew.
const INTERVAL: u32 = 1024;
const SHORT_INTERVAL: u32 = 512;

/// The shortest chunk: two words for the range coder.
const MIN_INPUT: usize = 4;

type Literals = Adaptive<10, { 1 << 10 }, 256>;
type Lengths = Adaptive<9, { 1 << 9 }, { LENGTHS.next_power_of_two() }>;
type Offsets = Adaptive<11, { 1 << 11 }, { OFFSETS.next_power_of_two() }>;
type Powers = Adaptive<7, { 1 << 7 }, 8>;

/// Decodes chunks that are compressed with LZMS.
#[derive(Debug)]
pub struct LzmsDecoder {
    chunk_size: usize,
    codes: Box<Codes>,
    x86: X86,
}

impl LzmsDecoder {
    /// A decoder for chunks of up to `chunk_size` bytes, which is at most 64 MiB. It takes less than
    /// 400 KiB, however long the chunks are.
    pub fn new(chunk_size: u32) -> Self {
        let chunk_size = (chunk_size as usize).min(MAX_CHUNK);
        Self { chunk_size, codes: Box::new(Codes::new()), x86: X86::new() }
    }

    /// Decodes the chunk `input` into `output`, whose length is that of the uncompressed chunk.
    ///
    /// # Errors
    /// `input` is no chunk of that length. The content of `output` is unspecified then.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
        if output.len() > self.chunk_size {
            return Err(DecodeError::OutputTooLong { len: output.len(), max: self.chunk_size });
        }
        if input.len() < MIN_INPUT || !input.len().is_multiple_of(2) {
            return Err(DecodeError::InputLength { len: input.len(), min: MIN_INPUT });
        }
        self.codes.start(output.len());
        machine::chunk(&mut self.codes, &mut self.x86, input, output)
    }
}

/// Decodes all of `out`, with codes that are at their start. `marks` finds instructions.
#[inline(always)]
fn chunk(
    codes: &mut Codes,
    x86: &mut X86,
    input: &[u8],
    out: &mut [u8],
    marks: impl Fn(&Block) -> u64,
) -> Result<(), DecodeError> {
    items(codes, &mut Decisions::new(), input, out)?;
    x86.undo(out, marks);
    Ok(())
}

/// The codes of a chunk.
#[derive(Debug)]
struct Codes {
    literals: Literals,
    lengths: Lengths,
    offsets: Offsets,
    delta_offsets: Offsets,
    powers: Powers,
    builder: Builder,
}

impl Codes {
    fn new() -> Self {
        Self {
            literals: Adaptive::new(INTERVAL, &LITERAL_ENTRIES),
            lengths: Adaptive::new(SHORT_INTERVAL, &LENGTH_ENTRIES),
            offsets: Adaptive::new(INTERVAL, &OFFSET_ENTRIES),
            delta_offsets: Adaptive::new(INTERVAL, &OFFSET_ENTRIES),
            powers: Adaptive::new(SHORT_INTERVAL, &POWER_ENTRIES),
            builder: Builder::new(),
        }
    }

    /// What holds at the start of a chunk of `len` bytes.
    fn start(&mut self, len: usize) {
        let (slots, builder) = (offset_slots(len), &mut self.builder);
        self.literals.start(256, builder);
        self.lengths.start(LENGTHS, builder);
        self.offsets.start(slots, builder);
        self.delta_offsets.start(slots, builder);
        self.powers.start(8, builder);
    }

    /// Takes a literal, up to 15 bits.
    #[inline(always)]
    fn literal(&mut self, bits: &mut Back<'_>) -> u8 {
        self.literals.symbol(bits, &mut self.builder).0.to_le_bytes()[0]
    }

    /// Takes an offset, up to 34 bits.
    #[inline(always)]
    fn offset(&mut self, bits: &mut Back<'_>) -> u32 {
        value(&OFFSET_BASES, self.offsets.symbol(bits, &mut self.builder))
    }

    /// Takes a length, up to 45 bits.
    #[inline(always)]
    fn length(&mut self, bits: &mut Back<'_>) -> usize {
        value(&LENGTH_BASES, self.lengths.symbol(bits, &mut self.builder)) as usize
    }

    /// Takes the source of a delta match, up to 49 bits.
    #[inline(always)]
    fn delta(&mut self, bits: &mut Back<'_>) -> Delta {
        let (power, _) = self.powers.symbol(bits, &mut self.builder);
        let offset = value(&OFFSET_BASES, self.delta_offsets.symbol(bits, &mut self.builder));
        Delta { span: 1 << (power & 7), spans: offset }
    }
}

#[inline(always)]
fn value<const SLOTS: usize>(bases: &[u32; SLOTS], (slot, more): (usize, u32)) -> u32 {
    const { assert!(SLOTS.is_power_of_two()) };
    bases[slot & (SLOTS - 1)].wrapping_add(more)
}

/// Where a delta match comes from.
#[derive(Debug, Clone, Copy)]
struct Delta {
    /// Bytes between those whose differences are copied.
    span: usize,
    /// How many spans before the match its source is.
    spans: u32,
}

/// All kinds of decisions.
#[derive(Debug)]
struct Decisions {
    is_match: Decision<16>,
    is_delta: Decision<32>,
    from_recent: Decision<64>,
    recent: [Decision<64>; 2],
    delta_from_recent: Decision<64>,
    recent_delta: [Decision<64>; 2],
}

impl Decisions {
    fn new() -> Self {
        Self {
            is_match: Decision::NEW,
            is_delta: Decision::NEW,
            from_recent: Decision::NEW,
            recent: [Decision::NEW; 2],
            delta_from_recent: Decision::NEW,
            recent_delta: [Decision::NEW; 2],
        }
    }
}

/// Which of the three recent sources is meant.
#[inline(always)]
fn which(range: &mut Range<'_>, [first, second]: &mut [Decision<64>; 2]) -> usize {
    if !range.decide(first) {
        0
    } else if !range.decide(second) {
        1
    } else {
        2
    }
}

/// Both ends of the input, for errors.
#[derive(Clone, Copy)]
struct Ends<'a> {
    range: Range<'a>,
    bits: Back<'a>,
    len: usize,
}

impl Ends<'_> {
    fn position(&self, output: usize) -> Position {
        Position { input_bit: self.range.consumed(self.len) * 8 + self.bits.consumed(self.len), output }
    }

    fn check(&self, output: usize) -> Result<(), DecodeError> {
        if self.range.is_past() || self.bits.consumed(self.len) > self.len as u64 * 8 {
            return Err(DecodeError::Truncated { len: self.len, at: self.position(output) });
        }
        Ok(())
    }

    /// A fault found here, which is only the end of the input if that has been passed.
    #[cold]
    #[inline(never)]
    fn fault(self, output: usize, fault: impl FnOnce(Position) -> DecodeError) -> DecodeError {
        self.check(output).err().unwrap_or_else(|| fault(self.position(output)))
    }
}

/// The sources of matches that came lately, by kind.
#[derive(Debug, Clone, Copy)]
struct Sources {
    offsets: Recent<u32>,
    deltas: Recent<Delta>,
    /// Whether the item before was a match, or a delta match: 1 or 0.
    after_match: usize,
    after_delta: usize,
}

impl Sources {
    fn new() -> Self {
        let deltas = [1, 2, 3, 4].map(|spans| Delta { span: 1, spans });
        Self { offsets: Recent::new([1, 2, 3, 4]), deltas: Recent::new(deltas), after_match: 0, after_delta: 0 }
    }

    fn literal(&mut self) {
        (self.after_match, self.after_delta) = (0, 0);
    }

    /// Reads the offset of a match.
    #[inline(always)]
    fn offset(
        &mut self,
        codes: &mut Codes,
        decisions: &mut Decisions,
        range: &mut Range<'_>,
        bits: &mut Back<'_>,
    ) -> usize {
        let offset = if range.decide(&mut decisions.from_recent) {
            self.offsets.again(which(range, &mut decisions.recent) + self.after_match)
        } else {
            let offset = codes.offset(bits);
            bits.refill();
            self.offsets.push(offset);
            offset
        };
        (self.after_match, self.after_delta) = (1, 0);
        offset as usize
    }

    /// Reads offset and span of a delta match.
    #[inline(always)]
    fn delta(
        &mut self,
        codes: &mut Codes,
        decisions: &mut Decisions,
        range: &mut Range<'_>,
        bits: &mut Back<'_>,
    ) -> (usize, usize) {
        let Delta { span, spans } = if range.decide(&mut decisions.delta_from_recent) {
            self.deltas.again(which(range, &mut decisions.recent_delta) + self.after_delta)
        } else {
            let delta = codes.delta(bits);
            bits.refill();
            self.deltas.push(delta);
            delta
        };
        (self.after_match, self.after_delta) = (0, 1);
        ((spans as usize).saturating_mul(span), span)
    }
}

/// Decodes the items that make up all of `out`.
#[inline(always)]
fn items(codes: &mut Codes, decisions: &mut Decisions, input: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    let mut range = Range::new(input);
    let mut bits = Back::new(input);
    let mut sources = Sources::new();
    let mut later = Later::new();
    let mut at = 0;
    // A short input that ended long ago should not cost as much as a long one.
    while at < out.len() && !bits.is_past() {
        while at < out.len() && !later.is_full() {
            bits.refill();
            if !range.decide(&mut decisions.is_match) {
                later.literal(codes.literal(&mut bits));
                // No overflow: the length is greater.
                at = at.wrapping_add(1);
                sources.literal();
                continue;
            }
            let (offset, span) = if range.decide(&mut decisions.is_delta) {
                sources.delta(codes, decisions, &mut range, &mut bits)
            } else {
                (sources.offset(codes, decisions, &mut range, &mut bits), 0)
            };
            let length = codes.length(&mut bits);
            let reach = offset.saturating_add(span);
            if reach > at || length > out.len() - at {
                let ends = Ends { range, bits, len: input.len() };
                return Err(outside(ends, out.len() - at, at, reach, length));
            }
            later.copy(at, (offset, span), length, out);
            // No overflow: so much is left.
            at = at.wrapping_add(length);
        }
        later.write(out);
    }
    Ends { range, bits, len: input.len() }.check(at)
}

/// A match of either kind that leads outside the output.
#[cold]
fn outside(ends: Ends<'_>, left: usize, output: usize, offset: usize, length: usize) -> DecodeError {
    ends.fault(output, |at| {
        if length > left {
            DecodeError::MatchPastEnd { length, left, at }
        } else {
            DecodeError::MatchBeforeStart { offset, at }
        }
    })
}

#[cfg(test)]
mod tests;
