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
use super::cpu::{Choice, Cpu, Job};
use super::huffman::Entry;
use super::lz::{self, Main, Match, Matches, Row};
use super::{Code, DecodeError};

const SYMBOLS: usize = 512;

/// Bytes of the codeword lengths.
const HEADER: usize = SYMBOLS / 2;

const MAX_CODEWORD: u32 = 15;

/// Length in a symbol from which on it continues in bytes.
const LONG: u8 = 15;

const MIN_MATCH: u8 = 3;

/// The row of literals. Those of matches are numbered by the number of offset bits.
const LITERAL_ROW: u8 = 16;

/// What the main table has for each symbol.
static ENTRIES: [Entry; SYMBOLS] = {
    let mut entries = [Entry::new(0); SYMBOLS];
    let mut byte = 0;
    loop {
        entries[byte as usize] = Entry::literal(byte, LITERAL_ROW);
        entries[256 + byte as usize] = match_entry(byte & 15, byte >> 4);
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    entries
};

/// Offset bits are skipped along with the codeword unless bytes may stand between.
const fn match_entry(length: u8, offset_bits: u8) -> Entry {
    if length == LONG {
        Entry::of_match(length + MIN_MATCH, offset_bits, 0).marked()
    } else {
        Entry::of_match(length + MIN_MATCH, offset_bits, offset_bits)
    }
}

static ROWS: [Row; lz::ROWS] = {
    let mut rows = [Row::LITERAL; lz::ROWS];
    let mut bits = 0;
    while bits < LITERAL_ROW {
        rows[bits as usize] = Row::slot(1 << bits, bits);
        bits += 1;
    }
    rows
};

/// Decodes chunks that are compressed with XPRESS.
#[derive(Debug)]
pub struct XpressDecoder {
    chunk_size: usize,
    words: Words,
    main: Main,
    cpu: Choice,
}

impl XpressDecoder {
    /// A decoder for chunks of up to `chunk_size` bytes.
    pub fn new(chunk_size: u32) -> Self {
        let chunk_size = chunk_size as usize;
        let words = Words::with_capacity(chunk_size, 2);
        Self { chunk_size, words, main: Main::new(SYMBOLS, MAX_CODEWORD), cpu: Choice::new() }
    }

    /// The same decoder, but with nothing that only newer processors have. It does the same in more
    /// time, and is there for tests to show it.
    pub fn portable(self) -> Self {
        Self { cpu: Choice::plain(), ..self }
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
        self.cpu.run(Symbols { main: &self.main, bits, output })
    }
}

struct Symbols<'a> {
    main: &'a Main,
    bits: Bits<'a>,
    output: &'a mut [u8],
}

impl Job for Symbols<'_> {
    type Output = Result<(), DecodeError>;

    #[inline(always)]
    fn run<C: Cpu>(self, cpu: C) -> Self::Output {
        let Self { main, bits, output } = self;
        lz::decode(main, &mut Forms, cpu, bits, output, 0)?.check(output.len())
    }
}

/// How XPRESS writes matches.
struct Forms;

impl Matches for Forms {
    const SHORT: usize = (LONG - 1 + MIN_MATCH) as usize;
    const ALIGNED: bool = false;

