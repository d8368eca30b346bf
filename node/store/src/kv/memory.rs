//! An ordered map in memory, for tests and the simulator.
//!
//! Invariants: same bounds and atomicity as the disk engines.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{PoisonError, RwLock},
};

use super::engine::{Batch, KeyRange, Kv, KvError, Op, Pair};

/// A [`Kv`] in memory.
#[derive(Debug, Default)]
pub struct MemoryKv {
    map: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryKv {
    /// An empty map.
    pub fn new() -> MemoryKv {
        MemoryKv::default()
    }

    /// A copy of all it holds: a backup, or a clone of a node.
    pub fn duplicate(&self) -> MemoryKv {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner).clone();
        MemoryKv {
            map: RwLock::new(map),
        }
    }
}

/// Pairs of `map` in `range`.
pub(super) fn scan_map(map: &BTreeMap<Vec<u8>, Vec<u8>>, range: &KeyRange, limit: usize) -> Vec<Pair> {
    let start = Bound::Included(range.start.clone());
    let end = match &range.end {
        Some(end) if *end <= range.start => return Vec::new(),
        Some(end) => Bound::Excluded(end.clone()),
        None => Bound::Unbounded,
    };
    let found = map
        .range((start, end))
        .map(|(key, value)| (key.clone(), value.clone()));
    if range.reverse {
        found.rev().take(limit).collect()
    } else {
        found.take(limit).collect()
    }
}

/// Checks the preconditions of `batch` and applies it to `map`.
pub(super) fn apply_map(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, batch: &Batch) -> Result<(), KvError> {
    batch.check()?;
    for condition in &batch.preconditions {
        if map.get(&condition.key) != condition.value.as_ref() {
            return Err(KvError::Precondition);
        }
    }
    for op in &batch.ops {
        match op {
            Op::Put(key, value) => {
                map.insert(key.clone(), value.clone());
            }
            Op::Remove(key) => {
                map.remove(key);
            }
        }
    }
    Ok(())
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        Ok(self
            .map
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(key)
            .cloned())
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        Ok(scan_map(
            &self.map.read().unwrap_or_else(PoisonError::into_inner),
            range,
            limit,
        ))
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        apply_map(
            &mut self.map.write().unwrap_or_else(PoisonError::into_inner),
            batch,
        )
    }

    fn sync(&self) -> Result<(), KvError> {
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        map.iter()
            .map(|(key, value)| (key.len() + value.len()) as u64)
            .sum()
    }
}
