//! Engines over stores in memory, on a bus without sockets or clocks.

mod anew;

mod authority;
mod awaiting;
mod bad;
mod beyond;
mod bounds;
mod clocks;
mod colliding;
mod crowd;
mod cursors;
mod directory;
mod durable;
mod fickle;
mod full;
mod grants;
mod greeting;
mod health;
mod hello;
mod in_sync;
mod issuers;
mod keeping;
mod known;
mod late;
mod leaving;
mod liars;
mod links;
mod meeting;
mod mending;
mod mesh;
mod neighbours;
mod pair;
mod parcel_files;
mod parcel_gap;
mod parcel_ground;
mod parcel_limits;
mod parcels;
mod peers;
mod pieces;
mod proofs;
mod random;
mod reading;
mod remembered;
mod renewal;
mod repair;
mod requests;
mod restored;
mod returning;
mod revoked;
mod scopes;
mod sending;
mod sharing;
mod shelf;
mod sketches;
mod slow;
mod taking;
mod tickets;
mod told;
mod trusted;
mod turns;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::{Grant, Member, NodeRole, Scopes, Statement};
use chaski_crdt::key::RecordKey;
use chaski_json::Json;
use chaski_store::{Base, Context, Env, Identity, MemoryKv, OpenOptions, Origin, Store, Write};
use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

pub(crate) use fickle::Fickle;

use crate::apply::ApplyJob;
use crate::engine::session::Session;
use crate::engine::{
    Again, CloseReason, Core, Effect, Engine, Event, KnownPeer, Now, Options, Problem, SessionId,
};
use crate::keep::KeepJob;
use crate::replica::{SharedReplica, StoreReplica};
use crate::report::SyncReport;
use crate::setup::{self, Founding};
use crate::trust::Trust;
use crate::wire::Priority;

/// When all nodes of a bus were started. Their waits are counted from there, as those of a real node are.
pub(super) const STARTED_MS: u64 = 1_789_999_940_000;

/// What time it is for a node on a bus whose clock nobody has set.
pub(super) fn now_at(now_ms: u64) -> Now {
    Now {
        steady_ms: steady_at(now_ms),
        wall_ms: now_ms,
    }
}

/// What its waits are counted by then.
pub(super) fn steady_at(now_ms: u64) -> u64 {
    now_ms.saturating_sub(STARTED_MS)
}

/// A clock and randomness from a seed.
pub(crate) struct TestEnv {
    now_ms: AtomicU64,
    rng: Mutex<ChaCha8Rng>,
}

impl Env for TestEnv {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn random(&self, out: &mut [u8]) {
        self.rng.lock().unwrap().fill_bytes(out);
    }
}

pub(super) fn store(seed: u64) -> (Store, Arc<TestEnv>) {
    let env = Arc::new(TestEnv {
        now_ms: AtomicU64::new(1_790_000_000_000),
        rng: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
    });
    let options = OpenOptions {
        disk_floor_bytes: 0,
        disk_floor_percent: 0,
        background: false,
        argon2_memory_kib: 64,
        ..OpenOptions::default()
    };
    let store = Store::create_on(Arc::new(MemoryKv::new()), &[7; 32], env.clone(), options).unwrap();
    (store, env)
}

/// A store of a network's first node.
pub(crate) fn test_store() -> (Store, Arc<TestEnv>) {
    let (store, env) = store(1);
    let founding = Founding {
        name: "hub".into(),
        site: "H".into(),
        role: NodeRole::Hub,
        demo: false,
    };
    setup::found(&store, &founding).unwrap();
    (store, env)
}

pub(super) fn ctx() -> Context {
    Context {
        operation_id: 1,
        user: "nurse".into(),
        role: "clinician".into(),
        purpose: "care".into(),
        origin: Origin::Http,
    }
}

pub(super) fn json(text: &str) -> Json {
    chaski_json::parse(text.as_bytes(), &chaski_json::Limits::default()).unwrap()
}

pub(super) fn put(store: &Store, text: &str) {
    put_or_refused(store, text).unwrap();
}

