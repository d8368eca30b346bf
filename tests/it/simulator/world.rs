//! All nodes and the network between them; what must hold in the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::{Authority, Grant, Member, NodeRole, Scopes, Statement};
use chaski_net::engine::{CloseReason, Effect, Engine, Event, SessionId};
use chaski_net::setup::{Founding, found};
use chaski_net::trust::Trust;
use chaski_store::{ChangeHash, FaultKv, Identity, RecordKey, ScopeFilter, Store, Write};
use ed25519_dalek::SigningKey;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::act;
use super::ledger::Entry;
use super::luck::Backup;
use super::network::{Network, pair};
use super::node::{Machine, Node, options};

const START_MS: u64 = 1_790_000_000_000;
const STEPS: u32 = 60;
/// Rounds in which every pair meets, after the network has healed.
const HEAL_ROUNDS: usize = 3;
/// Rounds after what was written then.
const LAST_ROUNDS: usize = 2;
const DELIVERIES_MAX: usize = 20_000;

struct SyncAsked {
    from: usize,
    to: usize,
    /// What both ends answered for when it was asked.
    held: Vec<(RecordKey, ChangeHash)>,
    /// Ends at which something stood aside then.
    unclean: Vec<usize>,
}

/// What somebody at a node does to its records next, if anything.
pub type Author = fn(&mut World, usize) -> Option<Write>;

