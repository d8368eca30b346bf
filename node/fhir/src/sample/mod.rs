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
mod parts;
mod patient;
mod person;
mod places;
mod random;
mod sites;
mod time;
mod visit;
mod visits;

#[cfg(test)]
mod tests;

use chaski_json::Json;
pub use parts::{TEST_TAG_CODE, TEST_TAG_SYSTEM};
use random::Random;
use sites::Site;

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
