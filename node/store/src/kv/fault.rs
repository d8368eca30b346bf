//! An engine that fails on purpose: torn and lost writes, a full disk, read errors.
//!
//! Shape: one append-only log of framed batches, as a real engine keeps below its map:
//! `len u32 ‖ check 16 ‖ ops`. A crash cuts the log at any byte after the synced
//! length and may garble the rest; opening replays the whole frames and drops the cut one.
//!
//! Invariants: what was synced survives every crash; a cut batch shows nothing.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    engine::{Batch, KeyRange, Kv, KvError, Op, Pair},
    memory::{apply_map, scan_map},
};

#[derive(Debug, Default)]
struct Inner {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    log: Vec<u8>,
    synced_bytes: usize,
    full: bool,
    reads_to_error: Option<u64>,
    syncs_to_error: Option<u64>,
    applies: u64,
    syncs: u64,
}

/// A [`Kv`] in memory with faults to order.
#[derive(Debug, Default)]
pub struct FaultKv {
    inner: Mutex<Inner>,
}

impl FaultKv {
    /// An empty, healthy engine.
    pub fn new() -> FaultKv {
        FaultKv::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on the disk is full (or no longer).
    pub fn full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Every read after the next `reads` fails; `None` heals.
    pub fn read_error_after(&self, reads: Option<u64>) {
        self.lock().reads_to_error = reads;
    }

    /// Every sync after the next `syncs` fails; `None` heals.
    pub fn sync_error_after(&self, syncs: Option<u64>) {
        self.lock().syncs_to_error = syncs;
    }

    /// Batches applied and syncs done so far.
    pub fn counts(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.applies, inner.syncs)
    }

    /// Bytes written since the last sync: what a crash may cut.
    pub fn unsynced_bytes(&self) -> usize {
        let inner = self.lock();
        inner.log.len() - inner.synced_bytes
    }

    /// The engine as it is found after a power cut that kept `keep_bytes` of what was
    /// not synced; with `garble`, the last byte kept is wrong, as in a torn sector.
    pub fn crash(&self, keep_bytes: usize, garble: bool) -> FaultKv {
        let inner = self.lock();
        let end = inner.log.len().min(inner.synced_bytes + keep_bytes);
        let mut log: Vec<u8> = inner.log.iter().copied().take(end).collect();
        if garble
            && end > inner.synced_bytes
            && let Some(last) = log.last_mut()
        {
            *last ^= 0x55;
        }
        let (map, whole_bytes) = replay(&log);
        log.truncate(whole_bytes);
        let synced_bytes = log.len();
        FaultKv {
            inner: Mutex::new(Inner {
                map,
                log,
                synced_bytes,
                ..Inner::default()
            }),
        }
    }
}

fn frame(batch: &Batch) -> Vec<u8> {
    let mut body = Vec::new();
    for op in &batch.ops {
        let (tag, key, value): (u8, &[u8], &[u8]) = match op {
            Op::Put(key, value) => (1, key, value),
            Op::Remove(key) => (0, key, &[]),
        };
        body.push(tag);
        body.extend((key.len() as u32).to_be_bytes());
        body.extend(key);
        body.extend((value.len() as u32).to_be_bytes());
        body.extend(value);
    }
    let mut out = (body.len() as u32).to_be_bytes().to_vec();
    out.extend(blake3::hash(&body).as_bytes().iter().take(16));
    out.extend(body);
    out
}

/// The map the whole frames of `log` make, and their length in bytes.
fn replay(log: &[u8]) -> (BTreeMap<Vec<u8>, Vec<u8>>, usize) {
    let mut map = BTreeMap::new();
    let mut whole_bytes = 0;
    let mut rest = log;
    while let Some((head, after)) = rest.split_at_checked(20) {
        let Some((len, check)) = head.split_at_checked(4) else {
            break;
        };
        let len = be_u32(len) as usize;
        let Some((body, next)) = after.split_at_checked(len) else {
            break;
        };
        if blake3::hash(body).as_bytes().get(..16) != Some(check) {
            break;
        }
        replay_body(&mut map, body);
        whole_bytes += 20 + len;
        rest = next;
    }
    (map, whole_bytes)
}

fn replay_body(map: &mut BTreeMap<Vec<u8>, Vec<u8>>, mut body: &[u8]) {
    while let Some((&tag, after)) = body.split_first() {
        let Some((key, after)) = field(after) else { return };
        let Some((value, after)) = field(after) else {
            return;
        };
        if tag == 1 {
            map.insert(key.to_vec(), value.to_vec());
        } else {
            map.remove(key);
        }
        body = after;
    }
}

fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, after) = bytes.split_at_checked(4)?;
    after.split_at_checked(be_u32(len) as usize)
}

fn be_u32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

fn count_down(counter: &mut Option<u64>, what: &str) -> Result<(), KvError> {
    match counter {
        Some(0) => Err(KvError::Io(format!("injected {what} error"))),
        Some(left) => {
            *left -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}

impl Kv for FaultKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        let mut inner = self.lock();
        count_down(&mut inner.reads_to_error, "read")?;
        Ok(inner.map.get(key).cloned())
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        let mut inner = self.lock();
        count_down(&mut inner.reads_to_error, "read")?;
        Ok(scan_map(&inner.map, range, limit))
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        let mut inner = self.lock();
        if inner.full {
            return Err(KvError::NoSpace);
        }
        apply_map(&mut inner.map, batch)?;
        let framed = frame(batch);
        inner.log.extend(framed);
        inner.applies += 1;
        Ok(())
    }

    fn sync(&self) -> Result<(), KvError> {
        let mut inner = self.lock();
        count_down(&mut inner.syncs_to_error, "sync")?;
        if inner.full {
            return Err(KvError::NoSpace);
        }
        inner.synced_bytes = inner.log.len();
        inner.syncs += 1;
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        self.lock().log.len() as u64
    }
}
