//! Whether there is room for who comes, and who makes it.
//!
//! Invariants: no member is refused without a word of when to come again; strangers of one address, or of a network
//! that one customer may have, keep those of another out of nothing; a session on which nothing is under way gives its
//! place to a member that waits, and no other session does.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chaski_crdt::author::NodeId;

use super::close::CloseReason;
use super::flow::SessionId;
use super::session::{Phase, Session};
use super::state::Engine;
use crate::limits::{
    HELLO_MS_MAX, MEETING_MS, MEETINGS_MAX, SESSIONS_MAX, SESSIONS_UNKNOWN_KEY_MAX, SESSIONS_UNKNOWN_MAX,
    TURN_AWAY_S, TURN_FULL_S, TURN_IDLE_MS, TURNS_MAX, WAIT_S_MAX,
};
use crate::place::{Counts, place_at};

impl Engine {
    /// Whether there is no room for a session with a peer that has come, and what it is told.
    pub(super) fn turn_check(&mut self, peer: &NodeId, address: &str) -> Result<(), CloseReason> {
        let now = self.core.now_ms;
        let is_member = self.core.trust.member(peer).is_some();
        // A key that is a member's was proven in the handshake: strangers take no room from it.
        let is_crowded = if is_member {
            let is_same = |s: &&Session| s.phase == Phase::Unknown && s.peer == *peer;
            self.sessions.values().filter(is_same).count() >= SESSIONS_UNKNOWN_KEY_MAX
        } else {
            !self.stranger_room(address)
        };
        if is_crowded {
            return Err(CloseReason::Wait(self.greeting_s()));
        }
        let free = SESSIONS_MAX.saturating_sub(self.sessions.len());
        if is_member && free > 0 {
            // Who comes again while it is at it has its turn already: that session is replaced.
            let is_open = |s: &Session| matches!(s.phase, Phase::Unknown | Phase::Live);
            let is_same = |s: &Session| s.peer == *peer && !s.outbound && is_open(s);
            if self.sessions.values().any(is_same) {
                return Ok(());
            }
            let left = MEETINGS_MAX.saturating_sub(self.meetings(peer, now));
            return match self.core.turns.is_next(peer, left.min(free), now) {
                true => {
                    self.core.turns.take(peer, now);
                    Ok(())
                }
                false => Err(CloseReason::Wait(self.core.turns.wait_s(peer, now))),
            };
        }
        if !is_member {
            // It waits by no name that is known here.
            return match free {
                0 => Err(CloseReason::Wait(self.core.turns.seconds(TURNS_MAX, now))),
                _ => Ok(()),
            };
        }
        if self.core.turns.is_next(peer, 1, now) && self.make_room(now) {
            self.core.turns.take(peer, now);
            return Ok(());
        }
        // All have something under way: for how long nobody knows.
        let seconds = self.core.turns.wait_s(peer, now).max(TURN_FULL_S);
        Err(CloseReason::Wait(seconds))
    }

    /// Whether there is room for a stranger that has come. Where strangers take it all, the first to come of those
    /// from where most are makes room, unless that is from where this one comes: it has had its time to say who
    /// it is.
    fn stranger_room(&mut self, address: &str) -> bool {
        let is_stranger =
            |s: &&Session| s.phase == Phase::Unknown && self.core.trust.member(&s.peer).is_none();
        let strangers: Vec<&Session> = self.sessions.values().filter(is_stranger).collect();
        if strangers.len() < SESSIONS_UNKNOWN_MAX {
            return true;
        }
        let mut counts = Counts::default();
        let own = place_at(address);
        counts.add(own);
        strangers.iter().for_each(|s| counts.add(place_at(&s.address)));
        let weights = strangers
            .iter()
            .filter(|s| !s.outbound)
            .map(|s| (counts.weight(place_at(&s.address)), Reverse((s.opened_ms, s.id))));
        let first = weights.max().filter(|(weight, _)| *weight > counts.weight(own));
        let Some((_, Reverse((_, id)))) = first else {
            return false;
        };
        let wait = CloseReason::Wait(self.greeting_s());
        self.close(id, wait);
        true
    }

    /// Other members that have come not long ago and are still at it.
    fn meetings(&self, peer: &NodeId, now: u64) -> usize {
        let is_new = |opened_ms: u64| now.saturating_sub(opened_ms) < MEETING_MS;
        self.sessions
            .values()
            .filter(|s| !s.outbound && matches!(s.phase, Phase::Unknown | Phase::Live))
            .filter(|s| !s.proof.ever && is_new(s.opened_ms))
            .map(|s| s.peer)
            .filter(|other| other != peer && self.core.trust.member(other).is_some())
            .collect::<BTreeSet<NodeId>>()
            .len()
    }

    /// After how many seconds one of those that have not said who they are has, or is gone.
    fn greeting_s(&self) -> u32 {
        let unknown = self.sessions.values().filter(|s| s.phase == Phase::Unknown);
        let first_ms = unknown.map(|s| s.opened_ms).min().unwrap_or(self.core.now_ms);
        let left_ms = first_ms
            .saturating_add(HELLO_MS_MAX)
            .saturating_sub(self.core.now_ms);
        u32::try_from(left_ms.div_ceil(1_000))
            .unwrap_or(WAIT_S_MAX)
            .clamp(1, WAIT_S_MAX)
    }

    /// Ends the session on which nothing has been under way for longest; whether there is one.
    fn make_room(&mut self, now: u64) -> bool {
        let idle: Option<(u64, SessionId)> = self
            .sessions
            .values()
            .filter(|s| s.phase == Phase::Live && !s.outbound && s.requests.is_empty() && !s.is_busy())
            .filter(|s| now.saturating_sub(s.progress_ms) >= TURN_IDLE_MS)
            .map(|s| (s.progress_ms, s.id))
            .min();
        let Some((_, id)) = idle else { return false };
        self.close(id, CloseReason::Wait(TURN_AWAY_S));
        true
    }
}
