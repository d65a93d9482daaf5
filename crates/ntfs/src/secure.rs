//! `$Secure`: every security descriptor of the volume once, found by id and by hash.
//!
//! The stream `$SDS` holds the descriptors, each behind a header, on 16-byte boundaries, in blocks
//! of 256 KiB; after each block comes a copy of it. `$SII` leads from an id to the place in `$SDS`,
//! `$SDH` from a hash. Files name their descriptor by its id in `$STANDARD_INFORMATION`.

use std::collections::HashMap;

use nanovhd_tree::Tree;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use crate::error::LayoutError;
use crate::format::{SecurityHeader, long, word};
use crate::index::IndexEntry;

/// A block of `$SDS`; its copy follows it.
const BLOCK: u64 = 0x4_0000;
/// The id of the first descriptor.
const FIRST_ID: u32 = 0x100;
/// The longest descriptor: header and descriptor must fit into a block, and Windows keeps them in
/// 64 KiB.
const MAX_DESCRIPTOR: usize = 0x1_0000 - size_of::<SecurityHeader>();

/// Ids of the descriptors that every volume has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SystemDescriptor {
    /// System files that only the file system itself writes.
    ReadOnly = 0,
    /// System files that administrators may write.
    ReadWrite = 1,
    /// Files for which the image has no descriptor.
    Default = 2,
}

/// The descriptors of a volume.
#[derive(Debug)]
pub(crate) struct Secure {
    headers: Vec<SecurityHeader>,
    descriptors: Vec<Vec<u8>>,
    system: [u32; 3],
    /// Ids by the tree's descriptor index.
    of_tree: Vec<u32>,
    size: u64,
}

impl Secure {
    /// Collects the system's descriptors and all of the tree's.
    pub(crate) fn of(tree: &Tree) -> Result<Self, LayoutError> {
        let mut this =
            Self { headers: Vec::new(), descriptors: Vec::new(), system: [0; 3], of_tree: Vec::new(), size: 0 };
        let mut ids = HashMap::new();
        for (i, bytes) in system_descriptors().into_iter().enumerate() {
            this.system[i] = this.add(&bytes, &mut ids)?;
        }
        for bytes in tree.descriptors() {
            let id = this.add(bytes, &mut ids)?;
            this.of_tree.push(id);
        }
        this.size += BLOCK;
        Ok(this)
    }

    fn add(&mut self, bytes: &[u8], ids: &mut HashMap<Vec<u8>, u32>) -> Result<u32, LayoutError> {
        if let Some(&id) = ids.get(bytes) {
            return Ok(id);
        }
        if bytes.len() > MAX_DESCRIPTOR {
            return Err(LayoutError::DescriptorTooLong { length: bytes.len(), most: MAX_DESCRIPTOR });
        }
        let id = FIRST_ID + u32::try_from(self.headers.len()).map_err(|_| LayoutError::TooManyFiles)?;
        let length = size_of::<SecurityHeader>() + bytes.len();
        let mut offset = self.size.next_multiple_of(16);
        // The blocks at odd multiples of the block size are the copies.
        if (offset + length as u64 - 1) / BLOCK != offset / BLOCK || (offset / BLOCK) % 2 == 1 {
            offset = offset.next_multiple_of(BLOCK);
            offset += BLOCK * (offset / BLOCK % 2);
        }
        self.headers.push(SecurityHeader {
            hash: U32::new(hash(bytes)),
            id: U32::new(id),
            offset: U64::new(offset),
            length: U32::new(u32::try_from(length).expect("checked above")),
        });
        self.descriptors.push(bytes.to_vec());
        self.size = offset + length as u64;
        ids.insert(bytes.to_vec(), id);
        Ok(id)
    }

    /// The id of one of the descriptors that every volume has.
    pub(crate) fn system_id(&self, which: SystemDescriptor) -> u32 {
        self.system[which as usize]
    }

    /// The id of a file's descriptor.
    pub(crate) fn id(&self, security: Option<nanovhd_tree::SecurityId>) -> u32 {
        security.map_or(self.system_id(SystemDescriptor::Default), |id| self.of_tree[id.index()])
    }

