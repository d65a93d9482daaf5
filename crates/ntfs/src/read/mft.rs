//! The master file table: finding it, and reading records from it.

use std::collections::BTreeSet;
use std::ops::Range;

use nanovhd_tree::{Finding, ReadAt};
use zerocopy::FromBytes;

use crate::format::{AttributeType, ListEntry};
use crate::read::ReadError;
use crate::read::boot::Boot;
use crate::read::record::{Attribute, Form, Record, Reference};
use crate::read::runs;
use crate::read::stream::{Measures, Piece, Stream, read_extents};
use crate::rule::{Fault, Rule};

/// The longest attribute list that Windows makes.
pub(crate) const MAX_LIST: usize = 0x4_0000;
/// Records are numbered in 32 bits on Windows.
const MAX_RECORDS: u64 = 1 << 32;

/// Bytes of the MFT that a scan reads at a time.
const SCAN_BYTES: usize = 1 << 20;

/// The MFT of a volume.
#[derive(Debug, Clone)]
pub(crate) struct Mft {
    pub(crate) boot: Boot,
    pub(crate) data: Stream,
    /// `$BITMAP` of the MFT: a bit for each record.
    pub(crate) bitmap: Stream,
}

impl Mft {
    /// Reads the MFT's own record and follows its attribute list, if it has one.
    pub(crate) fn open(volume: &impl ReadAt, boot: Boot) -> Result<Self, ReadError> {
        // The first record lies where the boot sector says; with it, the start of the table is known,
        // which is all that is needed to find the records that hold the rest of its runs.
        let offset = boot.cluster.offset(boot.mft);
        let mut bytes = vec![0; boot.record];
        read(volume, &mut bytes, offset)?;
        let corrupt = |fault: Fault| ReadError::Corrupt(fault.finding(Some(0), offset));
        let base = Record::parse(&mut bytes, 0).map_err(corrupt)?;
        let mut this = Self { boot, data: Stream::default(), bitmap: Stream::default() };
        let mut all = collect(base.attributes(), 0).map_err(corrupt)?;
        this.follow(&all)?;
        let mut extensions = Vec::new();
        if let Some(list) = attribute_list(&base).map_err(corrupt)? {
            // In the list's order, which is that of clusters: a record may lie in runs that only the ones
            // before it tell of.
            for reference in this.listed(volume, &base, &list)? {
                let (number, bytes) = this.extension(volume, &base, &list, reference)?;
                this.follow(&this.collect(&Record::again(&bytes, number))?)?;
                extensions.push((number, bytes));
            }
        }
        for (number, bytes) in &extensions {
            all.extend(this.collect(&Record::again(bytes, *number))?);
        }
        this.data = this.assemble(&all, AttributeType::Data)?;
        this.bitmap = this.assemble(&all, AttributeType::Bitmap)?;
        this.check()?;
        Ok(this)
    }

