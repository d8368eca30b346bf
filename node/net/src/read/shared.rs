//! Batches of the log that several peers are sent: read and compressed once.
//!
//! Invariants: what is shared is what each of its receivers would be sent if it were read for that one
//! alone: the same log, priority, pass and grant, nothing that the receiver itself brought, nothing that it
//! has been proven to have, and nothing that has moved up the log since. Rows of the log never come to
//! stand where none stood, so as many rows as then are the same rows. What is kept is bounded, and the
//! oldest goes first.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use chaski_crdt::author::NodeId;

use super::walk::{Payload, Size};
use crate::engine::Flow;
use crate::limits::{SHARED_BATCH_BYTES_MAX, SHARED_BYTES_MAX};
use crate::replica::{Replica, ReplicaResult};
use crate::wire::Priority;

/// Passes over the log that may share batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pass {
    pub(crate) priority: Priority,
    pub(crate) base: u64,
    /// Digest of what its receivers may be given.
    pub(crate) scope: u64,
    /// Compressed size aimed at.
    pub(crate) bytes: usize,
}

/// A batch that was read for one peer, and is for others too.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) flow: Arc<Flow>,
    pub(crate) to: u64,
    pub(crate) payloads: Vec<Payload>,
    /// Who brought what of the priority stands between its ends.
    pub(crate) brought: BTreeSet<NodeId>,
    /// Rows of the log between its ends, of all priorities.
    pub(crate) rows: u64,
    pub(crate) ratio: usize,
}

impl Shared {
    fn bytes(&self) -> usize {
        self.payloads.iter().map(|payload| payload.bytes.len()).sum()
    }
}

/// What is kept.
#[derive(Debug, Default)]
struct Kept {
    batches: BTreeMap<(Pass, u64), Shared>,
    /// In the order they came.
    order: VecDeque<(Pass, u64)>,
    bytes: usize,
    /// Those that somebody is reading.
    filling: BTreeSet<(Pass, u64)>,
}

impl Kept {
    fn forget(&mut self, at: &(Pass, u64)) {
        if let Some(old) = self.batches.remove(at) {
            self.bytes = self.bytes.saturating_sub(old.bytes());
            self.order.retain(|known| known != at);
        }
    }
}

/// The batches of a node that are shared.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedBatches(Arc<(Mutex<Kept>, Condvar)>);

/// The turn to read a batch: others who want the same wait for it.
pub(crate) struct Turn<'a> {
    shelf: &'a SharedBatches,
    at: (Pass, u64),
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shelf.kept().filling.remove(&self.at);
        self.shelf.0.1.notify_all();
    }
}

impl SharedBatches {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else reads the same.
    pub(crate) fn turn(&self, pass: Pass, from: u64) -> Turn<'_> {
        let at = (pass, from);
        let mut kept = self.kept();
        while kept.filling.contains(&at) {
            kept = self.0.1.wait(kept).unwrap_or_else(PoisonError::into_inner);
        }
        kept.filling.insert(at);
        Turn { shelf: self, at }
    }

    /// Where the next shared batch of a pass begins after a position.
    pub(crate) fn next(&self, pass: Pass, from: u64) -> Option<u64> {
        let after = (Bound::Excluded((pass, from)), Bound::Included((pass, u64::MAX)));
        let kept = self.kept();
        let next = kept.batches.range(after).next();
        next.map(|((_, start), _)| *start)
    }
}

impl Turn<'_> {
    /// What another was sent, where it is right for this peer too.
    pub(crate) fn take(
        &self,
        replica: &dyn Replica,
        peer: &NodeId,
        flow: &Flow,
        size: &mut Size,
    ) -> ReplicaResult<Option<Shared>> {
        let known = self.shelf.kept().batches.get(&self.at).cloned();
        let Some(known) =
            known.filter(|known| known.flow.out == flow.out && known.flow.shared == flow.shared)
        else {
            return Ok(None);
        };
        if replica.feed_count(self.at.1, known.to)? != known.rows {
            self.shelf.kept().forget(&self.at);
            return Ok(None);
        }
        if known.brought.contains(peer) {
            return Ok(None);
        }
        size.ratio = known.ratio;
        Ok(Some(known))
    }

    /// Keeps what was read, for others.
    pub(crate) fn put(&self, shared: Shared) {
        let bytes = shared.bytes();
        if bytes > SHARED_BATCH_BYTES_MAX || shared.payloads.is_empty() {
            return;
        }
        let mut kept = self.shelf.kept();
        kept.forget(&self.at);
        kept.bytes = kept.bytes.saturating_add(bytes);
        kept.batches.insert(self.at, shared);
        kept.order.push_back(self.at);
        while kept.bytes > SHARED_BYTES_MAX
            && let Some(oldest) = kept.order.front().copied()
        {
            kept.forget(&oldest);
        }
    }
}
