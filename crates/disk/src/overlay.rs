//! A file with changes that are kept in memory: what a log says should be in it.

use std::collections::BTreeMap;
use std::io::Result;

use nanovhd_tree::ReadAt;

/// Bytes of a page, which changes are multiples of.
pub(crate) const PAGE: usize = 4096;

const PAGE_LEN: u64 = PAGE as u64;

/// What is laid over a range of the file.
#[derive(Debug)]
enum Patch {
    /// A page.
    Page(Box<[u8; PAGE]>),
    /// Zeros, and how many bytes of them.
    Zeros(u64),
}

impl Patch {
    fn len(&self) -> u64 {
        match self {
            Self::Page(_) => PAGE_LEN,
            Self::Zeros(len) => *len,
        }
    }
}

/// The changed file. Offsets and lengths of changes are whole pages and end within 64 bits.
#[derive(Debug)]
pub(crate) struct Overlay<R> {
    file: R,
    /// Bytes of the file as it is.
    file_len: u64,
    /// Bytes of the file as it should be.
    len: u64,
    /// By offset; they don't overlap.
    patches: BTreeMap<u64, Patch>,
}

impl<R: ReadAt> Overlay<R> {
    pub(crate) fn new(file: R, file_len: u64) -> Self {
        Self { file, file_len, len: file_len, patches: BTreeMap::new() }
    }

    pub(crate) fn inner(&self) -> &R {
        &self.file
    }

    /// Makes the file at least so long. What comes after its end is zero.
    pub(crate) fn extend(&mut self, len: u64) {
        self.len = self.len.max(len);
    }

    /// Changes a page.
    pub(crate) fn write(&mut self, offset: u64, page: Box<[u8; PAGE]>) {
        self.insert(offset, Patch::Page(page));
    }

    /// Changes `len` bytes to zeros.
    pub(crate) fn write_zeros(&mut self, offset: u64, len: u64) {
        if len > 0 {
            self.insert(offset, Patch::Zeros(len));
        }
    }

    fn insert(&mut self, start: u64, patch: Patch) {
        let end = start + patch.len();
        self.extend(end);
        // Zeros that start in front may reach into the range; what is left of them stays.
        if let Some((&before, Patch::Zeros(len))) = self.patches.range_mut(..start).next_back() {
            let rest = (before + *len).saturating_sub(end);
            *len = (*len).min(start - before);
            if rest > 0 {
                self.patches.insert(end, Patch::Zeros(rest));
            }
        }
        while let Some((&within, _)) = self.patches.range(start..end).next() {
            let removed = self.patches.remove(&within);
            let rest = removed.map_or(0, |patch| (within + patch.len()).saturating_sub(end));
            if rest > 0 {
                self.patches.insert(end, Patch::Zeros(rest));
            }
        }
        self.patches.insert(start, patch);
    }

    /// Lays what was changed over `buf`, which has the bytes from `offset` on.
    fn apply(&self, buf: &mut [u8], offset: u64) {
        let end = offset + buf.len() as u64;
        let before = self.patches.range(..offset).next_back();
        for (&start, patch) in before.into_iter().chain(self.patches.range(offset..end)) {
            let (from, to) = (start.max(offset), (start + patch.len()).min(end));
            if from >= to {
                continue;
            }
            let place = |base: u64| part(from - base)..part(to - base);
            match patch {
                Patch::Page(page) => buf[place(offset)].copy_from_slice(&page[place(start)]),
                Patch::Zeros(_) => buf[place(offset)].fill(0),
            }
        }
    }
}

/// An offset within a buffer.
fn part(within: u64) -> usize {
    usize::try_from(within).unwrap_or(usize::MAX)
}

impl<R: ReadAt> ReadAt for Overlay<R> {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> Result<usize> {
        if self.patches.is_empty() && self.len == self.file_len {
            return self.file.read_at(buf, offset);
        }
        let len = part(self.len.saturating_sub(offset)).min(buf.len());
        let buf = &mut buf[..len];
        let (there, after) = buf.split_at_mut(part(self.file_len.saturating_sub(offset)).min(len));
        self.file.read_exact_at(there, offset)?;
        after.fill(0);
        self.apply(buf, offset);
        Ok(len)
    }

    fn len(&self) -> Result<u64> {
        Ok(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(byte: u8) -> Box<[u8; PAGE]> {
        Box::new([byte; PAGE])
    }

    /// The overlay of random changes against a plain vector.
    #[test]
    fn later_changes_win_and_the_file_grows() {
        let pages = 40;
        let file: Vec<u8> = (0..pages * PAGE).map(|index| u8::try_from(index / PAGE).unwrap() | 0x80).collect();
        let mut expected = file.clone();
        let mut overlay = Overlay::new(&file, file.len() as u64);
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for step in 0..300 {
            let (at, count) = (random(60), if random(2) == 0 { 1 } else { random(20) });
            let (start, end) = (part(at) * PAGE, part(at + count) * PAGE);
            if count > 0 {
                expected.resize(expected.len().max(end), 0);
            }
            if count == 1 {
                let byte = u8::try_from(step % 100).unwrap() + 1;
                overlay.write(at * PAGE_LEN, page(byte));
                expected[start..end].fill(byte);
            } else {
                overlay.write_zeros(at * PAGE_LEN, count * PAGE_LEN);
                expected[start.min(end)..end].fill(0);
            }
            assert_eq!(ReadAt::len(&overlay).unwrap(), expected.len() as u64);
            let offset = random(expected.len() as u64);
            let mut found = vec![0xd1; part(random(30_000)).min(expected.len() - part(offset))];
            overlay.read_exact_at(&mut found, offset).unwrap();
            assert!(found == expected[part(offset)..][..found.len()], "step {step}, {offset:#x}");
        }
        let mut all = vec![0xd1; expected.len()];
        overlay.read_exact_at(&mut all, 0).unwrap();
        assert!(all == expected);
        assert_eq!(overlay.read_at(&mut all, expected.len() as u64).unwrap(), 0);
    }
}
