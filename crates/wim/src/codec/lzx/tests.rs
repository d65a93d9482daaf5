//! Chunks that our test encoder writes, well and badly.

#![expect(clippy::cast_possible_truncation, reason = "the tests choose numbers that fit")]

use proptest::prelude::*;

use super::super::Position;
use super::super::encode::{self, BitWriter, BlockKind, HuffmanCode, Limits, LzxEncoder, Token, put_lens};
use super::*;

/// Symbols of the main code with windows of 32 KiB.
const MAIN: usize = 256 + 8 * 30;

fn decode(chunk_size: u32, input: &[u8], len: usize) -> Result<Vec<u8>, DecodeError> {
    // What is not zero beforehand shows what isn't written.
    let mut output = vec![0xd1; len];
    LzxDecoder::new(chunk_size).decode(input, &mut output).map(|()| output)
}

/// What a decoder should make of tokens: their bytes with calls translated.
fn expected(tokens: &[Token]) -> Vec<u8> {
    let mut bytes = encode::expand(tokens);
    e8::undo(&mut bytes);
    bytes
}

fn limits(window_order: u32, len: usize) -> Limits {
    Limits { len, max_offset: (1 << window_order) - 3, min_length: 2, max_length: 257 }
}

/// Tokens as one chunk, cut into blocks of kinds that follow each other.
fn chunk(window_order: u32, tokens: &[Token], per_block: usize, kinds: &[BlockKind]) -> Vec<u8> {
    let mut encoder = LzxEncoder::new(window_order);
    for (tokens, &kind) in tokens.chunks(per_block).zip(kinds.iter().cycle()) {
        encoder.block(kind, tokens);
    }
    encoder.finish()
}

fn literals(bytes: &[u8]) -> Vec<Token> {
    bytes.iter().map(|&byte| Token::Literal(byte)).collect()
}

/// Lengths with those given, and 0 for the others.
fn lens(count: usize, given: &[(usize, u8)]) -> Vec<u8> {
    let mut lens = vec![0; count];
    given.iter().for_each(|&(symbol, len)| lens[symbol] = len);
    lens
}

/// Type and size of a block in a window of 32 KiB.
fn block_header(out: &mut BitWriter, kind: u32, size: u32) {
    out.bits(kind, 3);
    out.bits(size, 17);
}

/// The codes of the first block of a chunk.
fn put_codes(out: &mut BitWriter, main: &[u8], length: &[u8]) {
    put_lens(out, &[0; 256], &main[..256]);
    put_lens(out, &vec![0; main.len() - 256], &main[256..]);
    put_lens(out, &[0; LENGTH_SYMBOLS], length);
}

/// A chunk of one block with these codes and these symbols of the main code, then more bits.
fn one_block(kind: u32, size: u32, main: &[u8], length: &[u8], symbols: &[usize], more: (u32, u32)) -> Vec<u8> {
    let mut out = BitWriter::after(Vec::new());
    block_header(&mut out, kind, size);
    if kind == 2 {
        (0..8).for_each(|_| out.bits(3, 3));
    }
    put_codes(&mut out, main, length);
    let code = HuffmanCode::new(main.to_vec());
    symbols.iter().for_each(|&symbol| code.put(&mut out, symbol));
    out.bits(more.0, more.1);
    out.finish()
}

/// The error without its place, which is for the tests that are about places.
fn anywhere(error: DecodeError) -> DecodeError {
    let mut error = error;
    match &mut error {
        DecodeError::Truncated { at, .. }
        | DecodeError::CodeOversubscribed { at, .. }
        | DecodeError::CodeIncomplete { at, .. }
        | DecodeError::CodeEmpty { at, .. }
        | DecodeError::LengthRun { at, .. }
        | DecodeError::RunOfRuns { at, .. }
        | DecodeError::BlockType { at, .. }
        | DecodeError::BlockSize { at, .. }
        | DecodeError::ZeroOffset { at, .. }
        | DecodeError::MatchBeforeStart { at, .. }
        | DecodeError::MatchPastEnd { at, .. }
        | DecodeError::LengthEscape { at, .. } => *at = NOWHERE,
        DecodeError::OutputTooLong { .. } | DecodeError::InputLength { .. } => {}
    }
    error
}

