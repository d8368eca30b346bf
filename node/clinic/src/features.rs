//! The features of the clinic. Each folder has a `FEATURE`; one that is not
//! listed here is dead code, which does not compile.

#![deny(dead_code)]

use crate::{access, allergy, chart, conflict, medication, patient, record, status, vitals};

/// One workflow and the operations it offers, under the names that `http`,
/// `ui` and `cli` use too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// The folder's name.
    pub name: &'static str,
    /// The operations, as methods of [`crate::Clinic`].
    pub operations: &'static [&'static str],
}

/// Every feature.
pub const FEATURES: [Feature; 9] = [
    access::FEATURE,
    allergy::FEATURE,
    chart::FEATURE,
    conflict::FEATURE,
    medication::FEATURE,
    patient::FEATURE,
    record::FEATURE,
    status::FEATURE,
    vitals::FEATURE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_operations_are_named_once() {
        assert!(FEATURES.is_sorted_by_key(|feature| feature.name));
        let mut operations: Vec<&str> = FEATURES
            .iter()
            .flat_map(|feature| feature.operations.iter().copied())
            .collect();
        let count = operations.len();
        operations.sort_unstable();
        operations.dedup();
        assert_eq!(operations.len(), count);
    }
}
