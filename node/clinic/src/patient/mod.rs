//! Registration, the search box, and the phone numbers of a patient.

mod alike;
mod commands;
mod duplicates;
mod linked;
#[cfg(test)]
mod measured;
mod register;
#[cfg(test)]
mod row_tests;
mod search;
#[cfg(test)]
mod sought_tests;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod who_tests;
#[cfg(test)]
mod written_tests;

pub use alike::{Agreement, Compared};
pub use commands::PhoneChange;
pub use duplicates::LikePerson;
pub use linked::LinkedPerson;
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
