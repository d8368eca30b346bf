//! An allergy as the chart shows it.

use crate::chart::RecordMeta;

/// An allergy as the chart shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllergyRow {
    /// The record behind it.
    pub meta: RecordMeta,
    /// Text or display of the substance.
    pub substance: String,
    /// Its code, empty if only text.
    pub code: String,
    /// `low`, `high`, `unable-to-assess` or empty.
    pub criticality: String,
    /// Clinical status code.
    pub status: String,
    /// Verification status code.
    pub verification: String,
    /// Reactions, as text.
    pub reaction: String,
    /// Says that there is none: "no known allergies".
    pub none_known: bool,
}
