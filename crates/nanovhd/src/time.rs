//! File times as people read them.

use std::fmt;

use nanovhd_tree::Filetime;
use serde::{Serialize, Serializer};

/// A time in UTC, shown as `2016-07-16 13:18:57` and serialised as `2016-07-16T13:18:57.1234567Z`, with
/// all the digits that Windows keeps. RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(pub Filetime);

const TICKS_PER_SECOND: u64 = 10_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// The Gregorian calendar repeats after 400 years.
const DAYS_PER_CYCLE: u64 = 146_097;

impl Utc {
    /// Year, month and day.
    fn date(self) -> (u64, u64, u64) {
        let days = self.0.0 / TICKS_PER_SECOND / SECONDS_PER_DAY;
        // Counted from 1600-03-01, so that a leap day is the last day of its year: 306 days lie
        // between that and 1601-01-01.
        let days = days + 306;
        let (cycle, day) = (days / DAYS_PER_CYCLE, days % DAYS_PER_CYCLE);
        // A year is 365 days, one more every 4, one less every 100; the cycle's last day is the
        // fourth century's own leap day.
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        // From March on, months come in groups of five with 153 days.
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        (1600 + 400 * cycle + year + next, month, day)
    }

    /// Hour, minute and second.
    fn time(self) -> (u64, u64, u64) {
        let second = self.0.0 / TICKS_PER_SECOND % SECONDS_PER_DAY;
        (second / 3600, second / 60 % 60, second % 60)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.time());
        f.pad(&format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"))
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_string().replace(' ', "T");
        serializer.collect_str(&format_args!("{text}.{:07}Z", self.0.0 % TICKS_PER_SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        for (unix, text) in [
            (-11_644_473_600, "1601-01-01 00:00:00"),
            (-11_639_376_001, "1601-02-28 23:59:59"),
            (-2_203_977_600, "1900-02-28 00:00:00"),
            (-2_203_891_200, "1900-03-01 00:00:00"),
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_468_675_137, "2016-07-16 13:18:57"),
            (1_709_251_199, "2024-02-29 23:59:59"),
            (1_735_689_599, "2024-12-31 23:59:59"),
            (253_402_300_799, "9999-12-31 23:59:59"),
        ] {
            assert_eq!(Utc(Filetime::from_unix(unix)).to_string(), text);
        }
        assert_eq!(Utc(Filetime(u64::MAX)).to_string(), "60056-05-28 05:36:10");
    }

    #[test]
    fn every_day_of_a_cycle_follows_the_one_before() {
        let lengths = |year: u64| {
            let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
            [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        };
        let mut expected = (1601, 1, 1);
        for day in 0..=2 * DAYS_PER_CYCLE {
            assert_eq!(Utc(Filetime(day * SECONDS_PER_DAY * TICKS_PER_SECOND)).date(), expected);
            let (year, month, date) = expected;
            expected = match (month, date == lengths(year)[usize::try_from(month - 1).unwrap()]) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                _ => (year, month, date + 1),
            };
        }
    }

    #[test]
    fn serialised_times_keep_every_tick() {
        let time = Utc(Filetime(Filetime::from_unix(1_468_675_137).0 + 1_234_567));
        assert_eq!(serde_json::to_string(&time).unwrap(), "\"2016-07-16T13:18:57.1234567Z\"");
    }
}
