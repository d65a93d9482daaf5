//! What starts Windows: whether firmware, boot code, boot manager and store lead to it.
//!
//! ```text
//!   code.rs    master boot record ──► boot record ──┐
//!   files.rs   EFI system partition ────────────────┴─► boot manager and its files
//!   store.rs                                             store ──► entries ──► loader, Windows
//! ```
//!
//! Disks of any maker are looked at. What Windows itself may leave behind is no fault: files of an older
//! or newer version, entries for other disks, for recovery or for RAM disks, a fallback program that is
//! another system's.

mod code;
mod files;
mod program;
mod rule;
mod store;

use std::io;

use nanovhd_boot::Firmware;
use nanovhd_tree::ReadAt;

use super::log::KEPT;
use super::report::{Fault, Place};
use crate::startup::Startup;
pub use rule::BootRule;

/// What is checked, and what was found so far.
pub(super) struct Boot<'b> {
    startup: &'b Startup<'b>,
    counts: Vec<u64>,
    faults: Vec<Fault>,
}

/// What a finding is about.
#[derive(Debug, Clone, Default)]
struct Spot {
    partition: Option<u32>,
    offset: Option<u64>,
    path: Option<String>,
}

impl<'b> Boot<'b> {
    pub(super) fn new(startup: &'b Startup<'b>) -> Self {
        Self { startup, counts: vec![0; BootRule::ALL.len()], faults: Vec::new() }
    }

    /// Checks everything. Gives in words what starts.
    pub(super) fn check(&mut self, disk: &dyn ReadAt, sector_size: u32) -> io::Result<String> {
        match self.startup.firmware {
            Firmware::Bios => self.bios(disk, sector_size)?,
            Firmware::Uefi => self.uefi(),
        }
        self.files();
        let firmware = match self.startup.firmware {
            Firmware::Bios => "BIOS",
            Firmware::Uefi => "UEFI",
        };
        Ok(match self.store() {
            Some(first) => format!("{firmware} to {first}"),
            None => format!("{firmware} to nothing"),
        })
    }

    /// The findings, and how many there are of each rule.
    pub(super) fn finish(self) -> (Vec<Fault>, impl Iterator<Item = (&'static str, u64)>) {
        let counts = BootRule::ALL.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        (self.faults, counts.map(|(rule, count)| (rule.name(), count)))
    }

    /// Adds a finding. A store can name thousands of things that are not there: of those some are kept.
    fn fault(&mut self, rule: BootRule, spot: Spot, detail: String) {
        let count = &mut self.counts[rule as usize];
        *count += 1;
        if *count > KEPT {
            return;
        }
        let Spot { partition, offset, path } = spot;
        let (rule, place, record) = (rule.name(), Place::Boot, None);
        self.faults.push(Fault { rule, place, partition, record, offset, path, detail });
    }

    /// A finding about a file of the partition that the firmware starts from.
    fn system_fault(&mut self, rule: BootRule, path: &str, detail: String) {
        let partition = self.startup.system.map(|part| part.number);
        self.fault(rule, Spot { partition, offset: None, path: Some(path.to_owned()) }, detail);
    }
}

#[cfg(test)]
mod tests;
