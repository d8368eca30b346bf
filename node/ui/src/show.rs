//! Dates, ages and the like as people read them.

use chaski_clinic::civil::{days_in, months_between};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use crate::i18n::Texts;

/// A clock further off than this is told.
pub(crate) const SKEW_SHOWN_MS: u64 = 2 * 60 * 1_000;

const MINUTE_MS: u64 = 60 * 1_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// Now, here, in the reader's language.
#[derive(Clone)]
pub(crate) struct Clock {
    pub(crate) now_ms: u64,
    /// Of the clinic's wall clock.
    pub(crate) zone: TimeZone,
    pub(crate) t: &'static Texts,
}

impl Clock {
    fn local(&self, at_ms: u64) -> Option<DateTime> {
        let stamp = Timestamp::from_millisecond(i64::try_from(at_ms).ok()?).ok()?;
        Some(self.zone.to_datetime(stamp))
    }

    /// The day and time, here, of a FHIR dateTime that is a moment.
    fn moment(&self, when: &str) -> Option<DateTime> {
        Some(self.zone.to_datetime(when.parse().ok()?))
    }

    /// Today, by the clinic's wall clock.
    pub(crate) fn today(&self) -> Option<Date> {
        self.local(self.now_ms).map(|now| now.date())
    }

    /// Day, hour and minute in a file's name: `2026-03-10-1300`.
    pub(crate) fn file_moment(&self) -> String {
        let when = self.local(self.now_ms);
        when.map_or_else(String::new, |when| {
            format!("{}-{:02}{:02}", when.date(), when.hour(), when.minute())
        })
    }

    /// The moment as the `datetime` attribute of HTML wants it.
    pub(crate) fn iso(&self, at_ms: &u64) -> String {
        i64::try_from(*at_ms)
            .ok()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .map_or_else(String::new, |stamp| format!("{stamp:.0}"))
    }

    fn day(&self, date: Date) -> String {
        let month = self.t.s(format!("month-{}", date.month()));
        let (day, year) = (date.day().to_string(), date.year().to_string());
        self.t
            .aa("date-day", &[("day", &day), ("month", &month), ("year", &year)])
    }

    /// Today with its date: what the clock says of itself.
    pub(crate) fn today_text(&self) -> String {
        self.today()
            .map_or_else(|| self.t.s("date-unknown"), |today| self.day(today))
    }

    /// Day and time, today's too: a clock that is wrong is seen by its date.
    pub(crate) fn full(&self, at_ms: &u64) -> String {
        self.local(*at_ms)
            .map_or_else(|| self.t.s("date-unknown"), |when| self.day_and_time(when))
    }

    fn day_and_time(&self, when: DateTime) -> String {
        let day = self.day(when.date());
        self.t.aa("date-at", &[("day", &day), ("time", &time(when))])
    }

    /// Day and time; the day is left out today.
    pub(crate) fn at(&self, at_ms: &u64) -> String {
        match self.local(*at_ms) {
            Some(when) if self.today() == Some(when.date()) => self.t.a("date-today", "time", time(when)),
            Some(when) => self.day_and_time(when),
            None => self.t.s("date-unknown"),
        }
    }

    /// Day only; the time where it is today.
    pub(crate) fn on(&self, at_ms: &u64) -> String {
        match self.local(*at_ms) {
            Some(when) if self.today() != Some(when.date()) => self.day(when.date()),
            _ => self.at(at_ms),
        }
    }

    /// A FHIR dateTime: a day, or the day and time of an instant.
    pub(crate) fn recorded(&self, when: &str) -> String {
        instant_ms(when).map_or_else(|| self.date(when), |at_ms| self.on(&at_ms))
    }

    /// A FHIR dateTime, as how long ago where that is not long.
    pub(crate) fn recorded_ago(&self, when: &str) -> String {
        match instant_ms(when) {
            Some(at_ms) if self.now_ms.abs_diff(at_ms) < 30 * DAY_MS => self.ago(&at_ms),
            _ => self.recorded(when),
        }
    }

    /// How long ago; of a time ahead of this clock, by how much it is.
    pub(crate) fn ago(&self, at_ms: &u64) -> String {
        let ahead = at_ms.saturating_sub(self.now_ms);
        if ahead >= MINUTE_MS {
            return self.t.a("ago-ahead", "span", self.span(ahead));
        }
        let past = self.now_ms.saturating_sub(*at_ms);
        match past {
            0..MINUTE_MS => self.t.s("ago-now"),
            MINUTE_MS..HOUR_MS => self.t.n("ago-minutes", past / MINUTE_MS),
            HOUR_MS..DAY_MS => self.t.n("ago-hours", past / HOUR_MS),
            _ => self.t.n("ago-days", past / DAY_MS),
        }
    }

    /// A length of time in words.
    pub(crate) fn span(&self, ms: u64) -> String {
        match ms {
            0..HOUR_MS => self.t.n("span-minutes", ms / MINUTE_MS),
            HOUR_MS..DAY_MS => self.t.n("span-hours", ms / HOUR_MS),
            _ => self.t.n("span-days", ms / DAY_MS),
        }
    }

    /// A text in which each moment that FHIR writes is told as the day and time here.
    pub(crate) fn moments_in(&self, text: &str) -> String {
        text.split_inclusive([' ', ',', '–'])
            .map(|part| {
                let word = part.trim_end_matches([' ', ',', '–']);
                let told = self.moment(word).map(|when| self.day_and_time(when));
                told.map_or_else(|| part.to_owned(), |told| part.replacen(word, &told, 1))
            })
            .collect()
    }

