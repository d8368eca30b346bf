//! Which addresses are known of the network's nodes, and from where.
//!
//! Invariants: bounded by the number of members; of each node its own newest word is held, whoever brought it;
//! kept in the store, so that a node whose hub is gone after a power cut still finds its neighbours; what is
//! only heard of takes no place from an address that was reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use chaski_crdt::author::NodeId;
use serde::{Deserialize, Serialize};

use super::rates::DirectoryRates;
use crate::limits::{DIRECTORY_SUMS_MAX, PEERS_MAX};
use crate::replica::{Documents, ReplicaError};
use crate::whereabouts::{Whereabouts, is_dialable};

/// Name of the store's document: a version byte, then [`Kept`].
const BOOK_DOCUMENT: &str = "net/addresses";
/// Version of that document.
const BOOK_VERSION: u8 = 1;
/// Nodes in one bucket of [`Book::sums`], about.
const BUCKET_NODES: usize = 4;

/// From where an address of a peer is known that it did not tell itself. Grows at its end only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// This node joined there.
    Joined,
    /// It stands in the configuration.
    Configured,
    /// Somebody asked for an exchange there.
    Asked,
    /// It was announced on the local network.
    Heard,
    /// The peer itself dialled from that address.
    Met,
}

impl Origin {
    /// Whether the peer is one that this node is to be in touch with: it joined there, or is configured to. An
    /// exchange that was asked for once binds nobody.
    pub(crate) fn is_named(self) -> bool {
        matches!(self, Origin::Joined | Origin::Configured)
    }
}

/// What [`BOOK_DOCUMENT`] holds.
type Kept = (Vec<(Whereabouts, NodeId)>, Vec<(NodeId, Vec<(String, Origin)>)>);

#[derive(Debug)]
struct Entry {
    said: Whereabouts,
    /// Who brought it.
    via: NodeId,
    number: u64,
    digest: u64,
}

/// Addresses of the network's nodes.
#[derive(Debug, Default)]
pub(crate) struct Book {
    entries: BTreeMap<NodeId, Entry>,
    origins: BTreeMap<NodeId, BTreeMap<String, Origin>>,
    /// The number of the latest entry.
    top: u64,
    digest: u64,
    is_dirty: bool,
    /// How much more may be brought to it now.
    pub(super) rates: DirectoryRates,
}

impl Book {
    pub(crate) fn load(replica: &dyn Documents) -> Result<Book, ReplicaError> {
        // What cannot be read is begun anew: nodes tell it again.
        let kept = replica.document(BOOK_DOCUMENT)?.and_then(|bytes| {
            let (version, rest) = bytes.split_first()?;
            (*version == BOOK_VERSION).then(|| postcard::from_bytes::<Kept>(rest).ok())?
        });
        let mut book = Book::default();
        let (said, origins) = kept.unwrap_or_default();
        for (said, via) in said {
            book.take(said, via, u64::MAX);
        }
        book.origins = origins
            .into_iter()
            .take(PEERS_MAX)
            .map(|(node, rows)| (node, rows.into_iter().collect()))
            .collect();
        book.is_dirty = false;
        Ok(book)
    }

    /// What is to be saved, if something changed; it counts as saved.
    pub(crate) fn unsaved(&mut self) -> Option<(String, Option<Vec<u8>>)> {
        if !std::mem::take(&mut self.is_dirty) {
            return None;
        }
        let said: Vec<_> = self.entries.values().map(|e| (&e.said, e.via)).collect();
        let rows = |(node, rows): (&NodeId, &BTreeMap<String, Origin>)| {
            let rows: Vec<(String, Origin)> = rows.iter().map(|(at, from)| (at.clone(), *from)).collect();
            (*node, rows)
        };
        let origins: Vec<_> = self.origins.iter().map(rows).collect();
        // Nothing of it is a value that could not be written.
        let bytes = postcard::to_extend(&(said, origins), vec![BOOK_VERSION]).ok()?;
        Some((BOOK_DOCUMENT.to_owned(), Some(bytes)))
    }

