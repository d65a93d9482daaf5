//! What is wrong with a recipe, in words that its author can act on.
//!
//! A message never has more of the file in it than names of keys and values that are no secret.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::origin::At;
use crate::FormatError;

/// Why a recipe can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file can't be read.
    #[error("can't read the recipe `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The file is too long for a recipe.
    #[error("`{file}` is longer than {most} bytes, and so no recipe")]
    TooLong {
        /// The file.
        file: String,
        /// The most bytes that are read.
        most: u64,
    },
    /// The file is not text.
    #[error("{at}: not UTF-8 text")]
    Encoding {
        /// The first byte that no text has.
        at: At,
        /// Whether it looks like UTF-16.
        utf16: bool,
    },
    /// The file is text, but not TOML.
    #[error("{at}: not as TOML has it: {problem}")]
    Syntax {
        /// Where.
        at: At,
        /// What is wrong.
        problem: String,
    },
    /// A key or its value can't be.
    #[error("{}{problem}", prefix(at.as_ref()))]
    Key {
        /// Where in the file, if it is a file that says so.
        at: Option<At>,
        /// What is wrong.
        #[source]
        problem: Box<KeyError>,
    },
    /// A path can't be written into a recipe, which is UTF-8 text.
    #[error("can't be written as a recipe: {0}")]
    Write(String),
}

/// What is wrong with a key or its value.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no key `{key}`{}", inside(table.as_deref()))]
    Unknown {
        /// The key.
        key: String,
        /// The table that it stands in.
        table: Option<String>,
        /// The key that may be meant.
        similar: Option<String>,
        /// Whether it is a key of recipes, and stands behind a table by mistake.
        misplaced: bool,
        /// Whether it is a table itself.
        is_table: bool,
    },
    /// A password stands in the recipe.
    #[error("`{key}` can't stand in a recipe: whoever reads the file would know the password")]
    Password {
        /// The key.
        key: String,
    },
    /// What is asked for can't be done yet.
    #[error("`{key}` is not possible yet: {what} come with a later version")]
    Later {
        /// The key.
        key: String,
        /// What it is about.
        what: &'static str,
    },
    /// The value is of another kind.
    #[error("`{key}` is {found}: {expected} was expected")]
    Kind {
        /// The key.
        key: String,
        /// What it is, with the value unless that is secret.
        found: String,
        /// What it must be.
        expected: String,
        /// How it is written rightly, if that is known.
        rightly: Option<String>,
    },
    /// The value is none of those that there are.
    #[error("`{key}` is {found}: {expected} was expected")]
    Choice {
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// All values that there are.
        expected: String,
        /// The one that may be meant.
        similar: Option<String>,
    },
    /// A number is too small or too large, or a text too short or too long.
    #[error("`{key}` is {found}: {expected} was expected")]
    Range {
        /// The key.
        key: String,
        /// The value.
        found: String,
        /// The range.
        expected: String,
    },
    /// The value has the right kind but makes no sense.
    #[error("`{key}`: {source}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong with it.
        source: Box<dyn Error + Send + Sync>,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// The name of the output stands for no kind of file, or for one that the target does not take.
    #[error(transparent)]
    Output(FormatError),
    /// Something is needed that is not there.
    #[error("{what} is missing")]
    Missing {
        /// What is missing, with the key.
        what: String,
        /// What the user can do about it.
        hint: String,
    },
    /// Two keys don't go together.
    #[error("`{key}` and `{other}` can't both be set: {why}")]
    Conflict {
        /// The key.
        key: String,
        /// The other.
        other: String,
        /// Why.
        why: &'static str,
    },
    /// A key says something about what is not asked for.
    #[error("`{key}` is set, but {missing}")]
    Needs {
        /// The key.
        key: String,
        /// What is missing.
        missing: String,
        /// What the user can do about it.
        hint: String,
    },
    /// A secret can't be had.
    #[error("`{key}`: {source}")]
    Secret {
        /// The key that says where it comes from.
        key: String,
        /// Why not.
        source: SecretError,
    },
}

