//! What the tests of this package share.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use chaski_crdt::{author::NetworkId, key::RecordKey};
use chaski_json::Json;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use crate::{Base, Context, Env, Identity, MemoryKv, OpenOptions, Store, Write, kv::Kv};

/// A clock and randomness from a seed.
pub(crate) struct TestEnv {
    pub(crate) now_ms: AtomicU64,
    rng: std::sync::Mutex<ChaCha8Rng>,
}

impl TestEnv {
    pub(crate) fn new(seed: u64) -> Arc<TestEnv> {
        Arc::new(TestEnv {
            now_ms: AtomicU64::new(1_790_000_000_000),
            rng: std::sync::Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
        })
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Env for TestEnv {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn random(&self, out: &mut [u8]) {
        self.rng.lock().unwrap().fill_bytes(out);
    }
}

pub(crate) const NETWORK: [u8; 32] = [9; 32];

pub(crate) fn options() -> OpenOptions {
    OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        background: false,
        argon2_memory_kib: 64,
        lock_wait: std::time::Duration::from_millis(100),
        ..OpenOptions::default()
    }
}

pub(crate) fn identity(seed: u8) -> Identity {
    Identity {
        signing_seed: [seed; 32],
        network: NetworkId(NETWORK),
        fingerprint_key: [3; 32],
    }
}

/// A store in memory that is node `seed`.
pub(crate) fn memory_store(seed: u8) -> (Store, Arc<TestEnv>) {
    let env = TestEnv::new(u64::from(seed));
    let store = store_on(Arc::new(MemoryKv::new()), seed, Arc::clone(&env));
    (store, env)
}

pub(crate) fn store_on(kv: Arc<dyn Kv>, seed: u8, env: Arc<TestEnv>) -> Store {
    store_with(kv, seed, env, options())
}

pub(crate) fn store_with(kv: Arc<dyn Kv>, seed: u8, env: Arc<TestEnv>, options: OpenOptions) -> Store {
    let store = Store::create_on(kv, &[7; 32], env, options).unwrap();
    store.identity_set(&identity(seed)).unwrap();
    store
}

pub(crate) fn ctx() -> Context {
    Context {
        operation_id: 1,
        user: "nurse".into(),
        role: "clinician".into(),
        purpose: "care".into(),
        origin: crate::Origin::Http,
    }
}

pub(crate) fn key(text: &str) -> RecordKey {
    text.parse().unwrap()
}

pub(crate) fn json(text: &str) -> Json {
    chaski_json::parse_str(text).unwrap()
}

pub(crate) fn put(json: Json) -> Write {
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap().to_owned();
    let key = RecordKey::new(&text("resourceType"), &text("id")).unwrap();
    Write::Put {
        key,
        json,
        base: Base::Current,
        resolution: false,
    }
}

/// What the tests of one record a key ask for.
impl Store {
    /// The record as an export writes it.
    pub(crate) fn read_raw(&self, key: &RecordKey) -> Result<Option<Json>, crate::StoreError> {
        Ok(self.raw(key)?.into_iter().map(|(json, _)| json).next())
    }

    /// Where it is filed.
    pub(crate) fn filing_of(&self, key: &RecordKey) -> Result<Option<crate::Filing>, crate::StoreError> {
        Ok(self.filings_of(key)?.into_iter().next())
    }

    /// Who made its newest change.
    pub(crate) fn newest_by(&self, key: &RecordKey) -> Result<Option<crate::AuthoredBy>, crate::StoreError> {
        Ok(self.read(&ctx(), key)?.map(|current| current.authored_by))
    }
}

/// Sends all of `from` that `to` lacks.
pub(crate) fn sync(from: &Store, to: &Store) -> crate::ApplyReport {
    let peer = from.identity().unwrap().node;
    let records = from
        .feed(0, 100_000)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.key.clone(), from.signed_changes(&entry.key).unwrap()))
        .collect();
    to.apply_remote(&ctx(), &peer, records, None).unwrap()
}

pub(crate) fn query(kind: &str, text: &str) -> chaski_fhir::search::Query {
    let pairs: Vec<(String, String)> = text
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    chaski_fhir::search::parse(kind, &pairs, &chaski_fhir::search::Options::default()).unwrap()
}

/// Every record that `filter` admits with its fingerprint value, by key: as it was told last.
pub(crate) fn items_of(store: &Store, filter: &crate::ScopeFilter) -> Vec<(RecordKey, [u8; 32])> {
    let mut items = std::collections::BTreeMap::new();
    let each = store.fingerprint_each(filter, &mut |_, value, key| {
        items.insert(key, value);
    });
    each.unwrap();
    items.into_iter().collect()
}

/// The first scope of a record: its rows are sealed under that one's key.
pub(crate) fn first_scope(head: &crate::row::RowHead) -> crate::Scope {
    head.filing.scopes().next().unwrap()
}
