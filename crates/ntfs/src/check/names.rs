//! Names and directory entries, both ways, and the tree that they make.

use nanovhd_tree::ReadAt;

use crate::read::index::Entry;
use crate::read::record::Reference;
use crate::rule::Rule;
use crate::system::SystemFile;

use super::Checker;
use super::facts::{Copied, EntryFact, FileFact, NameFact, narrow};
use super::file::File;
use super::value;

/// The record of the root directory.
const ROOT: u32 = 5;
/// The record of `$Extend`.
const EXTEND: u32 = SystemFile::Extend as u32;
/// Records below this are of files whose entries Windows doesn't keep up to date.
const FIRST_KEPT: u32 = 24;

/// What is known of the way from a directory up to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Unknown,
    /// The directory is on the way that is followed now.
    Followed,
    /// It leads to the root, or to nothing, which was told.
    Known,
    /// It leads to `$Extend`: the directory is NTFS's own.
    Own,
}

impl<R: ReadAt> Checker<'_, R> {
    /// Takes an entry of a directory.
    pub(super) fn take_entry(&mut self, file: &File<'_>, entry: &Entry<'_>, offset: u64) {
        let (number, key_at) = (Some(file.base.number()), offset + 0x10);
        let name = match value::file_name(entry.key) {
            Ok(name) => name,
            Err(fault) => {
                self.report.fault(number, offset, fault);
                return;
            }
        };
        for fault in name.faults() {
            self.report.fault(number, key_at, fault);
        }
        if name.parent != file.base.reference() {
            let detail = format!("the entry says that it is in record {}", name.parent.record);
            self.report.broken(Rule::EntryParent, number, key_at, detail);
            return;
        }
        let named = Reference::from_disk(entry.header.value.get());
        self.facts.entries.push(EntryFact {
            parent: narrow(file.base.number()),
            file: narrow(named.record),
            hash: name.hash(),
            sequence: named.sequence,
            offset,
            copied: name.copied,
        });
    }

    /// Compares the names of files with the entries of directories, both ways.
    pub(super) fn check_names(&mut self) {
        let ways = self.check_ways();
        let mut names = std::mem::take(&mut self.facts.names);
        names.retain(|name| self.check_parent(name));
        names.sort_unstable();
        let mut entries = std::mem::take(&mut self.facts.entries);
        entries.sort_unstable_by_key(|entry| (entry.parent, entry.file, entry.hash));
        let mut names = names.into_iter().peekable();
        for entry in &entries {
            let key = (entry.parent, entry.file, entry.hash);
            while let Some(name) = names.next_if(|name| (name.parent, name.file, name.hash) < key) {
                self.name_without_entry(&name);
            }
            let named = names.next_if(|name| (name.parent, name.file, name.hash) == key).is_some();
            self.check_entry(entry, named, &ways);
        }
        for name in names {
            self.name_without_entry(&name);
        }
    }

    /// Whether the directory of a name is one.
    fn check_parent(&mut self, name: &NameFact) -> bool {
        let parent = self.facts.file(name.parent);
        let good = parent.is_some_and(|parent| parent.directory && parent.sequence == name.parent_sequence);
        if !good {
            let detail = match parent {
                None => format!("its directory, record {}, is not in use", name.parent),
                Some(parent) if !parent.directory => format!("record {} is not a directory", name.parent),
                Some(parent) => format!(
                    "its directory, record {}, has the sequence number {}, expected {}",
                    name.parent, parent.sequence, name.parent_sequence
                ),
            };
            let file = u64::from(name.file);
            self.report.broken(Rule::NameParent, Some(file), self.mft.offset(file), detail);
        }
        good
    }

    fn name_without_entry(&mut self, name: &NameFact) {
        let file = u64::from(name.file);
        let detail = format!("the directory in record {} has no entry for one of its names", name.parent);
        self.report.broken(Rule::NameEntry, Some(file), self.mft.offset(file), detail);
    }

    fn check_entry(&mut self, entry: &EntryFact, named: bool, ways: &[Way]) {
        let number = Some(u64::from(entry.parent));
        let file = self.facts.file(entry.file).filter(|file| file.sequence == entry.sequence);
        let Some(&file) = file else {
            let detail = format!(
                "the entry names record {} with sequence number {}, which is no file",
                entry.file, entry.sequence
            );
            self.report.broken(Rule::EntryFile, number, entry.offset, detail);
            return;
        };
        if !named {
            let detail = format!("the file in record {} has no such name", entry.file);
            self.report.broken(Rule::EntryName, number, entry.offset, detail);
            return;
        }
        let own = self.facts.position(entry.parent).is_some_and(|at| ways[at] == Way::Own);
        if file.single && file.record >= FIRST_KEPT && !own {
            self.check_copied(entry, &file);
        }
    }

    /// Compares what an entry repeats of a file with the file.
    fn check_copied(&mut self, entry: &EntryFact, file: &FileFact) {
        let found = Copied { attributes: entry.copied.attributes & !NORMAL, ..entry.copied };
        let expected = &file.copied;
        let differences: Vec<String> = [
            ("created", found.created, expected.created),
            ("allocated", found.allocated, expected.allocated),
            ("size", found.size, expected.size),
            ("attributes", found.attributes.into(), expected.attributes.into()),
            ("tag", found.tag.into(), expected.tag.into()),
        ]
        .into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(what, found, expected)| format!("{what} {found:#x}, expected {expected:#x}"))
        .collect();
        if !differences.is_empty() {
            let detail = format!("what it repeats of record {}: {}", file.record, differences.join("; "));
            self.report.broken(Rule::EntryCopy, Some(u64::from(entry.parent)), entry.offset, detail);
        }
    }

    /// Follows every directory up to the root; says of each file where its directories lead.
    fn check_ways(&mut self) -> Vec<Way> {
        let mut ways = vec![Way::Unknown; self.facts.files.len()];
        for (record, way) in [(ROOT, Way::Known), (EXTEND, Way::Own)] {
            if let Some(at) = self.facts.position(record) {
                ways[at] = way;
            }
        }
        let mut path = Vec::new();
        for start in 0..ways.len() {
            if !self.facts.files[start].directory {
                continue;
            }
            let mut next = Some(start);
            // A directory whose own directory is none was told by its name.
            while let Some(at) = next.filter(|&at| ways[at] == Way::Unknown) {
                ways[at] = Way::Followed;
                path.push(at);
                next = self.facts.position(self.facts.files[at].parent);
            }
            let end = next.map_or(Way::Known, |at| ways[at]);
            if end == Way::Followed {
                let number = u64::from(self.facts.files[start].record);
                let detail = "its directory is in itself, by some way";
                self.report.broken(Rule::DirectoryWay, Some(number), self.mft.offset(number), detail);
            }
            for at in path.drain(..) {
                ways[at] = if end == Way::Followed { Way::Known } else { end };
            }
        }
        ways
    }
}

/// The attribute that says that there is none.
const NORMAL: u32 = nanovhd_tree::Attributes::NORMAL.0;
