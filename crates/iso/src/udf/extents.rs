//! Allocation descriptors: where the content of a file lies. ECMA-167 4/12 and 4/14.14; OSTA UDF 2.60, 2.3.10.

use std::collections::HashSet;

use nanovhd_tree::ReadAt;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::format::{AllocationExtent, LongAd, ShortAd, descriptor_kind, tag_id};
use super::partition::Space;
use crate::error::{IsoError, Structure, Unsupported};
use crate::input::Input;
use crate::runs::Runs;

/// The highest length of an extent: the two bits above say what it is. 4/14.14.1.1.
const LEN_MASK: u32 = 0x3fff_ffff;

/// One descriptor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    kind: ExtentKind,
    /// Bytes.
    len: u32,
    partition: u16,
    block: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExtentKind {
    /// Bytes of the file.
    Recorded,
    /// Bytes of the file that are zero, whether or not there is room for them.
    Unrecorded,
    /// Not of the file: descriptors go on there.
    Descriptors,
}

/// The descriptors of a file entry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descriptors<'b> {
    pub(crate) bytes: &'b [u8],
    /// One of [`descriptor_kind`].
    pub(crate) kind: u16,
    /// The partition that they stand in, which is that of short ones.
    pub(crate) partition: u16,
    /// Where the file entry is.
    pub(crate) offset: u64,
}

/// The content of a file.
#[derive(Debug, Default)]
pub(crate) struct Mapped {
    pub(crate) runs: Runs,
    /// The extents: where each begins in the file, and its first block.
    pub(crate) blocks: Vec<(u64, u32)>,
}

impl Mapped {
    /// The block that has byte `at` of the file, or where it would be.
    pub(crate) fn block(&self, at: u64, block_size: u32) -> u32 {
        let next = self.blocks.partition_point(|&(start, _)| start <= at);
        let Some(&(start, block)) = next.checked_sub(1).and_then(|last| self.blocks.get(last)) else {
            return 0;
        };
        let blocks = (at - start) / u64::from(block_size);
        u32::try_from(blocks).map_or(u32::MAX, |blocks| block.saturating_add(blocks))
    }
}

/// Maps the first `len` bytes of a file.
pub(crate) fn map<R: ReadAt>(
    input: &Input<R>,
    space: &Space,
    descriptors: Descriptors<'_>,
    len: u64,
) -> Result<Mapped, IsoError> {
    let (offset, what) = (descriptors.offset, Structure::FileEntry);
    let mut mapped = Mapped::default();
    let mut recorded = 0u64;
    let mut chain = Chain { input, space, list: parse(descriptors)?.into_iter(), seen: HashSet::new(), descriptors };
    // What is behind the content is room that the file had or would have got. 4/12.1.
    while mapped.runs.len() < len {
        let Some(extent) = chain.next()? else {
            let field = "number of bytes in extents";
            let found = mapped.runs.len();
            return Err(IsoError::Field { what, offset, field, found, expected: "the length of the file" });
        };
        // 4/12.1: only the last may end within a block.
        if !mapped.runs.len().is_multiple_of(u64::from(space.block_size)) {
            let (field, found) = ("length of extents in front of the last", mapped.runs.len());
            return Err(IsoError::Field { what, offset, field, found, expected: "a multiple of the block size" });
        }
        let start = mapped.runs.len();
        if extent.kind == ExtentKind::Recorded {
            // Extents of a file don't overlap, so that they have no more bytes than the image. With this,
            // neither time nor memory can be made to grow beyond the image.
            recorded += u64::from(extent.len);
            if recorded > input.len() {
                let what = Structure::Content;
                let (offset, _) = space.locate(what, extent.partition, extent.block)?;
                return Err(IsoError::PastEnd { what, offset, len: len - start, image_len: input.len() });
            }
            mapped.blocks.push((start, extent.block));
            space.map(&mut mapped.runs, Structure::Content, (extent.partition, extent.block), extent.len)?;
        } else {
            mapped.runs.push(None, extent.len.into()).ok_or(IsoError::TooLong {
                what: Structure::Content,
                offset,
                len: u64::MAX,
                most: u64::MAX,
            })?;
        }
    }
    // The last extent may be longer.
    mapped.runs.truncate(len);
    Ok(mapped)
}

