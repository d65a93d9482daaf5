//! The image, and reads of it that can't go astray.

use nanovhd_tree::ReadAt;
use zerocopy::{FromBytes, IntoBytes};

use crate::error::{IsoError, Structure};

/// The bytes of an image, whose length is known.
#[derive(Debug)]
pub(crate) struct Input<R> {
    file: R,
    len: u64,
}

impl<R: ReadAt> Input<R> {
    pub(crate) fn new(file: R) -> Result<Self, IsoError> {
        let len = file.len();
        let len = len.map_err(|source| IsoError::Read { what: Structure::VolumeDescriptor, offset: 0, source })?;
        Ok(Self { file, len })
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn file(&self) -> &R {
        &self.file
    }

    /// Checks that the image has `len` bytes at `offset`.
    pub(crate) fn check(&self, what: Structure, offset: u64, len: u64) -> Result<(), IsoError> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(()),
            _ => Err(IsoError::PastEnd { what, offset, len, image_len: self.len }),
        }
    }

    /// Fills `buf` from `offset` on.
    pub(crate) fn read(&self, what: Structure, offset: u64, buf: &mut [u8]) -> Result<(), IsoError> {
        self.check(what, offset, buf.len() as u64)?;
        self.file.read_exact_at(buf, offset).map_err(|source| IsoError::Read { what, offset, source })
    }

    /// Reads one structure.
    pub(crate) fn read_one<T: FromBytes + IntoBytes>(&self, what: Structure, offset: u64) -> Result<T, IsoError> {
        let mut value = T::new_zeroed();
        self.read(what, offset, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Reads `len` bytes, for which memory is taken only if the image has them.
    pub(crate) fn read_vec(&self, what: Structure, offset: u64, len: usize) -> Result<Vec<u8>, IsoError> {
        self.check(what, offset, len as u64)?;
        let mut bytes = vec![0; len];
        self.read(what, offset, &mut bytes)?;
        Ok(bytes)
    }
}
