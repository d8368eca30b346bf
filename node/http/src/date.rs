//! HTTP dates (RFC 9110 §5.6.7), to the second.

use std::time::{Duration, UNIX_EPOCH};

/// The last second that an HTTP date can name, that of the year 9999.
const LAST_S: u64 = 253_402_300_799;

/// An HTTP date of milliseconds since 1970.
pub(crate) fn http_date(ms: u64) -> String {
    let seconds = Duration::from_secs((ms / 1_000).min(LAST_S));
    httpdate::fmt_http_date(UNIX_EPOCH + seconds)
}

/// Seconds since 1970 of an HTTP date, in any of the three forms that are still to be read.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let at = httpdate::parse_http_date(text.trim()).ok()?;
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip_to_the_second() {
        let text = http_date(784_111_777_900);
        assert_eq!(text, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_http_date(&text), Some(784_111_777));
        for other in ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http_date(other), Some(784_111_777), "{other}");
        }
        assert_eq!(parse_http_date("yesterday"), None);
        assert_eq!(http_date(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
