//! Allergies and intolerances: record one, change its criticality or status.

mod commands;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod written_tests;

pub use commands::{AllergyChange, AllergyError, AllergyForm, Substance};
pub use view::AllergyRow;
pub(crate) use view::mark_contradicted;

use crate::features::Feature;

pub(crate) const FEATURE: Feature = Feature {
    name: "allergy",
    operations: &["allergy_change", "allergy_record"],
};