pub struct World {
    pub dice: ChaCha8Rng,
    pub now_ms: u64,
    pub nodes: Vec<Node>,
    pub network: Network,
    pub author: Author,
    /// Every write that was ever acknowledged, with what it did.
    pub ledger: BTreeMap<ChangeHash, Entry>,
    /// Whom people write about just now, where that is no matter of chance.
    pub about: Option<u32>,
    /// Images of whole machines taken so far.
    pub images: u32,
    pub backups: Vec<Backup>,
    /// Now and then two that are in touch begin anew on the same connection.
    pub begins_anew: bool,
    asked: BTreeMap<u64, SyncAsked>,
    next_request: u64,
    reports: Vec<(u64, bool)>,
    told: bool,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let count = dice.random_range(3..=7);
        World::of(seed, dice, &vec![Scopes::All; count], act::any_write)
    }

    /// A world of nodes with these grants; the first one's is always of all.
    pub fn of(seed: u64, dice: ChaCha8Rng, grants: &[Scopes], author: Author) -> World {
        let mut world = World {
            nodes: found_network(seed, grants),
            dice,
            now_ms: START_MS,
            network: Network::default(),
            author,
            ledger: BTreeMap::new(),
            about: None,
            images: 0,
            backups: Vec::new(),
            begins_anew: seed % 4 == 1,
            asked: BTreeMap::new(),
            next_request: 0,
            reports: Vec::new(),
            told: std::env::var_os("CHASKI_TRACE").is_some(),
        };
        for node in &mut world.nodes {
            node.start();
        }
        world
    }

    pub fn live(&mut self) {
        for _ in 0..STEPS {
            self.act();
        }
    }

    /// The network is whole again; everyone comes back and meets everyone.
    pub fn heal(&mut self) {
        self.network.cut.clear();
        for node in 0..self.nodes.len() {
            self.disk_mended(node);
            self.start(node);
            self.nodes[node].store().quarantine_forget().unwrap();
            let machine = &self.nodes[node].machine;
            machine.jump_to(self.now_ms);
        }
        self.meet(HEAL_ROUNDS);
        if std::mem::take(&mut self.images) > 0 {
            self.write_on();
        }
    }

    /// Where machines were copied whole: all of them have heard of each other by now, so nothing
    /// that is written from here on may be lost. But for those that have said the same word for word
    /// until now: nobody could tell them from one.
    fn write_on(&mut self) {
        let said = |node: &Node| (node.image, node.store().incarnation());
        let all: Vec<_> = self.nodes.iter().map(said).collect();
        for node in &mut self.nodes {
            let alike = all.iter().filter(|other| **other == said(node)).count();
            node.image = node.image.filter(|_| alike > 1);
        }
        self.about = Some(self.dice.random());
        for node in 0..self.nodes.len() {
            self.write(node);
            self.write(node);
        }
        self.about = None;
        self.meet(LAST_ROUNDS);
    }

    /// Every pair meets, so many times.
    fn meet(&mut self, rounds: usize) {
        for _ in 0..rounds {
            for a in 0..self.nodes.len() {
                for b in 0..a {
                    self.sync(a, b);
                    self.settle();
                    self.advance(5_000);
                    self.settle();
                }
            }
        }
    }

    /// With `CHASKI_TRACE=1`, what happens is told as it happens.
    pub fn tell(&self, what: std::fmt::Arguments<'_>) {
        if self.told {
            eprintln!("{what}");
        }
    }

    pub fn pick_node(&mut self) -> usize {
        self.dice.random_range(0..self.nodes.len())
    }

    pub fn advance(&mut self, ms: u64) {
        self.now_ms += ms;
        for node in 0..self.nodes.len() {
            self.nodes[node].machine.advance(ms);
            self.nodes[node].engine_ms += ms;
            self.engine_event(node, Event::Tick);
        }
    }

    pub fn sync(&mut self, from: usize, to: usize) {
        let same = self.nodes[from].id == self.nodes[to].id;
        if same || self.nodes[from].up.is_none() || self.nodes[to].up.is_none() {
            return;
        }
        self.next_request += 1;
        let request = self.next_request;
        let mut held = self.answerable(from, to);
        held.extend(self.answerable(to, from));
        let is_unclean = |node: &usize| self.nodes[*node].store().quarantined_count() > 0;
        let unclean = [from, to].into_iter().filter(is_unclean).collect();
        let asked = SyncAsked {
            from,
            to,
            held,
            unclean,
        };
        self.asked.insert(request, asked);
        let peer = Some(self.nodes[to].id);
        self.engine_event(
            from,
            Event::Sync {
                request,
                peer,
                address: Some(to.to_string()),
            },
        );
    }

    /// What a node answers for and may give another, whether or not that one may hold the like
    /// itself. A disk put back from a backup does not hold all its user was once told.
    fn answerable(&self, node: usize, other: usize) -> Vec<(RecordKey, ChangeHash)> {
        let node = &self.nodes[node];
        let given = node.gives_to(&self.nodes[other].id);
        let mut given_of: BTreeMap<&RecordKey, bool> = BTreeMap::new();
        let mut held = Vec::new();
        for (change, key) in &node.acknowledged {
            let is_given = given_of.entry(key).or_insert_with(|| node.admits(&given, key));
            if *is_given && node.past(key).holds(change) {
                held.push((key.clone(), *change));
            }
        }
        held
    }

    /// Gives an event to a node's engine and does what it wants done.
    pub fn engine_event(&mut self, node: usize, event: Event) {
        let mut queue = VecDeque::from([(node, event)]);
        while let Some((node, event)) = queue.pop_front() {
            let hello = self.nodes[node].hello_of(&event);
            let is_slow = self.nodes[node].is_slow();
            let now_ms = self.nodes[node].engine_ms;
            let Some(up) = self.nodes[node].up.as_mut() else {
                continue;
            };
            let effects = if is_slow {
                up.engine.handle(now_ms, event)
            } else {
                up.engine.handle_inline(now_ms, event)
            };
            if let Some((session, life, seq)) = hello
                && up.engine.is_live(session)
            {
                let heard = self.nodes[node].heard.entry(life).or_default();
                *heard = seq.max(*heard);
            }
            for effect in effects {
                self.effect(node, effect, &mut queue);
            }
        }
    }

    fn effect(&mut self, node: usize, effect: Effect, queue: &mut VecDeque<(usize, Event)>) {
        let Some(up) = self.nodes[node].up.as_mut() else {
            return;
        };
        let Some(effect) = up.work.take(effect) else {
            return;
        };
        match effect {
            Effect::Send {
                session,
                priority,
                bytes,
            } => self.network.send(session, node, priority, bytes),
            Effect::Close { session, reason } => {
                // It may be over at the other end already, which knows the connection by the next.
                let session = self.network.renewed.remove(&session).unwrap_or(session);
                if let Some(connection) = self.network.connections.remove(&session) {
                    queue.push_back((connection.other(node), Event::Closed { session, reason }));
                }
            }
            Effect::Anew { session, again } => {
                // Of the two, the second to do so begins the session that the first has begun.
                let begun = self.network.renewed.remove(&session);
                let next = match begun {
                    Some(next) => next,
                    None => {
                        let (other, next) = self.network.renew(session, node);
                        queue.push_back((other, Event::Anew { session }));
                        next
                    }
                };
                queue.push_back((node, Event::Again { session: next, again }));
            }
            Effect::Connect {
                peer,
                addresses,
                request,
            } => self.dial(node, peer, &addresses, request, queue),
            Effect::Report {
                request,
                outcome,
                session,
            } => {
                if let Ok(report) = &outcome {
                    // Nobody lies here: what comes before its author's certificate waits.
                    assert!(
                        report.refused.is_empty(),
                        "node {node} refused: {:?}",
                        report.refused
                    );
                }
                let in_sync = outcome.is_ok_and(|report| report.in_sync);
                self.tell(format_args!(
                    "request {request} of node {node}: in sync {in_sync}"
                ));
                self.reports.push((request, in_sync));
                // Of two machines with one identity, it may be the other that answered.
                let ends = session
                    .and_then(|session| self.network.ends.get(&session))
                    .copied();
                let asked = self.asked.remove(&request).filter(|_| in_sync);
                if let Some(asked) = asked.filter(|asked| ends == Some(pair(asked.from, asked.to))) {
                    self.check_in_sync(&asked);
                }
            }
            Effect::Apply(_) | Effect::Read(_) | Effect::Keep(_) => unreachable!("work"),
            // A knock finds nobody here: peers are dialled.
            Effect::Notice { .. } | Effect::Knock { .. } => {}
        }
    }

    fn dial(
        &mut self,
        node: usize,
        peer: Option<NodeId>,
        addresses: &[String],
        request: Option<u64>,
        queue: &mut VecDeque<(usize, Event)>,
    ) {
        let to = addresses.iter().find_map(|address| address.parse::<usize>().ok());
        let reachable = to.filter(|to| {
            self.nodes[*to].up.is_some()
                && !self.network.cut.contains(&pair(node, *to))
                && peer.is_none_or(|peer| self.nodes[*to].id == peer)
        });
        let Some(to) = reachable else {
            let address = addresses.first().cloned().unwrap_or_default();
            queue.push_back((
                node,
                Event::DialFailed {
                    peer,
                    request,
                    address,
                },
            ));
            return;
        };
        let session = self.network.open(node, to);
        let opened = |peer, outbound, address: usize, request| Event::Opened {
            session,
            peer,
            outbound,
            address: address.to_string(),
            request,
        };
        queue.push_back((node, opened(self.nodes[to].id, true, to, request)));
        queue.push_back((to, opened(self.nodes[node].id, false, node, None)));
    }

    /// One frame arrives, once or (rarely) twice, or a slow disk has done one thing.
    pub fn deliver_one(&mut self) -> bool {
        let streams = self.network.in_flight();
        let at_work = |node: &usize| {
            self.nodes[*node]
                .up
                .as_ref()
                .is_some_and(|up| !up.work.is_empty())
        };
        let at_work: Vec<usize> = (0..self.nodes.len()).filter(at_work).collect();
        if streams.is_empty() && at_work.is_empty() {
            return false;
        }
        let pick = self.dice.random_range(0..streams.len() + at_work.len());
        let Some((session, way, priority)) = streams.get(pick).copied() else {
            let node = at_work[pick - streams.len()];
            let up = self.nodes[node].up.as_mut().expect("it is at work");
            if let Some(event) = up.work.one(&up.replica, &mut self.dice) {
                self.engine_event(node, event);
            }
            return true;
        };
        let twice = self.dice.random_bool(0.02);
        let connection = self.network.connections.get_mut(&session).unwrap();
        let to = connection.receiver(way);
        let (priority, bytes) = connection
            .flights
            .get_mut(&(way, priority))
            .unwrap()
            .pop_front()
            .unwrap();
        if twice {
            self.engine_event(
                to,
                Event::Message {
                    session,
                    priority,
                    bytes: bytes.clone(),
                },
            );
        }
        self.engine_event(
            to,
            Event::Message {
                session,
                priority,
                bytes,
            },
        );
        true
    }

    /// Lets all that is in flight arrive.
    fn settle(&mut self) {
        for _ in 0..DELIVERIES_MAX {
            if !self.deliver_one() {
                return;
            }
        }
        panic!("the nodes never stop talking");
    }

    /// The connection is gone with all in flight.
    pub fn lose(&mut self, session: SessionId) {
        if let Some(connection) = self.network.connections.remove(&session) {
            for node in [connection.dialler, connection.listener] {
                let reason = CloseReason::Lost("simulated".to_owned());
                self.engine_event(node, Event::Closed { session, reason });
            }
        }
    }

    /// One of two that are in touch gives up what is under way between them, and both begin anew.
    pub fn begin_anew(&mut self, node: usize) {
        let Some(up) = self.nodes[node].up.as_ref() else {
            return;
        };
        let met: Vec<SessionId> = up
            .engine
            .session_ids()
            .filter(|id| up.engine.is_live(*id))
            .collect();
        if !met.is_empty() {
            let session = met[self.dice.random_range(0..met.len())];
            self.tell(format_args!("node {node} begins session {session} anew"));
            self.engine_event(node, Event::Anew { session });
        }
    }

    pub fn stop(&mut self, node: usize, keep_share: f64, garble: bool) {
        self.tell(format_args!("node {node} stops"));
        self.nodes[node].crash(keep_share, garble);
        for session in self.network.sessions_of(node) {
            self.lose(session);
        }
        self.asked.retain(|_, asked| asked.from != node);
    }

    pub fn start(&mut self, node: usize) {
        if self.nodes[node].up.is_none() {
            self.nodes[node].start();
        }
    }

    /// The founder revokes somebody; others hear of it in any order.
    pub fn revoke(&mut self) {
        let victim = self.dice.random_range(1..self.nodes.len());
        let id = self.nodes[victim].id;
        let many = self.nodes.iter().filter(|node| node.revoked).count() > 0;
        if many || id == self.nodes[0].id || self.nodes[0].up.is_none() || self.nodes[0].is_ailing {
            return;
        }
        self.tell(format_args!("node {victim} is revoked"));
        self.founder_says(|engine, now_ms| engine.revoke(now_ms, id, "lost".to_owned()).unwrap());
        for node in self.nodes.iter_mut().filter(|node| node.id == id) {
            node.revoked = true;
        }
        self.forget_lost();
    }

    /// The founder changes what a node may hold.
    pub fn grant(&mut self, node: usize, scopes: Scopes) {
        let grant = Grant {
            node: self.nodes[node].id,
            scopes,
            expires_ms: None,
        };
        self.founder_says(|engine, now_ms| engine.issue(now_ms, Statement::Grant(grant)).unwrap());
    }

    fn founder_says(&mut self, say: impl FnOnce(&mut Engine, u64) -> Vec<Effect>) {
        let now_ms = self.nodes[0].engine_ms;
        let up = self.nodes[0].up.as_mut().unwrap();
        let effects = say(&mut up.engine, now_ms);
        let mut queue = VecDeque::new();
        for effect in effects {
            self.effect(0, effect, &mut queue);
        }
        for (node, event) in queue {
            self.engine_event(node, event);
        }
    }

    fn check_in_sync(&self, asked: &SyncAsked) {
        for end in [asked.from, asked.to] {
            if self.nodes[end].up.is_none() {
                continue;
            }
            let store = self.nodes[end].store();
            assert!(
                !asked.unclean.contains(&end) || store.quarantined_count() == 0,
                "in sync was said between {} and {}, and node {end} has set something aside",
                asked.from,
                asked.to
            );
            for (key, change) in &asked.held {
                // A disk put back meanwhile may have taken a write with it.
                let answerable = self
                    .nodes
                    .iter()
                    .any(|node| node.acknowledged.contains_key(change));
                assert!(
                    !answerable || self.nodes[end].past(key).holds(change),
                    "in sync was said between {} and {}, and node {end} lacks change {change} of {key}; {}",
                    asked.from,
                    asked.to,
                    self.who()
                );
            }
        }
    }

    /// The nodes in a line, for whoever reads a failure.
    pub fn who(&self) -> String {
        let nodes = self.nodes.iter().enumerate().map(|(index, node)| {
            let revoked = if node.revoked { " revoked" } else { "" };
            format!("{index}={}{revoked}", node.id.short())
        });
        nodes.collect::<Vec<_>>().join(", ")
    }

    pub fn members(&self) -> impl Iterator<Item = (usize, &Node)> {
        self.nodes.iter().enumerate().filter(|(_, node)| !node.revoked)
    }

    pub fn check(&self) {
        let export = |store: &Store| {
            let keys = store.keys().unwrap();
            let records = keys.iter().flat_map(|key| store.raw(key).unwrap());
            records.map(|(json, _)| json.canonical()).collect::<Vec<_>>()
        };
        let first = self.nodes[0].store();
        let (fingerprint, shown) = (first.fingerprint(&ScopeFilter::all()).unwrap().0, export(first));
        for (index, node) in self.members() {
            let store = node.store();
            assert_eq!(store.quarantined_count(), 0, "node {index} set something aside");
            assert_eq!(store.awaiting_count(), 0, "node {index} waits for an author");
            self.check_acknowledged(index, |_| true);
            assert_eq!(
                store.fingerprint(&ScopeFilter::all()).unwrap().0,
                fingerprint,
                "node {index} differs"
            );
            assert!(export(store) == shown, "node {index} shows something else");
        }
        self.check_documents(0);
    }

    /// Requests that have ended, and whether "in sync" was the answer.
    pub fn reports(&self) -> &[(u64, bool)] {
        &self.reports
    }

    /// What a run came to, to be compared with the same seed's next run.
    pub fn trace(&self) -> (Vec<(u64, bool)>, Vec<String>) {
        let fingerprints = self.nodes.iter().map(|node| {
            format!(
                "{:?} at {}",
                node.store().fingerprint(&ScopeFilter::all()).unwrap().0,
                node.store().position()
            )
        });
        (self.reports.clone(), fingerprints.collect())
    }
}

