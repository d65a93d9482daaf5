//! File names as NTFS and WIM store them.

use std::fmt;

use thiserror::Error;

use crate::upcase;

/// The longest name in UTF-16 code units: the length is one byte on disk.
pub const MAX_NAME_UNITS: usize = 255;

/// A name: UTF-16 code units, which may hold lone surrogates. Compared to the letter; see
/// [`Name::eq_ignore_case`] and [`Name::cmp_ignore_case`] for the way Windows compares.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Name(Box<[u16]>);

/// Why a sequence of units can't be the name of a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// It has no units.
    #[error("a file name is empty")]
    Empty,
    /// It is a directory reference.
    #[error("the file name {0:?} would mean a directory, not a name")]
    DotName(Name),
    /// It has too many units.
    #[error("the file name {name:?} has {units} UTF-16 units; the most is {MAX_NAME_UNITS}")]
    TooLong {
        /// The name.
        name: Name,
        /// Its length in units.
        units: usize,
    },
    /// It has a unit that separates names.
    #[error("the file name {name:?} holds {unit:?}, which separates names")]
    Separator {
        /// The name.
        name: Name,
        /// The unit.
        unit: char,
    },
}

impl Name {
    /// A name of these units, whatever they are.
    pub fn from_units(units: impl Into<Box<[u16]>>) -> Self {
        Self(units.into())
    }

    /// The UTF-16 code units.
    pub fn units(&self) -> &[u16] {
        &self.0
    }

    /// Whether there are no units.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that this can name an entry of a directory.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong.
    pub fn check(&self) -> Result<(), NameError> {
        const DOT: u16 = b'.' as u16;
        match self.units() {
            [] => return Err(NameError::Empty),
            [DOT] | [DOT, DOT] => return Err(NameError::DotName(self.clone())),
            units if units.len() > MAX_NAME_UNITS => {
                return Err(NameError::TooLong { name: self.clone(), units: units.len() });
            }
            _ => {}
        }
        let separator = ['\0', '/', '\\', ':'].into_iter().find(|&c| self.0.contains(&(c as u16)));
        separator.map_or(Ok(()), |unit| Err(NameError::Separator { name: self.clone(), unit }))
    }

    /// Whether the names are the same to Windows, which ignores case.
    pub fn eq_ignore_case(&self, other: &Self) -> bool {
        self.cmp_ignore_case(other).is_eq()
    }

    /// The name with every unit upper-cased: the same for names that differ only in case.
    pub fn folded(&self) -> Self {
        #[cfg(test)]
        tests::count();
        Self(self.0.iter().map(|&unit| upcase(unit)).collect())
    }

    /// The order in which NTFS sorts names: upper-cased unit by unit, a shorter name before a
    /// longer one that starts with it.
    pub fn cmp_ignore_case(&self, other: &Self) -> std::cmp::Ordering {
        for (&a, &b) in self.0.iter().zip(&other.0) {
            let order = upcase(a).cmp(&upcase(b));
            if order.is_ne() {
                return order;
            }
        }
        self.0.len().cmp(&other.0.len())
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.encode_utf16().collect())
    }
}

/// Lone surrogates are shown as U+FFFD.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in char::decode_utf16(self.0.iter().copied()) {
            fmt::Write::write_char(f, c.unwrap_or(char::REPLACEMENT_CHARACTER))?;
        }
        Ok(())
    }
}

/// In quotes; control characters and lone surrogates are escaped.
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in char::decode_utf16(self.0.iter().copied()) {
            match c {
                Ok(c) => write!(f, "{}", c.escape_debug())?,
                Err(lone) => write!(f, "\\u{{{:x}}}", lone.unpaired_surrogate())?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static FOLDED: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn count() {
        FOLDED.set(FOLDED.get() + 1);
    }

    /// How many names this thread has folded.
    pub(crate) fn folded_so_far() -> u64 {
        FOLDED.get()
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let long = "x".repeat(256);
        for bad in ["", ".", "..", "a/b", "a\\b", "a:b", "a\0", &long] {
            assert!(Name::from(bad).check().is_err(), "{bad:?}");
        }
        for good in ["a", "...", ".a", "a ", &long[1..]] {
            assert_eq!(Name::from(good).check(), Ok(()), "{good:?}");
        }
        assert_eq!(Name::from_units([0xd800]).check(), Ok(()), "a lone surrogate is a legal name");
    }

    #[test]
    fn order_ignores_case_and_puts_prefixes_first() {
        for (a, b, order) in [
            ("abc", "ABC", std::cmp::Ordering::Equal),
            ("ab", "ABC", std::cmp::Ordering::Less),
            ("_", "a", std::cmp::Ordering::Greater),
            ("é", "É", std::cmp::Ordering::Equal),
        ] {
            assert_eq!(Name::from(a).cmp_ignore_case(&Name::from(b)), order, "{a} {b}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_shown_escaped() {
        let name = Name::from_units([u16::from(b'a'), 0xdc00]);
        assert_eq!(format!("{name:?}"), "\"a\\u{dc00}\"");
        assert_eq!(name.to_string(), "a\u{fffd}");
    }
}
