//! The features of the clinic. Each folder has a `FEATURE`; one that is not
//! listed here is dead code, which does not compile.

#![deny(dead_code)]

use chaski_json::Json;

use crate::feature::{Feature, coded_title};
use crate::{
    access, allergy, chart, conflict, immunization, medication, patient, problem, record, status, vitals,
};

/// Every workflow of the clinic, sorted by name.
pub static FEATURES: [Feature; 11] = [
    access::FEATURE,
    allergy::FEATURE,
    chart::FEATURE,
    conflict::FEATURE,
    immunization::FEATURE,
    medication::FEATURE,
    patient::FEATURE,
    problem::FEATURE,
    record::FEATURE,
    status::FEATURE,
    vitals::FEATURE,
];

/// The feature whose records are of this kind.
fn of_kind(kind: &str) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.kinds.contains(&kind))
}

/// What a record is about, in a few words; of a kind that is no feature's own, as far as it has a name or a code.
#[must_use]
pub fn title(kind: &str, json: &Json) -> String {
    of_kind(kind).map_or_else(|| coded_title(json), |feature| (feature.title)(json))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn names_are_sorted_and_operations_and_kinds_are_named_once() {
        assert!(FEATURES.is_sorted_by_key(|feature| feature.name));
        for of in [|one: &Feature| one.operations, |one: &Feature| one.kinds] {
            let mut named: Vec<&str> = FEATURES
                .iter()
                .flat_map(|feature| of(feature).iter().copied())
                .collect();
            let count = named.len();
            named.sort_unstable();
            named.dedup();
            assert_eq!(named.len(), count);
        }
    }

    /// Folders that are no workflow.
    const NO_WORKFLOWS: [&str; 5] = ["civil", "door", "edit", "form", "permissions"];

    #[test]
    fn each_folder_is_a_feature_and_each_feature_a_folder() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let folders: BTreeSet<String> = std::fs::read_dir(source)
            .expect("the source")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_dir())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .filter(|name| !NO_WORKFLOWS.contains(&name.as_str()))
            .collect();
        let features: BTreeSet<String> = FEATURES.iter().map(|one| one.name.to_owned()).collect();
        assert_eq!(folders, features);
    }
}
