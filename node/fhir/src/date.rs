//! FHIR dates and times with their precision, as ranges of milliseconds since 1970, and instants as text.
//!
//! Without a zone a date means UTC, so that every node reads it alike.

use jiff::Timestamp;
use jiff::civil::Date;

/// A FHIR instant of milliseconds since 1970, in UTC. What is later than can be written is told as the last that can.
#[must_use]
pub fn instant(ms: u64) -> String {
    let at = i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    format!("{:.3}", at.unwrap_or(Timestamp::MAX))
}

/// What a date text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// The first millisecond that it covers.
    pub lo_ms: i64,
    /// First millisecond after.
    pub hi_ms: i64,
    /// How much was written.
    pub precision: Precision,
    /// Whether a time zone was written.
    pub has_zone: bool,
}

/// The last part of a date that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Precision {
    Year,
    Month,
    Day,
    Minute,
    Second,
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// Reads `YYYY[-MM[-DD[Thh:mm[:ss[.f]][Z|±hh:mm]]]]`.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    let mut rest = text.as_bytes();
    let year = digits(&mut rest, 4).filter(|year| *year > 0)?;
    if rest.is_empty() {
        return Some(days(date(year, 1, 1)?, date(year, 12, 31)?, Precision::Year));
    }
    expect(&mut rest, b'-')?;
    let month = digits(&mut rest, 2)?;
    if rest.is_empty() {
        let first = date(year, month, 1)?;
        return Some(days(first, first.last_of_month(), Precision::Month));
    }
    expect(&mut rest, b'-')?;
    let day = date(year, month, digits(&mut rest, 2)?)?;
    let midnight_ms = midnight_ms(day);
    if rest.is_empty() {
        return Some(days(day, day, Precision::Day));
    }
    expect(&mut rest, b'T')?;
    let (lo, width_ms, precision) = time(&mut rest)?;
    let (offset_ms, has_zone) = zone(rest)?;
    let lo_ms = midnight_ms + lo - offset_ms;
    Some(Moment {
        lo_ms,
        hi_ms: lo_ms + width_ms,
        precision,
        has_zone,
    })
}

/// Reads `hh:mm[:ss[.f]]`: milliseconds of the day, width in milliseconds, precision.
pub(crate) fn time(rest: &mut &[u8]) -> Option<(i64, i64, Precision)> {
    let hour = digits(rest, 2).filter(|h| *h < 24)?;
    expect(rest, b':')?;
    let minute = digits(rest, 2).filter(|m| *m < 60)?;
    let minute_ms = (hour * 60 + minute) * MINUTE_MS;
    if rest.first() != Some(&b':') {
        return Some((minute_ms, MINUTE_MS, Precision::Minute));
    }
    expect(rest, b':')?;
    let second = digits(rest, 2).filter(|s| *s <= 60)?;
    let second_ms = minute_ms + second * 1000;
    if rest.first() != Some(&b'.') {
        return Some((second_ms, 1000, Precision::Second));
    }
    expect(rest, b'.')?;
    let (mut fraction_ms, mut width_ms, mut count) = (0, 1000, 0);
    while let [digit @ b'0'..=b'9', tail @ ..] = *rest {
        width_ms /= 10;
        fraction_ms += i64::from(digit - b'0') * width_ms;
        count += 1;
        *rest = tail;
    }
    if count == 0 {
        return None;
    }
    Some((second_ms + fraction_ms, width_ms.max(1), Precision::Second))
}

fn zone(rest: &[u8]) -> Option<(i64, bool)> {
    let (sign, mut rest) = match rest {
        [] => return Some((0, false)),
        [b'Z'] => return Some((0, true)),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let hours = digits(&mut rest, 2).filter(|h| *h <= 14)?;
    expect(&mut rest, b':')?;
    let minutes = digits(&mut rest, 2).filter(|m| *m < 60)?;
    if rest.is_empty() {
        Some((sign * (hours * 60 + minutes) * MINUTE_MS, true))
    } else {
        None
    }
}

/// From the first to the last of these days.
fn days(first: Date, last: Date, precision: Precision) -> Moment {
    Moment {
        lo_ms: midnight_ms(first),
        hi_ms: midnight_ms(last) + DAY_MS,
        precision,
        has_zone: false,
    }
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    let small = |part: i64| i8::try_from(part).ok();
    Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()
}

fn midnight_ms(date: Date) -> i64 {
    date.duration_since(EPOCH).as_secs() * 1000
}

fn digits(rest: &mut &[u8], count: usize) -> Option<i64> {
    let (head, tail) = rest.split_at_checked(count)?;
    let mut value = 0;
    for byte in head {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    *rest = tail;
    Some(value)
}

fn expect(rest: &mut &[u8], byte: u8) -> Option<()> {
    let (first, tail) = rest.split_first()?;
    if *first != byte {
        return None;
    }
    *rest = tail;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Option<(i64, i64)> {
        parse(text).map(|m| (m.lo_ms, m.hi_ms))
    }

    #[test]
    fn instants_have_milliseconds() {
        assert_eq!(instant(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(instant(951_827_696_789), "2000-02-29T12:34:56.789Z");
        assert_eq!(instant(4_107_542_399_999), "2100-02-28T23:59:59.999Z");
        assert_eq!(instant(u64::MAX), "9999-12-30T22:00:00.999Z");
    }

    #[test]
    fn dates_become_ranges_of_their_precision() {
        assert_eq!(range("1970"), Some((0, 365 * DAY_MS)));
        assert_eq!(range("9999-12"), Some((253_399_622_400_000, 253_402_300_800_000)));
        assert_eq!(range("0001"), Some((-62_135_596_800_000, -62_104_060_800_000)));
        assert_eq!(
            range("2000-02"),
            Some((951_782_400_000 - 28 * DAY_MS, 951_782_400_000 + DAY_MS))
        );
        assert_eq!(range("2000-02-29"), Some((951_782_400_000, 951_868_800_000)));
        assert_eq!(range("1970-01-01T00:00"), Some((0, 60_000)));
        assert_eq!(range("1970-01-01T01:00:00+01:00"), Some((0, 1000)));
        assert_eq!(range("1970-01-01T00:00:01.25Z"), Some((1250, 1260)));
        assert_eq!(range("1969-12-31T23:59:59.999Z"), Some((-1, 0)));
        assert_eq!(
            range("2015-02-07T13:28:17.239000-05:00"),
            Some((1_423_333_697_239, 1_423_333_697_240))
        );
        for bad in [
            "",
            "19",
            "1970-13",
            "1970-02-29",
            "1900-02-29",
            "1970-1-1",
            "1970-01-01T",
            "1970-01-01T24:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00+15:00",
            "1970-01-01 00:00",
            "0000-01-01",
            "1970-01-01T00:00:00Zx",
            "१९७०",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
