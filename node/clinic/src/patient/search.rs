//! The one search box: names by prefix, numbers, phones, birth years.

use chaski_store::RecordKey;

use super::PatientRow;
use crate::form::{FieldErrors, FormError, Reason};
use crate::policy_decision::{Action, Target};
use crate::record::{RecordError, SearchOptions};
use crate::{Caller, Clinic};

/// Rows shown at most, whatever was asked for.
const ROWS_MAX: usize = 100;
/// Matches of one search looked at together.
pub(super) const PAGE_ROWS: u32 = 100;
const TEXT_CHARS_MAX: usize = 128;

/// What the box found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientPage {
    /// The rows, best first.
    pub rows: Vec<PatientRow>,
    /// Whether there are more patients than are listed.
    pub more: bool,
}

/// Pages of matches looked through for rows to show.
pub(super) const PAGES_MAX: usize = 8;

impl Clinic {
    /// Finds patients by name prefixes, number, phone or birth year. The dead
    /// are hidden unless `with_deceased`. Empty text lists the newest.
    ///
    /// # Errors
    /// [`FormError`]; `text` where it is too long.
    pub fn patient_search(
        &self,
        caller: &Caller,
        text: &str,
        with_deceased: bool,
        limit: usize,
    ) -> Result<PatientPage, FormError> {
        self.allow(caller, Action::RecordSearch, &Target::Kind("Patient"))?;
        if text.chars().count() > TEXT_CHARS_MAX {
            let mut errors = FieldErrors::default();
            errors.add("text", Reason::TooLong);
            errors.check()?;
        }
        let limit = limit.clamp(1, ROWS_MAX);
        let mut page = PatientPage::default();
        for pairs in questions(text) {
            self.collect_patients(caller, &pairs, with_deceased, limit, &mut page)?;
            if page.more {
                break;
            }
        }
        Ok(page)
    }

    /// The banner of one patient.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] when the patient is not here.
    pub fn patient_view(&self, caller: &Caller, id: &str) -> Result<PatientRow, RecordError> {
        let key = RecordKey::new("Patient", id).map_err(|_| RecordError::BadId)?;
        let current = self.record_read(caller, &key)?;
        Ok(self.patient_row(&current))
    }

    fn collect_patients(
        &self,
        caller: &Caller,
        pairs: &[(String, String)],
        with_deceased: bool,
        limit: usize,
        page: &mut PatientPage,
    ) -> Result<(), RecordError> {
        let mut query = self.record_query("Patient", pairs, SearchOptions::default())?;
        query.count = Some(PAGE_ROWS);
        for _ in 0..PAGES_MAX {
            let found = self.record_search(caller, &query)?;
            for current in &found.entries {
                let row = self.patient_row(current);
                if (row.deceased && !with_deceased) || page.rows.iter().any(|known| known.id == row.id) {
                    continue;
                }
                if page.rows.len() >= limit {
                    page.more = true;
                    return Ok(());
                }
                page.rows.push(row);
            }
            match found.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(()),
            }
        }
        page.more = true;
        Ok(())
    }
}

/// What the text may mean, likeliest first; each is one search.
fn questions(text: &str) -> Vec<Vec<(String, String)>> {
    let pair = |name: &str, value: &str| (name.to_owned(), escape(value));
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if text.is_empty() {
        return vec![vec![pair("_sort", "-_lastUpdated")]];
    }
    let year = |word: &str| {
        word.len() == 4 && word.starts_with(['1', '2']) && word.bytes().all(|b| b.is_ascii_digit())
    };
    let names: Vec<(String, String)> = text
        .split_whitespace()
        .map(|word| {
            if year(word) {
                pair("birthdate", word)
            } else {
                pair("name", word)
            }
        })
        .collect();
    if digits >= 3 && (letters == 0 || !text.contains(char::is_whitespace)) {
        let mut questions = vec![vec![pair("identifier", text)], vec![pair("phone", text)]];
        if year(text) || letters > 0 {
            questions.push(names);
        }
        return questions;
    }
    vec![names]
}

/// Escapes what separates values in a search parameter (FHIR R4, 3.1.1.5.7).
fn escape(value: &str) -> String {
    value
        .chars()
        .fold(String::with_capacity(value.len()), |mut out, c| {
            if matches!(c, ',' | '|' | '$' | '\\') {
                out.push('\\');
            }
            out.push(c);
            out
        })
}
