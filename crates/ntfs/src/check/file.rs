//! A file: all attributes of its records, together.

use std::io;

use nanovhd_tree::{Attributes, ReadAt};
use zerocopy::FromBytes;

use crate::format::{AttributeType, StandardInformation, name_flags, record_flags};
use crate::names::Namespace;
use crate::read::record::{Form, Record, name_is};
use crate::read::stream::{Piece, lowest_vcn};
use crate::rule::{Fault, Rule};
use crate::system::{SystemFile, wide};

use super::Checker;
use super::facts::{Copied, FileFact, NameFact, Tagged, narrow};
use super::index::IndexParts;
use super::record::SECURITY_DESCRIPTOR;
use super::stream::Value;
use super::value::{self, FileName};

/// The name of a directory's index.
pub(super) const I30: [u16; 4] = wide(b"$I30");
/// The name of the stream of all descriptors.
const SDS: [u16; 4] = wide(b"$SDS");

/// What `$STANDARD_INFORMATION` says.
#[derive(Debug, Clone, Copy, Default)]
struct Information {
    /// When the file was made.
    created: u64,
    attributes: u32,
    /// The id of the descriptor, or zero.
    security: u32,
}

/// A file on its way through the checks.
pub(super) struct File<'a> {
    pub(super) base: Record<'a>,
    information: Option<Information>,
    pub(super) names: Vec<FileName<'a>>,
    /// The unnamed stream: its value and the bytes that it takes.
    pub(super) data: Option<(Value<'a>, u64)>,
    /// Its other streams, with their names.
    pub(super) named: Vec<(&'a [u8], Value<'a>)>,
    pub(super) indexes: Vec<IndexParts<'a>>,
    pub(super) volume_information: Option<&'a [u8]>,
    reparse_tag: Option<u32>,
    ea_information: Option<&'a [u8]>,
    ea: Option<Vec<u8>>,
}

