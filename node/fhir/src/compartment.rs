//! Which patients' compartments a record belongs to, by the R4 Patient CompartmentDefinition.
//!
//! Kinds the definition leaves out but that name a patient all the same (an implanted Device,
//! a Contract) count as that patient's: a record must not reach more nodes than the patient's
//! others do, unless all held it before it was given to the patient. What is shared is a list of kinds, so that a kind nobody thought of stays unfiled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use chaski_json::Json;

use crate::definitions::{TABLE, resource_kinds};
use crate::kinds::of;
use crate::label::Classes;
use crate::reference::{self, Reference};
use crate::search::{IndexValueKind, ParamType, SearchParam, param, values_of};

/// Whose a record is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compartment {
    /// A patient's, by id.
    Patient(String),
    /// Everybody's: practitioners, organizations, definitions, ...
    Shared,
    /// Nobody's: it names no patient although its kind belongs to patients.
    Unfiled,
}

/// The unit of partial replication: a compartment, and the exact set of classes of sensitivity that the
/// records in it have been labelled with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// Whose the records are.
    pub compartment: Compartment,
    /// The classes of each of them.
    pub classes: Classes,
}

impl From<Compartment> for Scope {
    /// The compartment's records that are labelled with no class.
    fn from(compartment: Compartment) -> Scope {
        Scope {
            compartment,
            classes: Classes::default(),
        }
    }
}

/// Where a record is filed: in each of these compartments, under this one set of classes. It only grows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Filing {
    /// Whose it is, sorted, each once.
    pub compartments: Vec<Compartment>,
    /// What it has been labelled with.
    pub classes: Classes,
}

impl Filing {
    /// The scopes that it belongs to, in order.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.compartments.iter().map(|compartment| Scope {
            compartment: compartment.clone(),
            classes: self.classes.clone(),
        })
    }
}

/// Ids of the patients this record names, sorted, each once. A Patient names itself.
pub fn patients_of(resource: &Json) -> Vec<String> {
    let text = |key| resource.get(key).and_then(Json::as_str);
    let kind = text("resourceType").unwrap_or_default();
    let mut found = BTreeSet::new();
    if kind == "Patient"
        && let Some(id) = text("id")
    {
        found.insert(id.to_owned());
    }
    patients_named(kind, resource, &mut found);
    found.into_iter().collect()
}

/// Adds the ids of the patients that a record of this kind, or a part of its JSON, refers to where R4 says that
/// this places it. What a record refers to is what each of its elements refers to, taken by itself
/// (`no_place_depends_on_a_second_element`).
pub fn patients_named(kind: &str, part: &Json, found: &mut BTreeSet<String>) {
    match places().get(kind) {
        Some(places) => {
            for param in places {
                values_of(part, param, &mut |value| {
                    if let IndexValueKind::Reference { kind, id } = value
                        && kind == "Patient"
                    {
                        found.insert(id);
                    }
                });
            }
        }
        None => reference::each(part, &mut |text| {
            if let Reference::Local {
                kind: "Patient", id, ..
            } = reference::parse(text, &[])
            {
                found.insert(id.to_owned());
            }
        }),
    }
}

/// The kinds of which a person's records are, each with the search parameters that place them there: R4's, and of a
/// kind that R4 leaves out and that has a patient or a subject, those.
pub fn params() -> &'static [(&'static str, Vec<&'static str>)] {
    static PARAMS: OnceLock<Vec<(&'static str, Vec<&'static str>)>> = OnceLock::new();
    PARAMS.get_or_init(|| {
        let named = |kind: &&'static str| -> Vec<&'static str> {
            match places().get(kind) {
                Some(places) => places.iter().map(|param| param.code).collect(),
                None => ["patient", "subject"]
                    .into_iter()
                    .filter(|code| param(kind, code).is_some_and(|param| param.ptype == ParamType::Reference))
                    .collect(),
            }
        };
        let kinds = resource_kinds().iter().map(|kind| (*kind, named(kind)));
        kinds.filter(|(_, params)| !params.is_empty()).collect()
    })
}

/// Whether records of this kind that name no patient belong to all.
pub fn is_shared(kind: &str) -> bool {
    of(kind).is_shared
}

/// Search parameters that place a kind in the compartment.
fn places() -> &'static BTreeMap<&'static str, Vec<&'static SearchParam>> {
    static PLACES: OnceLock<BTreeMap<&'static str, Vec<&'static SearchParam>>> = OnceLock::new();
    PLACES.get_or_init(|| {
        let lines = TABLE.lines().filter_map(|line| line.strip_prefix("C\t"));
        lines
            .map(|line| {
                let mut fields = line.split('\t');
                let kind = fields.next().unwrap_or_default();
                (kind, fields.filter_map(|code| param(kind, code)).collect())
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::is_resource_kind;
    use chaski_json::json;

    #[test]
    fn records_belong_where_they_name_patients() {
        for (record, patients) in [
            (json!({"resourceType": "Patient", "id": "a"}), vec!["a"]),
            (
                json!({"resourceType": "Patient", "id": "a", "link": [{"other": {"reference": "Patient/b"}}]}),
                vec!["a", "b"],
            ),
            (
                json!({"resourceType": "Observation", "subject": {"reference": "Patient/b/_history/1"},
                       "performer": [{"reference": "Patient/a"}], "focus": [{"reference": "Patient/z"}]}),
                vec!["a", "b"],
            ),
            (
                json!({"resourceType": "Observation", "subject": {"reference": "Group/g"}}),
                vec![],
            ),
            (
                json!({"resourceType": "Device", "patient": {"reference": "Patient/a"}}),
                vec!["a"],
            ),
            (json!({"resourceType": "Device"}), vec![]),
            (json!({"resourceType": "Binary"}), vec![]),
            (json!({"resourceType": "Zebra"}), vec![]),
        ] {
            assert_eq!(patients_of(&record), patients, "{record:?}");
        }
        assert!(is_shared("Device") && is_shared("Practitioner"));
        assert!(!is_shared("Binary") && !is_shared("Zebra"));
    }

    /// Patients are read from each register of a change by itself: where two elements together said whether
    /// a third names a patient, that could not be.
    #[test]
    fn no_place_depends_on_a_second_element() {
        assert!(places().values().flatten().all(|param| !param.is_conditional()));
    }

    #[test]
    fn the_tables_name_real_things() {
        assert_eq!(places().len(), 67);
        for (kind, params) in places() {
            assert!(is_resource_kind(kind) && !params.is_empty(), "{kind}");
            assert!(params.iter().all(|param| param.is_supported()), "{kind}");
        }
    }
}
