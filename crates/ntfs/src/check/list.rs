//! Attribute lists: what they say, and whether it is so.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use nanovhd_tree::ReadAt;

use crate::format::AttributeType;
use crate::read::ReadError;
use crate::read::mft::{Listed, attribute_list, list_entries};
use crate::read::record::{Attribute, Form, Record, Reference};
use crate::read::stream::{Piece, lowest_vcn};
use crate::rule::Rule;

use super::Checker;
use super::facts::narrow;

/// Records that a list may name wrongly before the rest of them is left alone.
const MOST_WRONG: usize = 16;

/// An attribute list with the records that it leads to.
pub(super) struct List {
    pub(super) bytes: Vec<u8>,
    /// Where a finding about it lies in the volume: its first byte, or its attribute.
    offset: u64,
    /// With their update sequences undone.
    pub(super) extensions: Vec<(u64, Vec<u8>)>,
}

impl<R: ReadAt> Checker<'_, R> {
    /// Reads the attribute list of a base record, if it has one, and the records that it names.
    pub(super) fn list(&mut self, base: &Record<'_>) -> io::Result<Option<List>> {
        // A fault in the attributes is told when they are looked at one by one.
        let Ok(Some(attribute)) = attribute_list(base) else { return Ok(None) };
        let Some(bytes) = self.list_bytes(base, &attribute)? else { return Ok(None) };
        let at = match attribute.form {
            Form::Resident { at, .. } => at,
            Form::NonResident { .. } => attribute.at,
        };
        let mut list = List { bytes, offset: self.mft.offset(base.number()) + at as u64, extensions: Vec::new() };
        let mut records = BTreeSet::new();
        for entry in list_entries(&list.bytes) {
            match entry {
                Ok(entry) => records.insert(Reference::from_disk(entry.header.record.get())),
                Err(fault) => {
                    self.report.fault(Some(base.number()), list.offset, fault);
                    break;
                }
            };
        }
        records.remove(&base.reference());
        let mut wrong = 0;
        for reference in records {
            match self.mft.extension(self.volume, base, &attribute, reference) {
                Ok(extension) => {
                    self.facts.listed.push(narrow(extension.0));
                    list.extensions.push(extension);
                }
                other => {
                    self.report.accept(other)?;
                    wrong += 1;
                }
            }
            if wrong > MOST_WRONG {
                break;
            }
        }
        Ok(Some(list))
    }

    fn list_bytes(&mut self, base: &Record<'_>, attribute: &Attribute<'_>) -> io::Result<Option<Vec<u8>>> {
        // A list has an entry for each attribute, and none is much longer than its attribute: all
        // lists together are shorter than twice the MFT, unless several files claim the same one.
        if self.list_bytes > 2 * self.mft.data.size {
            let detail = "the attribute lists of the volume are longer than all records";
            self.report.broken(Rule::ListEntry, Some(base.number()), self.mft.offset(base.number()), detail);
            return Ok(None);
        }
        let bytes = self.mft.list_bytes(self.volume, base, attribute);
        // What is wrong with its clusters is told when its attribute is looked at.
        if let Err(ReadError::Corrupt(finding)) = &bytes
            && finding.rule != Rule::ListEntry.name()
        {
            return Ok(None);
        }
        let bytes = self.report.accept(bytes)?;
        self.list_bytes += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(bytes)
    }

    /// Compares a list with the attributes of the records that it names.
    pub(super) fn compare_list(&mut self, base: &Record<'_>, list: &List, pieces: &[Piece<'_>]) {
        let mut found: BTreeMap<(u64, u16), (&Attribute<'_>, bool)> = BTreeMap::new();
        for (record, attribute) in pieces.iter().filter(|(_, a)| a.kind != AttributeType::AttributeList as u32) {
            found.insert((*record, attribute.instance), (attribute, false));
        }
        let mut previous: Option<Listed<'_>> = None;
        for entry in list_entries(&list.bytes).map_while(Result::ok) {
            let offset = list.offset + entry.at as u64;
            if previous.is_some_and(|before| self.piece_order(key(&before), key(&entry)).is_gt()) {
                let detail = "the entry stands behind one that it should precede";
                self.report.broken(Rule::ListOrder, Some(base.number()), offset, detail);
            }
            previous = Some(entry);
            let record = Reference::from_disk(entry.header.record.get()).record;
            let named = found.get_mut(&(record, entry.header.instance.get()));
            match named
                .filter(|(attribute, _)| (attribute.kind, attribute.name, lowest_vcn(attribute)) == key(&entry))
            {
                Some((_, listed)) if !*listed => *listed = true,
                _ => {
                    let detail = format!(
                        "type {:#x}, number {} in record {record}: there is no such attribute, or it is listed twice",
                        entry.header.kind.get(),
                        entry.header.instance.get()
                    );
                    self.report.broken(Rule::ListAttribute, Some(base.number()), offset, detail);
                }
            }
        }
        for ((record, instance), (attribute, _)) in found.iter().filter(|(_, (_, listed))| !listed) {
            let detail = format!("type {:#x}, number {instance}, is not in the file's list", attribute.kind);
            let offset = self.mft.offset(*record) + attribute.at as u64;
            self.report.broken(Rule::ListMissing, Some(*record), offset, detail);
        }
    }
}

/// What entries are sorted by.
fn key<'a>(entry: &Listed<'a>) -> (u32, &'a [u8], u64) {
    (entry.header.kind.get(), entry.name, entry.header.lowest_vcn.get())
}
