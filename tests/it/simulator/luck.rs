//! Bad luck with whole machines: disks that fail, die, are put back and copied.
//!
//! A copy of a disk is a copy of a node: two machines with one key. Where the whole machine was
//! copied, its randomness was too, and both begin the same life: what they write before they hear
//! of each other may be one (author, sequence) twice, which no node can undo. After that none may
//! be lost.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use chaski_crdt::author::Writer;
use chaski_net::engine::Event;
use chaski_store::{ChangeHash, FaultKv, RecordKey, ScopeFilter, SignedChange};
use ed25519_dalek::SigningKey;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::act::context;
use super::node::{Machine, Node};
use super::world::World;

/// Images of machines kept at a time.
const BACKUPS_MAX: usize = 4;
/// Writes on a machine that has just started from an image of the whole machine.
const FIRST_WRITES: std::ops::RangeInclusive<u32> = 1..=3;

/// Frames that arrive before such a machine's user goes on.
const FIRST_FRAMES: std::ops::Range<u32> = 2..16;

/// A disk image of a node, and what its user had been told was safe.
pub struct Backup {
    node: usize,
    kv: FaultKv,
    acknowledged: BTreeMap<ChangeHash, RecordKey>,
    whole: Option<Whole>,
}

/// What an image of a whole machine holds beside its disk.
#[derive(Clone)]
pub struct Whole {
    /// Its number among all images.
    image: u32,
    random: ChaCha8Rng,
    /// Whom its user was writing about.
    about: u32,
}

impl World {
    /// Stops a machine to take an image of all of it; it goes on from there at once.
    fn image(&mut self, node: usize) -> Whole {
        self.stop(node, 0.0, false);
        self.images += 1;
        Whole {
            image: self.images,
            random: self.nodes[node].machine.randomness(),
            about: self.dice.random(),
        }
    }

    /// A machine comes up from an image of all of it, and its user goes on writing.
    fn go_on(&mut self, node: usize, whole: &Whole) {
        self.nodes[node].machine.set_randomness(whole.random.clone());
        self.start(node);
        self.nodes[node].image = Some(whole.image);
        self.about = Some(whole.about);
        for _ in 0..self.dice.random_range(FIRST_WRITES) {
            self.write(node);
        }
        self.about = None;
        // From here on each machine gathers randomness of its own.
        let seed = self.dice.random();
        self.nodes[node].machine.reseed(seed);
    }

    pub fn back_up(&mut self, node: usize) {
        if self.nodes[node].up.is_none() || self.backups.len() >= BACKUPS_MAX {
            return;
        }
        let whole = self.dice.random_bool(0.5).then(|| self.image(node));
        self.tell(format_args!(
            "node {node} is backed up, the machine {}",
            whole.is_some()
        ));
        let original = &self.nodes[node];
        self.backups.push(Backup {
            node,
            kv: original.kv.crash(0, false),
            acknowledged: original.acknowledged.clone(),
            whole: whole.clone(),
        });
        if let Some(whole) = whole {
            self.go_on(node, &whole);
        }
    }

    /// The disk died; an old image of it is put back. What only that disk held is gone with it.
    pub fn restore(&mut self) {
        if self.backups.is_empty() {
            return;
        }
        let at = self.dice.random_range(0..self.backups.len());
        let backup = self.backups.swap_remove(at);
        let node = backup.node;
        self.tell(format_args!("node {node} is restored"));
        self.stop(node, 0.0, false);
        self.nodes[node].kv = Arc::new(backup.kv);
        self.nodes[node].acknowledged.extend(backup.acknowledged);
        self.forget_lost();
        if let Some(whole) = backup.whole {
            self.stop(node, 0.0, false);
            self.go_on(node, &whole);
            let other = self.pick_node();
            self.meets(node, other);
            self.write(node);
        }
    }

    /// A node calls another that may have met its copy, and hears some of what that one has to say.
    fn meets(&mut self, node: usize, other: usize) {
        self.sync(node, other);
        for _ in 0..self.dice.random_range(FIRST_FRAMES) {
            self.deliver_one();
        }
    }

    /// What stood on a lost disk alone, or stands only on a revoked node, is gone for good:
    /// nobody answers for it any more. What a failing disk has not synced, its node has told nobody
    /// it holds: such a disk is mended first, so that only what is durable counts as held.
    pub fn forget_lost(&mut self) {
        for node in 0..self.nodes.len() {
            self.disk_mended(node);
            self.start(node);
        }
        for answering in 0..self.nodes.len() {
            let mut acknowledged = std::mem::take(&mut self.nodes[answering].acknowledged);
            acknowledged.retain(|change, key| {
                let mut members = self.nodes.iter().filter(|other| !other.revoked);
                // One that waits for what it follows stands in no record yet, and a team that is given the
                // record no more never hears the rest.
                let keeps = |other: &Node| {
                    let is_given_all = self.nodes[0].gives_to(&other.id) == ScopeFilter::all();
                    other.holds(key, change) && (is_given_all || other.past(key).holds(change))
                };
                members.any(keeps)
            });
            self.nodes[answering].acknowledged = acknowledged;
        }
    }

