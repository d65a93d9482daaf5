//! Writing what the volume holds besides delivered contents: once, front to back.

use std::collections::BTreeMap;

use nanovhd_tree::{Content, Source, WriteAt, upcase_table};

use crate::attribute::Storage;
use crate::error::WriteError;
use crate::files::reparse_header;
use crate::records::Resident;
use crate::slots::Payload;
use crate::system::boot;
use crate::units::Lcn;
use crate::volume::Volume;

/// Neighbouring pieces are gathered up to this many bytes before they are written.
const BUFFER: usize = 1 << 20;
/// What a journal is filled with that nobody has used: Windows then starts it anew.
const UNUSED_LOG: u8 = 0xff;

impl Volume<'_> {
    /// Writes everything but the contents whose target is an extent: boot sectors, MFT, indexes,
    /// bitmaps, contents in memory and so on, at ascending offsets. Bytes that are not written,
    /// such as those behind the end of a file in its last cluster, must read as zeros.
    ///
    /// `resident` gives the bytes of each placement whose target is [`Target::Resident`]; it may
    /// be asked for the same one twice.
    ///
    /// [`Target::Resident`]: crate::Target::Resident
    ///
    /// # Errors
    /// [`WriteError`]: the output failed, or the bytes of a placement are missing or not as many
    /// as they should be.
    pub fn write_metadata(
        &self,
        resident: &dyn Fn(usize) -> Option<std::sync::Arc<[u8]>>,
        out: &dyn WriteAt,
    ) -> Result<(), WriteError> {
        let mut pieces = Vec::new();
        for (at, file) in self.files.iter().enumerate() {
            for slot in file.slots.clone() {
                let found = &self.slots[slot as usize];
                // The contents that come from outside are there already.
                let delivered = matches!(found.payload, Payload::Content(_)) && found.delivered().is_some();
                if let (Storage::Run { lcn, .. }, false) = (found.storage, delivered) {
                    pieces.push((lcn, at, slot));
                }
            }
        }
        pieces.sort_unstable();
        let mut output = Output { out, offset: 0, buffer: Vec::with_capacity(BUFFER) };
        for (lcn, at, slot) in pieces {
            self.write_payload(at, slot, self.geometry.cluster.offset(lcn), resident, &mut output)?;
        }
        let boot = self.boot_bytes();
        output.put(self.backup_boot_offset(), &boot[..self.geometry.sector as usize])?;
        output.flush()
    }

    fn write_payload(
        &self,
        at: usize,
        slot: u32,
        start: u64,
        resident: Resident<'_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let slot = &self.slots[slot as usize];
        match slot.payload {
            Payload::Content(content) => put_content(content, start, output),
            Payload::Reparse(reparse) => {
                let header = reparse_header(reparse);
                output.put(start, &header)?;
                put_content(&reparse.data, start + header.len() as u64, output)
            }
            Payload::Bytes(number) => output.put(start, &self.bytes[number as usize]),
            Payload::IndexBlocks(number) => self.write_index(number, start, output),
            Payload::AttributeList => output.put(start, &self.attribute_list(at)),
            Payload::Boot => output.put(start, &self.boot_bytes()),
            Payload::Mft => self.write_records(self.mft_records, start, resident, output),
            Payload::MftMirror => {
                let records = slot.size / self.geometry.record as u64;
                self.write_records(records, start, resident, output)
            }
            Payload::MftBitmap => output.put(start, &self.mft_bitmap()),
            Payload::LogFile => output.fill(start, slot.size, UNUSED_LOG),
            Payload::UpCase => {
                let table: Vec<u8> = upcase_table().iter().flat_map(|unit| unit.to_le_bytes()).collect();
                output.put(start, &table)
            }
            Payload::ClusterBitmap => self.write_cluster_bitmap(start, output),
            Payload::Descriptors => self.secure.for_each_piece(|offset, bytes| output.put(start + offset, bytes)),
            Payload::BadClusters => Ok(()),
        }
    }

    fn boot_bytes(&self) -> Vec<u8> {
        let start_of = |is: fn(&Payload<'_>) -> bool| {
            Lcn(self.slot_range(|slot| is(&slot.payload)).start / self.geometry.cluster.bytes())
        };
        let mft = start_of(|payload| matches!(payload, Payload::Mft));
        let mirror = start_of(|payload| matches!(payload, Payload::MftMirror));
        boot(&self.geometry, mft, mirror, self.boot_code)
    }

    fn write_index(&self, index: u32, start: u64, output: &mut Output<'_>) -> Result<(), WriteError> {
        let index = &self.indexes[index as usize];
        let entries = self.index_entries(index.content);
        let mut offset = start;
        index.shape.for_each_block(
            |position| entries.at(position),
            self.geometry.cluster,
            |block| {
                output.put(offset, block)?;
                offset += block.len() as u64;
                Ok(())
            },
        )
    }

    /// Writes the first `count` records of the MFT.
    fn write_records(
        &self,
        count: u64,
        start: u64,
        resident: Resident<'_>,
        output: &mut Output<'_>,
    ) -> Result<(), WriteError> {
        let size = self.geometry.record as u64;
        let mut put = |number: u64, record: &[u8]| output.put(start + number * size, record);
        // Records of files whose turn has come but whose numbers have not: the root's extensions.
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        let ends = self.files.iter().skip(1).map(|file| u64::from(file.reference.record)).chain([u64::MAX]);
        for (at, end) in (0..self.files.len()).zip(ends) {
            if u64::from(self.files[at].reference.record) >= count {
                break;
            }
            let records = match self.files[at].extensions {
                0 => vec![self.only_record(at, resident)?],
                _ => self.records(at, resident)?,
            };
            waiting.extend(records.into_iter().map(|(number, record)| (u64::from(number), record)));
            for number in next..end.min(count) {
                match waiting.remove(&number) {
                    Some(record) => put(number, &record)?,
                    None => put(number, &self.free_record(number))?,
                }
            }
            next = end;
        }
        Ok(())
    }

    /// A bit for each record of the MFT, set for those in use; up to the last of them.
    fn mft_bitmap(&self) -> Vec<u8> {
        let mut bitmap = Vec::new();
        for file in &self.files {
            let extensions = file.first_extension..file.first_extension + file.extensions;
            for record in std::iter::once(file.reference.record).chain(extensions) {
                let byte = record as usize / 8;
                bitmap.resize(bitmap.len().max(byte + 1), 0);
                bitmap[byte] |= 1 << (record % 8);
            }
        }
        bitmap
    }

    /// A bit for each cluster: set for those in use, which all lie at the start, and for those
    /// that the last word counts behind the end of the volume.
    fn write_cluster_bitmap(&self, start: u64, output: &mut Output<'_>) -> Result<(), WriteError> {
        let bytes = self.geometry.bitmap_bytes();
        let ones = bitmap_of_ones(self.used_clusters);
        let word = |index: u64| -> u64 {
            let behind = (index * 64 + 64).saturating_sub(self.geometry.clusters());
            u64::MAX.checked_shl(u32::try_from(64 - behind).expect("at most 64")).unwrap_or(0)
        };
        let last = bytes / 8 - 1;
        if ones.len() as u64 == bytes {
            let (front, end) = ones.split_at(ones.len() - 8);
            output.put(start, front)?;
            let used = u64::from_le_bytes(end.try_into().expect("eight bytes"));
            return output.put(start + last * 8, &(used | word(last)).to_le_bytes());
        }
        output.put(start, &ones)?;
        output.put(start + last * 8, &word(last).to_le_bytes())
    }
}

