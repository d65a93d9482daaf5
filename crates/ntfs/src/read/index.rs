//! Indexes, read: roots, blocks and entries of B+ trees.

use nanovhd_tree::ReadAt;
use zerocopy::FromBytes;

use crate::format::{AttributeType, BlockHeader, EntryHeader, IndexRootHeader, NodeHeader, STRIDE, entry_flags};
use crate::read::ReadError;
use crate::read::block::{self, unprotect};
use crate::read::mft::Mft;
use crate::read::record::name_is;
use crate::read::stream::{Measures, Piece, Stream};
use crate::rule::{Fault, Rule};
use crate::units::ClusterSize;

/// The most levels of an index: a block has room for two entries at least, so this is more than
/// any volume needs.
const MAX_DEPTH: usize = 32;

/// A node: the entries of a root or a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    /// The bytes that it lies in, up to the end of its entries.
    bytes: &'a [u8],
    /// Where the first entry begins in them.
    first: usize,
    pub(crate) header: &'a NodeHeader,
}

/// An entry of a node.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// Where it begins in the value or block.
    pub(crate) at: usize,
    pub(crate) header: &'a EntryHeader,
    /// What the index is sorted by; empty in the entry that ends a node.
    pub(crate) key: &'a [u8],
    /// All of the entry.
    pub(crate) bytes: &'a [u8],
    /// The virtual cluster of the block with what sorts before it.
    pub(crate) child: Option<u64>,
}

impl<'a> Entry<'a> {
    /// Whether the entry ends its node.
    pub(crate) fn is_last(&self) -> bool {
        self.header.flags.get() & entry_flags::LAST != 0
    }

    /// The data of an entry of a view index, if they lie in the entry.
    pub(crate) fn data(&self) -> Option<&'a [u8]> {
        let value = self.header.value.get().to_le_bytes();
        let (offset, length) = (u16::from_le_bytes([value[0], value[1]]), u16::from_le_bytes([value[2], value[3]]));
        self.bytes.get(usize::from(offset)..)?.get(..usize::from(length))
    }
}

impl<'a> Node<'a> {
    /// The node whose header is at `at` of `bytes`.
    pub(crate) fn parse(bytes: &'a [u8], at: usize) -> Result<Self, Fault> {
        let short = || Fault::new(Rule::IndexNode, at, format!("{} bytes are too few for a node", bytes.len()));
        let (header, _) = bytes.get(at..).and_then(|b| NodeHeader::ref_from_prefix(b).ok()).ok_or_else(short)?;
        let number = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        let (first, used, room) =
            (number(header.entries.get()), number(header.used.get()), number(header.allocated.get()));
        let fits = first >= size_of::<NodeHeader>()
            && first % 8 == 0
            && first <= used
            && used <= room
            && room <= bytes.len() - at;
        if !fits {
            let detail =
                format!("entries from {first:#x} to {used:#x} in a room of {room:#x} of {:#x}", bytes.len() - at);
            return Err(Fault::new(Rule::IndexNode, at, detail));
        }
        Ok(Self { bytes: &bytes[..at + used], first: at + first, header })
    }

    /// The entries in their order, the one that ends the node included; a fault ends them.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, Fault>> + use<'a> {
        let bytes = self.bytes;
        let mut at = Some(self.first);
        std::iter::from_fn(move || {
            let start = at?;
            let entry = entry(bytes, start);
            let next = entry.as_ref().ok().filter(|entry| !entry.is_last());
            at = next.map(|entry| start + entry.bytes.len());
            Some(entry)
        })
    }
}

/// The entry at `at` of a node's bytes.
pub(crate) fn entry(bytes: &[u8], at: usize) -> Result<Entry<'_>, Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let fault = |detail: String| Fault::new(Rule::IndexEntry, at, detail);
    let (header, _) = EntryHeader::ref_from_prefix(rest)
        .map_err(|_| fault(format!("{} bytes are left, and no entry ended the node", rest.len())))?;
    let (length, key_length) = (usize::from(header.length.get()), usize::from(header.key_length.get()));
    let child_length = if header.flags.get() & entry_flags::CHILD == 0 { 0 } else { 8 };
    let wrong = || fault(format!("{length} bytes with a key of {key_length}, where {} are left", rest.len()));
    let whole = rest.get(..length).filter(|_| length % 8 == 0).ok_or_else(wrong)?;
    let body = whole.get(size_of::<EntryHeader>()..).ok_or_else(wrong)?;
    let (body, child) = body.split_at(body.len().checked_sub(child_length).ok_or_else(wrong)?);
    let last = header.flags.get() & entry_flags::LAST != 0;
    let key = if last { &[][..] } else { body.get(..key_length).ok_or_else(wrong)? };
    let child = child.first_chunk().map(|vcn| u64::from_le_bytes(*vcn));
    Ok(Entry { at, header, key, bytes: whole, child })
}

/// An `$INDEX_ROOT` value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Root<'a> {
    pub(crate) header: &'a IndexRootHeader,
    pub(crate) node: Node<'a>,
}

