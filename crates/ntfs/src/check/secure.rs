//! `$Secure`: the stream of descriptors, its two indexes, and who uses what.

use std::io;

use nanovhd_tree::ReadAt;
use zerocopy::FromBytes;

use crate::format::SecurityHeader;
use crate::read::index::Entry;
use crate::read::security::{self, BLOCK, SECURE, Stored};
use crate::read::stream::Stream;
use crate::rule::{Fault, Rule};
use crate::secure::hash;

use super::Checker;
use super::facts::DescriptorFact;

impl DescriptorFact {
    fn of(header: &SecurityHeader) -> Self {
        Self {
            id: header.id.get(),
            hash: header.hash.get(),
            stream_offset: header.offset.get(),
            length: header.length.get(),
        }
    }
}

impl<R: ReadAt> Checker<'_, R> {
    /// Takes an entry of `$SDH` or `$SII`.
    pub(super) fn take_descriptor(&mut self, by_hash: bool, entry: &Entry<'_>, offset: u64) {
        let header = entry.data().and_then(|data| SecurityHeader::read_from_prefix(data).ok()).map(|(h, _)| h);
        let Some(header) = header else {
            self.report.broken(Rule::IndexEntryData, Some(SECURE), offset, "the entry has no header of a descriptor");
            return;
        };
        let fact = DescriptorFact::of(&header);
        let mut key = Vec::from(fact.id.to_le_bytes());
        if by_hash {
            key.splice(0..0, fact.hash.to_le_bytes());
        }
        if entry.key != key {
            let rule = if by_hash { Rule::SecurityByHash } else { Rule::SecurityById };
            let detail = format!("the key is not that of descriptor {:#x}, which the entry tells of", fact.id);
            self.report.broken(rule, Some(SECURE), offset, detail);
        }
        let list = if by_hash { &mut self.facts.by_hash } else { &mut self.facts.by_id };
        list.push(fact);
    }

    /// Compares the three views of the descriptors, and the ids that files name.
    pub(super) fn check_security(&mut self) -> io::Result<()> {
        let Some(stream) = self.facts.sds.take() else {
            let detail = "there is no readable $SDS in clusters";
            self.report.broken(Rule::SecurityStream, Some(SECURE), self.mft.offset(SECURE), detail);
            return Ok(());
        };
        let mut stored = self.stored_descriptors(&stream)?;
        stored.sort_unstable();
        for pair in stored.windows(2).filter(|pair| pair[0].id == pair[1].id) {
            let offset = self.volume_offset(&stream.extents, pair[1].stream_offset);
            let detail = format!("two descriptors have the id {:#x}", pair[0].id);
            self.report.broken(Rule::SecurityId, Some(SECURE), offset, detail);
        }
        for (rule, list) in [
            (Rule::SecurityById, std::mem::take(&mut self.facts.by_id)),
            (Rule::SecurityByHash, std::mem::take(&mut self.facts.by_hash)),
        ] {
            self.compare_view(rule, list, &stored);
        }
        for file in std::mem::take(&mut self.facts.files) {
            let known = |id| stored.binary_search_by_key(&id, |stored| stored.id).is_ok();
            if file.security != 0 && !known(file.security) {
                let number = u64::from(file.record);
                let detail = format!("there is no descriptor with the id {:#x}", file.security);
                self.report.broken(Rule::FileSecurity, Some(number), self.mft.offset(number), detail);
            }
            self.facts.files.push(file);
        }
        Ok(())
    }

    fn compare_view(&mut self, rule: Rule, mut list: Vec<DescriptorFact>, stored: &[DescriptorFact]) {
        list.sort_unstable();
        let offset = self.mft.offset(SECURE);
        for entry in list.iter().filter(|entry| stored.binary_search(entry).is_err()) {
            let detail = format!("an entry for descriptor {:#x}, which $SDS doesn't have so", entry.id);
            self.report.broken(rule, Some(SECURE), offset, detail);
        }
        for entry in stored.iter().filter(|entry| list.binary_search(entry).is_err()) {
            let detail = format!("no entry for descriptor {:#x}", entry.id);
            self.report.broken(rule, Some(SECURE), offset, detail);
        }
    }

    /// Reads `$SDS` and checks each block with its copy.
    fn stored_descriptors(&mut self, stream: &Stream) -> io::Result<Vec<DescriptorFact>> {
        let mut all = Vec::new();
        let (mut block, mut copy) = (vec![0; BLOCK], vec![0; BLOCK]);
        let cluster = self.mft.boot.cluster;
        for start in (0..stream.size.min(stream.initialized)).step_by(2 * BLOCK) {
            let length = |start: u64| usize::try_from(stream.size.saturating_sub(start)).unwrap_or(BLOCK).min(BLOCK);
            let (here, there) = (length(start), length(start + BLOCK as u64));
            stream.read_at(self.volume, cluster, start, &mut block[..here])?;
            copy.fill(0);
            stream.read_at(self.volume, cluster, start + BLOCK as u64, &mut copy[..there])?;
            let mut entries = 0;
            for entry in security::stored(&block[..here], start) {
                match entry {
                    Ok(entry) => {
                        self.check_stored(stream, start, &entry, &copy);
                        all.push(DescriptorFact::of(entry.header));
                    }
                    Err(fault) => {
                        let offset = self.volume_offset(&stream.extents, start + fault.at as u64);
                        self.report.fault(Some(SECURE), offset, Fault { at: 0, ..fault });
                    }
                }
                entries += 1;
            }
            // Blocks follow one another; behind one without descriptors there are none.
            if entries == 0 {
                break;
            }
        }
        Ok(all)
    }

    fn check_stored(&mut self, stream: &Stream, start: u64, entry: &Stored<'_>, copy: &[u8]) {
        let offset = self.volume_offset(&stream.extents, start + entry.at as u64);
        let (id, found) = (entry.header.id.get(), hash(entry.descriptor));
        if entry.header.hash.get() != found {
            let detail = format!("descriptor {id:#x} has the hash {found:#x}, not {:#x}", entry.header.hash.get());
            self.report.broken(Rule::SecurityHash, Some(SECURE), offset, detail);
        }
        if id == 0 {
            self.report.broken(Rule::SecurityId, Some(SECURE), offset + 4, "a descriptor has the id 0");
        }
        self.check_descriptor(entry.descriptor, Some(SECURE), offset + size_of::<SecurityHeader>() as u64);
        let end = entry.at + size_of::<SecurityHeader>();
        let same = copy[entry.at..].starts_with(zerocopy::IntoBytes::as_bytes(entry.header))
            && copy[end..].starts_with(entry.descriptor);
        if !same {
            let detail = format!("the copy of descriptor {id:#x} is different");
            let offset = self.volume_offset(&stream.extents, start + (BLOCK + entry.at) as u64);
            self.report.broken(Rule::SecurityCopy, Some(SECURE), offset, detail);
        }
    }
}
