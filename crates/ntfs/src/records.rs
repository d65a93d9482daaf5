//! MFT records: the attributes of a file put into its base record and, where they need more room,
//! into extension records that an attribute list names.

use std::sync::Arc;

use nanovhd_tree::Source;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32, U64};

use crate::attribute::{Head, NonResident, Storage, StreamForm, pack, write_list_entry, write_resident};
use crate::error::WriteError;
use crate::files::{Attribute, Body, FileEntry, IndexContent, reparse_header};
use crate::flags;
use crate::format::{ATTRIBUTE_END, AttributeType, RecordHeader, STRIDE, align8, long, protect, record_flags, word};
use crate::slots::{Payload, Slot};
use crate::units::FileRef;
use crate::volume::Volume;

/// Gives the bytes of placements that lie in MFT records.
pub(crate) type Resident<'r> = &'r dyn Fn(usize) -> Option<Arc<[u8]>>;

/// Where the attributes of a file lie.
struct Packing {
    /// The record of each attribute: 0 for the base, then the extensions.
    records: Vec<u32>,
    /// The number of each attribute in its record.
    instances: Vec<u16>,
}

impl Packing {
    /// The attributes in each record, in their order.
    fn members(&self) -> Vec<Vec<usize>> {
        let mut members = vec![Vec::new(); self.records.iter().max().map_or(1, |&last| last as usize + 1)];
        for (i, &record) in self.records.iter().enumerate() {
            members[record as usize].push(i);
        }
        members
    }
}

/// What a record's header says.
struct Header {
    reference: FileRef,
    base: Option<FileRef>,
    links: u16,
    flags: u16,
    instances: u16,
}

