//! Neighbours in a mesh: what a peer has from others than this node, known from how far it has come in their logs.
//!
//! Where several nodes are in touch with each other, each record would reach each of them from all the
//! others. So they tell each other with whom they are in touch, and of those whom both are, how far they
//! have come in their logs. What came here from such a neighbour is handed on only after a moment, and
//! only where the peer has not had it from there by then.
//!
//! Invariants: what a peer is said to have is durable there; nothing is left out that did not come here
//! itself from that log, in a batch that it is known to have passed; what is left out wrongly shows in the
//! fingerprints and is repaired; nothing waits longer than [`RELAY_MS_MAX`]; a node with many sessions
//! names them to nobody, and with one it hears of nobody.

use std::collections::{BTreeMap, VecDeque};

use chaski_crdt::author::NodeId;

use super::session::{Phase, Session};
use super::{Core, Engine};
use crate::apply::Applied;
use crate::limits::{
    NEARBY_MAX, NEARBY_MS, NEARBY_SLOW_MS, ORIGIN_STEPS_MAX, RELAY_MS_MAX, RELAY_PASS_MS_MAX,
    STATUS_MESH_AGAIN_MS, STATUS_MESH_MS,
};
use crate::read::{Elsewhere, Relay};
use crate::wire::{Cursor, FEED_PRIORITIES, Holds, Message, Nearby, NodePrefix, Priority};

/// This node tells and hears of neighbours.
pub(super) const FEATURE_NEARBY: u32 = 8;

/// A batch of a neighbour's log, as it was taken in here.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Position of its log that was reached.
    theirs: u64,
    /// Positions of ours between which it lies.
    after: u64,
    to: u64,
    at_ms: u64,
}

/// What came of a neighbour's log.
#[derive(Clone, Debug, Default)]
struct Log {
    epoch: u64,
    /// Our position after which all that it brought is known by the steps.
    since: u64,
    steps: [VecDeque<Step>; FEED_PRIORITIES],
}

impl Log {
    /// Our position up to which it is known where what it brought lies in its log.
    fn known_to(&self) -> u64 {
        let last = self.steps.iter().filter_map(|steps| steps.back());
        last.map(|step| step.to).fold(self.since, u64::max)
    }

