//! MFT records and their attributes, read.
//!
//! Nothing here trusts a length: every offset is checked against what holds it before it is used,
//! and what is wrong is a [`Fault`] with its place in the record.

use zerocopy::FromBytes;

use crate::format::{ATTRIBUTE_END, NonResidentHeader, RecordHeader, ResidentHeader, attribute_flags, record_flags};
use crate::read::block::{self, unprotect};
use crate::rule::{Fault, Rule};

/// An MFT record with its update sequence undone and its header checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    bytes: &'a [u8],
    header: &'a RecordHeader,
    number: u64,
}

impl<'a> Record<'a> {
    /// Undoes the update sequence of record `number` in place and checks its header.
    pub(crate) fn parse(bytes: &'a mut [u8], number: u64) -> Result<Self, Fault> {
        unprotect(bytes, &block::RECORD)?;
        let bytes: &'a [u8] = bytes;
        let (header, _) = RecordHeader::ref_from_prefix(bytes).expect("records have at least 512 bytes");
        let (attributes, used, allocated) = (header.attributes.get(), header.used.get(), header.allocated.get());
        let fits = usize::from(attributes) >= block::RECORD.header
            && attributes % 8 == 0
            && usize::try_from(allocated) == Ok(bytes.len())
            && used % 8 == 0
            && used <= allocated
            // There is at least the mark of the end.
            && u32::from(attributes) + 4 <= used;
        if !fits {
            let detail = format!(
                "attributes at {attributes:#x}, {used} bytes used of {allocated}, in a record of {}",
                bytes.len()
            );
            return Err(Fault::new(Rule::RecordBounds, 0x14, detail));
        }
        // The field came with NTFS 3.1, whose array begins behind it.
        if header.usa_offset.get() >= 0x30 && u64::from(header.number.get()) != number & 0xffff_ffff {
            let detail = format!("the record calls itself {}", header.number.get());
            return Err(Fault::new(Rule::RecordNumber, 0x2c, detail));
        }
        Ok(Self { bytes, header, number })
    }

    /// A record that [`Record::parse`] found good, its update sequence undone, seen again.
    pub(crate) fn again(bytes: &'a [u8], number: u64) -> Self {
        let (header, _) = RecordHeader::ref_from_prefix(bytes).expect("records have at least 512 bytes");
        Self { bytes, header, number }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn header(&self) -> &'a RecordHeader {
        self.header
    }

    pub(crate) fn in_use(&self) -> bool {
        self.header.flags.get() & record_flags::IN_USE != 0
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.header.flags.get() & record_flags::DIRECTORY != 0
    }

    /// Whether the record is not an extension of another.
    pub(crate) fn is_base(&self) -> bool {
        self.header.base.get() == 0
    }

    /// The reference by which others know the record.
    pub(crate) fn reference(&self) -> Reference {
        Reference { record: self.number, sequence: self.header.sequence.get() }
    }

    /// The attributes in their order; a fault ends them.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = Result<Attribute<'a>, Fault>> + use<'a> {
        let used = usize::try_from(self.header.used.get()).expect("checked to lie in the record");
        let bytes = &self.bytes[..used];
        let mut at = Some(usize::from(self.header.attributes.get()));
        std::iter::from_fn(move || {
            let start = at?;
            let step = attribute(bytes, start);
            at = step.as_ref().ok().and_then(|step| step.as_ref()).map(|attribute| start + attribute.length);
            step.transpose()
        })
    }
}

/// A file reference as read: a record's number and the sequence number that it must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Reference {
    pub(crate) record: u64,
    pub(crate) sequence: u16,
}

impl Reference {
    /// [MS-FSCC] 2.1.1: the low 48 bits are the record, the high 16 the sequence number.
    pub(crate) fn from_disk(value: u64) -> Self {
        let sequence = u16::try_from(value >> 48).expect("16 bits are left");
        Self { record: value & 0xffff_ffff_ffff, sequence }
    }
}

/// An attribute, or one piece of it when several records share it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute<'a> {
    /// Where it begins in its record.
    pub(crate) at: usize,
    /// Its bytes in the record.
    pub(crate) length: usize,
    /// Its type code.
    pub(crate) kind: u32,
    /// Its name in UTF-16, little-endian.
    pub(crate) name: &'a [u8],
    /// See [`attribute_flags`].
    pub(crate) flags: u16,
    /// Its number in the record.
    pub(crate) instance: u16,
    pub(crate) form: Form<'a>,
}

/// Where an attribute's value lies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form<'a> {
    Resident {
        value: &'a [u8],
        /// Where the value begins in the record.
        at: usize,
        indexed: u8,
    },
    NonResident {
        header: &'a NonResidentHeader,
        /// The encoded run list, to the end of the attribute.
        runs: &'a [u8],
        /// Where the run list begins in the record.
        runs_at: usize,
        /// Bytes of clusters that are truly allocated, which only compressed and sparse streams state.
        total: Option<u64>,
    },
}

impl<'a> Attribute<'a> {
    /// The value, if it lies in the record.
    pub(crate) fn value(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Resident { value, .. } => Some(value),
            Form::NonResident { .. } => None,
        }
    }

    pub(crate) fn is_resident(&self) -> bool {
        matches!(self.form, Form::Resident { .. })
    }

    /// Whether the attribute is of this type and has this name, given in UTF-16 units.
    pub(crate) fn is(&self, kind: u32, name: &[u16]) -> bool {
        self.kind == kind && name_is(self.name, name)
    }
}

