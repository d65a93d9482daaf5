//! wimlib's codecs, to compare ours with: their speed, and what they make of damaged chunks.
#![expect(unsafe_code, reason = "wimlib is a C library, and what is safe around it has no bare codecs")]

use std::ptr;

use wimlib::sys;

/// The codecs that both have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// XPRESS with Huffman codes.
    Xpress,
    /// LZX.
    Lzx,
    /// LZMS.
    Lzms,
}

impl Codec {
    fn number(self) -> sys::wimlib_compression_type {
        match self {
            Self::Xpress => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_XPRESS,
            Self::Lzx => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZX,
            Self::Lzms => sys::wimlib_compression_type_WIMLIB_COMPRESSION_TYPE_LZMS,
        }
    }
}

/// Decodes chunks.
#[derive(Debug)]
pub struct Decoder {
    handle: *mut sys::wimlib_decompressor,
    chunk_size: usize,
}

impl Decoder {
    /// A decoder for chunks of up to `chunk_size` bytes.
    ///
    /// # Panics
    /// If wimlib has none.
    pub fn new(codec: Codec, chunk_size: usize) -> Self {
        let mut handle = ptr::null_mut();
        // SAFETY: the last argument is a valid place for the result.
        let code = unsafe { sys::wimlib_create_decompressor(codec.number(), chunk_size, &raw mut handle) };
        assert_eq!(code, 0, "wimlib has no decoder for {codec:?} and {chunk_size} bytes");
        Self { handle, chunk_size }
    }

    /// Decodes a chunk into all of `output` and says whether it is one.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> bool {
        assert!(output.len() <= self.chunk_size, "the decoder is for smaller chunks");
        // SAFETY: both buffers are valid for their lengths, and the handle is until it is dropped.
        let code = unsafe {
            sys::wimlib_decompress(
                input.as_ptr().cast(),
                input.len(),
                output.as_mut_ptr().cast(),
                output.len(),
                self.handle,
            )
        };
        code == 0
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the handle came from wimlib and is used no more.
        unsafe { sys::wimlib_free_decompressor(self.handle) };
    }
}

/// Encodes chunks.
#[derive(Debug)]
pub struct Encoder {
    handle: *mut sys::wimlib_compressor,
    chunk_size: usize,
}

impl Encoder {
    /// An encoder for chunks of up to `chunk_size` bytes; `level` is 1 to 100 and more.
    ///
    /// # Panics
    /// If wimlib has none.
    pub fn new(codec: Codec, chunk_size: usize, level: u32) -> Self {
        let mut handle = ptr::null_mut();
        // SAFETY: the last argument is a valid place for the result.
        let code = unsafe { sys::wimlib_create_compressor(codec.number(), chunk_size, level, &raw mut handle) };
        assert_eq!(code, 0, "wimlib has no encoder for {codec:?} and {chunk_size} bytes");
        Self { handle, chunk_size }
    }

    /// Encodes a chunk, or doesn't if that would make it no shorter.
    pub fn encode(&mut self, plain: &[u8]) -> Option<Vec<u8>> {
        assert!(plain.len() <= self.chunk_size, "the encoder is for smaller chunks");
        let mut stored = vec![0; plain.len().saturating_sub(1)];
        // SAFETY: both buffers are valid for their lengths, and the handle is until it is dropped.
        let len = unsafe {
            sys::wimlib_compress(
                plain.as_ptr().cast(),
                plain.len(),
                stored.as_mut_ptr().cast(),
                stored.len(),
                self.handle,
            )
        };
        stored.truncate(len);
        (len > 0).then_some(stored)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the handle came from wimlib and is used no more.
        unsafe { sys::wimlib_free_compressor(self.handle) };
    }
}