/// A write that an open conflict may refuse.
pub(super) fn put_or_refused(store: &Store, text: &str) -> Result<(), chaski_store::CommitError> {
    let json = json(text);
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap().to_owned();
    let key = RecordKey::new(&text("resourceType"), &text("id")).unwrap();
    let write = Write::Put {
        key,
        json,
        base: Base::Current,
        resolution: false,
    };
    store.commit(&ctx(), vec![write]).map(|_| ())
}

pub(super) fn patient(store: &Store, id: &str, family: &str) {
    put(
        store,
        &format!(
            r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}],"gender":"female"}}"#
        ),
    );
}

pub(super) fn observation(store: &Store, id: &str, patient: &str, value: u32) {
    put(
        store,
        &format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"weight"}},"subject":{{"reference":"Patient/{patient}"}},"valueQuantity":{{"value":{value},"unit":"kg"}}}}"#
        ),
    );
}

impl Engine {
    /// Notes that a peer was heard of then.
    pub(crate) fn seen_at(&mut self, peer: &NodeId, then_ms: u64) {
        self.core.peers.seen(peer, "", false, then_ms);
    }

    /// All members and what is known of them.
    pub(crate) fn peers(&self) -> Vec<crate::report::PeerInfo> {
        KnownPeer::complete(self.peers_known(), self.core.replica.as_ref()).unwrap()
    }

    /// Notes how many records a peer has.
    pub(crate) fn counted_at(&mut self, peer: &NodeId, records: u64) {
        self.core.peers.counted(peer, records);
    }
}

/// Has a session send what is due, and reads what it wants read.
pub(super) fn pump(session: &mut Session, core: &mut Core) {
    core.position = core.replica.position();
    session.pump(core);
    while read(session, core) > 0 {
        session.pump(core);
    }
}

/// Reads what a session wants read; how much that was.
pub(super) fn read(session: &mut Session, core: &mut Core) -> usize {
    let effects = std::mem::take(&mut core.effects);
    let is_read = |effect: &Effect| matches!(effect, Effect::Read(_));
    let (reads, others): (Vec<_>, Vec<_>) = effects.into_iter().partition(is_read);
    core.effects = others;
    let count = reads.len();
    for effect in reads {
        let Effect::Read(job) = effect else { continue };
        let done = job.run(core.replica.as_ref());
        session.on_found(core, done.found.unwrap(), done.ratio).unwrap();
    }
    count
}

/// A node under test.
pub(super) struct Node {
    pub(super) store: Store,
    pub(super) engine: Engine,
    pub(super) reports: Vec<Result<SyncReport, CloseReason>>,
    pub(super) notices: Vec<String>,
    pub(super) closes: Vec<CloseReason>,
    /// How often it began a session anew.
    pub(super) anews: usize,
    /// Its clock against the bus's.
    pub(super) ahead_ms: i64,
}

impl Node {
    fn of(store: Store, options: Options) -> Node {
        let replica = Arc::new(StoreReplica::new(store.clone()).unwrap());
        Node::over(store, replica, options)
    }

    /// A node that sees its store through something else.
    fn over(store: Store, replica: SharedReplica, options: Options) -> Node {
        let identity = StoreReplica::new(store.clone()).unwrap().identity();
        let engine = Engine::new(replica, &identity, options).unwrap();
        Node {
            store,
            engine,
            reports: Vec::new(),
            notices: Vec::new(),
            closes: Vec::new(),
            anews: 0,
            ahead_ms: 0,
        }
    }

    pub(super) fn id(&self) -> NodeId {
        self.engine.node()
    }

    pub(super) fn restart(&mut self) {
        self.engine = Node::of(self.store.clone(), Options::default()).engine;
    }

    pub(super) fn fingerprint(&self) -> chaski_crdt::fingerprint::Fingerprint {
        self.store
            .fingerprint(&chaski_store::ScopeFilter::all())
            .unwrap()
            .0
    }

    pub(super) fn records(&self) -> u64 {
        self.fingerprint().count
    }

