//! Rock Ridge: what Unix keeps of a file, in the system use of directory records.
//!
//! System Use Sharing Protocol (IEEE P1281, cited as SUSP) and Rock Ridge Interchange Protocol (IEEE P1282, cited
//! as RRIP), both 1.12. Fields have a signature of two letters, a length, a version and data; they go on elsewhere
//! in the image where a `CE` field says so.

use std::collections::HashSet;

use nanovhd_tree::{MAX_NAME_UNITS, Name, ReadAt};
use zerocopy::FromBytes;

use super::format::Both32;
use crate::entry::FileKind;
use crate::error::{IsoError, Structure};
use crate::input::Input;
use crate::name;

const WHAT: Structure = Structure::SystemUse;
/// Signature, length and version. SUSP 4.1.
const HEAD: usize = 4;
/// The identifiers by which extension records announce Rock Ridge. RRIP 4.3 and the drafts before it.
const IDENTIFIERS: [&[u8]; 3] = [b"RRIP_1991A", b"IEEE_P1282", b"IEEE_1282"];

/// The fields of a record, one by one.
pub(crate) struct Fields<'i, R> {
    input: &'i Input<R>,
    block_size: u32,
    area: Vec<u8>,
    at: usize,
    /// Where the area begins.
    offset: u64,
    /// Where to go on behind it.
    next: Option<(u64, usize)>,
    seen: HashSet<u64>,
}

/// One field: signature, and data behind its head.
struct Field {
    signature: [u8; 2],
    data: Vec<u8>,
    offset: u64,
}

impl<'i, R: ReadAt> Fields<'i, R> {
    pub(crate) fn new(input: &'i Input<R>, block_size: u32, area: &[u8], offset: u64) -> Self {
        Self { input, block_size, area: area.to_vec(), at: 0, offset, next: None, seen: HashSet::new() }
    }

    fn next(&mut self) -> Result<Option<Field>, IsoError> {
        loop {
            let rest = self.area.get(self.at..).unwrap_or_default();
            let Some((&[a, b, len, _version], _)) = rest.split_first_chunk::<HEAD>() else {
                if self.follow()? {
                    continue;
                }
                return Ok(None);
            };
            // What is no field may be another protocol's, which ends ours.
            let Some(data) = rest.get(HEAD..usize::from(len)).filter(|_| a != 0) else {
                self.at = self.area.len();
                continue;
            };
            let field = Field { signature: [a, b], data: data.to_vec(), offset: self.offset + self.at as u64 };
            self.at += usize::from(len);
            match &field.signature {
                b"CE" => self.continued(&field)?,
                // SUSP 5.4: the last one.
                b"ST" => self.at = self.area.len(),
                _ => return Ok(Some(field)),
            }
        }
    }

    /// SUSP 5.1: block, offset in it and length of further fields.
    fn continued(&mut self, field: &Field) -> Result<(), IsoError> {
        let Ok([block, at, len]) = <[Both32; 3]>::read_from_bytes(&field.data) else {
            return Ok(());
        };
        let offset = u64::from(block.get()) * u64::from(self.block_size) + u64::from(at.get());
        // A continuation area is in one block, says SUSP; writers keep to a sector.
        let most = u64::from(super::format::SECTOR);
        let len = u64::from(len.get());
        let size = usize::try_from(len).ok().filter(|_| len <= most);
        let too_long = IsoError::TooLong { what: WHAT, offset: field.offset, len, most };
        self.next = Some((offset, size.ok_or(too_long)?));
        Ok(())
    }

    fn follow(&mut self) -> Result<bool, IsoError> {
        let Some((offset, len)) = self.next.take() else {
            return Ok(false);
        };
        if !self.seen.insert(offset) || self.seen.len() > MAX_AREAS {
            return Err(IsoError::Loop { what: WHAT, offset });
        }
        self.area = self.input.read_vec(WHAT, offset, len)?;
        (self.at, self.offset) = (0, offset);
        Ok(true)
    }
}

/// Areas that a record may continue in: more than the longest names and link targets take.
const MAX_AREAS: usize = 32;

/// Looks for Rock Ridge in the first record of the root directory, and gives how many bytes of system use in other
/// records belong to others. SUSP 5.3 and 5.5.
pub(crate) fn find<R: ReadAt>(mut fields: Fields<'_, R>) -> Result<Option<u8>, IsoError> {
    let (mut skip, mut announced) = (None, false);
    while let Some(field) = fields.next()? {
        match (&field.signature, field.data.as_slice()) {
            (b"SP", [0xbe, 0xef, bytes, ..]) => skip = Some(*bytes),
            // Lengths of identifier, description and source, a version, and then those.
            (b"ER", [len, _, _, _, rest @ ..]) => {
                announced |= rest.get(..usize::from(*len)).is_some_and(|found| IDENTIFIERS.contains(&found));
            }
            // The draft of 1991 had a field that says which others there are.
            (b"RR", _) => announced = true,
            _ => {}
        }
    }
    Ok(skip.filter(|_| announced))
}

