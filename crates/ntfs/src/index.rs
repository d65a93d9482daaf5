//! B+ trees: the index of a directory, and the "view" indexes of `$Secure`, `$Quota`, `$ObjId` and
//! `$Reparse`.
//!
//! An index is loaded in bulk from its sorted entries. First its shape is made from the sizes of
//! the entries alone: nodes are filled from the left, and the entry after a full node moves up to
//! separate it from the next. The nodes of one level are numbered in order, so an entry's child is
//! the node with the entry's own position one level down. Then, when the entries' bytes are known,
//! the nodes are written from the same shape.
//!
//! ```text
//!   root (in the MFT record)      e2        e5      end
//!                               /        /           \
//!   blocks                  e0 e1 end  e3 e4 end   e6 e7 end
//! ```
//!
//! Invariants: no node but a small root is without an entry of its own, unless it only leads to
//! its single child; all leaves have the same depth; entries lie in collation order.

use std::borrow::Borrow;
use std::ops::Range;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, IntoBytes};

use crate::format::{
    BlockHeader, Collation, EntryHeader, INDEX_BLOCK, IndexRootHeader, NodeHeader, STRIDE, align8, entry_flags, long,
    protect, word,
};
use crate::units::ClusterSize;

/// Where the update sequence array lies in an index block.
const USA_OFFSET: usize = size_of::<BlockHeader>() + size_of::<NodeHeader>();
/// Where the entries begin in an index block: behind the array.
const ENTRIES_OFFSET: usize = align8(USA_OFFSET + 2 * (INDEX_BLOCK / STRIDE + 1));
/// Bytes of a child's virtual cluster at the end of an entry.
const CHILD: usize = 8;
/// Bytes of the entry that ends a node without children.
const LAST: usize = size_of::<EntryHeader>();
/// Bytes of an `$INDEX_ROOT` value before its entries.
pub(crate) const ROOT_HEADERS: usize = size_of::<IndexRootHeader>() + size_of::<NodeHeader>();
/// The least room that a root needs: an end entry that leads to one child.
pub(crate) const LEAST_ROOT: usize = LAST + CHILD;

/// One index entry as it stands in a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    bytes: Vec<u8>,
}

impl IndexEntry {
    /// An entry of a directory: a file reference and a `$FILE_NAME`.
    pub(crate) fn of_name(file: U64, file_name: &[u8]) -> Self {
        Self::new(file, file_name, &[])
    }

    /// Bytes in a leaf of an entry of a directory whose `$FILE_NAME` has so many.
    pub(crate) fn size_of_name(file_name: usize) -> usize {
        align8(size_of::<EntryHeader>() + file_name)
    }

    /// An entry of a view index: a key with data behind it.
    pub(crate) fn of_view(key: &[u8], data: &[u8]) -> Self {
        let offset = size_of::<EntryHeader>() + key.len();
        let value = if data.is_empty() { 0 } else { offset as u64 | (data.len() as u64) << 16 };
        Self::new(U64::new(value), key, data)
    }

    fn new(value: U64, key: &[u8], data: &[u8]) -> Self {
        let length = align8(size_of::<EntryHeader>() + key.len() + data.len());
        let header = EntryHeader {
            value,
            length: word(length),
            key_length: word(key.len()),
            flags: U16::new(0),
            pad: U16::new(0),
        };
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(data);
        bytes.resize(length, 0);
        Self { bytes }
    }

    /// Bytes in a leaf.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Writes into the padding at the end of an entry, where Windows leaves a mark in `$SDH`.
    pub(crate) fn with_padding(mut self, mark: &[u8]) -> Self {
        let at = self.bytes.len() - mark.len();
        self.bytes[at..].copy_from_slice(mark);
        self
    }

    /// Appends the entry, leading to a child if there is one.
    fn write(&self, child: Option<u64>, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(vcn) = child else { return };
        out.extend_from_slice(&vcn.to_le_bytes());
        let header = EntryHeader::mut_from_prefix(&mut out[start..]).expect("an entry begins with its header").0;
        header.length = word(usize::from(header.length.get()) + CHILD);
        header.flags = U16::new(entry_flags::CHILD);
    }
}

