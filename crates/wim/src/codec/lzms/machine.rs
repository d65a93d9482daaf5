//! What is done otherwise on processors that can do more.
//!
//! All decoding of a chunk is compiled a second time for x86 processors since 2013, whose instructions
//! shift by any register and search 32 bytes at once, and matches' sources are fetched as soon as
//! they are known. Both are without meaning for the result.
#![cfg_attr(
    target_arch = "x86_64",
    expect(unsafe_code, reason = "features of processors and prefetching: without, 64 MiB chunks take 8 % longer")
)]

#[cfg(target_arch = "x86_64")]
use super::x86::Block;
use super::x86::{X86, marks};
use super::{Codes, DecodeError};

/// Decodes all of `out`.
pub(super) fn chunk(codes: &mut Codes, x86: &mut X86, input: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
    {
        // SAFETY: the processor has all features that the function needs.
        return unsafe { with_avx2(codes, x86, input, out) };
    }
    super::chunk(codes, x86, input, out, marks)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt")]
fn with_avx2(codes: &mut Codes, x86: &mut X86, input: &[u8], out: &mut [u8]) -> Result<(), DecodeError> {
    super::chunk(codes, x86, input, out, |bytes| marks_avx2(bytes))
}

/// What [`marks`] does, with instructions that gather the highest bits of 32 bytes. A function of its own,
/// for compilers that see how these bits are used take them apart, which costs more than the call.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
fn marks_avx2(bytes: &Block) -> u64 {
    use std::arch::x86_64::{
        __m256i, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8,
    };
    let half = |start: usize| {
        let load = |at: usize| {
            let bytes: &[u8; 32] = bytes[start + at..].first_chunk().expect("there are two bytes after both halves");
            // SAFETY: all 32 bytes are there, and they may lie anywhere.
            unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
        };
        let all = |byte: u8| _mm256_set1_epi8(byte.cast_signed());
        let is = |bytes, byte| _mm256_cmpeq_epi8(bytes, all(byte));
        let is_under = |bytes, mask, byte| is(_mm256_and_si256(bytes, all(mask)), byte);
        let both = |a: __m256i, b| _mm256_and_si256(a, b);
        let or = |a: __m256i, b| _mm256_or_si256(a, b);
        let (opcode, second, third) = (load(0), load(1), load(2));
        let lea = both(is_under(opcode, 0xfb, 0x48), both(is(second, 0x8d), is_under(third, 7, 5)));
        let mov = both(is(opcode, 0x48), both(is(second, 0x8b), is_under(third, 0xf7, 5)));
        let call_indirect = both(is(opcode, 0xff), is(second, 0x15));
        let lock_add = both(is(opcode, 0xf0), both(is(second, 0x83), is(third, 5)));
        let hit = or(or(is_under(opcode, 0xfe, 0xe8), lea), or(mov, or(call_indirect, lock_add)));
        u64::from(_mm256_movemask_epi8(hit).cast_unsigned())
    };
    half(0) | half(32) << 32
}

/// Makes the processor fetch the bytes from `at` on, without waiting for them.
#[inline(always)]
pub(super) fn prefetch(bytes: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: this is a hint, which is right for every address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(at).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (bytes, at);
}
