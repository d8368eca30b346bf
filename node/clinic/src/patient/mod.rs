//! Registration, the search box, and the phone numbers of a patient.

mod commands;
mod register;
#[cfg(test)]
mod row_tests;
mod search;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod written_tests;

pub use commands::PhoneChange;
pub use register::{Duplicates, Registered, Registration, RegistrationForm};
pub use search::PatientPage;
pub use view::{IdentifierRow, PatientRow};

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &["Patient"],
    ..Feature::new(
        "patient",
        &[
            "patient_register",
            "patient_search",
            "patient_view",
            "phone_change",
        ],
    )
};
