//! Reading a VHDX: which header counts, what its log still has to change, where the regions are.
//!
//! What is there twice is read from the copy that is sound, and the check tells of the other.

use std::ops::Range;

use nanovhd_tree::ReadAt;
use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use super::format::*;
use super::metadata::Metadata;
use super::{bat, log, metadata, region};
use crate::map::BlockMap;
use crate::overlay::Overlay;
use crate::rule::ContainerRule as Rule;
use crate::rule::{Faults, Stop};

/// What was read of a VHDX.
#[derive(Debug)]
pub(crate) struct Vhdx<R> {
    /// The file with its log replayed.
    pub(crate) file: Overlay<R>,
    pub(crate) log_replayed: bool,
    pub(crate) creator: String,
    pub(crate) metadata: Metadata,
    pub(crate) map: BlockMap,
}

/// Whether the file is a VHDX: it has the signature, or, should that be damaged, a header and a region
/// table where a VHDX has them.
pub(crate) fn is_vhdx<R: ReadAt>(file: &R, len: u64) -> std::io::Result<bool> {
    let signature = |at: u64, expected: &[u8]| {
        let mut found = [0; 8];
        let found = &mut found[..expected.len()];
        if at + found.len() as u64 > len {
            return Ok(false);
        }
        file.read_exact_at(found, at)?;
        std::io::Result::Ok(&*found == expected)
    };
    let either = |places: [u64; 2], expected: &[u8]| {
        std::io::Result::Ok(signature(places[0], expected)? || signature(places[1], expected)?)
    };
    Ok(signature(FILE_IDENTIFIER, &FILE_SIGNATURE)?
        || either(HEADERS, &HEADER_SIGNATURE)? && either(REGION_TABLES, &REGION_SIGNATURE)?)
}

/// Reads all but the blocks.
pub(crate) fn parse<R: ReadAt>(file: R, len: u64, faults: &mut Faults) -> Result<Vhdx<R>, Stop> {
    if len < HEADER_SECTION {
        return Err(faults.stop(Rule::VhdxHeader, 0, format_args!("{len:#x} bytes have no room for the headers")));
    }
    let creator = identifier(&file, faults)?;
    let (header, at) = header(&file, faults)?;
    let mut file = Overlay::new(file, len);
    let log = log_range(&header, at, len, faults);
    let log_guid = Uuid::from_bytes_le(header.log_guid);
    let log_replayed = !log_guid.is_nil();
    if log_replayed {
        let Some(log) = &log else { return Err(Stop::Fault) };
        log::replay(&mut file, log, len, log_guid, faults)?;
    }
    let len = file.len()?;
    let regions = region::parse(&file, len, log, faults)?;
    let metadata = metadata::parse(&file, &regions.metadata, faults)?;
    let map = bat::parse(&file, len, &regions, &metadata, faults)?;
    Ok(Vhdx { file, log_replayed, creator, metadata, map })
}

/// What the check looks at beyond what reading needs.
pub(crate) fn check<R: ReadAt>(vhdx: &Vhdx<R>, faults: &mut Faults) {
    vhdx.map.overlaps(|at, one, other| {
        faults.note(Rule::VhdxBlockOverlap, at, format_args!("blocks {one} and {other} share bytes"));
    });
}

/// Who made the file.
fn identifier<R: ReadAt>(file: &R, faults: &mut Faults) -> Result<String, Stop> {
    let mut identifier = FileIdentifier::new_zeroed();
    file.read_exact_at(identifier.as_mut_bytes(), FILE_IDENTIFIER)?;
    if identifier.signature != FILE_SIGNATURE {
        let found = identifier.signature.escape_ascii();
        let detail = format_args!("a VHDX starts with \"vhdxfile\", this with \"{found}\"");
        faults.note(Rule::VhdxIdentifier, FILE_IDENTIFIER, detail);
    }
    let units = identifier.creator.iter().map(|unit| unit.get()).take_while(|&unit| unit != 0);
    Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

/// The header that counts, which is the one with the higher sequence number, and where it is. Section 2.2.2.
fn header<R: ReadAt>(file: &R, faults: &mut Faults) -> Result<(Box<Header>, u64), Stop> {
    let mut sound = Vec::new();
    for at in HEADERS {
        if let Some(header) = sound_header(file, at, faults)? {
            sound.push((header, at));
        }
    }
    if let [(one, _), (other, at)] = &sound[..] {
        let number = one.sequence_number.get();
        // Some writers make both headers alike, which leaves no doubt; nothing else may be.
        if number == other.sequence_number.get() && one.as_bytes() != other.as_bytes() {
            let detail = format_args!("both headers have number {number} and they differ");
            faults.refuse(Rule::VhdxHeaderSequence, *at, detail);
        }
    }
    let current = sound.into_iter().max_by_key(|(header, _)| header.sequence_number.get());
    let (header, at) = current.ok_or_else(|| {
        faults.stop(Rule::VhdxHeader, HEADERS[0], format_args!("neither this one nor the other is sound"))
    })?;
    let (version, log_version) = (header.version.get(), header.log_version.get());
    if version != VERSION {
        let detail = format_args!("the file has version {version}, only {VERSION} is known");
        return Err(faults.stop(Rule::VhdxVersion, at, detail));
    }
    if log_version != LOG_VERSION {
        let detail = format_args!("the log has version {log_version}, only {LOG_VERSION} is known");
        faults.refuse(Rule::VhdxVersion, at, detail);
    }
    Ok((header, at))
}

/// The header at `at`, if it is one and has the right checksum.
fn sound_header<R: ReadAt>(file: &R, at: u64, faults: &mut Faults) -> std::io::Result<Option<Box<Header>>> {
    let mut header = Box::new(Header::new_zeroed());
    file.read_exact_at(header.as_mut_bytes(), at)?;
    if header.signature != HEADER_SIGNATURE {
        let found = header.signature.escape_ascii();
        faults.note(Rule::VhdxHeader, at, format_args!("a header starts with \"head\", this with \"{found}\""));
        return Ok(None);
    }
    let found = header.checksum.get();
    header.checksum = 0.into();
    let expected = crc32c::crc32c(header.as_bytes());
    header.checksum = found.into();
    if found != expected {
        faults.note(Rule::VhdxHeader, at, format_args!("the checksum is {found:#010x}, expected {expected:#010x}"));
        return Ok(None);
    }
    Ok(Some(header))
}

/// Where the log is, unless it has no length.
fn log_range(header: &Header, at: u64, len: u64, faults: &mut Faults) -> Option<Range<u64>> {
    let (offset, length) = (header.log_offset.get(), u64::from(header.log_length.get()));
    let empty = header.log_guid == [0; 16];
    if length == 0 && empty {
        return None;
    }
    let whole = offset.is_multiple_of(MIB) && length.is_multiple_of(MIB) && length > 0;
    let end = offset.checked_add(length).filter(|&end| whole && offset >= HEADER_SECTION && end <= len);
    if end.is_none() {
        let detail = format_args!("the log can't be {length:#x} bytes at {offset:#x}");
        // Where nothing is to be replayed nobody needs the log.
        if empty {
            faults.note(Rule::VhdxLogPlace, at, detail);
        } else {
            faults.refuse(Rule::VhdxLogPlace, at, detail);
        }
    }
    end.map(|end| offset..end)
}
