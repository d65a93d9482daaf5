//! Keys in memory: nodes in an arena, each with its subkeys in the order in which lists have them.

use std::cmp::Ordering;

use crate::cells::Bytes;
use crate::format::{NOWHERE, key_flags};
use crate::name::Name;
use crate::values::Values;

/// A key of one hive. It stays the same through all edits; the id of a deleted key is not used again. In
/// another hive the same id means another key, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(crate) u32);

impl KeyId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A key. The fields that Windows only caches are kept as they were found, like those that nobody knows.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: Bytes,
    pub(crate) flags: u16,
    pub(crate) control: u16,
    pub(crate) max_name: u16,
    pub(crate) last_written: u64,
    pub(crate) access: u32,
    pub(crate) parent: Option<KeyId>,
    pub(crate) children: Children,
    pub(crate) values: Values,
    /// The count of values where it is a handle.
    pub(crate) handle: Option<u32>,
    pub(crate) security: Option<u32>,
    pub(crate) class: Option<Bytes>,
    pub(crate) volatile_subkeys: u32,
    pub(crate) volatile_list: u32,
    pub(crate) max_class: u32,
    pub(crate) max_value_name: u32,
    pub(crate) max_value_data: u32,
    pub(crate) work: u32,
}

impl Node {
    /// A key without anything in it.
    pub(crate) fn new(name: (Box<[u8]>, bool), parent: Option<KeyId>, time: u64) -> Self {
        Self {
            name: Bytes::Owned(name.0),
            flags: if name.1 { key_flags::NARROW_NAME } else { 0 },
            control: 0,
            max_name: 0,
            last_written: time,
            access: 0,
            parent,
            children: Children::default(),
            values: Values::default(),
            handle: None,
            security: None,
            class: None,
            volatile_subkeys: 0,
            volatile_list: NOWHERE,
            max_class: 0,
            max_value_name: 0,
            max_value_data: 0,
            work: 0,
        }
    }

    pub(crate) fn name<'a>(&'a self, bins: &'a [u8]) -> Name<'a> {
        Name::new(self.name.get(bins), self.flags & key_flags::NARROW_NAME != 0)
    }
}

/// All keys of a hive, and the bytes that they were loaded from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arena {
    /// The file's bytes from the first hive bin on.
    pub(crate) bins: Vec<u8>,
    nodes: Vec<Option<Box<Node>>>,
}

impl Arena {
    pub(crate) fn get(&self, id: KeyId) -> Option<&Node> {
        self.nodes.get(id.index())?.as_deref()
    }

    pub(crate) fn get_mut(&mut self, id: KeyId) -> Option<&mut Node> {
        self.nodes.get_mut(id.index())?.as_deref_mut()
    }

    /// Both the key and the loaded bytes.
    pub(crate) fn split(&mut self, id: KeyId) -> Option<(&mut Node, &[u8])> {
        Some((self.nodes.get_mut(id.index())?.as_deref_mut()?, &self.bins))
    }

    /// How many ids there are, deleted keys included.
    pub(crate) fn ids(&self) -> usize {
        self.nodes.len()
    }

    /// Adds a key. A hive has less than 2 GiB, so ids can't run out before memory does.
    pub(crate) fn push(&mut self, node: Node) -> KeyId {
        let id = KeyId(u32::try_from(self.nodes.len()).expect("fewer keys than a u32 counts fit into memory"));
        self.nodes.push(Some(Box::new(node)));
        id
    }

    pub(crate) fn remove(&mut self, id: KeyId) {
        if let Some(node) = self.nodes.get_mut(id.index()) {
            *node = None;
        }
    }

    /// A name to compare with; deleted keys have an empty one, and are in no list.
    pub(crate) fn name(&self, id: KeyId) -> Name<'_> {
        self.name_in(id, &self.bins)
    }

    /// The same while the loaded bytes are somewhere else.
    pub(crate) fn name_in<'a>(&'a self, id: KeyId, bins: &'a [u8]) -> Name<'a> {
        self.get(id).map_or(Name::new(&[], true), |node| node.name(bins))
    }

    /// Whether a name comes before, is equal to or comes after that of a key in a list of subkeys.
    fn compare(&self, id: KeyId, units: impl Iterator<Item = u16>) -> Ordering {
        self.name(id).compare_units(units)
    }

    /// The first subkey of that name.
    pub(crate) fn child(&self, parent: KeyId, name: &str) -> Option<KeyId> {
        let children = &self.get(parent)?.children;
        let place = children.lower_bound(|id| self.compare(id, name.encode_utf16()) == Ordering::Less);
        children.at(place).filter(|&id| self.name(id).matches(name))
    }

    /// Puts a key into the list of its parent.
    pub(crate) fn link(&mut self, parent: KeyId, child: KeyId) {
        let Some(node) = self.get(parent) else { return };
        let units: Vec<u16> = self.name(child).units().collect();
        let place = node.children.lower_bound(|id| self.compare(id, units.iter().copied()) == Ordering::Less);
        if let Some(node) = self.get_mut(parent) {
            node.children.insert(place, child);
        }
    }

    /// Takes a key out of the list of its parent.
    pub(crate) fn unlink(&mut self, parent: KeyId, child: KeyId) {
        let Some(node) = self.get(parent) else { return };
        let units: Vec<u16> = self.name(child).units().collect();
        let mut place = node.children.lower_bound(|id| self.compare(id, units.iter().copied()) == Ordering::Less);
        // Real hives have no two subkeys of one name; damaged ones may.
        while node.children.at(place).is_some_and(|id| id != child) {
            place = node.children.next(place);
        }
        if let Some(node) = self.get_mut(parent) {
            node.children.remove(place);
        }
    }
}

