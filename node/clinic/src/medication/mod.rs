//! Medicines: change a prescription's dose or status.

mod commands;
#[cfg(test)]
mod dose_tests;
#[cfg(test)]
mod tests;
mod timing;
#[cfg(test)]
mod timing_tests;
mod view;

pub use commands::{DoseChange, MedicationStatusChange, dose_words};
pub(crate) use timing::timing_words;
pub use view::MedicationRow;

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &view::KINDS,
    section: Some(view::section),
    ..Feature::new(
        "medication",
        &[
            "medication_dose_change",
            "medication_status_change",
            "medication_view",
        ],
    )
};
