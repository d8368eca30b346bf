//! The one search box: names in any order and spelling, numbers, phones, birth years.
//!
//! What is typed is taken for all that it may mean, and whoever any of it finds is listed: the living, then
//! who is marked as replaced or inactive, then the dead; below them who sounds alike.

mod questions;

use std::cmp::Reverse;

use chaski_fhir::search::{Filter, Query};
use chaski_fhir::sought::{edits, typed_words, words};
use chaski_store::{Current, RecordKey};
use questions::{Questions, contains};

pub(super) use questions::near;

use super::PatientRow;
use crate::form::{FieldErrors, FormError, Reason};
use crate::policy_decision::{Action, Target};
use crate::record::{RecordError, SearchOptions};
use crate::{Caller, Clinic};

/// Rows shown at most, whatever was asked for.
const ROWS_MAX: usize = 100;
/// Rows of who sounds alike, at most.
const ALIKE_ROWS_MAX: usize = 10;
/// People looked at for them.
const ALIKE_LOOKED_AT_MAX: usize = 400;
/// Matches of one search looked at together.
pub(super) const PAGE_ROWS: u32 = 100;
const TEXT_CHARS_MAX: usize = 128;

/// What the box found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientPage {
    /// The rows, best first: the living above who is replaced or inactive, and these above the dead.
    pub rows: Vec<PatientRow>,
    /// Whether there are more patients than are listed.
    pub more: bool,
    /// Who is called something that sounds alike or differs by a slip, likest first.
    pub alike: Vec<PatientRow>,
}

/// Pages of matches looked through for rows to show.
const PAGES_MAX: usize = 8;

/// Whom one condition finds, each once.
#[derive(Default)]
pub(super) struct Found {
    pub(super) entries: Vec<Current>,
    /// Whether there are more.
    pub(super) more: bool,
}

impl Found {
    fn take(&mut self, current: Current) {
        if !self.entries.iter().any(|known| known.key == current.key) {
            self.entries.push(current);
        }
    }
}

