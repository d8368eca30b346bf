//! In which order the versions of a run are written.
//!
//! Invariants: patients come before all that may name them; versions of one record stand together, the newest last
//! (CR-121).

use std::collections::HashMap;

use super::incoming::Stamp;
use super::names::{NameHash, Names};

/// A version of a record that waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// The record's key.
    pub(super) hash: NameHash,
    /// Where the spool keeps it.
    pub(super) place: u64,
    pub(super) is_patient: bool,
    pub(super) stamp: Stamp,
}

/// Versions of one record, oldest first.
pub(super) type Versions = Vec<Slot>;

/// All records of a run: patients, then others, each in the order of the files.
pub(super) fn in_order(slots: &[Slot], names: &Names) -> Vec<Versions> {
    let mut units: Vec<Versions> = Vec::new();
    let mut repeated: HashMap<NameHash, usize> = HashMap::new();
    for is_patient in [true, false] {
        for slot in slots.iter().filter(|slot| slot.is_patient == is_patient) {
            if !names.is_repeated(slot.hash) {
                units.push(vec![*slot]);
                continue;
            }
            let place = *repeated.entry(slot.hash).or_insert(units.len());
            match units.get_mut(place) {
                Some(unit) => unit.push(*slot),
                None => units.push(vec![*slot]),
            }
        }
    }
    for unit in &mut units {
        sort(unit);
    }
    units
}

/// By the time of their system where all have one, else by its numbers, else as they came.
fn sort(versions: &mut Versions) {
    let one_source =
        |slot: &Slot| versions.first().map(|first| first.stamp.source) == Some(slot.stamp.source);
    if versions.len() < 2 || !versions.iter().all(one_source) {
        return;
    }
    if versions.iter().all(|slot| slot.stamp.ms.is_some()) {
        versions.sort_by_key(|slot| (slot.stamp.ms, slot.stamp.number));
    } else if versions.iter().all(|slot| slot.stamp.number.is_some()) {
        versions.sort_by_key(|slot| slot.stamp.number);
    }
}
