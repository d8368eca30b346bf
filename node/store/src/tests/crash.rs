//! Crash points: whatever was acknowledged is there, whatever was not is there whole or
//! not at all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::{
    kv::{Batch, FaultKv, KeyRange, Kv, KvError, Pair},
    testing::*,
    *,
};

/// Takes pictures of an engine at its crash points.
pub(super) struct Watched {
    pub(super) kv: FaultKv,
    pub(super) shots: Mutex<Vec<(FaultKv, usize)>>,
    pub(super) acknowledged: Mutex<usize>,
    pub(super) seed: Mutex<u64>,
}

impl Watched {
    fn shoot(&self, keep_bytes: usize, garble: bool) {
        let shot = self.kv.crash(keep_bytes, garble);
        self.shots
            .lock()
            .unwrap()
            .push((shot, *self.acknowledged.lock().unwrap()));
    }

    fn draw(&self, below: usize) -> usize {
        let mut seed = self.seed.lock().unwrap();
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 33) as usize % below.max(1)
    }
}

impl Kv for Watched {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.kv.get(key)
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        self.kv.scan(range, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        self.kv.apply(batch)?;
        let unsynced = self.kv.unsynced_bytes();
        self.shoot(0, false);
        self.shoot(unsynced, false);
        for _ in 0..2 {
            self.shoot(self.draw(unsynced), false);
            self.shoot(self.draw(unsynced), true);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), KvError> {
        self.shoot(self.kv.unsynced_bytes(), false);
        self.kv.sync()?;
        self.shoot(0, false);
        Ok(())
    }

    fn disk_bytes(&self) -> u64 {
        self.kv.disk_bytes()
    }
}

fn pair(n: usize, value: usize) -> Vec<Write> {
    ["a", "b"]
        .map(|side| {
            put(json(&format!(
                r#"{{"resourceType":"Observation","id":"{side}{n}","status":"final","code":{{"text":"v{value}"}},"subject":{{"reference":"Patient/p{}"}}}}"#,
                n % 3
            )))
        })
        .to_vec()
}

#[test]
fn acknowledged_commits_survive_any_crash_and_none_is_seen_in_part() {
    let watched = Arc::new(Watched {
        kv: FaultKv::new(),
        shots: Mutex::default(),
        acknowledged: Mutex::new(0),
        seed: Mutex::new(42),
    });
    let store = store_on(watched.clone(), 1, TestEnv::new(1));
    watched.shots.lock().unwrap().clear();
    // What each commit makes of the pairs: commit number -> (pair, value).
    let mut commits = Vec::new();
    for round in 0..25 {
        let (n, value) = (watched.draw(8), round);
        store.commit(&ctx(), pair(n, value)).unwrap();
        commits.push((n, value));
        *watched.acknowledged.lock().unwrap() += 1;
    }
    let shots = std::mem::take(&mut *watched.shots.lock().unwrap());
    assert!(shots.len() >= 25 * 8);
    for (at, (kv, acknowledged)) in shots.into_iter().enumerate() {
        let store = Store::open_on(Arc::new(kv), &[7; 32], TestEnv::new(at as u64), options()).unwrap();
        let state = |count: usize| commits[..count].iter().copied().collect::<BTreeMap<_, _>>();
        let mut seen = BTreeMap::new();
        for n in 0..8 {
            let value = |side: &str| {
                let read = store
                    .read(&ctx(), &key(&format!("Observation/{side}{n}")))
                    .unwrap();
                read.map(|read| {
                    read.json
                        .pointer("/code/text")
                        .and_then(|text| text.as_str())
                        .unwrap()
                        .to_owned()
                })
            };
            assert_eq!(value("a"), value("b"), "shot {at}: half a commit");
            if let Some(text) = value("a") {
                seen.insert(n, text[1..].parse::<usize>().unwrap());
            }
        }
        // The commit under way may be there, whole.
        assert!(
            seen == state(acknowledged) || seen == state((acknowledged + 1).min(commits.len())),
            "shot {at}: a commit was lost"
        );
        let report = store.verify().unwrap();
        assert!(report.is_whole(), "shot {at}: {report:?}");
    }
}

#[test]
fn a_failed_sync_stops_the_writer_and_a_full_disk_does_not() {
    let kv = Arc::new(FaultKv::new());
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    store.commit(&ctx(), pair(1, 1)).unwrap();
    kv.full(true);
    assert_eq!(
        store.commit(&ctx(), pair(1, 2)),
        Err(CommitError::Store(StoreError::DiskFull))
    );
    assert!(store.read(&ctx(), &key("Observation/a1")).unwrap().is_some());
    kv.full(false);
    store.commit(&ctx(), pair(1, 3)).unwrap();
    assert!(store.verify().unwrap().is_whole());
    kv.sync_error_after(Some(0));
    let position = store.position();
    assert!(store.commit(&ctx(), pair(2, 4)).is_err());
    kv.sync_error_after(None);
    assert_eq!(
        store.commit(&ctx(), pair(2, 5)),
        Err(CommitError::Store(StoreError::Stopped))
    );
    // What was not acknowledged is not shown to peers.
    assert_eq!(store.position(), position);
    assert!(
        store
            .feed(0, 100)
            .unwrap()
            .iter()
            .all(|entry| entry.seq <= position)
    );
    kv.read_error_after(Some(0));
    assert!(matches!(
        store.read(&ctx(), &key("Observation/a1")),
        Err(StoreError::Storage(_))
    ));
}

#[test]
fn time_never_runs_back_and_a_leading_peer_is_followed_within_a_day() {
    let env = TestEnv::new(1);
    let kv = Arc::new(MemoryKv::new());
    let store = store_on(kv.clone(), 1, env.clone());
    store.commit(&ctx(), pair(1, 1)).unwrap();
    let first = store
        .read(&ctx(), &key("Observation/a1"))
        .unwrap()
        .unwrap()
        .last_updated_ms;
    drop(store);
    let past = TestEnv::new(2);
    past.now_ms.store(0, std::sync::atomic::Ordering::SeqCst);
    let store = Store::open_on(kv, &[7; 32], past, options()).unwrap();
    store.commit(&ctx(), pair(1, 2)).unwrap();
    let second = store
        .read(&ctx(), &key("Observation/a1"))
        .unwrap()
        .unwrap()
        .last_updated_ms;
    assert!(second > first);
    let authored = store.authored(&key("Observation/a1")).unwrap();
    assert!(authored[1].time_ms >= authored[0].time_ms);
    // A peer two years ahead does not pull this node's clock along.
    let (other, far) = memory_store(2);
    far.advance(2 * 365 * 86_400_000);
    other.commit(&ctx(), pair(5, 1)).unwrap();
    sync(&other, &store);
    store.commit(&ctx(), pair(6, 1)).unwrap();
    let own = store.newest_by(&key("Observation/a6")).unwrap().unwrap().time_ms;
    assert!(own < first + 2 * 86_400_000);
}
