//! Hive bins and the cells in them. \[REGF\] "Hive bin", "Cell".
//!
//! ```text
//!   ├ hbin ┼ cell ┼ free ┼ cell ┼ cell ┤ hbin ┼ cell …      size < 0: in use, size > 0: free
//! ```
//!
//! All bins and cells are walked once, before anything is read from them; later only the start of a
//! cell in use is a valid reference. Each cell can be claimed once, by one record. So a hive can
//! neither lead a reader in circles nor make it read the same data over and over, and whatever is
//! read of it is in proportion to its length.

use zerocopy::FromBytes;

use crate::error::{CellFault, OpenError};
use crate::format::{BIN_SIGNATURE, BLOCK, BinDisk, CELL_HEADER};

/// Cells start and end at multiples of this.
pub(crate) const GRANULE: usize = 8;

/// A set of places where cells can start.
#[derive(Debug)]
struct Places(Vec<u64>);

impl Places {
    fn new(len: usize) -> Self {
        Self(vec![0; len.div_ceil(GRANULE * 64)])
    }

    fn word(&mut self, at: usize) -> Option<(&mut u64, u64)> {
        let place = at / GRANULE;
        Some((self.0.get_mut(place / 64)?, 1 << (place % 64)))
    }

    fn insert(&mut self, at: usize) {
        if let Some((word, bit)) = self.word(at) {
            *word |= bit;
        }
    }

    /// Whether the place was in the set.
    fn take(&mut self, at: usize) -> bool {
        self.word(at).is_some_and(|(word, bit)| {
            let was = *word & bit != 0;
            *word &= !bit;
            was
        })
    }
}

/// The cells of a hive that are in use, and not claimed so far.
#[derive(Debug)]
pub(crate) struct Cells<'a> {
    bins: &'a [u8],
    unclaimed: Places,
    claimed: Places,
}

/// A claimed cell's contents, and where they start in the hive bins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub(crate) at: u32,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Cells<'a> {
    /// Walks all bins and cells.
    pub(crate) fn walk(bins: &'a [u8]) -> Result<Self, OpenError> {
        let mut cells = Self { bins, unclaimed: Places::new(bins.len()), claimed: Places::new(bins.len()) };
        let mut start = 0;
        while start < bins.len() {
            let end = start + bin_size(bins, start)?;
            let mut at = start + size_of::<BinDisk>();
            while at < end {
                at += cells.note(at, end)?;
            }
            start = end;
        }
        Ok(cells)
    }

    /// Notes the cell at `at` if it is in use, and says how long it is.
    fn note(&mut self, at: usize, end: usize) -> Result<usize, OpenError> {
        let size = i32::from_le_bytes(word(self.bins, at));
        let (len, room) = (size.unsigned_abs(), offset(end - at));
        if len == 0 || len > room || !(len as usize).is_multiple_of(GRANULE) {
            return Err(CellFault::Size { size: len, room }.at(offset(at)));
        }
        if size < 0 {
            self.unclaimed.insert(at);
        }
        Ok(len as usize)
    }

    /// Claims the cell at `at` for `what`.
    pub(crate) fn claim(&mut self, at: u32, what: &'static str) -> Result<Cell<'a>, OpenError> {
        let start = at as usize;
        // Places are multiples of the granule: another offset would round down to one.
        if !start.is_multiple_of(GRANULE) || !self.unclaimed.take(start) {
            let taken = start.is_multiple_of(GRANULE) && self.claimed.take(start);
            let fault = if taken { CellFault::Taken { what } } else { CellFault::NotACell { what } };
            return Err(fault.at(at));
        }
        self.claimed.insert(start);
        let len = i32::from_le_bytes(word(self.bins, start)).unsigned_abs() as usize;
        Ok(Cell { at, bytes: &self.bins[start + CELL_HEADER..start + len] })
    }
}

/// Four bytes of the bins. Only for places that were checked to lie in them.
fn word(bins: &[u8], at: usize) -> [u8; 4] {
    bins[at..].first_chunk().copied().unwrap_or_default()
}

/// A place in the hive bins, of which there are less than 2 GiB.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The size of the bin at `start`, which is inside of `bins`.
fn bin_size(bins: &[u8], start: usize) -> Result<usize, OpenError> {
    let at = offset(start);
    let fault = |field, expected, found| Err(OpenError::Bin { at, field, expected, found });
    let rest = &bins[start..];
    let Ok((bin, _)) = BinDisk::ref_from_prefix(rest) else {
        return fault("room", "at least 0x20", offset(rest.len()));
    };
    if bin.signature != BIN_SIGNATURE {
        return fault("signature", "\"hbin\" (0x6e696268)", u32::from_le_bytes(bin.signature));
    }
    if bin.offset.get() != at {
        return fault("offset", "the bin's own", bin.offset.get());
    }
    let size = bin.size.get() as usize;
    if size == 0 || !size.is_multiple_of(BLOCK) || size > rest.len() {
        return fault("size", "a multiple of 0x1000 inside of the hive", bin.size.get());
    }
    Ok(size)
}

impl<'a> Cell<'a> {
    /// An error about this cell.
    pub(crate) fn fault(&self, fault: CellFault) -> OpenError {
        fault.at(self.at)
    }