    /// How many descriptors there are.
    pub(crate) fn len(&self) -> usize {
        self.headers.len()
    }

    /// Bytes of `$SDS`: to the end of the last copy.
    pub(crate) fn stream_size(&self) -> u64 {
        self.size
    }

    /// Gives the pieces of `$SDS` with their offsets; what lies between them is zero.
    pub(crate) fn for_each_piece<E>(&self, mut out: impl FnMut(u64, &[u8]) -> Result<(), E>) -> Result<(), E> {
        let per_block = |header: &SecurityHeader| header.offset.get() / BLOCK;
        let pieces: Vec<_> = self.headers.iter().zip(&self.descriptors).collect();
        for block in pieces.chunk_by(|a, b| per_block(a.0) == per_block(b.0)) {
            for copy in [0, BLOCK] {
                for (header, descriptor) in block {
                    let mut bytes = header.as_bytes().to_vec();
                    bytes.extend_from_slice(descriptor);
                    out(header.offset.get() + copy, &bytes)?;
                }
            }
        }
        Ok(())
    }

    /// The entries of `$SII`, sorted by id.
    pub(crate) fn by_id(&self) -> Vec<IndexEntry> {
        self.headers.iter().map(|h| IndexEntry::of_view(h.id.as_bytes(), h.as_bytes())).collect()
    }

    /// The entries of `$SDH`, sorted by hash, then by id.
    pub(crate) fn by_hash(&self) -> Vec<IndexEntry> {
        let mut headers: Vec<_> = self.headers.iter().collect();
        headers.sort_by_key(|h| (h.hash.get(), h.id.get()));
        let entry = |h: &&SecurityHeader| {
            // Windows fills the padding of these entries with two letters.
            IndexEntry::of_view(&h.as_bytes()[..8], h.as_bytes()).with_padding(b"I\0I\0")
        };
        headers.iter().map(entry).collect()
    }
}

/// The hash by which `$SDH` sorts: the sum of the descriptor's words, rotated by three bits before
/// each addition. Bytes behind the last whole word don't count.
pub(crate) fn hash(descriptor: &[u8]) -> u32 {
    let (words, _) = descriptor.as_chunks::<4>();
    words.iter().fold(0u32, |hash, &word| hash.rotate_left(3).wrapping_add(u32::from_le_bytes(word)))
}

const SYSTEM: &[u8] = &sid(5, [18, 0], 1);
const ADMINISTRATORS: &[u8] = &sid(5, [32, 544], 2);
const AUTHENTICATED_USERS: &[u8] = &sid(5, [11, 0], 1);
const USERS: &[u8] = &sid(5, [32, 545], 2);

/// A security identifier with up to two sub-authorities; unused ones are cut off by [`sid_bytes`].
/// [MS-DTYP] 2.4.2.2.
const fn sid(authority: u8, subs: [u32; 2], count: u8) -> [u8; 16] {
    let (a, b) = (subs[0].to_le_bytes(), subs[1].to_le_bytes());
    [1, count, 0, 0, 0, 0, 0, authority, a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]
}

fn sid_bytes(sid: &[u8]) -> &[u8] {
    &sid[..8 + 4 * usize::from(sid[1])]
}

/// A self-relative descriptor with the owner, the group Administrators and access-allowed entries
/// of (flags, mask, who). [MS-DTYP] 2.4.6, 2.4.5, 2.4.4.2.
fn descriptor(owner: &[u8], entries: &[(u8, u32, &[u8])]) -> Vec<u8> {
    const HEADER: usize = 20;
    let mut aces = Vec::new();
    for (flags, mask, who) in entries {
        let who = sid_bytes(who);
        aces.extend([0, *flags]);
        aces.extend_from_slice(word(8 + who.len()).as_bytes());
        aces.extend(mask.to_le_bytes());
        aces.extend(who);
    }
    let acl_size = 8 + aces.len();
    let owner_at = HEADER + acl_size;
    let group_at = owner_at + sid_bytes(owner).len();
    // Revision 1; self-relative, with a DACL.
    let mut bytes = vec![1, 0, 0x04, 0x80];
    for offset in [owner_at, group_at, 0, HEADER] {
        bytes.extend_from_slice(long(offset).as_bytes());
    }
    bytes.extend([2, 0]);
    bytes.extend_from_slice(word(acl_size).as_bytes());
    bytes.extend_from_slice(word(entries.len()).as_bytes());
    bytes.extend([0, 0]);
    bytes.extend(aces);
    bytes.extend(sid_bytes(owner));
    bytes.extend(sid_bytes(ADMINISTRATORS));
    bytes
}

