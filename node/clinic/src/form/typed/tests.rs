//! Each spelling that people use, and each that is refused with what would be right.

use jiff::civil::date as day;

use super::{AgeUnit, about, age, date, number, number_plain, plain, whole};
use crate::form::{FieldErrors, Reason};

/// What was read, or why not and what would be right.
fn read<T>(of: impl Fn(&mut FieldErrors) -> Option<T>) -> Result<T, (Reason, String)> {
    let mut errors = FieldErrors::default();
    let read = of(&mut errors);
    match (read, errors.0.pop()) {
        (Some(read), None) => Ok(read),
        (None, Some(error)) => Err((error.reason, error.right)),
        (read, error) => panic!("{}: {error:?}", read.is_some()),
    }
}

#[test]
fn digits_and_marks_of_every_keyboard_are_plain() {
    for (typed, expected) in [
        ("٣٥", "35"),
        ("३५", "35"),
        ("۰۹۱۲۳۴۵۶۷۸", "0912345678"),
        ("\u{200f}٠١٢٣٤٥٦٧٨٩\u{200f}", "0123456789"),
        ("\u{2066}+51 987\u{a0}654\u{2069}", "+51 987 654"),
        ("＋５１（９８７）", "+51(987)"),
        ("1990\u{2013}05\u{2011}04", "1990-05-04"),
        ("  a  ", "a"),
    ] {
        assert_eq!(plain(typed), expected, "{typed:?}");
    }
}

#[test]
fn a_date_is_read_from_the_year_on_or_from_the_day_on() {
    let of = |typed: &str| read(|errors| date(errors, "birth_date", typed)).map(|date| date.iso);
    for (typed, iso) in [
        ("1990", "1990"),
        ("1990-05", "1990-05"),
        ("1990-5-4", "1990-05-04"),
        ("1990-05-04", "1990-05-04"),
        ("1990/5/4", "1990-05-04"),
        ("1990.05.04", "1990-05-04"),
        ("4/5/1990", "1990-05-04"),
        ("04/05/1990", "1990-05-04"),
        ("04-05-1990", "1990-05-04"),
        ("4.5.1990", "1990-05-04"),
        ("4 5 1990", "1990-05-04"),
        (" 4 / 5 / 1990 ", "1990-05-04"),
        ("25/04/1990", "1990-04-25"),
        ("5/1990", "1990-05"),
        ("29/2/2024", "2024-02-29"),
        ("١٩٩٠-٠٥-٠٤", "1990-05-04"),
        ("٤/٥/١٩٩٠", "1990-05-04"),
        ("४/५/१९९०", "1990-05-04"),
    ] {
        assert_eq!(of(typed), Ok(iso.to_owned()), "{typed}");
    }
    for (typed, reason, right) in [
        ("04/25/1990", Reason::MonthFirst, "25/04/1990"),
        ("12-31-1999", Reason::MonthFirst, "31/12/1999"),
        ("1990-25-04", Reason::MonthFirst, "1990-04-25"),
        ("4/5/90", Reason::ShortYear, ""),
        ("31/02/1990", Reason::NoSuchDay, ""),
        ("29/02/2023", Reason::NoSuchDay, ""),
        ("1990-13", Reason::NoSuchDay, ""),
        ("31/13/1990", Reason::NoSuchDay, ""),
        ("0000", Reason::NoSuchDay, ""),
        ("90", Reason::Malformed, ""),
        ("4/5", Reason::Malformed, ""),
        ("19900504", Reason::Malformed, ""),
        ("yesterday", Reason::Malformed, ""),
        ("1990-05-04-01", Reason::Malformed, ""),
        ("1990--04", Reason::Malformed, ""),
        ("-1990", Reason::Malformed, ""),
        ("1990-005-04", Reason::Malformed, ""),
        ("", Reason::Malformed, ""),
    ] {
        assert_eq!(of(typed), Err((reason, right.to_owned())), "{typed}");
    }
}