/// The most subkeys in one leaf: what Windows splits at, and what fits into two blocks.
pub(crate) const LEAF: usize = 1012;

/// Subkeys in the order of their names, in leaves like those on disk, so that an insertion moves a
/// leaf's worth of ids and not all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Children {
    leaves: Vec<Vec<KeyId>>,
}

/// A place between subkeys: leaf and position in it.
pub(crate) type Place = (usize, usize);

impl Children {
    /// Takes over ids that are in order.
    pub(crate) fn new(ids: Vec<KeyId>) -> Self {
        if ids.len() <= LEAF {
            return Self { leaves: if ids.is_empty() { Vec::new() } else { vec![ids] } };
        }
        Self { leaves: ids.chunks(LEAF).map(<[KeyId]>::to_vec).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.leaves.iter().map(Vec::len).sum()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = KeyId> + Clone {
        self.leaves.iter().flatten().copied()
    }

    fn at(&self, (leaf, position): Place) -> Option<KeyId> {
        self.leaves.get(leaf)?.get(position).copied()
    }

    fn next(&self, (leaf, position): Place) -> Place {
        let last = self.leaves.get(leaf).is_none_or(|ids| position + 1 >= ids.len());
        if last { (leaf + 1, 0) } else { (leaf, position + 1) }
    }

    /// The place of the first subkey for which `before` does not hold.
    fn lower_bound(&self, before: impl Fn(KeyId) -> bool) -> Place {
        let leaf = self.leaves.partition_point(|ids| ids.last().is_some_and(|&id| before(id)));
        (leaf, self.leaves.get(leaf).map_or(0, |ids| ids.partition_point(|&id| before(id))))
    }

    fn insert(&mut self, (leaf, position): Place, id: KeyId) {
        // Behind all others means at the end of the last leaf.
        let (leaf, position) = match self.leaves.len() {
            0 => {
                self.leaves.push(Vec::new());
                (0, 0)
            }
            leaves if leaf >= leaves => (leaves - 1, self.leaves[leaves - 1].len()),
            _ => (leaf, position),
        };
        let ids = &mut self.leaves[leaf];
        ids.insert(position, id);
        if ids.len() > LEAF {
            // Names that come in order fill their leaves; others leave room on both sides.
            let middle = if position + 1 == ids.len() { position } else { LEAF / 2 };
            let rest = ids.split_off(middle);
            self.leaves.insert(leaf + 1, rest);
        }
    }

    fn remove(&mut self, (leaf, position): Place) {
        let Some(ids) = self.leaves.get_mut(leaf) else {
            return;
        };
        if position < ids.len() {
            ids.remove(position);
        }
        if ids.is_empty() {
            self.leaves.remove(leaf);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::encode;

    fn names(arena: &Arena, parent: KeyId) -> Vec<String> {
        arena.get(parent).unwrap().children.iter().map(|id| arena.name(id).to_string()).collect()
    }

    #[test]
    fn subkeys_stay_sorted_through_many_leaves() {
        let mut arena = Arena::default();
        let root = arena.push(Node::new(encode("root"), None, 0));
        let mut expected = Vec::new();
        for number in 0..3000_u32 {
            let name = format!("Key {:04}", number.wrapping_mul(1_234_567) % 3000);
            let id = arena.push(Node::new(encode(&name), Some(root), 0));
            arena.link(root, id);
            expected.push(name);
        }
        expected.sort();
        assert_eq!(names(&arena, root), expected);
        assert!(arena.get(root).unwrap().children.leaves.iter().all(|leaf| (1..=LEAF).contains(&leaf.len())));
        for name in expected.iter().step_by(2) {
            let id = arena.child(root, &name.to_lowercase()).unwrap();
            arena.unlink(root, id);
            arena.remove(id);
            assert_eq!(arena.child(root, name), None);
        }
        let left: Vec<String> = expected.iter().skip(1).step_by(2).cloned().collect();
        assert_eq!(names(&arena, root), left);
    }

    #[test]
    fn of_twins_the_right_one_is_taken_out() {
        let mut arena = Arena::default();
        let root = arena.push(Node::new(encode("root"), None, 0));
        let twins: Vec<KeyId> = (0..3).map(|_| arena.push(Node::new(encode("twin"), Some(root), 0))).collect();
        arena.get_mut(root).unwrap().children = Children::new(twins.clone());
        arena.unlink(root, twins[1]);
        assert_eq!(arena.get(root).unwrap().children.iter().collect::<Vec<_>>(), [twins[0], twins[2]]);
    }
}
