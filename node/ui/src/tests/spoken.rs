//! Ages, dates, units and languages as people read them, each at the edge where its words change.

use axum::http::header;
use jiff::tz::{Offset, TimeZone};

use super::fixture::MARIA;
use super::signed_in;
use crate::i18n::Lang;
use crate::person::PersonView;
use crate::show::Clock;
use chaski_clinic::patient::PatientRow;

/// 10 March 2026, 12:00 UTC.
const NOW_MS: u64 = 1_773_144_000_000;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn clock(offset_minutes: i16) -> Clock {
    Clock {
        now_ms: NOW_MS,
        zone: TimeZone::fixed(Offset::from_seconds(i32::from(offset_minutes) * 60).unwrap()),
        t: Lang::En.texts(),
    }
}

/// A text without the marks of direction that stand round its parts.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| !('\u{2066}'..='\u{2069}').contains(c))
        .collect()
}

#[test]
fn how_long_ago_and_how_long_are_told_in_the_unit_that_fits() {
    let clock = clock(0);
    for (ms, ago, span) in [
        (0, "just now", "0 minutes"),
        (MINUTE - 1, "just now", "0 minutes"),
        (MINUTE, "a minute ago", "one minute"),
        (2 * MINUTE, "2 minutes ago", "2 minutes"),
        (HOUR - 1, "59 minutes ago", "59 minutes"),
        (HOUR, "an hour ago", "one hour"),
        (DAY - 1, "23 hours ago", "23 hours"),
        (DAY, "a day ago", "one day"),
        (3 * DAY - 1, "2 days ago", "2 days"),
        (100 * DAY, "100 days ago", "100 days"),
    ] {
        assert_eq!(plain(&clock.ago(&(NOW_MS - ms))), ago, "{ms}");
        assert_eq!(plain(&clock.span(ms)), span, "{ms}");
    }
    // A time ahead of this clock is no moment ago; what is less than a minute off is.
    assert_eq!(
        plain(&clock.ago(&(NOW_MS + 2 * DAY))),
        "2 days ahead of this clock"
    );
    assert_eq!(
        plain(&clock.ago(&(NOW_MS + 5 * MINUTE))),
        "5 minutes ahead of this clock"
    );
    assert_eq!(clock.ago(&(NOW_MS + MINUTE - 1)), "just now");
}

#[test]
fn a_moment_is_told_by_the_clinics_own_wall_clock() {
    for (offset, ms, at, on) in [
        (0, NOW_MS, "today 12:00", "today 12:00"),
        (330, NOW_MS, "today 17:30", "today 17:30"),
        (-300, NOW_MS, "today 07:00", "today 07:00"),
        (0, NOW_MS - 12 * HOUR, "today 00:00", "today 00:00"),
        (0, NOW_MS - 12 * HOUR - 1, "9 Mar 2026, 23:59", "9 Mar 2026"),
        (-300, NOW_MS - 8 * HOUR, "9 Mar 2026, 23:00", "9 Mar 2026"),
        (330, NOW_MS + 7 * HOUR, "11 Mar 2026, 00:30", "11 Mar 2026"),
        // The same day of another month, and of another year.
        (0, NOW_MS - 28 * DAY, "10 Feb 2026, 12:00", "10 Feb 2026"),
        (0, NOW_MS - 59 * DAY, "10 Jan 2026, 12:00", "10 Jan 2026"),
        (0, NOW_MS + 31 * DAY, "10 Apr 2026, 12:00", "10 Apr 2026"),
        (0, NOW_MS - 365 * DAY, "10 Mar 2025, 12:00", "10 Mar 2025"),
        (0, NOW_MS - 9 * DAY, "1 Mar 2026, 12:00", "1 Mar 2026"),
        (0, u64::MAX, "unknown", "unknown"),
    ] {
        let clock = clock(offset);
        assert_eq!(plain(&clock.at(&ms)), at, "{offset} {ms}");
        assert_eq!(plain(&clock.on(&ms)), on, "{offset} {ms}");
    }
    let clock = clock(-300);
    assert_eq!(clock.iso(&NOW_MS), "2026-03-10T12:00:00Z");
    assert_eq!(clock.iso(&u64::MAX), "");
    for (when, recorded, ago) in [
        ("2026-03-10T11:00:00Z", "today 06:00", "an hour ago"),
        ("2026-03-10T12:00:00+02:00", "today 05:00", "2 hours ago"),
        ("2026-03-10T04:59:00Z", "9 Mar 2026", "7 hours ago"),
        ("2026-02-08T12:00:01Z", "8 Feb 2026", "29 days ago"),
        ("2026-02-08T12:00:00Z", "8 Feb 2026", "8 Feb 2026"),
        ("2024-01-31T12:00:00Z", "31 Jan 2024", "31 Jan 2024"),
        ("2026-03-10", "10 Mar 2026", "10 Mar 2026"),
        ("2026-03", "Mar 2026", "Mar 2026"),
        ("2026", "2026", "2026"),
        ("2026-12", "Dec 2026", "Dec 2026"),
        ("2026-01", "Jan 2026", "Jan 2026"),
        ("2026-00", "2026-00", "2026-00"),
        ("2026-02-30", "2026-02-30", "2026-02-30"),
        ("soon", "soon", "soon"),
    ] {
        assert_eq!(plain(&clock.recorded(when)), recorded, "{when}");
        assert_eq!(plain(&clock.recorded_ago(when)), ago, "{when}");
    }
}

