//! What newer processors do better, behind one choice.
//!
//! The crate is compiled for every processor of an architecture, so the compiler may not use what
//! only most of them have. The loop in [`hot`](super::hot) gains much by some of that: shifts by a
//! variable amount that leave the flags alone (BMI2) take one step instead of three, and a shuffle
//! of 16 bytes (SSSE3) stands for a dozen steps of bookkeeping. So the loop is written once, as a
//! [`Job`] for any [`Cpu`], and is compiled twice. [`Choice`] remembers which of both can be run.

#![expect(unsafe_code, reason = "instructions that not every processor has: decoding LZX is 1.2 times as fast")]

/// The operations that are done in different ways, as a value that only exists where they work.
pub(super) trait Cpu: Copy {
    /// Four numbers that are put into new orders.
    type Four: Copy + std::fmt::Debug;

    fn four(self, numbers: [u32; 4]) -> Self::Four;

    fn numbers(self, four: Self::Four) -> [u32; 4];

    /// Makes `last` the last of the four, then puts the bytes into another order. `order` has for
    /// each byte the place that it comes from, which is below 16.
    fn ordered(self, four: Self::Four, last: u32, order: &Order) -> Self::Four;

    /// The first of the four.
    fn first(self, four: Self::Four) -> u32;

    /// 16 bytes in another order.
    fn bytes_ordered(self, bytes: [u8; 16], order: &Order) -> [u8; 16];
}

/// For each of 16 bytes the place that it comes from, below 16.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
pub(super) struct Order(pub(super) [u8; 16]);

/// Work that is compiled for each kind of processor. Its `run` must be inlined to be so.
pub(super) trait Job {
    type Output;

    fn run<C: Cpu>(self, cpu: C) -> Self::Output;
}

/// The kind of processor that this is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Plain,
    /// Only made where the processor has all of what [`x86::run`] needs.
    #[cfg(target_arch = "x86_64")]
    X86,
}

impl Choice {
    /// The best that this processor can do.
    pub(super) fn new() -> Self {
        #[cfg(target_arch = "x86_64")]
        if x86::is_possible() {
            return Self(Kind::X86);
        }
        Self::plain()
    }

    /// What all processors can do.
    pub(super) fn plain() -> Self {
        Self(Kind::Plain)
    }

    #[inline(always)]
    pub(super) fn run<J: Job>(self, job: J) -> J::Output {
        match self.0 {
            Kind::Plain => job.run(Plain),
            // SAFETY: `Choice::new` alone makes this kind, and only after it has asked for all
            // features that the function needs.
            #[cfg(target_arch = "x86_64")]
            Kind::X86 => unsafe { x86::run(job) },
        }
    }
}

/// Bytes that are compared at once.
pub(super) const BLOCK: usize = 64;

/// One bit for each byte of a block, from the lowest up: whether it is `byte`.
#[inline(always)]
#[cfg(target_arch = "x86_64")]
pub(super) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    x86::equal(block, byte)
}

/// One bit for each byte of a block, from the lowest up: whether it is `byte`.
#[inline(always)]
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    equal_plain(block, byte)
}

/// [`equal`] on any processor.
#[inline(always)]
#[cfg(any(test, not(target_arch = "x86_64")))]
fn equal_plain(block: &[u8; BLOCK], byte: u8) -> u64 {
    let bits = block.as_chunks::<8>().0.iter().map(|eight| {
        let bits = (0..8).map(|i| u64::from(eight[i] == byte) << i);
        bits.fold(0, |all, bit| all | bit)
    });
    (0..).zip(bits).fold(0, |all, (i, bits)| all | bits << (8 * i))
}

/// Any processor.
#[derive(Debug, Clone, Copy)]
struct Plain;

impl Cpu for Plain {
    type Four = [u32; 4];

    #[inline(always)]
    fn four(self, numbers: [u32; 4]) -> [u32; 4] {
        numbers
    }

    #[inline(always)]
    fn numbers(self, four: [u32; 4]) -> [u32; 4] {
        four
    }

    #[inline(always)]
    fn ordered(self, mut four: [u32; 4], last: u32, order: &Order) -> [u32; 4] {
        four[3] = last;
        // Whole numbers change places, so the first byte of each tells which one comes there.
        std::array::from_fn(|i| four[usize::from(order.0[4 * i] / 4) & 3])
    }

    #[inline(always)]
    fn first(self, four: [u32; 4]) -> u32 {
        four[0]
    }

    #[inline(always)]
    fn bytes_ordered(self, bytes: [u8; 16], order: &Order) -> [u8; 16] {
        std::array::from_fn(|i| bytes[usize::from(order.0[i]) & 15])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cvtsi128_si32, _mm_insert_epi32, _mm_load_si128, _mm_loadu_si128,
        _mm_movemask_epi8, _mm_set1_epi8, _mm_shuffle_epi8, _mm_storeu_si128,
    };

