//! A medicine as the chart shows it.

use crate::chart::RecordMeta;

/// A prescription or statement as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MedicationRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of the drug.
    pub drug: String,
    /// Its code, empty if only text.
    pub code: String,
    /// The dosage's text.
    pub dose_text: String,
    /// The dose's number as written.
    pub dose_value: String,
    /// The dose's unit.
    pub dose_unit: String,
    /// How often within a period, as written.
    pub times: String,
    /// The period's number and unit, such as `1 d`.
    pub period: String,
    /// Text or display of the route.
    pub route: String,
    /// Status code.
    pub status: String,
    /// Concurrent changes stand against each other: not to be dispensed.
    pub disputed: bool,
    /// Counts as active: it is, or it is disputed.
    pub active: bool,
}
