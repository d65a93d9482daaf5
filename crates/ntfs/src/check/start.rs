//! The first stage: both boot sectors, finding the MFT, and its mirror.

use std::io;

use nanovhd_tree::ReadAt;

use crate::read::ReadError;
use crate::read::boot::Boot;
use crate::read::mft::Mft;
use crate::rule::Rule;

use super::report::Report;

/// Records that the mirror holds at least.
const MIRRORED: u64 = 4;

/// Checks boot sectors and mirror; gives the MFT if there is a way to it.
pub(super) fn open(volume: &impl ReadAt, report: &mut Report) -> io::Result<Option<Mft>> {
    let Some(boot) = boot(volume, report)? else { return Ok(None) };
    let mft = match Mft::open(volume, boot) {
        Err(ReadError::Corrupt(finding)) => {
            report.add(finding);
            // The mirror has a copy of the record that leads to all others.
            let by_mirror = Mft::open(volume, Boot { mft: boot.mirror, ..boot });
            match by_mirror {
                Ok(mft) => Some(Mft { boot, ..mft }),
                // The copy is as broken as the original, which was told.
                Err(ReadError::Corrupt(_)) => None,
                error => report.accept(error)?,
            }
        }
        other => report.accept(other)?,
    };
    if let Some(mft) = &mft {
        mirror(volume, mft, report)?;
    }
    Ok(mft)
}

/// The measures that the boot sector states or, if it is unusable, its copy.
fn boot(volume: &impl ReadAt, report: &mut Report) -> io::Result<Option<Boot>> {
    let room = volume.len()?;
    if room < 512 {
        report.broken(Rule::BootOem, None, 0, format!("{room} bytes are too few for a boot sector"));
        return Ok(None);
    }
    match Boot::read(volume, 0, room)? {
        Ok(boot) => {
            backup(volume, &boot, room, report)?;
            Ok(Some(boot))
        }
        Err(fault) => {
            report.fault(None, 0, fault);
            // The copy is the last sector, whose size is not known.
            for sector in [512, 4096] {
                if let Some(offset) = room.checked_sub(sector)
                    && let Ok(boot) = Boot::read(volume, offset, room)?
                {
                    return Ok(Some(boot));
                }
            }
            Ok(None)
        }
    }
}

fn backup(volume: &impl ReadAt, boot: &Boot, room: u64, report: &mut Report) -> io::Result<()> {
    let offset = boot.sectors * u64::from(boot.sector);
    if boot.size() > room {
        let detail = format!("no room for it: {room} bytes, expected {}", boot.size());
        report.broken(Rule::BootBackup, None, offset, detail);
        return Ok(());
    }
    let (mut first, mut copy) = ([0; 512], [0; 512]);
    volume.read_exact_at(&mut first, 0)?;
    volume.read_exact_at(&mut copy, offset)?;
    if let Some(at) = first.iter().zip(&copy).position(|(a, b)| a != b) {
        let detail = format!("byte {at:#x} of the copy is {:#04x}, expected {:#04x}", copy[at], first[at]);
        report.broken(Rule::BootBackup, None, offset + at as u64, detail);
    }
    Ok(())
}

/// Compares the mirror, which has at least a cluster, with the records that it repeats.
fn mirror(volume: &impl ReadAt, mft: &Mft, report: &mut Report) -> io::Result<()> {
    let boot = &mft.boot;
    let in_cluster = boot.cluster.bytes() / boot.record as u64;
    let mut copy = vec![0; boot.record];
    for number in 0..in_cluster.max(MIRRORED).min(mft.records()) {
        let offset = boot.cluster.offset(boot.mirror) + number * boot.record as u64;
        let Some(record) = report.accept(mft.read_record(volume, number))? else { return Ok(()) };
        if offset + boot.record as u64 > boot.size() {
            report.broken(Rule::MftMirror, Some(number), offset, "the mirror reaches beyond the end of the volume");
            return Ok(());
        }
        volume.read_exact_at(&mut copy, offset)?;
        if let Some(at) = record.iter().zip(&copy).position(|(a, b)| a != b) {
            let detail = format!("byte {at:#x} of the copy is {:#04x}, expected {:#04x}", copy[at], record[at]);
            report.broken(Rule::MftMirror, Some(number), offset + at as u64, detail);
        }
    }
    Ok(())
}
