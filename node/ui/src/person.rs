//! A patient as lists and banners show one.

use chaski_clinic::civil::days_in;
use chaski_clinic::patient::{IdentifierRow, PatientRow};

use crate::show::Clock;
use crate::undecided::shown;

/// A row with its texts.
pub(crate) struct PersonView {
    pub(crate) row: PatientRow,
    pub(crate) initials: String,
    pub(crate) age_sex: String,
}

impl PersonView {
    pub(crate) fn new(clock: &Clock, mut row: PatientRow) -> Self {
        if row.name.is_empty() {
            row.name = row
                .name_local
                .take()
                .unwrap_or_else(|| clock.t.s("person-nameless"));
        }
        let sex = match row.sex.as_str() {
            known @ ("female" | "male" | "other") => known,
            _ => "unknown",
        };
        let undecided = chaski_clinic::chart::either(&row.disputes, "gender");
        let is_unknown = sex == "unknown" && undecided.is_none();
        let sex = match undecided {
            Some(sexes) => {
                let sexes: Vec<String> = sexes.split(" / ").map(|sex| shown(clock, sex)).collect();
                clock.t.a("undecided-sex", "sexes", sexes.join(" / "))
            }
            None => clock.t.s(format!("sex-{sex}")),
        };
        let age_sex = match undecided_age(clock, &row).unwrap_or_else(|| age(clock, &row)) {
            (age, true) => clock.t.aa("age-about-sex", &[("age", &age), ("sex", &sex)]),
            (age, false) if is_unknown => age,
            (age, false) => clock.t.aa("age-sex", &[("age", &age), ("sex", &sex)]),
        };
        Self {
            initials: if row.unidentified {
                "?".to_owned()
            } else {
                initials(&row.name)
            },
            age_sex,
            row,
        }
    }

    /// The first identifiers.
    pub(crate) fn ids(&self, count: usize) -> &[IdentifierRow] {
        self.row.identifiers.get(..count).unwrap_or(&self.row.identifiers)
    }
}

/// The age by each of the dates of birth that stand against each other.
fn undecided_age(clock: &Clock, row: &PatientRow) -> Option<(String, bool)> {
    let dates = row.undecided_dates();
    let ages = dates.into_iter().map(|birth_date| {
        let by_that = PatientRow {
            birth_date,
            ..row.clone()
        };
        age(clock, &by_that).0
    });
    let ages: Vec<String> = ages.collect();
    let told = || clock.t.a("undecided-age", "ages", ages.join(" / "));
    (!ages.is_empty()).then(|| (told(), false))
}

/// How old somebody is, or was when they died, and whether that is no more than a guess. An age that can't be told is
/// said to be unknown; of the dead whose day of death is not known their birth is told in its place.
fn age(clock: &Clock, row: &PatientRow) -> (String, bool) {
    let (t, born) = (clock.t, row.birth_date.as_str());
    if days_in(&clock.zone, born).is_none() {
        return (t.s("age-unknown"), false);
    }
    let is_dead = row.deceased || row.deceased_date.is_some();
    let age = match is_dead {
        true => row
            .deceased_date
            .as_ref()
            .and_then(|died| clock.age_at(born, died)),
        false => clock.age(born),
    };
    match age {
        // Without a day it may be a year, or a month, less.
        Some(age) => (age, row.birth_estimated || born.len() < DAY_CHARS),
        None if is_dead => (t.a("born", "date", clock.date(born)), false),
        None => (t.s("age-not-born"), false),
    }
}

/// Characters of a date with its day.
const DAY_CHARS: usize = 10;

/// First letters of the first and last word; Arabic joins letters, so one is enough there.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    match (first, last) {
        (Some(first), Some(last))
            if first.is_ascii_alphabetic() || first.is_lowercase() || first.is_uppercase() =>
        {
            [first, last].iter().collect::<String>().to_uppercase()
        }
        (Some(first), _) => first.to_string(),
        _ => "?".to_owned(),
    }
}
