//! Windows file times. [MS-DTYP] 2.3.3.

/// A count of 100-nanosecond ticks since 1601-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Filetime(pub u64);

impl Filetime {
    /// Seconds from 1601-01-01 to 1970-01-01.
    const UNIX_EPOCH_SECONDS: i64 = 11_644_473_600;
    /// Ticks in a second.
    const TICKS: u64 = 10_000_000;

    /// The time `seconds` after (or before) 1970-01-01T00:00:00Z; clamped to what a file time can
    /// hold.
    pub fn from_unix(seconds: i64) -> Self {
        let since_1601 = seconds.saturating_add(Self::UNIX_EPOCH_SECONDS);
        Self(u64::try_from(since_1601).unwrap_or(0).saturating_mul(Self::TICKS))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub fn unix_seconds(self) -> i64 {
        i64::try_from(self.0 / Self::TICKS).unwrap_or(i64::MAX) - Self::UNIX_EPOCH_SECONDS
    }
}

/// The four times of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Times {
    /// When the file was made.
    pub created: Filetime,
    /// When its data were last written.
    pub written: Filetime,
    /// When its record, data or attributes, last changed.
    pub changed: Filetime,
    /// When it was last read.
    pub accessed: Filetime,
}

impl Times {
    /// The same time four times.
    pub fn all(time: Filetime) -> Self {
        Self { created: time, written: time, changed: time, accessed: time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_times_convert_both_ways() {
        for (unix, ticks) in [(0, 116_444_736_000_000_000), (1_476_316_800, 131_207_904_000_000_000)] {
            assert_eq!(Filetime::from_unix(unix), Filetime(ticks));
            assert_eq!(Filetime(ticks + 9_999_999).unix_seconds(), unix);
        }
        assert_eq!(Filetime::from_unix(i64::MIN), Filetime(0));
    }
}
