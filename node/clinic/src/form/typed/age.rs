//! An age as people say it: `40`, `6 months`, `10 d`, `1y 6m`, `0.5`, `about 40`.
//!
//! Invariant: an age gives a date no more precise than it is itself, and one that is marked as estimated.

use jiff::Span;
use jiff::civil::Date;

use super::plain::{number_text, plain};
use crate::form::{FieldErrors, Reason};

/// Greatest age, in years.
const YEARS_MAX: f64 = 140.0;
const MONTHS_PER_YEAR: f64 = 12.0;
const DAYS_PER_MONTH: f64 = 30.436_875;

/// What a number of an age counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AgeUnit {
    Years,
    Months,
    Weeks,
    Days,
}

use AgeUnit::{Days, Months, Weeks, Years};

/// Words before or after an age that is not known exactly, in the languages of the pages.
const ABOUT: [&str; 15] = [
    "about",
    "approx",
    "approximately",
    "around",
    "circa",
    "ca",
    "c",
    "nearly",
    "حوالي",
    "حوالى",
    "نحو",
    "تقريبا",
    "قرابة",
    "زهاء",
    "~",
];

/// Words of the units, in the languages of the pages.
const UNITS: [(AgeUnit, &[&str]); 4] = [
    (
        Years,
        &[
            "y",
            "yr",
            "yrs",
            "year",
            "years",
            "سنة",
            "سنه",
            "سنوات",
            "سنين",
            "عام",
            "عاما",
            "اعوام",
        ],
    ),
    (
        Months,
        &[
            "m", "mo", "mos", "mth", "mths", "month", "months", "شهر", "شهرا", "اشهر", "شهور",
        ],
    ),
    (
        Weeks,
        &["w", "wk", "wks", "week", "weeks", "اسبوع", "اسبوعا", "اسابيع"],
    ),
    (Days, &["d", "day", "days", "يوم", "يوما", "ايام"]),
];

/// Arabic says "two" in the word itself.
const PAIRS: [(AgeUnit, &[&str]); 4] = [
    (Years, &["سنتان", "سنتين", "عامان", "عامين"]),
    (Months, &["شهران", "شهرين"]),
    (Weeks, &["اسبوعان", "اسبوعين"]),
    (Days, &["يومان", "يومين"]),
];

/// An age, in what it was told in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Age {
    /// The smallest unit that was told.
    pub(crate) unit: AgeUnit,
    /// How many of that unit.
    pub(crate) count: u32,
}

impl Age {
    /// When somebody of this age was born, as precise as the age is: a year, a month or a day.
    pub(crate) fn born(self, today: Date) -> Option<String> {
        let count = i64::from(self.count);
        let born = match self.unit {
            Years => today.checked_sub(Span::new().try_years(count).ok()?),
            Months => today.checked_sub(Span::new().try_months(count).ok()?),
            Weeks => today.checked_sub(Span::new().try_weeks(count).ok()?),
            Days => today.checked_sub(Span::new().try_days(count).ok()?),
        };
        let born = born.ok().filter(|born| born.year() > 0)?;
        Some(match self.unit {
            Years => format!("{:04}", born.year()),
            Months => format!("{:04}-{:02}", born.year(), born.month()),
            Weeks | Days => born.to_string(),
        })
    }
}

/// Reads an age; a number without a unit counts in `unit`. Nothing where nothing was typed.
pub(crate) fn age(errors: &mut FieldErrors, field: &'static str, typed: &str, unit: AgeUnit) -> Option<Age> {
    let text = plain(typed);
    if text.is_empty() {
        return None;
    }
    match age_of(&text, unit) {
        Ok(age) => Some(age),
        Err(reason) => {
            errors.add(field, reason);
            None
        }
    }
}

