//! The way through the MFT: every record, whether its bitmap has it in use or not.

use std::io;

use nanovhd_tree::ReadAt;

use crate::read::record::{Record, Reference};
use crate::rule::Rule;

use super::Checker;
use super::facts::{ExtensionFact, narrow};

/// Bytes of the MFT that are read at a time.
const SCAN_BYTES: usize = 1 << 20;
/// Records that may be broken before the MFT counts as garbage.
const MOST_BROKEN: u64 = 1 << 16;
/// Bytes of free records that are looked at where nothing around them is in use. More than that a
/// volume has only if somebody lays a table of nothing over it.
const MOST_FREE: u64 = 1 << 30;

impl<R: ReadAt> Checker<'_, R> {
    /// Looks at all records, front to back.
    pub(super) fn scan(&mut self, progress: &mut dyn FnMut(u64, u64)) -> io::Result<()> {
        let size = self.mft.boot.record;
        let (all, per_read) = (self.mft.records(), SCAN_BYTES / size);
        let mut records = vec![0; SCAN_BYTES];
        let mut bits = vec![0; per_read / 8];
        let (mut broken, mut free) = (0, 0);
        for first in (0..all).step_by(per_read) {
            progress(first, all);
            let cluster = self.mft.boot.cluster;
            self.mft.bitmap.read_at(self.volume, cluster, first / 8, &mut bits)?;
            let count = usize::try_from(all - first).unwrap_or(per_read).min(per_read);
            if bits.iter().all(|byte| *byte == 0) {
                free += (count * size) as u64;
                if free > MOST_FREE {
                    continue;
                }
            }
            let read = self.mft.read_records(self.volume, first, &mut records[..count * size]);
            self.report.accept(read)?;
            let numbered = (first..).zip(records[..count * size].chunks_exact_mut(size));
            for (i, (number, bytes)) in numbered.enumerate() {
                let marked = bits[i / 8] & (1 << (i % 8)) != 0;
                broken += u64::from(!self.record(number, bytes, marked)?);
                if broken > MOST_BROKEN {
                    self.given_up = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Looks at one record and says whether it could be read.
    fn record(&mut self, number: u64, bytes: &mut [u8], marked: bool) -> io::Result<bool> {
        let offset = self.mft.offset(number);
        let record = match Record::parse(bytes, number) {
            Ok(record) => record,
            Err(fault) if marked => {
                self.report.fault(Some(number), offset, fault);
                return Ok(false);
            }
            // What a free record holds doesn't matter.
            Err(_) => return Ok(true),
        };
        match (marked, record.in_use()) {
            (false, false) => return Ok(true),
            (true, false) => {
                let detail = "the MFT's bitmap marks it as used, but it is not in use";
                self.report.broken(Rule::RecordMarked, Some(number), offset + 0x16, detail);
                return Ok(true);
            }
            (false, true) => {
                let detail = "it is in use, but the MFT's bitmap marks it as free";
                self.report.broken(Rule::RecordUnmarked, Some(number), offset + 0x16, detail);
            }
            (true, true) => {}
        }
        if record.header().sequence.get() == 0 {
            self.report.broken(Rule::RecordSequence, Some(number), offset + 0x10, "the sequence number is 0");
        }
        if record.is_base() {
            self.file(&record)?;
        } else {
            let base = Reference::from_disk(record.header().base.get());
            self.facts.extensions.push(ExtensionFact { record: narrow(number), base: narrow(base.record) });
        }
        Ok(true)
    }

    /// Finds the extension records that no file has.
    pub(super) fn check_extensions(&mut self) {
        self.facts.listed.sort_unstable();
        for extension in std::mem::take(&mut self.facts.extensions) {
            if self.facts.listed.binary_search(&extension.record).is_err() {
                let number = u64::from(extension.record);
                let detail = format!(
                    "it says that it belongs to record {}, whose attribute list doesn't name it",
                    extension.base
                );
                self.report.broken(Rule::RecordExtension, Some(number), self.mft.offset(number) + 0x20, detail);
            }
        }
    }
}
