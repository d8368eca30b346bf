//! Allergies and intolerances: record one, change its criticality or status.

mod commands;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod written_tests;

pub use commands::{AllergyChange, AllergyForm, Substance};
pub use view::AllergyRow;

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &view::KINDS,
    section: Some(view::section),
    ..Feature::new("allergy", &["allergy_change", "allergy_record", "allergy_view"])
};
