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

pub use commands::{DoseChange, MedicationError, MedicationStatusChange, dose_words};
pub use view::MedicationRow;

use crate::features::Feature;

pub(crate) const FEATURE: Feature = Feature {
    name: "medication",
    operations: &["medication_dose_change", "medication_status_change"],
};
