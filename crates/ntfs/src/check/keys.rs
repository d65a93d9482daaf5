//! How keys of indexes are ordered.

use std::cmp::Ordering;

use nanovhd_tree::ReadAt;

use crate::format::Collation;
use crate::read::record::units;

use super::Checker;
use super::value;

/// The collation with this code.
pub(super) fn collation(code: u32) -> Option<Collation> {
    [Collation::FileName, Collation::Ulong, Collation::Sid, Collation::SecurityHash, Collation::Ulongs]
        .into_iter()
        .find(|collation| *collation as u32 == code)
}

impl<R: ReadAt> Checker<'_, R> {
    /// The order of two keys of an index.
    pub(super) fn compare_keys(&self, collation: Collation, a: &[u8], b: &[u8]) -> Ordering {
        match collation {
            Collation::FileName => {
                // A key that is no name was told; it has no place in the order.
                let (Ok(a), Ok(b)) = (value::file_name(a), value::file_name(b)) else { return Ordering::Less };
                self.fold(a.name).cmp(self.fold(b.name)).then_with(|| units(a.name).cmp(units(b.name)))
            }
            // How Windows orders owners is not known for certain; none may be there twice.
            Collation::Sid if a == b => Ordering::Equal,
            Collation::Sid => Ordering::Less,
            Collation::Ulong | Collation::SecurityHash | Collation::Ulongs => ulongs(a).cmp(ulongs(b)),
        }
    }
}

/// A key as 32-bit numbers: one, hash and id, or many.
fn ulongs(key: &[u8]) -> impl Iterator<Item = u32> + '_ {
    key.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word))
}