    /// Takes over the runs of the MFT that these attributes of one of its records tell of, and the
    /// sizes if they are there.
    fn follow(&mut self, attributes: &[Piece<'_>]) -> Result<(), ReadError> {
        for (record, piece) in attributes.iter().filter(|(_, a)| a.is(AttributeType::Data as u32, &[])) {
            let Form::NonResident { header, .. } = piece.form else { continue };
            let (first, next) = (header.lowest_vcn.get(), self.data.extents.last().map_or(0, |e| e.vcn + e.clusters));
            if first != next {
                let detail = format!("a piece of the MFT begins at cluster {first}, expected {next}");
                let fault = Fault::new(Rule::StreamPieces, piece.at + 0x10, detail);
                return Err(ReadError::Corrupt(self.finding(*record, fault)));
            }
            let decoded = runs::decode(piece, self.boot.clusters(), &mut self.data.extents);
            decoded.map_err(|fault| ReadError::Corrupt(self.finding(*record, fault)))?;
            if first == 0 {
                (self.data.size, self.data.initialized) = (header.size.get(), header.initialized.get());
            }
        }
        Ok(())
    }

    fn collect<'a>(&self, record: &Record<'a>) -> Result<Vec<Piece<'a>>, ReadError> {
        let pieces = collect(record.attributes(), record.number());
        pieces.map_err(|fault| ReadError::Corrupt(self.finding(record.number(), fault)))
    }

    /// The stream of this type without a name.
    fn assemble(&self, attributes: &[Piece<'_>], kind: AttributeType) -> Result<Stream, ReadError> {
        let mut pieces: Vec<_> = attributes.iter().filter(|(_, a)| a.is(kind as u32, &[])).copied().collect();
        let stream = Stream::assemble(&mut pieces, self.measures());
        stream.map_err(|(record, fault)| ReadError::Corrupt(self.finding(record, fault)))
    }

    /// Every record has its own place; else a few bytes could stand for any number of records.
    fn check(&self) -> Result<(), ReadError> {
        let corrupt = |rule: Rule, detail: &str| {
            ReadError::Corrupt(rule.finding(Some(0), self.boot.cluster.offset(self.boot.mft), detail))
        };
        let mut places: Vec<Range<u64>> = Vec::new();
        for extent in &self.data.extents {
            let Some(lcn) = extent.lcn else { return Err(corrupt(Rule::RunPlace, "the MFT has a hole")) };
            places.push(lcn.0..lcn.0 + extent.clusters);
        }
        places.sort_by_key(|place| place.start);
        if places.windows(2).any(|pair| pair[0].end > pair[1].start) {
            return Err(corrupt(Rule::RunPlace, "two runs of the MFT share clusters"));
        }
        if places.is_empty() || self.records() > MAX_RECORDS {
            return Err(corrupt(Rule::AttributeSizes, "the MFT has no records, or more than 2^32"));
        }
        if self.bitmap.size.saturating_mul(8) < self.records() {
            return Err(corrupt(Rule::MftBitmapSize, "the MFT's bitmap has fewer bits than there are records"));
        }
        Ok(())
    }

    /// What streams are checked against.
    pub(crate) fn measures(&self) -> Measures {
        Measures { cluster: self.boot.cluster, clusters: self.boot.clusters() }
    }

    /// How many records there are, in use or not.
    pub(crate) fn records(&self) -> u64 {
        self.data.initialized.min(self.data.size) / self.boot.record as u64
    }

    /// Where a record lies in the volume, in bytes; zero if it lies nowhere.
    pub(crate) fn offset(&self, number: u64) -> u64 {
        let cluster = self.boot.cluster;
        let Some(at) = number.checked_mul(self.boot.record as u64) else { return 0 };
        let vcn = at / cluster.bytes();
        let extents = &self.data.extents;
        let extent = extents.get(extents.partition_point(|e| e.vcn + e.clusters <= vcn));
        let lcn = extent.and_then(|e| Some((e, e.lcn?)));
        lcn.map_or(0, |(e, lcn)| cluster.offset(lcn) + (at - e.vcn * cluster.bytes()))
    }

    /// A fault in a record, with its place.
    pub(crate) fn finding(&self, record: u64, fault: Fault) -> Finding {
        fault.finding(Some(record), self.offset(record))
    }

    /// Reads the bytes of record `number`, as they lie on the volume.
    pub(crate) fn read_record(&self, volume: &impl ReadAt, number: u64) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; self.boot.record];
        self.read_records(volume, number, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buf` with records from `first` on.
    pub(crate) fn read_records(&self, volume: &impl ReadAt, first: u64, buf: &mut [u8]) -> Result<(), ReadError> {
        read_extents(volume, &self.data.extents, self.boot.cluster, first * self.boot.record as u64, buf)
            .map_err(|source| ReadError::Io { offset: self.offset(first), source })
    }

    /// The extension records that an attribute list of `base` names, each once, checked to belong to
    /// it, with their update sequences undone.
    pub(crate) fn extensions(
        &self,
        volume: &impl ReadAt,
        base: &Record<'_>,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        let list = attribute_list(base).map_err(|fault| ReadError::Corrupt(self.finding(base.number(), fault)))?;
        let Some(list) = list else { return Ok(Vec::new()) };
        let listed = self.listed(volume, base, &list)?;
        listed.into_iter().map(|reference| self.extension(volume, base, &list, reference)).collect()
    }

    /// The records that an attribute list of `base` names beside itself, each once, in the list's order.
    fn listed(
        &self,
        volume: &impl ReadAt,
        base: &Record<'_>,
        list: &Attribute<'_>,
    ) -> Result<Vec<Reference>, ReadError> {
        let bytes = self.list_bytes(volume, base, list)?;
        let (mut records, mut seen) = (Vec::new(), BTreeSet::from([base.reference()]));
        for entry in list_entries(&bytes) {
            let entry = entry
                .map_err(|fault| ReadError::Corrupt(self.finding(base.number(), Fault { at: list.at, ..fault })))?;
            let reference = Reference::from_disk(entry.header.record.get());
            if seen.insert(reference) {
                records.push(reference);
            }
        }
        Ok(records)
    }

    /// Reads an extension record of `base` that its attribute list names.
    pub(crate) fn extension(
        &self,
        volume: &impl ReadAt,
        base: &Record<'_>,
        list: &Attribute<'_>,
        wanted: Reference,
    ) -> Result<(u64, Vec<u8>), ReadError> {
        let not_ours = |detail: String| {
            ReadError::Corrupt(self.finding(base.number(), Fault::new(Rule::ListRecord, list.at, detail)))
        };
        if wanted.record >= self.records() {
            return Err(not_ours(format!(
                "the attribute list names record {}, of {}",
                wanted.record,
                self.records()
            )));
        }
        let mut bytes = self.read_record(volume, wanted.record)?;
        let record = Record::parse(&mut bytes, wanted.record)
            .map_err(|fault| ReadError::Corrupt(self.finding(wanted.record, fault)))?;
        let owner = Reference::from_disk(record.header().base.get());
        if !record.in_use() || record.reference() != wanted || owner != base.reference() {
            return Err(not_ours(format!(
                "the attribute list names record {} with sequence number {}, which belongs to record {}",
                wanted.record, wanted.sequence, owner.record
            )));
        }
        Ok((wanted.record, bytes))
    }

    /// The bytes of an attribute list.
    pub(crate) fn list_bytes(
        &self,
        volume: &impl ReadAt,
        base: &Record<'_>,
        list: &Attribute<'_>,
    ) -> Result<Vec<u8>, ReadError> {
        if let Some(value) = list.value() {
            return Ok(value.to_vec());
        }
        let stream = Stream::assemble(&mut [(base.number(), *list)], self.measures())
            .map_err(|(record, fault)| ReadError::Corrupt(self.finding(record, fault)))?;
        let bytes = stream.read_all(volume, self.boot.cluster, MAX_LIST);
        let bytes = bytes.map_err(|source| ReadError::Io { offset: self.offset(base.number()), source })?;
        bytes.ok_or_else(|| {
            let detail = format!("an attribute list of {} bytes; the most is {MAX_LIST}", stream.size);
            ReadError::Corrupt(self.finding(base.number(), Fault::new(Rule::ListEntry, list.at, detail)))
        })
    }

    /// Calls `each` for every record that the MFT's bitmap says is in use, in their order, with the
    /// bytes as they lie on the volume.
    pub(crate) fn scan<E: From<ReadError>>(
        &self,
        volume: &impl ReadAt,
        mut each: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let per_read = (SCAN_BYTES / self.boot.record) as u64;
        let mut records = vec![0; SCAN_BYTES];
        let mut bits = vec![0; SCAN_BYTES / self.boot.record / 8];
        for first in (0..self.records()).step_by(SCAN_BYTES / self.boot.record) {
            let count = per_read.min(self.records() - first);
            self.bitmap
                .read_at(volume, self.boot.cluster, first / 8, &mut bits)
                .map_err(|source| ReadError::Io { offset: self.offset(0), source })?;
            if bits.iter().all(|byte| *byte == 0) {
                continue;
            }
            let length = usize::try_from(count).expect("at most SCAN_BYTES of records") * self.boot.record;
            self.read_records(volume, first, &mut records[..length])?;
            let in_use = |i: usize| bits[i / 8] & (1 << (i % 8)) != 0;
            let numbered = (first..).zip(records[..length].chunks_exact_mut(self.boot.record)).enumerate();
            for (_, (number, bytes)) in numbered.filter(|(i, _)| in_use(*i)) {
                each(number, bytes)?;
            }
        }
        Ok(())
    }
}

/// The attribute list of a base record.
pub(crate) fn attribute_list<'a>(base: &Record<'a>) -> Result<Option<Attribute<'a>>, Fault> {
    for attribute in base.attributes() {
        let attribute = attribute?;
        if attribute.kind == AttributeType::AttributeList as u32 {
            return Ok(Some(attribute));
        }
    }
    Ok(None)
}

/// The attributes of a record as pieces; a fault ends it all.
pub(crate) fn collect<'a>(
    attributes: impl Iterator<Item = Result<Attribute<'a>, Fault>>,
    record: u64,
) -> Result<Vec<Piece<'a>>, Fault> {
    attributes.map(|attribute| Ok((record, attribute?))).collect()
}

/// An entry of an attribute list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed<'a> {
    /// Where it begins in the list.
    pub(crate) at: usize,
    pub(crate) header: &'a ListEntry,
    /// In UTF-16, little-endian.
    pub(crate) name: &'a [u8],
}

/// The entries of an attribute list; a fault, whose place counts from the list's start, ends them.
pub(crate) fn list_entries(list: &[u8]) -> impl Iterator<Item = Result<Listed<'_>, Fault>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = list.get(at..).filter(|rest| !<[u8]>::is_empty(rest))?;
        let entry = list_entry(rest, at);
        at += entry.as_ref().map_or(rest.len(), |entry| usize::from(entry.header.length.get()));
        Some(entry)
    })
}

fn list_entry(rest: &[u8], at: usize) -> Result<Listed<'_>, Fault> {
    let fault = |detail: String| Fault::new(Rule::ListEntry, at, detail);
    let (header, _) = ListEntry::ref_from_prefix(rest)
        .map_err(|_| fault(format!("{} bytes are too few for an entry", rest.len())))?;
    let length = usize::from(header.length.get());
    let name_at = usize::from(header.name_offset);
    let whole = rest.get(..length).filter(|_| length % 8 == 0 && length >= size_of::<ListEntry>());
    let name = whole.and_then(|whole| match 2 * usize::from(header.name_units) {
        0 => Some(&[][..]),
        bytes => whole.get(name_at..)?.get(..bytes),
    });
    let name = name.ok_or_else(|| {
        fault(format!(
            "an entry of {length} bytes with a name of {} units at {name_at:#x}, where {} are left",
            header.name_units,
            rest.len()
        ))
    })?;
    Ok(Listed { at, header, name })
}

/// Fills `buf` from byte `offset` of the volume.
pub(crate) fn read(volume: &impl ReadAt, buf: &mut [u8], offset: u64) -> Result<(), ReadError> {
    volume.read_exact_at(buf, offset).map_err(|source| ReadError::Io { offset, source })
}
