//! Values of attributes that stand elsewhere too: names and extended attributes.

use zerocopy::FromBytes;

use crate::ea;
use crate::format::{EaInformation, FileNameHeader};
use crate::names::Namespace;
use crate::read::files;
use crate::read::record::{Reference, units};
use crate::rule::{Fault, Rule};

use super::facts::{Copied, name_hash};

/// The longest reparse point with its header. [MS-FSCC] 2.1.2.
pub(super) const MAX_REPARSE: usize = 0x4000;
/// The longest extended attributes of a file together.
pub(super) const MAX_EA: usize = 0x1_0000;

/// A `$FILE_NAME` value: of an attribute, or the key of a directory's entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileName<'a> {
    pub(super) parent: Reference,
    pub(super) namespace: u8,
    /// In UTF-16, little-endian.
    pub(super) name: &'a [u8],
    pub(super) copied: Copied,
}

/// Reads a `$FILE_NAME` value; offsets of faults are in the attribute.
pub(super) fn file_name(value: &[u8]) -> Result<FileName<'_>, Fault> {
    let fact = files::file_name(Some(value))?;
    let (header, name) = FileNameHeader::ref_from_prefix(value).expect("a value that was read has its header");
    Ok(FileName {
        parent: fact.parent,
        namespace: fact.namespace,
        name: &name[..2 * usize::from(header.name_units)],
        copied: Copied {
            created: header.times[0].get(),
            allocated: header.allocated.get(),
            size: header.size.get(),
            attributes: header.attributes.get(),
            tag: header.reparse_tag.get(),
        },
    })
}

impl FileName<'_> {
    /// What a name may not be; offsets are in the value.
    pub(super) fn faults(&self) -> impl Iterator<Item = Fault> {
        let namespace = (self.namespace > Namespace::Win32AndDos as u8)
            .then(|| Fault::new(Rule::FileNameNamespace, 0x41, format!("the namespace is {}", self.namespace)));
        let illegal = units(self.name).find(|unit| [0, u16::from(b'/')].contains(unit));
        let characters = illegal
            .map(|unit| Fault::new(Rule::FileNameCharacters, 0x42, format!("the name has the unit {unit:#06x}")));
        namespace.into_iter().chain(characters)
    }

    /// Stands for what attribute and entry have in common.
    pub(super) fn hash(&self) -> u64 {
        name_hash(self.parent, self.namespace, self.name)
    }
}

/// Compares `$EA_INFORMATION` with `$EA`.
pub(super) fn check_ea(information: Option<&[u8]>, bytes: &[u8]) -> Result<(), Fault> {
    let wrong = |what: String| Fault::new(Rule::EaInformation, 0, what);
    let list = files::extended_attributes(bytes)?;
    let found = information.and_then(|value| EaInformation::read_from_bytes(value).ok());
    let found = found.ok_or_else(|| wrong("there is $EA without an $EA_INFORMATION of 8 bytes".to_owned()))?;
    let expected = EaInformation::read_from_bytes(&ea::information(&list)).expect("the value is built whole");
    let (found, expected) = (
        (found.packed.get(), found.needed.get(), found.size.get() as usize),
        (expected.packed.get(), expected.needed.get(), bytes.len()),
    );
    if found != expected {
        return Err(wrong(format!("(packed, needed, size) is {found:?}, expected {expected:?}")));
    }
    Ok(())
}