/// What matters of a record's fields.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    /// RRIP 4.1.4.
    pub(crate) name: Option<Name>,
    /// From the mode, for what is no directory. RRIP 4.1.1.
    pub(crate) kind: Option<FileKind>,
    /// The directory that this record stands for. RRIP 4.1.5.1.
    pub(crate) child: Option<u32>,
    /// Whether another record stands for this directory. RRIP 4.1.5.3.
    pub(crate) is_relocated: bool,
    /// Whether the content has to be decompressed.
    pub(crate) is_compressed: bool,
}

impl Attributes {
    pub(crate) fn read<R: ReadAt>(mut fields: Fields<'_, R>) -> Result<Self, IsoError> {
        let mut found = Self::default();
        let mut name = Vec::new();
        while let Some(field) = fields.next()? {
            match (&field.signature, field.data.as_slice()) {
                (b"NM", [flags, part @ ..]) => {
                    // Names of the directory itself and its parent have no text.
                    const SELF_OR_PARENT: u8 = 0x06;
                    if flags & SELF_OR_PARENT == 0 {
                        name.extend_from_slice(part);
                    }
                }
                (b"PX", data) => found.kind = mode(data),
                (b"CL", data) => found.child = Both32::ref_from_prefix(data).ok().map(|(block, _)| block.get()),
                (b"RE", _) => found.is_relocated = true,
                (b"ZF", _) => found.is_compressed = true,
                _ => {}
            }
        }
        let units = name::from_bytes(&name);
        if units.len() > MAX_NAME_UNITS {
            let (len, most) = (units.len() as u64, MAX_NAME_UNITS as u64);
            return Err(IsoError::TooLong { what: WHAT, offset: fields.offset, len, most });
        }
        found.name = (!units.is_empty()).then(|| name::safe(units));
        Ok(found)
    }
}

/// The kind of file that a POSIX mode says.
fn mode(data: &[u8]) -> Option<FileKind> {
    let (mode, _) = Both32::ref_from_prefix(data).ok()?;
    match mode.get() & 0o170_000 {
        0o100_000 => Some(FileKind::File),
        0o120_000 => Some(FileKind::SymbolicLink),
        0o040_000 => None,
        _ => Some(FileKind::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image with fields at 2048 and at 4096, and a record's own fields.
    fn read(own: &[u8], first: &[u8], second: &[u8]) -> Result<Attributes, IsoError> {
        let mut image = vec![0; 6144];
        image[2048..][..first.len()].copy_from_slice(first);
        image[4096..][..second.len()].copy_from_slice(second);
        let input = Input::new(image).unwrap();
        Attributes::read(Fields::new(&input, 2048, own, 0))
    }

    fn continued(block: u32, len: u32) -> Vec<u8> {
        let both = |n: u32| [n.to_le_bytes(), n.to_be_bytes()].concat();
        [b"CE\x1c\x01".to_vec(), both(block), both(0), both(len)].concat()
    }

    #[test]
    fn a_name_goes_on_elsewhere() {
        let own = [b"NM\x08\x01\x01abc".to_vec(), continued(1, 64), b"XX\x04\x01".to_vec()].concat();
        let first = [b"NM\x06\x01\x01d".to_vec(), continued(2, 6)].concat();
        let found = read(&own, &first, b"NM\x06\x01\0e").unwrap();
        assert_eq!(found.name, Some(Name::from("abcde")));
    }

    #[test]
    fn fields_that_lead_in_circles_or_nowhere_end() {
        let circle = read(&continued(1, 28), &continued(2, 28), &continued(1, 28));
        assert!(matches!(circle, Err(IsoError::Loop { offset: 2048, .. })), "{circle:?}");
        assert!(matches!(read(&continued(3, 28), b"", b""), Err(IsoError::PastEnd { .. })));
        assert!(matches!(read(&continued(1, 1 << 20), b"", b""), Err(IsoError::TooLong { .. })));
        for own in [
            &b"NM"[..],
            b"NM\x03\x01",
            b"NM\0\x01\0",
            b"NM\xff\x01\0a",
            b"NM\x04\x01",
            b"PX\x05\x01\0",
            b"\0\0\0\0\0",
        ] {
            assert_eq!(read(own, b"", b"").unwrap().name, None, "{own:?}");
        }
    }

    #[test]
    fn names_longer_than_any_are_refused() {
        let part = [b"NM\xc8\x01\x01".to_vec(), vec![b'x'; 195]].concat();
        assert!(read(&part, b"", b"").is_ok());
        let twice = [part.clone(), part].concat();
        assert!(matches!(read(&twice, b"", b""), Err(IsoError::TooLong { len: 390, .. })));
    }
}