/// A text without a word that says it is a guess, and whether it had one.
pub(crate) fn about(typed: &str) -> (String, bool) {
    let text = plain(typed);
    let end = text
        .find(|letter: char| letter == ' ' || letter == '.' || letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (first, rest) = text.split_at_checked(end).unwrap_or((&text, ""));
    match is_about(&folded(first)) {
        true => (rest.trim_start_matches(['.', ' ']).to_owned(), true),
        false => (text, false),
    }
}

fn is_about(word: &str) -> bool {
    ABOUT.contains(&word) || word == "\u{2248}"
}

fn age_of(text: &str, unit: AgeUnit) -> Result<Age, Reason> {
    let mut told: Vec<(f64, AgeUnit)> = Vec::new();
    let mut waiting: Option<f64> = None;
    for word in words(text)? {
        match word {
            Word::About => {}
            Word::Number(_) if waiting.is_some() => return Err(Reason::Malformed),
            Word::Number(number) => waiting = Some(number),
            // "a year" is not said in digits.
            Word::Unit(unit) => told.push((waiting.take().ok_or(Reason::Malformed)?, unit)),
            Word::Pair(_) if waiting.is_some() => return Err(Reason::Malformed),
            Word::Pair(unit) => told.push((2.0, unit)),
        }
    }
    match (waiting, told.is_empty()) {
        (Some(number), true) => told.push((number, unit)),
        (None, false) => {}
        _ => return Err(Reason::Malformed),
    }
    sum(&told)
}

/// From the greater unit to the smaller, in the smallest that was told or that a fraction needs.
fn sum(told: &[(f64, AgeUnit)]) -> Result<Age, Reason> {
    let is_falling = told.windows(2).all(|pair| match pair {
        [(_, first), (_, second)] => days_in(*first) > days_in(*second),
        _ => true,
    });
    let is_whole_before_last = told.iter().rev().skip(1).all(|(number, _)| number.fract() == 0.0);
    let (Some((last, unit)), true, true) = (told.last(), is_falling, is_whole_before_last) else {
        return Err(Reason::Malformed);
    };
    let mut unit = *unit;
    if last.fract() != 0.0 {
        unit = match unit {
            Years => Months,
            Months | Weeks => Days,
            Days => return Err(Reason::Malformed),
        };
    }
    let days: f64 = told.iter().map(|(number, unit)| number * days_in(*unit)).sum();
    if days > YEARS_MAX * days_in(Years) + 0.5 {
        return Err(Reason::TooOld);
    }
    let count = (days / days_in(unit)).round();
    // Bounded by the greatest age.
    let count = u32::try_from(count as i64).map_err(|_| Reason::Malformed)?;
    Ok(Age { unit, count })
}

fn days_in(unit: AgeUnit) -> f64 {
    match unit {
        Years => DAYS_PER_MONTH * MONTHS_PER_YEAR,
        Months => DAYS_PER_MONTH,
        Weeks => 7.0,
        Days => 1.0,
    }
}

enum Word {
    About,
    Number(f64),
    Unit(AgeUnit),
    Pair(AgeUnit),
}

/// Words and numbers, which need no space between them.
fn words(text: &str) -> Result<Vec<Word>, Reason> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let kind = sort(first);
        let end = rest.find(|letter| sort(letter) != kind).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).ok_or(Reason::Malformed)?;
        rest = after;
        match kind {
            Sort::Space => {}
            // The point of "yrs.", the comma of "1 year, 6 months".
            Sort::Digit if matches!(word, "." | ",") => {}
            Sort::Digit => words.push(Word::Number(number(word)?)),
            Sort::Letter => words.extend(word_of(word)?),
        }
    }
    Ok(words)
}

#[derive(PartialEq, Clone, Copy)]
enum Sort {
    Space,
    Digit,
    Letter,
}

fn sort(letter: char) -> Sort {
    match letter {
        ' ' => Sort::Space,
        '0'..='9' | '.' | ',' | '\u{66b}' | '\u{66c}' | '-' | '/' => Sort::Digit,
        _ => Sort::Letter,
    }
}

fn number(word: &str) -> Result<f64, Reason> {
    let text = number_text(word).map_err(|_| Reason::Malformed)?;
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit());
    text.parse::<f64>()
        .ok()
        .filter(|_| is_number)
        .ok_or(Reason::Malformed)
}

fn word_of(word: &str) -> Result<Option<Word>, Reason> {
    let word = folded(word);
    // "6 years old", "1 year and 6 months"
    if matches!(word.as_str(), "old" | "and" | "و") {
        return Ok(None);
    }
    let of = |table: &[(AgeUnit, &[&str])]| {
        let found = table.iter().find(|(_, words)| words.contains(&word.as_str()));
        found.map(|(unit, _)| *unit)
    };
    if is_about(&word) {
        return Ok(Some(Word::About));
    }
    if let Some(unit) = of(&UNITS) {
        return Ok(Some(Word::Unit(unit)));
    }
    of(&PAIRS)
        .map(|unit| Some(Word::Pair(unit)))
        .ok_or(Reason::Malformed)
}

/// Small letters, without Arabic's vowel marks and with one alif.
fn folded(word: &str) -> String {
    word.chars()
        .filter(|letter| !matches!(letter, '\u{64b}'..='\u{652}' | '\u{640}'))
        .map(|letter| match letter {
            'أ' | 'إ' | 'آ' => 'ا',
            _ => letter,
        })
        .flat_map(char::to_lowercase)
        .collect()
}
