//! What people type where a form asks for a number, a date, an age or a telephone number.
//!
//! Invariants: every such field of every form is read by the functions of this file, so that all take the same
//! spellings; what can be read in two ways that mean something else is refused with both, never guessed.
//! Source: `docs/clinical-rules.md`, CR-112 to CR-115.

use chaski_json::Number;
use jiff::civil::Date;

use super::{FieldErrors, Reason};

mod age;
mod plain;

pub(crate) use age::{Age, AgeUnit, about, age};
pub use plain::plain;

use plain::{number_text, whole_digits};

/// Characters of a number at most.
const NUMBER_CHARS_MAX: usize = 16;

/// A number with a point or a comma before its decimals. Where a comma may stand before decimals or between thousands,
/// what is possible decides; where both are, it is refused.
pub(crate) fn number(
    errors: &mut FieldErrors,
    field: &'static str,
    typed: &str,
    is_possible: impl Fn(f64) -> bool,
) -> Option<Number> {
    let parsed = |text: &str| {
        Number::parse(text).filter(|_| text.len() <= NUMBER_CHARS_MAX && !text.contains(['e', 'E']))
    };
    match number_text(typed) {
        Ok(text) => {
            let number = parsed(&whole_digits(text));
            if number.is_none() {
                errors.add(field, Reason::Malformed);
            }
            number
        }
        Err(readings) => {
            let possible = |text: &&String| parsed(text).is_some_and(|number| is_possible(number.as_f64()));
            let mut left = readings.iter().filter(possible);
            match (left.next(), left.next()) {
                (Some(one), None) => parsed(one),
                (Some(one), Some(other)) => {
                    errors.add_right(field, Reason::Ambiguous, format!("{one} / {other}"));
                    None
                }
                (None, _) => {
                    errors.add(field, Reason::Malformed);
                    None
                }
            }
        }
    }
}

/// A number as a record writes it, for words made of it; as it was typed where it is none.
#[must_use]
pub fn number_plain(typed: &str) -> String {
    number_text(typed).map_or_else(|_| plain(typed), whole_digits)
}

/// A whole number.
pub(crate) fn whole(errors: &mut FieldErrors, field: &'static str, typed: &str) -> Option<i64> {
    let text = plain(typed);
    if text.is_empty() {
        return None;
    }
    let number = text.parse::<i64>().ok();
    if number.is_none() {
        errors.add(field, Reason::Malformed);
    }
    number
}

/// A date as precise as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TypedDate {
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub(crate) iso: String,
    /// The first day that it may be.
    pub(crate) first: Date,
    /// The last.
    pub(crate) last: Date,
}

/// A year, a month or a day: from the year on (`1990`, `1990-5`, `1990-5-4`), or, in the order of our languages, from
/// the day on (`4/5/1990`, `4.5.1990`, `4 5 1990`, `5/1990`).
pub(crate) fn date(errors: &mut FieldErrors, field: &'static str, typed: &str) -> Option<TypedDate> {
    match date_of(&plain(typed)) {
        Ok(date) => Some(date),
        Err((reason, None)) => {
            errors.add(field, reason);
            None
        }
        Err((reason, Some(right))) => {
            errors.add_right(field, reason, right);
            None
        }
    }
}

/// What is wrong with a date, and what would be right.
type WrongDate = (Reason, Option<String>);

fn date_of(text: &str) -> Result<TypedDate, WrongDate> {
    let malformed = || (Reason::Malformed, None);
    let is_mark = |letter: char| matches!(letter, '-' | '/' | '.' | ' ');
    let mut parts: Vec<&str> = text.split(is_mark).collect();
    if text.contains(' ') {
        // `4 / 5 / 1990`
        parts.retain(|part| !part.is_empty());
    }
    let numbers: Option<Vec<i16>> = parts.iter().map(|part| small_number(part)).collect();
    let numbers = numbers.ok_or_else(malformed)?;
    let is_year = |at: usize| parts.get(at).is_some_and(|part| part.len() == 4);
    let is_short = |at: usize| parts.get(at).is_some_and(|part| part.len() <= 2);
    match *numbers.as_slice() {
        [year] if is_year(0) => whole_year(year),
        [year, month] if is_year(0) && is_short(1) => whole_month(year, month),
        [month, year] if is_short(0) && is_year(1) => whole_month(year, month),
        [year, month, day] if is_year(0) && is_short(1) && is_short(2) => {
            one_day(year, month, day).map_err(|()| wrong_day(year, month, day, false))
        }
        [day, month, year] if is_short(0) && is_short(1) && is_year(2) => {
            one_day(year, month, day).map_err(|()| wrong_day(year, month, day, true))
        }
        [_, _, _] if is_short(0) && is_short(1) && is_short(2) => Err((Reason::ShortYear, None)),
        _ => Err(malformed()),
    }
}

fn small_number(part: &str) -> Option<i16> {
    let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| part.parse().ok()).flatten()
}

fn whole_year(year: i16) -> Result<TypedDate, WrongDate> {
    let days = Date::new(year, 1, 1).and_then(|first| Ok((first, Date::new(year, 12, 31)?)));
    let (first, last) = days.ok().filter(|_| year > 0).ok_or((Reason::NoSuchDay, None))?;
    Ok(TypedDate {
        iso: format!("{year:04}"),
        first,
        last,
    })
}

fn whole_month(year: i16, month: i16) -> Result<TypedDate, WrongDate> {
    let first = i8::try_from(month)
        .ok()
        .and_then(|month| Date::new(year, month, 1).ok());
    let first = first.filter(|_| year > 0).ok_or((Reason::NoSuchDay, None))?;
    Ok(TypedDate {
        iso: format!("{year:04}-{month:02}"),
        first,
        last: first.last_of_month(),
    })
}

fn one_day(year: i16, month: i16, day: i16) -> Result<TypedDate, ()> {
    let (month, day) = (
        i8::try_from(month).map_err(drop)?,
        i8::try_from(day).map_err(drop)?,
    );
    let date = Date::new(year, month, day).map_err(drop)?;
    if year <= 0 {
        return Err(());
    }
    Ok(TypedDate {
        iso: date.to_string(),
        first: date,
        last: date,
    })
}

/// Why three numbers are no day; where they would be one with the month before the day, how that is written here.
fn wrong_day(year: i16, month: i16, day: i16, is_day_first: bool) -> WrongDate {
    match one_day(year, day, month) {
        Ok(_) if is_day_first => (Reason::MonthFirst, Some(format!("{month:02}/{day:02}/{year:04}"))),
        Ok(date) => (Reason::MonthFirst, Some(date.iso)),
        Err(()) => (Reason::NoSuchDay, None),
    }
}

#[cfg(test)]
mod tests;