    #[inline(always)]
    fn row(entry: &Entry) -> &'static Row {
        &ROWS[usize::from(entry.row) % lz::ROWS]
    }

    /// Not in use.
    fn lowest(&self, _next: u64) -> &Entry {
        &ENTRIES[0]
    }

    /// A length that goes on in bytes is never easy.
    #[inline(always)]
    fn long(&self, _next: u64) -> Option<&Entry> {
        None
    }

    #[inline(always)]
    fn offset(&mut self, _row: &Row, plain: u32) -> usize {
        plain as usize
    }

    #[inline(always)]
    fn read(&mut self, entry: Entry, bits: &mut Bits<'_>, output: usize) -> Result<Match, DecodeError> {
        let row = Self::row(&entry);
        let mut length = entry.length.into();
        let mut skip = entry.skip();
        if entry.length == LONG + MIN_MATCH {
            bits.skip(skip);
            length = bits.length_bytes().ok_or_else(|| bits.truncated(output))?;
            if length < u32::from(LONG) {
                return Err(bits.fault(output, |at| DecodeError::LengthEscape { found: length, at }));
            }
            length += u32::from(MIN_MATCH);
            // The 16 bits or more that are left suffice for the offset.
            skip = row.extra.into();
        }
        let offset = (bits.peek_low(skip) & row.ones) + row.base;
        bits.skip(skip);
        Ok(Match { offset: offset as usize, length: length as usize })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Position;
    use super::super::encode::{self, BitWriter, HuffmanCode, Limits, Token};
    use super::*;

    fn decode(input: &[u8], len: usize) -> Result<Vec<u8>, DecodeError> {
        // What is not zero beforehand shows what isn't written.
        let mut output = vec![0xd1; len];
        XpressDecoder::new(1 << 16).decode(input, &mut output).map(|()| output)
    }

    /// The header with these codeword lengths.
    fn header(lens: &[(usize, u8)]) -> Vec<u8> {
        let mut header = vec![0; HEADER];
        for &(symbol, len) in lens {
            header[symbol / 2] |= len << (symbol % 2 * 4);
        }
        header
    }

    /// A stream of `a` (0), `b` (10) and one match symbol (11), and a writer after its header.
    fn three(symbol: usize) -> (HuffmanCode, BitWriter) {
        let lens = [(usize::from(b'a'), 1), (usize::from(b'b'), 2), (symbol, 2)];
        let mut all = vec![0; SYMBOLS];
        lens.iter().for_each(|&(symbol, len)| all[symbol] = len);
        (HuffmanCode::new(all), BitWriter::after(header(&lens)))
    }

    fn limits(len: usize) -> Limits {
        Limits { len, max_offset: 65_535, min_length: 3, max_length: 65_538 }
    }

    proptest! {
        #[test]
        fn any_tokens_come_back(numbers in prop::collection::vec(any::<u64>(), 0..2000), len in 0_usize..=65_536) {
            let tokens = encode::tokens(&numbers, limits(len));
            let input = encode::xpress(&tokens);
            prop_assert_eq!(decode(&input, len), Ok(encode::expand(&tokens)));
        }

        #[test]
        fn damaged_chunks_do_no_harm(
            numbers in prop::collection::vec(any::<u64>(), 0..300),
            flips in prop::collection::vec(any::<usize>(), 1..4),
            cut in any::<usize>(),
        ) {
            let mut input = encode::xpress(&encode::tokens(&numbers, limits(3000)));
            for flip in flips {
                let bit = flip % (input.len() * 8);
                input[bit / 8] ^= 1 << (bit % 8);
            }
            input.truncate(input.len() - cut % 64);
            let _ = decode(&input, 3000);
        }

        #[test]
        fn noise_does_no_harm(input in prop::collection::vec(any::<u8>(), 0..600), len in 0_usize..5000) {
            let _ = decode(&input, len);
        }
    }

    #[test]
    fn long_runs_use_every_form_of_length() {
        for length in [3, 17, 18, 19, 271, 272, 273, 274, 65_535] {
            for offset in [1, 2, 15, 16, 17] {
                let mut tokens = vec![Token::Literal(b'x'); offset];
                tokens[0] = Token::Literal(b'y');
                tokens.push(Token::Match { offset, length: length.min(65_536 - offset) });
                let expected = encode::expand(&tokens);
                assert_eq!(decode(&encode::xpress(&tokens), expected.len()), Ok(expected), "{length} {offset}");
            }
        }
    }

    #[test]
    fn one_decoder_serves_chunk_after_chunk_also_after_a_fault() {
        let mut decoder = XpressDecoder::new(4096);
        let chunk = encode::xpress(&[Token::Literal(1), Token::Match { offset: 1, length: 99 }]);
        let mut output = [0; 100];
        for _ in 0..2 {
            assert_eq!(decoder.decode(&chunk, &mut output), Ok(()));
            assert_eq!(output, [1; 100]);
            assert!(decoder.decode(&chunk[..258], &mut output).is_err());
        }
        assert_eq!(decoder.decode(&chunk, &mut [0; 4097]), Err(DecodeError::OutputTooLong { len: 4097, max: 4096 }));
    }

    #[test]
    fn the_lengths_need_256_bytes() {
        for len in [0, 1, 255] {
            let at = Position { input_bit: 0, output: 0 };
            assert_eq!(decode(&vec![0x11; len], 5), Err(DecodeError::Truncated { len, at }));
        }
    }

    #[test]
    fn the_code_must_be_complete() {
        let at = Position { input_bit: 256 * 8, output: 0 };
        let code = Code::Main;
        for (lens, error) in [
            (&[(0, 1), (1, 1), (2, 15)][..], DecodeError::CodeOversubscribed { code, used: 0x1_0002, at }),
            (&[(0, 1), (1, 2)], DecodeError::CodeIncomplete { code, used: 0xc000, at }),
            (&[(0, 1)], DecodeError::CodeIncomplete { code, used: 0x8000, at }),
            (&[], DecodeError::CodeEmpty { code, at }),
        ] {
            let input = [header(lens), vec![0; 8]].concat();
            assert_eq!(decode(&input, 1), Err(error));
        }
        // Nothing is needed of the code when there is nothing to decode.
        assert_eq!(decode(&header(&[]), 0), Ok(vec![]));
    }

    #[test]
    fn a_match_before_the_start_is_refused() {
        // Offset 3, length 3.
        let (code, mut out) = three(256 + 16);
        code.put(&mut out, usize::from(b'a'));
        code.put(&mut out, usize::from(b'b'));
        code.put(&mut out, 256 + 16);
        out.bits(1, 1);
        let input = out.finish_held();
        let at = Position { input_bit: 256 * 8 + 6, output: 2 };
        for len in [5, 500] {
            assert_eq!(decode(&input, len), Err(DecodeError::MatchBeforeStart { offset: 3, at }));
        }
    }

    #[test]
    fn a_match_past_the_end_is_refused() {
        // Offset 1, length 17: the longest that needs no bytes.
        let (code, mut out) = three(256 + 14);
        code.put(&mut out, usize::from(b'b'));
        code.put(&mut out, 256 + 14);
        let input = out.finish_held();
        assert_eq!(decode(&input, 18), Ok(vec![b'b'; 18]));
        let at = Position { input_bit: 256 * 8 + 4, output: 1 };
        assert_eq!(decode(&input, 17), Err(DecodeError::MatchPastEnd { length: 17, left: 16, at }));
    }

    #[test]
    fn a_long_match_past_the_end_is_refused() {
        // Where the fast loop finds it, and where the loop for the end does.
        for (before, len) in [(1, 200), (1, 20)] {
            let (code, mut out) = three(256 + 15);
            for _ in 0..before {
                code.put(&mut out, usize::from(b'b'));
            }
            code.put(&mut out, 256 + 15);
            out.bytes(&[255, 0xf0, 0x01]);
            let input = out.finish_held();
            let length = 0x1f0 + 3;
            assert_eq!(decode(&input, length + before), Ok(vec![b'b'; length + before]));
            let left = len - before;
            // Two words are held, and the three bytes are read.
            let at = Position { input_bit: 256 * 8 + 4 + 24, output: before };
            assert_eq!(decode(&input, len), Err(DecodeError::MatchPastEnd { length, left, at }));
        }
    }

    #[test]
    fn a_length_in_16_bits_that_fits_into_less_is_refused() {
        for found in [0, 14, 15] {
            let (code, mut out) = three(256 + 15);
            code.put(&mut out, usize::from(b'b'));
            code.put(&mut out, 256 + 15);
            out.bytes(&[255, found, 0]);
            let input = out.finish_held();
            let result = decode(&input, 1 + 15 + 3);
            if found == 15 {
                assert_eq!(result, Ok(vec![b'b'; 19]));
            } else {
                let at = Position { input_bit: 256 * 8 + 4 + 24, output: 1 };
                assert_eq!(result, Err(DecodeError::LengthEscape { found: found.into(), at }));
            }
        }
    }

    #[test]
    fn every_shorter_input_is_truncated_or_not_needed_to_the_end() {
        let numbers: Vec<u64> = (0..60).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
        let tokens = encode::tokens(&numbers, limits(1000));
        let input = encode::xpress(&tokens);
        let expected = encode::expand(&tokens);
        for len in 0..input.len() {
            match decode(&input[..len], 1000) {
                Ok(output) => assert!(output == expected && len + 4 >= input.len(), "{len} of {}", input.len()),
                Err(DecodeError::Truncated { len: told, .. }) => assert_eq!(told, len),
                Err(other) => panic!("{len} of {} bytes: {other}", input.len()),
            }
        }
    }

    #[test]
    fn what_follows_the_last_symbol_is_not_looked_at() {
        let mut input = encode::xpress(&[Token::Literal(b'a'), Token::Literal(b'b')]);
        input.extend([0xff; 99]);
        assert_eq!(decode(&input, 2), Ok(b"ab".to_vec()));
    }

    #[test]
    fn symbol_256_is_a_match_before_the_end() {
        let (code, mut out) = three(256);
        code.put(&mut out, usize::from(b'b'));
        code.put(&mut out, 256);
        let input = out.finish_held();
        assert_eq!(decode(&input, 4), Ok(b"bbbb".to_vec()));
        assert_eq!(decode(&input, 1), Ok(b"b".to_vec()), "and not looked at after it");
    }
}
