//! The attributes of one record, each by itself and in their order.

use std::cmp::Ordering;

use nanovhd_tree::ReadAt;

use crate::format::{AttributeType, attribute_flags};
use crate::read::record::{Attribute, Form, Record, units};
use crate::read::stream::{Piece, lowest_vcn};
use crate::rule::Rule;

use super::Checker;

/// What NTFS demands of all attributes of a type.
struct Definition {
    kind: u32,
    /// Whether the value lies in the record, where that is fixed.
    resident: Option<bool>,
    /// Whether the attribute has a name, where that is fixed.
    named: Option<bool>,
    /// Whether it may be marked as compressed, encrypted or sparse.
    marked: bool,
}

const fn definition(kind: u32, resident: Option<bool>, named: Option<bool>, marked: bool) -> Definition {
    Definition { kind, resident, named, marked }
}

/// The types of `$AttrDef`. The root of a directory is marked with what its new files will be.
const DEFINITIONS: [Definition; 16] = {
    use AttributeType as A;
    [
        definition(A::StandardInformation as u32, Some(true), Some(false), false),
        definition(A::AttributeList as u32, None, Some(false), false),
        definition(A::FileName as u32, Some(true), Some(false), false),
        definition(A::ObjectId as u32, Some(true), Some(false), false),
        definition(SECURITY_DESCRIPTOR, None, Some(false), false),
        definition(A::VolumeName as u32, Some(true), Some(false), false),
        definition(A::VolumeInformation as u32, Some(true), Some(false), false),
        definition(A::Data as u32, None, None, true),
        definition(A::IndexRoot as u32, Some(true), Some(true), true),
        definition(A::IndexAllocation as u32, Some(false), Some(true), false),
        definition(A::Bitmap as u32, None, None, false),
        definition(A::ReparsePoint as u32, None, Some(false), false),
        definition(A::EaInformation as u32, Some(true), Some(false), false),
        definition(A::Ea as u32, None, Some(false), false),
        definition(PROPERTY_SET, None, None, false),
        definition(LOGGED_UTILITY_STREAM, None, None, true),
    ]
};

/// `$SECURITY_DESCRIPTOR`, where files that don't share theirs have it.
pub(super) const SECURITY_DESCRIPTOR: u32 = 0x50;
/// `$PROPERTY_SET` of NT 4.
const PROPERTY_SET: u32 = 0xf0;
/// `$LOGGED_UTILITY_STREAM`: EFS and transactions keep what they need there.
const LOGGED_UTILITY_STREAM: u32 = 0x100;

impl<R: ReadAt> Checker<'_, R> {
    /// Appends the attributes of a record to `pieces` and checks what can be said of each alone.
    pub(super) fn attributes<'a>(&mut self, record: &Record<'a>, pieces: &mut Vec<Piece<'a>>) {
        let (number, offset) = (record.number(), self.mft.offset(record.number()));
        let start = pieces.len();
        for attribute in record.attributes() {
            match attribute {
                Ok(attribute) => pieces.push((number, attribute)),
                Err(fault) => {
                    self.report.fault(Some(number), offset, fault);
                    break;
                }
            }
        }
        for (_, attribute) in &pieces[start..] {
            self.attribute_alone(number, offset, attribute);
        }
        for pair in pieces[start..].windows(2) {
            if self.attribute_order(&pair[0].1, &pair[1].1).is_gt() {
                let detail = format!(
                    "type {:#x} stands behind type {:#x}, or a name out of order",
                    pair[1].1.kind, pair[0].1.kind
                );
                self.report.broken(Rule::AttributeOrder, Some(number), offset + pair[1].1.at as u64, detail);
            }
        }
        let mut instances: Vec<u16> = pieces[start..].iter().map(|(_, attribute)| attribute.instance).collect();
        instances.sort_unstable();
        let next = record.header().next_instance.get();
        let twice = instances.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        if let Some(wrong) = twice.or(instances.last().copied().filter(|last| *last >= next)) {
            let detail = format!("the number {wrong} of an attribute is used twice or not below the next, {next}");
            self.report.broken(Rule::AttributeInstance, Some(number), offset + 0x28, detail);
        }
    }

    fn attribute_alone(&mut self, number: u64, offset: u64, attribute: &Attribute<'_>) {
        let Attribute { at, kind, name, flags, .. } = *attribute;
        let mut broken =
            |rule, at: usize, detail: String| self.report.broken(rule, Some(number), offset + at as u64, detail);
        let Some(definition) = DEFINITIONS.iter().find(|definition| definition.kind == kind) else {
            broken(Rule::AttributeType, at, format!("type {kind:#x} is not one of NTFS"));
            return;
        };
        if definition.resident.is_some_and(|resident| resident != attribute.is_resident()) {
            let place = if attribute.is_resident() { "in the record" } else { "in clusters" };
            broken(Rule::AttributeResidency, at + 8, format!("a value of type {kind:#x} lies {place}"));
        }
        if definition.named.is_some_and(|named| named == name.is_empty()) {
            broken(Rule::AttributeNamed, at + 9, format!("type {kind:#x} with a name of {} bytes", name.len()));
        }
        let known = attribute_flags::COMPRESSED | attribute_flags::ENCRYPTED | attribute_flags::SPARSE;
        if flags & !known != 0 || (flags != 0 && !definition.marked) {
            broken(Rule::AttributeFlags, at + 0xc, format!("type {kind:#x} has the flags {flags:#06x}"));
        }
        if let Form::Resident { indexed, .. } = attribute.form
            && indexed != u8::from(kind == AttributeType::FileName as u32)
        {
            broken(Rule::AttributeIndexed, at + 0x16, format!("type {kind:#x} with the mark {indexed}"));
        }
    }

    /// How attributes of a record and entries of a list are sorted: by type, by name without regard
    /// to case, by first cluster.
    fn attribute_order(&self, a: &Attribute<'_>, b: &Attribute<'_>) -> Ordering {
        self.piece_order((a.kind, a.name, lowest_vcn(a)), (b.kind, b.name, lowest_vcn(b)))
    }

    /// The order of two (type, name, first cluster).
    pub(super) fn piece_order(&self, a: (u32, &[u8], u64), b: (u32, &[u8], u64)) -> Ordering {
        let names = || self.fold(a.1).cmp(self.fold(b.1));
        // Pieces of one stream only: two names that differ in case have one order or the other.
        let clusters = || if a.1 == b.1 { a.2.cmp(&b.2) } else { Ordering::Equal };
        a.0.cmp(&b.0).then_with(names).then_with(clusters)
    }

    /// The units of a name in upper case.
    pub(super) fn fold<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = u16> + use<'n, '_, R> {
        let upcase = &self.upcase;
        units(name).map(move |unit| upcase.get(usize::from(unit)).copied().unwrap_or(unit))
    }
}
