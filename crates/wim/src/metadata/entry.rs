//! One directory entry: names, times, streams and items, taken from the bytes and checked against
//! their lengths.
//!
//! \[WIM\] "Directory entry", "Stream entry". The entry's length leaves out the stream entries that
//! follow it. Lengths that are no multiple of 8 are rounded up.

use std::ops::Range;

use nanovhd_tree::{Attributes, ExtendedAttribute, Filetime, Name, ObjectId, Times};
use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::notes::NoteKind;
use super::{EntryError, xattr};
use crate::format::{DentryDisk, ItemDisk, Sha1Digest, StreamDisk, item_tags};

/// 8.3 names have at most eight units, a dot and three units.
const MAX_SHORT_NAME_UNITS: usize = 12;

/// A stream as the entry lists it. Its name is empty if it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StreamEntry {
    pub(super) name: Name,
    pub(super) sha1: Sha1Digest,
}

/// A directory entry in native types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DirEntry {
    /// Where it lies in the metadata, its stream entries included.
    pub(super) range: Range<usize>,
    pub(super) attributes: Attributes,
    /// None if the file has no descriptor of its own.
    pub(super) security_id: Option<u32>,
    /// 0 for none.
    pub(super) subdir_offset: u64,
    pub(super) times: Times,
    pub(super) sha1: Sha1Digest,
    /// Only with [`Attributes::REPARSE_POINT`]: tag and reserved word.
    pub(super) reparse: Option<(u32, u16)>,
    /// Only without; 0 for none.
    pub(super) link_group: u64,
    pub(super) name: Name,
    pub(super) short_name: Option<Name>,
    pub(super) object_id: Option<ObjectId>,
    pub(super) extended_attributes: Vec<ExtendedAttribute>,
    /// What was found in the items that can't be kept.
    pub(super) notes: Vec<NoteKind>,
    pub(super) streams: Vec<StreamEntry>,
}

/// Takes structures and bytes off the front of a slice.
#[derive(Clone, Copy)]
struct Cursor<'m> {
    metadata: &'m [u8],
    at: usize,
    end: usize,
}

impl<'m> Cursor<'m> {
    fn bytes(&mut self, len: usize) -> Option<&'m [u8]> {
        let end = self.at.checked_add(len).filter(|&end| end <= self.end)?;
        let bytes = self.metadata.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn structure<T: FromBytes + KnownLayout + Immutable>(&mut self) -> Option<T> {
        T::read_from_bytes(self.bytes(size_of::<T>())?).ok()
    }
}

impl DirEntry {
    pub(super) fn is_directory(&self) -> bool {
        self.attributes.contains(Attributes::DIRECTORY)
    }

    /// The entry at `at`, or `None` if the directory ends there.
    pub(super) fn parse(metadata: &[u8], at: usize) -> Result<Option<Self>, EntryError> {
        let all = Cursor { metadata, at, end: metadata.len() };
        let Some(length) = Cursor { ..all }.structure::<zerocopy::little_endian::U64>() else {
            return Err(EntryError::Unterminated { end: metadata.len() });
        };
        let length = length.get();
        if length <= 8 {
            return Ok(None);
        }
        let end = round_up(length).and_then(|length| at.checked_add(length)).filter(|&end| end <= metadata.len());
        let end = end.ok_or(EntryError::PastEnd { length, end: metadata.len() })?;
        let mut cursor = Cursor { end, ..all };
        let disk: DentryDisk = cursor.structure().ok_or(EntryError::Short { length })?;
        let name = name(&mut cursor, disk.name_len.get(), length)?;
        let short_name = name_if_any(&mut cursor, disk.short_name_len.get(), length)?;
        let mut entry = Self::fixed(&disk, name, short_name);
        entry.read_items(&mut cursor);
        let mut cursor = Cursor { at: end, ..all };
        for number in 0..disk.streams.get() {
            entry.streams.push(stream(&mut cursor, number)?);
        }
        entry.range = at..cursor.at;
        Ok(Some(entry))
    }

