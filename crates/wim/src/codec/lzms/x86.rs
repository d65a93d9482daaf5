//! The translation of x86 machine code that LZMS applies before compression, undone.
//!
//! Instructions that name an address relative to their own become more alike when it is made
//! absolute. The encoder does that to calls and to 64-bit code's loads of addresses, wherever the
//! bytes look like a region of such code, and the decoder finds the same regions again: an
//! instruction that names a target which another one named not long ago makes it likely that code
//! goes on for a while.
//!
//! ```text
//!   48 8b /r   mov  (mod and r/m of the second byte 0000x101)
//!   48 8d /r   lea, and 4c 8d: r/m 101, whatever mod is
//!   e8         call, of which code has to be more certain
//!   e9         jmp: never translated, but its operand is passed over
//!   f0 83 05   lock add
//!   ff 15      call indirect
//! ```

/// Bytes at the end of a chunk in which no instruction begins, and one at its start.
const TAIL: usize = 16;

/// Bytes after an instruction that is surely one in which others are taken for certain,
const SURE: u32 = 1023;
/// and calls, which are easily mistaken.
const SURE_CALL: u32 = SURE / 2;

/// Bytes between two instructions with one target that make the second one sure.
const NEAR: u32 = 65_535;

/// Bytes that are searched at once.
pub(super) const BLOCK: usize = 64;

/// Those bytes and what two more tell of the last of them.
pub(super) type Block = [u8; BLOCK + 2];

/// Targets that are told apart: by their low 16 bits.
const TARGETS: usize = 1 << 16;

/// Undoes translations. What it remembers of one chunk is too long ago for the next one, so that
/// nothing has to be cleared.
#[derive(Debug)]
pub(super) struct X86 {
    /// Where each target was named last; positions go on from one chunk to the next.
    named: Box<[u32; TARGETS]>,
    /// Where the next chunk begins.
    pub(super) next: u32,
}

impl X86 {
    /// Further than anything counts.
    const GAP: u32 = NEAR + 1;

    pub(super) fn new() -> Self {
        Self { named: Box::new([0; TARGETS]), next: Self::GAP }
    }

    /// Makes the operands relative again in a chunk of at most 64 MiB. `marks` is [`marks`], or does the
    /// same otherwise.
    #[inline(always)]
    pub(super) fn undo(&mut self, chunk: &mut [u8], marks: impl Fn(&Block) -> u64) {
        let Some(end) = chunk.len().checked_sub(TAIL).filter(|&end| end > 1) else { return };
        let start = self.start(chunk.len());
        let mut walk = Walk { named: &mut self.named, start, sure: start - (SURE + 1) };
        // The first byte is passed over.
        let mut from = 1;
        for block in (0..end).step_by(BLOCK) {
            if from >= block + BLOCK {
                continue;
            }
            let mut found = find(chunk, block, &marks) & u64::MAX << from.saturating_sub(block);
            while found != 0 {
                let at = block + found.trailing_zeros() as usize;
                if at >= end {
                    return;
                }
                from = walk.instruction(chunk, at);
                if from >= block + BLOCK {
                    break;
                }
                found &= u64::MAX << (from - block);
            }
        }
    }

    /// The position of the first byte of a chunk.
    fn start(&mut self, len: usize) -> u32 {
        // Never, since chunks are not that long; and then everything is just long ago.
        let len = u32::try_from(len).unwrap_or(u32::MAX / 2);
        let after = self.next.checked_add(len).and_then(|end| end.checked_add(Self::GAP));
        if let Some(after) = after {
            return std::mem::replace(&mut self.next, after);
        }
        self.named.fill(0);
        self.next = Self::GAP.saturating_add(len).saturating_add(Self::GAP);
        Self::GAP
    }
}

/// A way through the instructions of a chunk.
struct Walk<'w> {
    named: &'w mut [u32; TARGETS],
    start: u32,
    /// The last position of what surely is code.
    sure: u32,
}

