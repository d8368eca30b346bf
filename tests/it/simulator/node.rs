//! One simulated node: durable state that survives a crash, and what is running.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chaski_crdt::author::NodeId;
use chaski_net::apply::ApplyJob;
use chaski_net::engine::{Effect, Engine, Event, Options, SessionId};
use chaski_net::read::ReadJob;
use chaski_net::replica::StoreReplica;
use chaski_net::wire::{self, Message, Priority};
use chaski_store::{ChangeHash, Env, FaultKv, Identity, OpenOptions, RecordKey, ScopeFilter, Store};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::ledger::Past;

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

    /// Where its randomness stands.
    pub fn randomness(&self) -> ChaCha8Rng {
        self.random.lock().unwrap().clone()
    }

    pub fn set_randomness(&self, random: ChaCha8Rng) {
        *self.random.lock().unwrap() = random;
    }

    pub fn reseed(&self, seed: u64) {
        self.set_randomness(ChaCha8Rng::seed_from_u64(seed));
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
    pub replica: Arc<StoreReplica>,
    pub work: Work,
}

/// What an engine wants done that takes a slow disk its time.
#[derive(Default)]
pub struct Work {
    applies: VecDeque<ApplyJob>,
    /// Documents to keep, and reads behind them.
    keeps: VecDeque<Effect>,
    reads: Vec<ReadJob>,
    /// What was read and has not been told yet.
    done: Vec<Event>,
}

impl Work {
    /// Takes what is work; gives back what is not.
    pub fn take(&mut self, effect: Effect) -> Option<Effect> {
        match effect {
            Effect::Apply(job) => self.applies.push_back(*job),
            Effect::Read(job) if !job.is_after_kept() => self.reads.push(*job),
            Effect::Read(_) | Effect::Keep(_) => self.keeps.push_back(effect),
            other => return Some(other),
        }
        None
    }

    pub fn is_empty(&self) -> bool {
        self.applies.is_empty() && self.keeps.is_empty() && self.reads.is_empty() && self.done.is_empty()
    }

    /// Does one piece: batches and what is kept in their order, reads in any; what is read is told
    /// at another time, in any order too.
    pub fn one(&mut self, replica: &StoreReplica, dice: &mut impl Rng) -> Option<Event> {
        loop {
            match dice.random_range(0..4) {
                _ if self.is_empty() => return None,
                0 => {
                    if let Some(job) = self.applies.pop_front() {
                        return Some(Event::Applied(Box::new(job.run(replica))));
                    }
                }
                1 => match self.keeps.pop_front() {
                    Some(Effect::Keep(job)) => return Some(Event::Kept(Box::new(job.run(replica)))),
                    Some(Effect::Read(job)) => return Some(Event::Read(Box::new(job.run(replica)))),
                    _ => {}
                },
                2 if !self.reads.is_empty() => {
                    let job = self.reads.swap_remove(dice.random_range(0..self.reads.len()));
                    self.done.push(Event::Read(Box::new(job.run(replica))));
                    return None;
                }
                3 if !self.done.is_empty() => {
                    return Some(self.done.swap_remove(dice.random_range(0..self.done.len())));
                }
                _ => {}
            }
        }
    }
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
    /// It runs since it started from this image of a whole machine, as another may do: until it
    /// hears of that one, both write under one number.
    pub image: Option<u32>,
    /// The highest number of each life that it was told somebody has seen.
    pub heard: BTreeMap<u64, u64>,
    /// What it holds of records, and the position of its log as of which.
    pub pasts: RefCell<(u64, BTreeMap<RecordKey, Rc<Past>>)>,
    /// Its disk is full or cannot sync.
    pub is_ailing: bool,
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
    /// Its disk takes its time: other things happen before what an engine wants read or kept is.
    pub fn is_slow(&self) -> bool {
        self.id.0[1].is_multiple_of(2)
    }

    pub fn start(&mut self) {
        let store = Store::open_on(self.kv.clone(), &self.master, self.machine.clone(), options())
            .expect("a store opens after whatever happened to it");
        let replica = Arc::new(StoreReplica::new(store.clone()).unwrap());
        let mut options = Options::default();
        if self.id.0[0].is_multiple_of(4) {
            // A node for whom every change is too large for a batch: it sends them in pieces.
            options.batch_bytes = 96;
        }
        let engine = Engine::new(replica.clone(), &self.identity, options).unwrap();
        self.up = Some(Up {
            store,
            engine,
            replica,
            work: Work::default(),
        });
    }

    /// Power is cut: what was not synced may be gone, or torn.
    pub fn crash(&mut self, keep_share: f64, garble: bool) {
        let keep = (self.kv.unsynced_bytes() as f64 * keep_share) as usize;
        let after = self.kv.crash(keep, garble);
        self.up = None;
        self.kv = Arc::new(after);
        self.image = None;
        self.heard.clear();
        self.pasts.take();
        self.is_ailing = false;
    }

    pub fn store(&self) -> &Store {
        &self.up.as_ref().expect("the node is up").store
    }

    /// What a hello that has come says has been seen of this machine's life, if another may share
    /// it: the session, the life, and its number. One on a session that has begun says nothing.
    pub fn hello_of(&self, event: &Event) -> Option<(SessionId, u64, u64)> {
        let Event::Message {
            session,
            priority: Priority::Control,
            bytes,
        } = event
        else {
            return None;
        };
        let engine = &self.up.as_ref()?.engine;
        if self.image.is_none() || engine.is_live(*session) {
            return None;
        }
        match wire::decode(bytes) {
            Ok((_, Message::Hello(hello))) => {
                let (life, seq) = hello.status.seen?;
                Some((*session, life, seq))
            }
            _ => None,
        }
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
        let filings = self.store().filings_of(key).unwrap();
        filings.iter().any(|filing| filter.admits(filing))
    }

    /// A record's changes here.
    pub fn past(&self, key: &RecordKey) -> Rc<Past> {
        let position = self.store().position();
        let mut pasts = self.pasts.borrow_mut();
        if pasts.0 != position {
            *pasts = (position, BTreeMap::new());
        }
        let past = pasts.1.entry(key.clone());
        past.or_insert_with(|| Rc::new(Past::of(self.store(), key)))
            .clone()
    }

    /// Whether the bytes of a change lie here, be they of use or not.
    pub fn holds(&self, key: &RecordKey, change: &ChangeHash) -> bool {
        self.store().known_hashes(key).unwrap().contains(change)
    }
}
