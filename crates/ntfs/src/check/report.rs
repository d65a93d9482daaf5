//! What a check has found so far.

use std::collections::BTreeMap;
use std::io;

use nanovhd_tree::Finding;

use crate::read::ReadError;
use crate::rule::{Fault, Rule};

/// Findings of one rule that are told one by one; a volume that is broken all over needs no more.
const MOST: u64 = 100;

/// The findings of a check.
#[derive(Debug, Default)]
pub(crate) struct Report {
    findings: Vec<Finding>,
    counts: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Adds a finding.
    pub(crate) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.rule).or_default();
        *count += 1;
        if *count <= MOST {
            self.findings.push(finding);
        }
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

    /// All findings, those of capped rules with one more that says how many are left out.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        for (&rule, &count) in self.counts.iter().filter(|(_, count)| **count > MOST) {
            let detail = format!("{} more findings of this rule", count - MOST);
            self.findings.push(Finding { rule, record: None, offset: 0, detail });
        }
        self.findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_of_one_rule_are_capped_and_counted() {
        let mut report = Report::default();
        for i in 0..105 {
            report.broken(Rule::RecordMagic, Some(i), i, "garbage");
        }
        report.broken(Rule::BootOem, None, 3, "no NTFS");
        let findings = report.finish();
        assert_eq!(findings.len(), 102);
        assert_eq!(findings[101].detail, "5 more findings of this rule");
        assert_eq!(findings[100].rule, "boot-oem");
    }
}
