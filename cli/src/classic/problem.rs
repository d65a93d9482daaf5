//! What is wrong with an old command line, in the names that its author used.

use thiserror::Error;

use crate::failure::Failure;

/// Why an old command line can't be run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Problem {
    #[error("{command} has no parameter {found}{}", similar.as_ref().map(|s| format!("; is {s} meant?")).unwrap_or_default())]
    Unknown { command: &'static str, found: String, similar: Option<String> },
    #[error("{found} may stand for {}", candidates.join(", "))]
    Ambiguous { found: String, candidates: Vec<String> },
    #[error("{} missing, which {command} needs", are(missing))]
    Missing { command: &'static str, missing: Vec<String> },
    #[error("{0} is given twice")]
    Twice(String),
    #[error("{0} needs a value")]
    NoValue(String),
    #[error("{0}: {1}")]
    Value(String, String),
    #[error("{command} has no parameter that takes {found:?}{}", hint(found))]
    Loose { command: &'static str, found: String },
    #[error("{parameter} belongs to {other} {}", words.join(" or "))]
    Without { parameter: String, other: String, words: &'static [&'static str] },
    #[error("{0}")]
    Rule(String),
    #[error("{parameter} is refused: {reason}")]
    Refused { parameter: String, reason: &'static str },
}

fn are(missing: &[String]) -> String {
    format!("{} {}", missing.join(", "), if missing.len() == 1 { "is" } else { "are" })
}

/// A switch takes its value behind a colon only.
fn hint(found: &str) -> &'static str {
    let word = found.trim_start_matches('$').to_ascii_lowercase();
    if ["true", "false"].contains(&word.as_str()) {
        "; a switch takes it behind a colon, as in -Switch:$false"
    } else {
        ""
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::usage(problem)
    }
}