impl<'a> Root<'a> {
    /// Reads the value; offsets of faults are in it.
    pub(crate) fn parse(value: &'a [u8]) -> Result<Self, Fault> {
        let (header, _) = IndexRootHeader::ref_from_prefix(value)
            .map_err(|_| Fault::new(Rule::IndexRoot, 0, format!("{} bytes are too few for an index", value.len())))?;
        Ok(Self { header, node: Node::parse(value, size_of::<IndexRootHeader>())? })
    }
}

/// Undoes the update sequence of an index block, which must be the one at virtual cluster `vcn`, and
/// gives its node.
pub(crate) fn block(bytes: &mut [u8], vcn: u64) -> Result<Node<'_>, Fault> {
    unprotect(bytes, &block::INDEX_BLOCK)?;
    let bytes: &[u8] = bytes;
    let (header, _) = BlockHeader::ref_from_prefix(bytes).expect("blocks have at least 512 bytes");
    if header.vcn.get() != vcn {
        return Err(Fault::new(Rule::IndexBlockNumber, 0x10, format!("expected {vcn}, found {}", header.vcn.get())));
    }
    Node::parse(bytes, size_of::<BlockHeader>())
}

/// Bytes that a virtual cluster number of an index counts: clusters, unless they are larger than a
/// block.
pub(crate) fn vcn_bytes(block_size: usize, cluster: ClusterSize) -> u64 {
    if cluster.bytes() > block_size as u64 { STRIDE as u64 } else { cluster.bytes() }
}

/// Calls `each` for every entry of the index `name` of a file with these attributes, in no certain
/// order; entries that end nodes are left out. Without such an index it is not called.
pub(crate) fn each_entry(
    volume: &impl ReadAt,
    mft: &Mft,
    attributes: &[Piece<'_>],
    name: &[u16],
    mut each: impl FnMut(&Entry<'_>),
) -> Result<(), ReadError> {
    let corrupt = |record, fault| ReadError::Corrupt(mft.finding(record, fault));
    let of_kind =
        |kind: AttributeType| attributes.iter().filter(move |(_, a)| a.kind == kind as u32 && name_is(a.name, name));
    let Some((record, root)) = of_kind(AttributeType::IndexRoot).next().copied() else { return Ok(()) };
    let value = root
        .value()
        .ok_or_else(|| corrupt(record, Fault::new(Rule::IndexRoot, root.at, "the root is not in the record")))?;
    let mut pieces: Vec<_> = of_kind(AttributeType::IndexAllocation).copied().collect();
    let blocks = Stream::assemble(&mut pieces, mft.measures()).map_err(|(record, fault)| corrupt(record, fault))?;
    let walk = Walk { volume, measures: mft.measures(), blocks, block: mft.boot.index_block };
    walk.each(value, &mut each).map_err(|stop| match stop {
        Stop::Fault(fault) => corrupt(record, Fault { at: root.at, ..fault }),
        Stop::Io(source) => ReadError::Io { offset: mft.offset(record), source },
    })
}

enum Stop {
    Fault(Fault),
    Io(std::io::Error),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A walk over all nodes of an index.
struct Walk<'a, R> {
    volume: &'a R,
    measures: Measures,
    blocks: Stream,
    /// Bytes of a block.
    block: usize,
}

impl<R: ReadAt> Walk<'_, R> {
    fn each(&self, root: &[u8], each: &mut impl FnMut(&Entry<'_>)) -> Result<(), Stop> {
        let unit = vcn_bytes(self.block, self.measures.cluster);
        let mut pending = Vec::new();
        take(&Root::parse(root)?.node, 0, &mut pending, each)?;
        let mut left = self.blocks.size / self.block as u64;
        let mut bytes = vec![0; self.block];
        while let Some((vcn, depth)) = pending.pop() {
            let end = vcn.checked_mul(unit).and_then(|at| at.checked_add(self.block as u64));
            if end.is_none_or(|end| end > self.blocks.size) || left == 0 || depth > MAX_DEPTH {
                return Err(Fault::new(
                    Rule::IndexEntry,
                    0,
                    format!("a child at virtual cluster {vcn} is not a block of the index"),
                )
                .into());
            }
            left -= 1;
            self.blocks.read_at(self.volume, self.measures.cluster, vcn * unit, &mut bytes).map_err(Stop::Io)?;
            take(&block(&mut bytes, vcn)?, depth, &mut pending, each)?;
        }
        Ok(())
    }
}

/// Hands out the entries of a node and remembers its children.
fn take(
    node: &Node<'_>,
    depth: usize,
    pending: &mut Vec<(u64, usize)>,
    each: &mut impl FnMut(&Entry<'_>),
) -> Result<(), Fault> {
    for entry in node.entries() {
        let entry = entry?;
        pending.extend(entry.child.map(|vcn| (vcn, depth + 1)));
        if !entry.is_last() {
            each(&entry);
        }
    }
    Ok(())
}
