//! What the transport says of links: how fast they are, and which are silent.
//!
//! A link may be down for seconds or days, and a connection learns only late that it is up again: the
//! transport asks ever less often. So a peer whose link is silent, or that was lost, is knocked at: a
//! packet of a few bytes, which whoever is there answers. What answers is dialled, unless its connection,
//! on which the transport's side of this asks the same, is heard again by then.
//!
//! Invariants: only members are knocked at, where they are known to be reached; an answer proves nothing
//! and does no more than a try to dial; no session that makes progress is disturbed.

use std::net::SocketAddr;

use chaski_crdt::author::NodeId;

use super::event::Effect;
use super::flow::SessionId;
use super::session::{Phase, Session};
use super::state::{Core, Engine};
use crate::limits::{
    ASKS_MAX, DIAL_MS_MAX, KNOCK_ADDRESSES_MAX, KNOCK_UNHEARD_MS, KNOCKS_A_TICK_MAX, QUIET_BYTES, REPLACE_MS,
    SILENT_MS, WINDOW_BYTES_MAX, WINDOW_REPAIR_BYTES_MIN,
};
use crate::pace::Pace;
use crate::wire::{Message, Priority};

impl Engine {
    pub(super) fn on_paced(&mut self, id: SessionId, pace: Pace) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.send.pace = Some(pace);
            self.core.peers.paced(&session.peer, pace.rtt_ms());
        }
    }

    /// Something was sent on a session's link, and nothing has been heard since.
    pub(super) fn on_silent(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let was_silent = std::mem::replace(&mut session.is_silent, true);
        // An exchange that nobody waits for and no daemon keeps up is not begun anew.
        let is_wanted = self.core.options.daemon || !session.requests.is_empty();
        if !is_wanted || session.phase == Phase::Leaving {
            return;
        }
        let peer = session.peer;
        let dialled = session.outbound.then(|| session.address.clone());
        // The peer may have moved, and be where it has said since.
        let others = self.core.dial_addresses(&peer);
        let others = others.into_iter().filter(|other| Some(other) != dialled.as_ref());
        let addresses: Vec<String> = dialled.iter().cloned().chain(others).collect();
        if !addresses.is_empty() && self.core.peers.knocks(&peer, self.core.now_ms) {
            let knocks = addresses.into_iter().take(KNOCK_ADDRESSES_MAX);
            let knocks = knocks.map(|address| Effect::Knock { peer, address });
            self.core.effects.extend(knocks);
        }
        if !was_silent {
            self.silence_begins(id);
        }
    }

    /// Hosts where peers were reached, and how long a round trip to them took.
    pub(crate) fn trips(&self) -> impl Iterator<Item = (SocketAddr, u64)> {
        self.core.peers.states().flat_map(|(_, state)| {
            let hosts = state.addresses.iter().filter_map(|address| address.parse().ok());
            hosts
                .map(|host| (host, state.trip_ms))
                .filter(|(_, trip_ms)| *trip_ms > 0)
        })
    }

    /// Whether a session's connection, which asks by itself whether the peer is there, has still time to
    /// hear it: the link may just have come back, and going on costs less than beginning anew.
    fn is_awaited(&mut self, peer: &NodeId) -> bool {
        let now = self.core.now_ms;
        let live = self.sessions.values_mut();
        let Some(session) = live.filter(|s| s.is_met()).find(|s| s.peer == *peer) else {
            return false;
        };
        let since = *session.answered_ms.get_or_insert(now);
        now.saturating_sub(since) < KNOCK_UNHEARD_MS
    }

    /// Somebody is there where a peer was.
    pub(super) fn on_knocked(&mut self, peer: NodeId, address: String) {
        let now = self.core.now_ms;
        let is_at_work = |session: &Session| now.saturating_sub(session.progress_ms) < REPLACE_MS;
        let is_met = self.sessions.values().any(|s| s.peer == peer && is_at_work(s));
        if is_met
            || self.is_barred(&peer)
            || self.is_awaited(&peer)
            || !self.core.peers.dials(&peer, now, DIAL_MS_MAX)
        {
            return;
        }
        // A command dials nobody else's peers, and nobody in a crowd.
        let members = self.core.trust.authority().members().count();
        if !self.core.options.daemon || self.core.peers.returns(&peer, &address, members, now) {
            self.answered_dial(peer, address);
        }
    }

    /// Dials those who have answered and whose time has come.
    pub(super) fn returns_due(&mut self) {
        let now = self.core.now_ms;
        for (peer, address) in self.core.peers.returning(now) {
            let is_at_work = |s: &Session| s.peer == peer && now.saturating_sub(s.progress_ms) < REPLACE_MS;
            if !self.sessions.values().any(is_at_work) && !self.is_barred(&peer) {
                self.answered_dial(peer, address);
            }
        }
    }

    fn answered_dial(&mut self, peer: NodeId, address: String) {
        // Whoever answered may be another: all others where the peer may be are tried after it.
        let known = self.core.dial_addresses(&peer);
        let others = known.into_iter().filter(|other| *other != address);
        let addresses = std::iter::once(address.clone()).chain(others).collect();
        self.core.effects.push(Effect::Connect {
            peer: Some(peer),
            addresses,
            request: None,
        });
    }

    /// Knocks at peers that were lost.
    pub(super) fn knocks_due(&mut self) {
        let due = self.core.peers.knocks_due(self.core.now_ms);
        let is_lost = |(peer, _): &(NodeId, String)| {
            let is_met = self.sessions.values().any(|s| s.peer == *peer);
            !is_met && !self.is_barred(peer)
        };
        let lost: Vec<_> = due.into_iter().filter(is_lost).take(KNOCKS_A_TICK_MAX).collect();
        for (peer, address) in lost {
            if self.core.peers.knocks(&peer, self.core.now_ms) {
                self.core.effects.push(Effect::Knock { peer, address });
            }
        }
    }

    /// Whether nobody is to be dialled by this key.
    pub(super) fn is_barred(&self, peer: &NodeId) -> bool {
        self.disabled.contains(peer)
            || self.core.trust.is_revoked(peer)
            || self.core.trust.member(peer).is_none()
            || *peer == self.core.me
    }

    /// Asks peers that owe something and have said nothing for a while whether they are there: whoever
    /// only takes would not notice that a link is down.
    pub(super) fn silences_ask(&mut self) {
        let now = self.core.now_ms;
        for session in self.sessions.values_mut().filter(|s| s.phase == Phase::Live) {
            let is_over = session.proof.peer.is_some_and(|status| status.drained);
            let since = session.progress_ms.max(session.asked_ms);
            if !is_over && session.asks < ASKS_MAX && now.saturating_sub(since) >= SILENT_MS {
                session.asked_ms = now;
                session.asks = session.asks.saturating_add(1);
                session.say(
                    &mut self.core,
                    Priority::Control,
                    &Message::Ask(session.proof.ask),
                );
            }
        }
    }
}

