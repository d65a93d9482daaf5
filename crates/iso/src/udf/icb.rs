//! Information control blocks: the entries that describe files. ECMA-167 4/8.10, 4/14.6 to 4/14.9 and 4/14.17.

use std::collections::HashSet;

use nanovhd_tree::{Filetime, ReadAt};
use zerocopy::FromBytes;

use super::extents::{self, Descriptors, Mapped};
use super::format::{ExtendedFileEntry, FileEntry, IcbTag, IndirectEntry, LongAd, descriptor_kind, tag_id};
use super::partition::{IcbAddress, Space};
use super::tag;
use crate::error::{IsoError, Structure, TagFault, Unsupported};
use crate::input::Input;

const WHAT: Structure = Structure::FileEntry;

/// 4/14.6.2 and 4/A: one entry, or entries each with a link to the next.
const SINGLE: u16 = 4;
const CHAINED: u16 = 4096;

impl LongAd {
    /// The ICB that this leads to.
    pub(crate) fn icb(&self) -> IcbAddress {
        let LongAd { len, location, .. } = self;
        // The bits that say what kind of extent it is are zero for an ICB.
        IcbAddress { partition: location.partition.get(), block: location.block.get(), len: len.get() }
    }
}

/// A file entry of either kind.
pub(crate) struct Icb {
    block: Vec<u8>,
    address: IcbAddress,
    /// Where in the image it is.
    pub(crate) offset: u64,
    /// One of [`super::format::file_type`].
    pub(crate) file_type: u8,
    strategy: u16,
    descriptor_kind: u16,
    /// Bytes of the content.
    pub(crate) len: u64,
    pub(crate) modified: Option<Filetime>,
    /// Where in the block the allocation descriptors are.
    descriptors: (usize, usize),
}

impl Icb {
    /// Reads the entry that an ICB holds: of several, the last.
    pub(crate) fn read<R: ReadAt>(input: &Input<R>, space: &Space, address: IcbAddress) -> Result<Self, IsoError> {
        let mut icb = Self::read_entry(input, space, address)?;
        let mut seen = HashSet::new();
        while icb.strategy == CHAINED {
            if !seen.insert(icb.offset) {
                return Err(IsoError::Loop { what: WHAT, offset: icb.offset });
            }
            match icb.next_entry(input, space)? {
                Some(next) => icb = next,
                None => break,
            }
        }
        Ok(icb)
    }

    fn read_entry<R: ReadAt>(input: &Input<R>, space: &Space, address: IcbAddress) -> Result<Self, IsoError> {
        let (offset, block) = space.read_block(input, WHAT, (address.partition, address.block))?;
        let fault = |fault| IsoError::Tag { what: WHAT, offset, fault };
        let found = tag::verify(&block, address.block).map_err(fault)?;
        let (head, icb, len, modified, attributes_len, descriptors_len) = match found {
            tag_id::FILE_ENTRY => {
                let entry = whole::<FileEntry>(&block, offset)?;
                let lens = (entry.attributes_len, entry.descriptors_len);
                (size_of::<FileEntry>(), entry.icb, entry.len, entry.modified, lens.0, lens.1)
            }
            tag_id::EXTENDED_FILE_ENTRY => {
                let entry = whole::<ExtendedFileEntry>(&block, offset)?;
                let lens = (entry.attributes_len, entry.descriptors_len);
                (size_of::<ExtendedFileEntry>(), entry.icb, entry.len, entry.modified, lens.0, lens.1)
            }
            found => {
                return Err(fault(TagFault::Identifier { found, expected: tag_id::FILE_ENTRY }));
            }
        };
        let strategy = check_strategy(&icb, offset)?;
        let descriptors = area(head, attributes_len.get(), descriptors_len.get(), block.len());
        let descriptors = descriptors.ok_or(IsoError::TooLong {
            what: WHAT,
            offset,
            len: head as u64 + u64::from(attributes_len.get()) + u64::from(descriptors_len.get()),
            most: block.len() as u64,
        })?;
        Ok(Self {
            block,
            address,
            offset,
            file_type: icb.file_type,
            strategy,
            descriptor_kind: icb.flags.get() & descriptor_kind::MASK,
            len: len.get(),
            modified: modified.filetime(),
            descriptors,
        })
    }

