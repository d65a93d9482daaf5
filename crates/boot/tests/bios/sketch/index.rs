//! The bytes of a directory.

use super::SECTOR;
use super::records::{protect, put, reference, units};

/// An index entry without its child.
pub(super) fn key(name: &str, record: u64) -> Vec<u8> {
    let mut entry = vec![0; 0x52];
    put(&mut entry, 0, reference(record), 8);
    put(&mut entry, 0x0a, (0x42 + units(name).len()) as u64, 2);
    entry[0x50] = name.encode_utf16().count() as u8;
    entry[0x51] = 1;
    entry.extend(units(name));
    entry.resize(entry.len().next_multiple_of(8), 0);
    entry
}

/// An entry with what comes before it.
pub(super) struct Item {
    pub(super) key: Vec<u8>,
    pub(super) child: Option<u64>,
}

/// A B+ tree of entries.
pub(super) struct Index {
    pub(super) root: Vec<Item>,
    pub(super) root_end: Option<u64>,
    pub(super) blocks: Vec<Vec<u8>>,
}

impl Index {
    /// Fills blocks level by level until the rest fits into the root.
    pub(super) fn build(items: Vec<Item>, block: usize, cluster: usize, root_room: usize) -> Self {
        let unit = if cluster <= block { cluster } else { SECTOR };
        let array = 0x28;
        let header = (array + 2 * (block / SECTOR + 1)).next_multiple_of(8) - 0x18;
        let room = block - 0x18 - header - 0x18;
        let size = |items: &[Item]| items.iter().map(|item| item.key.len() + 8).sum::<usize>();
        let mut index = Self { root: items, root_end: None, blocks: Vec::new() };
        while size(&index.root) > root_room {
            let mut upper = Vec::new();
            let mut now = Vec::new();
            for item in std::mem::take(&mut index.root) {
                if size(&now) + item.key.len() + 8 > room {
                    // It goes up and what it is behind becomes its child.
                    let child = index.add(&std::mem::take(&mut now), item.child, block, unit, header);
                    upper.push(Item { key: item.key, child: Some(child) });
                } else {
                    now.push(item);
                }
            }
            index.root_end = Some(index.add(&now, index.root_end, block, unit, header));
            index.root = upper;
        }
        index
    }

    fn add(&mut self, items: &[Item], end: Option<u64>, block: usize, unit: usize, header: usize) -> u64 {
        let number = (self.blocks.len() * (block / unit)) as u64;
        let mut bytes = vec![0; 0x18];
        bytes[..4].copy_from_slice(b"INDX");
        put(&mut bytes, 4, 0x28u64, 2);
        put(&mut bytes, 6, (block / SECTOR + 1) as u64, 2);
        put(&mut bytes, 0x10, number, 8);
        bytes.extend(node(items, end, header));
        bytes.resize(block, 0);
        protect(&mut bytes, 0x28);
        self.blocks.push(bytes);
        number
    }
}

/// A node's header, whose entries begin `header` bytes from its start, and its entries.
pub(super) fn node(items: &[Item], end: Option<u64>, header: usize) -> Vec<u8> {
    let mut bytes = vec![0; header];
    let last = Item { key: vec![0; 0x10], child: end };
    for (i, item) in items.iter().chain([&last]).enumerate() {
        let at = bytes.len();
        bytes.extend(&item.key);
        bytes.extend(item.child.into_iter().flat_map(u64::to_le_bytes));
        let len = (bytes.len() - at) as u64;
        put(&mut bytes, at + 8, len, 2);
        bytes[at + 0x0c] = u8::from(item.child.is_some()) | if i == items.len() { 2 } else { 0 };
    }
    let used = bytes.len() as u64;
    put(&mut bytes, 0, header as u64, 4);
    put(&mut bytes, 4, used, 4);
    put(&mut bytes, 8, used, 4);
    put(&mut bytes, 0x0c, u64::from(end.is_some()), 4);
    bytes
}
