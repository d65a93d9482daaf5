//! Security descriptors, read from `$Secure:$SDS`.

use nanovhd_tree::ReadAt;
use zerocopy::FromBytes;

use crate::format::SecurityHeader;
use crate::read::ReadError;
use crate::read::files;
use crate::read::mft::Mft;
use crate::read::record::Record;
use crate::read::stream::Stream;
use crate::rule::{Fault, Rule};

/// The MFT record of `$Secure`.
pub(crate) const SECURE: u64 = 9;
/// Bytes of a block of `$SDS`.
pub(crate) const BLOCK: usize = 0x4_0000;
/// The stream's name.
pub(crate) const SDS: [u16; 4] = [b'$' as u16, b'S' as u16, b'D' as u16, b'S' as u16];

/// A descriptor in a block of `$SDS`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    /// Where its header begins in the block.
    pub(crate) at: usize,
    pub(crate) header: &'a SecurityHeader,
    pub(crate) descriptor: &'a [u8],
}

/// The descriptors of a block that begins at `start` of the stream, up to the first header that is
/// zeros; a fault ends them.
pub(crate) fn stored(block: &[u8], start: u64) -> impl Iterator<Item = Result<Stored<'_>, Fault>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = block.get(at..)?;
        let (header, body) = SecurityHeader::ref_from_prefix(rest).ok()?;
        if header.length.get() == 0 && header.offset.get() == 0 {
            return None;
        }
        let length = usize::try_from(header.length.get()).unwrap_or(usize::MAX);
        let descriptor = length.checked_sub(size_of::<SecurityHeader>()).and_then(|length| body.get(..length));
        let here = start + at as u64;
        let entry = match descriptor {
            Some(descriptor) if header.offset.get() == here => Ok(Stored { at, header, descriptor }),
            _ => Err(Fault::new(
                Rule::SecurityStream,
                at,
                format!("a header says {length} bytes at {:#x}, but it lies at {here:#x}", header.offset.get()),
            )),
        };
        at = if entry.is_ok() { (at + length).next_multiple_of(16) } else { block.len() };
        Some(entry)
    })
}

/// Calls `each` with the id and the bytes of every descriptor of the volume.
pub(crate) fn each_descriptor(
    volume: &impl ReadAt,
    mft: &Mft,
    mut each: impl FnMut(u32, &[u8]),
) -> Result<(), ReadError> {
    let mut bytes = mft.read_record(volume, SECURE)?;
    let corrupt = |fault| ReadError::Corrupt(mft.finding(SECURE, fault));
    let record = Record::parse(&mut bytes, SECURE).map_err(corrupt)?;
    let Some(stream) = sds(volume, mft, &record)? else { return Ok(()) };
    let mut block = vec![0; BLOCK];
    let blocks = stream.initialized.min(stream.size).div_ceil(BLOCK as u64);
    for start in (0..blocks).step_by(2).map(|i| i * BLOCK as u64) {
        let left = usize::try_from(stream.size - start).unwrap_or(usize::MAX).min(BLOCK);
        stream
            .read_at(volume, mft.boot.cluster, start, &mut block[..left])
            .map_err(|source| ReadError::Io { offset: mft.offset(SECURE), source })?;
        for entry in stored(&block[..left], start) {
            let entry = entry.map_err(|fault| corrupt(Fault { at: 0, ..fault }))?;
            each(entry.header.id.get(), entry.descriptor);
        }
    }
    Ok(())
}

/// The stream `$SDS` of the record of `$Secure`, if the volume has it.
fn sds(volume: &impl ReadAt, mft: &Mft, record: &Record<'_>) -> Result<Option<Stream>, ReadError> {
    let facts = files::read(volume, mft, record)?;
    let named = facts.streams.into_iter().find(|(name, _)| name.units() == SDS);
    Ok(named.and_then(|(_, value)| match value {
        files::Value::Stream(stream) => Some(stream),
        files::Value::Resident(_) => None,
    }))
}