    /// The entry that supersedes this one: behind it is a link to where it is or would be.
    fn next_entry<R: ReadAt>(&self, input: &Input<R>, space: &Space) -> Result<Option<Self>, IsoError> {
        let IcbAddress { partition, block, len } = self.address;
        let Some(block) = block.checked_add(1).filter(|_| len >= 2 * space.block_size) else {
            return Ok(None);
        };
        let what = Structure::IndirectEntry;
        let (offset, bytes) = space.read_block(input, what, (partition, block))?;
        if is_unrecorded(&bytes) {
            return Ok(None);
        }
        let fault = |fault| IsoError::Tag { what, offset, fault };
        match tag::verify(&bytes, block).map_err(fault)? {
            tag_id::INDIRECT_ENTRY => {}
            // 4/14.8: there is room for no more.
            tag_id::TERMINAL_ENTRY => return Ok(None),
            found => return Err(fault(TagFault::Identifier { found, expected: tag_id::INDIRECT_ENTRY })),
        }
        let next = whole::<IndirectEntry>(&bytes, offset)?.next.icb();
        if next.len == 0 {
            return Ok(None);
        }
        let (_, bytes) = space.read_block(input, WHAT, (next.partition, next.block))?;
        if is_unrecorded(&bytes) {
            return Ok(None);
        }
        Self::read_entry(input, space, next).map(Some)
    }

    /// Where the content lies.
    pub(crate) fn map<R: ReadAt>(&self, input: &Input<R>, space: &Space) -> Result<Mapped, IsoError> {
        let (start, len) = self.descriptors;
        if self.descriptor_kind != descriptor_kind::EMBEDDED {
            let (partition, offset) = (self.address.partition, self.offset);
            let bytes = &self.block[start..start + len];
            let descriptors = Descriptors { bytes, kind: self.descriptor_kind, partition, offset };
            return extents::map(input, space, descriptors, self.len);
        }
        let mut mapped = Mapped::default();
        if self.len > len as u64 {
            let (what, offset) = (Structure::Content, self.offset);
            return Err(IsoError::TooLong { what, offset, len: self.len, most: len as u64 });
        }
        mapped.runs.push(Some(self.offset + start as u64), self.len).ok_or(IsoError::TooLong {
            what: Structure::Content,
            offset: self.offset,
            len: self.len,
            most: len as u64,
        })?;
        mapped.blocks.push((0, self.address.block));
        Ok(mapped)
    }
}

/// Where in a block the allocation descriptors are: behind the entry and its extended attributes.
fn area(head: usize, attributes_len: u32, descriptors_len: u32, block_len: usize) -> Option<(usize, usize)> {
    let start = head.checked_add(usize::try_from(attributes_len).ok()?)?;
    let len = usize::try_from(descriptors_len).ok()?;
    (start.checked_add(len)? <= block_len).then_some((start, len))
}

fn check_strategy(icb: &IcbTag, offset: u64) -> Result<u16, IsoError> {
    match icb.strategy.get() {
        known @ (SINGLE | CHAINED) => Ok(known),
        other => Err(IsoError::Unsupported { what: WHAT, offset, reason: Unsupported::Strategy(other) }),
    }
}

/// The structure at the start of a block.
fn whole<T: FromBytes>(block: &[u8], offset: u64) -> Result<T, IsoError> {
    let found = T::read_from_prefix(block).map(|(value, _)| value);
    let (len, most) = (size_of::<T>() as u64, block.len() as u64);
    found.map_err(|_| IsoError::TooLong { what: WHAT, offset, len, most })
}

/// Whether a block was never written: a tag of zeros.
fn is_unrecorded(block: &[u8]) -> bool {
    const _: () = assert!(tag_id::UNRECORDED == 0);
    block.iter().take(size_of::<super::format::Tag>()).all(|&byte| byte == 0)
}
