//! Connections that are over and of which the transport still keeps something.
//!
//! Shape: a transport keeps a closed connection for three of its probe timeouts (RFC 9000, 10.2), of which the
//! other side decides a part, so one may be kept for a minute. Each connection that came in has settings of its
//! own: as long as the transport has them, it keeps the connection.
//!
//! Invariants: whoever leaves many behind waits until they are gone, and nobody else does; the more there are in
//! all, the fewer one place may leave, so that they grow with the root of the places at most.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Weak;
use std::time::{Duration, Instant};

use quinn::TransportConfig;

use crate::limits::{DOOR_DRAINING_ADDRESS_MAX, DOOR_DRAINING_MAX, DOOR_LOOK_MS};
use crate::place::{Counts, networks};

/// Settings that only one connection has.
pub(crate) type Kept = Weak<TransportConfig>;

/// Connections that are over, by where they came from.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    rows: BTreeMap<IpAddr, Vec<Kept>>,
    counts: Counts,
    all: usize,
    looked: Option<Instant>,
}

impl Drains {
    /// One is over.
    pub(crate) fn add(&mut self, place: IpAddr, kept: Kept, now: Instant) {
        self.rows.entry(place).or_default().push(kept);
        self.counts.add(place);
        self.all = self.all.saturating_add(1);
        self.look(now);
    }

    /// Whether one more from there may come, for all that are kept.
    pub(crate) fn is_room(&mut self, place: IpAddr, now: Instant) -> bool {
        self.is_below(place) || (self.look(now) && self.is_below(place))
    }

    fn is_below(&self, place: IpAddr) -> bool {
        networks(place).into_iter().all(|network| {
            let most = DOOR_DRAINING_ADDRESS_MAX.saturating_mul(network.hosts());
            let part = most.saturating_mul(DOOR_DRAINING_MAX) / self.all.max(DOOR_DRAINING_MAX);
            self.counts.of(network) < part.max(1)
        })
    }

    /// Lets go of those that are gone; whether it was time to.
    fn look(&mut self, now: Instant) -> bool {
        let wait = Duration::from_millis(DOOR_LOOK_MS);
        let is_due = |at: Instant| now.saturating_duration_since(at) >= wait;
        if !self.looked.is_none_or(is_due) {
            return false;
        }
        self.looked = Some(now);
        let (counts, mut all) = (&mut self.counts, 0);
        self.rows.retain(|place, kept| {
            kept.retain(|one| {
                let is_kept = one.strong_count() > 0;
                if !is_kept {
                    counts.remove(*place);
                }
                is_kept
            });
            all += kept.len();
            !kept.is_empty()
        });
        self.all = all;
        true
    }

    #[cfg(test)]
    pub(crate) fn all(&mut self, now: Instant) -> usize {
        self.look(now);
        self.all
    }
}
