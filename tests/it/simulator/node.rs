//! One simulated node: durable state that survives a crash, and what is running.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chaski_crdt::author::NodeId;
use chaski_net::engine::{Engine, Options};
use chaski_net::replica::StoreReplica;
use chaski_store::{ChangeHash, Env, FaultKv, Identity, OpenOptions, RecordKey, ScopeFilter, Store};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The machine of one node: its own idea of the time, its own randomness.
pub struct Machine {
    now_ms: AtomicU64,
    random: Mutex<ChaCha8Rng>,
}

impl Machine {
    pub fn new(seed: u64, now_ms: u64) -> Arc<Machine> {
        Arc::new(Machine {
            now_ms: AtomicU64::new(now_ms),
            random: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
        })
    }

    pub fn advance(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn jump_to(&self, ms: u64) {
        self.now_ms.store(ms, Ordering::Relaxed);
    }
}

impl Env for Machine {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn random(&self, out: &mut [u8]) {
        self.random.lock().unwrap().fill_bytes(out);
    }
}

pub struct Up {
    pub store: Store,
    pub engine: Engine,
}

pub struct Node {
    pub id: NodeId,
    pub identity: Identity,
    pub master: [u8; 32],
    pub kv: Arc<FaultKv>,
    pub machine: Arc<Machine>,
    pub up: Option<Up>,
    pub revoked: bool,
    /// Every change this node acknowledged to its user and is answerable for.
    pub acknowledged: BTreeMap<ChangeHash, RecordKey>,
    /// Time as the engine sees it: never runs backwards.
    pub engine_ms: u64,
}

pub fn options() -> OpenOptions {
    OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        background: false,
        ..OpenOptions::default()
    }
}

impl Node {
    pub fn start(&mut self) {
        let store = Store::open_on(self.kv.clone(), &self.master, self.machine.clone(), options())
            .expect("a store opens after whatever happened to it");
        let replica = StoreReplica::new(store.clone()).unwrap();
        let mut options = Options::default();
        if self.id.0[0].is_multiple_of(4) {
            // A node for whom every change is too large for a batch: it sends them in pieces.
            options.batch_bytes = 96;
        }
        let engine = Engine::new(Arc::new(replica), &self.identity, options).unwrap();
        self.up = Some(Up { store, engine });
    }

    /// Power is cut: what was not synced may be gone, or torn.
    pub fn crash(&mut self, keep_share: f64, garble: bool) {
        let keep = (self.kv.unsynced_bytes() as f64 * keep_share) as usize;
        let after = self.kv.crash(keep, garble);
        self.up = None;
        self.kv = Arc::new(after);
    }

    pub fn store(&self) -> &Store {
        &self.up.as_ref().expect("the node is up").store
    }

    /// What this node may give another, as it knows.
    pub fn gives_to(&self, other: &NodeId) -> ScopeFilter {
        let trust = self.up.as_ref().expect("the node is up").engine.trust();
        trust.filter_for(other).0
    }

    /// What this node and another may both hold, as this one knows.
    pub fn shared_with(&self, other: &NodeId) -> ScopeFilter {
        let trust = self.up.as_ref().expect("the node is up").engine.trust();
        trust.filter_between(&self.id, other)
    }

    /// Whether this node's copy of a record belongs to what a filter admits.
    pub fn admits(&self, filter: &ScopeFilter, key: &RecordKey) -> bool {
        let scopes = self.store().scopes_of(key).unwrap();
        scopes.is_some_and(|scopes| filter.admits(&scopes))
    }

    pub fn holds(&self, key: &RecordKey, change: &ChangeHash) -> bool {
        self.store().known_hashes(key).unwrap().contains(change)
    }
}
