//! Times as FAT stores them: two seconds exact, from 1980 to 2107. FAT specification, `Date and
//! Time Formats`. They are local times of a zone that is not stored; here they are UTC.

use nanovhd_tree::{Filetime, Times};

use super::format::Entry;

/// A date and a time of day in the two words of a directory entry, and the odd seconds and
/// hundredths that only the time of creation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DosTime {
    pub(crate) date: u16,
    pub(crate) time: u16,
    pub(crate) hundredths: u8,
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468;
const DAYS_IN_400_YEARS: i64 = 146_097;

impl DosTime {
    const FIRST: Self = Self { date: 1 << 5 | 1, time: 0, hundredths: 0 };
    const LAST: Self = Self { date: 127 << 9 | 12 << 5 | 31, time: 23 << 11 | 59 << 5 | 29, hundredths: 199 };

    /// The nearest time that FAT has.
    pub(crate) fn new(time: Filetime) -> Self {
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

    /// The time that this is, `None` if there is no such day or hour.
    pub(crate) fn filetime(self) -> Option<Filetime> {
        let (date, time) = (i64::from(self.date), i64::from(self.time));
        let (year, month, day) = ((date >> 9) + 1980, date >> 5 & 15, date & 31);
        let (hour, minute, second) = (time >> 11, time >> 5 & 63, (time & 31) * 2);
        let days = days(year, month, day);
        // A day that is not in its month comes back as one of another.
        let exists = (1..=12).contains(&month) && civil(days) == (year, month, day);
        if !exists || hour > 23 || minute > 59 || second > 59 || self.hundredths > 199 {
            return None;
        }
        let whole = Filetime::from_unix(days * 86_400 + hour * 3600 + minute * 60 + second);
        Some(Filetime(whole.0 + u64::from(self.hundredths) * 100_000))
    }
}

impl Entry {
    /// The three times of the entry: created, written and accessed. `None` where FAT says none,
    /// `Some(Err)` where it says one that can't be.
    pub(crate) fn stamps(&self) -> [Option<Result<Filetime, DosTime>>; 3] {
        let (created, written) = (self.created_date.get(), self.written_date.get());
        let stamps = [
            (created, self.created_time.get(), self.created_hundredths),
            (written, self.written_time.get(), 0),
            (self.accessed_date.get(), 0, 0),
        ];
        stamps.map(|(date, time, hundredths)| {
            let stamp = DosTime { date, time, hundredths };
            // Only the time of writing must be there; a date of zero says that it isn't.
            (date != 0).then(|| stamp.filetime().ok_or(stamp))
        })
    }

    /// The four times of a file. Where FAT has none, or one that can't be, the file was last
    /// written then; without that time either it is zero.
    pub(crate) fn times(&self) -> Times {
        let [created, written, accessed] = self.stamps().map(|stamp| stamp.and_then(Result::ok));
        let written = written.unwrap_or_default();
        Times {
            created: created.unwrap_or(written),
            written,
            changed: written,
            accessed: accessed.unwrap_or(written),
        }
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years are
/// counted from March, so that the day that some years have more comes last.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + DAYS_TO_1970;
    let (era, of_era) = (day.div_euclid(DAYS_IN_400_YEARS), day.rem_euclid(DAYS_IN_400_YEARS));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Months from March on have 153 days in five.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The inverse of [`civil`] for days that exist.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * DAYS_IN_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970
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
            assert_eq!(days(date.0, date.1, date.2), day);
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

    #[test]
    fn times_come_back_to_ten_milliseconds() {
        for ticks in [131_207_904_000_000_000, 131_208_282_152_500_000, 119_600_064_000_000_000] {
            assert_eq!(DosTime::new(Filetime(ticks)).filetime(), Some(Filetime(ticks)));
        }
        assert_eq!(DosTime::LAST.filetime().map(DosTime::new), Some(DosTime::LAST));
    }

    #[test]
    fn every_pair_of_words_is_a_time_or_refused() {
        let mut good = 0;
        for date in 0..=u16::MAX {
            let stamp = DosTime { date, time: 0, hundredths: 0 };
            if let Some(time) = stamp.filetime() {
                assert_eq!(DosTime::new(time), stamp);
                good += 1;
            }
        }
        // 128 years with 32 leap days, less that of 2100.
        assert_eq!(good, 128 * 365 + 31);
        for time in 0..=u16::MAX {
            let stamp = DosTime { date: DosTime::FIRST.date, time, hundredths: 0 };
            assert!(stamp.filetime().is_none_or(|time| DosTime::new(time) == stamp));
        }
        assert_eq!(DosTime { hundredths: 200, ..DosTime::FIRST }.filetime(), None);
    }
}
