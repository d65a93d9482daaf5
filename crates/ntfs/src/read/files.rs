//! What the records of one file say of it.

use std::sync::Arc;

use nanovhd_tree::{Attributes, ExtendedAttribute, Filetime, Metadata, Name, ObjectId, ReadAt, Reparse, Times};
use zerocopy::FromBytes;

use crate::format::{AttributeType, EaHeader, FileNameHeader, ReparseHeader, StandardInformation};
use crate::names::Namespace;
use crate::read::mft::Mft;
use crate::read::record::{Record, Reference, units};
use crate::read::stream::{Piece, Stream};
use crate::read::{OLD_STANDARD_INFORMATION, ReadError};
use crate::rule::{Fault, Rule};

/// The longest reparse point with its header. [MS-FSCC] 2.1.2.
const MAX_REPARSE: usize = 0x4000;
/// The longest extended attributes of a file together.
const MAX_EA: usize = 0x1_0000;

/// `$SECURITY_DESCRIPTOR`, where files that don't share theirs have it.
const SECURITY_DESCRIPTOR: u32 = 0x50;

/// A file as its records describe it.
#[derive(Debug)]
pub(crate) struct FileFacts {
    pub(crate) reference: Reference,
    pub(crate) directory: bool,
    /// All but security and streams.
    pub(crate) metadata: Metadata,
    pub(crate) security: Security,
    /// The unnamed stream.
    pub(crate) data: Option<Value>,
    pub(crate) streams: Vec<(Name, Value)>,
    pub(crate) names: Vec<NameFact>,
}

/// Where a file's security descriptor is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Security {
    None,
    /// In `$Secure`, under this id.
    Shared(u32),
    /// With the file.
    Own(Vec<u8>),
}

/// A value: in its record, or in clusters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Resident(Arc<[u8]>),
    Stream(Stream),
}

/// A `$FILE_NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NameFact {
    pub(crate) parent: Reference,
    pub(crate) namespace: u8,
    pub(crate) name: Name,
}

/// Reads the file whose base record is `base`.
pub(crate) fn read(volume: &impl ReadAt, mft: &Mft, base: &Record<'_>) -> Result<FileFacts, ReadError> {
    let extensions = mft.extensions(volume, base)?;
    let mut pieces = attributes(mft, base, &extensions)?;
    let mut reader = FileReader { volume, mft, facts: FileFacts::new(base), informed: false };
    for same in pieces.chunk_by_mut(|(_, a), (_, b)| (a.kind, a.name) == (b.kind, b.name)) {
        reader.take(same)?;
    }
    if !reader.informed {
        let fault = Fault::new(Rule::StandardInformation, 0, "the file has no $STANDARD_INFORMATION");
        return Err(ReadError::Corrupt(mft.finding(base.number(), fault)));
    }
    Ok(reader.facts)
}

/// All attributes of a file by type and name, from its base record and the extensions that
/// [`Mft::extensions`] found.
pub(crate) fn attributes<'a>(
    mft: &Mft,
    base: &Record<'a>,
    extensions: &'a [(u64, Vec<u8>)],
) -> Result<Vec<Piece<'a>>, ReadError> {
    let mut pieces = Vec::with_capacity(8);
    for record in std::iter::once(*base).chain(extensions.iter().map(|(number, bytes)| Record::again(bytes, *number)))
    {
        for attribute in record.attributes() {
            pieces
                .push((record.number(), attribute.map_err(|f| ReadError::Corrupt(mft.finding(record.number(), f)))?));
        }
    }
    pieces.sort_by_key(|(_, a)| (a.kind, a.name));
    Ok(pieces)
}

impl FileFacts {
    fn new(base: &Record<'_>) -> Self {
        Self {
            reference: base.reference(),
            directory: base.is_directory(),
            metadata: Metadata::default(),
            security: Security::None,
            data: None,
            streams: Vec::new(),
            names: Vec::new(),
        }
    }
}

struct FileReader<'a, R> {
    volume: &'a R,
    mft: &'a Mft,
    facts: FileFacts,
    /// Whether `$STANDARD_INFORMATION` was found.
    informed: bool,
}