/// One level of blocks, leaves first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    /// Which entries stand on this level, as positions in the whole index; `None` for the leaves,
    /// which take all entries that no higher level takes.
    entries: Option<Vec<u32>>,
    /// The entries of each node, as a range of the level's entries. The entry after a range stands
    /// on the next level.
    nodes: Vec<Range<u32>>,
    /// Number of the first node among all blocks of the index.
    first_block: u32,
}

impl Level {
    fn entry(&self, position: u32) -> u32 {
        self.entries.as_ref().map_or(position, |entries| entries[position as usize])
    }
}

/// How the entries of an index are spread over nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct IndexShape {
    levels: Vec<Level>,
    root: Vec<u32>,
    root_bytes: usize,
}

impl IndexShape {
    /// Spreads entries of these sizes. They stay in the root if they fit into `small_root` bytes;
    /// otherwise the root gets at most `large_root`.
    pub(crate) fn new(sizes: &[usize], small_root: usize, large_root: usize) -> Self {
        let count = count_of(sizes);
        let all = sizes.iter().sum::<usize>() + LAST;
        if all <= small_root || count == 0 {
            return Self { levels: Vec::new(), root: (0..count).collect(), root_bytes: all };
        }
        let mut levels: Vec<Level> = Vec::new();
        let mut entries: Option<Vec<u32>> = None;
        loop {
            let child = if levels.is_empty() { 0 } else { CHILD };
            let level_count = entries.as_ref().map_or(count, |e| count_of(e));
            let size_at = |p: u32| entries.as_ref().map_or(p, |e| e[p as usize]);
            let nodes = fill_nodes(level_count, |p| sizes[size_at(p) as usize] + child, LAST + child);
            let up: Vec<u32> = nodes[..nodes.len() - 1].iter().map(|node| size_at(node.end)).collect();
            let first_block = levels.last().map_or(0, |l| l.first_block + count_of(&l.nodes));
            levels.push(Level { entries, nodes, first_block });
            let root_bytes = up.iter().map(|&e| sizes[e as usize] + CHILD).sum::<usize>() + LEAST_ROOT;
            if root_bytes <= large_root.max(LEAST_ROOT) {
                return Self { levels, root: up, root_bytes };
            }
            entries = Some(up);
        }
    }

    /// How many blocks the index allocation has.
    pub(crate) fn blocks(&self) -> u32 {
        self.levels.last().map_or(0, |l| l.first_block + count_of(&l.nodes))
    }

    /// Bytes of the `$INDEX_ROOT` value.
    pub(crate) fn root_size(&self) -> usize {
        ROOT_HEADERS + self.root_bytes
    }

    /// The `$INDEX_ROOT` value. `entry` gives the entry at a position of the index.
    pub(crate) fn root<E: Borrow<IndexEntry>>(
        &self,
        entry: impl Fn(u32) -> E,
        kind: IndexKind,
        cluster: ClusterSize,
    ) -> Vec<u8> {
        let header = IndexRootHeader {
            kind: U32::new(kind.attribute),
            collation: U32::new(kind.collation as u32),
            block_size: long(INDEX_BLOCK),
            block_clusters: u8::try_from(vcns_per_block(cluster)).expect("a block has at most 8 units"),
            pad: [0; 3],
        };
        let mut value = header.as_bytes().to_vec();
        let children = self.levels.last().map(|below| (below.first_block, cluster));
        let node = NodeHeader {
            entries: long(size_of::<NodeHeader>()),
            used: long(size_of::<NodeHeader>() + self.root_bytes),
            allocated: long(size_of::<NodeHeader>() + self.root_bytes),
            flags: U32::new(u32::from(children.is_some())),
        };
        value.extend_from_slice(node.as_bytes());
        let positions = 0..count_of(&self.root);
        write_entries(positions, |p| entry(self.root[p as usize]), children, &mut value);
        value
    }

