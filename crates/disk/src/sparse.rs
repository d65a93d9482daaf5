//! A device in memory that keeps only the pages that hold something, for libraries that want to
//! read and seek in what they write. Its cost is that of what is written, not of the device.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom, Write};

/// As large as a page of the systems we run on and a sector of any disk.
const PAGE: usize = 4096;

/// Zeros that have been written over in places.
pub(crate) struct SparseDisk {
    len: u64,
    position: u64,
    pages: BTreeMap<u64, Box<[u8; PAGE]>>,
}

impl SparseDisk {
    pub(crate) fn new(len: u64) -> Self {
        Self { len, position: 0, pages: BTreeMap::new() }
    }

    /// Fills `buf` from `offset` on. What lies past the end is zero.
    pub(crate) fn read_at(&self, buf: &mut [u8], offset: u64) {
        for (page, within, part) in pieces(offset, buf.len()) {
            match self.pages.get(&page) {
                Some(bytes) => buf[part.clone()].copy_from_slice(&bytes[within..][..part.len()]),
                None => buf[part].fill(0),
            }
        }
    }

    /// The `len` bytes from `offset` on.
    pub(crate) fn bytes(&self, offset: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.read_at(&mut bytes, offset);
        bytes
    }

    /// Writes `bytes` at `offset`. The caller has checked that they fit.
    pub(crate) fn write_at(&mut self, bytes: &[u8], offset: u64) {
        for (page, within, part) in pieces(offset, bytes.len()) {
            let bytes = &bytes[part];
            // Formatting writes zeros to what is zero already.
            if is_zero(bytes) && !self.pages.contains_key(&page) {
                continue;
            }
            let page = self.pages.entry(page).or_insert_with(|| Box::new([0; PAGE]));
            page[within..][..bytes.len()].copy_from_slice(bytes);
        }
    }

    /// What is not zero, in ranges of whole pages.
    pub(crate) fn into_ranges(mut self) -> Vec<(u64, Vec<u8>)> {
        self.pages.retain(|_, bytes| !is_zero(&bytes[..]));
        let mut ranges = Vec::new();
        while let Some((&first, _)) = self.pages.first_key_value() {
            let count = (first..).zip(self.pages.keys()).take_while(|(expected, page)| expected == *page).count();
            let mut range = Vec::with_capacity(count * PAGE);
            // Pages go as they are copied, so that the content is never there twice.
            for (_, bytes) in std::iter::from_fn(|| self.pages.pop_first()).take(count) {
                range.extend_from_slice(&bytes[..]);
            }
            let start = first * PAGE as u64;
            let len = usize::try_from(self.len - start).unwrap_or(usize::MAX).min(range.len());
            range.truncate(len);
            ranges.push((start, range));
        }
        ranges
    }

    /// Bytes from here to the end, at most `len`.
    fn within(&self, len: usize) -> usize {
        usize::try_from(self.len.saturating_sub(self.position)).unwrap_or(usize::MAX).min(len)
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    // By pieces, each of which is looked at as a whole with vector instructions.
    let (pieces, rest) = bytes.as_chunks::<64>();
    let zeros = |bytes: &[u8]| bytes.iter().fold(0, |any, byte| any | byte) == 0;
    pieces.iter().all(|piece| zeros(piece)) && zeros(rest)
}

/// Splits `len` bytes from `offset` on by pages: page number, offset in it, place among the bytes.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = usize::try_from(at % PAGE as u64).expect("less than a page");
        let part = done..len.min(done + PAGE - within);
        done = part.end;
        (!part.is_empty()).then_some((at / PAGE as u64, within, part))
    })
}

impl Read for SparseDisk {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let len = self.within(buf.len());
        self.read_at(&mut buf[..len], self.position);
        self.position += len as u64;
        Ok(len)
    }
}

impl Write for SparseDisk {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        let len = self.within(buf.len());
        self.write_at(&buf[..len], self.position);
        self.position += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Seek for SparseDisk {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
            SeekFrom::End(distance) => self.len.checked_add_signed(distance),
        };
        self.position = position.ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}

impl fmt::Debug for SparseDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparseDisk").field("len", &self.len).field("pages", &self.pages.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_zero_is_kept() {
        let mut disk = SparseDisk::new(1 << 40);
        disk.write_at(&vec![0; 1 << 20], 1 << 30);
        assert_eq!(disk.pages.len(), 0);
        disk.write_at(&[1; 5000], 4090);
        disk.write_at(&[2; 2], (1 << 40) - 2);
        disk.write_at(&[3; 10], 1 << 20);
        disk.write_at(&[0; 10], 1 << 20);

        let mut buf = [9; 8];
        disk.read_at(&mut buf, 4086);
        assert_eq!(buf, [0, 0, 0, 0, 1, 1, 1, 1]);

        let ranges = disk.into_ranges();
        let shapes: Vec<_> = ranges.iter().map(|(start, bytes)| (*start, bytes.len())).collect();
        assert_eq!(shapes, [(0, 12_288), ((1 << 40) - 4096, 4096)]);
        assert_eq!(ranges[0].1.iter().map(|&byte| usize::from(byte)).sum::<usize>(), 5000);
    }

    #[test]
    fn the_end_stops_reads_and_writes() {
        let mut disk = SparseDisk::new(5000);
        disk.seek(SeekFrom::End(-3)).unwrap();
        assert_eq!(disk.write(&[7; 10]).unwrap(), 3);
        assert_eq!(disk.write(&[7; 10]).unwrap(), 0);
        assert_eq!(disk.seek(SeekFrom::Current(-4)).unwrap(), 4996);
        let mut buf = [9; 10];
        assert_eq!(disk.read(&mut buf).unwrap(), 4);
        assert_eq!(buf[..5], [0, 7, 7, 7, 9]);
        assert!(disk.seek(SeekFrom::Current(-9_000)).is_err());
        assert_eq!(disk.into_ranges(), [(4096, [vec![0; 901], vec![7; 3]].concat())]);
    }
}
