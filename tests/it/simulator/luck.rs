//! Bad luck with whole machines: disks that fail, die, are put back and copied.
//!
//! A copy of a disk is a copy of a node: two machines with one key. Where the whole machine was
//! copied, its randomness was too, and both begin the same life: what they write before they hear
//! of each other may be one (author, sequence) twice, which no node can undo. After that none may
//! be lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaski_crdt::author::Writer;
use chaski_net::engine::Event;
use chaski_store::{ChangeHash, FaultKv, RecordKey, SignedChange};
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
        }
    }

    /// What stood on a lost disk alone, or stands only on a revoked node, is gone for good:
    /// nobody answers for it any more.
    pub fn forget_lost(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
        }
        for answering in 0..self.nodes.len() {
            let mut acknowledged = std::mem::take(&mut self.nodes[answering].acknowledged);
            acknowledged.retain(|change, key| {
                let mut members = self.nodes.iter().filter(|other| !other.revoked);
                members.any(|other| other.holds(key, change))
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
            is_ailing: false,
        });
        match whole {
            Some(whole) => {
                self.go_on(node, &whole);
                self.go_on(copy, &whole);
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

    /// A member signs what is no change of that record, and another node gets it. It is set
    /// aside: remembered, so that it is not asked for again, and nobody is in sync while it stands.
    pub fn slip_in(&mut self, node: usize) {
        let Some((key, change)) = self.bad_change() else {
            return;
        };
        if self.nodes[node].up.is_none() || self.nodes[node].is_ailing {
            return;
        }
        let store = self.nodes[node].store().clone();
        let (hash, author) = (change.hash().unwrap(), change.author.node);
        self.tell(format_args!("node {node} gets {hash} of {key}, which is bad"));
        let records = vec![(key.clone(), vec![change])];
        let report = store.apply_remote(&context(), &author, records, None).unwrap();
        assert_eq!(report.changes, 0, "a bad change was taken in");
        assert!(store.quarantined_count() > 0);
        assert!(
            self.nodes[node].holds(&key, &hash),
            "what was set aside would be asked for again"
        );
        self.engine_event(node, Event::LocalChange);
    }

    /// The first change of a record, signed by its author for another record.
    fn bad_change(&self) -> Option<(RecordKey, SignedChange)> {
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
