//! Times of the calendar, as discs have them.

use nanovhd_tree::Filetime;

/// A date and time of day at some offset from UTC, unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    /// Minutes by which the clock is ahead of UTC.
    pub(crate) offset: i64,
}

impl Civil {
    /// Seconds since 1970-01-01T00:00:00Z; `None` for a time that can't be.
    pub(crate) fn unix_seconds(&self) -> Option<i64> {
        const DAYS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

        let days_of_month = *DAYS.get(usize::from(self.month).checked_sub(1)?)?;
        let leap_day = u8::from(self.month == 2 && is_leap(self.year));
        let sound = (1..=9999).contains(&self.year)
            && (1..=days_of_month + leap_day).contains(&self.day)
            // Clocks show a leap second as 60.
            && self.hour < 24 && self.minute < 60 && self.second <= 60
            && self.offset.abs() <= 24 * 60;
        if !sound {
            return None;
        }
        // Days up to the year, with every leap day in it, and up to the month.
        let before = self.year - 1;
        let years = before * 365 + before / 4 - before / 100 + before / 400;
        let months: i64 = DAYS[..usize::from(self.month) - 1].iter().map(|&days| i64::from(days)).sum();
        let months = months + i64::from(self.month > 2 && is_leap(self.year));
        // 0001-01-01 is 719,162 days before 1970-01-01.
        let days = years + months + i64::from(self.day) - 1 - 719_162;
        let minutes = (days * 24 + i64::from(self.hour)) * 60 + i64::from(self.minute) - self.offset;
        Some(minutes * 60 + i64::from(self.second))
    }

    /// The time as Windows has it; `None` for one that can't be.
    pub(crate) fn filetime(&self) -> Option<Filetime> {
        self.unix_seconds().map(Filetime::from_unix)
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn civil(date: [i64; 3], time: [u8; 3], offset: i64) -> Civil {
        let [hour, minute, second] = time;
        let small = |n: i64| u8::try_from(n).unwrap();
        Civil { year: date[0], month: small(date[1]), day: small(date[2]), hour, minute, second, offset }
    }

    #[test]
    fn days_are_counted_as_others_count_them() {
        for (date, time, offset, expected) in [
            ([1970, 1, 1], [0, 0, 0], 0, Some(0)),
            ([2016, 7, 16], [13, 6, 5], 0, Some(1_468_674_365)),
            ([2000, 2, 29], [23, 59, 59], 60, Some(951_865_199)),
            ([2000, 3, 1], [0, 0, 0], 0, Some(951_868_800)),
            ([1601, 1, 1], [0, 0, 0], 0, Some(-11_644_473_600)),
            ([1969, 12, 31], [16, 0, 0], -480, Some(0)),
            ([2100, 2, 29], [0, 0, 0], 0, None),
            ([2016, 0, 1], [0, 0, 0], 0, None),
            ([2016, 13, 1], [0, 0, 0], 0, None),
            ([2016, 4, 31], [0, 0, 0], 0, None),
            ([2016, 4, 0], [0, 0, 0], 0, None),
            ([0, 1, 1], [0, 0, 0], 0, None),
            ([2016, 1, 1], [24, 0, 0], 0, None),
            ([2016, 1, 1], [0, 0, 0], 2000, None),
        ] {
            assert_eq!(civil(date, time, offset).unix_seconds(), expected, "{date:?} {time:?}");
        }
    }
}
