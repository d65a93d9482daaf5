//! From keys to the bytes of a hive.
//!
//! One description of the hive, [`Emitter::emit`], is run twice: the first time to give every cell its
//! place, the second time to fill it. A key refers to the key above and to those below, and security
//! records form a ring, so no order of writing would do with one run.
//!
//! The root comes first, at offset 0x20: some programs look for it there. Cells go into the fullest bin
//! that has room for them, so that little room is lost; what is left in a bin is one free cell.

use std::collections::BTreeSet;

use zerocopy::IntoBytes;
use zerocopy::little_endian::U32;

use crate::cells::GRANULE;
use crate::error::WriteError;
use crate::format::{
    BIN_SIGNATURE, BLOCK, BigDataDisk, BinDisk, CELL_HEADER, HintedDisk, KeyDisk, ListDisk, NOWHERE, RESIDENT,
    SEGMENT, SecurityDisk, ValueDisk, file_type,
};
use crate::hive::Hive;
use crate::node::{KeyId, LEAF, Node};
use crate::value::{Data, Entry, segments};

/// The most bytes of hive bins: the top bit of an offset means volatile memory.
const MAX_BINS: u64 = 0x7fff_f000;

/// Writes the whole file.
pub(crate) fn write(hive: &Hive) -> Result<Vec<u8>, WriteError> {
    let mut emitter = Emitter::new(hive);
    let mut layout = Layout::default();
    emitter.emit(&mut layout)?;
    let mut filler = Filler::new(layout, hive.base.0.last_written.get());
    emitter.emit(&mut filler)?;
    let mut file = filler.file;
    let mut base = hive.base.clone();
    let sequence = base.0.primary_sequence.get().wrapping_add(u32::from(hive.edited));
    base.0.primary_sequence = sequence.into();
    base.0.secondary_sequence = sequence.into();
    base.0.file_type = file_type::PRIMARY.into();
    base.0.root = emitter.key_at(hive.root).into();
    base.0.bins_size = fit(file.len() - BLOCK).into();
    base.0.checksum = base.expected_checksum().into();
    file[..BLOCK].copy_from_slice(base.0.as_bytes());
    Ok(file)
}

