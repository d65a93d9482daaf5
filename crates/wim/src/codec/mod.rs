//! Decoders for the chunks of compressed resources.
//!
//! A compressed resource of a WIM file is cut into chunks of equal size (the last one may be
//! shorter) and each is compressed alone: [XPRESS](XpressDecoder) with Huffman codes, in chunks of
//! 4 to 64 KiB, [LZX](LzxDecoder), in chunks of 4 KiB to 2 MiB, or [LZMS](LzmsDecoder), in chunks of
//! 32 KiB to 64 MiB. All are LZ77 with canonical Huffman codes. The decoders of the first two share
//! everything but the headers of blocks and the forms of matches, and that of LZMS, whose codes are made
//! otherwise, has the copies in common with them:
//!
//! ```text
//!   chunk ─► bits ─► huffman ─► lz ─► output
//!            words   tables     literals and matches,
//!                    of codes   by way of copy
//! ```
//!
//! A decoder takes its memory when it is made, unless a chunk is longer compressed than not. Chunks
//! may be hostile: whatever the input, decoding ends after work in proportion to the sizes of input
//! and output, either with all of the output or with a [`DecodeError`] that says which rule was
//! broken and where.
//!
//! What the decoders let pass: bytes after the last symbol that the output needs (XPRESS has a
//! symbol for the end, which nothing needs), and the value of padding.

mod bits;
mod copy;
mod cpu;
mod e8;
#[cfg(test)]
mod encode;
#[cfg(test)]
mod encode_lzms;
mod error;
mod hot;
mod huffman;
mod long_copy;
mod lz;
mod lzms;
mod lzx;
#[cfg(test)]
mod vectors;
mod xpress;

pub use error::{Code, DecodeError, Position};
pub use lzms::LzmsDecoder;
pub use lzx::LzxDecoder;
pub use xpress::XpressDecoder;
