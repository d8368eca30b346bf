//! The door: who may begin a handshake, and how much a connection may cost
//! until its peer has said who it is.
//!
//! Invariants: a connection holds a place at the door from when it enters
//! until its session is live or it is gone; places are bounded by address and
//! in all, so who floods from one address keeps only that address busy; whoever
//! finds no place waits for one ([`super::hall`]) and is told in time; what a
//! member began counts no longer once it has said who it is; an address that
//! did not prove itself is never counted beyond a few, so nobody is locked out
//! by packets that only pretend to be theirs; what one that is gone leaves in the
//! transport ([`super::drains`]) keeps nobody waiting but who comes from there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use tokio::sync::Notify;

use super::drains::{Drains, Kept};
use crate::limits::{
    DOOR_ADDRESS_MAX, DOOR_ADDRESSES_MAX, DOOR_BEGUN_MAX, DOOR_MAX, DOOR_MEMBER_MAX, DOOR_UNPROVEN_MAX,
    DOOR_WINDOW_MS,
};
use crate::place::{Network, networks};

/// What the door says to a first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The peer may come in.
    Enter,
    /// First prove that you are where you say.
    Prove,
    /// Wait for a place.
    Wait,
}

/// One address, or a network of them.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Connections at the door now.
    here: usize,
    /// Connections let in within the window that began then.
    begun: usize,
    since: Instant,
}

impl Row {
    pub(super) fn new(now: Instant) -> Row {
        Row {
            here: 0,
            begun: 0,
            since: now,
        }
    }

    /// Whether as many as may are here, or have come, for so many hosts together.
    fn is_full(&self, hosts: usize) -> bool {
        self.here >= DOOR_ADDRESS_MAX.saturating_mul(hosts)
            || self.begun >= DOOR_BEGUN_MAX.saturating_mul(hosts)
    }
}

/// Counts of connections whose peer has not said who it is.
#[derive(Debug, Default)]
pub(crate) struct Door {
    rows: BTreeMap<Network, Row>,
    here: usize,
    /// Those that came in and are over.
    drains: Drains,
    /// Members that were let in, how often within the window that began then.
    members: BTreeMap<NodeId, (usize, Instant)>,
}

impl Door {
    pub(super) fn ask(&mut self, place: IpAddr, proven: bool, now: Instant) -> Answer {
        let window = Duration::from_millis(DOOR_WINDOW_MS);
        let around = networks(place);
        if self.rows.len().saturating_add(around.len()) > DOOR_ADDRESSES_MAX {
            self.rows
                .retain(|_, row| row.here > 0 || now.duration_since(row.since) < window);
        }
        let known = around.iter().filter(|network| self.rows.contains_key(network));
        let new = around.len().saturating_sub(known.count());
        let mut rows: Vec<(Network, Row)> = around
            .into_iter()
            .map(|network| (network, self.rows.get(&network).copied().unwrap_or(Row::new(now))))
            .collect();
        for (_, row) in &mut rows {
            if now.duration_since(row.since) >= window {
                (row.begun, row.since) = (0, now);
            }
        }
        let is_unproven_full = |row: &Row| row.begun >= DOOR_UNPROVEN_MAX || row.here >= DOOR_UNPROVEN_MAX;
        let is_busy = self.here >= DOOR_MAX / 4 || rows.last().is_some_and(|(_, row)| is_unproven_full(row));
        let is_full = self.here >= DOOR_MAX
            || self.rows.len().saturating_add(new) > DOOR_ADDRESSES_MAX
            || rows.iter().any(|(network, row)| row.is_full(network.hosts()))
            || !self.drains.is_room(place, now);
        match (proven, is_busy, is_full) {
            (false, true, _) | (false, _, true) => return Answer::Prove,
            (true, _, true) => return Answer::Wait,
            (_, _, false) => {}
        }
        self.here += 1;
        for (network, mut row) in rows {
            row.here += 1;
            row.begun += 1;
            self.rows.insert(network, row);
        }
        Answer::Enter
    }

    pub(super) fn leave(&mut self, place: IpAddr) {
        self.here = self.here.saturating_sub(1);
        for network in networks(place) {
            if let Some(row) = self.rows.get_mut(&network) {
                row.here = row.here.saturating_sub(1);
            }
        }
    }

    /// A connection from there turned out to be a member's: it does not count as begun, unless that member
    /// begins one after the other.
    pub(super) fn welcome(&mut self, place: IpAddr, member: NodeId, now: Instant) {
        let window = Duration::from_millis(DOOR_WINDOW_MS);
        let is_over = |since: Instant| now.saturating_duration_since(since) >= window;
        if self.members.len() >= DOOR_ADDRESSES_MAX {
            self.members.retain(|_, (_, since)| !is_over(*since));
        }
        if self.members.len() >= DOOR_ADDRESSES_MAX && !self.members.contains_key(&member) {
            return;
        }
        let (count, since) = self.members.entry(member).or_insert((0, now));
        if is_over(*since) {
            (*count, *since) = (0, now);
        }
        if *count >= DOOR_MEMBER_MAX {
            return;
        }
        *count += 1;
        for network in networks(place) {
            if let Some(row) = self.rows.get_mut(&network) {
                row.begun = row.begun.saturating_sub(1);
            }
        }
    }
}

/// The door, whatever became of who held it.
pub(super) fn lock(door: &Mutex<Door>) -> MutexGuard<'_, Door> {
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes, when dropped, that a connection which came in is over.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(super) door: Arc<Mutex<Door>>,
    pub(super) at: IpAddr,
    pub(super) kept: Kept,
}

#[cfg(test)]
impl Trace {
    pub(super) fn kept(&self) -> Kept {
        self.kept.clone()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        lock(&self.door).drains.add(self.at, kept, Instant::now());
    }
}

/// A connection's place at the door, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) door: Arc<Mutex<Door>>,
    /// Told that a place is free.
    pub(super) freed: Arc<Notify>,
    pub(super) at: IpAddr,
    pub(super) trace: Option<Trace>,
}

impl Place {
    /// Gives the place back: its connection is a member's. What it leaves is held for as long as that lasts.
    pub(crate) fn welcome(mut self, member: NodeId) -> Option<Trace> {
        lock(&self.door).welcome(self.at, member, Instant::now());
        self.trace.take()
    }

    /// Whether there is room enough at the door for this one to stay longer.
    pub(super) fn is_room(&self) -> bool {
        lock(&self.door).here < DOOR_MAX / 4
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.door).leave(self.at);
        self.freed.notify_one();
    }
}

#[cfg(test)]
mod tests;
