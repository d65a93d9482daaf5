//! XPRESS with Huffman codes: [MS-XCA] 2.1 and 2.2, "LZ77+Huffman".
//!
//! ```text
//!   0x000  256 bytes: codeword lengths of 512 symbols, four bits each, the even symbol low
//!   0x100  words: symbols and offset bits; single bytes between them
//! ```
//!
//! Symbols below 256 are literals. The others have the match length less 3 in their low four bits
//! and the number of offset bits in the next four; the offset is those bits below a one. A length
//! of 15 goes on in [bytes between the words](Bits::length_bytes).
//!
//! The specification has chunks of 64 KiB that follow each other with their codes; in WIM files
//! each chunk stands alone. Symbol 256 where the output is full ends a chunk; since its size is
//! known the decoder doesn't look for it. Its form for matches of 64 KiB and more, a length of
//! zero in 16 bits and then one of 32 bits, can't occur in such chunks and is refused.

use super::bits::{Bits, Words};
use super::huffman::Entry;
use super::lz::{self, Main, Match, Matches};
use super::{Code, DecodeError};

const SYMBOLS: usize = 512;

/// Bytes of the codeword lengths.
const HEADER: usize = SYMBOLS / 2;

const MAX_CODEWORD: u32 = 15;

/// Length in a symbol from which on it continues in bytes.
const LONG: u32 = 15;

const MIN_MATCH: u32 = 3;

/// What the main table has for each symbol.
static ENTRIES: [Entry; SYMBOLS] = {
    let mut entries = [Entry::new(0); SYMBOLS];
    let mut symbol = 0;
    while symbol < 256 {
        entries[symbol as usize] = Entry::literal(symbol);
        entries[256 + symbol as usize] = match_entry(symbol & 15, symbol >> 4);
        symbol += 1;
    }
    entries
};

/// Value: the length in five bits, then the number of offset bits. Those are skipped along with
/// the codeword unless bytes may stand between.
const fn match_entry(length: u32, offset_bits: u32) -> Entry {
    let entry = Entry::new(length | offset_bits << 5);
    if length == LONG { entry } else { entry.and_skip(offset_bits) }
}

/// Decodes chunks that are compressed with XPRESS.
#[derive(Debug)]
pub struct XpressDecoder {
    chunk_size: usize,
    words: Words,
    main: Main,
}

impl XpressDecoder {
    /// A decoder for chunks of up to `chunk_size` bytes.
    pub fn new(chunk_size: u32) -> Self {
        let chunk_size = chunk_size as usize;
        Self {
            chunk_size,
            words: Words::default(),
            main: Main::new(SYMBOLS, MAX_CODEWORD),
        }
    }

    /// Decodes the chunk `input` into `output`, whose length is that of the uncompressed chunk.
    ///
    /// # Errors
    /// `input` is no chunk of that length. The content of `output` is unspecified then.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
        if output.len() > self.chunk_size {
            return Err(DecodeError::OutputTooLong { len: output.len(), max: self.chunk_size });
        }
        let bits = self.words.load_both(input);
        let Some(packed) = input.first_chunk::<HEADER>() else { return Err(bits.truncated(0)) };
        let bits = bits.seek(HEADER);
        let mut lens = [0; SYMBOLS];
        for (pair, byte) in lens.as_chunks_mut().0.iter_mut().zip(packed) {
            *pair = [byte & 15, byte >> 4];
        }
        self.main.build(Code::Main, &lens, &ENTRIES, bits, 0)?;
        symbols(&self.main, bits, output)
    }
}

#[inline(never)]
fn symbols(main: &Main, bits: Bits<'_>, output: &mut [u8]) -> Result<(), DecodeError> {
    lz::decode(main, &mut Forms, bits, output, 0)?.check(output.len())
}

/// How XPRESS writes matches.
struct Forms;

impl Matches for Forms {
    const SHORT: usize = (LONG - 1 + MIN_MATCH) as usize;

    #[inline(always)]
    fn read(&mut self, entry: Entry, bits: &mut Bits<'_>, output: usize) -> Result<Match, DecodeError> {
        let mut length = entry.value() & 31;
        let offset_bits = entry.value() >> 5 & 15;
        let mut skip = entry.skip();
        if length == LONG {
            bits.skip(skip);
            length = bits.length_bytes().ok_or_else(|| bits.truncated(output))?;
            if length < LONG {
                return Err(bits.fault(output, |at| DecodeError::LengthEscape { found: length, at }));
            }
            bits.refill();
            skip = offset_bits;
        }
        let ones = ONES[offset_bits as usize];
        let offset = (bits.peek_low(skip) & ones) + ones + 1;
        bits.skip(skip);
        Ok(Match { offset: offset as usize, length: (length + MIN_MATCH) as usize })
    }
}

/// Numbers of 0 to 15 ones.
static ONES: [u32; 16] = {
    let mut ones = [0; 16];
    let mut n = 0;
    while n < 16 {
        ones[n] = (1 << n) - 1;
        n += 1;
    }
    ones
};
