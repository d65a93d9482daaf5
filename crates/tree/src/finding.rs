//! What a checker finds wrong, and how it names its rules.

use std::collections::BTreeMap;
use std::fmt;

/// How many findings of one rule are told in full. A broken table breaks a rule once per entry, and
/// nobody reads the hundred-and-first line.
const MAX_PER_RULE: u64 = 100;

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

/// Declares an enum of rules: for each its variant, its stable name and what it demands in one
/// sentence.
///
/// ```
/// nanovhd_tree::rules! {
///     /// The rules of a drawer.
///     pub enum DrawerRule {
///         Closed "drawer-closed" "The drawer is closed.",
///     }
/// }
/// assert_eq!(DrawerRule::ALL[0].name(), "drawer-closed");
/// ```
#[macro_export]
macro_rules! rules {
    ($(#[$attribute:meta])* pub enum $enum:ident { $($variant:ident $name:literal $meaning:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $enum { $(#[doc = $meaning] $variant,)+ }

        impl $enum {
            /// Every rule, those of one kind of structure together.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable name that findings carry.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What the rule demands, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)+ }
            }
        }

        impl ::core::convert::From<$enum> for &'static str {
            fn from(rule: $enum) -> Self {
                rule.name()
            }
        }
    };
}

/// What was found, in the order in which it was found. Of a rule that is broken often, a hundred
/// findings are kept and the rest are counted.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    /// For each rule how often it was broken, and where first after the cap.
    counts: BTreeMap<&'static str, (u64, u64)>,
}

impl Findings {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding. Beyond the cap it is counted, and its text is never made.
    pub fn add(&mut self, rule: impl Into<&'static str>, offset: u64, detail: fmt::Arguments<'_>) {
        let rule = rule.into();
        if self.has_room(rule, offset) {
            self.list.push(Finding { rule, record: None, offset, detail: detail.to_string() });
        }
    }

    /// Adds a finding that was made already.
    pub fn push(&mut self, finding: Finding) {
        if self.has_room(finding.rule, finding.offset) {
            self.list.push(finding);
        }
    }

    /// Counts a finding, and says whether it is to be kept.
    fn has_room(&mut self, rule: &'static str, offset: u64) -> bool {
        let (count, further) = self.counts.entry(rule).or_default();
        *count += 1;
        if *count == MAX_PER_RULE + 1 {
            *further = offset;
        }
        *count <= MAX_PER_RULE
    }

    /// All findings, and for each rule that was cut short one that says how many more there are.
    pub fn finish(mut self) -> Vec<Finding> {
        for (rule, (count, offset)) in self.counts {
            if let Some(more @ 1..) = count.checked_sub(MAX_PER_RULE) {
                let detail = format!("and {more} more, the first of them here");
                self.list.push(Finding { rule, record: None, offset, detail });
            }
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    rules! {
        /// Two rules.
        pub enum Two {
            Often "two-often" "It is broken often.",
            Once "two-once" "It is broken once.",
        }
    }

    #[test]
    fn a_rule_that_is_broken_often_is_told_a_hundred_times_and_counted() {
        let mut findings = Findings::new();
        for n in 0..249 {
            findings.add(Two::Often, n, format_args!("number {n}"));
        }
        let detail = "in a record".to_owned();
        findings.push(Finding { rule: Two::Often.name(), record: Some(3), offset: 9, detail });
        findings.add(Two::Once, 7, format_args!("once"));
        let list = findings.finish();
        assert_eq!(list.len(), 102);
        assert_eq!(list[99].to_string(), "two-often: at 0x63: number 99");
        assert_eq!(list[100].to_string(), "two-once: at 0x7: once");
        assert_eq!(list[101].to_string(), "two-often: at 0x64: and 150 more, the first of them here");
    }

    #[test]
    fn rules_know_their_names_and_meanings() {
        assert_eq!(Two::ALL, [Two::Often, Two::Once]);
        assert_eq!((Two::Once.name(), Two::Once.meaning()), ("two-once", "It is broken once."));
    }

    #[test]
    fn a_finding_names_rule_place_and_fault() {
        let detail = "2 names, but the link count is 3".to_owned();
        let mut finding = Finding { rule: "record-link-count", record: Some(38), offset: 0x9800, detail };
        assert_eq!(finding.to_string(), "record-link-count: record 38 at 0x9800: 2 names, but the link count is 3");
        finding.record = None;
        assert_eq!(finding.to_string(), "record-link-count: at 0x9800: 2 names, but the link count is 3");
    }
}
