//! Dates as search compares them.
//!
//! Invariants: [`super::extract`] and whatever is kept of it read a date without a zone in UTC, so that no index hangs
//! on a zone that somebody may set otherwise tomorrow; whoever asks says in which zone such a date is meant
//! ([`super::Query::zone`]). Bounds at midnight in UTC tell what may be such a date: FHIR writes a zone with each time.

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::DateTime};

const DAY_MS: i64 = 86_400_000;

/// The range `[lo, hi)` in milliseconds since 1970 of a FHIR date, dateTime or instant; without
/// zone it is UTC. `None` if it is no such date.
pub fn date_range(text: &str) -> Option<(i64, i64)> {
    crate::date::parse(text).map(|moment| (moment.lo_ms, moment.hi_ms))
}

/// As [`date_range`], in this zone where none is written.
pub(super) fn date_range_in(text: &str, zone: Option<&TimeZone>) -> Option<(i64, i64)> {
    let moment = crate::date::parse(text)?;
    let range = (moment.lo_ms, moment.hi_ms);
    Some(match zone {
        Some(zone) if !moment.has_zone => (civil_ms(zone, range.0), civil_ms(zone, range.1)),
        _ => range,
    })
}

/// The moment, in a zone, that a clock there says what one in UTC says at `utc_ms`. A day that begins at no midnight
/// begins at the first moment that there is.
fn civil_ms(zone: &TimeZone, utc_ms: i64) -> i64 {
    let says = |ms| Some(TimeZone::UTC.to_datetime(Timestamp::from_millisecond(ms).ok()?));
    let at = |says: DateTime| zone.to_timestamp(says).ok();
    // Beyond what can be told there are open ends, which no zone moves.
    says(utc_ms)
        .and_then(at)
        .map_or(utc_ms, Timestamp::as_millisecond)
}

/// Whether a bound may be that of a date without a zone.
fn may_be_day(ms: i64) -> bool {
    ms.rem_euclid(DAY_MS) == 0
}

/// A range read in UTC as it is in a zone, if both of its bounds may be those of days: a moment never has two such, and
/// a period of moments that has is taken for one of days. For order alone, which stored values must tell.
pub(super) fn sorted_in(zone: &TimeZone, (lo_ms, hi_ms): (i64, i64)) -> (i64, i64) {
    let is_day = |ms, open| ms == open || may_be_day(ms);
    match is_day(lo_ms, i64::MIN) && is_day(hi_ms, i64::MAX) {
        true => (civil_or_open(zone, lo_ms), civil_or_open(zone, hi_ms)),
        false => (lo_ms, hi_ms),
    }
}

fn civil_or_open(zone: &TimeZone, ms: i64) -> i64 {
    match ms {
        i64::MIN | i64::MAX => ms,
        _ => civil_ms(zone, ms),
    }
}

/// The ranges that a range read in UTC may be in a zone. Of one value (`is_single`) it is certain: only a day has both of
/// its bounds at midnight.
pub(super) fn readings(zone: &TimeZone, (lo_ms, hi_ms): (i64, i64), is_single: bool) -> Vec<(i64, i64)> {
    let civil = |ms| civil_or_open(zone, ms);
    match (may_be_day(lo_ms), may_be_day(hi_ms)) {
        (true, true) if is_single => vec![(civil(lo_ms), civil(hi_ms))],
        (false, false) => vec![(lo_ms, hi_ms)],
        _ if is_single => vec![(lo_ms, hi_ms)],
        (lo_is, hi_is) => {
            let los = if lo_is {
                vec![lo_ms, civil(lo_ms)]
            } else {
                vec![lo_ms]
            };
            let his = if hi_is {
                vec![hi_ms, civil(hi_ms)]
            } else {
                vec![hi_ms]
            };
            los.iter()
                .flat_map(|lo_ms| his.iter().map(|hi_ms| (*lo_ms, *hi_ms)))
                .collect()
        }
    }
}
