//! Civil dates: which day a moment is on the clinic's wall, and how old somebody is then.
//!
//! Invariants: a moment becomes a day by the zone's rules at that moment, never by today's difference from UTC; what
//! is only known to the month or the year stays a range.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::Clinic;
use crate::fhir_json::date_bounds;

impl Clinic {
    /// The zone of the clinic's wall clock, as it was told once, when the clinic was opened.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.settings().zone
    }

    /// A time in milliseconds since 1970 by the clinic's wall clock.
    pub(crate) fn zoned(&self, ms: u64) -> Zoned {
        let ms = i64::try_from(ms).unwrap_or(i64::MAX);
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        at.to_zoned(self.zone().clone())
    }

    /// The day by the clinic's wall clock.
    #[must_use]
    pub(crate) fn today(&self) -> Date {
        self.zoned(self.now_ms()).date()
    }

    /// The first and last day, here, that a FHIR date or dateTime may mean.
    pub(crate) fn days(&self, when: &str) -> Option<(Date, Date)> {
        days_in(self.zone(), when)
    }
}

/// The first and last day that a FHIR date or dateTime may mean in a zone. A moment is one day; what has no zone is
/// the civil date that it says.
#[must_use]
pub fn days_in(zone: &TimeZone, when: &str) -> Option<(Date, Date)> {
    if let Ok(at) = when.parse::<Timestamp>() {
        let day = zone.to_datetime(at).date();
        return Some((day, day));
    }
    date_bounds(when.split_once('T').map_or(when, |(day, _)| day))
}

/// Completed months from one day to a later one, as people count them: whoever was born on the 31st completes a month
/// on the first of the month after next where there is no 31st.
#[must_use]
pub fn months_between(from: Date, to: Date) -> i32 {
    let months = (i32::from(to.year()) - i32::from(from.year())) * 12 + i32::from(to.month())
        - i32::from(from.month());
    months - i32::from(to.day() < from.day())
}

#[cfg(test)]
mod tests;
