//! What can be wrong with a compressed chunk.

use std::fmt;

use thiserror::Error;

/// A place in a chunk: how far the decoder had read and written when it found the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Bits read from the compressed chunk; of LZMS, which reads from both ends, all of them.
    pub input_bit: u64,
    /// Bytes written of the uncompressed chunk.
    pub output: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { input_bit, output } = *self;
        write!(f, "input {:#x} bit {}, output {output:#x}", input_bit / 8, input_bit % 8)
    }
}

/// One of the Huffman codes that a chunk carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// LZX: the code that the lengths of the other codes are written in.
    Precode,
    /// Literals and match headers.
    Main,
    /// LZX: match lengths from 9 on.
    Length,
    /// LZX: the low three bits of match offsets.
    Aligned,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Precode => "precode",
            Self::Main => "main code",
            Self::Length => "length code",
            Self::Aligned => "aligned offset code",
        })
    }
}

/// Why a chunk can't be decoded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The output is longer than the codec's largest chunk.
    #[error("{len} bytes of output were asked for, but a chunk holds at most {max}")]
    OutputTooLong {
        /// Bytes asked for.
        len: usize,
        /// Bytes a chunk can hold.
        max: usize,
    },
    /// A length of the input that no chunk has.
    #[error("{len} bytes of compressed data, expected an even number from {min} on")]
    InputLength {
        /// Bytes of input.
        len: usize,
        /// The fewest that there can be.
        min: usize,
    },
    /// The input ends too early.
    #[error("compressed data ends after {len} bytes, but the decoder is at {at}")]
    Truncated {
        /// Bytes of input.
        len: usize,
        /// Where the decoder stands, past the end of the input.
        at: Position,
    },
    /// More codewords than the lengths leave room for.
    #[error("lengths of the {code} oversubscribe it ({used:#x} of 0x10000 used) at {at}")]
    CodeOversubscribed {
        /// The code.
        code: Code,
        /// 65536ths of the code space that the lengths use: more than 65536.
        used: u32,
        /// After the last length.
        at: Position,
    },
    /// Codewords without a symbol.
    #[error("lengths of the {code} leave it incomplete ({used:#x} of 0x10000 used) at {at}")]
    CodeIncomplete {
        /// The code.
        code: Code,
        /// 65536ths of the code space that the lengths use: not 0 and less than 65536.
        used: u32,
        /// After the last length.
        at: Position,
    },
    /// A symbol was needed of a code that has none.
    #[error("symbol of the {code} expected at {at}, but that code is empty")]
    CodeEmpty {
        /// The code.
        code: Code,
        /// Where the symbol should be.
        at: Position,
    },
    /// A run of code lengths is longer than the lengths that are left.
    #[error("run of {run} lengths of the {code} at {at}, but only {left} are left")]
    LengthRun {
        /// The code.
        code: Code,
        /// Lengths in the run.
        run: usize,
        /// Lengths that were still to come.
        left: usize,
        /// After the run.
        at: Position,
    },
    /// A run that repeats no length but another run.
    #[error("run of equal lengths of the {code} at {at} repeats symbol {found}, expected 0 to 16")]
    RunOfRuns {
        /// The code.
        code: Code,
        /// The precode symbol.
        found: u32,
        /// After the symbol.
        at: Position,
    },
    /// No such type of block.
    #[error("block type {found} at {at}, expected 1, 2 or 3")]
    BlockType {
        /// The type.
        found: u32,
        /// After the type.
        at: Position,
    },
    /// A block of no bytes or of more than the chunk has left.
    #[error("block of {found} bytes at {at}, expected 1 to {left}")]
    BlockSize {
        /// The size.
        found: usize,
        /// Bytes of the chunk that are still missing.
        left: usize,
        /// After the size.
        at: Position,
    },
    /// A recent match offset of zero.
    #[error("recent offset {index} is zero at {at}")]
    ZeroOffset {
        /// Which of the three: 0 to 2.
        index: usize,
        /// After the three offsets.
        at: Position,
    },
    /// A match begins before the chunk.
    #[error("match offset {offset} at {at} reaches before the start of the chunk")]
    MatchBeforeStart {
        /// The distance in bytes.
        offset: usize,
        /// After the match; the output is where it should go.
        at: Position,
    },
    /// A match ends after its block or the chunk.
    #[error("match of {length} bytes at {at}, but only {left} bytes are left")]
    MatchPastEnd {
        /// Bytes to copy.
        length: usize,
        /// Bytes that are left.
        left: usize,
        /// After the match; the output is where it should go.
        at: Position,
    },
    /// A long match length that a shorter form should hold.
    #[error("match length {found} in 16 bits at {at}, expected 15 or more")]
    LengthEscape {
        /// The 16 bits.
        found: u32,
        /// After the 16 bits.
        at: Position,
    },
}