const NOWHERE: Position = Position { input_bit: 0, output: 0 };

fn fault(input: &[u8], len: usize) -> DecodeError {
    anywhere(decode(1 << 15, input, len).unwrap_err())
}

fn kinds() -> impl Strategy<Value = Vec<BlockKind>> {
    let kind = prop_oneof![Just(BlockKind::Verbatim), Just(BlockKind::Aligned), Just(BlockKind::Uncompressed)];
    prop::collection::vec(kind, 1..4)
}

proptest! {
    #[test]
    fn any_tokens_come_back_in_any_blocks(
        numbers in prop::collection::vec(any::<u64>(), 0..2000),
        order in 15_u32..=17,
        len in 1_usize..=1 << 17,
        per_block in 1_usize..400,
        kinds in kinds(),
    ) {
        let len = len.min(1 << order);
        let tokens = encode::tokens(&numbers, limits(order, len));
        // The literals at the end make few blocks if each holds many.
        let per_block = per_block.max(tokens.len() / 50);
        let input = chunk(order, &tokens, per_block, &kinds);
        prop_assert_eq!(decode(1 << order, &input, len), Ok(expected(&tokens)));
    }

    #[test]
    fn damaged_chunks_do_no_harm(
        numbers in prop::collection::vec(any::<u64>(), 0..300),
        kinds in kinds(),
        flips in prop::collection::vec(any::<usize>(), 1..4),
        cut in any::<usize>(),
    ) {
        let tokens = encode::tokens(&numbers, limits(15, 3000));
        let mut input = chunk(15, &tokens, 200, &kinds);
        for flip in flips {
            let bit = flip % (input.len() * 8);
            input[bit / 8] ^= 1 << (bit % 8);
        }
        input.truncate(input.len() - cut % 64);
        let _ = decode(1 << 15, &input, 3000);
    }

    #[test]
    fn noise_does_no_harm(input in prop::collection::vec(any::<u8>(), 0..600), len in 0_usize..5000) {
        let _ = decode(1 << 15, &input, len);
    }
}

#[test]
fn windows_have_the_order_that_their_chunks_need() {
    for (chunk_size, window, symbols) in [
        (0, 1 << 15, 496),
        (1, 1 << 15, 496),
        (4096, 1 << 15, 496),
        (1 << 15, 1 << 15, 496),
        ((1 << 15) + 1, 1 << 16, 512),
        (1 << 16, 1 << 16, 512),
        (1 << 17, 1 << 17, 528),
        (1 << 18, 1 << 18, 544),
        (1 << 19, 1 << 19, 560),
        (1 << 20, 1 << 20, 592),
        (1 << 21, 1 << 21, 656),
        (u32::MAX, 1 << 21, 656),
    ] {
        let decoder = LzxDecoder::new(chunk_size);
        assert_eq!((decoder.window, decoder.codes.main_symbols), (window, symbols), "{chunk_size}");
    }
}

#[test]
fn the_largest_window_reaches_back_all_the_way() {
    // Zeros up to where the first bytes come again from every distance that a slot begins or
    // ends with, verbatim and aligned.
    let start: Vec<u8> = (1..=200).collect();
    for kind in [BlockKind::Verbatim, BlockKind::Aligned] {
        let mut tokens = literals(&start);
        tokens.push(Token::Literal(0));
        let mut len = start.len() + 1;
        for bits in 8..=20 {
            for offset in [1 << bits, (1 << bits) + 1, 3 << (bits - 1), (2 << bits) - 3] {
                while len < offset {
                    let length = 257.min(offset - len).max(2);
                    tokens.push(Token::Match { offset: 1, length });
                    len += length;
                }
                tokens.push(Token::Match { offset, length: 2 });
                len += 2;
            }
        }
        let input = chunk(21, &tokens, 4000, &[kind]);
        let bytes = expected(&tokens);
        assert!(((1 << 21) - 1..=1 << 21).contains(&bytes.len()), "{}", bytes.len());
        assert_eq!(decode(1 << 21, &input, bytes.len()).as_ref(), Ok(&bytes));
    }
}

