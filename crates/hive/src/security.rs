//! Security descriptors, which keys share.
//!
//! A hive has each descriptor once, in a record that counts the keys that refer to it. Here a key has the
//! number of a descriptor; the counts, and the ring that links the records, are made when the hive is
//! written. \[REGF\] "Key security".

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::cells::Bytes;
use crate::error::EditError;

/// A descriptor, and what its record has in the field that nobody uses.
#[derive(Debug, Clone)]
pub(crate) struct Security {
    pub(crate) descriptor: Bytes,
    pub(crate) reserved: u16,
}

/// All descriptors of a hive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Securities {
    all: Vec<Security>,
    /// Numbers by the hash of the descriptor, once one is looked for.
    index: Option<(RandomState, HashMap<u64, Vec<u32>>)>,
}

impl Securities {
    pub(crate) fn get(&self, number: u32) -> Option<&Security> {
        self.all.get(number as usize)
    }

    /// Adds a record, also if another has the same descriptor.
    pub(crate) fn push(&mut self, descriptor: Bytes, reserved: u16) -> u32 {
        self.all.push(Security { descriptor, reserved });
        // Each one has a cell or came with an edit, so memory runs out first.
        u32::try_from(self.all.len() - 1).expect("fewer descriptors than a u32 counts fit into memory")
    }

    /// The number of a descriptor, which is added if it is new.
    pub(crate) fn intern(&mut self, bins: &[u8], descriptor: &[u8]) -> u32 {
        let all = &self.all;
        let (seed, index) = self.index.get_or_insert_with(|| {
            let seed = RandomState::new();
            let mut index: HashMap<u64, Vec<u32>> = HashMap::new();
            for (number, security) in (0..).zip(all) {
                index.entry(seed.hash_one(security.descriptor.get(bins))).or_default().push(number);
            }
            (seed, index)
        });
        let alike = index.entry(seed.hash_one(descriptor)).or_default();
        let same =
            |&number: &u32| all.get(number as usize).is_some_and(|known| known.descriptor.get(bins) == descriptor);
        if let Some(&number) = alike.iter().find(|number| same(number)) {
            return number;
        }
        let number = u32::try_from(all.len()).expect("fewer descriptors than a u32 counts fit into memory");
        alike.push(number);
        self.push(Bytes::Owned(descriptor.into()), 0)
    }
}

/// Refuses what Windows would not take for a security descriptor in self-relative form. [MS-DTYP] 2.4.6.
pub(crate) fn check(descriptor: &[u8]) -> Result<(), EditError> {
    /// Revision, padding, control, and the offsets of owner, group, audit list and access list.
    const HEADER: usize = 20;
    const SELF_RELATIVE: u16 = 0x8000;
    let refuse = |reason| Err(EditError::Security(reason));
    let Some(header) = descriptor.first_chunk::<HEADER>() else {
        return refuse("it has less than 20 bytes");
    };
    if header[0] != 1 {
        return refuse("its revision is not 1");
    }
    if u16::from_le_bytes([header[2], header[3]]) & SELF_RELATIVE == 0 {
        return refuse("it is not in self-relative form");
    }
    for part in header[4..].chunks_exact(4) {
        let offset = part.try_into().map_or(0, u32::from_le_bytes) as usize;
        // The shortest part is a list without entries: eight bytes, as is a SID without subauthorities.
        if offset != 0 && (offset < HEADER || offset + 8 > descriptor.len()) {
            return refuse("the offset of a part leads out of it");
        }
    }
    Ok(())
}

/// Full control for administrators (who also own it) and the system, passed on to subkeys:
/// `O:BAG:SYD:(A;CI;KA;;;BA)(A;CI;KA;;;SY)`. [MS-DTYP] 2.4.6, 2.5.1.
#[rustfmt::skip]
pub const ADMINISTRATORS_AND_SYSTEM: &[u8] = &[
    // Revision 1, self-relative with an access list; owner at 0x48, group at 0x58, list at 0x14.
    1, 0, 0x04, 0x80, 0x48, 0, 0, 0, 0x58, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0,
    // The list: revision 2, 0x34 bytes, two entries.
    2, 0, 0x34, 0, 2, 0, 0, 0,
    // Allowed, passed on to subkeys, 0x18 bytes, all rights of a key, to S-1-5-32-544.
    0, 2, 0x18, 0, 0x3f, 0, 0x0f, 0, 1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0,
    // The same, 0x14 bytes, to S-1-5-18.
    0, 2, 0x14, 0, 0x3f, 0, 0x0f, 0, 1, 1, 0, 0, 0, 0, 0, 5, 0x12, 0, 0, 0,
    // Owner S-1-5-32-544, group S-1-5-18.
    1, 2, 0, 0, 0, 0, 0, 5, 0x20, 0, 0, 0, 0x20, 2, 0, 0,
    1, 1, 0, 0, 0, 0, 0, 5, 0x12, 0, 0, 0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_descriptors_are_kept_once() {
        let mut securities = Securities::default();
        let loaded = securities.push(Bytes::Owned((*b"loaded").into()), 7);
        let twin = securities.push(Bytes::Owned((*b"loaded").into()), 8);
        assert_eq!(securities.intern(&[], b"loaded"), loaded);
        let new = securities.intern(&[], b"new");
        assert_eq!(securities.intern(&[], b"new"), new);
        assert!(new != twin && new != loaded);
        assert_eq!(securities.get(new).unwrap().descriptor.get(&[]), b"new");
    }

    #[test]
    fn only_self_relative_descriptors_are_taken() {
        assert_eq!(check(ADMINISTRATORS_AND_SYSTEM), Ok(()));
        for (at, value) in [(0, 2), (3, 0), (4, 8), (4, 0x70), (8, 0xff)] {
            let mut spoiled = ADMINISTRATORS_AND_SYSTEM.to_vec();
            spoiled[at] = value;
            assert!(check(&spoiled).is_err(), "{at:#x}");
        }
        assert!(check(&[1, 0, 0, 0x80]).is_err());
    }
}