/// Whether UTF-16 bytes are these units.
pub(crate) fn name_is(bytes: &[u8], units: &[u16]) -> bool {
    bytes.len() == 2 * units.len()
        && bytes.chunks_exact(2).zip(units).all(|(b, u)| u16::from_le_bytes([b[0], b[1]]) == *u)
}

/// The units of UTF-16 bytes.
pub(crate) fn units(bytes: &[u8]) -> impl ExactSizeIterator<Item = u16> + '_ {
    bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

/// The attribute at `at` of the used bytes of a record, or none at the mark of the end.
fn attribute(bytes: &[u8], at: usize) -> Result<Option<Attribute<'_>>, Fault> {
    let rest = bytes.get(at..).unwrap_or_default();
    let code = rest.first_chunk::<4>().map(|b| u32::from_le_bytes(*b));
    match code {
        None => return Err(Fault::new(Rule::AttributeEnd, at, "the used bytes end without the mark of the end")),
        // Four bytes of padding may follow the mark.
        Some(ATTRIBUTE_END) if rest.len() <= 8 => return Ok(None),
        Some(ATTRIBUTE_END) => {
            return Err(Fault::new(
                Rule::AttributeEnd,
                at,
                format!("{} used bytes follow the mark of the end", rest.len() - 4),
            ));
        }
        Some(_) => {}
    }
    let bounds = |found: usize| {
        Fault::new(Rule::AttributeBounds, at + 4, format!("{found} bytes where {} are left", rest.len()))
    };
    let (header, _) = ResidentHeader::ref_from_prefix(rest).map_err(|_| bounds(rest.len()))?;
    let length = usize::try_from(header.length.get()).unwrap_or(usize::MAX);
    let whole = rest.get(..length).filter(|w| w.len() % 8 == 0 && w.len() >= size_of::<ResidentHeader>());
    let whole = whole.ok_or_else(|| bounds(length))?;
    let form = match header.non_resident {
        0 => resident(whole, header),
        1 => non_resident(whole, header.flags.get()),
        other => Err(Fault::new(Rule::AttributeForm, 8, format!("the form is {other}, expected 0 or 1"))),
    }
    .map_err(|fault| fault.within(at))?;
    let (name_at, name_len) = (usize::from(header.name_offset.get()), 2 * usize::from(header.name_units));
    let name = if name_len == 0 { Some(&[][..]) } else { whole.get(name_at..).and_then(|n| n.get(..name_len)) };
    let name = name.ok_or_else(|| {
        Fault::new(Rule::AttributeName, at + 9, format!("a name of {name_len} bytes at {name_at:#x} of {length}"))
    })?;
    let (kind, flags, instance) = (header.kind.get(), header.flags.get(), header.instance.get());
    let form = shift(form, at);
    Ok(Some(Attribute { at, length, kind, name, flags, instance, form }))
}

/// Counts a form's offsets from the start of the record.
fn shift(form: Form<'_>, at: usize) -> Form<'_> {
    match form {
        Form::Resident { value, at: value_at, indexed } => Form::Resident { value, at: value_at + at, indexed },
        Form::NonResident { header, runs, runs_at, total } => {
            Form::NonResident { header, runs, runs_at: runs_at + at, total }
        }
    }
}

fn resident<'a>(whole: &'a [u8], header: &ResidentHeader) -> Result<Form<'a>, Fault> {
    let (at, length) = (usize::from(header.value_offset.get()), header.value_length.get());
    let value = whole.get(at..).zip(usize::try_from(length).ok()).and_then(|(v, length)| v.get(..length));
    match value {
        Some(value) if at >= size_of::<ResidentHeader>() => Ok(Form::Resident { value, at, indexed: header.indexed }),
        _ => Err(Fault::new(Rule::AttributeValue, 0x10, format!("{length} bytes at {at:#x} of {}", whole.len()))),
    }
}

fn non_resident(whole: &[u8], flags: u16) -> Result<Form<'_>, Fault> {
    let fault = |at, detail: String| Fault::new(Rule::AttributeBounds, at, detail);
    let (header, rest) = NonResidentHeader::ref_from_prefix(whole)
        .map_err(|_| fault(4, format!("{} bytes are too few for a stream in clusters", whole.len())))?;
    let has_total = flags & (attribute_flags::COMPRESSED_MASK | attribute_flags::SPARSE) != 0;
    // Only the first piece of a stream states sizes, this one among them.
    let total =
        (has_total && header.lowest_vcn.get() == 0).then(|| rest.first_chunk().map(|b| u64::from_le_bytes(*b)));
    let total = match total {
        Some(None) => return Err(fault(4, "no room for the total size".to_owned())),
        total => total.flatten(),
    };
    let runs_at = usize::from(header.runs_offset.get());
    let runs = whole.get(runs_at..).filter(|_| runs_at >= size_of::<NonResidentHeader>());
    let runs = runs.ok_or_else(|| {
        Fault::new(Rule::RunEncoding, 0x20, format!("the run list is at {runs_at:#x} of {} bytes", whole.len()))
    })?;
    Ok(Form::NonResident { header, runs, runs_at, total })
}
