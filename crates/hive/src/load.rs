//! From the bytes of a hive to its keys.
//!
//! Keys are read level by level from a list of work, not by recursion. Each record's cell is claimed, so
//! that no key, list or value is read twice (see [`crate::cells`]). What Windows computes on its own is
//! not judged: the offset of the parent, reference counts and the ring of security records, hashes in
//! lists, cached lengths. All of it is made anew when the hive is written.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::cells::{Bytes, Cell, Cells};
use crate::error::{CellFault, OpenError};
use crate::format::{
    BigDataDisk, HintedDisk, KeyDisk, ListDisk, NOWHERE, RESIDENT, SEGMENT, SecurityDisk, ValueDisk, key_flags,
    value_flags,
};
use crate::node::{Arena, Children, KeyId, Node};
use crate::security::Securities;
use crate::value::{Data, Entry};
use crate::values::Values;

/// The most keys that can lie in each other below the root. \[REGF\] does not say; Windows documents it in
/// "Registry element size limits".
pub const MAX_DEPTH: u32 = 512;

/// What is read of a hive.
pub(crate) struct Contents {
    pub(crate) nodes: Arena,
    pub(crate) root: KeyId,
    pub(crate) securities: Securities,
}

/// A key whose subkeys have not been read.
struct Pending {
    id: KeyId,
    /// Offset of the key.
    at: u32,
    list: u32,
    count: u32,
    depth: u32,
}

struct Loader<'a> {
    cells: Cells<'a>,
    bins: &'a [u8],
    has_big_data: bool,
    /// Without the hive bins, until the loader lets go of them.
    nodes: Arena,
    securities: Securities,
    /// The number of the security record at an offset.
    known_securities: HashMap<u32, u32>,
    pending: Vec<Pending>,
}

/// Reads the key at `root` and all below it.
pub(crate) fn load(bins: Vec<u8>, root: u32, has_big_data: bool) -> Result<Contents, OpenError> {
    let mut loader = Loader {
        cells: Cells::walk(&bins)?,
        bins: &bins,
        has_big_data,
        nodes: Arena::default(),
        securities: Securities::default(),
        known_securities: HashMap::new(),
        pending: Vec::new(),
    };
    let root = loader.key(root, None, 0)?;
    while let Some(pending) = loader.pending.pop() {
        loader.subkeys(&pending)?;
    }
    let Loader { mut nodes, securities, .. } = loader;
    nodes.bins = bins;
    Ok(Contents { nodes, root, securities })
}

impl<'a> Loader<'a> {
    /// Reads the key at `at` without its subkeys.
    fn key(&mut self, at: u32, parent: Option<KeyId>, depth: u32) -> Result<KeyId, OpenError> {
        let cell = self.cells.claim(at, "a key")?;
        cell.expect(*b"nk", "a key (\"nk\")")?;
        let (key, _) = cell.record::<KeyDisk>("a key")?;
        if depth > MAX_DEPTH {
            return Err(cell.fault(CellFault::TooDeep));
        }
        let flags = key.flags.get();
        let predefined = flags & key_flags::PREDEFINED != 0;
        let narrow = flags & key_flags::NARROW_NAME != 0;
        let node = Node {
            name: name(&cell, size_of::<KeyDisk>(), key.name_len.get(), narrow, "the key's name")?,
            flags,
            control: key.control.get(),
            max_name: key.max_name.get(),
            last_written: key.last_written.get(),
            access: key.access.get(),
            parent,
            children: Children::default(),
            values: if predefined { Values::default() } else { self.values(key.value_list.get(), key.values.get())? },
            handle: predefined.then_some(key.values.get()),
            security: self.security(key.security.get())?,
            class: self.class(key.class.get(), key.class_len.get())?,
            volatile_subkeys: key.volatile_subkeys.get(),
            volatile_list: key.volatile_list.get(),
            max_class: key.max_class.get(),
            max_value_name: key.max_value_name.get(),
            max_value_data: key.max_value_data.get(),
            work: key.work.get(),
        };
        let id = self.nodes.push(node);
        if key.subkeys.get() > 0 {
            self.pending.push(Pending { id, at, list: key.subkey_list.get(), count: key.subkeys.get(), depth });
        }
        Ok(id)
    }

