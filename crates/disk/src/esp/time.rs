//! The clock of the library.

use fatfs::{Date, DateTime, Time, TimeProvider};

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