impl Session {
    /// Compressed size to aim at for a batch, in bytes.
    pub(super) fn batch_bytes(&self, core: &Core) -> usize {
        let configured = core.options.batch_bytes;
        let bytes = self
            .send
            .pace
            .map_or(configured, |pace| pace.batch_bytes(configured, self.send.arrived));
        match self.is_quiet(core) {
            true => bytes.min(QUIET_BYTES),
            false => bytes,
        }
    }

    /// Whether nothing has been heard of the peer for so long that its link may be down without anybody having
    /// noticed: nobody has asked. It is tried with little, which whoever is there answers.
    fn is_quiet(&self, core: &Core) -> bool {
        core.now_ms.saturating_sub(self.contact.heard_ms) > SILENT_MS
    }

    /// Bytes of a priority that may be under way.
    pub(super) fn window_bytes(&self, core: &Core, priority: Priority) -> usize {
        if self.is_quiet(core) {
            return QUIET_BYTES;
        }
        let Some(pace) = self.send.pace else {
            return WINDOW_BYTES_MAX;
        };
        let bytes = pace.window_bytes(core.options.batch_bytes, self.send.arrived);
        match priority {
            // What a meeting was found to lack is no bulk: most of it goes without waiting to be answered.
            Priority::Repair => bytes.max(WINDOW_REPAIR_BYTES_MIN),
            _ => bytes,
        }
    }
}