/// Why a secret can't be had from where it should come from. The secret itself is never told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// Its file can't be read.
    #[error("can't read `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system reports.
        source: io::Error,
    },
    /// The file is too long for what it should be.
    #[error("`{}` is longer than {most} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most bytes that are read.
        most: u64,
    },
    /// It is not text.
    #[error("{place} is not UTF-8 text{}", if *utf16 { ", but UTF-16" } else { "" })]
    Encoding {
        /// The file or variable.
        place: String,
        /// Whether it looks like UTF-16.
        utf16: bool,
    },
    /// There is nothing in it.
    #[error("{0} is empty")]
    Empty(String),
    /// There are several lines in it.
    #[error("{0} has more than one line")]
    Lines(String),
    /// There are characters in it that nobody can type.
    #[error("{0} has control characters in it")]
    Control(String),
    /// There is no such environment variable.
    #[error("the environment variable `{0}` is not set")]
    Unset(String),
    /// There is nobody to ask.
    #[error("can't ask for it")]
    Prompt(#[source] io::Error),
}

fn prefix(at: Option<&At>) -> impl fmt::Display {
    at.map_or_else(String::new, |at| format!("{at}: "))
}

fn inside(table: Option<&str>) -> String {
    table.map_or_else(String::new, |table| format!(" in `{table}`"))
}

impl RecipeError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Encoding { utf16: true, .. } => Some("it looks like UTF-16: save the file as UTF-8".to_owned()),
            Self::Encoding { .. } => Some("save the file as UTF-8".to_owned()),
            Self::Syntax { problem, .. } => syntax_hint(problem),
            Self::Key { problem, .. } => problem.hint(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("`nanovhd init FILE` writes a sample".to_owned())
            }
            Self::Read { .. } | Self::TooLong { .. } | Self::Write(_) => None,
        }
    }

    /// Whether the file itself can't be read, and not what it says.
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

impl KeyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { misplaced: true, key, table, .. } => {
                let table = table.as_deref().unwrap_or_default();
                Some(format!("what follows a table belongs to it: move `{key}` before the first [[{table}]]"))
            }
            Self::Unknown { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::Unknown { is_table: true, table: None, key, .. } => {
                Some(format!("recipes have no tables but [[interface]]: leave the line [{key}] out"))
            }
            Self::Unknown { table: None, .. } => Some("`nanovhd init` shows all keys".to_owned()),
            Self::Unknown { .. } => None,
            Self::Password { .. } => Some(
                "say where it comes from: `administrator-password-file`, `administrator-password-env` or \
                 `administrator-password-prompt`"
                    .to_owned(),
            ),
            Self::Kind { rightly, .. } => rightly.as_ref().map(|rightly| format!("write {rightly}")),
            Self::Choice { similar, .. } => similar.as_ref().map(|similar| format!("did you mean {similar}?")),
            Self::Value { hint, .. } => hint.clone(),
            Self::Output(FormatError::Suffix(_)) => {
                Some("give such a name, or say --format vhdx, vhd or raw".to_owned())
            }
            Self::Output(_) => Some("give the output another suffix, or leave the target out".to_owned()),
            Self::Missing { hint, .. } | Self::Needs { hint, .. } => Some(hint.clone()),
            Self::Secret { source, .. } => source.hint(),
            Self::Conflict { .. } => Some("leave one of them out".to_owned()),
            Self::Later { .. } | Self::Range { .. } => None,
        }
    }
}

impl SecretError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Encoding { utf16: true, .. } => "PowerShell writes UTF-8 with `Out-File -Encoding utf8`",
            Self::Encoding { .. } => "save it as UTF-8",
            Self::Lines(_) => "leave all but the first line out",
            Self::Prompt(_) => "run it in a terminal, or take the secret from a file or an environment variable",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// What newcomers to TOML most often get wrong.
fn syntax_hint(problem: &str) -> Option<String> {
    if problem.contains("duplicate key") {
        Some("a key stands once; several values go into one list, as in [\"a\", \"b\"]".to_owned())
    } else if problem.contains("escape") {
        Some("in \"…\" a backslash is written twice; in '…' it stands for itself".to_owned())
    } else if problem.contains("no value") {
        Some("an equals sign stands between a key and its value, as in edition = \"datacenter\"".to_owned())
    } else if problem.contains("quoted") || problem.contains("string") {
        Some("a text stands in quotes, as in edition = \"datacenter\"".to_owned())
    } else {
        None
    }
}