impl Clinic {
    /// Finds patients by names, number, phone or birth year. Empty text lists the newest.
    ///
    /// # Errors
    /// [`FormError`]; `text` where it is too long.
    pub fn patient_search(
        &self,
        caller: &Caller,
        text: &str,
        limit: usize,
    ) -> Result<PatientPage, FormError> {
        self.allow(caller, Action::RecordSearch, &Target::Kind("Patient"))?;
        if text.chars().count() > TEXT_CHARS_MAX {
            let mut errors = FieldErrors::default();
            errors.add("text", Reason::TooLong);
            errors.check()?;
        }
        let limit = limit.clamp(1, ROWS_MAX);
        if text.trim().is_empty() {
            return Ok(self.newest_patients(caller, limit)?);
        }
        let questions = Questions::of(text);
        let mut found = Found::default();
        for condition in &questions.asked {
            self.find_patients(caller, self.patient_filters(condition)?, limit, &mut found)?;
        }
        for condition in &questions.otherwise {
            if found.entries.is_empty() {
                self.find_patients(caller, self.patient_filters(condition)?, limit, &mut found)?;
            }
        }
        let mut page = PatientPage {
            rows: ranked(self, &found.entries, text.trim(), &questions.words),
            more: found.more || found.entries.len() > limit,
            alike: Vec::new(),
        };
        page.rows.truncate(limit);
        if let Some(condition) = &questions.alike
            && !page.more
        {
            page.alike =
                self.sound_alike(caller, self.patient_filters(condition)?, &questions.words, &found)?;
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

    fn newest_patients(&self, caller: &Caller, limit: usize) -> Result<PatientPage, RecordError> {
        let sort = [("_sort".to_owned(), "-_lastUpdated".to_owned())];
        let mut query = self.record_query("Patient", &sort, SearchOptions::default())?;
        query.count = u32::try_from(limit).ok();
        let found = self.record_search(caller, &query)?;
        Ok(PatientPage {
            rows: ranked(self, &found.entries, "", &[]),
            more: found.next.is_some(),
            alike: Vec::new(),
        })
    }

    /// Who sounds like what was typed and was not found by it.
    fn sound_alike(
        &self,
        caller: &Caller,
        filters: Vec<Filter>,
        words: &[String],
        known: &Found,
    ) -> Result<Vec<PatientRow>, RecordError> {
        let mut found = Found::default();
        self.collect_patients(caller, filters, ALIKE_LOOKED_AT_MAX, &mut found)?;
        found
            .entries
            .retain(|current| !known.entries.iter().any(|known| known.key == current.key));
        let mut rows = ranked(self, &found.entries, "", &[]);
        rows.sort_by_key(|row| (row.tier(), distance(row, words)));
        rows.truncate(ALIKE_ROWS_MAX);
        Ok(rows)
    }

    /// A condition with what the query language says of it.
    fn patient_filters(&self, condition: &questions::Condition) -> Result<Vec<Filter>, RecordError> {
        let mut query = self.record_query("Patient", &condition.pairs, SearchOptions::default())?;
        query.filters.extend(condition.sought.iter().cloned());
        Ok(query.filters)
    }

    /// Whom these filters find: who is alive and in use first, so that others take no place from them.
    fn find_patients(
        &self,
        caller: &Caller,
        filters: Vec<Filter>,
        limit: usize,
        found: &mut Found,
    ) -> Result<(), RecordError> {
        let in_use = [("deceased", "false"), ("active:not", "false")];
        let in_use = in_use.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let in_use = self.record_query("Patient", &in_use, SearchOptions::default())?;
        let mut first = filters.clone();
        first.extend(in_use.filters);
        if self.collect_patients(caller, first, limit, found)? {
            self.collect_patients(caller, filters, limit, found)?;
        }
        Ok(())
    }

    /// Adds whom these filters find, at least so many of them. Whether these are all.
    pub(super) fn collect_patients(
        &self,
        caller: &Caller,
        filters: Vec<Filter>,
        limit: usize,
        found: &mut Found,
    ) -> Result<bool, RecordError> {
        let mut query: Query = self.record_query("Patient", &[], SearchOptions::default())?;
        query.filters = filters;
        query.count = Some(PAGE_ROWS);
        let mut seen = 0_usize;
        for _ in 0..PAGES_MAX {
            let page = self.record_search(caller, &query)?;
            seen = seen.saturating_add(page.entries.len());
            page.entries.into_iter().for_each(|current| found.take(current));
            match page.next {
                Some(next) if seen <= limit => query.cursor = Some(next),
                Some(_) => break,
                None => return Ok(true),
            }
        }
        found.more = true;
        Ok(false)
    }

    /// Whoever has one of these words, or one that ends or begins so: see [`contains`].
    pub(super) fn who_has(&self, caller: &Caller, parts: Vec<String>) -> Result<Found, RecordError> {
        let mut found = Found::default();
        if !parts.is_empty() {
            self.collect_patients(caller, vec![contains(parts)], ROWS_MAX, &mut found)?;
        }
        Ok(found)
    }
}

/// Rows in their order: whose number is just what was typed, then who is called just so, then whose name begins so.
fn ranked(clinic: &Clinic, entries: &[Current], text: &str, words: &[String]) -> Vec<PatientRow> {
    let mut rows: Vec<PatientRow> = entries
        .iter()
        .map(|current| clinic.patient_row(current))
        .collect();
    rows.sort_by_cached_key(|row| {
        let own = row_words(row);
        let has_number = row.identifiers.iter().any(|identifier| identifier.value == text);
        let whole = words.iter().filter(|word| own.contains(word)).count();
        (row.tier(), Reverse(has_number), Reverse(whole))
    });
    rows
}

fn row_words(row: &PatientRow) -> Vec<String> {
    let local = row.name_local.as_deref().unwrap_or_default();
    words(&format!("{} {local}", row.name))
}

/// Slips between what was typed and the words that are likest to it.
fn distance(row: &PatientRow, typed: &[String]) -> usize {
    let own = typed_words(&format!(
        "{} {}",
        row.name,
        row.name_local.as_deref().unwrap_or_default()
    ));
    let nearest = |word: &String| own.iter().map(|own| edits(word, own)).min();
    typed.iter().filter_map(nearest).sum()
}
