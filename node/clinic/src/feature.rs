//! What a workflow's folder tells the others of itself.

use chaski_json::Json;

use crate::chart::{Section, Subject};
use crate::fhir_json::{choice_concept, concept, human_name, items, text};
use crate::record::RecordError;
use crate::{Caller, Clinic};

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