#[test]
fn a_chunk_begins_anew_whatever_came_before() {
    let tokens = encode::tokens(&[u64::MAX / 3; 50], limits(15, 500));
    let mut first = LzxEncoder::new(15);
    first.block(BlockKind::Verbatim, &tokens);
    first.block(BlockKind::Aligned, &tokens);
    let first = first.finish();
    let twice = [tokens.clone(), tokens.clone()].concat();
    let other = chunk(15, &literals(b"abracadabra"), 99, &[BlockKind::Verbatim]);
    let mut decoder = LzxDecoder::new(1 << 15);
    let mut output = vec![0; 1000];
    for _ in 0..2 {
        decoder.decode(&first, &mut output).unwrap();
        assert_eq!(output, expected(&twice));
        let mut word = [0; 11];
        decoder.decode(&other, &mut word).unwrap();
        assert_eq!(&word, b"abracadabra");
        assert!(decoder.decode(&first[..first.len() / 2], &mut output).is_err());
    }
}

#[test]
fn the_output_fits_into_the_window() {
    assert_eq!(decode(1 << 15, &[], 32_769), Err(DecodeError::OutputTooLong { len: 32_769, max: 32_768 }));
}

#[test]
fn no_output_needs_no_input() {
    assert_eq!(decode(1 << 15, &[], 0), Ok(vec![]));
}

#[test]
fn no_input_is_truncated() {
    let at = Position { input_bit: 3, output: 0 };
    assert_eq!(decode(1 << 15, &[], 1), Err(DecodeError::Truncated { len: 0, at }));
    let at = Position { input_bit: 3, output: 0 };
    assert_eq!(decode(1 << 15, &[0xff], 1), Err(DecodeError::Truncated { len: 1, at }), "half a word is none");
}

#[test]
fn block_types_are_1_to_3() {
    for found in [0, 4, 5, 6, 7] {
        let mut out = BitWriter::after(Vec::new());
        block_header(&mut out, found, 5);
        let at = Position { input_bit: 3, output: 0 };
        assert_eq!(decode(1 << 15, &out.finish(), 5), Err(DecodeError::BlockType { found, at }));
    }
}

#[test]
fn block_sizes_are_1_to_what_is_left() {
    for (size, found) in [(0, 0), (6, 6), (0xffff, 0xffff), (0x1_0000, 32_768)] {
        let mut out = BitWriter::after(Vec::new());
        block_header(&mut out, 1, size);
        let bits = if size == 0x1_0000 { 4 } else { 20 };
        let at = Position { input_bit: bits, output: 0 };
        let error = DecodeError::BlockSize { found, left: 5, at };
        assert_eq!(decode(1 << 15, &out.finish(), 5), Err(error));
    }
    // 24 bits from windows of 64 KiB on.
    let mut out = BitWriter::after(Vec::new());
    out.bits(1, 3);
    out.bits(0x00ab_cdef, 25);
    let at = Position { input_bit: 28, output: 0 };
    let error = DecodeError::BlockSize { found: 0x00ab_cdef, left: 5, at };
    assert_eq!(decode(1 << 16, &out.finish(), 5), Err(error));
}

#[test]
fn a_block_of_the_default_size() {
    for order in [15, 16] {
        let tokens = encode::tokens(&[], limits(order, 1 << 15));
        let input = chunk(order, &tokens, 1 << 15, &[BlockKind::Verbatim]);
        assert_eq!(decode(1 << order, &input, 1 << 15), Ok(expected(&tokens)));
    }
}

