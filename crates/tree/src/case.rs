//! Finding a name in a directory whatever its case.
//!
//! Directories are kept in the order of their names' units, in which names that differ only in case may
//! lie far apart. A large directory therefore gets an index of folded names when it is first searched by
//! one that does not fit to the letter; most directories never are, and need no memory for it. From then
//! on the index follows every change, so that searches and changes may alternate.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock};

use crate::tree::Directory;
use crate::{Entry, FileId, Name};

/// So many names are compared one by one sooner than an index is made of them.
const FEW: usize = 16;

/// Names with what they fold to, in the order of the latter.
type Folded = BTreeSet<(Name, Name)>;

/// The indexes that a tree has so far.
#[derive(Debug, Default)]
pub(crate) struct CaseIndexes(RwLock<HashMap<FileId, Folded>>);

impl CaseIndexes {
    /// The first of a directory's names that is this one but for case.
    pub(crate) fn find<'t>(&self, id: FileId, entries: &'t Directory, name: &Name) -> Option<(&'t Name, &'t Entry)> {
        if entries.len() <= FEW {
            return entries.iter().find(|(candidate, _)| candidate.eq_ignore_case(name));
        }
        let folded = name.folded();
        let read = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = match read.get(&id) {
            Some(index) => first(index, folded),
            None => {
                drop(read);
                let mut write = self.0.write().unwrap_or_else(PoisonError::into_inner);
                first(write.entry(id).or_insert_with(|| index_of(entries)), folded)
            }
        };
        entries.get_key_value(&found?)
    }

    /// A directory got a name.
    pub(crate) fn added(&mut self, id: FileId, name: &Name) {
        if let Some(index) = self.indexes().get_mut(&id) {
            index.insert((name.folded(), name.clone()));
        }
    }

    /// A name of a directory went away.
    pub(crate) fn removed(&mut self, id: FileId, name: &Name) {
        if let Some(index) = self.indexes().get_mut(&id) {
            index.remove(&(name.folded(), name.clone()));
        }
    }

    fn indexes(&mut self) -> &mut HashMap<FileId, Folded> {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

fn index_of(entries: &Directory) -> Folded {
    entries.keys().map(|name| (name.folded(), name.clone())).collect()
}

fn first(index: &Folded, folded: Name) -> Option<Name> {
    // No name is before the empty one.
    let from = (folded, Name::default());
    let (found, name) = index.range(&from..).next()?;
    (*found == from.0).then(|| name.clone())
}

/// The copy of a tree makes its own indexes when it needs them.
impl Clone for CaseIndexes {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Indexes follow from the entries, so they make no difference.
impl PartialEq for CaseIndexes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CaseIndexes {}

#[cfg(test)]
mod tests {
    use crate::name::tests::folded_so_far;
    use crate::{Content, Metadata, Tree};

    use super::*;

    fn add(tree: &mut Tree, name: &str) -> FileId {
        tree.add_file(Tree::ROOT, name.into(), Metadata::default(), Content::empty()).unwrap()
    }

    /// What [`Tree::child`] promises, by the plainest of means.
    fn child_by_search(tree: &Tree, name: &Name) -> Option<FileId> {
        let entries = tree.file(Tree::ROOT).directory()?;
        let any_case =
            || entries.iter().find(|(candidate, _)| candidate.eq_ignore_case(name)).map(|(_, entry)| entry);
        entries.get(name).or_else(any_case).map(|entry| entry.file)
    }

    fn found(tree: &Tree, name: &Name) -> Option<FileId> {
        tree.child(Tree::ROOT, name).map(|(_, entry)| entry.file)
    }

    #[test]
    fn fifty_thousand_names_are_found_by_any_case_and_folded_once() {
        const NAMES: u32 = 50_000;
        let mut tree = Tree::new();
        let ids: Vec<_> = (0..NAMES).map(|i| add(&mut tree, &format!("File {i:x} é.Dll"))).collect();
        let before = folded_so_far();
        for (i, id) in (0..NAMES).zip(&ids) {
            for name in [format!("file {i:x} É.DLL"), format!("FILE {i:X} é.dll"), format!("File {i:x} é.Dll")] {
                assert_eq!(tree.lookup(&name), Some(*id), "{name}");
            }
            assert_eq!(tree.lookup(&format!("file {i:x} e.dll")), None);
        }
        // The index, and the three searches of four that don't fit to the letter.
        assert!(folded_so_far() - before <= u64::from(NAMES + 3 * NAMES), "{}", folded_so_far() - before);
    }

    #[test]
    fn an_index_follows_every_change() {
        let mut tree = Tree::new();
        for i in 0..100 {
            add(&mut tree, &format!("{} {}", ["name", "NAME"][i % 2], i / 2));
        }
        let names = ["name 1", "NAME 1", "Name 1", "nAme 1", "namE 47", "Twin", "tWIN", "TWIN", "twin", "none"]
            .map(Name::from);
        let same = |tree: &Tree| {
            for name in &names {
                assert_eq!(found(tree, name), child_by_search(tree, name), "{name:?}");
            }
        };
        same(&tree);
        for step in 0..8 {
            let name = &names[5 + step % 4];
            match step / 4 {
                0 => drop(add(&mut tree, &name.to_string())),
                _ => drop(tree.remove(Tree::ROOT, name).unwrap()),
            }
            same(&tree);
            same(&tree.clone());
        }
    }
}
