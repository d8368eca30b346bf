//! What each peer is told of this node, and what is kept of the contact with it.
//!
//! Invariants: nothing here holds up, answers or ends an exchange, except that a peer whose account of
//! itself cannot be read is left; a peer is told only what it announced that it reads, and again only
//! when it is news; what is kept of peers is bounded, and nothing of it decides what is sent.

use chaski_crdt::author::NodeId;

use super::close::CloseReason;
use super::contacts::{Said, SessionContact};
use super::flow::SessionId;
use super::peers::Peers;
use super::session::{Phase, Session};
use super::state::{Core, Engine};
use crate::health::Health;
use crate::limits::{
    CONTACT_KEEP_MS, HEALTH_AGAIN_MS, HEALTH_BUSY_MS, HEALTH_LOOK_MS, HEALTH_MS, HEALTH_SIZE_MS,
    UNANSWERED_MS, UNHEARD_MS,
};
use crate::replica::Figures;
use crate::wire::{self, Cursor, Hello, Message, Priority};

/// The sender reads [`Message::Health`].
pub(super) const FEATURE_HEALTH: u32 = 16;

/// A clock that moves by more against the time that passed was set, in milliseconds.
const CLOCK_SET_MS: u64 = 1_000;

impl Engine {
    /// The transport has heard the peer of a session: be it only that it is there.
    pub(crate) fn heard(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.contact.heard_ms = self.core.now_ms;
            if std::mem::take(&mut session.contact.is_told_silent) {
                self.core.peers.touch();
            }
            session.answered_ms = None;
            session.is_silent = false;
            if std::mem::take(&mut session.awaits_link) {
                session.progress_ms = self.core.now_ms;
                session.greet_again(&mut self.core);
            }
        }
    }

    /// With time: tells peers what is news, and notes when those were heard whose sessions last.
    pub(super) fn contacts_tick(&mut self) {
        let is_due = self.core.now_ms.saturating_sub(self.core.contacts_ms) >= CONTACT_KEEP_MS;
        if is_due {
            self.core.contacts_ms = self.core.now_ms;
            self.contacts_note();
        }
        let now_ms = self.core.now_ms;
        for session in self.sessions.values_mut().filter(|s| s.phase == Phase::Live) {
            session.health_tell(&mut self.core);
            let is_silent = session.is_unanswered(now_ms) || session.unheard_ms(now_ms) >= UNHEARD_MS;
            if is_silent && !std::mem::replace(&mut session.contact.is_told_silent, true) {
                self.core.peers.touch();
            }
        }
    }

    /// Notes when the peers of open sessions were heard, and what has flown.
    pub(super) fn contacts_note(&mut self) {
        for session in self.sessions.values_mut() {
            session.contact_note(&mut self.core);
        }
    }
}

impl Core {
    /// When a moment of the time that passes was, by the clock as it stands.
    pub(super) fn wall_of(&self, moment_ms: u64) -> u64 {
        self.wall_ms.saturating_sub(self.now_ms.saturating_sub(moment_ms))
    }

    /// What this node says of itself.
    fn health(&mut self) -> Health {
        // What is said is to be true of what has come by then.
        let position = self.replica.position();
        let is_of_now = |(at_ms, at, _): &(u64, u64, Figures)| {
            *at == position && self.now_ms.saturating_sub(*at_ms) < HEALTH_LOOK_MS
        };
        let looked = self.figures.filter(is_of_now);
        let looked = looked.unwrap_or_else(|| (self.now_ms, position, self.replica.figures()));
        let (.., figures) = looked;
        self.figures = Some(looked);
        let health = Health {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            conflicts: figures.conflicts,
            quarantined: self.replica.quarantined(),
            awaiting: self.replica.awaiting(),
            disk_free_bytes: figures.disk_free_bytes,
            is_full: self.replica.is_full(),
            now_ms: self.wall_ms,
            records: figures.records,
        };
        health.bounded()
    }

    fn clock_ms(&self) -> u64 {
        self.wall_ms.wrapping_sub(self.now_ms)
    }
}

