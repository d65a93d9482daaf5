//! Times as FAT stores them: two seconds exact, from 1980 to 2107.

use fatfs::{Date, DateTime, Time, TimeProvider};
use nanovhd_tree::Filetime;

/// Tells the library the same time always. The repair pass writes the right one, because the
/// library wants its clock to live as long as the program.
#[derive(Debug)]
pub(super) struct FixedTime;

impl TimeProvider for FixedTime {
    fn get_current_date(&self) -> Date {
        Date { year: 1980, month: 1, day: 1 }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime { date: self.get_current_date(), time: Time { hour: 0, min: 0, sec: 0, millis: 0 } }
    }
}

/// A date and a time of day in the two words of a directory entry, and the odd seconds and
/// hundredths that only the time of creation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DosTime {
    pub(super) date: u16,
    pub(super) time: u16,
    pub(super) hundredths: u8,
}

impl DosTime {
    const FIRST: Self = Self { date: 1 << 5 | 1, time: 0, hundredths: 0 };
    const LAST: Self = Self { date: 127 << 9 | 12 << 5 | 31, time: 23 << 11 | 59 << 5 | 29, hundredths: 199 };

    /// The nearest time that FAT has.
    pub(super) fn new(time: Filetime) -> Self {
        let seconds = time.unix_seconds();
        let (year, month, day) = civil(seconds.div_euclid(86_400));
        if year < 1980 {
            return Self::FIRST;
        }
        if year > 2107 {
            return Self::LAST;
        }
        let word = |value: i64| u16::try_from(value).expect("years, months and times of day are small");
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        let hundredths = u8::try_from(time.0 / 100_000 % 100).expect("a remainder of 100");
        Self {
            date: word((year - 1980) << 9 | month << 5 | day),
            time: word(hour << 11 | minute << 5 | (second / 2)),
            hundredths: hundredths + if second % 2 == 1 { 100 } else { 0 },
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years are
/// counted from March, so that the day that some years have more comes last.
fn civil(day: i64) -> (i64, i64, i64) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    // From 0000-03-01 on.
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(DAYS_IN_400_YEARS), day.rem_euclid(DAYS_IN_400_YEARS));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in five.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_has_them() {
        for (day, expected) in [
            (0, (1970, 1, 1)),
            (-1, (1969, 12, 31)),
            (59, (1970, 3, 1)),
            (11_016, (2000, 2, 29)),
            (11_017, (2000, 3, 1)),
            (17_087, (2016, 10, 13)),
            (-134_774, (1601, 1, 1)),
            (47_541, (2100, 3, 1)),
        ] {
            assert_eq!(civil(day), expected, "{day}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut previous = civil(-140_000);
        for day in -139_999..60_000 {
            let date = civil(day);
            let next_day = date == (previous.0, previous.1, previous.2 + 1);
            let next_month = date == (previous.0, previous.1 + 1, 1) && previous.2 >= 28;
            assert!(next_day || next_month || (date == (previous.0 + 1, 1, 1) && previous.1 == 12), "{date:?}");
            previous = date;
        }
    }

    #[test]
    fn times_are_packed_and_kept_in_range() {
        let time = DosTime::new(Filetime(131_207_904_000_000_000 + 37_815 * 10_000_000 + 2_500_000));
        assert_eq!(time, DosTime { date: 36 << 9 | 10 << 5 | 13, time: 10 << 11 | 30 << 5 | 7, hundredths: 125 });
        assert_eq!(DosTime::new(Filetime(0)), DosTime::FIRST);
        assert_eq!(DosTime::new(Filetime(u64::MAX)), DosTime::LAST);
        assert_eq!(DosTime::new(Filetime::from_unix(315_532_800)), DosTime::FIRST);
    }
}