    fn class(&mut self, at: u32, len: u16) -> Result<Option<Bytes>, OpenError> {
        if at == NOWHERE || len == 0 {
            return Ok(None);
        }
        let cell = self.cells.claim(at, "a class name")?;
        Ok(Some(Bytes::Loaded(cell.part(0, len.into(), "the class name")?)))
    }

    /// Reads a security record, unless another key has it and it was read before.
    fn security(&mut self, at: u32) -> Result<Option<u32>, OpenError> {
        if at == NOWHERE {
            return Ok(None);
        }
        let slot = match self.known_securities.entry(at) {
            Slot::Occupied(known) => return Ok(Some(*known.get())),
            Slot::Vacant(slot) => slot,
        };
        let cell = self.cells.claim(at, "a security record")?;
        cell.expect(*b"sk", "a security record (\"sk\")")?;
        let (record, _) = cell.record::<SecurityDisk>("a security record")?;
        let descriptor =
            cell.part(size_of::<SecurityDisk>(), record.len.get() as usize, "the security descriptor")?;
        let number = self.securities.push(Bytes::Loaded(descriptor), record.reserved.get());
        Ok(Some(*slot.insert(number)))
    }

    fn values(&mut self, list: u32, count: u32) -> Result<Values, OpenError> {
        if count == 0 {
            return Ok(Values::default());
        }
        let cell = self.cells.claim(list, "a list of values")?;
        let offsets = cell.part(0, (count as usize).saturating_mul(4), "the list of values")?.get(self.bins);
        let mut values = Values::with_capacity(count as usize);
        for offset in words(offsets) {
            values.push(self.bins, self.value(offset)?);
        }
        Ok(values)
    }

    fn value(&mut self, at: u32) -> Result<Entry, OpenError> {
        let cell = self.cells.claim(at, "a value")?;
        cell.expect(*b"vk", "a value (\"vk\")")?;
        let (value, _) = cell.record::<ValueDisk>("a value")?;
        let flags = value.flags.get();
        let narrow = flags & value_flags::NARROW_NAME != 0;
        Ok(Entry {
            name: name(&cell, size_of::<ValueDisk>(), value.name_len.get(), narrow, "the value's name")?,
            data: self.data(&cell, value)?,
            kind: value.kind.get(),
            flags,
            spare: value.spare.get(),
        })
    }

    /// Where the data of a value are. \[REGF\] "Data size".
    fn data(&mut self, cell: &Cell<'_>, value: &ValueDisk) -> Result<Data, OpenError> {
        let len = value.data_len.get();
        if len & RESIDENT != 0 {
            let len = len & !RESIDENT;
            return match u8::try_from(len) {
                Ok(len @ 0..=4) => Ok(Data::Resident { place: value.data, len }),
                _ => {
                    let what = "the data in the value";
                    Err(cell.fault(CellFault::TooShort { what, expected: len.into(), found: 4 }))
                }
            };
        }
        if len == 0 {
            return Ok(Data::Empty);
        }
        let cell = self.cells.claim(u32::from_le_bytes(value.data), "a value's data")?;
        // Some programs write long data in one cell where Windows would not: a record of segments is
        // always much shorter than what it stands for.
        if self.has_big_data && len as usize > SEGMENT && cell.bytes.len() < len as usize {
            return self.segments(&cell, len);
        }
        Ok(Data::Plain(Bytes::Loaded(cell.part(0, len as usize, "the value's data")?)))
    }

