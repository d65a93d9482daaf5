//! New logs: journals of numbered entries. \[REGF\] "New format".

use zerocopy::FromBytes;

use super::{Log, Target, marvin};
use crate::format::{ENTRY_HEAD, ENTRY_SIGNATURE, EntryDisk, PageDisk, SECTOR};

/// The bit of the base block's flags that entries carry. \[REGF\] "Log entries", note 11.
const TRANSACTIONS: u32 = 1;

/// An entry whose hashes are right.
struct Entry<'a> {
    head: &'a EntryDisk,
    references: &'a [PageDisk],
    pages: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Reads the entry at the start of `bytes`; nothing where no entry starts, which is the usual end.
    fn read(bytes: &'a [u8]) -> Result<Option<Self>, String> {
        let Ok((head, _)) = EntryDisk::ref_from_prefix(bytes) else {
            return Ok(None);
        };
        if head.signature != ENTRY_SIGNATURE {
            return Ok(None);
        }
        let size = head.size.get() as usize;
        let Some(whole) = bytes.get(..size).filter(|_| size >= ENTRY_HEAD && size.is_multiple_of(SECTOR)) else {
            return Err(format!("its size is {size:#x}"));
        };
        let hashes = [(head.body_hash.get(), &whole[ENTRY_HEAD..]), (head.head_hash.get(), &whole[..ENTRY_HEAD - 8])];
        for (found, hashed) in hashes {
            let expected = marvin::hash(hashed);
            if found != expected {
                return Err(format!("its hash is {found:#018x}, expected {expected:#018x}"));
            }
        }
        let count = head.pages.get() as usize;
        match <[PageDisk]>::ref_from_prefix_with_elems(&whole[ENTRY_HEAD..], count) {
            Ok((references, pages)) => Ok(Some(Self { head, references, pages })),
            Err(_) => Err(format!("it has no room for {count} references to pages")),
        }
    }

    /// Where each page goes and what is in it, all checked before anything is changed.
    fn placed(&self) -> Result<Vec<(usize, &'a [u8])>, String> {
        let size = self.head.bins_size.get() as usize;
        let mut pages = self.pages;
        let mut placed = Vec::with_capacity(self.references.len());
        for page in self.references {
            let (offset, len) = (page.offset.get() as usize, page.size.get() as usize);
            let Some((here, rest)) = pages.split_at_checked(len).filter(|_| offset + len <= size) else {
                return Err(format!("its page of {len:#x} bytes for offset {offset:#x} does not fit"));
            };
            placed.push((offset, here));
            pages = rest;
        }
        Ok(placed)
    }

    /// Writes the pages into the hive.
    fn apply(&self, target: &mut Target) -> Result<(), String> {
        let placed = self.placed()?;
        let size = self.head.bins_size.get();
        target.resize(size, placed.iter().map(|(_, page)| page.len()).sum())?;
        for (offset, page) in placed {
            if let Some(place) = target.page(offset, page.len(), size as usize) {
                place.copy_from_slice(page);
                target.recovery.pages += 1;
            }
        }
        let base = &mut target.base.0;
        base.flags = (base.flags.get() & !TRANSACTIONS | self.head.flags.get() & TRANSACTIONS).into();
        base.primary_sequence = self.head.sequence;
        target.recovery.entries += 1;
        Ok(())
    }
}

/// Applies what the logs have, the one with earlier entries first. \[REGF\] "Multiple transaction log
/// files", "New format".
pub(super) fn apply(target: &mut Target, mut logs: Vec<Log<'_>>) {
    logs.sort_by_key(Log::sequence);
    if !target.base_is_valid {
        // Nothing says where the hive stands, so only the latest entries can be trusted to follow.
        if let Some(latest) = logs.pop() {
            logs.iter().for_each(|log| target.leave_out(format!("log {} is not the latest", log.number)));
            target.restore_base(&latest);
            apply_log(target, &latest, None);
        }
        return;
    }
    let reached = target.base.0.secondary_sequence.get();
    let mut expected = None;
    for log in logs {
        let sequence = log.sequence();
        let reason = match expected {
            None if sequence < reached => {
                format!("log {} starts with number {sequence}, but the hive is at {reached}", log.number)
            }
            Some(expected) if sequence != expected => {
                format!("log {} starts with number {sequence}, expected {expected}", log.number)
            }
            _ => {
                expected = apply_log(target, &log, expected).or(expected);
                continue;
            }
        };
        target.leave_out(reason);
    }
}

/// Applies the entries of one log as long as their numbers follow each other. Gives the number that
/// would be next, if any entry was applied.
fn apply_log(target: &mut Target, log: &Log<'_>, first: Option<u32>) -> Option<u32> {
    let mut expected = first.unwrap_or(log.sequence());
    let mut at = SECTOR;
    let before = target.recovery.entries;
    while let Some(rest) = log.bytes.get(at..) {
        let result = match Entry::read(rest) {
            Ok(None) => break,
            // Older entries may lie behind the new ones.
            Ok(Some(entry)) if entry.head.sequence.get() != expected => break,
            Ok(Some(entry)) => entry.apply(target).map(|()| entry.head.size.get() as usize),
            Err(reason) => Err(reason),
        };
        match result {
            Ok(size) => at += size,
            Err(reason) => {
                target.leave_out(format!("log {}: the entry at {at:#x} ends it: {reason}", log.number));
                break;
            }
        }
        expected = expected.wrapping_add(1);
    }
    if target.recovery.entries == before {
        target.leave_out(format!("log {} has no entry with number {expected} at its start", log.number));
        return None;
    }
    target.recovery.logs.push(log.number);
    Some(expected)
}