#[test]
fn precodes_must_be_complete_and_not_empty() {
    let code = Code::Precode;
    for (given, error) in [
        (&[(0, 1), (1, 1), (2, 15)][..], DecodeError::CodeOversubscribed { code, used: 0x1_0002, at: NOWHERE }),
        (&[(0, 1), (1, 2)], DecodeError::CodeIncomplete { code, used: 0xc000, at: NOWHERE }),
        (&[(0, 1)], DecodeError::CodeIncomplete { code, used: 0x8000, at: NOWHERE }),
        (&[], DecodeError::CodeEmpty { code, at: NOWHERE }),
    ] {
        let mut out = BitWriter::after(Vec::new());
        block_header(&mut out, 1, 5);
        lens(PRECODE_SYMBOLS, given).iter().for_each(|&len| out.bits(len.into(), 4));
        out.bits(0, 32);
        assert_eq!(fault(&out.finish(), 5), error);
    }
}

#[test]
fn main_and_length_codes_must_be_complete_or_empty() {
    let good = lens(MAIN, &[(97, 1), (256, 1)]);
    for (given, of) in [
        (&[(5, 1), (6, 1), (7, 16)][..], Some(0x1_0001)),
        (&[(5, 1), (6, 2)], Some(0xc000)),
        (&[(5, 1)], Some(0x8000)),
        (&[(5, 16)], Some(1)),
        (&[], None),
    ] {
        let misfit = |code| match of {
            Some(used @ 0x1_0001..) => DecodeError::CodeOversubscribed { code, used, at: NOWHERE },
            Some(used) => DecodeError::CodeIncomplete { code, used, at: NOWHERE },
            None => DecodeError::CodeEmpty { code, at: NOWHERE },
        };
        let none = lens(LENGTH_SYMBOLS, &[]);
        let input = one_block(1, 2, &lens(MAIN, given), &none, &[], (0, 32));
        assert_eq!(fault(&input, 2), misfit(Code::Main));
        // An empty length code is none as long as no symbol of it is needed.
        let input = one_block(1, 2, &good, &lens(LENGTH_SYMBOLS, given), &[97, 97], (0, 32));
        if of.is_some() {
            assert_eq!(fault(&input, 2), misfit(Code::Length));
        } else {
            assert_eq!(decode(1 << 15, &input, 2), Ok(b"aa".to_vec()));
        }
    }
    let main = lens(MAIN, &[(97, 1), (256 + 7, 1)]);
    let input = one_block(1, 20, &main, &lens(LENGTH_SYMBOLS, &[]), &[97, 263], (0, 32));
    assert_eq!(fault(&input, 20), DecodeError::CodeEmpty { code: Code::Length, at: NOWHERE });
}

#[test]
fn aligned_offset_codes_must_be_complete_and_not_empty() {
    let code = Code::Aligned;
    for (given, error) in [
        ([1, 1, 7, 0, 0, 0, 0, 0], DecodeError::CodeOversubscribed { code, used: 0x1_0200, at: NOWHERE }),
        ([1, 2, 0, 0, 0, 0, 0, 0], DecodeError::CodeIncomplete { code, used: 0xc000, at: NOWHERE }),
        ([0, 1, 0, 0, 0, 0, 0, 0], DecodeError::CodeIncomplete { code, used: 0x8000, at: NOWHERE }),
        ([0, 0, 0, 0, 0, 0, 0, 0], DecodeError::CodeEmpty { code, at: NOWHERE }),
    ] {
        let mut out = BitWriter::after(Vec::new());
        block_header(&mut out, 2, 5);
        given.iter().for_each(|&len| out.bits(len, 3));
        out.bits(0, 32);
        assert_eq!(fault(&out.finish(), 5), error);
    }
}

/// A precode with two-bit codewords for changes 0 and 1 and the two given symbols.
fn precode(out: &mut BitWriter, symbols: [usize; 2]) -> HuffmanCode {
    let lens = lens(PRECODE_SYMBOLS, &[(0, 2), (1, 2), (symbols[0], 2), (symbols[1], 2)]);
    lens.iter().for_each(|&len| out.bits(len.into(), 4));
    HuffmanCode::new(lens)
}