impl Session {
    /// For how long nothing was heard of the peer.
    fn unheard_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.contact.heard_ms)
    }

    /// Whether something was sent, and nothing has been heard of the peer for a while.
    pub(super) fn is_unanswered(&self, now_ms: u64) -> bool {
        self.is_silent && self.unheard_ms(now_ms) >= UNANSWERED_MS
    }

    /// The peer's hello says what it reads, and what it has of our log.
    pub(super) fn contact_start(&mut self, core: &mut Core, hello: &Hello) {
        self.contact.is_met = true;
        self.contact.is_read = hello.features & FEATURE_HEALTH != 0;
        let epoch = core.replica.epoch();
        let is_of_log = |cursor: &Cursor| cursor.epoch == epoch && cursor.scope == self.flow.out_scope;
        let acked = hello.cursor.filter(is_of_log).map(|_| hello.status.received);
        let position = core.position;
        core.peers
            .acked_set(&self.peer, acked.map(|acked| acked.min(position)));
    }

    /// Tells the peer what is news of this node, unless the exchange with it has only begun.
    fn health_tell(&mut self, core: &mut Core) {
        let is_due = match &self.contact.said {
            None => {
                let age_ms = core.now_ms.saturating_sub(self.opened_ms);
                (self.requests.is_empty() && !self.is_busy()) || age_ms >= HEALTH_BUSY_MS
            }
            Some(said) => {
                core.now_ms.saturating_sub(said.at_ms) >= HEALTH_MS || self.is_sync_unsaid(core, said)
            }
        };
        if is_due {
            self.health_say(core);
        }
    }

    /// Whether both hold the same, and what this node holds was not looked at for the peer since it became so.
    fn is_sync_unsaid(&self, core: &Core, said: &Said) -> bool {
        let (looked_ms, position) = said.looked;
        position != core.position
            && core.now_ms.saturating_sub(looked_ms) >= HEALTH_LOOK_MS
            && core.peers.is_equal_at(&self.peer, core.position)
    }

    /// The first time, goes along with what is said anyway.
    pub(super) fn health_join(&mut self, core: &mut Core) {
        if self.contact.said.is_none() {
            self.health_say(core);
        }
    }

    /// Says of this node what is news to the peer. It takes part in no round trip, so it counts for none.
    pub(super) fn health_say(&mut self, core: &mut Core) {
        if !self.contact.is_read {
            return;
        }
        let health = core.health();
        let clock_ms = core.clock_ms();
        let looked = (core.now_ms, core.position);
        let is_news = self.contact.said.as_ref().is_none_or(|said| {
            let since_ms = core.now_ms.saturating_sub(said.at_ms);
            let apart_ms = clock_ms.wrapping_sub(said.clock_ms);
            let is_clock_set = apart_ms.min(apart_ms.wrapping_neg()) > CLOCK_SET_MS;
            let is_size_due = since_ms >= HEALTH_SIZE_MS || self.phase == Phase::Leaving;
            // Beside "in sync" a count from before it would say the opposite.
            let is_synced = core.peers.is_equal_at(&self.peer, core.position);
            is_clock_set
                || (is_synced && health.is_far_size(&said.health))
                || health.is_other_trouble(&said.health)
                || (is_size_due && health.is_other_size(&said.health))
                || since_ms >= HEALTH_AGAIN_MS
        });
        if is_news {
            self.say_at(core, Priority::Control, &Message::Health(health.encode()), 0);
            let at_ms = core.now_ms;
            self.contact.said = Some(Said {
                at_ms,
                health,
                clock_ms,
                looked,
            });
        } else if let Some(said) = &mut self.contact.said {
            said.looked = looked;
        }
    }

    /// Takes in what the peer says of itself.
    pub(super) fn on_health(&mut self, core: &mut Core, bytes: Vec<u8>) -> Result<(), CloseReason> {
        let unread = |error: wire::WireError| CloseReason::Malformed(error.to_string());
        let health = Health::decode(&bytes).map_err(unread)?;
        let apart_ms = health.now_ms.abs_diff(core.wall_ms);
        let skew_ms = i64::try_from(apart_ms).unwrap_or(i64::MAX);
        let is_ahead = health.now_ms >= core.wall_ms;
        core.peers.clocked(
            &self.peer,
            if is_ahead { skew_ms } else { -skew_ms },
            core.wall_ms,
        );
        core.peers.told(&self.peer, core.wall_ms, bytes);
        Ok(())
    }

    /// Notes when the peer was heard, what has flown, and that both still hold the same.
    pub(super) fn contact_note(&mut self, core: &mut Core) {
        if !self.contact.is_met {
            return;
        }
        core.peers.flown(&self.peer, self.uncounted());
        (self.contact.counted_out, self.contact.counted_in) = (self.stats.bytes_out, self.stats.bytes_in);
        let heard_ms = core.wall_of(self.contact.heard_ms);
        core.peers
            .heard(&self.peer, heard_ms, core.wall_ms, core.position);
    }

    /// What has flown in it and is not counted yet: out and in, in bytes.
    pub(super) fn uncounted(&self) -> (u64, u64) {
        let SessionContact {
            counted_out,
            counted_in,
            ..
        } = self.contact;
        let stats = &self.stats;
        (
            stats.bytes_out.saturating_sub(counted_out),
            stats.bytes_in.saturating_sub(counted_in),
        )
    }
}

impl Peers {
    /// What a peer said of itself, and when that was heard.
    fn told(&mut self, peer: &NodeId, at_ms: u64, bytes: Vec<u8>) {
        if let Some(kept) = self.contacts.entry(peer) {
            kept.told = Some((at_ms, bytes));
            self.touch();
        }
    }

    /// So many bytes have flown between this node and a peer, out and in.
    fn flown(&mut self, peer: &NodeId, flown: (u64, u64)) {
        if let Some(kept) = self.contacts.entry(peer) {
            kept.bytes_out = kept.bytes_out.saturating_add(flown.0);
            kept.bytes_in = kept.bytes_in.saturating_add(flown.1);
            self.touch();
        }
    }

    pub(super) fn acked_raise(&mut self, peer: &NodeId, position: u64) {
        if self.contacts.acked_raise(peer, position) {
            self.touch();
        }
    }

    fn acked_set(&mut self, peer: &NodeId, position: Option<u64>) {
        if self.contacts.acked_set(peer, position) {
            self.touch();
        }
    }
}