    fn restart(&mut self, epoch: u64, position: u64) {
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
    known: BTreeMap<NodeId, Log>,
    /// Somebody is in touch with others than this node.
    is_wanted: bool,
    /// Batches that are being taken in: they may be here before it is known where.
    coming: BTreeMap<NodeId, usize>,
}

/// What a session knows of neighbours.
#[derive(Debug, Default)]
pub(crate) struct MeshFlow {
    /// The peer hears of them.
    is_heard: bool,
    /// With whom the peer says it is in touch.
    near: Vec<NodePrefix>,
    /// How far it has come in the logs of those with whom this node is in touch too.
    holds: BTreeMap<NodePrefix, (u64, [u64; FEED_PRIORITIES])>,
    said: Nearby,
    said_ms: u64,
    /// Since when a pass of the log has been held up.
    held_ms: Option<u64>,
    /// Since when there is news of where this node stands, and when that was last said.
    news_ms: Option<u64>,
    status_ms: u64,
}

impl MeshFlow {
    /// Whether nothing is said of neighbours, either way.
    fn is_alone(&self) -> bool {
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

fn prefix(node: &NodeId) -> NodePrefix {
    node.0.first_chunk().copied().unwrap_or_default()
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

impl Nearby {
    /// What is told to whoever has heard that before: all where it is in touch with others, else those in
    /// whose logs this node has moved on.
    fn news_after(&self, said: &Nearby) -> Nearby {
        let is_new = |holds: &&Holds| self.near != said.near || !said.holds.contains(holds);
        Nearby {
            near: self.near.clone(),
            holds: self.holds.iter().filter(is_new).copied().collect(),
        }
    }
}

impl Session {
    /// What of a priority the peer has from others, and after which positions to wait whether it has it.
    pub(super) fn elsewhere(&self, core: &Core, priority: Priority) -> Relay {
        let mut relay = Relay::default();
        if self.mesh.holds.is_empty() {
            return relay;
        }
        for node in core.logs.coming.keys() {
            if self.mesh.holds.contains_key(&prefix(node)) {
                let origin = core.logs.known.get(node);
                relay.unsure.push((*node, origin.map_or(0, Log::known_to)));
            }
        }
        for (node, origin) in &core.logs.known {
            let known = self.mesh.holds.get(&prefix(node));
            let Some((_, positions)) = known.filter(|(epoch, _)| *epoch == origin.epoch) else {
                continue;
            };
            let index = priority.data_index().unwrap_or(usize::MAX);
            let (Some(held), Some(steps)) = (positions.get(index), origin.steps.get(index)) else {
                continue;
            };
            let is_held = |step: &&Step| step.theirs <= *held;
            if let Some(last) = steps.iter().take_while(is_held).last() {
                relay.elsewhere.push(Elsewhere {
                    node: *node,
                    after: origin.since,
                    to: last.to,
                });
            }
            let next = steps.iter().find(|step| !is_held(step));
            if let Some(next) = next.filter(|step| core.now_ms.saturating_sub(step.at_ms) < RELAY_MS_MAX) {
                relay.until = Some(relay.until.map_or(next.after, |until| until.min(next.after)));
            }
        }
        relay
    }

    pub(super) fn on_nearby(&mut self, core: &mut Core, contacts: Nearby) {
        core.nearby_moved |= self.mesh.near != contacts.near;
        core.logs.is_wanted |= !contacts.near.is_empty() || !contacts.holds.is_empty();
        if self.mesh.near != contacts.near {
            self.mesh.holds.clear();
        }
        self.mesh.near = contacts.near;
        let holds = contacts.holds.into_iter().take(NEARBY_MAX);
        self.mesh
            .holds
            .extend(holds.map(|h| (h.node, (h.epoch, h.positions))));
        // Of others than those it is near to nothing was asked.
        let near = &self.mesh.near;
        self.mesh.holds.retain(|node, _| near.contains(node));
    }
}

/// How far a log has come in full: of a record that moved on during a pass, what came before is still owed.
pub(super) fn passed(cursor: &Cursor) -> [u64; FEED_PRIORITIES] {
    let mut passed = cursor.positions;
    for (position, base) in passed.iter_mut().zip(cursor.bases) {
        *position = base.min(*position);
    }
    passed
}

impl Engine {
    /// Tells each peer with whom this node is in touch and how far it has come in the logs of common
    /// neighbours, where that is news.
    pub(super) fn nearby_tell(&mut self) {
        if !std::mem::take(&mut self.core.nearby_moved) {
            return;
        }
        let live = self
            .sessions
            .values()
            .filter(|s| s.phase == Phase::Live && !s.is_answering);
        let live: Vec<(NodePrefix, Cursor)> = live.map(|s| (prefix(&s.peer), s.receive.durable)).collect();
        let is_near = (2..=NEARBY_MAX).contains(&live.len());
        for session in self.sessions.values_mut() {
            if session.phase != Phase::Live || session.is_answering || !session.mesh.is_heard {
                continue;
            }
            if !is_near && session.mesh.is_alone() {
                continue;
            }
            let own = prefix(&session.peer);
            let others = || live.iter().filter(|(node, _)| *node != own);
            let near: Vec<NodePrefix> = match is_near {
                true => others().map(|(node, _)| *node).collect(),
                false => Vec::new(),
            };
            let common = others().filter(|(node, _)| session.mesh.near.contains(node));
            let holds = common.take(NEARBY_MAX).map(|(node, cursor)| Holds {
                node: *node,
                epoch: cursor.epoch,
                positions: passed(cursor),
            });
            let contacts = Nearby {
                near,
                holds: holds.collect(),
            };
            let is_slow = session.send.pace.is_some_and(|pace| !pace.is_fast());
            let wait_ms = if is_slow { NEARBY_SLOW_MS } else { NEARBY_MS };
            let known = &mut session.mesh;
            if contacts == known.said {
                continue;
            }
            if contacts.near == known.said.near && self.core.now_ms.saturating_sub(known.said_ms) < wait_ms {
                // With a later tick, and what has come until then.
                continue;
            }
            let news = contacts.news_after(&known.said);
            (known.said, known.said_ms) = (contacts, self.core.now_ms);
            session.say(&mut self.core, Priority::Control, &Message::Nearby(news));
        }
    }
}
