//! The values of one key, in order, found by name without a search through all of them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;

use nanovhd_tree::upcase;

use crate::value::Entry;

/// Fewer values than this are searched one by one.
const FEW: usize = 32;

/// Where the value with a name of some hash is; values whose hashes collide follow at hash + 1 and so
/// on. The hash is seeded at random, so no hive can be made to collide. It decides nothing that is
/// written.
#[derive(Debug, Clone, Default)]
struct Index {
    seed: RandomState,
    slots: HashMap<u64, u32>,
    /// Whether values were left out because an earlier one has the same name. A thousand of those
    /// would make a chain of a thousand.
    twins: bool,
}

impl Index {
    fn hash(&self, units: impl Iterator<Item = u16>) -> u64 {
        let mut hasher = self.seed.build_hasher();
        units.for_each(|unit| hasher.write_u16(upcase(unit)));
        hasher.finish()
    }

    /// The slots to look at for a name, and the first hash that is free.
    fn candidates(&self, mut hash: u64) -> (Vec<u32>, u64) {
        let mut found = Vec::new();
        while let Some(&slot) = self.slots.get(&hash) {
            found.push(slot);
            hash = hash.wrapping_add(1);
        }
        (found, hash)
    }

    /// Adds the value in `slot`, if there is no other with its name in `slots`.
    fn insert(&mut self, bins: &[u8], slots: &[Option<Entry>], slot: u32, entry: &Entry) {
        let name = entry.name(bins);
        let (others, free) = self.candidates(self.hash(name.units()));
        let mut others = others.into_iter().filter_map(|other| slots.get(other as usize)?.as_ref());
        if others.any(|other| other.name(bins).compare_units(name.units()) == Ordering::Equal) {
            self.twins = true;
        } else {
            self.slots.insert(free, slot);
        }
    }
}

/// The values of a key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    /// A deleted value leaves a hole, so that the index stays right.
    slots: Vec<Option<Entry>>,
    holes: usize,
    index: OnceLock<Box<Index>>,
}

impl Values {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { slots: Vec::with_capacity(count), ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.holes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.slots.iter().flatten()
    }

    /// The first value of that name.
    pub(crate) fn find(&self, bins: &[u8], name: &str) -> Option<usize> {
        let is = |entry: &Entry| entry.name(bins).matches(name);
        if self.slots.len() <= FEW {
            return self.slots.iter().position(|slot| slot.as_ref().is_some_and(is));
        }
        let index = self.index.get_or_init(|| Box::new(self.make_index(bins)));
        let (slots, _) = index.candidates(index.hash(name.encode_utf16()));
        let mut slots = slots.into_iter().map(|slot| slot as usize);
        slots.find(|&slot| self.get(slot).is_some_and(is))
    }

    fn make_index(&self, bins: &[u8]) -> Index {
        let mut index = Index::default();
        index.slots.reserve(self.slots.len());
        for (slot, entry) in (0..).zip(&self.slots) {
            if let Some(entry) = entry {
                index.insert(bins, &self.slots, slot, entry);
            }
        }
        index
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Entry> {
        self.slots.get(slot)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Entry> {
        self.slots.get_mut(slot)?.as_mut()
    }

    /// Adds a value behind the others.
    pub(crate) fn push(&mut self, bins: &[u8], entry: Entry) {
        if let (Some(index), Ok(slot)) = (self.index.get_mut(), u32::try_from(self.slots.len())) {
            index.insert(bins, &self.slots, slot, &entry);
        }
        self.slots.push(Some(entry));
    }

    /// Removes a value; those behind it move up.
    pub(crate) fn remove(&mut self, slot: usize) {
        if self.slots.get_mut(slot).and_then(Option::take).is_some() {
            self.holes += 1;
            if self.index.get().is_some_and(|index| index.twins) {
                self.index = OnceLock::new();
            }
        }
        // So rarely that it costs next to nothing for each value that was removed.
        if self.holes > FEW.max(self.slots.len() / 2) {
            self.slots.retain(Option::is_some);
            (self.holes, self.index) = (0, OnceLock::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Bytes;
    use crate::name::encode;
    use crate::value::Data;

    fn entry(name: &str) -> Entry {
        let (bytes, narrow) = encode(name);
        Entry { name: Bytes::Owned(bytes), data: Data::Empty, kind: 0, flags: narrow.into(), spare: 0 }
    }

    #[test]
    fn many_values_are_found_in_any_case_while_they_come_and_go() {
        let mut values = Values::default();
        let mut expected: Vec<String> = Vec::new();
        for round in 0..400_u32 {
            let name = format!("Value {}", round.wrapping_mul(7919) % 200);
            match values.find(&[], &name.to_uppercase()) {
                Some(slot) if round % 3 != 0 => {
                    values.remove(slot);
                    expected.retain(|other| *other != name);
                }
                Some(_) => {}
                None => {
                    values.push(&[], entry(&name));
                    expected.push(name);
                }
            }
            let names: Vec<String> = values.iter().map(|entry| entry.name(&[]).to_string()).collect();
            assert_eq!(names, expected, "round {round}");
            assert_eq!(values.len(), expected.len());
        }
        assert!(expected.len() > FEW);
        assert_eq!(values.find(&[], "no such value"), None);
    }

    #[test]
    fn of_two_values_with_one_name_the_first_is_found() {
        let mut values = Values::default();
        for number in 0..40 {
            values.push(&[], entry(if number >= 38 { "twin" } else { "x" }));
        }
        assert_eq!(values.find(&[], "TWIN"), Some(38));
        values.remove(38);
        assert_eq!(values.find(&[], "twin"), Some(39));
    }
}
