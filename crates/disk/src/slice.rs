//! A window on a part of something that can be read: a partition on its disk.

use std::io::Result;

use nanovhd_tree::ReadAt;

/// The bytes from `offset` on, `len` of them, as if there were no others.
#[derive(Debug, Clone, Copy)]
pub struct Slice<R> {
    inner: R,
    offset: u64,
    len: u64,
}

impl<R: ReadAt> Slice<R> {
    /// Shows `len` bytes of `inner` from `offset` on. Where `inner` ends earlier, so does the
    /// slice when it is read.
    pub fn new(inner: R, offset: u64, len: u64) -> Self {
        // Nothing lies past the end of 64-bit offsets, so that sums below can't overflow.
        Self { inner, offset, len: len.min(u64::MAX - offset) }
    }

    /// What the slice is a part of.
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Where the slice starts.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

impl<R: ReadAt> ReadAt for Slice<R> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        let rest = self.len.saturating_sub(offset);
        let len = usize::try_from(rest).unwrap_or(usize::MAX).min(buf.len());
        if len == 0 {
            return Ok(0);
        }
        self.inner.read_at(&mut buf[..len], self.offset + offset)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_ends_where_it_was_told_to_and_where_its_bytes_end() {
        let bytes: Vec<u8> = (0..100).collect();
        let slice = Slice::new(&bytes, 10, 20);
        let mut buf = [0xd1; 30];
        assert_eq!(slice.read_at(&mut buf, 5).unwrap(), 15);
        assert_eq!(buf[..16], [15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 0xd1]);
        for offset in [20, 21, u64::MAX] {
            assert_eq!(slice.read_at(&mut buf, offset).unwrap(), 0);
        }
        assert_eq!((ReadAt::len(&slice).unwrap(), slice.offset()), (20, 10));
        // Claims past the end of the bytes are found out by reading.
        assert_eq!(Slice::new(&bytes, 90, u64::MAX).read_at(&mut buf, 0).unwrap(), 10);
        assert_eq!(Slice::new(&bytes, u64::MAX, u64::MAX).read_at(&mut buf, 0).unwrap(), 0);
    }
}