    /// Checks the segments of long data. \[REGF\] "Big data".
    fn segments(&mut self, cell: &Cell<'_>, len: u32) -> Result<Data, OpenError> {
        cell.expect(*b"db", "big data (\"db\")")?;
        let (record, _) = cell.record::<BigDataDisk>("big data")?;
        let expected = (len as usize).div_ceil(SEGMENT);
        let found = record.count.get();
        if usize::from(found) != expected {
            let expected = u32::try_from(expected).unwrap_or(u32::MAX);
            return Err(cell.fault(CellFault::SegmentCount { len, expected, found }));
        }
        let list = self.cells.claim(record.list.get(), "a list of segments")?;
        let offsets = list.part(0, expected * 4, "the list of segments")?;
        let mut rest = len as usize;
        for offset in words(offsets.get(self.bins)) {
            let piece = rest.min(SEGMENT);
            self.cells.claim(offset, "a segment")?.part(0, piece, "a segment")?;
            rest -= piece;
        }
        Ok(Data::Segments { list: offsets.at, len })
    }

    /// Reads the keys that a key's lists name.
    fn subkeys(&mut self, pending: &Pending) -> Result<(), OpenError> {
        let offsets = self.leaves(pending.list)?;
        if offsets.len() as u64 != u64::from(pending.count) {
            let fault = CellFault::SubkeyCount { expected: pending.count, found: offsets.len() as u64 };
            return Err(fault.at(pending.at));
        }
        let mut children = Vec::with_capacity(offsets.len());
        for offset in offsets {
            children.push(self.key(offset, Some(pending.id), pending.depth + 1)?);
        }
        // Windows would not find subkeys that are out of order. Here they are found, and put right.
        let (nodes, bins) = (&self.nodes, self.bins);
        let name = |id: KeyId| nodes.name_in(id, bins);
        let compare = |a: &KeyId, b: &KeyId| name(*a).compare_units(name(*b).units());
        if !children.is_sorted_by(|a, b| compare(a, b).is_le()) {
            children.sort_by(compare);
        }
        if let Some(node) = self.nodes.get_mut(pending.id) {
            node.children = Children::new(children);
        }
        Ok(())
    }

    /// The offsets of the keys in a list of subkeys, which may be a list of lists.
    fn leaves(&mut self, at: u32) -> Result<Vec<u32>, OpenError> {
        let cell = self.cells.claim(at, "a list of subkeys")?;
        if cell.signature() != *b"ri" {
            return self.leaf(&cell);
        }
        let (list, _) = cell.record::<ListDisk>("a list of lists")?;
        let len = usize::from(list.count.get()) * 4;
        let leaves = cell.part(size_of::<ListDisk>(), len, "the list of lists")?;
        let mut offsets = Vec::new();
        for leaf in words(leaves.get(self.bins)) {
            // Lists of lists of lists are not allowed, so this goes no deeper.
            let cell = self.cells.claim(leaf, "a list of subkeys")?;
            offsets.extend(self.leaf(&cell)?);
        }
        Ok(offsets)
    }

    /// The offsets of the keys in one leaf.
    fn leaf(&self, cell: &Cell<'_>) -> Result<Vec<u32>, OpenError> {
        let (list, _) = cell.record::<ListDisk>("a list of subkeys")?;
        let (hinted, plain) = (size_of::<HintedDisk>(), size_of::<u32>());
        let step = match &list.signature {
            b"lf" | b"lh" => hinted,
            b"li" => plain,
            &found => {
                let expected = "a list of subkeys (\"li\", \"lf\" or \"lh\")";
                return Err(cell.fault(CellFault::Signature { expected, found }));
            }
        };
        let len = usize::from(list.count.get()) * step;
        let elements = cell.part(size_of::<ListDisk>(), len, "the list of subkeys")?.get(self.bins);
        Ok(elements.chunks_exact(step).filter_map(|element| words(element).next()).collect())
    }
}

/// A name at `skip` bytes into the cell.
fn name(cell: &Cell<'_>, skip: usize, len: u16, narrow: bool, what: &'static str) -> Result<Bytes, OpenError> {
    if !narrow && !len.is_multiple_of(2) {
        return Err(cell.fault(CellFault::OddName { len }));
    }
    Ok(Bytes::Loaded(cell.part(skip, len.into(), what)?))
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|word| word.try_into().map_or(0, u32::from_le_bytes))
}