impl<R: ReadAt> Checker<'_, R> {
    /// Checks the file whose base record is `base`.
    pub(super) fn file(&mut self, base: &Record<'_>) -> io::Result<()> {
        let list = self.list(base)?;
        let mut pieces = Vec::with_capacity(8);
        self.attributes(base, &mut pieces);
        if let Some(list) = &list {
            for (number, bytes) in &list.extensions {
                self.attributes(&Record::again(bytes, *number), &mut pieces);
            }
            self.compare_list(base, list, &pieces);
        }
        pieces.sort_by_key(|(record, a)| (a.kind, a.name, lowest_vcn(a), *record, a.at));
        let mut file = File::new(base);
        for same in pieces.chunk_by_mut(|(_, a), (_, b)| (a.kind, a.name) == (b.kind, b.name)) {
            self.take(&mut file, same)?;
        }
        self.finish(&file)
    }

    /// Takes the attributes of one type and name: several names, or the pieces of one value.
    fn take<'a>(&mut self, file: &mut File<'a>, same: &mut [Piece<'a>]) -> io::Result<()> {
        use AttributeType as A;
        const FILE_NAME: u32 = A::FileName as u32;
        let (kind, name) = (same[0].1.kind, same[0].1.name);
        if kind == FILE_NAME {
            for piece in same.iter() {
                self.take_name(file, piece);
            }
            return Ok(());
        }
        let value = self.value(same);
        let first = same[0];
        match kind {
            kind if kind == A::StandardInformation as u32 => self.take_information(file, &first),
            kind if kind == A::ObjectId as u32 => self.take_object_id(file, &first),
            kind if kind == A::VolumeInformation as u32 => file.volume_information = first.1.value(),
            SECURITY_DESCRIPTOR => {
                if let Some(bytes) = self.whole(&value, &first, 0x1_0000, Rule::Descriptor)? {
                    self.check_descriptor(&bytes, Some(first.0), self.mft.offset(first.0) + first.1.at as u64);
                }
            }
            kind if kind == A::Data as u32 => self.take_data(file, name, &first, value),
            kind if kind == A::IndexRoot as u32 => file.index(name).root = Some(first),
            kind if kind == A::IndexAllocation as u32 => file.index(name).blocks = Some(value),
            kind if kind == A::Bitmap as u32 && file.base.number() != SystemFile::Mft as u64 => {
                file.index(name).bitmap = Some(value);
            }
            kind if kind == A::ReparsePoint as u32 => self.take_reparse(file, &first, &value)?,
            kind if kind == A::EaInformation as u32 => file.ea_information = first.1.value(),
            kind if kind == A::Ea as u32 => file.ea = self.whole(&value, &first, value::MAX_EA, Rule::EaForm)?,
            _ => {}
        }
        Ok(())
    }

    fn take_name<'a>(&mut self, file: &mut File<'a>, (record, piece): &Piece<'a>) {
        let offset = self.mft.offset(*record) + piece.at as u64;
        let (Form::Resident { value, at, .. }, number) = (piece.form, Some(*record)) else { return };
        match value::file_name(value) {
            Ok(name) => {
                for fault in name.faults() {
                    self.report.fault(number, self.mft.offset(*record) + at as u64, fault);
                }
                file.names.push(name);
            }
            Err(fault) => self.report.fault(number, offset, fault),
        }
    }

    fn take_information<'a>(&mut self, file: &mut File<'a>, (record, piece): &Piece<'a>) {
        let offset = self.mft.offset(*record);
        match crate::read::files::standard_information(piece.value()) {
            Ok((_, times, security)) => {
                // The reader leaves out the bits that are the file system's own.
                let value = piece.value().unwrap_or_default();
                let attributes = StandardInformation::read_from_prefix(value).map(|(i, _)| i.attributes.get());
                let old = value.get(0x20..0x24).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                file.information = Some(Information {
                    created: times.created.0,
                    attributes: attributes.ok().or(old).unwrap_or_default(),
                    security: security.unwrap_or_default(),
                });
            }
            Err(fault) => self.report.fault(Some(*record), offset, fault.within(piece.at)),
        }
        if *record != file.base.number() {
            let fault = Fault::new(Rule::StandardInformation, piece.at, "it is not in the base record");
            self.report.fault(Some(*record), offset, fault);
        }
    }

    fn take_object_id<'a>(&mut self, file: &mut File<'a>, (record, piece): &Piece<'a>) {
        match crate::read::files::object_id(piece.value()) {
            Ok(id) => {
                self.facts.object_ids.push(Tagged { value: id.object, file: file.base.reference() });
            }
            Err(fault) => self.report.fault(Some(*record), self.mft.offset(*record), fault.within(piece.at)),
        }
    }

    fn take_data<'a>(&mut self, file: &mut File<'a>, name: &'a [u8], first: &Piece<'a>, value: Value<'a>) {
        let total = match first.1.form {
            Form::NonResident { header, total, .. } => total.unwrap_or(header.allocated.get()),
            // What a record gives to a value.
            Form::Resident { value, .. } => value.len().next_multiple_of(8) as u64,
        };
        if !name.is_empty() {
            if file.base.number() == SystemFile::Secure as u64 && name_is(name, &SDS) {
                self.facts.sds = value.stream().cloned();
            }
            file.named.push((name, value));
            return;
        }
        let slot = usize::try_from(file.base.number()).ok().and_then(|n| self.facts.system.get_mut(n));
        if let (Some(slot), Value::Stream(stream)) = (slot, &value) {
            *slot = Some(stream.clone());
        }
        file.data = Some((value, total));
    }

    fn take_reparse<'a>(&mut self, file: &mut File<'a>, first: &Piece<'a>, value: &Value<'a>) -> io::Result<()> {
        let Some(bytes) = self.whole(value, first, value::MAX_REPARSE, Rule::ReparseForm)? else { return Ok(()) };
        match crate::read::files::reparse(&bytes) {
            Ok(reparse) => {
                file.reparse_tag = Some(reparse.tag);
                self.facts.reparses.push(Tagged { value: reparse.tag, file: file.base.reference() });
            }
            Err(fault) => {
                self.report.fault(Some(first.0), self.mft.offset(first.0), fault.within(first.1.at));
            }
        }
        Ok(())
    }

    /// Checks what the attributes of a file say together.
    fn finish(&mut self, file: &File<'_>) -> io::Result<()> {
        let (number, offset) = (file.base.number(), self.mft.offset(file.base.number()));
        if file.information.is_none() {
            let detail = "the file has no readable $STANDARD_INFORMATION";
            self.report.broken(Rule::StandardInformation, Some(number), offset, detail);
        }
        let reparse = Attributes::REPARSE_POINT.0;
        let attributes = file.information.map(|information| information.attributes);
        let marked = attributes.filter(|bits| (bits & reparse != 0) != file.reparse_tag.is_some());
        if let Some(bits) = marked {
            let has = if file.reparse_tag.is_some() { "has" } else { "doesn't have" };
            let detail = format!("attributes {bits:#010x}, but the file {has} a reparse point");
            self.report.broken(Rule::ReparseFlag, Some(number), offset, detail);
        }
        self.check_header(file, offset);
        self.check_ea(file, offset);
        self.check_links(file);
        self.check_system_file(file);
        self.keep(file);
        for index in &file.indexes {
            self.index(file, index)?;
        }
        Ok(())
    }

    /// Compares what the header of the base record says of a file with its attributes.
    fn check_header(&mut self, file: &File<'_>, offset: u64) {
        let mut broken = |rule, at: u64, detail: String| {
            self.report.broken(rule, Some(file.base.number()), offset + at, detail);
        };
        let header = file.base.header();
        let (links, names) = (usize::from(header.links.get()), file.names.len());
        if links != names {
            broken(Rule::RecordLinkCount, 0x12, format!("{names} names, but the link count is {links}"));
        }
        let flags = header.flags.get();
        let (directory, view) = (file.has_index(true), file.has_index(false));
        for (rule, bit, has, what) in [
            (Rule::RecordDirectory, record_flags::DIRECTORY, directory, "an index of names"),
            (Rule::RecordView, record_flags::VIEW_INDEX, view, "a view index"),
        ] {
            if has != (flags & bit != 0) {
                let has = if has { "has" } else { "doesn't have" };
                broken(rule, 0x16, format!("flags {flags:#06x}, but the file {has} {what}"));
            }
        }
        if file.data.is_some() == (directory || view) {
            let (index, data) = if file.data.is_some() { ("an", "with") } else { ("no", "without") };
            broken(Rule::DataStream, 0, format!("a file with {index} index is {data} unnamed $DATA"));
        }
    }

    fn check_ea(&mut self, file: &File<'_>, offset: u64) {
        let fault = match (file.ea_information, &file.ea) {
            (None, None) => return,
            (information, Some(ea)) => value::check_ea(information, ea).err(),
            (Some(_), None) => Some(Fault::new(Rule::EaInformation, 0, "there is $EA_INFORMATION without $EA")),
        };
        if let Some(fault) = fault {
            self.report.fault(Some(file.base.number()), offset, Fault { at: 0, ..fault });
        }
    }

    /// Whether the names of a file go together.
    fn check_links(&mut self, file: &File<'_>) {
        let number = file.base.number();
        let offset = self.mft.offset(number);
        let count = |namespace: Namespace| file.names.iter().filter(|name| name.namespace == namespace as u8).count();
        let (win32, dos, both) = (count(Namespace::Win32), count(Namespace::Dos), count(Namespace::Win32AndDos));
        let of = |namespace: Namespace| {
            file.names.iter().find(|name| name.namespace == namespace as u8).map(|name| name.parent)
        };
        let apart = dos == 1 && win32 == 1 && of(Namespace::Win32) != of(Namespace::Dos);
        // A name of the Win32 space stands for all of its kind only beside its 8.3 name.
        if dos + both > 1 || win32 != dos || apart {
            let detail = format!("{win32} Win32 names, {dos} DOS names, {both} that are both");
            self.report.broken(Rule::FileNamePair, Some(number), offset, detail);
        }
        let names = file.names.len() - dos;
        if file.base.is_directory() && names > 1 {
            self.report.broken(Rule::DirectoryNames, Some(number), offset, format!("a directory with {names} names"));
        }
        if names == 0 && number >= FIRST_NAMED {
            self.report.broken(Rule::FileNameless, Some(number), offset, "the file has no name");
        }
    }

    /// Keeps the facts of a file.
    fn keep(&mut self, file: &File<'_>) {
        let directory = file.has_index(true);
        let record = narrow(file.base.number());
        let Information { created, attributes, security } = file.information.unwrap_or_default();
        let long = || file.names.iter().filter(|name| name.namespace != Namespace::Dos as u8);
        let index = if directory { name_flags::DIRECTORY } else { 0 };
        // The tag has the field to itself where there is one.
        let packed = || file.ea_information.and_then(|b| b.first_chunk()).map(|b| u32::from(u16::from_le_bytes(*b)));
        self.facts.files.push(FileFact {
            record,
            sequence: file.base.reference().sequence,
            directory,
            single: long().count() == 1,
            parent: long().next().map_or(u32::MAX, |name| narrow(name.parent.record)),
            security,
            copied: Copied {
                created,
                allocated: file.data.as_ref().map_or(0, |(_, allocated)| *allocated),
                size: file.data.as_ref().map_or(0, |(value, _)| value.size()),
                attributes: attributes & !Attributes::NORMAL.0 | index,
                tag: file.reparse_tag.or_else(packed).unwrap_or_default(),
            },
        });
        self.facts.names.extend(file.names.iter().map(|name| NameFact {
            parent: narrow(name.parent.record),
            file: record,
            hash: name.hash(),
            parent_sequence: name.parent.sequence,
        }));
    }
}

/// Records below this need no name.
const FIRST_NAMED: u64 = 24;

impl<'a> File<'a> {
    fn new(base: &Record<'a>) -> Self {
        Self {
            base: *base,
            information: None,
            names: Vec::new(),
            data: None,
            named: Vec::new(),
            indexes: Vec::new(),
            volume_information: None,
            reparse_tag: None,
            ea_information: None,
            ea: None,
        }
    }

    /// The parts of the index with this name.
    fn index(&mut self, name: &'a [u8]) -> &mut IndexParts<'a> {
        let known = self.indexes.iter().position(|index| index.name == name);
        let at = known.unwrap_or_else(|| {
            self.indexes.push(IndexParts { name, root: None, blocks: None, bitmap: None });
            self.indexes.len() - 1
        });
        &mut self.indexes[at]
    }

    /// Whether the file has the index of a directory, or one that is not of names.
    fn has_index(&self, of_names: bool) -> bool {
        self.indexes.iter().any(|index| index.root.is_some() && name_is(index.name, &I30) == of_names)
    }
}
