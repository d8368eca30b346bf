//! HTTP dates (RFC 9110 §5.6.7), to the second.

const FORMAT: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// An HTTP date of milliseconds since 1970.
pub(crate) fn http_date(ms: u64) -> String {
    let ms = i64::try_from(ms).unwrap_or_default();
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.to_zoned(jiff::tz::TimeZone::UTC).strftime(FORMAT).to_string()
}

/// Seconds since 1970 of an HTTP date.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let civil = jiff::civil::DateTime::strptime(FORMAT, text.trim()).ok()?;
    Some(
        civil
            .to_zoned(jiff::tz::TimeZone::UTC)
            .ok()?
            .timestamp()
            .as_second(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_round_trip_to_the_second() {
        let text = http_date(784_111_777_900);
        assert_eq!(text, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse_http_date(&text), Some(784_111_777));
        assert_eq!(parse_http_date("yesterday"), None);
    }
}
