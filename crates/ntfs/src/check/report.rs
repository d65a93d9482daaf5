//! What a check has found so far.

use std::io;

use nanovhd_tree::{Finding, Findings};

use crate::read::ReadError;
use crate::rule::{Fault, Rule};

/// The findings of a check.
#[derive(Debug, Default)]
pub(crate) struct Report(Findings);

impl Report {
    /// Adds a finding.
    pub(crate) fn add(&mut self, finding: Finding) {
        self.0.push(finding);
    }

    /// Adds that a rule is broken at `offset` of the volume.
    pub(crate) fn broken(&mut self, rule: Rule, record: Option<u64>, offset: u64, detail: impl Into<String>) {
        self.add(rule.finding(record, offset, detail));
    }

    /// Adds a fault in a block that lies at `offset` of the volume.
    pub(crate) fn fault(&mut self, record: Option<u64>, offset: u64, fault: Fault) {
        self.add(fault.finding(record, offset));
    }

    /// What was read, or none if it breaks a rule, which is added.
    pub(crate) fn accept<T>(&mut self, read: Result<T, ReadError>) -> io::Result<Option<T>> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(ReadError::Corrupt(finding)) => {
                self.add(finding);
                Ok(None)
            }
            Err(ReadError::Io { offset, source }) => Err(io::Error::new(
                source.kind(),
                format!("can't read at offset {offset:#x} of the volume: {source}"),
            )),
            Err(ReadError::Encrypted { .. } | ReadError::NoStream(_)) => Ok(None),
        }
    }

    /// All findings.
    pub(crate) fn finish(self) -> Vec<Finding> {
        self.0.finish()
    }
}