impl Volume<'_> {
    /// The records of a file with their numbers, its base record first.
    pub(crate) fn records(&self, at: usize, resident: Resident<'_>) -> Result<Vec<(u32, Vec<u8>)>, WriteError> {
        let packing = self.packing(at);
        let attributes = self.attributes(at);
        let names = attributes.iter().filter(|a| a.kind == AttributeType::FileName).count();
        let links = u16::try_from(names).expect("an attribute list has at most 8192 names");
        let mut records = Vec::new();
        for (number, members) in (0..).zip(packing.members()) {
            let mut record = self.empty_record();
            for &i in &members {
                self.write_attribute(at, &attributes[i], packing.instances[i], resident, &mut record)?;
            }
            records.push(self.file_record(at, number, links, members.len(), record));
        }
        Ok(records)
    }

    /// The one record of a file that has no extensions, which are nearly all: the attributes are numbered
    /// as they come.
    pub(crate) fn only_record(&self, at: usize, resident: Resident<'_>) -> Result<(u32, Vec<u8>), WriteError> {
        let attributes = self.attributes(at);
        let mut record = self.empty_record();
        let mut links = 0;
        for (instance, attribute) in (0..).zip(&attributes) {
            links += u16::from(attribute.kind == AttributeType::FileName);
            self.write_attribute(at, attribute, instance, resident, &mut record)?;
        }
        Ok(self.file_record(at, 0, links, attributes.len(), record))
    }

    /// A record before its attributes.
    fn empty_record(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(self.geometry.record);
        record.resize(self.geometry.attributes_offset(), 0);
        record
    }

    /// Completes the record with this number among those of a file.
    fn file_record(&self, at: usize, number: u32, links: u16, members: usize, mut record: Vec<u8>) -> (u32, Vec<u8>) {
        let is_base = number == 0;
        let header = Header {
            reference: self.record_reference(at, number),
            base: (!is_base).then_some(self.files[at].reference),
            links: if is_base { links } else { 0 },
            flags: if is_base { self.record_flags(at) } else { record_flags::IN_USE },
            instances: word(members).get(),
        };
        self.finish_record(&mut record, &header);
        (header.reference.record, record)
    }

    /// A record that belongs to no file.
    pub(crate) fn free_record(&self, number: u64) -> Vec<u8> {
        let number = u32::try_from(number).expect("records are numbered in 32 bits");
        let mut record = self.empty_record();
        let reference = FileRef { record: number, sequence: 1 };
        self.finish_record(&mut record, &Header { reference, base: None, links: 0, flags: 0, instances: 0 });
        record
    }

    /// The attribute list of a file that has one.
    pub(crate) fn attribute_list(&self, at: usize) -> Vec<u8> {
        let packing = self.packing(at);
        let mut list = Vec::new();
        for (i, attribute) in self.attributes(at).iter().enumerate() {
            if attribute.kind != AttributeType::AttributeList {
                let record = self.record_reference(at, packing.records[i]);
                write_list_entry(attribute.kind, attribute.name, record, packing.instances[i], &mut list);
            }
        }
        list
    }

    fn record_reference(&self, at: usize, number: u32) -> FileRef {
        let FileEntry { reference, first_extension, .. } = self.files[at];
        let Some(extension) = number.checked_sub(1) else { return reference };
        FileRef { record: first_extension + extension, sequence: 1 }
    }

    fn packing(&self, at: usize) -> Packing {
        let shapes = self.attribute_shapes(at, Slot::stored_size);
        let records = pack(&shapes, self.geometry.attributes_room());
        debug_assert_eq!(records.iter().max(), Some(&self.files[at].extensions), "packed as planned");
        let mut next = vec![0; self.files[at].extensions as usize + 1];
        let instances = records
            .iter()
            .map(|&record| {
                let instance = next[record as usize];
                next[record as usize] += 1;
                instance
            })
            .collect();
        Packing { records, instances }
    }

    fn write_attribute(
        &self,
        at: usize,
        attribute: &Attribute<'_>,
        instance: u16,
        resident: Resident<'_>,
        record: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let Attribute { kind, name, body } = *attribute;
        let head = |form| Head { kind, name, form, instance };
        match body {
            Body::Value(value) => write_resident(&head(StreamForm::PLAIN), &self.value(at, value), record),
            Body::IndexRoot(i) => {
                let index = &self.indexes[i as usize];
                let entries = self.index_entries(index.content);
                let entry = |position| entries.at(position);
                let root = index.shape.root(entry, index.content.kind(), self.geometry.cluster);
                write_resident(&head(self.index_form(index.content)), &root, record);
            }
            Body::Slot(i) => {
                let slot = &self.slots[i as usize];
                let (lcn, clusters) = match slot.storage {
                    Storage::Resident => {
                        let value = self.resident_value(at, slot, resident)?;
                        write_resident(&head(slot.form), &value, record);
                        return Ok(());
                    }
                    Storage::Run { lcn, clusters } => (Some(lcn), clusters),
                    Storage::Hole { clusters } => (None, clusters),
                };
                let attribute = NonResident { head: head(slot.form), size: slot.size, lcn, clusters };
                attribute.write(self.geometry.cluster, record);
            }
        }
        Ok(())
    }

    /// How the root of an index is marked: a directory's says what its new files will be.
    fn index_form(&self, content: IndexContent) -> StreamForm {
        match content {
            IndexContent::Directory(id) => flags::form(self.tree.file(id), self.geometry.cluster),
            _ => StreamForm::PLAIN,
        }
    }

    fn resident_value(&self, at: usize, slot: &Slot<'_>, resident: Resident<'_>) -> Result<Vec<u8>, WriteError> {
        let mut value = match slot.payload {
            Payload::AttributeList => return Ok(self.attribute_list(at)),
            Payload::Bytes(number) => return Ok(self.bytes[number as usize].clone()),
            Payload::Reparse(reparse) => reparse_header(reparse),
            _ => Vec::new(),
        };
        let Some((content, _)) = slot.content() else { unreachable!("{:?} always lies in clusters", slot.payload) };
        match (slot.placement(), content.source()) {
            (Some(placement), _) => {
                let bytes = resident(placement).ok_or(WriteError::Missing(placement))?;
                let (expected, found) = (content.len(), bytes.len() as u64);
                if expected != found {
                    return Err(WriteError::Length { placement, expected, found });
                }
                value.extend_from_slice(&bytes);
            }
            (None, Source::Bytes(bytes)) => value.extend_from_slice(bytes),
            (None, _) => debug_assert!(content.is_empty(), "only empty contents have no placement"),
        }
        Ok(value)
    }

    /// Ends the attributes, fills in the header and protects the record.
    fn finish_record(&self, record: &mut Vec<u8>, header: &Header) {
        const USA_OFFSET: usize = size_of::<RecordHeader>();
        record.extend_from_slice(&ATTRIBUTE_END.to_le_bytes());
        let used = align8(record.len());
        record.resize(self.geometry.record, 0);
        let bytes = RecordHeader {
            magic: *b"FILE",
            usa_offset: word(USA_OFFSET),
            usa_count: word(self.geometry.record / STRIDE + 1),
            lsn: U64::new(0),
            sequence: U16::new(header.reference.sequence),
            links: U16::new(header.links),
            attributes: word(self.geometry.attributes_offset()),
            flags: U16::new(header.flags),
            used: long(used),
            allocated: long(self.geometry.record),
            base: header.base.map_or(U64::new(0), FileRef::to_disk),
            next_instance: U16::new(header.instances),
            pad: U16::new(0),
            number: U32::new(header.reference.record),
        };
        record[..USA_OFFSET].copy_from_slice(bytes.as_bytes());
        protect(record, USA_OFFSET);
    }
}
