//! Dates without a clock: everything counts from a fixed "today".

/// 2026-01-01T00:00:00Z, the population's present, in Unix seconds.
pub(super) const TODAY_S: i64 = 1_767_225_600;
pub(super) const DAY_S: i64 = 86_400;
/// Peru keeps five hours behind UTC the whole year.
const OFFSET_S: i64 = -5 * 3_600;

/// `YYYY-MM-DD`, local.
pub(super) fn date(unix_s: i64) -> String {
    let (year, month, day) = civil((unix_s + OFFSET_S).div_euclid(DAY_S));
    format!("{year:04}-{month:02}-{day:02}")
}

/// `YYYY-MM-DDThh:mm:ss-05:00`.
pub(super) fn date_time(unix_s: i64) -> String {
    let second = (unix_s + OFFSET_S).rem_euclid(DAY_S);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{}T{hour:02}:{minute:02}:{:02}-05:00", date(unix_s), second % 60)
}

/// An instant with milliseconds.
pub(super) fn instant(unix_s: i64, ms: i64) -> String {
    let text = date_time(unix_s);
    let (moment, offset) = text.split_at(19);
    format!("{moment}.{ms:03}{offset}")
}

/// Year, month, day of a day number since 1970-01-01 (Howard Hinnant,
/// "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(date_time(TODAY_S), "2025-12-31T19:00:00-05:00");
        assert_eq!(instant(TODAY_S, 7), "2025-12-31T19:00:00.007-05:00");
    }
}
