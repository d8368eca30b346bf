//! Days and ages in zones east and west, with and without daylight saving, on leap days and at the year's end.

use jiff::civil::{Date, date};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use proptest::prelude::*;

use super::{days_in, months_between};
use crate::patient::{Duplicates, RegistrationForm};
use crate::testing::{SteeredEnv, clinician, store_with};
use crate::vitals::{AgeBand, NoBand, ages_at};
use crate::{Clinic, Settings};

const ZONES: [&str; 6] = [
    "UTC",
    "Asia/Manila",
    "Asia/Kathmandu",
    "America/Lima",
    "Pacific/Chatham",
    "America/New_York",
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("bundled")
}

/// Days at which something happens to calendars: leap days, year's ends, both daylight-saving weeks of New York and of
/// Chatham, and any others.
fn days() -> impl Strategy<Value = Date> {
    let marked = prop::sample::select(vec![
        date(2024, 2, 28),
        date(2024, 2, 29),
        date(2024, 3, 1),
        date(2025, 2, 28),
        date(2025, 12, 31),
        date(2026, 1, 1),
        date(2026, 3, 7),
        date(2026, 3, 8),
        date(2026, 3, 9),
        date(2026, 10, 31),
        date(2026, 11, 1),
        date(2026, 11, 2),
        date(2026, 4, 5),
        date(2026, 9, 27),
    ]);
    let any = (0_i64..25_000).prop_map(|days| date(1975, 1, 1) + Span::new().days(days));
    prop_oneof![marked, any]
}

/// A moment of a day in a zone: its first, its last, or one between; as somebody elsewhere may have written it.
fn moment(zone: &TimeZone, day: Date, part: f64, offset_minutes: i32) -> String {
    let ms = |day: Date| {
        let first = day.to_zoned(zone.clone()).expect("a day begins");
        first.timestamp().as_millisecond()
    };
    let (first, next) = (ms(day), ms(day.tomorrow().expect("a next day")));
    let at = first + ((next - 1 - first) as f64 * part) as i64;
    let offset = Offset::from_seconds(offset_minutes * 60).expect("an offset");
    let at = Timestamp::from_millisecond(at).expect("a moment");
    at.to_zoned(TimeZone::fixed(offset))
        .strftime("%Y-%m-%dT%H:%M:%S%.3f%:z")
        .to_string()
}

fn part() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), 0.0..1.0]
}

fn named(json: &str) -> chaski_json::Json {
    crate::testing::parsed(json)
}

