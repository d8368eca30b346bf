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

use chaski_crdt::author::NodeId;

use super::mesh_flow::{Log, Step};
use super::session::{Phase, Session};
use super::state::{Core, Engine};
use crate::limits::{NEARBY_MAX, NEARBY_MS, NEARBY_SLOW_MS, RELAY_MS_MAX};
use crate::read::{Elsewhere, Relay};
use crate::wire::{Cursor, FEED_PRIORITIES, Holds, Message, Nearby, NodePrefix, Priority};

fn prefix(node: &NodeId) -> NodePrefix {
    node.0.first_chunk().copied().unwrap_or_default()
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