/// The descriptors of a file, also those that are outside its entry.
struct Chain<'i, R> {
    input: &'i Input<R>,
    space: &'i Space,
    list: std::vec::IntoIter<Extent>,
    /// Where descriptors were read.
    seen: HashSet<u64>,
    descriptors: Descriptors<'i>,
}

impl<R: ReadAt> Chain<'_, R> {
    fn next(&mut self) -> Result<Option<Extent>, IsoError> {
        loop {
            match self.list.next() {
                Some(extent) if extent.kind == ExtentKind::Descriptors => self.follow(extent)?,
                // 4/12.1: one of no length ends the list.
                Some(Extent { len: 0, .. }) | None => return Ok(None),
                extent => return Ok(extent),
            }
        }
    }

    /// Goes on with an allocation extent, which has no more than a block. 4/14.5 and OSTA UDF 2.60, 2.3.11.
    fn follow(&mut self, extent: Extent) -> Result<(), IsoError> {
        let what = Structure::AllocationExtent;
        let address = (extent.partition, extent.block);
        let (offset, block) = self.space.read_descriptor(self.input, what, address, tag_id::ALLOCATION_EXTENT)?;
        if !self.seen.insert(offset) {
            return Err(IsoError::Loop { what, offset });
        }
        let bytes = AllocationExtent::ref_from_prefix(&block).ok().and_then(|(head, rest)| {
            rest.get(..usize::try_from(head.descriptors_len.get()).ok()?).ok_or(head.descriptors_len.get()).ok()
        });
        let Some(bytes) = bytes else {
            let most = u64::from(self.space.block_size);
            let found = AllocationExtent::ref_from_prefix(&block).map_or(0, |(head, _)| head.descriptors_len.get());
            return Err(IsoError::TooLong { what, offset, len: found.into(), most });
        };
        let descriptors = Descriptors { bytes, partition: extent.partition, offset, ..self.descriptors };
        self.list = parse(descriptors)?.into_iter();
        Ok(())
    }
}

fn parse(descriptors: Descriptors<'_>) -> Result<Vec<Extent>, IsoError> {
    let Descriptors { bytes, kind, partition, offset } = descriptors;
    match kind {
        descriptor_kind::SHORT => Ok(extents(bytes, |ad: &ShortAd| (ad.len.get(), partition, ad.block.get()))),
        descriptor_kind::LONG => {
            Ok(extents(bytes, |ad: &LongAd| (ad.len.get(), ad.location.partition.get(), ad.location.block.get())))
        }
        descriptor_kind::EXTENDED => {
            let reason = Unsupported::ExtendedDescriptors;
            Err(IsoError::Unsupported { what: Structure::FileEntry, offset, reason })
        }
        other => {
            let (what, field) = (Structure::FileEntry, "kind of allocation descriptors");
            Err(IsoError::Field { what, offset, field, found: other.into(), expected: "0 to 3" })
        }
    }
}

/// All whole descriptors; less than one may be left over.
fn extents<T: FromBytes + Immutable + KnownLayout + Unaligned>(
    bytes: &[u8],
    fields: impl Fn(&T) -> (u32, u16, u32),
) -> Vec<Extent> {
    let whole = bytes.chunks_exact(size_of::<T>()).filter_map(|bytes| T::ref_from_bytes(bytes).ok());
    let extent = |ad: &T| {
        let (len, partition, block) = fields(ad);
        let kind = match len >> 30 {
            0 => ExtentKind::Recorded,
            3 => ExtentKind::Descriptors,
            _ => ExtentKind::Unrecorded,
        };
        Extent { kind, len: len & LEN_MASK, partition, block }
    };
    whole.map(extent).collect()
}