    /// The blocks of the index allocation in order, each of [`INDEX_BLOCK`] bytes. `entry` gives the entry
    /// at a position of the index; it is asked once for each, so entries need not be in memory together.
    pub(crate) fn for_each_block<I: Borrow<IndexEntry>, E>(
        &self,
        entry: impl Fn(u32) -> I,
        cluster: ClusterSize,
        mut out: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut block = Vec::with_capacity(INDEX_BLOCK);
        for (depth, level) in self.levels.iter().enumerate() {
            let below = depth.checked_sub(1).map(|d| (self.levels[d].first_block, cluster));
            for (number, node) in (level.first_block..).zip(&level.nodes) {
                block.clear();
                block.resize(ENTRIES_OFFSET, 0);
                write_entries(node.clone(), |p| entry(level.entry(p)), below, &mut block);
                let vcn = u64::from(number) * vcns_per_block(cluster);
                finish_block(&mut block, vcn, below.is_some());
                out(&block)?;
            }
        }
        Ok(())
    }
}

/// What an index is of and how it is sorted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexKind {
    /// Type of the indexed attribute, zero for a view index.
    pub(crate) attribute: u32,
    pub(crate) collation: Collation,
}

/// A count of entries or nodes; an index has fewer of both than the volume has records.
fn count_of<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).expect("entries are numbered in 32 bits")
}

/// Splits `count` entries into nodes, each as full as it gets. Every two nodes have one entry
/// between them, and none is empty.
fn fill_nodes(count: u32, size: impl Fn(u32) -> usize, end_entry: usize) -> Vec<Range<u32>> {
    let room = INDEX_BLOCK - ENTRIES_OFFSET - end_entry;
    let mut nodes = Vec::new();
    let mut start = 0;
    loop {
        let mut used = 0;
        let mut end = start;
        while end < count && used + size(end) <= room {
            used += size(end);
            end += 1;
        }
        if end + 1 == count {
            // The one entry left would go up and leave an empty node behind it. An entry is at
            // most 602 bytes, so a full node has several and can do without its last.
            end -= 1;
        }
        nodes.push(start..end);
        if end == count {
            return nodes;
        }
        start = end + 1;
    }
}

/// Virtual clusters in an index block. In volumes whose clusters are larger than a block the unit
/// is 512 bytes.
pub(crate) fn vcns_per_block(cluster: ClusterSize) -> u64 {
    let unit = if cluster.0 as usize <= INDEX_BLOCK { cluster.0 as usize } else { STRIDE };
    (INDEX_BLOCK / unit) as u64
}

/// Appends the entries at `positions` and the end entry. With `below`, the number of the first
/// block of the level below, each leads to the child at its own position.
fn write_entries<E: Borrow<IndexEntry>>(
    positions: Range<u32>,
    entry: impl Fn(u32) -> E,
    below: Option<(u32, ClusterSize)>,
    out: &mut Vec<u8>,
) {
    let child = |position: u32| below.map(|(first, cluster)| u64::from(first + position) * vcns_per_block(cluster));
    for position in positions.clone() {
        entry(position).borrow().write(child(position), out);
    }
    let last = child(positions.end);
    let header = EntryHeader {
        value: U64::new(0),
        length: word(LAST + last.map_or(0, |_| CHILD)),
        key_length: U16::new(0),
        flags: U16::new(entry_flags::LAST | last.map_or(0, |_| entry_flags::CHILD)),
        pad: U16::new(0),
    };
    out.extend_from_slice(header.as_bytes());
    out.extend(last.map(u64::to_le_bytes).into_iter().flatten());
}

