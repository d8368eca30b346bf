//! Which patients' compartments a record belongs to, by the R4 Patient CompartmentDefinition.

use chaski_json::Json;

/// The unit of partial replication a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// A patient's compartment, by id.
    Patient(String),
    /// Records that all share: practitioners, organizations, definitions, ...
    Shared,
    /// A record that names no patient although its kind belongs to patients.
    Unfiled,
}

/// Ids of the patients this record names, sorted, each once. A Patient names itself.
pub fn patients_of(_resource: &Json) -> Vec<String> {
    Vec::new()
}

/// Scopes of a record: one per patient named, else shared or unfiled by its kind.
pub fn scopes_of(resource: &Json) -> Vec<Scope> {
    let patients = patients_of(resource);
    if !patients.is_empty() {
        return patients.into_iter().map(Scope::Patient).collect();
    }
    let kind = resource.get("resourceType").and_then(Json::as_str).unwrap_or_default();
    vec![if is_shared(kind) { Scope::Shared } else { Scope::Unfiled }]
}

/// Whether records of this kind belong to all (no place in the Patient compartment).
pub fn is_shared(_kind: &str) -> bool {
    false
}
