//! Who here may be the person who is being registered.

use chaski_fhir::search::Filter;
use chaski_fhir::sought::{Phone, bare, digits_of};
use chaski_json::Json;

use super::PatientRow;
use super::alike::{self, Compared, Likeness};
use super::search::{Found, near};
use crate::fhir_json::{date_bounds, text};
use crate::record::{RecordError, SearchOptions};
use crate::{Caller, Clinic};

/// People looked at for one who is registered, by one of the ways to them.
const LOOKED_AT_MAX: usize = 800;
/// Digits of a phone number by which others are found that end alike.
const PHONE_DIGITS_MIN: usize = 5;

/// Somebody who may be the person who is being registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LikePerson {
    /// Who it is.
    pub row: PatientRow,
    /// Likely, not only possible.
    pub probable: bool,
    /// What it is judged on, field by field.
    pub fields: Vec<Compared>,
}

impl Clinic {
    /// Everybody here who may be this patient, likeliest first, and whether there may be others: too many are
    /// called so to look at all of them.
    pub(super) fn who_may_be(
        &self,
        caller: &Caller,
        patient: &Json,
    ) -> Result<(Vec<LikePerson>, bool), RecordError> {
        let mut found = self.who_has(caller, number_parts(patient))?;
        for filters in self.by_name(patient)? {
            self.collect_patients(caller, filters, LOOKED_AT_MAX, &mut found)?;
        }
        Ok((self.judged(patient, &found), found.more))
    }

    fn judged(&self, patient: &Json, found: &Found) -> Vec<LikePerson> {
        let (today, country) = (self.today(), self.settings().country_code.as_deref());
        let compared = found.entries.iter().map(|current| {
            let is_disputed = current.conflicts > 0 || current.collides;
            let likeness = alike::compare(patient, (&current.json, is_disputed), today, country);
            (likeness, current)
        });
        let mut likely: Vec<(Likeness, PatientRow)> = compared
            .filter(|(likeness, _)| likeness.is_possible)
            .map(|(likeness, current)| (likeness, self.patient_row(current)))
            .collect();
        likely.sort_by_key(|(likeness, _)| (!likeness.is_probable, -likeness.weight));
        let person = |(likeness, row): (Likeness, PatientRow)| LikePerson {
            row,
            probable: likeness.is_probable,
            fields: likeness.fields,
        };
        likely.into_iter().map(person).collect()
    }

    /// Two names that are near; or one, and the same birthday.
    fn by_name(&self, patient: &Json) -> Result<Vec<Vec<Filter>>, RecordError> {
        let words = alike::all_words(patient);
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut ways = vec![vec![near(words.len().min(2), words.clone())]];
        let birth = text(patient, "birthDate");
        if words.len() > 1 && date_bounds(birth).is_some_and(|(first, last)| first == last) {
            let born = [("birthdate".to_owned(), birth.to_owned())];
            let mut filters = self
                .record_query("Patient", &born, SearchOptions::default())?
                .filters;
            filters.push(near(1, words));
            ways.push(filters);
        }
        Ok(ways)
    }
}

/// The patient's numbers and phones as whole words, and phones by how they end.
fn number_parts(patient: &Json) -> Vec<String> {
    let mut parts = Vec::new();
    for number in alike::numbers_of(patient) {
        parts.push(bare(&number));
        parts.extend(digits_of(&number));
    }
    let mut endings = Vec::new();
    for phone in alike::phones_of(patient)
        .iter()
        .filter_map(|phone| Phone::read(phone))
    {
        parts.push(phone.digits());
        if phone.national.len() >= PHONE_DIGITS_MIN {
            endings.push(format!("{} ", phone.national));
        }
    }
    parts.retain(|part| !part.is_empty());
    let mut parts: Vec<String> = parts.into_iter().map(|part| format!(" {part} ")).collect();
    parts.append(&mut endings);
    parts.sort();
    parts.dedup();
    parts
}
