//! Reading keys.

use std::fmt;

use nanovhd_tree::Filetime;

use crate::format::key_flags;
use crate::hive::Hive;
use crate::name::Name;
use crate::node::{KeyId, Node};
use crate::value::Value;

/// A key, to read. Edits go through the [`Hive`] and the key's [`id`](Key::id).
#[derive(Clone, Copy)]
pub struct Key<'a> {
    pub(crate) hive: &'a Hive,
    pub(crate) id: KeyId,
    pub(crate) node: &'a Node,
}

impl<'a> Key<'a> {
    /// What edits call it.
    pub fn id(self) -> KeyId {
        self.id
    }

    /// Its name.
    pub fn name(self) -> Name<'a> {
        self.node.name(self.bins())
    }

    fn bins(self) -> &'a [u8] {
        &self.hive.nodes.bins
    }

    /// The names from below the root to this key, with backslashes between; empty for the root.
    pub fn path(self) -> String {
        let above = std::iter::successors(Some(self), |key| key.parent()).take_while(|key| key.parent().is_some());
        let mut names: Vec<String> = above.map(|key| key.name().to_string()).collect();
        names.reverse();
        names.join("\\")
    }

    /// The key above, which the root has not.
    pub fn parent(self) -> Option<Key<'a>> {
        self.hive.key(self.node.parent?)
    }

    /// When it was last written.
    pub fn last_written(self) -> Filetime {
        Filetime(self.node.last_written)
    }

    /// Its class name, which few keys have: UTF-16 where Windows wrote it, but any bytes can be there.
    pub fn class(self) -> Option<&'a [u8]> {
        self.node.class.as_ref().map(|class| class.get(self.bins()))
    }

    /// Its security descriptor in self-relative form.
    pub fn security(self) -> Option<&'a [u8]> {
        let security = self.hive.securities.get(self.node.security?)?;
        Some(security.descriptor.get(self.bins()))
    }

    /// Its flags as stored. \[REGF\] "Key node", "Flags".
    pub fn flags(self) -> u16 {
        self.node.flags
    }

    /// User (bits 0-3), virtualization (bits 4-7) and debug (bits 8-15) flags. \[REGF\] "User flags",
    /// "Virtualization control flags", "Debug".
    pub fn control_flags(self) -> u16 {
        self.node.control
    }

    /// Who has read it (bits 0 and 1), and how it is merged with layers above (bits 8-15). \[REGF\]
    /// "Access bits", "Layered keys".
    pub fn access(self) -> u32 {
        self.node.access
    }

    /// Whether its name is stored with one byte for a character.
    pub fn has_narrow_name(self) -> bool {
        self.node.flags & key_flags::NARROW_NAME != 0
    }

    /// The handle that it stands for instead of having values.
    pub fn predefined_handle(self) -> Option<u32> {
        self.node.handle
    }

    /// How many subkeys it has.
    pub fn subkey_count(self) -> usize {
        self.node.children.len()
    }

    /// Its subkeys, in the order of their upper-case names.
    pub fn subkeys(self) -> impl DoubleEndedIterator<Item = Key<'a>> + Clone + use<'a> {
        let hive = self.hive;
        self.node.children.iter().filter_map(move |id| hive.key(id))
    }

    /// The subkey of that name, in any case.
    pub fn subkey(self, name: &str) -> Option<Key<'a>> {
        self.hive.key(self.hive.nodes.child(self.id, name)?)
    }

    /// The key at a path below this one, in any case. Empty names in the path mean nothing.
    pub fn find(self, path: &str) -> Option<Key<'a>> {
        path.split('\\').filter(|name| !name.is_empty()).try_fold(self, Key::subkey)
    }

    /// How many values it has.
    pub fn value_count(self) -> usize {
        self.node.values.len()
    }

    /// Its values, in the order in which they were added.
    pub fn values(self) -> impl Iterator<Item = Value<'a>> + Clone + use<'a> {
        let bins = self.bins();
        self.node.values.iter().map(move |entry| Value { entry, bins })
    }

    /// The value of that name, in any case; the default value has the empty name.
    pub fn value(self, name: &str) -> Option<Value<'a>> {
        let entry = self.node.values.get(self.node.values.find(self.bins(), name)?)?;
        Some(Value { entry, bins: self.bins() })
    }
}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subkeys, values) = (self.subkey_count(), self.value_count());
        f.debug_struct("Key").field("path", &self.path()).field("subkeys", &subkeys).field("values", &values).finish()
    }
}
