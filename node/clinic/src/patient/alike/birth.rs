//! Birth dates of two records: to the day, to the year, or guessed from an age.

use chaski_fhir::sought::edits;
use chaski_json::Json;
use jiff::civil::Date;

use super::weighed::{Agreement, Weighed};
use crate::fhir_json::{date_bounds, text};
use crate::patient::view::is_estimated;

/// The same day; the same year; a slip in writing; within what an estimate leaves open; beyond it; far beyond it;
/// of another generation.
const SAME_DAY: i32 = 900;
const SAME_YEAR: i32 = 350;
const SLIP: i32 = 300;
const OPEN: i32 = 150;
const BEYOND: i32 = -200;
const FAR: i32 = -500;
const GENERATION: i32 = -900;
/// Years from which two dates are of two generations.
const GENERATION_YEARS: i16 = 12;
/// Years that two dates may be apart that nobody estimated.
const YEARS_OPEN: i16 = 2;

/// What the birth dates say.
pub(super) struct Born {
    pub(super) weighed: Weighed,
    /// Both say the same, as twins' do.
    pub(super) is_same: bool,
}

struct Birth {
    first: Date,
    last: Date,
    is_estimated: bool,
}

impl Birth {
    fn of(patient: &Json) -> Option<Birth> {
        let (first, last) = date_bounds(text(patient, "birthDate"))?;
        Some(Birth {
            first,
            last,
            is_estimated: is_estimated(patient),
        })
    }

    /// To the day. Of one who knows the year only, the first of January is as often written.
    fn is_day(&self) -> bool {
        self.first == self.last && !self.is_estimated && !(self.first.month() == 1 && self.first.day() == 1)
    }

    /// Years by which it may be wrong: people guess a child's age better than an old man's.
    fn years_open(&self, today: Date) -> i16 {
        match today.year().saturating_sub(self.first.year()) {
            _ if !self.is_estimated => 0,
            ..=1 => 1,
            2..=9 => 2,
            10..=19 => 3,
            20..=39 => 5,
            _ => 10,
        }
    }
}

pub(super) fn compare(typed: &Json, known: &Json, today: Date) -> Born {
    let shown = |patient: &Json| match is_estimated(patient) {
        true => format!("≈ {}", text(patient, "birthDate")),
        false => text(patient, "birthDate").to_owned(),
    };
    let born = |agreement, weight, is_same| Born {
        weighed: Weighed {
            agreement,
            weight,
            shown: (shown(typed), shown(known)),
        },
        is_same,
    };
    let (Some(a), Some(b)) = (Birth::of(typed), Birth::of(known)) else {
        return born(Agreement::Unknown, 0, false);
    };
    if a.is_day() && b.is_day() && a.first == b.first {
        return born(Agreement::Equal, SAME_DAY, true);
    }
    let is_same = a.first == b.first && a.last == b.last;
    let is_guess = a.is_estimated || b.is_estimated;
    let years_apart = years_apart(&a, &b);
    if a.is_day() && b.is_day() {
        return match is_slip(a.first, b.first) {
            true => born(Agreement::Near, SLIP, false),
            false if years_apart <= YEARS_OPEN => born(Agreement::Differs, BEYOND, false),
            false if years_apart < GENERATION_YEARS => born(Agreement::Differs, FAR, false),
            false => born(Agreement::Differs, GENERATION, false),
        };
    }
    let open = a.years_open(today).max(b.years_open(today)).max(YEARS_OPEN);
    match years_apart {
        0 if is_same && !is_guess => born(Agreement::Equal, SAME_YEAR, true),
        0 => born(Agreement::Near, SAME_YEAR, is_same),
        _ if years_apart <= open => born(Agreement::Near, OPEN, false),
        // A guess never speaks louder against a date than it can know.
        _ if is_guess && years_apart <= open.saturating_mul(2) => born(Agreement::Differs, BEYOND, false),
        _ if !is_guess && years_apart <= open.saturating_add(1) => born(Agreement::Differs, BEYOND, false),
        _ if is_guess || years_apart < GENERATION_YEARS => born(Agreement::Differs, FAR, false),
        _ => born(Agreement::Differs, GENERATION, false),
    }
}

/// Years between what both leave open, 0 where they meet.
fn years_apart(a: &Birth, b: &Birth) -> i16 {
    let between = |earlier: &Birth, later: &Birth| later.first.year().saturating_sub(earlier.last.year());
    between(a, b).max(between(b, a)).max(0)
}

/// Day and month in each other's place, or one digit that is another, or two neighbours swapped.
fn is_slip(a: Date, b: Date) -> bool {
    let is_swapped = a.year() == b.year() && (a.month(), a.day()) == (b.day(), b.month());
    is_swapped || edits(&a.to_string(), &b.to_string()) <= 1
}
