//! Vital signs: refuse impossible values, flag unusual ones.

mod age;
#[cfg(test)]
mod band_tests;
pub mod bands;
mod commands;
#[cfg(test)]
mod tests;
mod view;

pub use age::{Ages, NoBand};
pub(crate) use age::{ages_at, judge};
pub use bands::{AgeBand, Flag};
pub use chaski_fhir::vitals::Sign;
pub use commands::{Vitals, VitalsForm, VitalsRecorded};
pub use view::ObservationRow;

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &view::KINDS,
    section: Some(view::section),
    ..Feature::new("vitals", &["vitals_record"])
};
