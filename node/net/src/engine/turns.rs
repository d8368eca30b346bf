//! Whose turn it is where there is no room for all who come.
//!
//! Invariants: no member is refused without a word of when to come again; so many exchanges begin that each ends
//! soon, and none that takes its time stands in the way of others; who has waited longer goes before who has waited
//! less, once its time has come; a turn that nobody takes is not kept for ever; whatever is remembered
//! is bounded, and of members alone; strangers of one address, or of a network that one customer may have, keep those
//! of another out of nothing; a session on which nothing is under way gives its place to a member that
//! waits, and no other session does.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chaski_crdt::author::NodeId;

use super::session::{Phase, Session};
use super::{CloseReason, Engine, SessionId};
use crate::limits::{
    HELLO_MS_MAX, MEETING_MS, MEETINGS_MAX, SESSIONS_MAX, SESSIONS_UNKNOWN_KEY_MAX, SESSIONS_UNKNOWN_MAX,
    TURN_AWAY_S, TURN_FULL_S, TURN_IDLE_MS, TURN_KEPT_MS, TURN_RATE_MS, TURNS_MAX, WAIT_S_MAX,
};
use crate::place::{Counts, place_at};

/// A turn is about to be taken when it is due within so many milliseconds.
const SOON_MS: u64 = 5_000;
/// Turns taken that are counted: at this many in [`TURN_RATE_MS`] nobody waits for more than a moment.
const TAKEN_MAX: usize = 512;
/// Turns taken in that time at least, while there is room for sessions: each gives its place to another before long.
const TAKEN_MIN: u64 = MEETINGS_MAX as u64 * TURN_RATE_MS / MEETING_MS;

/// A member that waits.
#[derive(Clone, Copy, Debug)]
struct Turn {
    since_ms: u64,
    due_ms: u64,
}

/// Members that wait for a session, and how fast places become free.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    waiting: BTreeMap<NodeId, Turn>,
    taken: VecDeque<u64>,
}

impl Turns {
    /// Whether one of so many free places is a member's: those that have waited longer and are about to come have
    /// theirs before it.
    pub(super) fn is_next(&mut self, peer: &NodeId, free: usize, now_ms: u64) -> bool {
        self.waiting
            .retain(|_, turn| turn.due_ms.saturating_add(TURN_KEPT_MS) >= now_ms);
        let since_ms = self.waiting.get(peer).map_or(now_ms, |turn| turn.since_ms);
        let is_before = |(node, turn): &(&NodeId, &Turn)| {
            *node != peer
                && (turn.since_ms, *node) < (since_ms, peer)
                && turn.due_ms <= now_ms.saturating_add(SOON_MS)
        };
        self.waiting.iter().filter(is_before).count() < free
    }

    /// A member has its turn.
    pub(super) fn take(&mut self, peer: &NodeId, now_ms: u64) {
        self.waiting.remove(peer);
        self.taken.push_back(now_ms);
        if self.taken.len() > TAKEN_MAX {
            self.taken.pop_front();
        }
    }

    /// In how many seconds a member's turn comes, as far as it shows; from now on it waits.
    pub(super) fn wait_s(&mut self, peer: &NodeId, now_ms: u64) -> u32 {
        if self.waiting.len() >= TURNS_MAX && !self.waiting.contains_key(peer) {
            return self.seconds(self.waiting.len(), now_ms);
        }
        let new = Turn {
            since_ms: now_ms,
            due_ms: 0,
        };
        let since_ms = self.waiting.entry(*peer).or_insert(new).since_ms;
        let is_before = |(node, turn): &(&NodeId, &Turn)| (turn.since_ms, *node) < (since_ms, peer);
        let before = self.waiting.iter().filter(is_before).count();
        let seconds = self.seconds(before, now_ms);
        if let Some(turn) = self.waiting.get_mut(peer) {
            turn.due_ms = now_ms.saturating_add(u64::from(seconds).saturating_mul(1_000));
        }
        seconds
    }

    /// After how many seconds a place is free for one that so many stand before.
    fn seconds(&self, before: usize, now_ms: u64) -> u32 {
        let is_recent = |at: &&u64| now_ms.saturating_sub(**at) < TURN_RATE_MS;
        let taken = self.taken.iter().filter(is_recent).count();
        let taken = u64::try_from(taken).unwrap_or(u64::MAX).max(TAKEN_MIN);
        let places = u64::try_from(before.saturating_add(1)).unwrap_or(u64::MAX);
        let wait_ms = places.saturating_mul(TURN_RATE_MS).div_ceil(taken);
        let seconds = u32::try_from(wait_ms.div_ceil(1_000)).unwrap_or(WAIT_S_MAX);
        seconds.clamp(1, WAIT_S_MAX)
    }
}

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

#[cfg(test)]
mod tests;
