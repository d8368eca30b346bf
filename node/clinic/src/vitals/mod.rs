//! Vital signs: refuse impossible values, flag unusual ones.

#[cfg(test)]
mod band_tests;
pub mod bands;
mod commands;
#[cfg(test)]
mod tests;
mod view;

pub use bands::{AgeBand, Flag};
pub use chaski_fhir::vitals::Sign;
pub(crate) use commands::age_band;
pub use commands::{Vitals, VitalsForm, VitalsRecorded};
pub use view::ObservationRow;

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &view::KINDS,
    section: Some(view::section),
    ..Feature::new("vitals", &["vitals_record"])
};
