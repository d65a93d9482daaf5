//! Our decoders beside wimlib's, on chunks that wimlib and our test encoder wrote, whole and damaged.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic, and says what it compared")]

use std::collections::BTreeMap;

use nanovhd_benches::peer::{Codec, Decoder, Encoder};
use nanovhd_wim::codec::{DecodeError, LzmsDecoder, LzxDecoder, XpressDecoder};

#[path = "../../crates/wim/src/codec/encode.rs"]
#[expect(dead_code, reason = "the unit tests of the codecs use more of it")]
mod encode;

#[path = "../../crates/wim/src/codec/encode_lzms.rs"]
#[expect(dead_code, reason = "the unit tests of the codecs use more of it")]
mod encode_lzms;

use encode::{BlockKind, Limits, LzxEncoder, Token};

/// Numbers that look random: SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    #[expect(clippy::cast_possible_truncation, reason = "less than a usize")]
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn take(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.next()).collect()
    }
}

/// What a file may hold.
#[derive(Debug, Clone, Copy)]
enum Content {
    Zeros,
    Noise,
    FewValues,
    Words,
    Records,
    Code,
    Matches,
    Series,
    Runs,
}

const CONTENTS: [Content; 9] = [
    Content::Zeros,
    Content::Noise,
    Content::FewValues,
    Content::Words,
    Content::Records,
    Content::Code,
    Content::Matches,
    Content::Series,
    Content::Runs,
];

fn content(kind: Content, len: usize, numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = match kind {
        Content::Zeros => vec![0; len],
        Content::Noise => (0..len).map(|_| numbers.byte()).collect(),
        Content::FewValues => (0..len).map(|_| numbers.byte() % 5).collect(),
        Content::Words => repeated(len, |bytes| {
            const WORDS: [&str; 8] = ["Windows ", "the ", "of ", "driver ", "a ", "service ", "\r\n", "and "];
            bytes.extend(WORDS[numbers.below(8)].bytes());
        }),
        Content::Records => repeated(len, |bytes| {
            bytes.extend((bytes.len() as u64 / 24).to_le_bytes());
            bytes.extend([numbers.byte(), 0, 0, 0, 0xff, 0xff, 0, numbers.byte() & 3]);
            bytes.extend(1_700_000_000_u64.to_le_bytes());
        }),
        Content::Code => repeated(len, |bytes| {
            // Calls to few functions, among instructions of which some are frequent.
            const OTHERS: [&[u8]; 4] = [&[0x48, 0x89, 0x5c, 0x24, 0x08], &[0x55], &[0x8b, 0xec], &[0xc3, 0xcc]];
            if numbers.below(4) == 0 {
                let target = i32::try_from(numbers.below(20) * 997).unwrap();
                let after = i32::try_from(bytes.len() + 5).unwrap();
                bytes.push(0xe8);
                bytes.extend((target - after).to_le_bytes());
            } else {
                bytes.extend(OTHERS[numbers.below(4)]);
                if numbers.below(3) == 0 {
                    bytes.push(numbers.byte());
                }
            }
        }),
        Content::Series => {
            let (mut rising, step) = (0u32, numbers.below(1 << 20));
            repeated(len, |bytes| {
                rising = rising.wrapping_add(u32::try_from(step).unwrap());
                bytes.extend(rising.to_le_bytes());
                if numbers.below(50) == 0 {
                    bytes.push(numbers.byte());
                }
            })
        }
        Content::Runs => repeated(len, |bytes| {
            // Of periods that fit into a copied piece, or don't, between bytes that don't repeat.
            let most = [18, 18, 18, 40][numbers.below(4)];
            let period = 1 + numbers.below(most);
            let start = bytes.len();
            bytes.extend((0..period).map(|_| numbers.byte()));
            let longest = [20, 60, 300, 3000][numbers.below(4)];
            for at in start..start + numbers.below(longest) {
                bytes.push(bytes[at]);
            }
        }),
        Content::Matches => {
            let limits = Limits { len, max_offset: len.max(1), min_length: 2, max_length: 300 };
            encode::expand(&encode::tokens(&numbers.take(len / 8), limits))
        }
    };
    bytes.truncate(len);
    bytes
}

