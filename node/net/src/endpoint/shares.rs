//! What serving each peer has cost of late, and whose turn is next by that.
//!
//! Invariants: what was used counts half after each [`SHARE_HALF_MS`], so nobody pays for yesterday and whoever
//! waits is served before long; it is counted by the key that was proven in the handshake, so that a peer which
//! comes back has not become another; what one peer gave stays in its order; the peers remembered are bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chaski_crdt::author::NodeId;

use crate::limits::{SHARE_BYTES_A_US, SHARE_HALF_MS, SHARES_MAX};

/// For whom something is done; nobody where its session is over.
pub(crate) type For = Option<NodeId>;

/// What a peer had used at a time, in microseconds of work.
#[derive(Clone, Copy, Debug)]
struct Used {
    us: f64,
    at: Instant,
}

impl Used {
    /// What still counts of it.
    fn now(self, now: Instant) -> f64 {
        let halves =
            now.saturating_duration_since(self.at).as_secs_f64() * 1_000.0 / f64::from(SHARE_HALF_MS);
        self.us * (-halves).exp2()
    }
}

/// What serving each peer has cost, shared by all who serve.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shares {
    rows: Arc<Mutex<BTreeMap<NodeId, Used>>>,
}

impl Shares {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<NodeId, Used>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes work that was done for a peer.
    pub(crate) fn charge(&self, peer: For, us: u64, now: Instant) {
        let Some(peer) = peer else { return };
        let mut rows = self.rows();
        if rows.len() >= SHARES_MAX && !rows.contains_key(&peer) {
            let least = rows
                .iter()
                .min_by(|a, b| a.1.now(now).total_cmp(&b.1.now(now)))
                .map(|(peer, _)| *peer);
            if let Some(least) = least {
                rows.remove(&least);
            }
        }
        let used = rows.entry(peer).or_insert(Used { us: 0.0, at: now });
        // More than a day of work in one piece is nobody's.
        let more = u32::try_from(us).unwrap_or(u32::MAX);
        *used = Used {
            us: used.now(now) + f64::from(more),
            at: now,
        };
    }

    /// Notes bytes that were sent to a peer: they are sealed and written one by one.
    pub(crate) fn charge_bytes(&self, peer: For, bytes: usize, now: Instant) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.charge(peer, bytes / SHARE_BYTES_A_US, now);
    }

    /// What each of these has used, as far as it still counts.
    fn used(&self, peer: For, now: Instant) -> u64 {
        let used = peer.and_then(|peer| self.rows().get(&peer).copied());
        // Saturates: never negative, and never near the bound.
        used.map_or(0, |used| used.now(now) as u64)
    }
}

/// What waits of each peer, in the order that each gave it.
#[derive(Debug)]
pub(crate) struct Queues<T> {
    rows: BTreeMap<For, VecDeque<(u64, T)>>,
    given: u64,
}

impl<T> Default for Queues<T> {
    fn default() -> Queues<T> {
        Queues {
            rows: BTreeMap::new(),
            given: 0,
        }
    }
}

impl<T> Queues<T> {
    pub(crate) fn push(&mut self, peer: For, job: T) {
        self.given = self.given.saturating_add(1);
        self.rows.entry(peer).or_default().push_back((self.given, job));
    }

    /// Whose turn it is and what that peer has used: the least of all, and of those that have used as little
    /// the one that has waited longest.
    pub(crate) fn next(&self, shares: &Shares, now: Instant) -> Option<(u64, For)> {
        let waiting = self.rows.iter().filter_map(|(peer, jobs)| {
            let (given, _) = jobs.front()?;
            Some((shares.used(*peer, now), *given, *peer))
        });
        waiting.min().map(|(used, _, peer)| (used, peer))
    }

    /// The first that a peer has given.
    pub(crate) fn take(&mut self, peer: For) -> Option<T> {
        let jobs = self.rows.get_mut(&peer)?;
        let job = jobs.pop_front().map(|(_, job)| job);
        if jobs.is_empty() {
            self.rows.remove(&peer);
        }
        job
    }

    /// What waits of a peer, in the order that it gave it.
    pub(crate) fn of(&self, peer: For) -> impl Iterator<Item = &T> {
        self.rows.get(&peer).into_iter().flatten().map(|(_, job)| job)
    }

    /// Takes out the last that a peer has given of those that are meant.
    pub(crate) fn take_last(&mut self, peer: For, is_meant: impl Fn(&T) -> bool) -> Option<T> {
        let jobs = self.rows.get_mut(&peer)?;
        let at = jobs.iter().rposition(|(_, job)| is_meant(job))?;
        let job = jobs.remove(at).map(|(_, job)| job);
        if jobs.is_empty() {
            self.rows.remove(&peer);
        }
        job
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
    }
}

#[cfg(test)]
mod tests;
