//! Byte counts as people write and read them.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// 2^20 bytes: partitions start and disks end on a multiple of it.
pub(crate) const MIB: u64 = 1 << 20;
/// 2^30 bytes.
pub(crate) const GIB: u64 = 1 << 30;

/// A number of bytes. It is read from text as in `4GiB`, `4G`, `1.5GiB`, `4096MiB` (powers of 1024),
/// `10GB` (powers of 1000) or `4294967296`; shown in powers of 1024 with at most one decimal; and
/// serialised as the plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(pub u64);

/// Why a text is not a [`Size`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SizeError {
    /// The text does not start with a number.
    #[error("{0:?} is not a size: a number with a unit was expected, such as 4GiB, 4096MiB or 10GB")]
    NotANumber(String),
    /// What follows the number is not a unit.
    #[error(
        "{unit:?} in {text:?} is not a unit: K, M, G or T was expected, alone or as in GiB (1024³) and GB (1000³)"
    )]
    Unit {
        /// The whole text.
        text: String,
        /// What follows the number.
        unit: String,
    },
    /// The number does not fit, or is not a whole number of bytes.
    #[error("{0:?} is not a whole number of bytes below 2^64")]
    Range(String),
}

const UNITS: [char; 4] = ['K', 'M', 'G', 'T'];

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
            return Err(SizeError::NotANumber(text.to_owned()));
        }
        let unit = unit.trim_start();
        let factor = factor(unit).ok_or_else(|| SizeError::Unit { text: text.to_owned(), unit: unit.to_owned() })?;
        scale(whole, fraction, factor).map(Self).ok_or_else(|| SizeError::Range(text.to_owned()))
    }
}

/// What a unit multiplies with: `G` and `GiB` mean 1024³, `GB` means 1000³.
fn factor(unit: &str) -> Option<u64> {
    let unit = unit.to_ascii_uppercase();
    let (prefix, base) = match unit.strip_suffix('B') {
        None => (unit.as_str(), 1024),
        Some(rest) => rest.strip_suffix('I').map_or((rest, 1000), |prefix| (prefix, 1024)),
    };
    let mut letters = prefix.chars();
    match (letters.next(), letters.next()) {
        // "iB" has no prefix to multiply.
        (None, _) => (!unit.starts_with('I')).then_some(1),
        (Some(letter), None) => {
            let power = UNITS.iter().position(|&u| u == letter)? + 1;
            base_power(base, power)
        }
        _ => None,
    }
}

fn base_power(base: u64, power: usize) -> Option<u64> {
    base.checked_pow(u32::try_from(power).ok()?)
}

/// `whole.fraction × factor`, if that is a whole number.
fn scale(whole: &str, fraction: &str, factor: u64) -> Option<u64> {
    let factor = u128::from(factor);
    let whole = whole.parse::<u64>().ok()?;
    let fraction = fraction.trim_end_matches('0');
    let below = match fraction {
        "" => 0,
        digits => {
            let unit = 10u128.checked_pow(u32::try_from(digits.len()).ok()?)?;
            let product = digits.parse::<u128>().ok()?.checked_mul(factor)?;
            // Sizes are given roughly: 1.1GiB means the last whole byte below.
            product / unit
        }
    };
    u64::try_from(u128::from(whole).checked_mul(factor)?.checked_add(below)?).ok()
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(power) = (1..=UNITS.len()).rev().find(|&p| self.0 >> (10 * p) != 0) else {
            return f.pad(&format!("{} bytes", self.0));
        };
        let unit = 1u128 << (10 * power);
        let tenths = (u128::from(self.0) * 10 + unit / 2) / unit;
        let decimal = match tenths % 10 {
            0 => String::new(),
            digit => format!(".{digit}"),
        };
        f.pad(&format!("{}{decimal} {}iB", tenths / 10, UNITS[power - 1]))
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl Size {
    /// The size as an argument that [`Size::from_str`] reads back without loss.
    pub fn argument(self) -> String {
        match (self.0 % GIB, self.0 % MIB) {
            (0, _) => format!("{}GiB", self.0 / GIB),
            (_, 0) => format!("{}MiB", self.0 / MIB),
            _ => self.0.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("512B", 512),
            ("4GiB", 4 << 30),
            ("4 GiB", 4 << 30),
            ("4G", 4 << 30),
            ("4g", 4 << 30),
            ("4096MiB", 4 << 30),
            ("10GB", 10_000_000_000),
            ("10gb", 10_000_000_000),
            ("1.5GiB", 3 << 29),
            ("1.50K", 1536),
            ("0.1K", 102),
            ("2TiB", 2 << 40),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused_with_its_reason() {
        for text in ["", "GiB", "-1", "four", ".5G", "1.2.3G", "1."] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::NotANumber(text.to_owned())), "{text}");
        }
        for (text, unit) in [("4X", "X"), ("4GiBs", "GiBs"), ("4iB", "iB"), ("4GG", "GG"), ("4 G iB", "G iB")] {
            let expected = SizeError::Unit { text: text.to_owned(), unit: unit.to_owned() };
            assert_eq!(text.parse::<Size>(), Err(expected), "{text}");
        }
        for text in ["18446744073709551616", "99999999999T", "16777216T"] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::Range(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_short_and_given_back_whole() {
        for (bytes, shown, argument) in [
            (0, "0 bytes", "0GiB"),
            (1023, "1023 bytes", "1023"),
            (1536, "1.5 KiB", "1536"),
            (4 << 30, "4 GiB", "4GiB"),
            ((4 << 30) + (1 << 20), "4 GiB", "4097MiB"),
            (100 << 20, "100 MiB", "100MiB"),
            (u64::MAX, "16777216 TiB", "18446744073709551615"),
        ] {
            assert_eq!(Size(bytes).to_string(), shown);
            assert_eq!(Size(bytes).argument(), argument);
            assert_eq!(argument.parse(), Ok(Size(bytes)));
        }
        assert_eq!(format!("{:>9}|", Size(1024)), "    1 KiB|");
    }
}
