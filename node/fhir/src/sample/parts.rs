//! What the records of the population are put together from.

use chaski_json::{Json, json};

/// System of the tag every sample record carries.
pub const TEST_TAG_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";

/// Code of the tag every sample record carries: "test health data".
pub const TEST_TAG_CODE: &str = "HTEST";

/// The `meta` of every sample record.
pub(super) fn meta() -> Json {
    json!({"tag": [{"system": TEST_TAG_SYSTEM, "code": TEST_TAG_CODE, "display": "test health data"}]})
}

/// A CodeableConcept with one coding and its display as text.
pub(super) fn concept(system: &str, code: &str, display: &str) -> Json {
    json!({"coding": [{"system": system, "code": code, "display": display}], "text": display})
}

/// A CodeableConcept with one bare code.
pub(super) fn status_concept(system: &str, code: &str) -> Json {
    json!({"coding": [{"system": system, "code": code}]})
}

pub(super) fn reference(kind: &str, id: &str) -> Json {
    json!({"reference": (format!("{kind}/{id}"))})
}

/// Adds a member to an object.
pub(super) fn put(record: &mut Json, key: &str, value: impl Into<Json>) {
    if let Some(object) = record.as_object_mut() {
        object.insert(key.to_owned(), value.into());
    }
}
