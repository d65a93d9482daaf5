//! Recovery: what a write that was cut off had put into the logs beside the hive.
//!
//! \[REGF\] "Format of transaction log files", "Dirty state of a hive", "Multiple transaction log files".
//! Windows has two kinds of logs, told apart by the base block at their start:
//!
//! ```text
//!   old (type 1, 2)   base block │ "DIRT" bitmap │ pages of 512 bytes, one for each bit that is set
//!   new (type 6)      base block │ "HvLE" entry │ entry │ entry …    each with a number and two hashes
//! ```
//!
//! Of old logs one is applied, a whole picture of what the write would have changed. New logs are
//! journals: Windows swaps between the two files, so entries of both are applied in the order of their
//! numbers, until one is missing or damaged.

mod marvin;
mod new;
mod old;

use crate::base::{BaseBlock, checksum};
use crate::error::RecoverError;
use crate::format::{BLOCK, SECTOR, file_type};

/// What a recovery did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Whether the hive was dirty. If not, logs were not looked at.
    pub was_dirty: bool,
    /// Whether the base block was damaged and came from a log.
    pub base_block_restored: bool,
    /// Numbers of the logs that were applied, from 0, in their order.
    pub logs: Vec<usize>,
    /// Entries that were applied; an old log counts as one.
    pub entries: u32,
    /// Pages that were applied: of 512 bytes in old logs, of any size in new ones.
    pub pages: u64,
    /// Why logs, or the rest of one, were left out.
    pub left_out: Vec<String>,
}

/// A log whose base block is right.
struct Log<'a> {
    /// Its place among those that were given.
    number: usize,
    bytes: &'a [u8],
    base: BaseBlock,
}

impl<'a> Log<'a> {
    fn read(number: usize, bytes: &'a [u8]) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err(format!("log {number} is empty"));
        }
        let Some(sector) = bytes.get(..SECTOR) else {
            return Err(format!("log {number} has {} bytes, less than a base block", bytes.len()));
        };
        // Only the first sector of a log is a base block; the rest of one is taken as zeros.
        let mut block = vec![0; BLOCK];
        block[..SECTOR].copy_from_slice(sector);
        let base = BaseBlock::read(&block).map_err(|error| format!("log {number}: {error}"))?;
        let (found, expected) = (base.0.checksum.get(), checksum(sector));
        if found != expected {
            return Err(format!("the checksum of log {number} is {found:#010x}, expected {expected:#010x}"));
        }
        let (primary, secondary) = (base.0.primary_sequence.get(), base.0.secondary_sequence.get());
        if primary != secondary {
            return Err(format!(
                "log {number} was not completely written: its sequence numbers are {primary} and {secondary}"
            ));
        }
        Ok(Self { number, bytes, base })
    }

    fn sequence(&self) -> u32 {
        self.base.0.primary_sequence.get()
    }

    fn is_old(&self) -> bool {
        matches!(self.base.0.file_type.get(), file_type::OLD_LOG | file_type::OLDEST_LOG)
    }

    fn is_new(&self) -> bool {
        self.base.0.file_type.get() == file_type::NEW_LOG
    }
}

/// A hive that is being recovered.
struct Target {
    base: BaseBlock,
    /// Whether the base block's checksum was right from the start.
    base_is_valid: bool,
    /// The hive bins, and whatever the file has behind them.
    bins: Vec<u8>,
    recovery: Recovery,
}

impl Target {
    /// Takes the base block of a log for the hive's own, which is damaged.
    fn restore_base(&mut self, log: &Log<'_>) {
        self.base = log.base.clone();
        self.base.0.file_type = file_type::PRIMARY.into();
        self.recovery.base_block_restored = true;
    }

    /// Changes the number of bytes of bins. They may grow by what a log can have brought, at most: a
    /// damaged size must not take memory.
    fn resize(&mut self, size: u32, brought: usize) -> Result<(), String> {
        let bytes = size as usize;
        if bytes == 0 || !bytes.is_multiple_of(BLOCK) || bytes > self.bins.len().saturating_add(brought) {
            return Err(format!("the hive can't have {size:#x} bytes of bins"));
        }
        if bytes > self.bins.len() {
            self.bins.resize(bytes, 0);
        }
        self.base.0.bins_size = size.into();
        Ok(())
    }

    /// Where a page goes, if it lies in a hive of `size` bytes of bins.
    fn page(&mut self, offset: usize, len: usize, size: usize) -> Option<&mut [u8]> {
        let end = offset.checked_add(len).filter(|&end| end <= size)?;
        self.bins.get_mut(offset..end)
    }

    fn leave_out(&mut self, reason: String) {
        self.recovery.left_out.push(reason);
    }
}

/// Applies logs to a dirty hive, as Windows does when it loads one; a clean hive is given back as it is.
/// The result is a whole file with nothing rearranged. `logs` are the files `.LOG1` and `.LOG2`, in this
/// order, or the one `.LOG`; empty ones are usual.
///
/// # Errors
/// [`RecoverError::NoLog`] when no log fits, [`RecoverError::Open`] when `file` is no hive.
pub fn recover(mut file: Vec<u8>, logs: &[&[u8]]) -> Result<(Vec<u8>, Recovery), RecoverError> {
    let base = BaseBlock::read(&file)?;
    if !base.is_dirty() {
        return Ok((file, Recovery::default()));
    }
    let base_is_valid = base.checksum_is_right();
    let recovery = Recovery { was_dirty: true, ..Recovery::default() };
    let bins = file.split_off(BLOCK);
    let mut target = Target { base, base_is_valid, bins, recovery };
    let mut usable = Vec::new();
    for (number, bytes) in logs.iter().enumerate() {
        match Log::read(number, bytes) {
            Ok(log) => usable.push(log),
            Err(reason) => target.leave_out(reason),
        }
    }
    // A hive has logs of one kind; the other kind would be left over from an older Windows.
    if usable.iter().any(Log::is_new) {
        usable.retain(Log::is_new);
        new::apply(&mut target, usable);
    } else {
        usable.retain(Log::is_old);
        old::apply(&mut target, &usable);
    }
    if target.recovery.entries == 0 {
        let (primary, secondary) = (target.base.0.primary_sequence.get(), target.base.0.secondary_sequence.get());
        return Err(RecoverError::NoLog { primary, secondary, reasons: target.recovery.left_out });
    }
    Ok(finish(target, file))
}

/// Puts the file together. `file` is its old first block.
fn finish(mut target: Target, mut file: Vec<u8>) -> (Vec<u8>, Recovery) {
    use zerocopy::IntoBytes;
    target.base.0.secondary_sequence = target.base.0.primary_sequence;
    target.base.0.checksum = target.base.expected_checksum().into();
    // What the log of a damaged base block did not have stays as it was.
    let known = if target.recovery.base_block_restored { SECTOR } else { BLOCK };
    file[..known].copy_from_slice(&target.base.0.as_bytes()[..known]);
    file.append(&mut target.bins);
    (file, target.recovery)
}

#[cfg(test)]
mod tests;