    /// The day, here, of a FHIR date or dateTime; a month or a year where it says no more.
    pub(crate) fn date(&self, iso: &str) -> String {
        if let Some(when) = self.moment(iso) {
            return self.day(when.date());
        }
        let (year, month, day) = parts(iso);
        match (year, month, day) {
            (Some(y), Some(m), Some(d)) => match Date::new(y, m, d) {
                Ok(date) => self.day(date),
                Err(_) => iso.to_owned(),
            },
            (Some(y), Some(m), None) if (1..=12).contains(&m) => {
                let month = self.t.s(format!("month-{m}"));
                self.t
                    .aa("date-month", &[("month", &month), ("year", &y.to_string())])
            }
            _ => iso.to_owned(),
        }
    }

    /// Age at today: months below two years, days below one month. Nothing of a birth to come, but for one of the next
    /// day, which has come where it was noted.
    pub(crate) fn age(&self, birth_iso: &str) -> Option<String> {
        self.age_on(birth_iso, self.today()?)
    }

    /// Age at a day that a FHIR date or dateTime says; nothing where it says no day.
    pub(crate) fn age_at(&self, birth_iso: &str, when: &str) -> Option<String> {
        let (first, last) = days_in(&self.zone, when)?;
        (first == last).then(|| self.age_on(birth_iso, first)).flatten()
    }

    fn age_on(&self, birth_iso: &str, today: Date) -> Option<String> {
        let (year, month, day) = parts(birth_iso);
        let year = year?;
        let Some(month) = month else {
            return Some(self.t.n("age-years", u64::try_from(today.year() - year).ok()?));
        };
        let born = Date::new(year, month, day.unwrap_or(1)).ok()?;
        if born > today.tomorrow().ok()? {
            return None;
        }
        let months = months_between(born, today);
        Some(match months {
            ..1 => self.t.n("age-days", i64::from((today - born).get_days().max(0))),
            1..24 => self.t.n("age-months", months),
            _ => self.t.n("age-years", months / 12),
        })
    }
}

fn time(when: DateTime) -> String {
    format!("{:02}:{:02}", when.hour(), when.minute())
}

fn instant_ms(when: &str) -> Option<u64> {
    let stamp: Timestamp = when.parse().ok()?;
    u64::try_from(stamp.as_millisecond()).ok()
}

fn parts(iso: &str) -> (Option<i16>, Option<i8>, Option<i8>) {
    let date = iso.split('T').next().unwrap_or_default();
    let mut pieces = date.split('-');
    let year = pieces.next().and_then(|text| text.parse().ok());
    let month = pieces.next().and_then(|text| text.parse().ok());
    let day = pieces.next().and_then(|text| text.parse().ok());
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Lang;

    fn clock(t: &'static Texts) -> Clock {
        // 2026-03-10T12:00:00Z
        Clock {
            now_ms: 1_773_144_000_000,
            zone: TimeZone::fixed(jiff::tz::offset(1)),
            t,
        }
    }

    #[test]
    fn ages_are_told_as_clinicians_tell_them() {
        let clock = clock(Lang::En.texts());
        let age = |iso| clock.age(iso).unwrap_or_default();
        assert_eq!(age("1986-03-11"), "39 years");
        assert_eq!(age("1986-03-10"), "40 years");
        assert_eq!(age("1986"), "40 years");
        assert_eq!(age("2025-03-11"), "11 months");
        assert_eq!(age("2025-02-10"), "13 months");
        assert_eq!(age("2026-03-01"), "9 days");
        assert_eq!(clock.age("2027-01-01"), None);
        assert_eq!(clock.age("rubbish"), None);
    }

    #[test]
    fn dates_name_the_month() {
        let clock = clock(Lang::En.texts());
        assert_eq!(clock.date("2026-03-09"), "9 Mar 2026");
        assert_eq!(clock.date("2026-03"), "Mar 2026");
        assert_eq!(clock.date("2026"), "2026");
        assert_eq!(clock.date("2026-13-40"), "2026-13-40");
        assert_eq!(clock.at(&1_773_140_000_000), "today 11:53");
        assert_eq!(clock.at(&1_772_140_000_000), "26 Feb 2026, 22:06");
    }

    #[test]
    fn arabic_counts_by_its_six_forms() {
        let t = Lang::Ar.texts();
        let form = |n: u64| {
            t.n("hub-backlog-most", n)
                .replace(|c: char| c.is_ascii_digit() || c == ',', "")
        };
        let (few, many, other) = (form(3), form(11), form(100));
        assert!(few != many && many != other && few != other);
        // CLDR: what remains after the hundreds tells.
        for (expected, counts) in [
            (&few, &[3, 10, 103, 110, 1_204, 10_005, 1_000_010][..]),
            (&many, &[11, 99, 111, 199, 1_211, 30_099]),
            (&other, &[100, 101, 102, 200, 1_000, 1_202, 30_000, 10_001]),
        ] {
            for count in counts {
                assert_eq!(&form(*count), expected, "{count}");
            }
        }
        assert_eq!(Lang::En.texts().n("ago-minutes", 1_u64), "a minute ago");
        assert_eq!(Lang::En.texts().n("ago-minutes", 101_u64), "101 minutes ago");
    }
}