    pub(crate) fn save_failed(&mut self) {
        self.is_dirty = true;
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Takes a member's word in, which was verified; whether it is news. `latest` is the highest serial that may be.
    pub(crate) fn take(&mut self, said: Whereabouts, via: NodeId, latest: u64) -> bool {
        let node = said.node;
        let has_room = self.entries.len() < PEERS_MAX || self.entries.contains_key(&node);
        if !has_room || !self.is_news(&said, latest) {
            return false;
        }
        self.remove(&node);
        self.top += 1;
        let digest = said.digest();
        self.digest = self.digest.wrapping_add(digest);
        let entry = Entry {
            said,
            via,
            number: self.top,
            digest,
        };
        self.entries.insert(node, entry);
        self.is_dirty = true;
        true
    }

    /// A node that knows the same as this one stands by what was heard of it.
    pub(crate) fn confirm(&mut self, node: &NodeId) {
        if let Some(entry) = self.entries.get_mut(node)
            && entry.via != *node
        {
            entry.via = *node;
            self.is_dirty = true;
        }
    }

    /// Whether it counts instead of what is held. What was held of a serial that cannot be, as an earlier build or a
    /// clock that stood wrong took it, gives way to any that can.
    pub(crate) fn is_news(&self, said: &Whereabouts, latest: u64) -> bool {
        let is_later = |entry: &Entry| said.is_newer(&entry.said) || entry.said.serial > latest;
        said.serial <= latest && self.entries.get(&said.node).is_none_or(is_later)
    }

    fn remove(&mut self, node: &NodeId) {
        if let Some(entry) = self.entries.remove(node) {
            self.digest = self.digest.wrapping_sub(entry.digest);
            self.is_dirty = true;
        }
    }

    /// Forgets those that are no members any more.
    pub(crate) fn retain(&mut self, is_member: impl Fn(&NodeId) -> bool) {
        let gone: Vec<NodeId> = self
            .entries
            .keys()
            .filter(|node| !is_member(node))
            .copied()
            .collect();
        gone.iter().for_each(|node| self.remove(node));
    }

    /// The number of the latest entry.
    pub(crate) fn top(&self) -> u64 {
        self.top
    }

    /// Equal at two nodes that hold the same.
    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Digests of parts of it, by which two nodes find in what they differ.
    pub(crate) fn sums(&self) -> Vec<u32> {
        let buckets = self.entries.len().div_ceil(BUCKET_NODES).next_power_of_two();
        self.sums_in(buckets.min(DIRECTORY_SUMS_MAX))
    }

    fn sums_in(&self, buckets: usize) -> Vec<u32> {
        let mut sums = vec![0_u32; buckets];
        for (node, entry) in &self.entries {
            if let Some(sum) = sums.get_mut(bucket(node, buckets)) {
                // Its low half: half of a digest is one too.
                *sum = sum.wrapping_add(u32::try_from(entry.digest & u64::from(u32::MAX)).unwrap_or(0));
            }
        }
        sums
    }

    /// What stands in the parts that differ from another's, by their sums.
    pub(crate) fn differing(&self, theirs: &[u32]) -> Vec<(u64, Whereabouts)> {
        let mine = self.sums_in(theirs.len());
        let differ = |node: &NodeId| {
            let at = bucket(node, theirs.len());
            mine.get(at) != theirs.get(at)
        };
        let entries = self.entries.iter().filter(|(node, _)| differ(node));
        entries
            .map(|(_, entry)| (entry.number, entry.said.clone()))
            .collect()
    }

    /// What was taken in after a number.
    pub(crate) fn after(&self, number: u64) -> Vec<(u64, Whereabouts)> {
        let entries = self.entries.values().filter(|entry| entry.number > number);
        entries.map(|entry| (entry.number, entry.said.clone())).collect()
    }

    /// What a node says of itself, and who brought it.
    pub(crate) fn said(&self, node: &NodeId) -> Option<(&Whereabouts, NodeId)> {
        self.entries.get(node).map(|entry| (&entry.said, entry.via))
    }

    /// The nodes that have said where they are reached.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.entries.keys()
    }

    /// Where a node may be dialled by its own word. An address of its own machine is of use there alone:
    /// to a node that is itself reached nowhere else.
    pub(crate) fn told(&self, node: &NodeId, me: &NodeId) -> Vec<String> {
        let is_only_here = |node: &NodeId| {
            let said = self.entries.get(node).map(|entry| &entry.said.addresses);
            said.is_some_and(crate::addresses::are_only_here)
        };
        let is_same_machine = is_only_here(me);
        let is_meant = |address: &&SocketAddr| {
            is_dialable(address) && (is_same_machine || !address.ip().to_canonical().is_loopback())
        };
        let said = self
            .entries
            .get(node)
            .map(|entry| entry.said.addresses.as_slice());
        let said = said.unwrap_or_default().iter().filter(is_meant);
        said.map(ToString::to_string).collect()
    }

    /// From where an address is known; nothing where that was not noted, as by earlier builds.
    pub(crate) fn origin(&self, node: &NodeId, address: &str) -> Option<Origin> {
        self.origins.get(node)?.get(address).copied()
    }

    /// Notes from where an address of a node is known, and forgets those that are known no more. What
    /// somebody named stays so, however it is met later.
    pub(crate) fn originate(&mut self, node: &NodeId, address: &str, origin: Origin, known: &[String]) {
        if self.origins.len() >= PEERS_MAX && !self.origins.contains_key(node) {
            return;
        }
        let rows = self.origins.entry(*node).or_default();
        let known: BTreeSet<&String> = known.iter().collect();
        let before = rows.len();
        rows.retain(|at, _| known.contains(at));
        self.is_dirty |= rows.len() != before;
        let is_new = match rows.get(address) {
            None => true,
            Some(before) => origin.is_named() && !before.is_named(),
        };
        if is_new {
            rows.insert(address.to_owned(), origin);
            self.is_dirty = true;
        }
    }
}

/// In which part a node stands.
fn bucket(node: &NodeId, buckets: usize) -> usize {
    let [first, second, ..] = node.0;
    usize::from(u16::from_be_bytes([first, second])) % buckets.max(1)
}
