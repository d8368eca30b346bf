//! Dates as search compares them.

/// The range `[lo, hi)` in milliseconds since 1970 of a FHIR date, dateTime or instant; without
/// zone it is UTC. `None` if it is no such date.
pub fn date_range(text: &str) -> Option<(i64, i64)> {
    crate::date::parse(text).map(|moment| (moment.lo_ms, moment.hi_ms))
}
