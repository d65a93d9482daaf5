//! Findings of the comparison, as many of each rule as are worth reading.

use nanovhd_tree::FileId;

use super::report::{Fault, Place};
use super::rule::ContentRule;
use crate::Volume;

/// Findings of one rule that are kept; the rest are counted.
pub(super) const KEPT: u64 = 100;

pub(super) struct Log<'c> {
    volume: &'c Volume<'c>,
    counts: Vec<u64>,
    faults: Vec<Fault>,
}

impl<'c> Log<'c> {
    pub(super) fn new(volume: &'c Volume<'c>) -> Self {
        Self { volume, counts: vec![0; ContentRule::ALL.len()], faults: Vec::new() }
    }

    /// Adds a finding about a file of the volume, or about one that isn't there.
    pub(super) fn add(
        &mut self,
        rule: ContentRule,
        file: Option<FileId>,
        detail: String,
        path: impl FnOnce() -> String,
    ) {
        let count = &mut self.counts[rule as usize];
        *count += 1;
        if *count > KEPT {
            return;
        }
        let record = file.and_then(|file| self.volume.record(file));
        self.faults.push(Fault {
            rule: rule.name(),
            place: Place::Contents,
            partition: self.volume.origin().partition,
            record,
            offset: record.and_then(|record| self.volume.record_offset(record)),
            path: Some(path()),
            detail,
        });
    }

    /// The findings, and how many there are of each rule.
    pub(super) fn finish(self) -> (Vec<Fault>, impl Iterator<Item = (&'static str, u64)>) {
        let counts = ContentRule::ALL.iter().zip(self.counts).filter(|(_, count)| *count > 0);
        (self.faults, counts.map(|(rule, count)| (rule.name(), count)))
    }
}
