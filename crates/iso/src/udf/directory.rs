//! Directories: a list of file identifier descriptors. ECMA-167 4/8.6 and 4/14.4; OSTA UDF 2.60, 2.3.4.

use nanovhd_tree::ReadAt;
use zerocopy::FromBytes;

use super::extents::Mapped;
use super::format::{FILE_IDENTIFIER_LEN, FileIdentifier, characteristics, file_type, tag_id};
use super::icb::Icb;
use super::partition::{IcbAddress, Space};
use super::{cs0, tag};
use crate::entry::{Entry, Node};
use crate::error::{IsoError, Structure};
use crate::input::Input;
use crate::name;

/// The longest directory that is read: 200,000 entries with the longest of names.
pub(crate) const MAX_DIRECTORY: u64 = 64 << 20;

/// Reads a directory, and says how many bytes of the image that took.
pub(crate) fn list<R: ReadAt>(
    input: &Input<R>,
    space: &Space,
    address: &IcbAddress,
) -> Result<(Vec<Entry>, u64), IsoError> {
    let icb = Icb::read(input, space, *address)?;
    if icb.file_type != file_type::DIRECTORY {
        let (what, offset, field) = (Structure::FileEntry, icb.offset, "file type");
        let found = icb.file_type.into();
        return Err(IsoError::Field { what, offset, field, found, expected: "4, a directory" });
    }
    let mapped = icb.map(input, space)?;
    let bytes = read(input, &icb, &mapped)?;
    let mut entries = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let offset = mapped.runs.at(at as u64).and_then(|run| Some(run.place? + (at as u64 - run.start)));
        let offset = offset.unwrap_or(icb.offset);
        let location = mapped.block(at as u64, space.block_size);
        let (entry, len) = identifier(&bytes[at..], offset, location)?;
        entries.extend(entry);
        at += len;
    }
    Ok((entries, icb.len.max(u64::from(space.block_size))))
}

fn read<R: ReadAt>(input: &Input<R>, icb: &Icb, mapped: &Mapped) -> Result<Vec<u8>, IsoError> {
    let (what, offset, len) = (Structure::Directory, icb.offset, icb.len);
    let most = MAX_DIRECTORY;
    let size = usize::try_from(len).ok().filter(|_| len <= most);
    let size = size.ok_or(IsoError::TooLong { what, offset, len, most })?;
    // Recorded bytes are no more than those of the image, and there may be no others.
    for run in mapped.runs.iter() {
        match run.place {
            Some(place) => input.check(what, place, run.len)?,
            None => {
                let (field, expected) = ("type of an extent", "0, recorded");
                return Err(IsoError::Field { what, offset, field, found: 1, expected });
            }
        }
    }
    let mut bytes = vec![0; size];
    let mut rest = bytes.as_mut_slice();
    for run in mapped.runs.iter() {
        let piece = usize::try_from(run.len).map_or(rest.len(), |len| len.min(rest.len()));
        let (piece, behind) = rest.split_at_mut(piece);
        input.read(what, run.place.unwrap_or(offset), piece)?;
        rest = behind;
    }
    Ok(bytes)
}

/// The entry at the start of `bytes`, unless it is none to show, and its length.
fn identifier(bytes: &[u8], offset: u64, location: u32) -> Result<(Option<Entry>, usize), IsoError> {
    let what = Structure::FileIdentifier;
    let too_long = |len: usize| IsoError::TooLong { what, offset, len: len as u64, most: bytes.len() as u64 };
    let (fid, rest) = FileIdentifier::ref_from_prefix(bytes).map_err(|_| too_long(FILE_IDENTIFIER_LEN))?;
    let (before_name, name_len) = (usize::from(fid.implementation_use_len.get()), usize::from(fid.name_len));
    // 4/14.4.9: filled up to a multiple of 4.
    let len = (FILE_IDENTIFIER_LEN + before_name + name_len).next_multiple_of(4);
    let whole = bytes.get(..len).ok_or_else(|| too_long(len))?;
    tag::expect(whole, location, tag_id::FILE_IDENTIFIER).map_err(|fault| IsoError::Tag { what, offset, fault })?;
    if fid.characteristics & (characteristics::DELETED | characteristics::PARENT) != 0 {
        return Ok((None, len));
    }
    let stored = rest.get(before_name..before_name + name_len).unwrap_or_default();
    let units = cs0::decode(stored).ok_or(IsoError::Field {
        what,
        offset,
        field: "compression identifier of the name",
        found: stored.first().copied().unwrap_or_default().into(),
        expected: "8, or 16 and whole characters",
    })?;
    let entry = Entry {
        name: name::safe(units),
        is_dir: fid.characteristics & characteristics::DIRECTORY != 0,
        is_hidden: fid.characteristics & characteristics::HIDDEN != 0,
        node: Node::Udf(fid.icb.icb()),
    };
    Ok((Some(entry), len))
}
