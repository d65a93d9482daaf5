//! What a checker finds wrong.

use std::fmt;

/// One broken rule of a format, at one place. Checkers go on after a finding, so there may be many.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The rule's stable name, in lower case with hyphens: `record-link-count`.
    pub rule: &'static str,
    /// The number of the MFT record that is at fault, where there is one.
    pub record: Option<u64>,
    /// Where the fault lies, in bytes from the start of what was checked.
    pub offset: u64,
    /// What was found and what was expected, in one line.
    pub detail: String,
}

/// `record-link-count: record 38 at 0x9800: …`
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.rule)?;
        if let Some(record) = self.record {
            write!(f, "record {record} ")?;
        }
        write!(f, "at {:#x}: {}", self.offset, self.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_rule_place_and_fault() {
        let detail = "2 names, but the link count is 3".to_owned();
        let mut finding = Finding { rule: "record-link-count", record: Some(38), offset: 0x9800, detail };
        assert_eq!(finding.to_string(), "record-link-count: record 38 at 0x9800: 2 names, but the link count is 3");
        finding.record = None;
        assert_eq!(finding.to_string(), "record-link-count: at 0x9800: 2 names, but the link count is 3");
    }
}
