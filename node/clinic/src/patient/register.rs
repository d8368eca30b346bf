//! Register a patient: the rules of the registration screen.

use chaski_store::Context;
use thiserror::Error;

use super::PatientRow;
use crate::Clinic;
use crate::field::FieldErrors;
use crate::policy_decision::{Action, Denied, Target, decide};
use crate::record::RecordError;

/// When the patient was born, as known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum BirthInput {
    /// Not known.
    #[default]
    Unknown,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    Date(String),
    /// An estimated age in whole years.
    AgeYears(u16),
    /// An estimated age in whole months, for infants.
    AgeMonths(u16),
}

/// What the registration form holds. Text is trimmed; empty is not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// Given names, separated by spaces, at most 128 characters.
    pub given: String,
    /// Family name or names, at most 128 characters.
    pub family: String,
    /// The whole name in local script, at most 256 characters.
    pub name_local: String,
    /// `male`, `female`, `other` or `unknown`.
    pub sex: String,
    /// When born.
    pub birth: BirthInput,
    /// When died, an ISO date.
    pub deceased_date: String,
    /// Phone number.
    pub phone: String,
    /// Village or city.
    pub village: String,
    /// Mother's name.
    pub mother_name: String,
    /// A number somebody else issued.
    pub identifier_value: String,
    /// Who issued it: a URI, or empty for a number without one.
    pub identifier_system: String,
    /// Nobody knows who this is: no name is asked for.
    pub unidentified: bool,
    /// An id drawn when the form was shown, so that sending it twice
    /// registers once; empty draws one now.
    pub draft_id: String,
}

/// What to do about patients who may be the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// Stop and show them.
    Check,
    /// They were seen and are other people.
    Accept,
}

/// A patient just registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The record's id.
    pub id: String,
    /// Its version.
    pub version: String,
}

/// Why nobody was registered.
#[derive(Debug, Error)]
pub enum RegisterError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Fields to correct.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// These may be the same person: look first.
    #[error("{} registered patients may be the same person", .0.len())]
    PossibleDuplicates(Vec<PatientRow>),
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Clinic {
    /// Registers a patient.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn patient_register(
        &self,
        ctx: &Context,
        form: &Registration,
        duplicates: Duplicates,
    ) -> Result<Registered, RegisterError> {
        decide(ctx, Action::RecordCreate, &Target::Kind("Patient"))?;
        let _ = (form, duplicates);
        Err(FieldErrors::default().into())
    }
}