    /// The record at the start of the cell and what follows it.
    pub(crate) fn record<T>(&self, what: &'static str) -> Result<(&'a T, &'a [u8]), OpenError>
    where
        T: FromBytes + zerocopy::Immutable + zerocopy::KnownLayout + zerocopy::Unaligned,
    {
        T::ref_from_prefix(self.bytes).map_err(|_| self.too_short(what, size_of::<T>()))
    }

    pub(crate) fn too_short(&self, what: &'static str, expected: usize) -> OpenError {
        self.fault(CellFault::TooShort { what, expected: expected as u64, found: self.bytes.len() as u64 })
    }

    /// The first two bytes, which name the kind of most records.
    pub(crate) fn signature(&self) -> [u8; 2] {
        self.bytes.first_chunk().copied().unwrap_or_default()
    }

    /// Refuses records of other kinds.
    pub(crate) fn expect(&self, signature: [u8; 2], expected: &'static str) -> Result<(), OpenError> {
        let found = self.signature();
        if found == signature { Ok(()) } else { Err(self.fault(CellFault::Signature { expected, found })) }
    }

    /// `len` bytes of the contents, `skip` bytes from their start.
    pub(crate) fn part(&self, skip: usize, len: usize, what: &'static str) -> Result<Loaded, OpenError> {
        match skip.checked_add(len) {
            Some(end) if end <= self.bytes.len() => {
                let place = self.at as usize + CELL_HEADER + skip;
                Ok(Loaded { at: offset(place), len: offset(len) })
            }
            _ => Err(self.too_short(what, skip.saturating_add(len))),
        }
    }
}

/// A run of the hive bins that were loaded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loaded {
    pub(crate) at: u32,
    pub(crate) len: u32,
}

/// Bytes that lie in the loaded hive, or came with an edit.
#[derive(Debug, Clone)]
pub(crate) enum Bytes {
    Loaded(Loaded),
    Owned(Box<[u8]>),
}
const _: () = assert!(size_of::<Bytes>() <= 16);

impl Bytes {
    pub(crate) fn get<'a>(&'a self, bins: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Loaded(run) => run.get(bins),
            Self::Owned(bytes) => bytes,
        }
    }
}

impl Loaded {
    pub(crate) fn get(self, bins: &[u8]) -> &[u8] {
        let start = self.at as usize;
        bins.get(start..start + self.len as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bin of 4096 bytes with the cells given as (size, contents' first byte).
    fn bin(cells: &[(i32, u8)]) -> Vec<u8> {
        let mut bin = vec![0; BLOCK];
        bin[..4].copy_from_slice(&BIN_SIGNATURE);
        bin[8..12].copy_from_slice(&0x1000u32.to_le_bytes());
        let mut at = 32;
        for &(size, first) in cells {
            bin[at..at + 4].copy_from_slice(&size.to_le_bytes());
            if let Some(place) = bin.get_mut(at + 4) {
                *place = first;
            }
            at += (size.unsigned_abs() as usize).min(BLOCK - at - 4);
        }
        bin
    }

    #[test]
    fn only_cells_in_use_can_be_claimed_and_only_once() {
        let bins = bin(&[(-16, 1), (24, 2), (-4024, 3)]);
        let mut cells = Cells::walk(&bins).unwrap();
        let cell = cells.claim(0x20, "a key").unwrap();
        assert_eq!((cell.bytes.len(), cell.bytes[0]), (12, 1));
        let fault = |at, fault: CellFault| fault.at(at);
        for (at, expected) in [
            (0x20, CellFault::Taken { what: "a key" }),
            (0x30, CellFault::NotACell { what: "a key" }),
            (0x21, CellFault::NotACell { what: "a key" }),
            (0x1000, CellFault::NotACell { what: "a key" }),
            (u32::MAX, CellFault::NotACell { what: "a key" }),
            (0, CellFault::NotACell { what: "a key" }),
        ] {
            assert_eq!(cells.claim(at, "a key").unwrap_err(), fault(at, expected));
        }
        assert_eq!(cells.claim(0x48, "a key").unwrap().bytes.len(), 4020);
    }

    #[test]
    fn bins_and_cells_that_lead_astray_are_refused() {
        for (size, room) in [(0, 4064), (-4, 4064), (12, 4064), (-4072, 4064), (i32::MIN, 4064)] {
            let error = Cells::walk(&bin(&[(size, 0)])).unwrap_err();
            assert_eq!(error, CellFault::Size { size: size.unsigned_abs(), room }.at(0x20), "{size}");
        }
        for (at, value, field) in
            [(0, 1u32, "signature"), (4, 0x1000, "offset"), (8, 0, "size"), (8, 0x2000, "size"), (8, 0xfff, "size")]
        {
            let mut bins = bin(&[(4064, 0)]);
            bins[at..at + 4].copy_from_slice(&value.to_le_bytes());
            let error = Cells::walk(&bins).unwrap_err();
            assert!(matches!(error, OpenError::Bin { at: 0, field: found, .. } if found == field), "{error}");
        }
        assert!(matches!(Cells::walk(&[0; 16]), Err(OpenError::Bin { field: "room", .. })));
    }
}
