//! Indexes: the whole of each B+ tree, in the order of its keys.

use std::io;

use nanovhd_tree::ReadAt;

use crate::format::{Collation, entry_flags};
use crate::index::vcns_per_block;
use crate::read::index::{self, Entry, Node, Root};
use crate::read::record::{Form, name_is};
use crate::read::stream::{Piece, Stream, read_extents};
use crate::rule::Rule;
use crate::system::wide;

use super::Checker;
use super::file::{File, I30};
use super::keys;
use super::stream::Value;

/// The most levels of blocks: a block has room for six entries at least, so no volume needs more.
const MAX_DEPTH: usize = 32;
/// Bytes of blocks that are read at a time.
const WINDOW: usize = 1 << 16;

/// The attributes that make up an index.
#[derive(Debug, Clone)]
pub(super) struct IndexParts<'a> {
    /// In UTF-16, little-endian.
    pub(super) name: &'a [u8],
    pub(super) root: Option<Piece<'a>>,
    pub(super) blocks: Option<Value<'a>>,
    pub(super) bitmap: Option<Value<'a>>,
}

/// An index on its way through the checks.
struct Walk<'a> {
    record: u64,
    collation: Option<Collation>,
    blocks: Option<&'a Stream>,
    /// Bytes that a virtual cluster number counts.
    unit: u64,
    /// Blocks that were reached, by their number.
    reached: Vec<u64>,
    /// A part of the blocks, from the byte `window_at` on.
    window: Vec<u8>,
    window_at: u64,
    /// The key before the one to come.
    previous: Vec<u8>,
}

/// A node on the way from the root to the entry that is next.
struct Level {
    bytes: Vec<u8>,
    /// Where each entry begins in them, and where it leads.
    entries: Vec<(usize, Option<u64>)>,
    next: usize,
    /// Whether the child of the next entry was visited.
    descended: bool,
    place: Place,
}

/// Where the bytes of a node lie.
#[derive(Clone, Copy)]
enum Place {
    /// In the volume, from this byte on.
    Root(u64),
    /// In the index allocation, from this byte on.
    Block(u64),
}

/// What the names of indexes stand for: the indexed type, and collations that go with them.
const KNOWN: [(&[u16], u32, &[Collation]); 6] = [
    (&I30, 0x30, &[Collation::FileName]),
    (&wide(b"$SDH"), 0, &[Collation::SecurityHash]),
    (&wide(b"$SII"), 0, &[Collation::Ulong]),
    (&wide(b"$O"), 0, &[Collation::Sid, Collation::Ulongs]),
    (&wide(b"$Q"), 0, &[Collation::Ulong]),
    (&wide(b"$R"), 0, &[Collation::Ulongs]),
];

