//! Security descriptors: whether each is one. [MS-DTYP] 2.4.6, 2.4.5, 2.4.4 and 2.4.2.

use nanovhd_tree::ReadAt;

use crate::rule::{Fault, Rule};

use super::Checker;

/// Bytes of the fixed part of a descriptor: revision, control, four offsets.
const HEADER: usize = 20;
/// The bit of the control word that says that all parts are in the descriptor.
const SELF_RELATIVE: u16 = 0x8000;
/// The most sub-authorities of a SID.
const MOST_SUBS: u8 = 15;

impl<R: ReadAt> Checker<'_, R> {
    /// Checks a descriptor that lies at `offset` of the volume.
    pub(super) fn check_descriptor(&mut self, bytes: &[u8], record: Option<u64>, offset: u64) {
        if let Err(fault) = descriptor(bytes) {
            self.report.fault(record, offset, fault);
        }
    }
}

fn fault(at: usize, detail: impl Into<String>) -> Fault {
    Fault::new(Rule::Descriptor, at, detail)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

fn descriptor(bytes: &[u8]) -> Result<(), Fault> {
    let control = word(bytes, 2).filter(|_| bytes.len() >= HEADER && bytes[0] == 1);
    if control.is_none_or(|control| control & SELF_RELATIVE == 0) {
        return Err(fault(0, format!("{} bytes, not self-relative or not of revision 1", bytes.len())));
    }
    for (field, check) in [(4, sid as fn(&[u8]) -> Option<()>), (8, sid), (12, acl), (16, acl)] {
        let at = long(bytes, field).expect("the fixed part is there");
        let part = bytes.get(at..).filter(|_| at >= HEADER);
        if at != 0 && part.and_then(check).is_none() {
            let what = if field < 12 { "a SID" } else { "an ACL" };
            return Err(fault(field, format!("the offset {at:#x} of {:#x} doesn't lead to {what}", bytes.len())));
        }
    }
    Ok(())
}

/// Whether bytes begin with a SID.
fn sid(bytes: &[u8]) -> Option<()> {
    let (&revision, &subs) = (bytes.first()?, bytes.get(1)?);
    (revision == 1 && subs <= MOST_SUBS && bytes.len() >= 8 + 4 * usize::from(subs)).then_some(())
}

/// Whether bytes begin with an ACL whose entries lie in it.
fn acl(bytes: &[u8]) -> Option<()> {
    let (size, count) = (usize::from(word(bytes, 2)?), word(bytes, 4)?);
    let mut rest = bytes.get(..size).filter(|_| (2..=4).contains(&bytes[0]))?.get(8..)?;
    for _ in 0..count {
        let size = usize::from(word(rest, 2)?);
        rest = rest.get(size..).filter(|_| size >= 4 && size % 4 == 0)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_must_lie_in_the_descriptor() {
        let good = {
            let mut bytes = vec![1, 0, 4, 0x80];
            for offset in [52u32, 64, 0, 20] {
                bytes.extend(offset.to_le_bytes());
            }
            bytes.extend([2, 0, 32, 0, 1, 0, 0, 0]);
            bytes.extend([0, 0, 24, 0, 0xff, 1, 0x1f, 0]);
            // In the list's entry, with padding; the owner; the group.
            for padding in [4, 0, 0] {
                bytes.extend([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
                bytes.resize(bytes.len() + padding, 0);
            }
            bytes
        };
        assert_eq!(good.len(), 76);
        descriptor(&good).unwrap_or_else(|f| panic!("{f:?}"));
        // No owner and no list at all are legal, an empty list too.
        let mut bare = vec![1, 0, 4, 0x80];
        bare.resize(20, 0);
        descriptor(&bare).unwrap_or_else(|f| panic!("{f:?}"));
        for (at, value) in [(0, 2), (3, 0), (4, 66), (4, 19), (16, 70), (20, 9), (22, 90), (24, 2), (30, 25), (52, 2)]
        {
            let mut bad = good.clone();
            bad[at] = value;
            assert!(descriptor(&bad).is_err(), "{at}");
        }
    }
}