    /// What is held here, as a round of repair names it.
    pub(super) fn items(&self) -> Vec<[u8; 32]> {
        let mut items = Vec::new();
        let all = chaski_store::ScopeFilter::all();
        let each = self.store.fingerprint_each(&all, &mut |_, id, _| items.push(id));
        each.unwrap();
        items
    }
}

/// Sender, priority, frame to frame.
type Tamper = Box<dyn FnMut(usize, Priority, Vec<u8>) -> Vec<u8>>;

/// Nodes and the sessions between them.
pub(super) struct Bus {
    pub(super) nodes: Vec<Node>,
    pub(super) now_ms: u64,
    /// (node, session) to the other end.
    ends: BTreeMap<(usize, SessionId), (usize, SessionId)>,
    /// Sessions that the other end has begun anew, and those that follow them.
    renewed: BTreeMap<(usize, SessionId), SessionId>,
    queue: VecDeque<(usize, Event)>,
    next: SessionId,
    /// Messages delivered, by priority.
    pub(super) delivered: u64,
    /// Hold messages up after so many.
    pub(super) deliver_max: Option<u64>,
    /// Every frame of changes comes twice.
    pub(super) repeats: bool,
    /// A node whose batches wait in `jobs` until a test takes them in.
    pub(super) slow: Option<usize>,
    /// Whether what the slow node wants kept waits in `keeps` as well.
    pub(super) is_keeping_slow: bool,
    pub(super) keeps: VecDeque<KeepJob>,
    pub(super) jobs: VecDeque<ApplyJob>,
    /// What is to be read waits here for its turn, for all nodes.
    pub(super) late: Option<late::Late>,
    /// Changes frames on their way, as a bad relay would.
    pub(super) tamper: Option<Tamper>,
}

impl Bus {
    /// A network of nodes; the first has founded it and certified the others.
    pub(super) fn new(count: usize) -> Bus {
        let (first, _) = store(1);
        let founding = Founding {
            name: "hub".into(),
            site: "H".into(),
            role: NodeRole::Hub,
            demo: false,
        };
        setup::found(&first, &founding).unwrap();
        let mut bus = Bus {
            nodes: vec![Node::of(first, Options::default())],
            now_ms: STARTED_MS + 60_000,
            ends: BTreeMap::new(),
            renewed: BTreeMap::new(),
            queue: VecDeque::new(),
            next: 1,
            delivered: 0,
            deliver_max: None,
            repeats: false,
            slow: None,
            is_keeping_slow: false,
            keeps: VecDeque::new(),
            jobs: VecDeque::new(),
            late: None,
            tamper: None,
        };
        for index in 1..count {
            bus.member_add(index, Scopes::All, Some(bus.now_ms + crate::trust::GRANT_MS));
        }
        bus
    }

    /// Certifies one more node and gives it what it needs.
    pub(super) fn member_add(&mut self, index: usize, scopes: Scopes, expires_ms: Option<u64>) -> usize {
        let (store, _) = store(u64::try_from(index).unwrap() + 1);
        self.member_add_with(index, scopes, expires_ms, store)
    }

    /// As [`Bus::member_add`], with a store of one's own making.
    pub(super) fn member_add_with(
        &mut self,
        index: usize,
        scopes: Scopes,
        expires_ms: Option<u64>,
        store: Store,
    ) -> usize {
        let key = SigningKey::from_bytes(&[u8::try_from(index).unwrap() + 100; 32]);
        let node = NodeId::of(&key);
        let now = now_at(self.now_ms);
        let hub = &mut self.nodes[0];
        let name = format!("clinic {index}");
        let member = Member {
            node,
            name,
            role: NodeRole::Clinic,
            site: String::new(),
        };
        hub.engine.issue(now, Statement::Member(member)).unwrap();
        hub.engine
            .issue(
                now,
                Statement::Grant(Grant {
                    node,
                    scopes,
                    expires_ms,
                }),
            )
            .unwrap();
        let statements: Vec<_> = hub.engine.trust().statements_after(0).cloned().collect();
        Trust::found(hub.engine.trust().root(), &statements)
            .unwrap()
            .save(&store)
            .unwrap();
        let identity = StoreReplica::new(hub.store.clone()).unwrap().identity();
        store
            .identity_set(&Identity {
                signing_seed: key.to_bytes(),
                network: identity.network,
                fingerprint_key: identity.fingerprint_key,
            })
            .unwrap();
        self.nodes.push(Node::of(store, Options::default()));
        self.nodes.len() - 1
    }

