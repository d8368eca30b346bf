//! Whom a node dials, and where: the nodes it is to be in touch with always, neighbours that it knows by the
//! word of others only while it is cut off from those.
//!
//! Invariants: while a node is in session with one of those where it joined or that it is configured to dial,
//! nobody is dialled by the word of others, so that a district behind one hub never becomes a mesh; cut off, a
//! node dials a few at a time, ever more seldom, each in its turn; a neighbour met so is not remembered as one to
//! dial, and is left once the hub is back.

use chaski_crdt::author::NodeId;

use super::book::Origin;
use super::close::CloseReason;
use super::event::Effect;
use super::flow::SessionId;
use super::peers::Peers;
use super::session::{Phase, Session};
use super::state::{Core, Engine};
use crate::limits::{NEIGHBOURS_AGAIN_MS_MAX, NEIGHBOURS_MAX, PEER_ADDRESSES_MAX, TICK_MS};
use crate::report::{AddressFrom, KnownAddress};
use crate::trust::Trust;

/// A link is as silent as it was last said to be, which is said with each tick, for so long.
const SILENT_FOR_MS: u64 = 4 * TICK_MS;

impl Engine {
    /// Where this node is reached now, for newcomers and other members.
    pub fn reached_set(&mut self, advertise: Vec<String>, reached: Vec<std::net::SocketAddr>) {
        self.core.options.advertise = advertise;
        if std::mem::replace(&mut self.core.options.reached, reached) != self.core.options.reached {
            self.core.peers.moved(self.core.now_ms);
        }
    }

    /// Nothing has been heard on a session's link for longer than an answer takes: a peer whose power was cut
    /// stays in session for minutes otherwise.
    pub(super) fn silence_note(&mut self, id: SessionId) {
        self.neighbours.silent.insert(id, self.core.now_ms);
    }

    /// Dials neighbours when this node is cut off, and leaves them when it is not any more.
    pub(super) fn neighbours_dial(&mut self) {
        let now = self.core.now_ms;
        let after_ms = self.core.options.neighbours_ms;
        let is_said = |at_ms: &u64| now.saturating_sub(*at_ms) < SILENT_FOR_MS;
        self.neighbours.silent.retain(|_, at_ms| is_said(at_ms));
        if self.is_in_touch() {
            let since = *self.neighbours.touch_ms.get_or_insert(now);
            self.neighbours.apart_ms = None;
            (self.neighbours.next_ms, self.neighbours.wait_ms) = (0, 0);
            if now.saturating_sub(since) >= after_ms {
                self.neighbours_leave();
            }
            return;
        }
        self.neighbours.touch_ms = None;
        let since = *self.neighbours.apart_ms.get_or_insert(now);
        // All neighbours of a hub lose it at the same time.
        let place = u64::from(self.core.peers.place(&self.core.me));
        let spread = after_ms / 4 * place / 256;
        if now.saturating_sub(since) < after_ms.saturating_add(spread) || now < self.neighbours.next_ms {
            return;
        }
        let wait_ms = self.neighbours.wait_ms.saturating_mul(2);
        self.neighbours.wait_ms = wait_ms.clamp(after_ms / 2, NEIGHBOURS_AGAIN_MS_MAX);
        self.neighbours.next_ms = now.saturating_add(self.neighbours.wait_ms);
        self.neighbours.round += 1;
        for peer in self.neighbours_next() {
            self.neighbours.tried.insert(peer, self.neighbours.round);
            let addresses = self.core.dial_addresses(&peer);
            self.core.effects.push(Effect::Connect {
                peer: Some(peer),
                addresses,
                request: None,
            });
        }
    }

    /// Whether it is in session with somebody that it is to be in touch with; where nobody was named to it,
    /// as to a network's first node, with anybody.
    fn is_in_touch(&self) -> bool {
        let is_live = |s: &&Session| s.phase == Phase::Live && !self.neighbours.silent.contains_key(&s.id);
        let live = || self.sessions.values().filter(is_live);
        let core = &self.core;
        let is_named = |node: &NodeId| {
            core.peers.is_named(node) && core.is_in_network(node) && !self.disabled.contains(node)
        };
        let mut states = core.peers.states();
        match states.any(|(node, _)| is_named(node)) {
            true => live().any(|session| is_named(&session.peer)),
            false => live().next().is_some(),
        }
    }

    /// Whom to dial next: those that were not dialled for longest, in an order of this node's own, so that
    /// the neighbours of a hub that is gone make one net and not many small ones.
    fn neighbours_next(&mut self) -> Vec<NodeId> {
        let core = &self.core;
        let open = self.sessions.values().filter(|s| s.is_neighbour(core)).count();
        let is_next = |node: &&NodeId| {
            **node != core.me
                && core.peers.is_only_told(node)
                && core.is_in_network(node)
                && !self.disabled.contains(*node)
                && !self.sessions.values().any(|s| s.peer == **node)
                && !core.peers.book.told(node, &core.me).is_empty()
        };
        let mut next: Vec<NodeId> = core.peers.book.nodes().filter(is_next).copied().collect();
        let tried = &mut self.neighbours.tried;
        tried.retain(|node, _| core.peers.book.said(node).is_some());
        next.sort_by_cached_key(|node| {
            let hash = *blake3::hash(&[core.me.0, node.0].concat()).as_bytes();
            (tried.get(node).copied().unwrap_or(0), hash)
        });
        next.truncate(NEIGHBOURS_MAX.saturating_sub(open));
        next
    }