impl<R: ReadAt> FileReader<'_, R> {
    /// Takes the attributes of one type and name: several names, or the pieces of one stream.
    fn take(&mut self, same: &mut [Piece<'_>]) -> Result<(), ReadError> {
        let (record, first) = same[0];
        let corrupt = |(record, fault)| ReadError::Corrupt(self.mft.finding(record, fault));
        let at_first = |fault: Fault| corrupt((record, fault.within(first.at)));
        const STANDARD_INFORMATION: u32 = AttributeType::StandardInformation as u32;
        const FILE_NAME: u32 = AttributeType::FileName as u32;
        const OBJECT_ID: u32 = AttributeType::ObjectId as u32;
        const DATA: u32 = AttributeType::Data as u32;
        const REPARSE_POINT: u32 = AttributeType::ReparsePoint as u32;
        const EA: u32 = AttributeType::Ea as u32;
        match first.kind {
            STANDARD_INFORMATION => {
                let (attributes, times, security) = standard_information(first.value()).map_err(at_first)?;
                (self.facts.metadata.attributes, self.facts.metadata.times) = (
                    // A reparse attribute says itself that it is there.
                    attributes.with(self.facts.metadata.attributes),
                    times,
                );
                if let Some(id) = security {
                    self.facts.security = Security::Shared(id);
                }
                self.informed = true;
            }
            FILE_NAME => {
                for (record, piece) in same {
                    let name = file_name(piece.value())
                        .map_err(|fault| ReadError::Corrupt(self.mft.finding(*record, fault.within(piece.at))))?;
                    self.facts.names.push(name);
                }
            }
            OBJECT_ID => self.facts.metadata.object_id = Some(object_id(first.value()).map_err(at_first)?),
            SECURITY_DESCRIPTOR if self.facts.security == Security::None => {
                self.facts.security = Security::Own(self.whole(same, 0x1_0000, Rule::SecurityStream)?);
            }
            DATA => {
                let name = Name::from_units(units(first.name).collect::<Vec<_>>());
                let value = self.value(same)?;
                if name.is_empty() {
                    self.facts.data = Some(value);
                } else {
                    self.facts.streams.push((name, value));
                }
            }
            REPARSE_POINT => {
                let bytes = self.whole(same, MAX_REPARSE, Rule::ReparseForm)?;
                let reparse = reparse(&bytes)
                    .map_err(|fault| ReadError::Corrupt(self.mft.finding(record, fault.within(first.at))))?;
                self.facts.metadata.reparse = Some(reparse);
                let attributes = &mut self.facts.metadata.attributes;
                *attributes = attributes.with(Attributes::REPARSE_POINT);
            }
            EA => {
                let bytes = self.whole(same, MAX_EA, Rule::EaForm)?;
                let list = extended_attributes(&bytes)
                    .map_err(|fault| ReadError::Corrupt(self.mft.finding(record, fault.within(first.at))))?;
                self.facts.metadata.extended_attributes = list;
            }
            _ => {}
        }
        Ok(())
    }

    fn value(&self, same: &mut [Piece<'_>]) -> Result<Value, ReadError> {
        if let [(_, only)] = same
            && let Some(value) = only.value()
        {
            return Ok(Value::Resident(value.into()));
        }
        let stream = Stream::assemble(same, self.mft.measures());
        stream.map(Value::Stream).map_err(|(record, fault)| ReadError::Corrupt(self.mft.finding(record, fault)))
    }

    /// The bytes of a value that is at most `limit` bytes long.
    fn whole(&self, same: &mut [Piece<'_>], limit: usize, rule: Rule) -> Result<Vec<u8>, ReadError> {
        let (record, at) = (same[0].0, same[0].1.at);
        let stream = match self.value(same)? {
            Value::Resident(bytes) => return Ok(bytes.to_vec()),
            Value::Stream(stream) => stream,
        };
        let bytes = stream
            .read_all(self.volume, self.mft.boot.cluster, limit)
            .map_err(|source| ReadError::Io { offset: self.mft.offset(record), source })?;
        bytes.ok_or_else(|| {
            let fault = Fault::new(rule, at, format!("{} bytes; the most is {limit}", stream.size));
            ReadError::Corrupt(self.mft.finding(record, fault))
        })
    }
}

/// Attributes, times and, where the volume shares descriptors, the descriptor's id.
type Information = (Attributes, Times, Option<u32>);

/// Reads a `$STANDARD_INFORMATION` value; offsets of faults are in the attribute.
pub(crate) fn standard_information(value: Option<&[u8]>) -> Result<Information, Fault> {
    let wrong =
        |found: String| Fault::new(Rule::StandardInformation, 0x10, format!("{found}, expected 48 or 72 bytes"));
    let value = value.ok_or_else(|| wrong("the value is not in the record".to_owned()))?;
    if value.len() < OLD_STANDARD_INFORMATION {
        return Err(wrong(format!("{} bytes", value.len())));
    }
    let mut whole = [0; size_of::<StandardInformation>()];
    let length = value.len().min(whole.len());
    whole[..length].copy_from_slice(&value[..length]);
    let information = StandardInformation::ref_from_bytes(&whole).expect("the array has its size");
    let times = Times {
        created: Filetime(information.created.get()),
        written: Filetime(information.written.get()),
        changed: Filetime(information.changed.get()),
        accessed: Filetime(information.accessed.get()),
    };
    let shared = value.len() >= whole.len() && information.security.get() != 0;
    // Bits above the public ones are the file system's own.
    let attributes = Attributes(information.attributes.get() & 0x0fff_ffff).without(Attributes::DIRECTORY);
    Ok((attributes, times, shared.then(|| information.security.get())))
}

/// Reads a `$FILE_NAME` value; offsets of faults are in the attribute.
pub(crate) fn file_name(value: Option<&[u8]>) -> Result<NameFact, Fault> {
    let wrong = |what: String| Fault::new(Rule::FileNameForm, 0x18, what);
    let value = value.ok_or_else(|| wrong("the value is not in the record".to_owned()))?;
    let (header, name) = FileNameHeader::ref_from_prefix(value)
        .map_err(|_| wrong(format!("{} bytes, expected {} at least", value.len(), size_of::<FileNameHeader>())))?;
    let bytes = 2 * usize::from(header.name_units);
    if bytes == 0 || name.len() < bytes || name.len() >= bytes + 8 {
        return Err(wrong(format!("{} bytes for a name of {} units", name.len(), header.name_units)));
    }
    Ok(NameFact {
        parent: Reference::from_disk(header.parent.get()),
        namespace: header.namespace,
        name: Name::from_units(units(&name[..bytes]).collect::<Vec<_>>()),
    })
}

/// Whether a name of this namespace is only the 8.3 partner of another.
pub(crate) fn is_dos(namespace: u8) -> bool {
    namespace == Namespace::Dos as u8
}

pub(crate) fn object_id(value: Option<&[u8]>) -> Result<ObjectId, Fault> {
    let wrong = |length| Fault::new(Rule::ObjectIdForm, 0x10, format!("{length} bytes"));
    let value = value.ok_or_else(|| Fault::new(Rule::ObjectIdForm, 8, "the value is not in the record"))?;
    let (guids, rest) = value.as_chunks::<16>();
    if !rest.is_empty() {
        return Err(wrong(value.len()));
    }
    match guids {
        [object] => Ok(ObjectId { object: *object, birth: None }),
        [object, volume, file, domain] => Ok(ObjectId { object: *object, birth: Some([*volume, *file, *domain]) }),
        // The birth ids may end anywhere.
        [object, volume] => Ok(ObjectId { object: *object, birth: Some([*volume, [0; 16], [0; 16]]) }),
        [object, volume, file] => Ok(ObjectId { object: *object, birth: Some([*volume, *file, [0; 16]]) }),
        _ => Err(wrong(value.len())),
    }
}

/// Reads a reparse point; offsets of faults are in the attribute.
pub(crate) fn reparse(bytes: &[u8]) -> Result<Reparse, Fault> {
    let wrong = |what: String| Fault::new(Rule::ReparseForm, 0x18, what);
    let (header, data) = ReparseHeader::ref_from_prefix(bytes)
        .map_err(|_| wrong(format!("{} bytes, expected 8 at least", bytes.len())))?;
    // The header counts data only; a tag that is not Microsoft's has a GUID before them.
    let guid = if header.tag.get() & 0x8000_0000 == 0 { 16 } else { 0 };
    if data.len() != usize::from(header.length.get()) + guid {
        return Err(wrong(format!(
            "the header says {} bytes of data, but there are {}",
            header.length.get(),
            data.len()
        )));
    }
    Ok(Reparse { tag: header.tag.get(), reserved: header.reserved.get(), data: nanovhd_tree::Content::bytes(data) })
}

/// Reads the entries of an `$EA` value; offsets of faults are in the value.
pub(crate) fn extended_attributes(bytes: &[u8]) -> Result<Vec<ExtendedAttribute>, Fault> {
    let mut list = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let wrong = |what: String| Fault::new(Rule::EaForm, at, what);
        let (header, _) = EaHeader::ref_from_prefix(rest)
            .map_err(|_| wrong(format!("{} bytes are too few for an extended attribute", rest.len())))?;
        let (name_len, value_len) = (usize::from(header.name_len), usize::from(header.value_len.get()));
        let needed = size_of::<EaHeader>() + name_len + 1 + value_len;
        // The last one may say 0 for the way to the next.
        let step = match usize::try_from(header.next.get()).unwrap_or(usize::MAX) {
            0 => rest.len(),
            step => step,
        };
        if needed > step || step > rest.len() {
            return Err(wrong(format!("{needed} bytes in a room of {step}, where {} are left", rest.len())));
        }
        let name_at = size_of::<EaHeader>();
        list.push(ExtendedAttribute {
            flags: header.flags,
            name: rest[name_at..name_at + name_len].to_vec(),
            value: rest[name_at + name_len + 1..needed].to_vec(),
        });
        at += step;
    }
    Ok(list)
}