/// Fills in the headers of a block whose entries are written, and protects it.
fn finish_block(block: &mut Vec<u8>, vcn: u64, has_children: bool) {
    let used = block.len() - size_of::<BlockHeader>();
    block.resize(INDEX_BLOCK, 0);
    let header = BlockHeader {
        magic: *b"INDX",
        usa_offset: word(USA_OFFSET),
        usa_count: word(INDEX_BLOCK / STRIDE + 1),
        lsn: U64::new(0),
        vcn: U64::new(vcn),
    };
    let node = NodeHeader {
        entries: long(ENTRIES_OFFSET - size_of::<BlockHeader>()),
        used: long(used),
        allocated: long(INDEX_BLOCK - size_of::<BlockHeader>()),
        flags: U32::new(u32::from(has_children)),
    };
    block[..size_of::<BlockHeader>()].copy_from_slice(header.as_bytes());
    block[size_of::<BlockHeader>()..USA_OFFSET].copy_from_slice(node.as_bytes());
    protect(block, USA_OFFSET);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The positions of all entries in the order in which a reader meets them.
    fn in_order(shape: &IndexShape) -> Vec<u32> {
        fn visit(shape: &IndexShape, depth: usize, node: u32, out: &mut Vec<u32>) {
            let level = &shape.levels[depth];
            let range = level.nodes[node as usize].clone();
            for position in range.clone() {
                if depth > 0 {
                    visit(shape, depth - 1, position, out);
                }
                out.push(level.entry(position));
            }
            if depth > 0 {
                visit(shape, depth - 1, range.end, out);
            }
        }
        let mut out = Vec::new();
        for (position, &entry) in (0..).zip(&shape.root) {
            if let Some(depth) = shape.levels.len().checked_sub(1) {
                visit(shape, depth, position, &mut out);
            }
            out.push(entry);
        }
        if let Some(depth) = shape.levels.len().checked_sub(1) {
            visit(shape, depth, count_of(&shape.root), &mut out);
        }
        out
    }

    #[test]
    fn every_count_of_entries_keeps_its_order_and_no_node_is_empty() {
        for size in [88, 104, 600] {
            for count in (0..200).chain([1_000, 100_000]) {
                let sizes: Vec<usize> = (0..count).map(|i| if i % 7 == 0 { size } else { 88 }).collect();
                let shape = IndexShape::new(&sizes, 400, 300);
                assert_eq!(in_order(&shape), (0..count as u32).collect::<Vec<_>>(), "{count} of {size}");
                assert!(shape.levels.iter().flat_map(|l| &l.nodes).all(|n| !n.is_empty()), "{count} of {size}");
            }
        }
    }

    #[test]
    fn a_root_without_room_leads_to_one_child() {
        let shape = IndexShape::new(&[600; 20], 100, 0);
        assert!(shape.root.is_empty());
        assert_eq!(shape.root_size(), ROOT_HEADERS + LEAST_ROOT);
        assert_eq!(in_order(&shape).len(), 20);
    }

    #[test]
    fn blocks_are_as_many_as_promised_and_protected() {
        let entries: Vec<_> = (0..100u32).map(|i| IndexEntry::of_view(&i.to_le_bytes(), &[0; 20])).collect();
        let sizes: Vec<_> = entries.iter().map(IndexEntry::size).collect();
        let shape = IndexShape::new(&sizes, 0, 0);
        let mut blocks = 0;
        let count = |block: &[u8]| {
            assert_eq!((block.len(), &block[..4]), (INDEX_BLOCK, &b"INDX"[..]));
            assert_eq!(block[510..512], [1, 0]);
            blocks += 1;
            Ok::<(), ()>(())
        };
        shape.for_each_block(|p| &entries[p as usize], ClusterSize(4096), count).unwrap();
        assert_eq!(blocks, shape.blocks());
        let kind = IndexKind { attribute: 0, collation: Collation::Ulong };
        assert_eq!(shape.root(|p| &entries[p as usize], kind, ClusterSize(4096)).len(), shape.root_size());
    }

    #[test]
    fn the_unit_of_virtual_clusters_follows_the_cluster_size() {
        for (cluster, units) in [(512, 8), (4096, 1), (8192, 8), (65536, 8)] {
            assert_eq!(vcns_per_block(ClusterSize(cluster)), units, "{cluster}");
        }
    }
}