/// In the order of [`SystemDescriptor`]: the first two are what Windows gives its system files;
/// the default lets files without a descriptor be used as on a freshly formatted volume.
fn system_descriptors() -> [Vec<u8>; 3] {
    const READ: u32 = 0x0012_0089;
    const READ_WRITE: u32 = 0x0012_019f;
    const READ_EXECUTE: u32 = 0x0012_00a9;
    const MODIFY: u32 = 0x0013_01bf;
    const FULL: u32 = 0x001f_01ff;
    // Inherited by files and directories.
    const INHERIT: u8 = 3;
    let both = |mask| [(0, mask, SYSTEM), (0, mask, ADMINISTRATORS)];
    [
        descriptor(SYSTEM, &both(READ)),
        descriptor(SYSTEM, &both(READ_WRITE)),
        descriptor(
            ADMINISTRATORS,
            &[
                (INHERIT, FULL, ADMINISTRATORS),
                (INHERIT, FULL, SYSTEM),
                (INHERIT, MODIFY, AUTHENTICATED_USERS),
                (INHERIT, READ_EXECUTE, USERS),
            ],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_descriptors_are_those_of_a_volume_that_windows_formatted() {
        let tree = Tree::new();
        let secure = Secure::of(&tree).unwrap();
        // Hashes, lengths and places as found in $SDS there.
        let found: Vec<_> =
            secure.headers[..2].iter().map(|h| (h.hash.get(), h.id.get(), h.offset.get(), h.length.get())).collect();
        assert_eq!(found, [(0x32fe_c6cb, 256, 0, 120), (0x3414_c8f7, 257, 0x80, 120)]);
    }

    #[test]
    fn blocks_and_their_copies_do_not_meet() {
        let mut tree = Tree::new();
        for i in 0..30u32 {
            let mut bytes = vec![0; 40_000];
            bytes[..4].copy_from_slice(&i.to_le_bytes());
            tree.add_descriptor(&bytes);
        }
        let secure = Secure::of(&tree).unwrap();
        let mut taken: Vec<std::ops::Range<u64>> = Vec::new();
        secure
            .for_each_piece(|offset, bytes| {
                taken.push(offset..offset + bytes.len() as u64);
                Ok::<(), ()>(())
            })
            .unwrap();
        taken.sort_by_key(|r| r.start);
        assert!(taken.windows(2).all(|w| w[0].end <= w[1].start), "pieces overlap");
        assert!(taken.iter().all(|r| r.start % 16 == 0 && r.start / BLOCK == (r.end - 1) / BLOCK));
        assert_eq!(taken.last().map(|r| r.end), Some(secure.stream_size()));
        assert_eq!(taken.len(), 2 * secure.len());
    }

    #[test]
    fn a_descriptor_that_does_not_fit_is_refused() {
        let mut tree = Tree::new();
        tree.add_descriptor(&vec![0; 0x1_0000]);
        assert!(matches!(Secure::of(&tree), Err(LayoutError::DescriptorTooLong { .. })));
    }

    #[test]
    fn both_indexes_list_every_descriptor_in_their_order() {
        let mut tree = Tree::new();
        for i in 0..100u32 {
            tree.add_descriptor(&(!i).to_le_bytes());
        }
        let secure = Secure::of(&tree).unwrap();
        assert_eq!((secure.by_id().len(), secure.by_hash().len()), (103, 103));
        assert_eq!(secure.id(None), secure.system_id(SystemDescriptor::Default));
    }
}