#[test]
fn an_age_changes_on_the_day_and_its_unit_with_the_months() {
    for (offset, born, age) in [
        (0, "2026-03-09", Some("one day")),
        (0, "2026-02-11", Some("27 days")),
        (0, "2026-02-10", Some("one month")),
        (0, "2026-01-11", Some("one month")),
        (0, "2026-01-10", Some("2 months")),
        (0, "2025-03-10", Some("12 months")),
        (0, "2024-03-11", Some("23 months")),
        (0, "2024-03-10", Some("2 years")),
        (0, "2023-03-11", Some("2 years")),
        (0, "2023-03-10", Some("3 years")),
        (0, "1986-12", Some("39 years")),
        (0, "1986-03", Some("40 years")),
        (0, "2025", Some("one year")),
        (0, "1926", Some("100 years")),
        (0, "2026-03-11", Some("0 days")),
        (0, "2026-03-12", None),
        (0, "2027", None),
        (0, "2026-13", None),
        // Born tomorrow by the world's clock, and today by that of the clinic.
        (900, "2026-03-11", Some("0 days")),
        (-900, "2026-03-09", Some("0 days")),
        (-900, "2026-03-10", Some("0 days")),
        (-900, "2026-03-11", None),
    ] {
        let found = clock(offset).age(born).map(|text| plain(&text));
        assert_eq!(found.as_deref(), age, "{born} {offset}");
    }
}

#[test]
fn the_language_is_the_one_the_browser_likes_best_of_those_there_are() {
    for (header, lang) in [
        ("", "en"),
        ("fr", "en"),
        ("ar", "ar"),
        ("AR-eg", "ar"),
        ("ar_EG", "ar"),
        ("en, ar", "en"),
        ("ar, en", "ar"),
        ("en;q=0.4, ar;q=0.5", "ar"),
        ("en;q=0.5, ar;q=0.5", "en"),
        ("ar;q=0.5, en", "en"),
        ("ar;q=0", "en"),
        ("ar;q=0, en;q=0.1", "en"),
        ("ar;q=much, en;q=0.1", "en"),
        ("arc", "en"),
        ("fr, de, ar;q=0.1", "ar"),
    ] {
        assert_eq!(Lang::negotiate(header).code(), lang, "{header}");
    }
}

