//! How the checkers of this crate name their rules and gather what breaks them.

use std::collections::BTreeMap;
use std::fmt;

use nanovhd_tree::Finding;

/// How many findings of one rule are told in full. A broken table breaks a rule once per entry, and
/// nobody reads the hundred-and-first line.
const MAX_PER_RULE: u64 = 100;

/// A set of rules, as [`rules!`] makes them.
pub(crate) trait Rule: Copy + Ord {
    /// The stable name.
    fn rule_name(self) -> &'static str;
}

/// Declares an enum of rules: for each its variant, its name and what it demands in one sentence.
macro_rules! rules {
    ($(#[$attribute:meta])* pub enum $enum:ident { $($variant:ident $name:literal $meaning:literal,)+ }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $enum { $(#[doc = $meaning] $variant,)+ }

        impl $enum {
            /// Every rule, in the order in which they are looked at.
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

        impl $crate::findings::Rule for $enum {
            fn rule_name(self) -> &'static str {
                self.name()
            }
        }
    };
}
pub(crate) use rules;

/// What was found, in the order in which it was found.
#[derive(Debug)]
pub(crate) struct Findings<R> {
    list: Vec<Finding>,
    /// For each rule how often it was broken, and where first after the cap.
    counts: BTreeMap<R, (u64, u64)>,
}

impl<R: Rule> Findings<R> {
    pub(crate) fn new() -> Self {
        Self { list: Vec::new(), counts: BTreeMap::new() }
    }

    /// Adds a finding. Beyond the cap it is counted and its text is never made.
    pub(crate) fn add(&mut self, rule: R, offset: u64, detail: fmt::Arguments<'_>) {
        let (count, further) = self.counts.entry(rule).or_default();
        *count += 1;
        if *count <= MAX_PER_RULE {
            let detail = detail.to_string();
            self.list.push(Finding { rule: rule.rule_name(), record: None, offset, detail });
        } else if *count == MAX_PER_RULE + 1 {
            *further = offset;
        }
    }

    /// All findings, and for each rule that was cut short one that says how many more there are.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        for (rule, (count, offset)) in self.counts {
            if let Some(more @ 1..) = count.checked_sub(MAX_PER_RULE) {
                let detail = format!("and {more} more, the first of them here");
                self.list.push(Finding { rule: rule.rule_name(), record: None, offset, detail });
            }
        }
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::ContainerRule as Rule;

    #[test]
    fn a_rule_that_is_broken_often_is_told_a_hundred_times_and_counted() {
        let mut findings = Findings::new();
        for n in 0..250 {
            findings.add(Rule::VhdxBlockPlace, n, format_args!("number {n}"));
        }
        findings.add(Rule::RawSize, 7, format_args!("once"));
        let list = findings.finish();
        assert_eq!(list.len(), 102);
        assert_eq!(list[99].to_string(), "vhdx-block-place: at 0x63: number 99");
        assert_eq!(list[100].to_string(), "raw-size: at 0x7: once");
        assert_eq!(list[101].to_string(), "vhdx-block-place: at 0x64: and 150 more, the first of them here");
    }
}