    use super::{BLOCK, Cpu, Job, Order};

    pub(super) fn is_possible() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("movbe")
    }

    /// See [`equal`](super::equal). Compilers make no loop into the instruction that there is for it.
    #[inline(always)]
    pub(super) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
        let mut found = 0;
        for (i, piece) in block.as_chunks::<16>().0.iter().enumerate() {
            // SAFETY: SSE2 is part of the architecture, and all bytes that are read are the piece's.
            let bits = unsafe {
                let piece = _mm_loadu_si128(piece.as_ptr().cast());
                _mm_movemask_epi8(_mm_cmpeq_epi8(piece, _mm_set1_epi8(byte.cast_signed())))
            };
            found |= u64::from(bits.cast_unsigned()) << (16 * i);
        }
        found
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,movbe")]
    pub(super) fn run<J: Job>(job: J) -> J::Output {
        job.run(X86(()))
    }

    /// A processor that has the features of [`run`], which alone makes one.
    #[derive(Debug, Clone, Copy)]
    struct X86(());

    impl Cpu for X86 {
        type Four = __m128i;

        #[inline(always)]
        fn four(self, numbers: [u32; 4]) -> __m128i {
            // SAFETY: all bytes that are read are the array's; SSE2 is part of the architecture.
            unsafe { _mm_loadu_si128(numbers.as_ptr().cast()) }
        }

        #[inline(always)]
        fn numbers(self, four: __m128i) -> [u32; 4] {
            let mut numbers = [0; 4];
            // SAFETY: as above.
            unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), four) };
            numbers
        }

        #[inline(always)]
        fn ordered(self, four: __m128i, last: u32, order: &Order) -> __m128i {
            // SAFETY: AVX2, which `self` stands for, includes SSSE3 and SSE4.1. The order is 16
            // bytes at an address that is a multiple of 16.
            unsafe {
                let four = _mm_insert_epi32::<3>(four, last.cast_signed());
                _mm_shuffle_epi8(four, _mm_load_si128(order.0.as_ptr().cast()))
            }
        }

        #[inline(always)]
        fn first(self, four: __m128i) -> u32 {
            // SAFETY: SSE2 is part of the architecture.
            unsafe { _mm_cvtsi128_si32(four) }.cast_unsigned()
        }

        #[inline(always)]
        fn bytes_ordered(self, bytes: [u8; 16], order: &Order) -> [u8; 16] {
            let mut ordered = [0; 16];
            // SAFETY: as in `ordered`; what is loaded and stored unaligned are arrays of 16 bytes.
            unsafe {
                let bytes = _mm_loadu_si128(bytes.as_ptr().cast());
                let bytes = _mm_shuffle_epi8(bytes, _mm_load_si128(order.0.as_ptr().cast()));
                _mm_storeu_si128(ordered.as_mut_ptr().cast(), bytes);
            }
            ordered
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Orders;

    impl Job for Orders {
        type Output = Vec<([u32; 4], u32, [u8; 16])>;

        fn run<C: Cpu>(self, cpu: C) -> Self::Output {
            let whole = |from: [u8; 4]| Order(std::array::from_fn(|i| from[i / 4] * 4 + [0, 1, 2, 3][i % 4]));
            let bytes: [u8; 16] = std::array::from_fn(|i| [3, 7, 1, 200][i % 4]);
            [[0, 1, 2, 3], [3, 0, 1, 2], [1, 0, 2, 3], [2, 1, 0, 3], [3, 3, 3, 3]]
                .map(|from| {
                    let four = cpu.ordered(cpu.four([5, 6, u32::MAX, 8]), 9, &whole(from));
                    (cpu.numbers(four), cpu.first(four), cpu.bytes_ordered(bytes, &whole(from)))
                })
                .to_vec()
        }
    }

    #[test]
    fn equal_bytes_are_found_in_every_way() {
        for at in 0..BLOCK {
            let mut block = [0x68; BLOCK];
            let other = (at * 7 + 3) % BLOCK;
            (block[at], block[other]) = (0xe8, 0xe8);
            let expected = 1 << at | 1 << other;
            assert_eq!((equal(&block, 0xe8), equal_plain(&block, 0xe8)), (expected, expected), "{at}");
        }
    }

    #[test]
    fn all_kinds_come_to_the_same() {
        let plain = Choice::plain().run(Orders);
        assert_eq!(plain[1].0, [9, 5, 6, u32::MAX]);
        assert_eq!(plain[1].1, 9);
        assert_eq!(Choice::new().run(Orders), plain);
    }
}