#[test]
fn runs_of_lengths_end_with_the_lengths() {
    for (symbol, extra_bits, base) in [(17, 4, 4), (18, 5, 20), (19, 1, 4)] {
        for left in 1..=base {
            let mut out = BitWriter::after(Vec::new());
            block_header(&mut out, 1, 5);
            let other = if symbol == 17 { 18 } else { 17 };
            let code = precode(&mut out, [symbol.min(other), symbol.max(other)]);
            (left..256).for_each(|_| code.put(&mut out, 0));
            code.put(&mut out, symbol);
            out.bits(1, extra_bits);
            if symbol == 19 {
                code.put(&mut out, 0);
            }
            out.bits(0, 32);
            let error = DecodeError::LengthRun { code: Code::Main, run: base + 1, left, at: NOWHERE };
            assert_eq!(fault(&out.finish(), 5), error);
        }
    }
}

#[test]
fn runs_repeat_lengths_only() {
    for found in [17, 18, 19] {
        let mut out = BitWriter::after(Vec::new());
        block_header(&mut out, 1, 5);
        let code = precode(&mut out, if found == 19 { [17, 19] } else { [found, 19] });
        code.put(&mut out, 19);
        out.bits(0, 1);
        code.put(&mut out, found);
        out.bits(0, 32);
        let error = DecodeError::RunOfRuns { code: Code::Main, found: found as u32, at: NOWHERE };
        assert_eq!(fault(&out.finish(), 5), error);
    }
}

#[test]
fn a_match_before_the_start_is_refused() {
    let none = lens(LENGTH_SYMBOLS, &[]);
    for (slot, more, offset) in
        [(0, (0, 0), 1), (2, (0, 0), 1), (3, (0, 0), 1), (6, (1, 2), 7), (29, (0x1fff, 13), 32_765)]
    {
        let symbol = 256 + 8 * slot;
        let main = lens(MAIN, &[(97, 1), (symbol, 1)]);
        let before = offset - 1;
        for len in [before + 2, 32_768] {
            let symbols = [vec![97; before], vec![symbol]].concat();
            let input = one_block(1, if len == 32_768 { 0x1_0000 } else { len as u32 }, &main, &none, &symbols, more);
            if len == 32_768 {
                // The header of a block of the default size is 16 bits shorter.
                continue;
            }
            assert_eq!(fault(&input, len), DecodeError::MatchBeforeStart { offset, at: NOWHERE });
        }
    }
}

#[test]
fn a_match_ends_with_its_block() {
    let none = lens(LENGTH_SYMBOLS, &[]);
    let main = lens(MAIN, &[(97, 1), (256 + 6, 1)]);
    let input = one_block(1, 8, &main, &none, &[97, 262], (0, 32));
    let error = DecodeError::MatchPastEnd { length: 8, left: 7, at: NOWHERE };
    assert_eq!(fault(&input, 8), error);
    assert_eq!(fault(&input, 9), error, "also where the chunk goes on");
}

#[test]
fn uncompressed_blocks_begin_and_end_at_words() {
    // Odd and even sizes, before and after bits, and where the bits end with a word.
    for filler in 0..20 {
        let mut tokens = Vec::new();
        let mut encoder = LzxEncoder::new(15);
        for size in [1, 2, 3, 10] {
            let block = literals(&b"0123456789"[..size]);
            encoder.block(BlockKind::Uncompressed, &block);
            tokens.extend(block);
            let block = literals(&(0..=filler).collect::<Vec<u8>>());
            encoder.block(BlockKind::Verbatim, &block);
            tokens.extend(block);
        }
        let bytes = expected(&tokens);
        assert_eq!(decode(1 << 15, &encoder.finish(), bytes.len()), Ok(bytes));
    }
}

