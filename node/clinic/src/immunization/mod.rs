//! Immunizations: what was given here or elsewhere, and what was not given and why.

mod commands;
#[cfg(test)]
mod tests;
mod view;

pub use commands::{ImmunizationForm, SITES, VACCINES};
pub use view::ImmunizationRow;

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &view::KINDS,
    section: Some(view::section),
    #[cfg(test)]
    permissions: tests::PERMISSIONS,
    ..Feature::new("immunization", &["immunization_record"])
};
