//! Copies of matches that may be long or reach into themselves, as the [fast loop](super::hot) and what
//! surrounds it need them.
//!
//! Matches that repeat the last few bytes are frequent in runs of zeros and in tables. A shuffle makes
//! 16 bytes of whole and begun periods out of one, and these are written at steps of whole periods.

use super::copy::{SLACK, continue_copy};
use super::cpu::{Cpu, Order};

/// What came of [`copy_long`].
pub(super) enum Copied {
    All,
    /// Nothing: the match begins before the start of the output.
    FromOutside,
    /// Nothing: there may be less than [`SLACK`] bytes after the match.
    NearTheEnd,
}

/// Lengths up to which pieces take no more time than a call of the system's routine.
const FEW_PIECES: usize = 64;

/// The same for repeated bytes, which need not be read again.
const FEW_REPEATED: usize = 512;

/// Copies `length` bytes to `at` from `offset` bytes before it and may write up to [`SLACK`] bytes more.
#[inline(always)]
pub(super) fn copy_long<C: Cpu>(cpu: C, out: &mut [u8], at: usize, offset: usize, length: usize) -> Copied {
    let Some(from) = at.checked_sub(offset) else { return Copied::FromOutside };
    if offset >= 16 && length > FEW_PIECES {
        if at > out.len() || length > out.len() - at {
            return Copied::NearTheEnd;
        }
        continue_copy(out, at, offset, length, 0);
        return Copied::All;
    }
    let end = at.checked_add(length).and_then(|end| end.checked_add(SLACK));
    let Some(span) = end.and_then(|end| out.get_mut(from..end)) else { return Copied::NearTheEnd };
    if offset >= 16 {
        for done in (0..length).step_by(16) {
            let piece: [u8; 16] = *span[done..].first_chunk().expect("the match and slack come after it");
            write(span, done + offset, piece);
        }
        return Copied::All;
    }
    let piece: [u8; 16] = *span.first_chunk().expect("there is slack after the match");
    let pattern = cpu.bytes_ordered(piece, &PERIODS[offset]);
    let step = usize::from(STEPS[offset]);
    let (mut done, repeated) = (0, length.min(FEW_REPEATED));
    while done < repeated {
        write(span, offset + done, pattern);
        done += step;
    }
    if length > repeated {
        continue_copy(out, at, offset, length, done);
    }
    Copied::All
}

#[inline(always)]
fn write(out: &mut [u8], at: usize, piece: [u8; 16]) {
    *out[at..].first_chunk_mut().expect("there is slack after the match") = piece;
}

/// For each offset, which of the bytes before a match that repeats them come when.
static PERIODS: [Order; 16] = {
    let mut periods = [Order([0; 16]); 16];
    let mut offset = 1;
    while offset < 16 {
        let mut i = 0;
        while i < 16 {
            periods[offset].0[i] = PLACES[i % offset];
            i += 1;
        }
        offset += 1;
    }
    periods
};

const PLACES: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// For each offset, bytes of whole periods in 16. There is no offset 0, but then it ends too.
const STEPS: [u8; 16] = [16, 16, 16, 15, 16, 15, 12, 14, 16, 9, 10, 11, 12, 13, 14, 15];

#[cfg(test)]
mod tests {
    use super::super::copy::copy_exact;
    use super::super::cpu::{Choice, Job};
    use super::*;

    struct Copies;

    impl Job for Copies {
        type Output = ();

        fn run<C: Cpu>(self, cpu: C) {
            let start: Vec<u8> = (0..3000).map(|i: u32| (i * 37 % 251).to_le_bytes()[0]).collect();
            for offset in 1..=100 {
                for length in (0..=80).chain([200, 256, 257, 258, 500, 511, 512, 513, 530, 1800]) {
                    let at = 100;
                    let mut expected = start.clone();
                    copy_exact(&mut expected, at, offset, length);
                    // Room for the slack and no more.
                    let mut out = start[..at + length + SLACK].to_vec();
                    assert!(matches!(copy_long(cpu, &mut out, at, offset, length), Copied::All));
                    assert_eq!(out[..at + length], expected[..at + length], "{offset} {length}");
                }
            }
            let mut out = start.clone();
            assert!(matches!(copy_long(cpu, &mut out, 99, 100, 5), Copied::FromOutside));
            for (at, length) in [(2000, 1001), (2980, 5), (2000, usize::MAX), (3000, 0), (usize::MAX, 1)] {
                assert!(matches!(copy_long(cpu, &mut out, at, 7, length), Copied::NearTheEnd));
            }
            assert_eq!(out, start);
        }
    }

    #[test]
    fn all_copies_equal_the_definition() {
        Choice::plain().run(Copies);
        Choice::new().run(Copies);
    }
}