    /// A second machine starts from a copy of the disk, under the same identity.
    pub fn clone_disk(&mut self, node: usize) {
        if self.has_copy() || self.nodes[node].up.is_none() {
            return;
        }
        let whole = self.dice.random_bool(0.5).then(|| self.image(node));
        let copy = self.nodes.len();
        self.tell(format_args!(
            "node {node} is cloned as {copy}, the machine {}",
            whole.is_some()
        ));
        // What the original heard, parts of a long record not yet whole included, its copy holds too.
        if let Some(heard) = self.network.heard.get(&node).cloned() {
            self.network.heard.insert(copy, heard);
        }
        let original = &self.nodes[node];
        let seed = self.dice.random();
        self.nodes.push(Node {
            id: original.id,
            identity: original.identity.clone(),
            master: original.master,
            kv: Arc::new(original.kv.crash(0, false)),
            machine: Machine::new(seed, self.now_ms),
            up: None,
            revoked: original.revoked,
            acknowledged: BTreeMap::new(),
            engine_ms: original.engine_ms,
            image: None,
            heard: BTreeMap::new(),
            pasts: RefCell::default(),
            is_ailing: false,
        });
        match whole {
            Some(whole) => {
                let other = self.pick_node();
                self.go_on(node, &whole);
                self.meets(node, other);
                self.go_on(copy, &whole);
                self.meets(copy, other);
                self.write(copy);
            }
            None => self.start(copy),
        }
    }

    /// Whether some node is there twice.
    pub fn has_copy(&self) -> bool {
        let ids: std::collections::BTreeSet<_> = self.nodes.iter().map(|node| node.id).collect();
        self.nodes.len() > ids.len()
    }

    /// A disk is full or cannot sync, until it is mended or the power is cut.
    pub fn disk_ails(&mut self, node: usize) {
        if self.nodes[node].is_ailing {
            self.disk_mended(node);
            return;
        }
        self.nodes[node].is_ailing = true;
        if self.dice.random_bool(0.5) {
            self.tell(format_args!("node {node}'s disk is full"));
            self.nodes[node].kv.full(true);
        } else {
            self.tell(format_args!("node {node}'s disk fails to sync"));
            let after = self.dice.random_range(0..3);
            self.nodes[node].kv.sync_error_after(Some(after));
        }
    }

    /// A store that could not sync is opened again; one on a full disk goes on.
    pub fn disk_mended(&mut self, node: usize) {
        if self.nodes[node].is_ailing {
            let share = self.dice.random_range(0.0..=1.0);
            self.stop(node, share, false);
            self.start(node);
        }
    }

    /// A node gets something bad: a change that a member signed for another record, or a good one
    /// whose signature was broken on the way. Each is set aside, and nobody is in sync while it
    /// stands; the first is not asked for again, the second still comes whole.
    pub fn slip_in(&mut self, node: usize) {
        if self.nodes[node].up.is_none() || self.nodes[node].is_ailing {
            return;
        }
        let is_signed = self.dice.random_bool(0.5);
        let bad = match is_signed {
            true => self.misfiled_change(),
            false => self.broken_change(node),
        };
        let Some((key, change)) = bad else {
            return;
        };
        let store = self.nodes[node].store().clone();
        let (hash, author) = (change.hash().unwrap(), change.author.node);
        self.tell(format_args!("node {node} gets {hash} of {key}, which is bad"));
        let records = vec![(key.clone(), vec![change])];
        let report = store.apply_remote(&context(), &author, records, None).unwrap();
        assert_eq!(report.changes, 0, "a bad change was taken in");
        assert!(store.quarantined_count() > 0);
        assert_eq!(
            self.nodes[node].holds(&key, &hash),
            is_signed,
            "what was set aside would be asked for again, or a good change no more"
        );
        self.engine_event(node, Event::LocalChange);
    }

    /// An acknowledged change that a node lacks, its signature broken.
    fn broken_change(&self, node: usize) -> Option<(RecordKey, SignedChange)> {
        let others = self.nodes.iter().filter(|other| other.up.is_some());
        let mut lacking = others.flat_map(|other| {
            let written = other.acknowledged.iter().map(move |write| (other, write));
            written.filter(|(_, (change, key))| !self.nodes[node].holds(key, change))
        });
        let (other, (change, key)) = lacking.next()?;
        let changes = other.store().signed_changes(key).unwrap();
        let found = changes
            .into_iter()
            .find(|found| found.hash().ok() == Some(*change));
        let mut broken = found?;
        broken.signature[0] ^= 1;
        Some((key.clone(), broken))
    }

    /// The first change of a record, signed by its author for another record.
    fn misfiled_change(&self) -> Option<(RecordKey, SignedChange)> {
        let from = self.nodes.iter().find(|node| node.up.is_some())?;
        let keys = from.store().keys().unwrap();
        let (key, other) = (keys.first()?, keys.last()?);
        let first = from.store().signed_changes(key).unwrap().into_iter().next()?;
        let author = self.nodes.iter().find(|node| node.id == first.author.node)?;
        let mut next_seq = first.author_seq;
        let mut writer = Writer {
            signer: &SigningKey::from_bytes(&author.identity.signing_seed),
            network: author.identity.network,
            incarnation: first.author.incarnation,
            next_seq: &mut next_seq,
        };
        let change = writer.sign(other, first.bytes).unwrap();
        (key != other).then(|| (other.clone(), change))
    }
}