fn repeated(len: usize, mut add: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 64);
    while bytes.len() < len {
        add(&mut bytes);
    }
    bytes
}

/// Our decoder of one codec, as it is on this processor and, where that differs, on any.
enum Ours {
    Xpress([Box<XpressDecoder>; 2]),
    Lzx([Box<LzxDecoder>; 2]),
    Lzms(Box<LzmsDecoder>),
}

impl Ours {
    fn new(codec: Codec, chunk_size: usize) -> Self {
        let chunk_size = u32::try_from(chunk_size).unwrap();
        match codec {
            Codec::Xpress => {
                let decoder = || XpressDecoder::new(chunk_size);
                Self::Xpress([Box::new(decoder()), Box::new(decoder().portable())])
            }
            Codec::Lzx => {
                let decoder = || LzxDecoder::new(chunk_size);
                Self::Lzx([Box::new(decoder()), Box::new(decoder().portable())])
            }
            Codec::Lzms => Self::Lzms(Box::new(LzmsDecoder::new(chunk_size))),
        }
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<(), DecodeError> {
        match self {
            Self::Xpress([here, anywhere]) => {
                Self::same(output, |output| here.decode(input, output), |output| anywhere.decode(input, output))
            }
            Self::Lzx([here, anywhere]) => {
                Self::same(output, |output| here.decode(input, output), |output| anywhere.decode(input, output))
            }
            Self::Lzms(decoder) => decoder.decode(input, output),
        }
    }

    /// Both must come to the same bytes, or to the same error at the same place.
    fn same(
        output: &mut [u8],
        here: impl FnOnce(&mut [u8]) -> Result<(), DecodeError>,
        anywhere: impl FnOnce(&mut [u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut other = vec![0xd1; output.len()];
        let result = here(output);
        assert_eq!(result, anywhere(&mut other), "this processor and others differ");
        assert!(result.is_err() || output == other, "this processor and others decode to different bytes");
        result
    }
}

/// Both decoders, and how often they came to which results.
struct Pair {
    ours: Ours,
    theirs: Decoder,
    codec: Codec,
    outputs: [Vec<u8>; 2],
    results: BTreeMap<String, usize>,
}

impl Pair {
    fn new(codec: Codec, chunk_size: usize) -> Self {
        Self {
            ours: Ours::new(codec, chunk_size),
            theirs: Decoder::new(codec, chunk_size),
            codec,
            outputs: [vec![0; chunk_size], vec![0; chunk_size]],
            results: BTreeMap::new(),
        }
    }

    /// A chunk that is good.
    fn whole(&mut self, stored: &[u8], plain: &[u8]) {
        let [output, _] = &mut self.outputs;
        let output = &mut output[..plain.len()];
        output.fill(0xd1);
        if let Err(error) = self.ours.decode(stored, output) {
            panic!("{:?}, {} bytes of {}: {error}", self.codec, stored.len(), plain.len());
        }
        assert!(output == plain, "{:?}, {} bytes of {}: wrong", self.codec, stored.len(), plain.len());
    }

    /// A chunk that both should take, for the same bytes.
    fn both(&mut self, stored: &[u8], len: usize) {
        let [ours, theirs] = &mut self.outputs;
        let (ours, theirs) = (&mut ours[..len], &mut theirs[..len]);
        assert_eq!(self.ours.decode(stored, ours), Ok(()));
        assert!(self.theirs.decode(stored, theirs), "wimlib refuses a chunk of ours");
        assert!(ours == theirs, "different bytes");
    }

    /// A chunk that may be anything: if we take it then so does wimlib, for the same bytes, and what we
    /// refuse and wimlib takes is one of the cases where it is lenient.
    fn any(&mut self, stored: &[u8], len: usize) {
        let [ours, theirs] = &mut self.outputs;
        let (ours, theirs) = (&mut ours[..len], &mut theirs[..len]);
        let taken = self.theirs.decode(stored, theirs);
        let result = self.ours.decode(stored, ours);
        let told = format!("{:?}: {result:?}, wimlib takes it: {taken}, {stored:02x?}", self.codec);
        let name = match (&result, taken) {
            (Ok(()), true) => {
                assert!(ours == theirs, "different bytes, {told}");
                "both take it"
            }
            (Ok(()), false) => panic!("only we take it, {told}"),
            (Err(_), false) => "both refuse it",
            // wimlib has zeros follow the input.
            (Err(DecodeError::Truncated { .. }), true) => "truncated",
            // wimlib writes the lengths that are too many elsewhere, or ignores them.
            (Err(DecodeError::LengthRun { .. }), true) => "run of lengths too long",
            // wimlib takes symbol 17 there for a change by 17, which is none.
            (Err(DecodeError::RunOfRuns { found: 17, .. }), true) => "run of runs",
            // wimlib has symbol 0 as the only one of an empty code.
            (Err(DecodeError::CodeEmpty { .. }), true) => "empty code",
            // wimlib doesn't mind lengths that take more bytes than they have to.
            (Err(DecodeError::LengthEscape { .. }), true) => "length in too many bytes",
            (Err(_), true) => panic!("only wimlib takes it, {told}"),
        };
        *self.results.entry(name.to_owned()).or_default() += 1;
    }

    /// Copies of a chunk with some bits, bytes or an end that are wrong.
    fn damaged(&mut self, stored: &[u8], len: usize, copies: usize, numbers: &mut Numbers) {
        for _ in 0..copies {
            let mut copy = stored.to_vec();
            // Half of them near the start, where the codes are.
            let span = if numbers.below(2) == 0 { copy.len() } else { copy.len().min(300) };
            for _ in 0..=numbers.below(3) {
                let at = numbers.below(span);
                match numbers.below(3) {
                    0 => copy[at] = numbers.byte(),
                    _ => copy[at] ^= 1 << numbers.below(8),
                }
            }
            if numbers.below(8) == 0 {
                copy.truncate(numbers.below(stored.len()));
            }
            self.any(&copy, len);
        }
    }
}

/// Chunk sizes that occur in WIM files, one that doesn't, and how many chunks to try of each.
const XPRESS_SIZES: [(usize, usize); 6] =
    [(4096, 300), (8192, 200), (16_384, 150), (32_768, 120), (65_536, 60), (5000, 60)];
/// Longer chunks take wimlib minutes to make.
const LZMS_SIZES: [(usize, usize); 5] = [(4096, 120), (32_768, 60), (1 << 17, 12), (1 << 20, 3), (100_000, 9)];
const LZX_SIZES: [(usize, usize); 9] = [
    (4096, 200),
    (32_768, 150),
    (65_536, 50),
    (1 << 17, 25),
    (1 << 18, 12),
    (1 << 19, 7),
    (1 << 20, 4),
    (1 << 21, 2),
    (100_000, 25),
];

fn lengths(chunk_size: usize, numbers: &mut Numbers) -> usize {
    match numbers.below(4) {
        0 => 1 + numbers.below(600),
        1 => 1 + numbers.below(chunk_size),
        2 => chunk_size - numbers.below(20),
        _ => chunk_size,
    }
}

fn compare(codec: Codec, sizes: &[(usize, usize)]) {
    let mut numbers = Numbers(codec as u64);
    for &(chunk_size, rounds) in sizes {
        let mut pair = Pair::new(codec, chunk_size);
        let mut whole = 0;
        for level in [10, 50, 100] {
            let mut encoder = Encoder::new(codec, chunk_size, level);
            for _ in 0..rounds.div_ceil(3) {
                for kind in CONTENTS {
                    let plain = content(kind, lengths(chunk_size, &mut numbers), &mut numbers);
                    let Some(stored) = encoder.encode(&plain) else { continue };
                    pair.whole(&stored, &plain);
                    whole += 1;
                    pair.damaged(&stored, plain.len(), 20, &mut numbers);
                }
            }
        }
        println!("{codec:?} {chunk_size}: {whole} whole chunks, damaged ones: {:?}", pair.results);
        assert!(whole > rounds, "too few chunks could be compressed");
    }
}

#[test]
fn chunks_that_wimlib_compressed_with_xpress() {
    compare(Codec::Xpress, &XPRESS_SIZES);
}

#[test]
fn chunks_that_wimlib_compressed_with_lzx() {
    compare(Codec::Lzx, &LZX_SIZES);
}

#[test]
fn chunks_that_wimlib_compressed_with_lzms() {
    compare(Codec::Lzms, &LZMS_SIZES);
}

#[test]
fn lzms_chunks_of_our_encoder() {
    let mut numbers = Numbers(9);
    let mut pair = Pair::new(Codec::Lzms, 1 << 20);
    for round in 0..400 {
        // wimlib's codes of offsets are not defined for fewer than three bytes.
        let len = lengths(if round % 8 == 0 { 1 << 20 } else { 1 << 15 }, &mut numbers).max(3);
        let count = numbers.below(4000);
        let items = encode_lzms::items(&numbers.take(count), len.min(count * 60 + 100));
        let stored = encode_lzms::encode(&items, round % 2 == 0);
        let len = encode_lzms::expand(&items).len();
        pair.both(&stored, len);
        pair.damaged(&stored, len, 20, &mut numbers);
    }
    println!("{:?}", pair.results);
}

#[test]
fn xpress_chunks_of_our_encoder() {
    let mut numbers = Numbers(7);
    let mut pair = Pair::new(Codec::Xpress, 1 << 16);
    for _ in 0..300 {
        let len = lengths(1 << 16, &mut numbers);
        let limits = Limits { len, max_offset: 65_535, min_length: 3, max_length: 65_538 };
        let count = numbers.below(2000);
        let tokens = encode::tokens(&numbers.take(count), limits);
        let stored = encode::xpress(&tokens);
        pair.whole(&stored, &encode::expand(&tokens));
        pair.both(&stored, len);
        pair.damaged(&stored, len, 20, &mut numbers);
    }
    println!("{:?}", pair.results);
}

#[test]
fn lzx_chunks_of_our_encoder() {
    const KINDS: [BlockKind; 3] = [BlockKind::Verbatim, BlockKind::Aligned, BlockKind::Uncompressed];
    let mut numbers = Numbers(8);
    for order in 15..=21 {
        let mut pair = Pair::new(Codec::Lzx, 1 << order);
        for _ in 0..60 {
            // Not many more tokens in the larger windows: the distances are what matters.
            let len = lengths(1 << order, &mut numbers);
            let limits =
                Limits { len: len.min(40_000), max_offset: (1 << order) - 3, min_length: 2, max_length: 257 };
            let count = numbers.below(3000);
            let mut tokens = encode::tokens(&numbers.take(count), limits);
            let mut now = limits.len;
            while now < len {
                let length = 257.min(len - now).max(2);
                let offset = (1 + numbers.below(now)).min((1 << order) - 3);
                tokens.push(Token::Match { offset, length });
                now += length;
            }
            if now > 1 << order {
                continue;
            }
            let mut encoder = LzxEncoder::new(order);
            let per_block = 1 + numbers.below(tokens.len()).max(tokens.len() / 20);
            for tokens in tokens.chunks(per_block) {
                encoder.block(KINDS[numbers.below(3)], tokens);
            }
            let stored = encoder.finish();
            pair.both(&stored, now);
            pair.damaged(&stored, now, 20, &mut numbers);
        }
        println!("window of {} KiB: {:?}", 1 << (order - 10), pair.results);
    }
}