#[test]
fn an_age_is_read_in_the_unit_that_is_said() {
    let today = day(2026, 11, 29);
    let of = |typed: &str| {
        read(|errors| age(errors, "age_years", typed, AgeUnit::Years))
            .map(|age| age.born(today).expect("a date"))
    };
    for (typed, born) in [
        ("40", "1986"),
        ("٤٠", "1986"),
        ("about 40", "1986"),
        ("About 40 years", "1986"),
        ("~40", "1986"),
        ("ca. 40", "1986"),
        ("40 years old", "1986"),
        ("حوالي ٤٠", "1986"),
        ("نحو 40 سنة", "1986"),
        ("40 تقريبًا", "1986"),
        ("6m", "2026-05"),
        ("6 months", "2026-05"),
        ("٦ أشهر", "2026-05"),
        ("6 شهور", "2026-05"),
        ("شهران", "2026-09"),
        ("0.5", "2026-05"),
        ("0,5", "2026-05"),
        ("٠٫٥", "2026-05"),
        ("1.5 years", "2025-05"),
        ("1 year 6 months", "2025-05"),
        ("1 year, 6 months", "2025-05"),
        ("1y6m", "2025-05"),
        ("سنة", ""),
        ("سنتان", "2024"),
        ("10 d", "2026-11-19"),
        ("10 days", "2026-11-19"),
        ("١٠ أيام", "2026-11-19"),
        ("3 weeks", "2026-11-08"),
        ("0", "2026"),
        ("0 d", "2026-11-29"),
        ("140", "1886"),
    ] {
        match born {
            // "a year" as a word alone: nobody said how many.
            "" => assert_eq!(of(typed), Err((Reason::Malformed, String::new())), "{typed}"),
            born => assert_eq!(of(typed), Ok(born.to_owned()), "{typed}"),
        }
    }
    for (typed, reason) in [
        ("141", Reason::TooOld),
        ("1990", Reason::TooOld),
        ("99999999999999999999", Reason::TooOld),
        ("1681 months", Reason::TooOld),
        ("-1", Reason::Malformed),
        ("forty", Reason::Malformed),
        ("6/12", Reason::Malformed),
        ("2-3 years", Reason::Malformed),
        ("40 50", Reason::Malformed),
        ("6 months 1 year", Reason::Malformed),
        ("1.5 years 2 months", Reason::Malformed),
        ("40 kg", Reason::Malformed),
        ("about", Reason::Malformed),
        ("0.5 days", Reason::Malformed),
    ] {
        assert_eq!(of(typed), Err((reason, String::new())), "{typed}");
    }
    // The last days of months, and leap days.
    let born = |typed: &str, today| {
        let age = read(|errors| age(errors, "age_years", typed, AgeUnit::Years)).expect("an age");
        age.born(today).expect("a date")
    };
    assert_eq!(born("1 month", day(2026, 3, 31)), "2026-02");
    assert_eq!(born("2", day(2024, 2, 29)), "2022");
    assert_eq!(born("1 d", day(2027, 1, 1)), "2026-12-31");
}

#[test]
fn a_word_that_says_a_guess_is_taken_off_a_date() {
    for (typed, rest, is_about) in [
        ("about 1990", "1990", true),
        ("~1990", "1990", true),
        ("ca. 1990", "1990", true),
        ("حوالي ١٩٩٠", "1990", true),
        ("1990", "1990", false),
        ("4/5/1990", "4/5/1990", false),
        ("abut 1990", "abut 1990", false),
    ] {
        assert_eq!(about(typed), (rest.to_owned(), is_about), "{typed}");
    }
}

#[test]
fn a_number_is_read_with_point_or_comma_and_refused_where_it_may_be_two() {
    let of = |typed: &str, most: f64| {
        read(|errors| number(errors, "dose_value", typed, |value| value <= most))
            .map(|number| number.as_str().to_owned())
    };
    for (typed, expected) in [
        ("36.8", "36.8"),
        ("36,8", "36.8"),
        ("٣٦٫٨", "36.8"),
        ("٣٦،٨", "36.8"),
        ("३६.८", "36.8"),
        ("0,125", "0.125"),
        ("3.250", "3.250"),
        ("1,234.5", "1234.5"),
        ("1.234,5", "1234.5"),
        ("1,234,567", "1234567"),
        ("١٬٥٠٠", "1500"),
        ("1500", "1500"),
        ("1234,567", "1234.567"),
        (".5", "0.5"),
        ("5.", "5"),
        ("05", "5"),
        ("0", "0"),
        ("-5", "-5"),
    ] {
        assert_eq!(of(typed, f64::MAX), Ok(expected.to_owned()), "{typed}");
    }
    // Two readings that both may be are refused with both; of a newborn's weight only one may be.
    let both = Err((Reason::Ambiguous, "1.500 / 1500".to_owned()));
    assert_eq!(of("1,500", f64::MAX), both);
    assert_eq!(of("١,٥٠٠", f64::MAX), both);
    assert_eq!(of("3,250", 650.0), Ok("3.250".to_owned()));
    for typed in [
        "",
        "a",
        "1 2",
        "1e3",
        "1,2,3",
        "1,23.4",
        "1..2",
        "5 mg",
        "١٬٥٠٠,٥",
        "12345678901234567",
    ] {
        assert_eq!(
            of(typed, f64::MAX),
            Err((Reason::Malformed, String::new())),
            "{typed}"
        );
    }
    assert_eq!(number_plain("١٫٥"), "1.5");
    assert_eq!(number_plain("1,5"), "1.5");
    assert_eq!(number_plain("two"), "two");
}

#[test]
fn a_whole_number_is_read_in_any_digits() {
    let of = |typed: &str| read(|errors| whole(errors, "times_per_day", typed));
    assert_eq!(of("٣"), Ok(3));
    assert_eq!(of(" 03 "), Ok(3));
    assert_eq!(of("-3"), Ok(-3));
    for typed in ["3.0", "3x", "three"] {
        assert_eq!(of(typed), Err((Reason::Malformed, String::new())), "{typed}");
    }
    let mut errors = FieldErrors::default();
    assert_eq!(
        (whole(&mut errors, "times_per_day", " "), errors.0.len()),
        (None, 0)
    );
}
