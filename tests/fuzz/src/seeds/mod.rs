//! What fuzzing begins with, made by our own encoders, so that it follows the
//! formats.

mod changes;
mod members;
mod messages;
mod texts;

const RECORDS: &str = include_str!("../../seeds/records.ndjson");

/// An input to begin with.
#[derive(Clone, Debug)]
pub struct Seed {
    /// The target that it is for.
    pub target: &'static str,
    /// What it is called, once for a target.
    pub name: String,
    /// The bytes that the target is given.
    pub bytes: Vec<u8>,
}

/// The seeds of all targets, the same at every call.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Seeds(Vec::new());
    changes::changes(&mut seeds);
    changes::hostile(&mut seeds);
    members::authority(&mut seeds);
    members::ticket(&mut seeds);
    messages::wire(&mut seeds);
    messages::reconcile(&mut seeds);
    messages::parcels(&mut seeds);
    texts::small(&mut seeds);
    texts::records(&mut seeds);
    texts::imports(&mut seeds);
    seeds.0
}

/// The seeds of one target.
pub fn seeds_of(target: &str) -> Vec<Seed> {
    let mut all = seeds();
    all.retain(|seed| seed.target == target);
    all
}

struct Seeds(Vec<Seed>);

impl Seeds {
    fn put(&mut self, target: &'static str, name: &str, bytes: &[u8]) {
        self.0.push(Seed {
            target,
            name: name.to_owned(),
            bytes: bytes.to_vec(),
        });
    }
}

#[cfg(test)]
mod tests;
