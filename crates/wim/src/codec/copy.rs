//! Copies of matches within the output.
//!
//! The fast form works in pieces of 16 bytes and so writes up to [`SLACK`] bytes after the match:
//! what stands there comes later and is written then.

/// Bytes that [`copy_fast`] may write, and read, after a match.
pub(super) const SLACK: usize = 16;

/// Lengths up to which copying piece by piece is as fast as a call of the system's routine.
const FEW_PIECES: usize = 64;

/// Copies `length` bytes to `at` from `offset` bytes before it, or does nothing and says `false`
/// if that is before the start. There must be [`SLACK`] bytes after the match, and offsets begin
/// at 1.
#[inline(always)]
pub(super) fn copy_fast(out: &mut [u8], at: usize, offset: usize, length: usize) -> bool {
    let Some(from) = at.checked_sub(offset) else { return false };
    // Almost all matches are short and don't reach into themselves.
    if length <= 16 && length <= offset {
        copy_piece(out, from, at);
    } else if offset >= 16 && length <= FEW_PIECES {
        for done in (0..length).step_by(16) {
            copy_piece(out, from + done, at + done);
        }
    } else {
        copy_slow(out, at, offset, length);
    }
    true
}

#[inline(never)]
fn copy_slow(out: &mut [u8], at: usize, offset: usize, length: usize) {
    if offset >= 16 {
        continue_copy(out, at, offset, length, 0);
    } else if length <= 4 * FEW_PIECES {
        repeat(out, at, offset, length);
    } else {
        let whole_periods = 4 * FEW_PIECES / offset * offset;
        repeat(out, at, offset, whole_periods);
        continue_copy(out, at, offset, length, whole_periods);
    }
}

/// Copies what is left of a match of which `done` bytes are there, a multiple of the offset. All
/// bytes from its source up to there are a source for as many, so there are few steps.
#[inline(always)]
pub(super) fn continue_copy(out: &mut [u8], at: usize, offset: usize, length: usize, mut done: usize) {
    let from = at - offset;
    while done < length {
        let count = (offset + done).min(length - done);
        out.copy_within(from..from + count, at + done);
        done += count;
    }
}

/// Copies a match that repeats the last 1 to 15 bytes.
fn repeat(out: &mut [u8], at: usize, offset: usize, length: usize) {
    let (before, after) = out.split_at_mut(at);
    let mut period = [0; 16];
    period[..offset].copy_from_slice(&before[at - offset..]);
    let mut pattern = u128::from_le_bytes(period);
    let mut filled = offset * 8;
    while filled < 128 {
        pattern |= pattern << filled;
        filled *= 2;
    }
    // Each piece begins where a period does.
    let step = 16 - 16 % offset;
    let mut rest = &mut after[..length + SLACK];
    let mut left = length;
    while let Some(piece) = rest.first_chunk_mut::<16>() {
        *piece = pattern.to_le_bytes();
        if left <= step {
            break;
        }
        left -= step;
        rest = &mut rest[step..];
    }
}

/// Copies 16 bytes that don't depend on each other.
#[inline(always)]
fn copy_piece(out: &mut [u8], from: usize, to: usize) {
    let piece: [u8; 16] = *out[from..].first_chunk().expect("there is slack after the match");
    *out[to..].first_chunk_mut().expect("there is slack after the match") = piece;
}

/// Copies exactly `length` bytes to `at` from `offset` bytes before it: the form for the end of
/// the output.
#[inline(never)]
pub(super) fn copy_exact(out: &mut [u8], at: usize, offset: usize, length: usize) {
    continue_copy(out, at, offset, length, 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: one byte after the other.
    fn plain(out: &mut [u8], at: usize, offset: usize, length: usize) {
        for i in at..at + length {
            out[i] = out[i - offset];
        }
    }

    #[test]
    fn all_copies_equal_the_definition() {
        let start: Vec<u8> = (0..2000).map(|i: u32| (i * 37 % 251).to_le_bytes()[0]).collect();
        for offset in 1..=100 {
            for length in (0..=80).chain([200, 255, 256, 257, 258, 300, 511, 512, 513, 1800]) {
                let at = 100;
                let mut expected = start.clone();
                plain(&mut expected, at, offset, length);
                let mut fast = start.clone();
                assert!(copy_fast(&mut fast, at, offset, length));
                assert_eq!(fast[..at + length], expected[..at + length], "fast {offset} {length}");
                assert_eq!(fast[at + length + SLACK..], start[at + length + SLACK..], "slack {offset} {length}");
                let mut exact = start.clone();
                copy_exact(&mut exact, at, offset, length);
                assert_eq!(exact, expected, "exact {offset} {length}");
            }
        }
    }

    #[test]
    fn a_copy_from_before_the_start_is_refused() {
        let mut out = [7; 64];
        assert!(!copy_fast(&mut out, 3, 4, 5));
        assert_eq!(out, [7; 64]);
    }

    #[test]
    fn slack_suffices_at_the_very_end() {
        for offset in 1..=30 {
            let mut out = vec![1; 30 + 17 + SLACK];
            assert!(copy_fast(&mut out, 30, offset, 17));
        }
    }
}
