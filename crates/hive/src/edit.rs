//! Edits. Each either is made completely or leaves the hive as it was.
//!
//! Times come from the caller, so that the same edits give the same bytes. An edit sets the time of the
//! key that it changes: creating and deleting a subkey changes the key above, as Windows has it.

use nanovhd_tree::Filetime;

use crate::cells::Bytes;
use crate::error::EditError;
use crate::format::{SEGMENT, value_flags};
use crate::hive::Hive;
use crate::load::MAX_DEPTH;
use crate::name;
use crate::node::{KeyId, Node};
use crate::security;
use crate::value::{Data, Entry, ValueData};

/// Units of a key's name. Windows, "Registry element size limits".
const MAX_KEY_NAME: usize = 255;
/// Units of a value's name. Windows, "Registry element size limits".
const MAX_VALUE_NAME: usize = 16_383;
/// Bytes of a value: segments are counted with 16 bits.
const MAX_DATA: usize = u16::MAX as usize * SEGMENT;
/// The same in the oldest version, where a value has one cell. Windows, "Registry element size limits".
const MAX_DATA_V3: usize = 1 << 20;
/// Bytes of a class name, whose length has 16 bits.
const MAX_CLASS: usize = u16::MAX as usize - 1;
/// A virtualization flag of a key that its new subkeys take over with the others. \[REGF\]
/// "Virtualization control flags".
const RECURSE: u16 = 0x80;
const VIRTUALIZATION: u16 = 0xf0;

fn check_name(name: &str, what: &'static str, max: usize) -> Result<(), EditError> {
    let refuse = |reason| Err(EditError::Name { name: name.to_owned(), what, reason });
    if name.encode_utf16().count() > max {
        return refuse("it is too long");
    }
    // The kernel could live with it, but no program would find it again.
    if name.contains('\0') { refuse("it has a zero in it") } else { Ok(()) }
}

pub(crate) fn check_key_name(name: &str) -> Result<(), EditError> {
    let refuse = |reason| Err(EditError::Name { name: name.to_owned(), what: "a key", reason });
    match name {
        "" => refuse("it is empty"),
        _ if name.contains('\\') => refuse("it has a backslash in it"),
        _ => check_name(name, "a key", MAX_KEY_NAME),
    }
}

