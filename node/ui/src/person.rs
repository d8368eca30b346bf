//! A patient as lists and banners show one.

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
        let age = match row.undecided_dates() {
            dates if dates.is_empty() => clock.age(&row.birth_date),
            dates => {
                let ages: Vec<String> = dates.iter().filter_map(|date| clock.age(date)).collect();
                Some(clock.t.a("undecided-age", "ages", ages.join(" / "))).filter(|_| !ages.is_empty())
            }
        };
        let age_sex = match (age, row.birth_estimated) {
            (Some(age), false) if is_unknown => age,
            (Some(age), false) => clock.t.aa("age-sex", &[("age", &age), ("sex", &sex)]),
            (Some(age), true) => clock.t.aa("age-about-sex", &[("age", &age), ("sex", &sex)]),
            (None, _) => sex,
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