/// One network: the first node founds it, the others hold certificates and these grants. With every other
/// seed each has joined when the ones after it had not yet: it hears of them with their records, in any order.
fn found_network(seed: u64, grants: &[Scopes]) -> Vec<Node> {
    let mut nodes = Vec::new();
    let machine = Machine::new(seed ^ 0xf0, START_MS);
    let kv = Arc::new(FaultKv::new());
    let master = [1; 32];
    let store = Store::create_on(kv.clone(), &master, machine.clone(), options()).unwrap();
    let founding = Founding {
        name: "n0".to_owned(),
        site: String::new(),
        role: NodeRole::from("clinic"),
        demo: false,
    };
    let id = found(&store, &founding).unwrap();
    let founder_key = store.signing_key().unwrap();
    let identity = Identity {
        signing_seed: founder_key.to_bytes(),
        network: store.identity().unwrap().network,
        fingerprint_key: store.fingerprint_secret().unwrap(),
    };
    let mut trust = Trust::load(&store, identity.network).unwrap();
    let keys: Vec<SigningKey> = (1..grants.len())
        .map(|n| SigningKey::from_bytes(&[n as u8 + 1; 32]))
        .collect();
    let mut known: Vec<Vec<Vec<u8>>> = Vec::new();
    for (n, key) in keys.iter().enumerate() {
        let node = NodeId::of(key);
        let member = Member {
            node,
            name: format!("n{}", n + 1),
            role: NodeRole::from("clinic"),
            site: String::new(),
        };
        trust
            .issue(&store, &founder_key, Statement::Member(member))
            .unwrap();
        let grant = Grant {
            node,
            scopes: grants[n + 1].clone(),
            expires_ms: None,
        };
        trust
            .issue(&store, &founder_key, Statement::Grant(grant))
            .unwrap();
        known.push(trust.statements_after(0).cloned().collect());
    }
    if seed.is_multiple_of(2) {
        let all = known.last().cloned().unwrap_or_default();
        known.iter_mut().for_each(|of_node| of_node.clone_from(&all));
    }
    drop(store);
    nodes.push(node(id, identity.clone(), master, kv, machine));
    let authority: Authority = trust.authority().clone();
    for (n, key) in keys.iter().enumerate() {
        let machine = Machine::new(seed ^ (n as u64 + 0x100), START_MS);
        let (kv, master) = (Arc::new(FaultKv::new()), [n as u8 + 2; 32]);
        let store = Store::create_on(kv.clone(), &master, machine.clone(), options()).unwrap();
        Trust::found(authority.root(), &known[n])
            .unwrap()
            .save(&store)
            .unwrap();
        let identity = Identity {
            signing_seed: key.to_bytes(),
            ..identity.clone()
        };
        store.identity_set(&identity).unwrap();
        drop(store);
        nodes.push(node(NodeId::of(key), identity, master, kv, machine));
    }
    nodes
}

fn node(id: NodeId, identity: Identity, master: [u8; 32], kv: Arc<FaultKv>, machine: Arc<Machine>) -> Node {
    Node {
        id,
        identity,
        master,
        kv,
        machine,
        up: None,
        revoked: false,
        acknowledged: BTreeMap::new(),
        engine_ms: START_MS,
        image: None,
        heard: BTreeMap::new(),
        pasts: RefCell::default(),
        is_ailing: false,
    }
}
