//! The features of the clinic. Each folder has a `FEATURE`; one that is not
//! listed here is dead code, which does not compile.

#![deny(dead_code)]

use chaski_json::Json;

use crate::chart::{Section, Subject};
use crate::fhir_json::{choice_concept, concept, human_name, items, text};
use crate::record::RecordError;
use crate::{
    Caller, Clinic, access, allergy, chart, conflict, immunization, medication, patient, problem, record,
    status, vitals,
};

/// One workflow: the operations it offers, under the names that `http`, `ui` and
/// `cli` use too, and what others ask of it.
#[derive(Clone, Copy)]
pub struct Feature {
    /// The folder's name.
    pub name: &'static str,
    /// The operations, as methods of [`crate::Clinic`].
    pub operations: &'static [&'static str],
    /// The kinds of record that are its own.
    pub kinds: &'static [&'static str],
    /// Reads its part of a patient's chart.
    pub section: Option<ReadSection>,
    /// What a record of its kinds is about, in a few words: drug, substance, name.
    pub title: fn(&Json) -> String,
    /// What it has to say on the home page.
    pub home: Option<ReadHome>,
    /// How the tests of permissions use its operations.
    #[cfg(test)]
    pub(crate) permissions: crate::permissions::Part,
}

/// Reads a workflow's part of a patient's chart.
pub type ReadSection = fn(&Clinic, &Caller, &Subject<'_>) -> Result<Section, RecordError>;

/// Counts what a workflow has to tell on the home page; `None` where the caller is not to know.
pub type ReadHome = fn(&Clinic, &Caller) -> Result<Option<u64>, RecordError>;

impl Feature {
    /// A workflow of this name with these operations, and nothing that others ask for.
    pub(crate) const fn new(name: &'static str, operations: &'static [&'static str]) -> Feature {
        Feature {
            name,
            operations,
            kinds: &[],
            section: None,
            title: coded_title,
            home: None,
            #[cfg(test)]
            permissions: crate::permissions::Part {
                records: |_| Vec::new(),
                cases: &[],
            },
        }
    }
}

impl std::fmt::Debug for Feature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Feature").field(&self.name).finish()
    }
}

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

/// What a record is about that says it with a name or a code.
pub(crate) fn coded_title(json: &Json) -> String {
    let named = items(json, "name").map(human_name);
    let coded = ["vaccineCode", "code"].map(|key| json.get(key).filter(|code| code.as_object().is_some()));
    named
        .chain([choice_concept(json, "medication").0])
        .chain(coded.map(concept))
        .chain([text(json, "name").to_owned()])
        .find(|found| !found.is_empty())
        .unwrap_or_default()
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
    const NO_WORKFLOWS: [&str; 3] = ["door", "edit", "permissions"];

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