fn band(born: Date, when: &str, zone: &TimeZone) -> Result<AgeBand, NoBand> {
    let ages = ages_at(&named(&format!(r#"{{"birthDate":"{born}"}}"#)), when, zone)?;
    assert_eq!(ages.youngest, ages.oldest, "a whole date is one age");
    Ok(ages.oldest)
}

proptest! {
    #[test]
    fn every_moment_of_a_day_is_that_day_wherever_it_was_written(
        name in prop::sample::select(ZONES.to_vec()),
        day in days(),
        part in part(),
        offset in -720_i32..=840,
    ) {
        let zone = zone(name);
        let when = moment(&zone, day, part, offset);
        prop_assert_eq!(days_in(&zone, &when), Some((day, day)), "{} {}", name, when);
        // A civil date is itself in every zone.
        prop_assert_eq!(days_in(&zone, &day.to_string()), Some((day, day)));
    }

    #[test]
    fn whoever_is_born_on_the_day_of_measuring_is_a_newborn_and_never_an_adult(
        name in prop::sample::select(ZONES.to_vec()),
        day in days(),
        part in part(),
        offset in -720_i32..=840,
        days_apart in -400_i64..400,
    ) {
        let zone = zone(name);
        let when = moment(&zone, day, part, offset);
        prop_assert_eq!(band(day, &when, &zone), Ok(AgeBand::Newborn));
        let born = day - Span::new().days(days_apart);
        let found = band(born, &when, &zone);
        match days_apart {
            ..=-2 => prop_assert_eq!(found, Err(NoBand::BeforeBirth)),
            -1..=58 => prop_assert_eq!(found, Ok(AgeBand::Newborn)),
            62..=364 => prop_assert!(matches!(found, Ok(AgeBand::Infant | AgeBand::YoungChild))),
            _ => prop_assert!(found.is_ok_and(|band| band <= AgeBand::YoungChild)),
        }
    }

    #[test]
    fn months_are_completed_on_the_day_and_never_run_back(from in days(), count in 0_i32..1_700, more in 0_i64..40) {
        let to = from.checked_add(Span::new().months(count)).expect("a day");
        // Where the month is too short for the day, it is completed on the first of the next.
        let is_short = to.day() < from.day();
        prop_assert_eq!(months_between(from, to), count - i32::from(is_short));
        prop_assert_eq!(months_between(from, to.tomorrow().expect("a day")), count);
        let later = to + Span::new().days(more);
        prop_assert!(months_between(from, later) >= months_between(from, to));
    }
}

#[test]
fn a_birth_is_judged_by_the_day_on_the_wall_at_every_hour_of_it() {
    for name in ZONES {
        let zone = zone(name);
        // New York's clocks go forward on 8 March and back on 1 November; then the ends of a leap day and of a year.
        for day in [
            date(2026, 3, 8),
            date(2026, 11, 1),
            date(2028, 2, 29),
            date(2026, 12, 31),
            date(2027, 1, 1),
        ] {
            for part in [0.0, 0.2, 0.6, 1.0] {
                let at: Timestamp = moment(&zone, day, part, 0).parse().expect("a moment");
                let env = SteeredEnv::new();
                env.set(u64::try_from(at.as_millisecond()).expect("after 1970"));
                let settings = Settings {
                    zone: zone.clone(),
                    ..Settings::default()
                };
                let clinic = Clinic::new(store_with(env), settings).expect("a clinic");
                assert_eq!(clinic.today(), day, "{name} {at}");
                for (born, is_taken) in [(day, true), (day.tomorrow().expect("a day"), false)] {
                    let form = RegistrationForm {
                        family: "Gurung".into(),
                        sex: "female".into(),
                        birth_date: born.to_string(),
                        ..RegistrationForm::default()
                    };
                    let done = clinic.patient_register(&clinician(), &form, Duplicates::Accept);
                    assert_eq!(done.is_ok(), is_taken, "{name} {at}: {done:?}");
                }
            }
        }
    }
}

#[test]
fn an_age_that_cannot_be_told_has_no_band() {
    let zone = zone("Asia/Manila");
    let of =
        |json: &str, when: &str| ages_at(&named(json), when, &zone).map(|ages| (ages.youngest, ages.oldest));
    use AgeBand::{Adult, Child, Infant, Newborn, YoungChild};
    for (json, when, expected) in [
        ("{}", "2026-01-01", Err(NoBand::BirthUnknown)),
        (
            r#"{"birthDate":"yesterday"}"#,
            "2026-01-01",
            Err(NoBand::BirthUnknown),
        ),
        (r#"{"birthDate":"2025-11-01"}"#, "", Err(NoBand::TimeUnknown)),
        (
            r#"{"birthDate":"2026-01-03"}"#,
            "2026-01-01",
            Err(NoBand::BeforeBirth),
        ),
        (r#"{"birthDate":"2027"}"#, "2026-01-01", Err(NoBand::BeforeBirth)),
        (
            r#"{"birthDate":"2026-01-02"}"#,
            "2026-01-01",
            Ok((Newborn, Newborn)),
        ),
        // In Manila it is the 2nd already.
        (
            r#"{"birthDate":"2026-01-03"}"#,
            "2026-01-01T16:00:00Z",
            Ok((Newborn, Newborn)),
        ),
        (
            r#"{"birthDate":"2026-01-03"}"#,
            "2026-01-01T15:59:59Z",
            Err(NoBand::BeforeBirth),
        ),
        // A month or a year may be any of its days.
        (r#"{"birthDate":"2025-11"}"#, "2026-01-01", Ok((Newborn, Infant))),
        (r#"{"birthDate":"2025"}"#, "2026-01-01", Ok((Newborn, YoungChild))),
        (r#"{"birthDate":"2013"}"#, "2025-06-01", Ok((Child, Adult))),
        (r#"{"birthDate":"2013"}"#, "2026-01-01", Ok((Adult, Adult))),
        (r#"{"birthDate":"1990"}"#, "2026", Ok((Adult, Adult))),
    ] {
        assert_eq!(of(json, when), expected, "{json} {when}");
    }
}

#[test]
fn an_age_at_the_turn_of_the_year_counts_from_the_year_on_the_wall() {
    for (name, born, died) in [
        ("Asia/Manila", "1987", "1/1/2027"),
        ("America/Lima", "1986", "31/12/2026"),
        ("UTC", "1986", "31/12/2026"),
    ] {
        let env = SteeredEnv::new();
        let at: Timestamp = "2026-12-31T16:30:00Z".parse().expect("a moment");
        env.set(u64::try_from(at.as_millisecond()).expect("after 1970"));
        let settings = Settings {
            zone: zone(name),
            ..Settings::default()
        };
        let clinic = Clinic::new(store_with(env), settings).expect("a clinic");
        let form = |died: &str| RegistrationForm {
            family: "Gurung".into(),
            sex: "female".into(),
            age_years: "40".into(),
            deceased_date: died.into(),
            ..RegistrationForm::default()
        };
        let done = clinic.patient_register(&clinician(), &form(died), Duplicates::Accept);
        let id = crate::testing::registered(done.expect("registered")).id;
        let row = clinic.patient_view(&clinician(), &id).expect("a row");
        assert_eq!(
            (row.birth_date.as_str(), row.birth_estimated),
            (born, true),
            "{name}"
        );
        let tomorrow = clinic.today().tomorrow().expect("a day").to_string();
        let done = clinic.patient_register(&clinician(), &form(&tomorrow), Duplicates::Accept);
        assert!(done.is_err(), "{name}: a death to come");
    }
}
