//! The indexes of `$Extend`: object ids, reparse points, owners.

use std::hash::{DefaultHasher, Hash, Hasher};

use nanovhd_tree::ReadAt;

use crate::read::index::Entry;
use crate::read::record::{Reference, name_is};
use crate::rule::Rule;
use crate::system::{SystemFile, wide};

use super::Checker;
use super::facts::{OwnerFact, Tagged};
use super::file::{File, I30};

const SDH: [u16; 4] = wide(b"$SDH");
const SII: [u16; 4] = wide(b"$SII");
const O: [u16; 2] = wide(b"$O");
const Q: [u16; 2] = wide(b"$Q");
const R: [u16; 2] = wide(b"$R");

/// Where the SID begins in the data of an entry of `$Q`.
const QUOTA_SID: usize = 0x30;
/// The entry of `$Q` that holds the limits of owners without limits of their own.
const DEFAULT_OWNER: u32 = 1;

impl<V: ReadAt> Checker<'_, V> {
    /// Takes an entry of an index.
    pub(super) fn entry(&mut self, file: &File<'_>, index: &[u8], entry: &Entry<'_>, offset: u64) {
        let number = file.base.number();
        if name_is(index, &I30) {
            self.take_entry(file, entry, offset);
            return;
        }
        // Data that an entry doesn't have have no place.
        let length = entry.header.value.get() >> 16 & 0xffff;
        let reaches_key = entry.header.value.get() & 0xffff < 0x10 + entry.key.len() as u64;
        if length != 0 && (reaches_key || entry.data().is_none()) {
            let detail = format!("{length} bytes of data do not lie behind the key and in the entry");
            self.report.broken(Rule::IndexEntryData, Some(number), offset, detail);
            return;
        }
        let in_extend = file.names.iter().any(|name| name.parent.record == SystemFile::Extend as u64);
        let is_quota = file.indexes.iter().any(|index| name_is(index.name, &Q));
        if number == SystemFile::Secure as u64 {
            if name_is(index, &SDH) || name_is(index, &SII) {
                self.take_descriptor(name_is(index, &SDH), entry, offset);
            }
        } else if in_extend && name_is(index, &O) && !is_quota {
            self.take_object_id_entry(number, entry, offset);
        } else if in_extend && name_is(index, &R) {
            self.take_reparse_entry(number, entry, offset);
        } else if in_extend && is_quota {
            self.take_owner(number, name_is(index, &Q), entry, offset);
        }
    }

    fn take_object_id_entry(&mut self, number: u64, entry: &Entry<'_>, offset: u64) {
        self.facts.object_id_index = Some(number);
        let file = entry.data().and_then(|data| data.first_chunk::<56>()).and_then(|data| data.first_chunk());
        let (Ok(id), Some(file)) = (entry.key.try_into(), file) else {
            let detail = "the entry is not a GUID with a file and where it was born";
            self.report.broken(Rule::IndexEntryData, Some(number), offset, detail);
            return;
        };
        let file = Reference::from_disk(u64::from_le_bytes(*file));
        self.facts.object_id_entries.push(Tagged { value: id, file });
    }

    fn take_reparse_entry(&mut self, number: u64, entry: &Entry<'_>, offset: u64) {
        self.facts.reparse_index = Some(number);
        let (Some(tag), Some(file), 12) =
            (entry.key.first_chunk(), entry.key.get(4..).and_then(|key| key.first_chunk()), entry.key.len())
        else {
            self.report.broken(Rule::IndexEntryData, Some(number), offset, "the key is not a tag with a file");
            return;
        };
        let file = Reference::from_disk(u64::from_le_bytes(*file));
        self.facts.reparse_entries.push(Tagged { value: u32::from_le_bytes(*tag), file });
    }

    fn take_owner(&mut self, number: u64, by_id: bool, entry: &Entry<'_>, offset: u64) {
        self.facts.quota = Some(number);
        let data = entry.data().unwrap_or_default();
        let (id, sid) = if by_id { (Some(entry.key), data.get(QUOTA_SID..)) } else { (Some(data), Some(entry.key)) };
        let (Some(id), Some(sid)) = (id.and_then(|id| id.first_chunk()), sid) else {
            let detail = "the entry is not an owner's id with what is kept of the owner";
            self.report.broken(Rule::IndexEntryData, Some(number), offset, detail);
            return;
        };
        let id = u32::from_le_bytes(*id);
        // Behind the SID there may be padding.
        let length = sid.get(1).map_or(0, |subs| 8 + 4 * usize::from(*subs)).min(sid.len());
        let mut hasher = DefaultHasher::new();
        sid[..length].hash(&mut hasher);
        let fact = OwnerFact { id, sid: hasher.finish() };
        if !by_id {
            self.facts.owners_by_sid.push(fact);
        } else if id != DEFAULT_OWNER {
            self.facts.owners_by_id.push(fact);
        }
    }

    /// Compares the indexes of `$Extend` with what they are of.
    pub(super) fn check_views(&mut self) {
        let of_files = std::mem::take(&mut self.facts.object_ids);
        let entries = std::mem::take(&mut self.facts.object_id_entries);
        self.compare_tagged(self.facts.object_id_index, Rule::ObjectIdIndex, of_files, entries);
        let of_files = std::mem::take(&mut self.facts.reparses);
        let entries = std::mem::take(&mut self.facts.reparse_entries);
        self.compare_tagged(self.facts.reparse_index, Rule::ReparseIndex, of_files, entries);
        let number = self.facts.quota.unwrap_or_default();
        let (mut by_id, mut by_sid) =
            (std::mem::take(&mut self.facts.owners_by_id), std::mem::take(&mut self.facts.owners_by_sid));
        by_id.sort_unstable();
        by_sid.sort_unstable();
        if by_id != by_sid {
            let detail = format!("{} owners by id and {} by SID are not the same", by_id.len(), by_sid.len());
            self.report.broken(Rule::QuotaIndex, Some(number), self.mft.offset(number), detail);
        }
    }

    fn compare_tagged<T: Ord + std::fmt::Debug>(
        &mut self,
        index: Option<u64>,
        rule: Rule,
        mut of_files: Vec<Tagged<T>>,
        mut entries: Vec<Tagged<T>>,
    ) {
        of_files.sort_unstable();
        entries.sort_unstable();
        for entry in entries.iter().filter(|entry| of_files.binary_search(entry).is_err()) {
            let detail =
                format!("an entry for {:x?} of record {}, which doesn't have it", entry.value, entry.file.record);
            self.report.broken(rule, index, index.map_or(0, |number| self.mft.offset(number)), detail);
        }
        for fact in of_files.iter().filter(|fact| entries.binary_search(fact).is_err()) {
            let number = fact.file.record;
            let detail = format!("the index has no entry for its {:x?}", fact.value);
            self.report.broken(rule, Some(number), self.mft.offset(number), detail);
        }
    }
}