    fn fixed(disk: &DentryDisk, name: Name, short_name: Option<Name>) -> Self {
        let attributes = Attributes(disk.attributes.get());
        let (tag, reserved, flags) =
            (disk.tag_or_group.get(), disk.reserved_or_group.get(), disk.flags_or_group.get());
        let is_reparse = attributes.contains(Attributes::REPARSE_POINT);
        let group = u64::from(tag) | u64::from(reserved) << 32 | u64::from(flags) << 48;
        let written = Filetime(disk.written.get());
        Self {
            range: 0..0,
            attributes,
            // The id is a signed number in other tools; all that are negative mean none.
            security_id: Some(disk.security_id.get()).filter(|&id| id < 0x8000_0000),
            subdir_offset: disk.subdir_offset.get(),
            times: Times {
                created: Filetime(disk.created.get()),
                written,
                // A WIM does not have it, and the write time is the best that is known.
                changed: written,
                accessed: Filetime(disk.accessed.get()),
            },
            sha1: disk.sha1,
            reparse: is_reparse.then_some((tag, reserved)),
            link_group: if is_reparse { 0 } else { group },
            name,
            short_name,
            object_id: None,
            extended_attributes: Vec::new(),
            notes: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// Reads what lies between the names and the end of the entry.
    fn read_items(&mut self, cursor: &mut Cursor<'_>) {
        // Entries start at multiples of 8, so this is also a multiple in the entry.
        cursor.at = cursor.at.next_multiple_of(8).min(cursor.end);
        while let Some(item) = cursor.structure::<ItemDisk>() {
            let len = round_up(u64::from(item.len.get()));
            let Some(bytes) = len.and_then(|len| cursor.bytes(len)) else {
                self.notes.push(NoteKind::MalformedItems);
                return;
            };
            let bytes = &bytes[..item.len.get() as usize];
            match item.tag.get() {
                item_tags::PADDING => {}
                item_tags::OBJECT_ID => match object_id(bytes) {
                    Some(id) => self.object_id = self.object_id.or(Some(id)),
                    None => self.notes.push(NoteKind::ShortObjectId),
                },
                item_tags::XATTRS => match xattr::parse(bytes) {
                    Some(attributes) => self.extended_attributes.extend(attributes),
                    None => self.notes.push(NoteKind::MalformedExtendedAttributes),
                },
                item_tags::LINUX_XATTRS => self.notes.push(NoteKind::LinuxExtendedAttributes),
                item_tags::UNIX_DATA => self.notes.push(NoteKind::UnixData),
                _ => self.notes.push(NoteKind::UnknownItem),
            }
        }
    }
}

fn object_id(bytes: &[u8]) -> Option<ObjectId> {
    let guid = |number: usize| bytes.get(number * 16..)?.first_chunk::<16>().copied();
    let birth = guid(1).zip(guid(2)).zip(guid(3)).map(|((volume, object), domain)| [volume, object, domain]);
    Some(ObjectId { object: guid(0)?, birth })
}

/// A length as it is on disk, rounded up to a multiple of 8; none if it can't be in memory.
fn round_up(length: u64) -> Option<usize> {
    usize::try_from(length).ok()?.checked_next_multiple_of(8)
}

/// A name of so many bytes, which ends with a null unit that is not counted. An absent name has
/// no null unit either.
fn name(cursor: &mut Cursor<'_>, len: u16, length: u64) -> Result<Name, EntryError> {
    if !len.is_multiple_of(2) {
        return Err(EntryError::NameLength { len });
    }
    if len == 0 {
        return Ok(Name::default());
    }
    let bytes = cursor.bytes(usize::from(len)).ok_or(EntryError::NamePastEnd { len, length })?;
    cursor.bytes(2).ok_or(EntryError::NamePastEnd { len, length })?;
    Ok(units(bytes))
}

fn name_if_any(cursor: &mut Cursor<'_>, len: u16, length: u64) -> Result<Option<Name>, EntryError> {
    let name = name(cursor, len, length)?;
    if name.units().len() > MAX_SHORT_NAME_UNITS {
        return Err(EntryError::ShortName { units: name.units().len(), max: MAX_SHORT_NAME_UNITS });
    }
    Ok(Some(name).filter(|name| !name.is_empty()))
}

fn units(bytes: &[u8]) -> Name {
    Name::from_units(bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect::<Box<[u16]>>())
}

fn stream(cursor: &mut Cursor<'_>, number: u16) -> Result<StreamEntry, EntryError> {
    let (start, end) = (cursor.at, cursor.end);
    let disk: StreamDisk = cursor.structure().ok_or(EntryError::StreamsPastEnd { number, end })?;
    let length = disk.length.get();
    let bad_length = EntryError::StreamLength { number, at: start, length };
    let stop = round_up(length).and_then(|length| start.checked_add(length)).filter(|&stop| stop <= end);
    let Some(stop) = stop.filter(|&stop| stop >= cursor.at) else { return Err(bad_length) };
    let len = disk.name_len.get();
    if !len.is_multiple_of(2) {
        return Err(EntryError::NameLength { len });
    }
    // The null unit may be missing here, because some tools don't count it in.
    let name = Cursor { end: stop, ..*cursor }.bytes(usize::from(len)).map(units).ok_or(bad_length)?;
    cursor.at = stop;
    Ok(StreamEntry { name, sha1: disk.sha1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Image, Node, put};

    /// The metadata of an image of one file, and where its entry lies.
    fn metadata(node: Node) -> (Vec<u8>, usize) {
        let mut image = Image::new();
        let number = image.add(node);
        let metadata = image.metadata();
        (metadata.bytes, metadata.entries[number])
    }

    fn parse_changed(at: usize, new: &[u8]) -> Result<Option<DirEntry>, EntryError> {
        let (mut bytes, entry) = metadata(Node::file(0, "name", b"").stream("s", b""));
        put(&mut bytes, entry + at, new);
        DirEntry::parse(&bytes, entry)
    }

    #[test]
    fn lengths_are_rounded_up_and_a_short_one_ends_the_directory() {
        assert_eq!(parse_changed(0, &0u64.to_le_bytes()), Ok(None));
        assert_eq!(parse_changed(0, &8u64.to_le_bytes()), Ok(None));
        // 102 bytes, 4 units and a null make 112.
        let (bytes, entry) = metadata(Node::file(0, "name", b"").stream("s", b""));
        let whole = DirEntry::parse(&bytes, entry).unwrap();
        assert_eq!(whole.as_ref().unwrap().range, entry..entry + 112 + 48);
        for length in [105u64, 112] {
            assert_eq!(parse_changed(0, &length.to_le_bytes()).as_ref(), Ok(&whole), "{length}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for (length, expected) in [
            (9u64, EntryError::Short { length: 9 }),
            (96, EntryError::Short { length: 96 }),
            (104, EntryError::NamePastEnd { len: 8, length: 104 }),
        ] {
            assert_eq!(parse_changed(0, &length.to_le_bytes()), Err(expected));
        }
        for length in [1000, u64::MAX - 7, u64::MAX] {
            let error = parse_changed(0, &length.to_le_bytes()).unwrap_err();
            assert!(matches!(error, EntryError::PastEnd { length: found, .. } if found == length), "{error}");
        }
        let (short_name_len, name_len) = (0x62, 0x64);
        for field in [short_name_len, name_len] {
            assert_eq!(parse_changed(field, &[9, 0]), Err(EntryError::NameLength { len: 9 }));
            let error = parse_changed(field, &[0xfe, 0xff]).unwrap_err();
            assert_eq!(error, EntryError::NamePastEnd { len: 0xfffe, length: 112 });
        }
    }

    #[test]
    fn a_short_name_has_at_most_twelve_units() {
        let with = |units: usize| {
            let (bytes, entry) = metadata(Node { short_name: vec![65; units], ..Node::file(0, "name", b"") });
            DirEntry::parse(&bytes, entry).map(|entry| entry.unwrap().short_name.unwrap().units().len())
        };
        assert_eq!(with(12), Ok(12));
        assert_eq!(with(13), Err(EntryError::ShortName { units: 13, max: 12 }));
    }

    #[test]
    fn stream_entries_that_lie_are_refused() {
        // The stream entry follows the 112 bytes; its name length is at 0x24.
        for length in [0u64, 32, 1000, u64::MAX] {
            let error = parse_changed(112, &length.to_le_bytes()).unwrap_err();
            assert!(matches!(error, EntryError::StreamLength { number: 0, .. }), "{error}");
        }
        assert_eq!(parse_changed(112 + 0x24, &[3, 0]), Err(EntryError::NameLength { len: 3 }));
        let error = parse_changed(112 + 0x24, &[12, 0]).unwrap_err();
        assert!(matches!(error, EntryError::StreamLength { .. }), "longer than its entry: {error}");
        let error = parse_changed(0x60, &[0xff, 0xff]).unwrap_err();
        assert!(matches!(error, EntryError::StreamsPastEnd { .. } | EntryError::StreamLength { .. }), "{error}");
    }

    #[test]
    fn an_entry_cut_anywhere_is_refused() {
        let (bytes, entry) = metadata(Node::file(0, "name", b"").stream("stream", b"").item(7, b"item"));
        let end = DirEntry::parse(&bytes, entry).unwrap().unwrap().range.end;
        for cut in entry..end {
            assert!(DirEntry::parse(&bytes[..cut], entry).is_err(), "cut at {cut}");
        }
        assert_eq!(DirEntry::parse(&bytes, bytes.len()), Err(EntryError::Unterminated { end: bytes.len() }));
    }
}