    /// Connects two nodes, as `peer` if someone only pretends to be the dialled one's peer.
    pub(super) fn connect(&mut self, a: usize, b: usize, request: Option<u64>) -> (SessionId, SessionId) {
        let (one, other) = (self.next, self.next + 1);
        self.next += 2;
        self.ends.insert((a, one), (b, other));
        self.ends.insert((b, other), (a, one));
        let (id_a, id_b) = (self.nodes[a].id(), self.nodes[b].id());
        let open = |session, peer, outbound, request| Event::Opened {
            session,
            peer,
            outbound,
            address: String::new(),
            request,
        };
        self.give(b, open(other, id_a, false, None));
        self.give(a, open(one, id_b, true, request));
        (one, other)
    }

    /// A node begins a session anew: of the two, the second to do so begins the one that the first has begun.
    fn anew(&mut self, node: usize, over: SessionId, again: Box<Again>) {
        let begun = self.renewed.remove(&(node, over));
        if begun.is_none() && !self.ends.contains_key(&(node, over)) {
            // The connection is gone, as the driver finds then.
            let session = self.next;
            self.next += 1;
            self.give(node, Event::Again { session, again });
            let reason = CloseReason::Lost("it was closed".to_owned());
            return self.give(node, Event::Closed { session, reason });
        }
        let session = begun.unwrap_or_else(|| {
            let (to, other) = self.ends.remove(&(node, over)).expect("a session that is there");
            self.ends.remove(&(to, other));
            // What is under way is given up.
            let is_kept = |(at, event): &(usize, Event)| {
                !matches!(event, Event::Message { session, .. } if (*at, *session) == (to, other))
            };
            self.queue.retain(is_kept);
            let (one, two) = (self.next, self.next + 1);
            self.next += 2;
            self.ends.insert((node, one), (to, two));
            self.ends.insert((to, two), (node, one));
            self.renewed.insert((to, other), two);
            self.queue.push_back((to, Event::Anew { session: other }));
            one
        });
        self.give(node, Event::Again { session, again });
    }

    pub(super) fn give(&mut self, node: usize, event: Event) {
        let now = Now {
            wall_ms: self.now_ms.saturating_add_signed(self.nodes[node].ahead_ms),
            ..now_at(self.now_ms)
        };
        let engine = &mut self.nodes[node].engine;
        let effects = match self.slow == Some(node) || self.late.is_some() {
            true => engine.handle(now, event),
            false => engine.handle_inline(now, event),
        };
        clocks::assert_no_wait_begins_later(engine);
        self.effects(node, effects);
    }

