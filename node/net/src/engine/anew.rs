//! Beginning anew on the same connection: what is under way with a peer is given up, and both greet each
//! other as after a cut, so that what was carried by another way meanwhile is not sent as well.
//!
//! Invariants: nothing that is durable here or there is sent again because of it; whoever waits for the
//! exchange waits for the one that follows; a side that begins anew does so once, and the other with it; where
//! nothing arrives in between, both do so only a few times.

use std::sync::Arc;

use chaski_crdt::author::NodeId;

use super::again::Again;
use super::close::CloseReason;
use super::event::Effect;
use super::flow::SessionId;
use super::session::{Phase, Session};
use super::state::{Core, Engine};
use crate::limits::{ANEWS_IN_VAIN_MAX, QUIET_BYTES, SILENT_MS};

impl Engine {
    /// Changes of somebody have come by another way than the session with it: by a stick, or by a team that has
    /// met both. Where its link is down, what is under way on it may have been carried as well.
    pub(super) fn carried_note(&mut self, by: SessionId, is_theirs: impl Fn(&NodeId) -> bool) {
        let now = self.core.now_ms;
        let others = self.sessions.values_mut().filter(|s| s.id != by);
        let mut silent = Vec::new();
        for session in others.filter(|s| is_theirs(&s.peer)) {
            session.carried_ms = Some(now);
            silent.extend(session.is_silent.then_some(session.id));
        }
        silent.into_iter().for_each(|id| self.begin_anew(id));
    }

    /// What somebody has written for whom no network reaches was taken in: much that is under way to it has hardly
    /// a link to go by.
    pub(super) fn stick_note(&mut self, sender: NodeId) {
        self.carried_note(0, |peer| *peer == sender);
        let of_sender = self.sessions.values().filter(|s| s.peer == sender);
        let stuck = of_sender.filter(|s| s.is_much_under_way()).map(|s| s.id);
        let stuck: Vec<_> = stuck.collect();
        stuck.into_iter().for_each(|id| self.begin_anew(id));
    }

    /// A session's link has just been found to be silent.
    pub(super) fn silence_begins(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        // Nothing has been heard for a while when that is noticed.
        let since_ms = self.core.now_ms.saturating_sub(2 * SILENT_MS);
        let is_carried = session.carried_ms.is_some_and(|at_ms| at_ms >= since_ms);
        // A slow link is given little at a time, which waits for it in the transport: whatever of that is there
        // counts as soon as the link is back. A fast one is given much, at once.
        let is_fast = session.send.pace.is_none_or(|pace| pace.is_fast());
        if is_carried || (is_fast && session.is_much_under_way()) {
            self.begin_anew(id);
        }
    }

    /// Begins anew with a peer. An exchange that nobody waits for and no daemon keeps up is left as it is.
    fn begin_anew(&mut self, id: SessionId) {
        let is_daemon = self.core.options.daemon;
        let session = self.sessions.get(&id);
        if let Some(session) =
            session.filter(|s| s.phase == Phase::Live && (is_daemon || !s.requests.is_empty()))
            && !session.is_in_vain()
        {
            // Its link may be silent, or another way was found to be quicker.
            let text = "what is under way is given up: both begin anew when the link is heard";
            self.core.notice(session.peer, text.to_owned());
            self.session_renew(id, true);
        }
    }

    /// The peer of a session has begun anew.
    pub(super) fn on_anew(&mut self, id: SessionId) {
        let session = self.sessions.get(&id);
        let is_outbound = session.is_some_and(|session| session.outbound);
        match session.map(|session| session.phase) {
            Some(Phase::Leaving) => self.close(id, CloseReason::Done),
            // Whoever had not said who it is has nothing to begin anew.
            Some(Phase::Unknown) if !is_outbound => {
                let reason = "a session began anew before it had begun";
                self.close(id, CloseReason::Malformed(reason.to_owned()));
            }
            Some(Phase::Live | Phase::Unknown) => self.session_renew(id, false),
            None => {}
        }
    }

    fn session_renew(&mut self, id: SessionId, awaits_link: bool) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        session.pieces_keep(&mut self.core);
        session.contact_note(&mut self.core);
        self.core.peers_keep(false);
        let again = Again {
            peer: session.peer,
            outbound: session.outbound,
            address: std::mem::take(&mut session.address),
            requests: std::mem::take(&mut session.requests),
            flood: session.flood,
            vain: match session.send.arrived {
                0 => session.vain.saturating_add(1),
                _ => 0,
            },
            stats: std::mem::take(&mut session.stats),
            contact: std::mem::take(&mut session.contact).again(),
            unknown_ms: (session.phase == Phase::Unknown).then_some(session.progress_ms),
            awaits_link,
        };
        self.core.effects.push(Effect::Anew {
            session: id,
            again: Box::new(again),
        });
    }

    /// The session that follows one on the same connection begins.
    pub(super) fn on_again(&mut self, id: SessionId, again: Again) {
        let mut session = Session::new(id, again.peer, again.outbound, again.address, self.core.now_ms);
        (session.requests, session.flood) = (again.requests, again.flood);
        (session.stats, session.contact) = (again.stats, again.contact);
        // A read that was out for the session that is over tells this one nothing.
        session.stats.is_heal_read = false;
        (session.is_again, session.vain) = (true, again.vain);
        session.awaits_link = again.awaits_link;
        session.progress_ms = again.unknown_ms.unwrap_or(session.progress_ms);
        if !session.awaits_link {
            session.greet_again(&mut self.core);
        }
        self.sessions.insert(id, session);
    }
}

impl Session {
    /// The peer of a session that follows another is heard: whoever dialled says what it holds by now, and not what
    /// it held when the link was lost.
    pub(super) fn greet_again(&mut self, core: &mut Core) {
        if self.outbound {
            self.flow = Arc::new(core.flow_with(&self.peer));
            self.meet(core);
        }
    }

    /// Whether both began anew several times and nothing has arrived since: the link bears less than what is sent on
    /// it, and beginning anew once more would hide that it stands still.
    fn is_in_vain(&self) -> bool {
        self.vain >= ANEWS_IN_VAIN_MAX && self.send.arrived == 0
    }

    /// Whether more is under way to the peer than what a link is tried with.
    fn is_much_under_way(&self) -> bool {
        let bytes = self.send.in_flight.iter().map(|(.., bytes)| *bytes);
        bytes.fold(0, usize::saturating_add) > QUIET_BYTES
    }
}