impl<R: ReadAt> Checker<'_, R> {
    /// Checks an index of a file.
    pub(super) fn index(&mut self, file: &File<'_>, parts: &IndexParts<'_>) -> io::Result<()> {
        let number = file.base.number();
        let Some((record, root)) = parts.root else {
            let detail = "there are parts of an index without its root";
            self.report.broken(Rule::IndexParts, Some(number), self.mft.offset(number), detail);
            return Ok(());
        };
        // A root that is not in the record was told.
        let Form::Resident { value, at, .. } = root.form else { return Ok(()) };
        let offset = self.mft.offset(record) + at as u64;
        let parsed = match Root::parse(value) {
            Ok(parsed) => parsed,
            Err(fault) => {
                self.report.fault(Some(record), offset, fault);
                return Ok(());
            }
        };
        self.check_root(record, offset, parts.name, &parsed);
        self.check_parts(record, offset, parts, &parsed);
        let blocks = parts.blocks.as_ref().and_then(Value::stream);
        let mut walk = Walk {
            record,
            collation: keys::collation(parsed.header.collation.get()),
            blocks,
            unit: index::vcn_bytes(self.mft.boot.index_block, self.mft.boot.cluster),
            reached: Vec::new(),
            window: Vec::new(),
            window_at: 0,
            previous: Vec::new(),
        };
        let top = self.level(&walk, value.to_vec(), &parsed.node, Place::Root(offset));
        self.walk(file, parts.name, &mut walk, top)?;
        match &parts.bitmap {
            Some(bitmap) if blocks.is_some() => self.check_index_bitmap(&mut walk, bitmap, offset),
            _ => Ok(()),
        }
    }

    fn check_parts(&mut self, record: u64, offset: u64, parts: &IndexParts<'_>, root: &Root<'_>) {
        let large = root.node.header.flags.get() & 1 != 0;
        // An index that became small again may keep its blocks for later.
        if (large && parts.blocks.is_none()) || parts.blocks.is_some() != parts.bitmap.is_some() {
            let has = |has: bool| if has { "has" } else { "has no" };
            let detail = format!(
                "the root {} children; the index {} allocation and {} bitmap",
                has(large),
                has(parts.blocks.is_some()),
                has(parts.bitmap.is_some())
            );
            self.report.broken(Rule::IndexParts, Some(record), offset + 0x1c, detail);
        }
    }

    fn check_root(&mut self, record: u64, offset: u64, name: &[u8], root: &Root<'_>) {
        let header = root.header;
        let found = (header.kind.get(), header.collation.get());
        let known = KNOWN.iter().find(|(known, ..)| name_is(name, known));
        let fits = known.is_none_or(|(_, kind, collations)| {
            found.0 == *kind && collations.iter().any(|collation| *collation as u32 == found.1)
        });
        if !fits {
            let detail = format!("it is of type {:#x} with collation {:#x}", found.0, found.1);
            self.report.broken(Rule::IndexRoot, Some(record), offset, detail);
        }
        let (size, units) = (header.block_size.get() as usize, u64::from(header.block_clusters));
        let expected = self.mft.boot.index_block;
        // The writer's blocks have one size, for which it knows the count.
        let counted = vcns_per_block(self.mft.boot.cluster) * expected as u64 / crate::format::INDEX_BLOCK as u64;
        if size != expected || units != counted {
            let detail = format!("blocks of {size} bytes in {units} units, expected {expected} in {counted}");
            self.report.broken(Rule::IndexRoot, Some(record), offset + 8, detail);
        }
    }

    /// Reads the entries of a node.
    fn level(&mut self, walk: &Walk<'_>, bytes: Vec<u8>, node: &Node<'_>, place: Place) -> Level {
        let mut entries = Vec::new();
        let mut odd = None;
        let large = node.header.flags.get() & 1 != 0;
        for entry in node.entries() {
            match entry {
                Ok(entry) => {
                    if entry.child.is_some() != large {
                        odd = odd.or(Some(entry.at));
                    }
                    if entry.header.flags.get() & !(entry_flags::CHILD | entry_flags::LAST) != 0 {
                        odd = odd.or(Some(entry.at));
                    }
                    entries.push((entry.at, entry.child));
                }
                Err(fault) => self.report.fault(Some(walk.record), self.place(walk, place, 0), fault),
            }
        }
        if let Some(at) = odd {
            let detail = format!("the node {} children, but not this entry", if large { "has" } else { "has no" });
            self.report.broken(Rule::IndexChildren, Some(walk.record), self.place(walk, place, at), detail);
        }
        Level { bytes, entries, next: 0, descended: false, place }
    }

    /// The byte of the volume in which byte `at` of a node lies.
    fn place(&self, walk: &Walk<'_>, place: Place, at: usize) -> u64 {
        match place {
            Place::Root(offset) => offset + at as u64,
            Place::Block(offset) => {
                let blocks = walk.blocks.map_or(&[][..], |blocks| &blocks.extents);
                self.volume_offset(blocks, offset + at as u64)
            }
        }
    }

    /// Goes through the whole tree, each entry after all that sort before it.
    fn walk(&mut self, file: &File<'_>, name: &[u8], walk: &mut Walk<'_>, top: Level) -> io::Result<()> {
        let mut levels = vec![top];
        while let Some(level) = levels.last_mut() {
            let Some(&(at, child)) = level.entries.get(level.next) else {
                levels.pop();
                continue;
            };
            if let (Some(vcn), false) = (child, level.descended) {
                level.descended = true;
                let offset = self.place(walk, level.place, at);
                let depth = levels.len();
                levels.extend(self.child(walk, vcn, depth, offset)?);
                continue;
            }
            level.next += 1;
            level.descended = false;
            let level = levels.last().expect("it was there above");
            let entry = index::entry(&level.bytes, at).expect("it was read when the node was");
            if !entry.is_last() {
                let offset = self.place(walk, level.place, at);
                self.check_key(walk, &entry, offset);
                self.entry(file, name, &entry, offset);
            }
        }
        Ok(())
    }

    /// Whether a key sorts behind the one before it.
    fn check_key(&mut self, walk: &mut Walk<'_>, entry: &Entry<'_>, offset: u64) {
        let Some(collation) = walk.collation else { return };
        if !walk.previous.is_empty() && !self.compare_keys(collation, &walk.previous, entry.key).is_lt() {
            let detail = "the entry doesn't sort behind the one before it";
            self.report.broken(Rule::IndexOrder, Some(walk.record), offset, detail);
        }
        walk.previous.clear();
        walk.previous.extend_from_slice(entry.key);
    }

    /// Reads the block at virtual cluster `vcn`, to which an entry at `from` leads.
    fn child(&mut self, walk: &mut Walk<'_>, vcn: u64, depth: usize, from: u64) -> io::Result<Option<Level>> {
        let size = self.mft.boot.index_block;
        let (whole, number) = (size as u64, Some(walk.record));
        let blocks = walk.blocks;
        let inside = |at: &u64| {
            let end = at.checked_add(whole);
            end.is_some_and(|end| blocks.is_some_and(|blocks| end <= blocks.size.min(blocks.initialized)))
        };
        let at = vcn.checked_mul(walk.unit).filter(|at| at % whole == 0).filter(inside);
        let (Some(at), Some(blocks), true) = (at, blocks, depth <= MAX_DEPTH) else {
            let detail = format!("a child at virtual cluster {vcn} on level {depth} is no block of the index");
            self.report.broken(Rule::IndexChild, number, from, detail);
            return Ok(None);
        };
        let offset = self.volume_offset(&blocks.extents, at);
        if !self.blocks_seen.insert(offset) {
            let detail = format!("the block at virtual cluster {vcn} was reached before");
            self.report.broken(Rule::IndexShared, number, from, detail);
            return Ok(None);
        }
        walk.reached.push(at / whole);
        let mut bytes = self.read_block(walk, blocks, at)?;
        let node = match index::block(&mut bytes, vcn) {
            Ok(node) => node,
            Err(fault) => {
                self.report.fault(number, offset, fault);
                return Ok(None);
            }
        };
        let mut level = self.level(walk, Vec::new(), &node, Place::Block(at));
        level.bytes = bytes;
        Ok(Some(level))
    }

    /// The block at byte `at` of the allocation; neighbours are read with it, for they are next.
    fn read_block(&self, walk: &mut Walk<'_>, blocks: &Stream, at: u64) -> io::Result<Vec<u8>> {
        let size = self.mft.boot.index_block;
        let end = walk.window_at + walk.window.len() as u64;
        if at < walk.window_at || at + size as u64 > end {
            let left = usize::try_from(blocks.size - at).unwrap_or(WINDOW);
            walk.window.resize(left.min(WINDOW.max(size)), 0);
            walk.window_at = at;
            read_extents(self.volume, &blocks.extents, self.mft.boot.cluster, at, &mut walk.window)?;
        }
        let from = usize::try_from(at - walk.window_at).expect("less than the window");
        Ok(walk.window[from..from + size].to_vec())
    }

    /// Compares the bitmap of an index with the blocks that were reached.
    fn check_index_bitmap(&mut self, walk: &mut Walk<'_>, bitmap: &Value<'_>, offset: u64) -> io::Result<()> {
        walk.reached.sort_unstable();
        let (mut reached, number) = (walk.reached.iter().copied().peekable(), Some(walk.record));
        let blocks = walk.blocks.map_or(0, |blocks| blocks.size) / self.mft.boot.index_block as u64;
        let mut bits = Vec::new();
        for start in (0..bitmap.size()).step_by(WINDOW) {
            // Bits of blocks that the index can't have are not worth reading.
            if start > blocks.div_ceil(8) {
                break;
            }
            bits.resize(usize::try_from(bitmap.size() - start).unwrap_or(WINDOW).min(WINDOW), 0);
            match bitmap {
                Value::Resident(bytes) => {
                    let start = usize::try_from(start).expect("a value in a record");
                    let end = start + bits.len();
                    bits.copy_from_slice(&bytes[start..end]);
                }
                Value::Stream(stream) => {
                    stream.read_at(self.volume, self.mft.boot.cluster, start, &mut bits)?;
                }
                Value::Broken => return Ok(()),
            }
            for (byte, first) in bits.iter().zip((8 * start..).step_by(8)) {
                let mut expected = 0u8;
                while let Some(block) = reached.next_if(|block| *block < first + 8) {
                    expected |= 1 << (block - first);
                }
                self.check_index_bits(walk.record, offset, first, (*byte, expected));
            }
        }
        if let Some(block) = reached.next() {
            let detail = format!("the bitmap has no bit for block {block}");
            self.report.broken(Rule::IndexBlockUnmarked, number, offset, detail);
        }
        Ok(())
    }

    /// Compares the bits of eight blocks, `first` and those behind it, as found and as expected.
    fn check_index_bits(&mut self, record: u64, offset: u64, first: u64, (found, expected): (u8, u8)) {
        let (lost, unmarked) = (found & !expected, expected & !found);
        if lost != 0 {
            let detail = format!("block {} is in use, but no entry leads to it", first + lowest(lost));
            self.report.broken(Rule::IndexBlockLost, Some(record), offset, detail);
        }
        if unmarked != 0 {
            let detail = format!("block {} is reached, but not in use", first + lowest(unmarked));
            self.report.broken(Rule::IndexBlockUnmarked, Some(record), offset, detail);
        }
    }

    /// The byte of the volume in which a byte of a stream lies; zero if it lies in none.
    pub(super) fn volume_offset(&self, extents: &[crate::read::runs::Extent], at: u64) -> u64 {
        let cluster = self.mft.boot.cluster;
        let vcn = at / cluster.bytes();
        let extent = extents.get(extents.partition_point(|e| e.vcn + e.clusters <= vcn));
        let place = extent.and_then(|e| Some(cluster.offset(e.lcn?) + (at - e.vcn * cluster.bytes())));
        place.unwrap_or_default()
    }
}

/// The number of the lowest bit that is set.
fn lowest(byte: u8) -> u64 {
    u64::from(byte.trailing_zeros())
}
