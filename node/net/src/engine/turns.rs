//! Whose turn it is where there is no room for all who come.
//!
//! Invariants: so many exchanges begin that each ends soon, and none that takes its time stands in the way of others;
//! who has waited longer goes before who has waited less, once its time has come; a turn that nobody takes is not kept
//! for ever; whatever is remembered is bounded, and of members alone.

use std::collections::{BTreeMap, VecDeque};

use chaski_crdt::author::NodeId;

use crate::limits::{MEETING_MS, MEETINGS_MAX, TURN_KEPT_MS, TURN_RATE_MS, TURNS_MAX, WAIT_S_MAX};

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
    pub(super) fn seconds(&self, before: usize, now_ms: u64) -> u32 {
        let is_recent = |at: &&u64| now_ms.saturating_sub(**at) < TURN_RATE_MS;
        let taken = self.taken.iter().filter(is_recent).count();
        let taken = u64::try_from(taken).unwrap_or(u64::MAX).max(TAKEN_MIN);
        let places = u64::try_from(before.saturating_add(1)).unwrap_or(u64::MAX);
        let wait_ms = places.saturating_mul(TURN_RATE_MS).div_ceil(taken);
        let seconds = u32::try_from(wait_ms.div_ceil(1_000)).unwrap_or(WAIT_S_MAX);
        seconds.clamp(1, WAIT_S_MAX)
    }
}

#[cfg(test)]
mod tests;
