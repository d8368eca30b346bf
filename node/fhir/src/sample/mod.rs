//! A synthetic population of our own, for demo, bench, tests and the training
//! of compression dictionaries.
//!
//! Invariants:
//! - nobody in it exists: names are drawn from lists, one part at a time, and
//!   everything else from a seeded generator ([`random`]);
//! - the same seed gives the same records in the same order, for ever: other
//!   nodes and tests rely on the ids;
//! - every record is tagged as test data ([`TEST_TAG_SYSTEM`]);
//! - references are relative and point only at records that came earlier or
//!   belong to the same patient;
//! - it streams: one patient's records are held at a time.
//!
//! The mix of types, codes and sizes follows what Synthea makes (half of it
//! observations, few but large claims and benefits), so that figures measured
//! on it mean something. The clinical content is plausible, not meaningful.

mod billing;
mod care;
mod codes;
mod names;
mod observations;
mod patient;
mod places;
mod random;
mod sites;
mod time;
mod visit;

#[cfg(test)]
mod tests;

use chaski_json::{Json, json};
use random::Random;
use sites::Site;

/// System of the tag every sample record carries.
pub const TEST_TAG_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// Code of the tag every sample record carries: "test health data".
pub const TEST_TAG_CODE: &str = "HTEST";

/// Patients one site looks after, about.
const PATIENTS_PER_SITE: u32 = 40;
const SITES_MAX: u32 = 120;

/// Streams a made-up population: first the sites with their staff, then
/// patient after patient, about 150 records of 1.3 KB each.
pub fn population(seed: u64, patients: u32) -> impl Iterator<Item = Json> {
    let count = patients.div_ceil(PATIENTS_PER_SITE).clamp(2, SITES_MAX);
    let sites: Vec<Site> = (0..count).map(|index| Site::make(seed, index)).collect();
    let shared: Vec<Json> = sites.iter().flat_map(Site::records).collect();
    let of_patients = (0..patients).flat_map(move |index| {
        let mut random = Random::at(seed, random::PATIENTS, u64::from(index));
        let site = random.pick(&sites);
        site.map(|site| patient::records(&mut random, site, index))
            .unwrap_or_default()
    });
    shared.into_iter().chain(of_patients)
}

/// The `meta` of every sample record.
fn meta() -> Json {
    json!({"tag": [{"system": TEST_TAG_SYSTEM, "code": TEST_TAG_CODE, "display": "test health data"}]})
}

/// A CodeableConcept with one coding and its display as text.
fn concept(system: &str, code: &str, display: &str) -> Json {
    json!({"coding": [{"system": system, "code": code, "display": display}], "text": display})
}

/// A CodeableConcept with one bare code.
fn status_concept(system: &str, code: &str) -> Json {
    json!({"coding": [{"system": system, "code": code}]})
}

fn reference(kind: &str, id: &str) -> Json {
    json!({"reference": (format!("{kind}/{id}"))})
}

/// Adds a member to an object.
fn put(record: &mut Json, key: &str, value: impl Into<Json>) {
    if let Some(object) = record.as_object_mut() {
        object.insert(key.to_owned(), value.into());
    }
}
