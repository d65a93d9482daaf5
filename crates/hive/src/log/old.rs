//! Old logs: a bitmap of dirty pages, and the pages. \[REGF\] "Old format".

use super::{Log, Target};
use crate::format::{BIN_SIGNATURE, BLOCK, BinDisk, DIRTY_SIGNATURE, SECTOR};

/// Applies the log that Windows would choose. \[REGF\] "Multiple transaction log files", "Old format".
pub(super) fn apply(target: &mut Target, logs: &[Log<'_>]) {
    let time = last_written(target);
    let Some(chosen) = choose(logs, time) else {
        for log in logs {
            let found = log.base.0.last_written.get();
            target.leave_out(format!(
                "log {} belongs to a write at {found:#x}, the hive to one at {time:#x}",
                log.number
            ));
        }
        return;
    };
    for log in logs.iter().filter(|log| log.number != chosen.number) {
        target.leave_out(format!("log {} is not the one to apply", log.number));
    }
    if let Err(reason) = apply_log(target, chosen) {
        target.leave_out(format!("log {}: {reason}", chosen.number));
    }
}

/// The time of the hive's last write, which the first bin also has.
fn last_written(target: &Target) -> u64 {
    use zerocopy::FromBytes;
    match BinDisk::ref_from_prefix(&target.bins) {
        Ok((bin, _)) if !target.base_is_valid && bin.signature == BIN_SIGNATURE => bin.timestamp.get(),
        _ => target.base.0.last_written.get(),
    }
}

/// The first log if it belongs to the hive's last write. The second one if the first does not, or is
/// damaged, and the second is the newer: then writing to the hive had failed, and both the hive and the
/// first log were left behind. This is what Windows 8 does, and Windows 7 since 2016.
fn choose<'l, 'a>(logs: &'l [Log<'a>], time: u64) -> Option<&'l Log<'a>> {
    let of = |log: &Log<'_>| log.base.0.last_written.get();
    match logs {
        [] => None,
        // A single log, or one whose partner is damaged.
        [log] if log.number == 0 => (of(log) == time).then_some(log),
        [log] => Some(log),
        [first, ..] if of(first) == time => Some(first),
        [first, second, ..] => (of(second) > of(first)).then_some(second),
    }
}

fn apply_log(target: &mut Target, log: &Log<'_>) -> Result<(), String> {
    let size = log.base.0.bins_size.get();
    let sector = SECTOR * (log.base.0.clustering.get().clamp(1, 8) as usize);
    // One bit for 512 bytes: one byte for a block.
    let bitmap_len = (size as usize).div_ceil(BLOCK);
    let start = sector + DIRTY_SIGNATURE.len();
    if log.bytes.get(sector..start) != Some(&DIRTY_SIGNATURE) {
        return Err("there is no bitmap of dirty pages".to_owned());
    }
    let Some(bitmap) = log.bytes.get(start..start + bitmap_len) else {
        return Err(format!("its bitmap of {bitmap_len:#x} bytes is cut off"));
    };
    let set = |page: &usize| bitmap[page / 8] & (1 << (page % 8)) != 0;
    let dirty: Vec<usize> = (0..bitmap_len * 8).filter(set).collect();
    let first = (start + bitmap_len).next_multiple_of(sector);
    let Some(pages) = log.bytes.get(first..first + dirty.len() * SECTOR) else {
        return Err(format!("its {} dirty pages are cut off", dirty.len()));
    };
    if !target.base_is_valid {
        target.restore_base(log);
    }
    target.resize(size, pages.len())?;
    for (page, bytes) in dirty.iter().zip(pages.chunks_exact(SECTOR)) {
        if let Some(place) = target.page(page * SECTOR, SECTOR, size as usize) {
            place.copy_from_slice(bytes);
            target.recovery.pages += 1;
        }
    }
    target.base.0.primary_sequence = log.base.0.primary_sequence;
    target.recovery.entries = 1;
    target.recovery.logs.push(log.number);
    Ok(())
}