#[test]
fn the_padding_after_the_last_uncompressed_byte_may_be_missing() {
    let mut input = chunk(15, &literals(b"abc"), 9, &[BlockKind::Uncompressed]);
    assert_eq!(input.pop(), Some(0));
    assert_eq!(decode(1 << 15, &input, 3), Ok(b"abc".to_vec()));
    input.pop();
    // Two words of header, three offsets: the bytes begin at 16.
    let at = Position { input_bit: 16 * 8, output: 0 };
    assert_eq!(decode(1 << 15, &input, 3), Err(DecodeError::Truncated { len: 18, at }));
    for len in 4..16 {
        let at = Position { input_bit: 4 * 8, output: 0 };
        assert_eq!(decode(1 << 15, &input[..len], 3), Err(DecodeError::Truncated { len, at }));
    }
}

#[test]
fn recent_offsets_are_not_zero() {
    for index in 0..3 {
        let mut input = chunk(15, &literals(b"abc"), 9, &[BlockKind::Uncompressed]);
        input[4 + 4 * index..][..4].fill(0);
        let at = Position { input_bit: 16 * 8, output: 0 };
        assert_eq!(decode(1 << 15, &input, 3), Err(DecodeError::ZeroOffset { index, at }));
    }
}

#[test]
fn recent_offsets_of_a_header_may_be_of_no_use() {
    let mut encoder = LzxEncoder::new(21);
    encoder.block(BlockKind::Uncompressed, &literals(b"abcdefgh"));
    // The encoder says 7 in the second place, and now it refers to that.
    encoder.block(BlockKind::Verbatim, &[Token::Match { offset: 7, length: 2 }]);
    let mut input = encoder.finish();
    assert_eq!(decode(1 << 21, &input, 10), Ok(b"abcdefghbc".to_vec()));
    for offset in [9, 1 << 21, u32::MAX] {
        input[4 + 4..][..4].copy_from_slice(&offset.to_le_bytes());
        let error = anywhere(decode(1 << 21, &input, 10).unwrap_err());
        let offset = offset.min((1 << 21) - 1) as usize;
        assert_eq!(error, DecodeError::MatchBeforeStart { offset, at: NOWHERE });
    }
}

#[test]
fn calls_are_translated_in_all_kinds_of_blocks() {
    let mut bytes = [0x90; 64];
    for at in [10, 40, 53, 59] {
        bytes[at..][..5].copy_from_slice(&[0xe8, 99, 0, 0, 0]);
    }
    for kind in [BlockKind::Verbatim, BlockKind::Aligned, BlockKind::Uncompressed] {
        let input = chunk(15, &literals(&bytes), 99, &[kind]);
        let mut translated = bytes;
        for at in [10, 40, 53] {
            translated[at + 1] -= at as u8;
        }
        assert_eq!(decode(1 << 15, &input, 64), Ok(translated.to_vec()), "{kind:?}: not in the last ten bytes");
    }
}

#[test]
fn every_shorter_input_is_truncated_or_not_needed_to_the_end() {
    let numbers: Vec<u64> = (0..200).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    let tokens = encode::tokens(&numbers, limits(15, 1500));
    let kinds = [BlockKind::Aligned, BlockKind::Uncompressed, BlockKind::Verbatim];
    let input = chunk(15, &tokens, 100, &kinds);
    assert_eq!(decode(1 << 15, &input, 1500), Ok(expected(&tokens)));
    for len in 0..input.len() {
        match decode(1 << 15, &input[..len], 1500) {
            Err(DecodeError::Truncated { len: told, .. }) => assert_eq!(told, len),
            other => panic!("{len} of {} bytes: {other:?}", input.len()),
        }
    }
}

#[test]
fn what_follows_the_last_symbol_is_not_looked_at() {
    for kind in [BlockKind::Verbatim, BlockKind::Aligned, BlockKind::Uncompressed] {
        let mut input = chunk(15, &literals(b"abracadabra"), 99, &[kind]);
        input.extend([0xff; 99]);
        assert_eq!(decode(1 << 15, &input, 11), Ok(b"abracadabra".to_vec()));
    }
}