/// Writes a content that is in memory.
fn put_content(content: &Content, start: u64, output: &mut Output<'_>) -> Result<(), WriteError> {
    match content.source() {
        Source::Bytes(bytes) => output.put(start, bytes),
        Source::Blob(_) | Source::HostFile(_) => Ok(()),
    }
}

/// A bitmap in whole 64-bit words whose first `count` bits are set.
pub(crate) fn bitmap_of_ones(count: u64) -> Vec<u8> {
    let whole = usize::try_from(count / 8).expect("a bitmap that is built fits into memory");
    let mut bitmap = vec![0xff; whole];
    if !count.is_multiple_of(8) {
        bitmap.push((1 << (count % 8)) - 1);
    }
    bitmap.resize(bitmap.len().next_multiple_of(8), 0);
    bitmap
}

/// Gathers neighbouring pieces, so that the output sees few and large writes.
struct Output<'o> {
    out: &'o dyn WriteAt,
    offset: u64,
    buffer: Vec<u8>,
}

impl Output<'_> {
    fn put(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        if offset != self.offset + self.buffer.len() as u64 {
            self.flush()?;
            self.offset = offset;
        }
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    fn fill(&mut self, offset: u64, count: u64, byte: u8) -> Result<(), WriteError> {
        let piece = [byte; 4096];
        debug_assert!(count.is_multiple_of(piece.len() as u64), "a journal is whole pages");
        (offset..offset + count).step_by(piece.len()).try_for_each(|at| self.put(at, &piece))
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        if !self.buffer.is_empty() {
            let offset = self.offset;
            self.out.write_all_at(&self.buffer, offset).map_err(|source| WriteError::Io { offset, source })?;
            self.offset += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_are_whole_words() {
        for (count, bytes) in [(0, vec![]), (1, vec![1, 0, 0, 0, 0, 0, 0, 0]), (64, vec![0xff; 8])] {
            assert_eq!(bitmap_of_ones(count), bytes, "{count}");
        }
        assert_eq!(bitmap_of_ones(65)[7..9], [0xff, 1]);
    }
}