impl Walk<'_> {
    /// Looks at the instruction that begins at `at`, and says where the next one may.
    #[inline(always)]
    fn instruction(&mut self, chunk: &mut [u8], at: usize) -> usize {
        // There always are as many: the chunk has a tail.
        let Some(&[opcode, second, third]) = chunk[at..].first_chunk() else { return at + 1 };
        let (len, sure) = match opcode {
            0xe8 => (1, SURE_CALL),
            0xe9 => return at + 5,
            0x48 | 0x4c if third & 7 == 5 && second == 0x8d => (3, SURE),
            0x48 if third & 0xf7 == 5 && second == 0x8b => (3, SURE),
            0xff if second == 0x15 => (2, SURE),
            0xf0 if second == 0x83 && third == 0x05 => (3, SURE),
            _ => return at + 1,
        };
        let after = at + len + 4;
        let Some(operand) = chunk.get_mut(at + len..after).and_then(<[u8]>::first_chunk_mut) else { return after };
        self.operand(operand, at, len, sure);
        after
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "chunks have at most 2^26 bytes")]
    fn operand(&mut self, operand: &mut [u8; 4], at: usize, len: usize, sure: u32) {
        let at = at as u32;
        let here = self.start.wrapping_add(at);
        let mut relative = u32::from_le_bytes(*operand);
        // The last sure position may be that of the last byte of an operand, but never after this.
        if here.wrapping_sub(self.sure) <= sure {
            relative = relative.wrapping_sub(at);
            *operand = relative.to_le_bytes();
        }
        let target = &mut self.named[usize::from(relative.wrapping_add(at) as u16)];
        let last = here.wrapping_add(len as u32 + 3);
        if last.wrapping_sub(*target) <= NEAR {
            self.sure = last;
        }
        *target = last;
    }
}

/// One bit for each of the 64 bytes from `start` on, from the lowest up: whether one of the
/// instructions begins there. None does after the end of the chunk.
#[inline(always)]
fn find(chunk: &[u8], start: usize, marks: impl Fn(&Block) -> u64) -> u64 {
    if let Some(bytes) = chunk[start..].first_chunk() {
        return marks(bytes);
    }
    let mut bytes = [0; BLOCK + 2];
    bytes[..chunk.len() - start].copy_from_slice(&chunk[start..]);
    marks(&bytes)
}

/// One bit for each of the first 64 bytes, as [`find`] gives them.
///
/// Written for compilers to turn it into vector instructions: each hit becomes the bit that it will
/// have among its eight neighbours, and multiplying adds those up in the highest byte. Most blocks
/// have none.
#[inline(always)]
pub(super) fn marks(bytes: &Block) -> u64 {
    let mut marks = [0; BLOCK];
    for (i, mark) in marks.iter_mut().enumerate() {
        let (opcode, second, third) = (bytes[i], bytes[i + 1], bytes[i + 2]);
        let call_or_jump = opcode & 0xfe == 0xe8;
        let lea = (opcode & 0xfb == 0x48) & (second == 0x8d) & (third & 7 == 5);
        let mov = (opcode == 0x48) & (second == 0x8b) & (third & 0xf7 == 5);
        let call_indirect = (opcode == 0xff) & (second == 0x15);
        let lock_add = (opcode == 0xf0) & (second == 0x83) & (third == 5);
        let hit = call_or_jump | lea | mov | call_indirect | lock_add;
        *mark = if hit { 1 << (i % 8) } else { 0 };
    }
    if marks.iter().fold(0, |all, mark| all | mark) == 0 {
        return 0;
    }
    let mut found = 0;
    for (i, marks) in marks.as_chunks().0.iter().enumerate() {
        found |= (u64::from_le_bytes(*marks).wrapping_mul(0x0101_0101_0101_0101) >> 56) << (8 * i);
    }
    found
}
