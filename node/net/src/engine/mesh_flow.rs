//! What came of neighbours' logs, and what a session knows of neighbours: see `mesh.rs`.

use std::collections::{BTreeMap, VecDeque};

use chaski_crdt::author::NodeId;

use crate::apply::Applied;
use crate::limits::{ORIGIN_STEPS_MAX, RELAY_PASS_MS_MAX, STATUS_MESH_AGAIN_MS, STATUS_MESH_MS};
use crate::wire::{Cursor, FEED_PRIORITIES, Nearby, NodePrefix};

/// This node tells and hears of neighbours.
pub(super) const FEATURE_NEARBY: u32 = 8;

/// A batch of a neighbour's log, as it was taken in here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Position of its log that was reached.
    pub(super) theirs: u64,
    /// Positions of ours between which it lies.
    pub(super) after: u64,
    pub(super) to: u64,
    pub(super) at_ms: u64,
}

/// What came of a neighbour's log.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    pub(super) epoch: u64,
    /// Our position after which all that it brought is known by the steps.
    pub(super) since: u64,
    pub(super) steps: [VecDeque<Step>; FEED_PRIORITIES],
}

impl Log {
    /// Our position up to which it is known where what it brought lies in its log.
    pub(super) fn known_to(&self) -> u64 {
        let last = self.steps.iter().filter_map(|steps| steps.back());
        last.map(|step| step.to).fold(self.since, u64::max)
    }

    pub(super) fn restart(&mut self, epoch: u64, position: u64) {
        *self = Log {
            epoch,
            since: position,
            ..Log::default()
        };
    }
}

/// What came of neighbours' logs since they have been in touch.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    pub(super) known: BTreeMap<NodeId, Log>,
    /// Somebody is in touch with others than this node.
    pub(super) is_wanted: bool,
    /// Batches that are being taken in: they may be here before it is known where.
    pub(super) coming: BTreeMap<NodeId, usize>,
}

/// What a session knows of neighbours.
#[derive(Debug, Default)]
pub(crate) struct MeshFlow {
    /// The peer hears of them.
    pub(super) is_heard: bool,
    /// With whom the peer says it is in touch.
    pub(super) near: Vec<NodePrefix>,
    /// How far it has come in the logs of those with whom this node is in touch too.
    pub(super) holds: BTreeMap<NodePrefix, (u64, [u64; FEED_PRIORITIES])>,
    pub(super) said: Nearby,
    pub(super) said_ms: u64,
    /// Since when a pass of the log has been held up.
    held_ms: Option<u64>,
    /// Since when there is news of where this node stands, and when that was last said.
    pub(super) news_ms: Option<u64>,
    status_ms: u64,
}

impl MeshFlow {
    /// Whether nothing is said of neighbours, either way.
    pub(super) fn is_alone(&self) -> bool {
        self.near.is_empty() && self.said == Nearby::default()
    }

    /// Whether both are in touch with somebody else: around a hub nobody is.
    fn is_common(&self) -> bool {
        !self.holds.is_empty() || !self.said.holds.is_empty()
    }

    /// Whether news of where this node stands is said now. In a mesh what one writes reaches all others at
    /// about the same time: whoever says so with each record says it to each neighbour, and most often
    /// before that one has it too.
    pub(super) fn may_tell(&mut self, now_ms: u64) -> bool {
        let since = *self.news_ms.get_or_insert(now_ms);
        let is_due = !self.is_common()
            || (now_ms.saturating_sub(since) >= STATUS_MESH_MS
                && now_ms.saturating_sub(self.status_ms) >= STATUS_MESH_AGAIN_MS);
        if is_due {
            (self.news_ms, self.status_ms) = (None, now_ms);
        }
        is_due
    }

    /// Whether a pass may be held up now: not for as long as neighbours go on to bring something.
    pub(super) fn may_hold(&self, now_ms: u64) -> bool {
        let since = self.held_ms.unwrap_or(now_ms);
        now_ms.saturating_sub(since) < RELAY_PASS_MS_MAX
    }

    /// Notes whether one is.
    pub(super) fn hold(&mut self, is_held: bool, now_ms: u64) {
        self.held_ms = is_held.then(|| self.held_ms.unwrap_or(now_ms));
    }

    pub(super) fn start(&mut self, features: u32) {
        self.is_heard = features & FEATURE_NEARBY != 0;
    }
}

impl Logs {
    /// A batch is being taken in.
    pub(super) fn comes(&mut self, peer: NodeId) {
        let count = self.coming.entry(peer).or_default();
        *count = count.saturating_add(1);
    }

    /// It is, or is not after all.
    pub(super) fn came(&mut self, peer: &NodeId) {
        if let Some(count) = self.coming.get_mut(peer) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.coming.remove(peer);
            }
        }
    }

    /// Notes what a batch brought; `before` and the cursor it reached are of the peer's log.
    pub(super) fn note(&mut self, peer: NodeId, applied: &Applied, before: &Cursor, now_ms: u64) {
        if !self.is_wanted {
            return;
        }
        let (cursor, position) = (&applied.cursor, applied.report.position);
        let origin = self.known.entry(peer).or_default();
        let index = applied
            .priority
            .data_index()
            .filter(|index| *index < FEED_PRIORITIES);
        let of = |cursor: &Cursor| index.and_then(|index| cursor.positions.get(index)).copied();
        let (Some(theirs), Some(earlier)) = (of(cursor), of(before)) else {
            // It was asked for: where in the log it stands is not known.
            return origin.restart(cursor.epoch, position);
        };
        if theirs <= earlier {
            // Part of a record, or what had come before.
            return origin.restart(cursor.epoch, position);
        }
        let after = position.saturating_sub(applied.report.records);
        if origin.epoch != cursor.epoch {
            origin.restart(cursor.epoch, after);
        }
        let step = Step {
            theirs,
            after,
            to: position,
            at_ms: now_ms,
        };
        if applied.report.records == 0 {
            return;
        }
        let Some(steps) = index.and_then(|index| origin.steps.get_mut(index)) else {
            return;
        };
        steps.push_back(step);
        if steps.len() > ORIGIN_STEPS_MAX
            && let Some(gone) = steps.pop_front()
        {
            origin.since = origin.since.max(gone.to);
        }
    }

    /// What came otherwise than by sessions may be of anybody's log.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
