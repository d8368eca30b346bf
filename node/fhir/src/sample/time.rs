//! Dates without a clock: everything counts from a fixed "today".

use jiff::Timestamp;
use jiff::tz::Offset;

/// 2026-01-01T00:00:00Z, the population's present, in Unix seconds.
pub(super) const TODAY_S: i64 = 1_767_225_600;
pub(super) const DAY_S: i64 = 86_400;
/// Peru keeps five hours behind UTC the whole year.
const PERU: Offset = jiff::tz::offset(-5);

/// The date in Peru as `YYYY-MM-DD`.
pub(super) fn date(unix_s: i64) -> String {
    PERU.to_datetime(timestamp(unix_s, 0)).date().to_string()
}

/// The time in Peru as `YYYY-MM-DDThh:mm:ss-05:00`.
pub(super) fn date_time(unix_s: i64) -> String {
    timestamp(unix_s, 0).display_with_offset(PERU).to_string()
}

/// The time in Peru with milliseconds, as `YYYY-MM-DDThh:mm:ss.fff-05:00`.
pub(super) fn instant(unix_s: i64, ms: i64) -> String {
    format!("{:.3}", timestamp(unix_s, ms).display_with_offset(PERU))
}

/// A moment of the sample population, which lives far from the bounds of [`Timestamp`].
fn timestamp(unix_s: i64, ms: i64) -> Timestamp {
    Timestamp::from_millisecond(unix_s * 1_000 + ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_in_peru() {
        assert_eq!(date(0), "1969-12-31");
        assert_eq!(date(5 * 3_600), "1970-01-01");
        assert_eq!(date(19_782 * DAY_S + 5 * 3_600), "2024-02-29");
        assert_eq!(date_time(TODAY_S), "2025-12-31T19:00:00-05:00");
        assert_eq!(instant(TODAY_S, 7), "2025-12-31T19:00:00.007-05:00");
        assert_eq!(instant(TODAY_S, 0), "2025-12-31T19:00:00.000-05:00");
    }
}
