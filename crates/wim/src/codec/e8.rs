//! The translation of x86 calls that LZX applies before compression, undone.
//!
//! An `E8` byte begins a call instruction whose operand is relative to the address of the next
//! instruction. Calls to one function from several places become equal bytes if the operand is
//! made absolute, so encoders do that to every `E8` that may be one, whatever the data are, and
//! the decoder turns it back. [MS-PATCH] 2 describes it for streams that tell the size that bounds
//! addresses; in WIM files that is always [`FILE_SIZE`], and positions are those in the chunk.

use std::ops::Range;

use super::cpu::{BLOCK, equal};

/// The bound of translated addresses.
const FILE_SIZE: i32 = 12_000_000;

/// Bytes at the end of a chunk in which no translation begins.
const TAIL: usize = 10;

/// An `E8` and its operand: the next one can't begin inside.
const INSTRUCTION: u64 = 0b1_1111;

/// The byte that begins a call.
const CALL: u8 = 0xe8;

/// Makes the operands of calls relative again in a chunk of at most 2 MiB.
pub(super) fn undo(chunk: &mut [u8]) {
    let Some(end) = chunk.len().checked_sub(TAIL) else { return };
    // Bits of a block that belong to an instruction that began in the one before.
    let mut taken = 0;
    for start in (0..end).step_by(BLOCK) {
        let mut found = find_before(chunk, start, end) & !taken;
        taken = 0;
        while found != 0 {
            let bit = found.trailing_zeros();
            let at = start + bit as usize;
            undo_one(chunk, at);
            let span = u128::from(INSTRUCTION) << bit;
            found &= !(low_half(span));
            taken = low_half(span >> 64);
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of the bits are what is asked for")]
fn low_half(bits: u128) -> u64 {
    bits as u64
}

/// The calls in the block at `start`, but only before `end`.
fn find_before(chunk: &[u8], start: usize, end: usize) -> u64 {
    if let Some(block) = chunk[start..end].first_chunk() {
        return equal(block, CALL);
    }
    let mut block = [0; BLOCK];
    block[..end - start].copy_from_slice(&chunk[start..end]);
    equal(&block, CALL)
}

fn undo_one(chunk: &mut [u8], at: usize) {
    let operand: Range<usize> = at + 1..at + 5;
    let Some(bytes) = chunk.get_mut(operand).and_then(<[u8]>::first_chunk_mut) else { return };
    let Ok(position) = i32::try_from(at) else { return };
    let absolute = i32::from_le_bytes(*bytes);
    let relative = match absolute {
        0..FILE_SIZE => absolute - position,
        i32::MIN..0 if absolute >= -position => absolute + FILE_SIZE,
        _ => return,
    };
    *bytes = relative.to_le_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: from the start on, byte by byte.
    fn plain(chunk: &mut [u8]) {
        let mut at = 0;
        while at + TAIL < chunk.len() {
            if chunk[at] == 0xe8 {
                undo_one(chunk, at);
                at += 5;
            } else {
                at += 1;
            }
        }
    }

    fn call(at: usize, operand: i32) -> [u8; 40] {
        let mut chunk = [0x90; 40];
        chunk[at] = 0xe8;
        chunk[at + 1..at + 5].copy_from_slice(&operand.to_le_bytes());
        chunk
    }

    #[test]
    fn operands_within_the_bounds_become_relative() {
        for (at, absolute, relative) in [
            (0, 0, 0),
            (20, 20, 0),
            (20, 0, -20),
            (20, 11_999_999, 11_999_979),
            (20, 12_000_000, 12_000_000),
            (20, -1, 11_999_999),
            (20, -20, 11_999_980),
            (20, -21, -21),
            (20, i32::MIN, i32::MIN),
            (20, i32::MAX, i32::MAX),
        ] {
            let mut chunk = call(at, absolute);
            undo(&mut chunk);
            assert_eq!(chunk, call(at, relative), "{absolute} at {at}");
        }
    }

    #[test]
    fn the_last_ten_bytes_begin_no_call() {
        for (at, translated) in [(29, true), (30, false), (35, false)] {
            let mut chunk = call(at, 5);
            undo(&mut chunk);
            assert_eq!(chunk != call(at, 5), translated, "at {at}");
        }
        for len in 0..=11 {
            let mut chunk = vec![0xe8; len];
            undo(&mut chunk);
            assert_eq!(chunk, vec![0xe8; len]);
        }
    }

    #[test]
    fn a_call_inside_an_operand_is_none() {
        // Translated, the first operand would change the second if that counted.
        let mut chunk = [0; 200];
        for start in (0..180).step_by(7) {
            chunk[start] = 0xe8;
            chunk[start + 3] = 0xe8;
        }
        let mut expected = chunk;
        plain(&mut expected);
        undo(&mut chunk);
        assert_eq!(chunk, expected);
    }

    #[test]
    fn every_length_and_density_equals_the_definition() {
        let mut state = 1u32;
        for len in 0..300 {
            for one_in in [1, 2, 5, 40] {
                let mut chunk: Vec<u8> = (0..len)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        if (state >> 16).is_multiple_of(one_in) { 0xe8 } else { state.to_be_bytes()[0] & 0x81 }
                    })
                    .collect();
                let mut expected = chunk.clone();
                plain(&mut expected);
                undo(&mut chunk);
                assert_eq!(chunk, expected, "{len} bytes, one in {one_in}");
            }
        }
    }
}