/// A length that was checked against a maximum well below 2³².
fn clamp(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

impl Hive {
    fn node_mut(&mut self, id: KeyId) -> Result<&mut Node, EditError> {
        self.nodes.get_mut(id).ok_or(EditError::NoSuchKey)
    }

    /// Notes that a key was changed at some time.
    fn touch(&mut self, id: KeyId, time: Filetime) -> Result<&mut Node, EditError> {
        let node = self.nodes.get_mut(id).ok_or(EditError::NoSuchKey)?;
        self.edited = true;
        node.last_written = time.0;
        Ok(node)
    }

    /// Sets a value. One of that name, in any case, keeps its name and its place among the others; a new
    /// one comes last. The empty name means the default value.
    ///
    /// # Errors
    /// [`EditError::NoSuchKey`], [`EditError::Name`], [`EditError::TooLong`], [`EditError::Predefined`].
    pub fn set_value(&mut self, key: KeyId, name: &str, data: ValueData, time: Filetime) -> Result<(), EditError> {
        check_name(name, "a value", MAX_VALUE_NAME)?;
        let found = data.bytes.len();
        let max = if self.base.has_big_data() { MAX_DATA } else { MAX_DATA_V3 };
        if found > max {
            return Err(EditError::TooLong { what: "a value", max, found });
        }
        let (node, bins) = self.nodes.split(key).ok_or(EditError::NoSuchKey)?;
        if node.handle.is_some() {
            return Err(EditError::Predefined);
        }
        let ValueData { kind, bytes } = data;
        let slot = node.values.find(bins, name);
        match slot.and_then(|slot| node.values.get_mut(slot)) {
            Some(entry) => {
                (entry.kind, entry.data) = (kind.0, Data::new(bytes));
                entry.flags &= !value_flags::TOMBSTONE;
            }
            None => {
                let (stored, narrow) = name::encode(name);
                let flags = if narrow { value_flags::NARROW_NAME } else { 0 };
                let (name, data) = (Bytes::Owned(stored), Data::new(bytes));
                node.values.push(bins, Entry { name, data, kind: kind.0, flags, spare: 0 });
            }
        }
        node.max_value_name = node.max_value_name.max(clamp(name.encode_utf16().count() * 2));
        node.max_value_data = node.max_value_data.max(clamp(found));
        self.touch(key, time)?;
        Ok(())
    }

    /// Deletes a value, and says whether there was one.
    ///
    /// # Errors
    /// [`EditError::NoSuchKey`].
    pub fn delete_value(&mut self, key: KeyId, name: &str, time: Filetime) -> Result<bool, EditError> {
        let (node, bins) = self.nodes.split(key).ok_or(EditError::NoSuchKey)?;
        let Some(slot) = node.values.find(bins, name) else {
            return Ok(false);
        };
        node.values.remove(slot);
        self.touch(key, time)?;
        Ok(true)
    }

    /// The key at a path below another one. Each key of the path that is not there is created, with the
    /// security descriptor of the key above it.
    ///
    /// # Errors
    /// [`EditError::NoSuchKey`], [`EditError::Name`], [`EditError::TooDeep`].
    pub fn create_key(&mut self, parent: KeyId, path: &str, time: Filetime) -> Result<KeyId, EditError> {
        let names: Vec<&str> = path.split('\\').filter(|name| !name.is_empty()).collect();
        self.nodes.get(parent).ok_or(EditError::NoSuchKey)?;
        names.iter().try_for_each(|name| check_key_name(name))?;
        let above = std::iter::successors(Some(parent), |&id| self.nodes.get(id)?.parent).count() - 1;
        if above + names.len() > MAX_DEPTH as usize {
            return Err(EditError::TooDeep);
        }
        names.into_iter().try_fold(parent, |id, name| match self.nodes.child(id, name) {
            Some(child) => Ok(child),
            None => self.create_child(id, name, time),
        })
    }

    fn create_child(&mut self, parent: KeyId, name: &str, time: Filetime) -> Result<KeyId, EditError> {
        let above = self.touch(parent, time)?;
        let bytes = u16::try_from(name.encode_utf16().count() * 2).unwrap_or(u16::MAX);
        above.max_name = above.max_name.max(bytes);
        let mut node = Node::new(name::encode(name), Some(parent), time.0);
        node.security = above.security;
        if above.control & RECURSE != 0 {
            node.control = above.control & VIRTUALIZATION;
        }
        let id = self.nodes.push(node);
        self.nodes.link(parent, id);
        Ok(id)
    }

    /// Deletes a key with all keys below it.
    ///
    /// # Errors
    /// [`EditError::NoSuchKey`], [`EditError::IsRoot`].
    pub fn delete_key(&mut self, key: KeyId, time: Filetime) -> Result<(), EditError> {
        let parent = self.nodes.get(key).ok_or(EditError::NoSuchKey)?.parent.ok_or(EditError::IsRoot)?;
        self.touch(parent, time)?;
        self.nodes.unlink(parent, key);
        let mut doomed = vec![key];
        while let Some(id) = doomed.pop() {
            doomed.extend(self.nodes.get(id).into_iter().flat_map(|node| node.children.iter()));
            self.nodes.remove(id);
        }
        Ok(())
    }

    /// Sets or removes the class name of a key.
    ///
    /// # Errors
    /// [`EditError::NoSuchKey`], [`EditError::TooLong`].
    pub fn set_class(&mut self, key: KeyId, class: Option<&str>, time: Filetime) -> Result<(), EditError> {
        let bytes: Option<Vec<u8>> = class.map(|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        let found = bytes.as_ref().map_or(0, Vec::len);
        if found > MAX_CLASS {
            return Err(EditError::TooLong { what: "a class name", max: MAX_CLASS, found });
        }
        let node = self.touch(key, time)?;
        node.class = bytes.filter(|bytes| !bytes.is_empty()).map(|bytes| Bytes::Owned(bytes.into()));
        if let Some(parent) = node.parent {
            let above = self.node_mut(parent)?;
            above.max_class = above.max_class.max(clamp(found));
        }
        Ok(())
    }

    /// Sets the security descriptor of a key, in self-relative form. Keys with equal descriptors share
    /// one record.
    ///
    /// # Errors
    /// [`EditError::NoSuchKey`], [`EditError::Security`].
    pub fn set_security(&mut self, key: KeyId, descriptor: &[u8], time: Filetime) -> Result<(), EditError> {
        security::check(descriptor)?;
        self.nodes.get(key).ok_or(EditError::NoSuchKey)?;
        let number = self.securities.intern(&self.nodes.bins, descriptor);
        self.touch(key, time)?.security = Some(number);
        Ok(())
    }

    /// Sets the time of a key and changes nothing else.
    ///
    /// # Errors
    /// [`EditError::NoSuchKey`].
    pub fn set_last_written(&mut self, key: KeyId, time: Filetime) -> Result<(), EditError> {
        self.touch(key, time).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ADMINISTRATORS_AND_SYSTEM, MinorVersion, Options, ValueType};

    const NOW: Filetime = Filetime(77);

    fn hive() -> Hive {
        Hive::create(&Options::default()).unwrap()
    }

    #[test]
    fn values_keep_their_place_and_their_name() {
        let mut hive = hive();
        let key = hive.create_key(hive.root_id(), "a", NOW).unwrap();
        for (name, number) in [("One", 1), ("", 2), ("Three", 3), ("ONE", 4)] {
            hive.set_value(key, name, ValueData::dword(number), NOW).unwrap();
        }
        let read = |hive: &Hive| -> Vec<(String, u32)> {
            let values = hive.key(key).unwrap().values().map(|v| (v.name().to_string(), v.as_u32().unwrap()));
            values.collect()
        };
        let value = |name: &str, number| (name.to_owned(), number);
        assert_eq!(read(&hive), [value("One", 4), value("", 2), value("Three", 3)]);
        assert!(hive.delete_value(key, "oNE", NOW).unwrap());
        assert!(!hive.delete_value(key, "oNE", NOW).unwrap());
        assert_eq!(read(&hive), [value("", 2), value("Three", 3)]);
        assert_eq!(hive.key(key).unwrap().value("").unwrap().kind(), ValueType::DWORD);
    }

    #[test]
    fn a_path_is_created_once_and_takes_over_what_is_inherited() {
        let mut hive = hive();
        let top = hive.create_key(hive.root_id(), "top", Filetime(1)).unwrap();
        hive.nodes.get_mut(top).unwrap().control = 0x0ca1;
        let mut other = ADMINISTRATORS_AND_SYSTEM.to_vec();
        other[2] |= 1;
        hive.set_security(top, &other, Filetime(2)).unwrap();
        let deep = hive.create_key(top, r"\a\\b\", Filetime(3)).unwrap();
        assert_eq!(hive.create_key(hive.root_id(), r"TOP\A\B", Filetime(4)).unwrap(), deep);
        let key = hive.key(deep).unwrap();
        assert_eq!((key.path().as_str(), key.last_written()), (r"top\a\b", Filetime(3)));
        assert_eq!(key.security().unwrap(), other);
        assert_eq!(key.control_flags(), 0xa0);
        assert_eq!(hive.find("top").unwrap().last_written(), Filetime(3));
        assert_eq!(hive.root().security().unwrap(), ADMINISTRATORS_AND_SYSTEM);
    }

    #[test]
    fn deleting_a_key_takes_all_below_it() {
        let mut hive = hive();
        let root = hive.root_id();
        let keep = hive.create_key(root, "a", NOW).unwrap();
        let gone = hive.create_key(root, r"a\b", NOW).unwrap();
        let below = hive.create_key(root, r"a\b\c\d", NOW).unwrap();
        hive.delete_key(gone, Filetime(99)).unwrap();
        assert!(hive.key(gone).is_none() && hive.key(below).is_none());
        assert_eq!(hive.key(keep).unwrap().subkey_count(), 0);
        assert_eq!(hive.key(keep).unwrap().last_written(), Filetime(99));
        assert_eq!(hive.delete_key(root, NOW), Err(EditError::IsRoot));
        assert_eq!(hive.delete_key(gone, NOW), Err(EditError::NoSuchKey));
        assert_eq!(hive.set_value(below, "x", ValueData::dword(1), NOW), Err(EditError::NoSuchKey));
    }

    #[test]
    fn what_no_hive_can_hold_is_refused() {
        let mut hive = hive();
        let root = hive.root_id();
        for name in ["a\0b", &"x".repeat(256)] {
            assert!(matches!(hive.create_key(root, name, NOW), Err(EditError::Name { .. })));
        }
        let long = "x".repeat(16_384);
        assert!(matches!(hive.set_value(root, &long, ValueData::dword(1), NOW), Err(EditError::Name { .. })));
        assert!(hive.set_value(root, &long[1..], ValueData::dword(1), NOW).is_ok());
        assert!(matches!(hive.set_security(root, &[0; 4], NOW), Err(EditError::Security(_))));
        assert!(matches!(hive.set_class(root, Some(&"x".repeat(32_768)), NOW), Err(EditError::TooLong { .. })));
        let mut old = Hive::create(&Options { minor_version: MinorVersion::V3, ..Options::default() }).unwrap();
        let set = |hive: &mut Hive, len| hive.set_value(root, "long", ValueData::binary(vec![0; len]), NOW);
        assert!(set(&mut hive, 0x10_0001).is_ok());
        assert!(set(&mut old, 0x10_0000).is_ok());
        assert!(matches!(set(&mut old, 0x10_0001), Err(EditError::TooLong { max: 0x10_0000, .. })));
        let deep = vec!["k"; 512].join("\\");
        let deepest = hive.create_key(root, &deep, NOW).unwrap();
        assert_eq!(hive.create_key(deepest, "k", NOW), Err(EditError::TooDeep));
        assert!(Hive::open(hive.to_bytes().unwrap()).is_ok());
    }
}