    /// Says goodbye to neighbours that were dialled for want of others, once nothing is under way with them.
    fn neighbours_leave(&mut self) {
        let core = &self.core;
        let is_over = |s: &&Session| {
            s.phase == Phase::Live && s.is_neighbour(core) && !s.is_busy() && s.requests.is_empty()
        };
        let over: Vec<NodeId> = self.sessions.values().filter(is_over).map(|s| s.peer).collect();
        over.into_iter().for_each(|peer| self.on_finish(peer));
    }
}

impl Session {
    /// Whether this node dialled the peer by the word of others alone.
    pub(super) fn is_neighbour(&self, core: &Core) -> bool {
        self.outbound && core.peers.is_only_told(&self.peer)
    }

    /// The peer was met: where, if that is where it can be dialled.
    pub(super) fn met(&self, core: &mut Core, is_listening: bool) {
        let state = core.peers.state(&self.peer);
        let is_known = state.is_some_and(|state| state.addresses.contains(&self.address));
        let origin = if self.outbound && core.options.dial.contains(&self.address) {
            Some(Origin::Configured)
        } else if is_known {
            None
        } else if !self.outbound {
            is_listening.then_some(Origin::Met)
        } else {
            // Its own word stays its own word: it may be another one tomorrow.
            (!core.is_told_at(&self.peer, &self.address)).then_some(Origin::Asked)
        };
        let is_dialable = origin.is_some() || (is_known && (self.outbound || is_listening));
        core.peers
            .seen(&self.peer, &self.address, is_dialable, core.wall_ms);
        if let Some(origin) = origin {
            core.peers.learn_from(&self.peer, &self.address, origin);
        }
    }
}

impl Core {
    fn is_told_at(&self, peer: &NodeId, address: &str) -> bool {
        self.peers
            .book
            .told(peer, &self.me)
            .iter()
            .any(|told| told == address)
    }

    /// Where a peer is dialled: where it was reached, then where it says it is.
    pub(super) fn dial_addresses(&self, peer: &NodeId) -> Vec<String> {
        let state = self.peers.state(peer);
        let reached = state.map(|state| state.addresses.as_slice()).unwrap_or_default();
        let told = self.peers.book.told(peer, &self.me);
        let (first, rest) = reached.split_at(reached.len().min(PEER_ADDRESSES_MAX / 2));
        let mut addresses: Vec<String> = Vec::new();
        for address in first.iter().chain(&told).chain(rest) {
            if !addresses.contains(address) && addresses.len() <= PEER_ADDRESSES_MAX {
                addresses.push(address.clone());
            }
        }
        addresses
    }

    /// Configured addresses to dial whose node is not known.
    pub(super) fn places_due(&mut self) -> Vec<String> {
        let trust = &self.trust;
        let is_in_network = |node: &NodeId| trust.member(node).is_some() && !trust.is_revoked(node);
        self.peers
            .places_due(&self.options.dial, self.now_ms, is_in_network)
    }

    /// Another key answers at a configured address: who had it has it no more, and it is dialled for
    /// whoever has it now.
    pub(super) fn place_lost(&mut self, peer: &NodeId, reason: &CloseReason) {
        if let CloseReason::OtherKey(address) = reason
            && self.options.dial.contains(address)
        {
            self.peers.forget(peer, address);
        }
    }
}

impl Peers {
    /// Whether this node is to be in touch with it. Of addresses noted by earlier builds it is held to be so.
    pub(super) fn is_named(&self, peer: &NodeId) -> bool {
        let named = |address: &String| self.book.origin(peer, address).is_none_or(Origin::is_named);
        let state = self.state(peer);
        state.is_some_and(|state| state.addresses.iter().any(named))
    }

    /// Whether nothing is known of where it is but its own word.
    pub(super) fn is_only_told(&self, peer: &NodeId) -> bool {
        let state = self.state(peer);
        self.book.said(peer).is_some() && state.is_none_or(|state| state.addresses.is_empty())
    }

    /// All that is known of where a peer is reached, and from where.
    pub(super) fn addresses_known(&self, trust: &Trust, peer: &NodeId) -> Vec<KnownAddress> {
        let said = self.book.said(peer);
        let told = || match said {
            Some((_, via)) if via == *peer => AddressFrom::Told,
            Some((_, via)) => {
                let name = trust.member(&via).map(|member| member.name.clone());
                AddressFrom::Through(name.unwrap_or_else(|| via.short()))
            }
            None => AddressFrom::Reached,
        };
        let state = self.state(peer);
        let reached = state.map(|state| state.addresses.as_slice()).unwrap_or_default();
        let mut known: Vec<KnownAddress> = Vec::new();
        for address in reached {
            let from = match self.book.origin(peer, address) {
                Some(Origin::Joined) => AddressFrom::Joined,
                Some(Origin::Configured) => AddressFrom::Configured,
                Some(Origin::Asked) => AddressFrom::Asked,
                Some(Origin::Heard) => AddressFrom::Mdns,
                Some(Origin::Met) => AddressFrom::Met,
                None => AddressFrom::Reached,
            };
            let address = address.clone();
            known.push(KnownAddress { address, from });
        }
        for address in said
            .map(|(said, _)| said.addresses.as_slice())
            .unwrap_or_default()
        {
            let address = address.to_string();
            if !known.iter().any(|one| one.address == address) {
                let from = told();
                known.push(KnownAddress { address, from });
            }
        }
        known
    }
}