    pub(super) fn effects(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send {
                    session,
                    priority,
                    bytes,
                } => {
                    if std::env::var("TRACE").is_ok() {
                        let text = format!("{:?}", crate::wire::decode(&bytes));
                        eprintln!("{node}: {}", text.chars().take(900).collect::<String>());
                    }
                    let bytes = match &mut self.tamper {
                        Some(tamper) => tamper(node, priority, bytes),
                        None => bytes,
                    };
                    if let Some((to, session)) = self.ends.get(&(node, session)).copied() {
                        let copies = if self.repeats && priority != Priority::Control {
                            2
                        } else {
                            1
                        };
                        for bytes in std::iter::repeat_n(bytes, copies) {
                            self.queue.push_back((
                                to,
                                Event::Message {
                                    session,
                                    priority,
                                    bytes,
                                },
                            ));
                        }
                    }
                }
                Effect::Close { session, reason } => {
                    self.nodes[node].closes.push(reason.clone());
                    // It may be over at the other end already, which knows the connection by the next.
                    let session = self.renewed.remove(&(node, session)).unwrap_or(session);
                    if let Some((to, other)) = self.ends.remove(&(node, session)) {
                        self.ends.remove(&(to, other));
                        self.queue.push_back((
                            to,
                            Event::Closed {
                                session: other,
                                // Others are told by the words of the side that ended it.
                                reason: match reason {
                                    CloseReason::Full => CloseReason::FullThere,
                                    other => other,
                                },
                            },
                        ));
                    }
                }
                Effect::Anew { session, again } => {
                    self.nodes[node].anews += 1;
                    self.anew(node, session, again);
                }
                Effect::Report { outcome, .. } => self.nodes[node].reports.push(outcome.map(|r| *r)),
                Effect::Notice { text, .. } => self.nodes[node].notices.push(text),
                Effect::Apply(job) if self.late.is_some() => {
                    let done = job.run(self.nodes[node].engine.core.replica.as_ref());
                    self.give(node, Event::Applied(Box::new(done)));
                }
                Effect::Apply(job) => self.jobs.push_back(*job),
                Effect::Read(job) if self.late.is_some() => {
                    let replica = self.nodes[node].engine.core.replica.clone();
                    self.late.as_mut().unwrap().add(node, *job, replica.as_ref());
                }
                Effect::Read(job) => {
                    let done = job.run(self.nodes[node].engine.core.replica.as_ref());
                    self.give(node, Event::Read(Box::new(done)));
                }
                Effect::Keep(job) if self.is_keeping_slow && self.slow == Some(node) => {
                    self.keeps.push_back(*job)
                }
                Effect::Keep(job) => {
                    let done = job.run(self.nodes[node].engine.core.replica.as_ref());
                    self.give(node, Event::Kept(Box::new(done)));
                }
                Effect::Connect { .. } | Effect::Knock { .. } => {}
            }
        }
    }

    /// Delivers until nothing is under way but what `deliver_max` holds up.
    pub(super) fn run(&mut self) {
        let mut steps = 0;
        let mut held_up = VecDeque::new();
        while let Some((node, event)) = self.next_event() {
            steps += 1;
            assert!(steps < 200_000, "the exchange does not end");
            if matches!(event, Event::Message { .. }) {
                if self.deliver_max.is_some_and(|max| self.delivered >= max) {
                    held_up.push_back((node, event));
                    continue;
                }
                self.delivered += 1;
            }
            self.give(node, event);
        }
        self.queue = held_up;
    }

    /// What happens next: what a node hears, or what has been read for it.
    fn next_event(&mut self) -> Option<(usize, Event)> {
        let is_idle = self.queue.is_empty();
        let read = self.late.as_mut().and_then(|late| late.take(is_idle));
        match read {
            Some((node, read)) => {
                let done = read.run(self.nodes[node].engine.core.replica.as_ref());
                Some((node, Event::Read(Box::new(done))))
            }
            None => self.queue.pop_front(),
        }
    }

    /// Cuts every session.
    pub(super) fn cut(&mut self) {
        self.queue.clear();
        let ends: BTreeSet<_> = std::mem::take(&mut self.ends).into_keys().collect();
        for (node, session) in ends {
            self.give(
                node,
                Event::Closed {
                    session,
                    reason: CloseReason::Lost("cut".into()),
                },
            );
        }
        self.queue.clear();
    }

    /// One exchange, dialled by `a`; its report.
    pub(super) fn sync(&mut self, a: usize, b: usize) -> Result<SyncReport, CloseReason> {
        self.now_ms += 10_000;
        self.connect(a, b, Some(1));
        self.run();
        self.nodes[a].reports.pop().expect("a report")
    }

    pub(super) fn assert_equal(&self) {
        let first = self.nodes[0].fingerprint();
        for node in &self.nodes {
            assert_eq!(node.fingerprint(), first);
        }
    }
}