/// A number that was checked to be below 2³¹, or comes from a field of 32 bits.
fn fit(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A number that edits and the loader keep below 2¹⁶.
fn fit_short(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// Bytes that a cell with so many bytes of contents takes.
fn cell_size(len: usize) -> usize {
    (len + CELL_HEADER).next_multiple_of(GRANULE)
}

/// What the description of a hive is run against.
trait Output {
    /// The offset of the next cell, which has `len` bytes of contents.
    fn cell(&mut self, len: usize) -> Result<u32, WriteError>;
    /// Fills a part of a cell.
    fn put(&mut self, cell: u32, skip: usize, bytes: &[u8]);
}

/// The first run: where each cell goes.
#[derive(Debug, Default)]
struct Layout {
    /// Offsets of cells in the order in which they were asked for.
    tape: Vec<u32>,
    /// Offset and size of each bin.
    bins: Vec<(u32, u32)>,
    /// Size and offset of what is free at the end of bins.
    free: BTreeSet<(u32, u32)>,
    /// Bytes of bins.
    end: u32,
}

impl Layout {
    /// Makes a bin in which so many bytes are free.
    fn bin(&mut self, needed: usize) -> Result<(u32, u32), WriteError> {
        let size = (needed + size_of::<BinDisk>()).next_multiple_of(BLOCK);
        if u64::from(self.end) + size as u64 > MAX_BINS {
            return Err(WriteError::TooLarge { max: MAX_BINS });
        }
        let (start, size) = (self.end, fit(size));
        self.bins.push((start, size));
        self.end += size;
        Ok((size - fit(size_of::<BinDisk>()), start + fit(size_of::<BinDisk>())))
    }
}

impl Output for Layout {
    fn cell(&mut self, len: usize) -> Result<u32, WriteError> {
        let needed = cell_size(len);
        let fullest = self.free.range((fit(needed), 0)..).next().copied();
        let (room, at) = match fullest {
            Some(place) => {
                self.free.remove(&place);
                place
            }
            None => self.bin(needed)?,
        };
        let rest = room - fit(needed);
        if rest > 0 {
            self.free.insert((rest, at + fit(needed)));
        }
        self.tape.push(at);
        Ok(at)
    }

    fn put(&mut self, _cell: u32, _skip: usize, _bytes: &[u8]) {}
}

/// The second run: what is in each cell.
#[derive(Debug)]
struct Filler {
    file: Vec<u8>,
    tape: std::vec::IntoIter<u32>,
}

impl Filler {
    /// A file of empty bins.
    fn new(layout: Layout, time: u64) -> Self {
        let mut file = vec![0; BLOCK + layout.end as usize];
        for (start, size) in layout.bins {
            let mut bin = BinDisk {
                signature: BIN_SIGNATURE,
                offset: start.into(),
                size: size.into(),
                reserved: [0; 8],
                timestamp: 0.into(),
                spare: 0.into(),
            };
            if start == 0 {
                bin.timestamp = time.into();
            }
            put(&mut file, start, bin.as_bytes());
        }
        for (size, at) in layout.free {
            put(&mut file, at, &size.to_le_bytes());
        }
        Self { file, tape: layout.tape.into_iter() }
    }
}

fn put(file: &mut [u8], offset: u32, bytes: &[u8]) {
    let start = BLOCK + offset as usize;
    file[start..start + bytes.len()].copy_from_slice(bytes);
}

impl Output for Filler {
    fn cell(&mut self, len: usize) -> Result<u32, WriteError> {
        let at = self.tape.next().expect("both runs ask for the same cells");
        // A cell in use has a negative size.
        put(&mut self.file, at, &fit(cell_size(len)).wrapping_neg().to_le_bytes());
        Ok(at)
    }

    fn put(&mut self, cell: u32, skip: usize, bytes: &[u8]) {
        put(&mut self.file, cell + fit(CELL_HEADER + skip), bytes);
    }
}

/// The description of a hive, with what only the first run finds out.
struct Emitter<'h> {
    hive: &'h Hive,
    bins: &'h [u8],
    /// Offsets of keys by their ids.
    keys: Vec<u32>,
    /// Offsets of security records by their numbers.
    securities: Vec<u32>,
}

impl<'h> Emitter<'h> {
    fn new(hive: &'h Hive) -> Self {
        Self { hive, bins: &hive.nodes.bins, keys: vec![NOWHERE; hive.nodes.ids()], securities: Vec::new() }
    }

    fn key_at(&self, id: KeyId) -> u32 {
        self.keys.get(id.index()).copied().unwrap_or(NOWHERE)
    }

    fn emit(&mut self, out: &mut impl Output) -> Result<(), WriteError> {
        // How many keys have each descriptor.
        let mut references: Vec<u32> = Vec::new();
        let mut keys = vec![self.hive.root];
        while let Some(id) = keys.pop() {
            let Some(node) = self.hive.nodes.get(id) else {
                continue;
            };
            self.key(out, id, node)?;
            if let Some(number) = node.security.map(|number| number as usize) {
                references.resize(references.len().max(number + 1), 0);
                references[number] += 1;
            }
            keys.extend(node.children.iter().rev());
        }
        self.securities(out, &references)
    }

    fn key(&mut self, out: &mut impl Output, id: KeyId, node: &Node) -> Result<(), WriteError> {
        let name = node.name.get(self.bins);
        let at = out.cell(size_of::<KeyDisk>() + name.len())?;
        self.keys[id.index()] = at;
        let class = node.class.as_ref().map_or(&[][..], |class| class.get(self.bins));
        let class_at = if class.is_empty() { NOWHERE } else { filled(out, class)? };
        let values_at = self.values(out, node)?;
        let subkeys_at = self.subkeys(out, id, node)?;
        let mut key = self.record(node);
        key.class = class_at.into();
        key.value_list = values_at.into();
        key.subkey_list = subkeys_at.into();
        key.name_len = fit_short(name.len()).into();
        key.class_len = fit_short(class.len()).into();
        out.put(at, 0, key.as_bytes());
        out.put(at, size_of::<KeyDisk>(), name);
        Ok(())
    }

    /// A key without what its other cells say.
    fn record(&self, node: &Node) -> KeyDisk {
        let security = node.security.and_then(|number| self.securities.get(number as usize));
        KeyDisk {
            signature: *b"nk",
            flags: node.flags.into(),
            last_written: node.last_written.into(),
            access: node.access.into(),
            parent: node.parent.map_or(NOWHERE, |parent| self.key_at(parent)).into(),
            subkeys: fit(node.children.len()).into(),
            volatile_subkeys: node.volatile_subkeys.into(),
            subkey_list: NOWHERE.into(),
            volatile_list: node.volatile_list.into(),
            values: node.handle.unwrap_or(fit(node.values.len())).into(),
            value_list: NOWHERE.into(),
            security: security.copied().unwrap_or(NOWHERE).into(),
            class: NOWHERE.into(),
            max_name: node.max_name.into(),
            control: node.control.into(),
            max_class: node.max_class.into(),
            max_value_name: node.max_value_name.into(),
            max_value_data: node.max_value_data.into(),
            work: node.work.into(),
            name_len: 0.into(),
            class_len: 0.into(),
        }
    }

    /// Writes the values of a key; gives the offset of their list.
    fn values(&self, out: &mut impl Output, node: &Node) -> Result<u32, WriteError> {
        if node.values.len() == 0 {
            return Ok(NOWHERE);
        }
        let list = out.cell(node.values.len() * 4)?;
        for (number, entry) in node.values.iter().enumerate() {
            let value = self.value(out, entry)?;
            out.put(list, number * 4, &value.to_le_bytes());
        }
        Ok(list)
    }

    fn value(&self, out: &mut impl Output, entry: &Entry) -> Result<u32, WriteError> {
        let name = entry.name.get(self.bins);
        let at = out.cell(size_of::<ValueDisk>() + name.len())?;
        let len = fit(entry.data.len());
        let (len, place) = match &entry.data {
            Data::Resident { place, .. } => (len | RESIDENT, *place),
            Data::Empty => (0, NOWHERE.to_le_bytes()),
            Data::Plain(bytes) => (len, self.data(out, bytes.get(self.bins))?.to_le_bytes()),
            Data::Segments { list, len } => {
                let pieces = segments(self.bins, *list, *len as usize);
                (*len, big_data(out, *len as usize, pieces)?.to_le_bytes())
            }
        };
        let value = ValueDisk {
            signature: *b"vk",
            name_len: fit_short(name.len()).into(),
            data_len: len.into(),
            data: place,
            kind: entry.kind.into(),
            flags: entry.flags.into(),
            spare: entry.spare.into(),
        };
        out.put(at, 0, value.as_bytes());
        out.put(at, size_of::<ValueDisk>(), name);
        Ok(at)
    }

    fn data(&self, out: &mut impl Output, data: &[u8]) -> Result<u32, WriteError> {
        if data.len() > SEGMENT && self.hive.base.has_big_data() {
            return big_data(out, data.len(), data.chunks(SEGMENT));
        }
        filled(out, data)
    }

    /// Writes the list of a key's subkeys, or a list of lists; gives its offset.
    fn subkeys(&self, out: &mut impl Output, id: KeyId, node: &Node) -> Result<u32, WriteError> {
        let count = node.children.len();
        let mut ids = node.children.iter();
        match count {
            0 => return Ok(NOWHERE),
            1..=LEAF => return self.leaf(out, count, &mut ids),
            _ => {}
        }
        let lists = count.div_ceil(LEAF);
        let Ok(elements) = u16::try_from(lists) else {
            let path = self.hive.key(id).map(crate::Key::path).unwrap_or_default();
            return Err(WriteError::TooMany { path, what: "subkeys", found: count });
        };
        let root = out.cell(size_of::<ListDisk>() + lists * 4)?;
        out.put(root, 0, ListDisk { signature: *b"ri", count: elements.into() }.as_bytes());
        for number in 0..lists {
            // Leaves of nearly the same length, with room for Windows to add to.
            let here = count * (number + 1) / lists - count * number / lists;
            let leaf = self.leaf(out, here, &mut ids)?;
            out.put(root, size_of::<ListDisk>() + number * 4, &leaf.to_le_bytes());
        }
        Ok(root)
    }

    /// Writes the next `count` keys into one list.
    fn leaf(
        &self,
        out: &mut impl Output,
        count: usize,
        ids: &mut impl Iterator<Item = KeyId>,
    ) -> Result<u32, WriteError> {
        let hashed = self.hive.base.has_hash_lists();
        let leaf = out.cell(size_of::<ListDisk>() + count * size_of::<HintedDisk>())?;
        let signature = if hashed { *b"lh" } else { *b"lf" };
        out.put(leaf, 0, ListDisk { signature, count: fit_short(count).into() }.as_bytes());
        for (number, id) in ids.take(count).enumerate() {
            let name = self.hive.nodes.name(id);
            let hint = if hashed { name.hash().to_le_bytes() } else { name.hint() };
            let element = HintedDisk { key: self.key_at(id).into(), hint };
            out.put(leaf, size_of::<ListDisk>() + number * size_of::<HintedDisk>(), element.as_bytes());
        }
        Ok(leaf)
    }

    /// Writes the descriptors that keys refer to, in a ring.
    fn securities(&mut self, out: &mut impl Output, references: &[u32]) -> Result<(), WriteError> {
        let used: Vec<(u32, u32)> =
            (0..).zip(references).filter(|&(_, &count)| count > 0).map(|(number, &count)| (number, count)).collect();
        self.securities.resize(references.len(), NOWHERE);
        for (place, &(number, count)) in used.iter().enumerate() {
            let Some(security) = self.hive.securities.get(number) else {
                continue;
            };
            let descriptor = security.descriptor.get(self.bins);
            let at = out.cell(size_of::<SecurityDisk>() + descriptor.len())?;
            self.securities[number as usize] = at;
            let neighbour = |place: usize| self.securities[used[place % used.len()].0 as usize];
            let record = SecurityDisk {
                signature: *b"sk",
                reserved: security.reserved.into(),
                next: neighbour(place + 1).into(),
                previous: neighbour(place + used.len() - 1).into(),
                references: count.into(),
                len: fit(descriptor.len()).into(),
            };
            out.put(at, 0, record.as_bytes());
            out.put(at, size_of::<SecurityDisk>(), descriptor);
        }
        Ok(())
    }
}

/// A cell with just these bytes.
fn filled(out: &mut impl Output, bytes: &[u8]) -> Result<u32, WriteError> {
    let at = out.cell(bytes.len())?;
    out.put(at, 0, bytes);
    Ok(at)
}

/// Writes data in segments. \[REGF\] "Big data".
fn big_data<'a>(
    out: &mut impl Output,
    len: usize,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<u32, WriteError> {
    let count = len.div_ceil(SEGMENT);
    let at = out.cell(size_of::<BigDataDisk>())?;
    let list = out.cell(count * size_of::<U32>())?;
    let record = BigDataDisk { signature: *b"db", count: fit_short(count).into(), list: list.into() };
    out.put(at, 0, record.as_bytes());
    for (number, piece) in pieces.enumerate() {
        // The last segment is as long as the others, as Windows writes it: libregf counts on more room
        // than the data need.
        let segment = out.cell(SEGMENT)?;
        out.put(segment, 0, piece);
        out.put(list, number * size_of::<U32>(), &segment.to_le_bytes());
    }
    Ok(at)
}
