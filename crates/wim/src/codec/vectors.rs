//! Chunks that wimlib compressed, with every codec and kind of block that its encoder writes.
//! `testdata/codec/make.py` made them, and the contents with the same generators as here.

use super::*;

/// A linear congruential generator; the upper half of its state is what counts.
struct Numbers(u32);

impl Numbers {
    fn below(&mut self, bound: u32) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((self.0 >> 16) % bound) as usize
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

fn repeated(len: usize, mut add: impl FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        add(&mut bytes);
    }
    bytes.truncate(len);
    bytes
}

fn words(len: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = ["Windows ", "the ", "of ", "driver ", "a ", "service ", "\r\n", "and "];
    let mut numbers = Numbers(1);
    repeated(len, |bytes| bytes.extend(WORDS[numbers.below(8)].bytes()))
}

/// Calls to a few functions between other instructions.
fn code(len: usize) -> Vec<u8> {
    const OTHERS: [&[u8]; 4] = [&[0x48, 0x89, 0x5c, 0x24, 0x08], &[0x55], &[0x8b, 0xec], &[0xc3, 0xcc]];
    let mut numbers = Numbers(2);
    repeated(len, |bytes| {
        if numbers.below(4) == 0 {
            let target = i32::try_from(numbers.below(20) * 997).unwrap();
            let after = i32::try_from(bytes.len() + 5).unwrap();
            bytes.push(0xe8);
            bytes.extend((target - after).to_le_bytes());
        } else {
            bytes.extend(OTHERS[numbers.below(4)]);
        }
    })
}

/// Eight bytes at a time, for which encoders choose aligned blocks.
fn records(len: usize) -> Vec<u8> {
    let mut numbers = Numbers(4);
    let table: [[u8; 8]; 64] = std::array::from_fn(|_| std::array::from_fn(|_| numbers.byte()));
    repeated(len, |bytes| bytes.extend(table[numbers.below(64)]))
}

/// Noise that comes again at the end, after zeros.
fn far(len: usize) -> Vec<u8> {
    let mut numbers = Numbers(3);
    let noise: Vec<u8> = (0..200).map(|_| numbers.byte()).collect();
    [&noise[..], &vec![0; len - 400], &noise].concat()
}

/// Numbers that rise evenly, among others.
fn series(len: usize) -> Vec<u8> {
    let mut numbers = Numbers(5);
    let mut rising = 0u32;
    repeated(len, |bytes| {
        rising += 0x0101;
        bytes.extend(rising.to_le_bytes());
        if rising.is_multiple_of(0x40_0101) {
            bytes.push(numbers.byte());
        }
    })
}

macro_rules! chunk {
    ($name:literal) => {
        (concat!($name, ".chunk"), &include_bytes!(concat!("../../testdata/codec/", $name, ".chunk"))[..])
    };
}

#[test]
fn xpress_chunks_of_wimlib() {
    for ((name, stored), chunk_size, plain) in [
        (chunk!("xpress-4k-words"), 4096, words(4096)),
        (chunk!("xpress-32k-code"), 1 << 15, code(5001)),
        (chunk!("xpress-64k-far"), 1 << 16, far(1 << 16)),
    ] {
        let mut output = vec![0xd1; plain.len()];
        assert_eq!(XpressDecoder::new(chunk_size).decode(stored, &mut output), Ok(()), "{name}");
        assert!(output == plain, "{name}");
    }
}

#[test]
fn lzx_chunks_of_wimlib() {
    for ((name, stored), chunk_size, plain) in [
        (chunk!("lzx-4k-words"), 4096, words(4096)),
        (chunk!("lzx-32k-code"), 1 << 15, code(5001)),
        (chunk!("lzx-32k-records"), 1 << 15, records(6000)),
        (chunk!("lzx-64k-far"), 1 << 16, far(1 << 16)),
        (chunk!("lzx-2m-far"), 1 << 21, far(1 << 21)),
    ] {
        let mut output = vec![0xd1; plain.len()];
        assert_eq!(LzxDecoder::new(chunk_size).decode(stored, &mut output), Ok(()), "{name}");
        assert!(output == plain, "{name}");
    }
}

#[test]
fn lzms_chunks_of_wimlib() {
    // One decoder for all: nothing of a chunk is left for the next one.
    let mut decoder = LzmsDecoder::new(1 << 26);
    for ((name, stored), plain) in [
        (chunk!("lzms-32k-words"), words(1 << 15)),
        (chunk!("lzms-128k-code"), code(100_001)),
        (chunk!("lzms-128k-records"), records(60_000)),
        (chunk!("lzms-128k-series"), series(90_000)),
        (chunk!("lzms-4m-far"), far(1 << 22)),
        (chunk!("lzms-32k-short"), words(40)),
    ] {
        let mut output = vec![0xd1; plain.len()];
        assert_eq!(decoder.decode(stored, &mut output), Ok(()), "{name}");
        assert!(output == plain, "{name}");
    }
}