#[tokio::test]
async fn each_number_of_a_form_has_its_unit_beside_it() {
    let mut browser = signed_in().await;
    let vitals = format!("/patients/{}/vitals", MARIA);
    for (path, field, unit) in [
        (vitals.as_str(), "systolic", "mmHg"),
        (&vitals, "diastolic", "mmHg"),
        (&vitals, "heart_rate", "/min"),
        (&vitals, "respiratory_rate", "/min"),
        (&vitals, "temperature", "°C"),
        (&vitals, "oxygen_saturation", "%"),
        (&vitals, "weight", "kg"),
        (&vitals, "height", "cm"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        let input = answer
            .text
            .split(&format!("<input id=\"{field}\""))
            .nth(1)
            .unwrap();
        let input = input.split("</div>").next().unwrap();
        assert!(input.contains(&format!("<bdi>{unit}</bdi>")), "{field}: {input}");
        assert!(input.contains("inputmode=\"decimal\""), "{field}: {input}");
    }
}

#[test]
fn somebody_is_told_by_name_age_and_sex_as_far_as_those_are_known() {
    let row = |name: &str, local: &str, sex: &str, born: &str, birth_estimated: bool| PatientRow {
        name: name.into(),
        name_local: (!local.is_empty()).then(|| local.into()),
        sex: sex.into(),
        birth_date: born.into(),
        birth_estimated,
        ..PatientRow::default()
    };
    for (row, name, initials, age_sex) in [
        (
            row("Rosa Elena Quispe", "روزا", "female", "1986-03-10", false),
            "Rosa Elena Quispe",
            "RQ",
            "40 years, Female",
        ),
        (
            row("rosa", "", "male", "1986", true),
            "rosa",
            "r",
            "about 40 years, Male",
        ),
        (
            row("Ñusta Áviles", "", "other", "", false),
            "Ñusta Áviles",
            "ÑÁ",
            "Age not known, Other",
        ),
        (
            row("روزا قيصبي", "", "female", "soon", false),
            "روزا قيصبي",
            "ر",
            "Age not known, Female",
        ),
        (
            row("", "روزا", "unknown", "2026-03-09", false),
            "روزا",
            "ر",
            "one day",
        ),
        (
            row("", "", "unknown", "", false),
            "No name recorded",
            "NR",
            "Age not known",
        ),
        (
            row("A", "", "unknown", "1986", true),
            "A",
            "A",
            "about 40 years, Not known",
        ),
        (
            row("A", "", "female", "2027", false),
            "A",
            "A",
            "Date of birth lies ahead, Female",
        ),
    ] {
        let view = PersonView::new(&clock(0), row);
        assert_eq!(view.row.name, name);
        assert!(view.initials.starts_with(initials), "{name}: {}", view.initials);
        assert_eq!(plain(&view.age_sex), age_sex, "{name}");
    }
    let unidentified = PatientRow {
        unidentified: true,
        ..row("Man from the bus", "", "male", "", false)
    };
    assert_eq!(PersonView::new(&clock(0), unidentified).initials, "?");
}

#[test]
fn a_count_has_its_thousands_apart() {
    for (count, told) in [
        (0_u64, "0"),
        (999, "999"),
        (1_000, "1,000"),
        (12_345, "12,345"),
        (1_234_567, "1,234,567"),
    ] {
        assert_eq!(Lang::En.texts().number(count), told);
    }
}

#[test]
fn the_dead_are_as_old_as_they_were() {
    for (born, died, age_sex) in [
        ("1986-03-10", Some("2026-03-09"), "39 years, Female"),
        ("2020-01-01", Some("2020-03-05"), "2 months, Female"),
        ("1986-03-10", Some("2026"), "born 10 Mar 1986, Female"),
        ("1986-03-10", None, "born 10 Mar 1986, Female"),
        ("1986", Some("2010-03-09"), "about 24 years, Female"),
        ("", Some("2010-03-09"), "Age not known, Female"),
    ] {
        let row = PatientRow {
            name: "Rosa".into(),
            sex: "female".into(),
            birth_date: born.into(),
            deceased: true,
            deceased_date: died.map(str::to_owned),
            ..PatientRow::default()
        };
        let told = plain(&PersonView::new(&clock(0), row).age_sex);
        assert_eq!(told, age_sex, "{born} {died:?}");
    }
}

#[test]
fn a_moment_is_told_by_the_clinics_day_wherever_it_stands_in_a_text() {
    // Ten minutes to midnight in Greenwich is the next day at +08:00.
    let east = clock(480);
    let west = clock(-300);
    for (clock, written, date, text) in [
        (&east, "2026-02-27T23:50:00Z", "28 Feb 2026", "28 Feb 2026, 07:50"),
        (
            &west,
            "2026-02-28T03:00:00.5+00:00",
            "27 Feb 2026",
            "27 Feb 2026, 22:00",
        ),
        (&east, "1962-02-27T23:50:00Z", "28 Feb 1962", "28 Feb 1962, 07:50"),
        (&east, "2026-02-27", "27 Feb 2026", "2026-02-27"),
        (&east, "2026-02", "Feb 2026", "2026-02"),
        (&east, "soon", "soon", "soon"),
    ] {
        assert_eq!(plain(&clock.date(written)), date);
        assert_eq!(plain(&clock.moments_in(written)), text);
        assert_eq!(
            plain(&clock.moments_in(&format!("5 mg, {written}, with food"))),
            format!("5 mg, {text}, with food")
        );
    }
    assert_eq!(
        plain(&east.moments_in("2026-02-27T23:50:00Z–2026-02-28T00:10:00Z")),
        "28 Feb 2026, 07:50–28 Feb 2026, 08:10"
    );
}
