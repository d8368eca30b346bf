//! An observation as the chart shows it.

use super::Flag;
use crate::chart::RecordMeta;

/// An observation as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObservationRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of what was observed.
    pub name: String,
    /// Its first code.
    pub code: String,
    /// The value as written, components joined by ` / `.
    pub value: String,
    /// The unit.
    pub unit: String,
    /// Low, high or critical, from the record or from the bands.
    pub flag: Option<Flag>,
    /// When it was observed, ISO 8601 as recorded.
    pub when: String,
    /// FHIR observation status.
    pub status: String,
}
