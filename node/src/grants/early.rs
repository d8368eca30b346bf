//! Clocks that can't be right.

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};

/// The year in which this program was written, to be raised with each release of a new year. No clock that is right
/// says an earlier one: a machine whose battery is dead begins at 1970 or at the year in which it was made.
const RELEASE_YEAR: i16 = 2026;

/// Whether a time in milliseconds since 1970 lies before this program was written.
pub fn is_before_release(now_ms: u64) -> bool {
    let at = i64::try_from(now_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    // A day's room, as it is the year of another zone already.
    at.is_some_and(|at| TimeZone::fixed(offset(14)).to_datetime(at).year() < RELEASE_YEAR)
}
