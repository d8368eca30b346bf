//! How long a packet and its answer take to and from hosts, as it was last seen.
//!
//! A handshake knows nothing of its link: one that takes it to be faster than it is sends each of its
//! packets, which are padded, two or three times over, and on a slow link that is what takes the time.
//!
//! Invariants: bounded; nothing but times depends on it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::limits::{TRIP_HANDSHAKE_PERCENT, TRIP_MS_MAX, TRIP_MS_MIN, TRIPS_MAX};

/// Round trips by host, in ms.
#[derive(Debug, Default)]
pub(crate) struct Trips(Mutex<BTreeMap<IpAddr, u64>>);

impl Trips {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<IpAddr, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to expect of a host's link; nothing where it was not seen.
    pub(crate) fn of(&self, host: SocketAddr) -> Option<Duration> {
        let trip_ms = *self.rows().get(&host.ip().to_canonical())?;
        Some(Duration::from_millis(trip_ms.clamp(TRIP_MS_MIN, TRIP_MS_MAX)))
    }

    /// Notes what a handshake's round trip took, unless what is known agrees with it.
    pub(crate) fn shaken(&self, host: SocketAddr, trip_ms: u64) {
        let known = self.rows().get(&host.ip().to_canonical()).copied();
        if known.is_none_or(|known| known > trip_ms || known < trip_ms / 4) {
            self.note(host, trip_ms.saturating_mul(TRIP_HANDSHAKE_PERCENT) / 100);
        }
    }

    /// Notes what was seen.
    pub(crate) fn note(&self, host: SocketAddr, trip_ms: u64) {
        let mut rows = self.rows();
        let host = host.ip().to_canonical();
        if rows.len() >= TRIPS_MAX && !rows.contains_key(&host) {
            // Any will do: it is seen again with its next session.
            rows.pop_first();
        }
        rows.insert(host, trip_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_last_seen_of_a_host_is_expected_of_it_within_bounds() {
        let trips = Trips::default();
        let host = |n: u32, port| SocketAddr::new(IpAddr::from((n + (10 << 24)).to_be_bytes()), port);
        assert_eq!(trips.of(host(1, 1)), None);
        for (seen_ms, expected_ms) in [(640, 640), (1, TRIP_MS_MIN), (90_000, TRIP_MS_MAX)] {
            trips.note(host(1, 8_031), seen_ms);
            assert_eq!(
                trips.of(host(1, 40_000)),
                Some(Duration::from_millis(expected_ms))
            );
        }
        // A handshake's packets are long: what it took is told from the rest, unless both agree.
        for (shaken_ms, expected_ms) in [
            (500, 300),
            (1_200, 300),
            (1_204, 722),
            (500, 300),
            (400, 300),
            (300, 300),
            (200, 120),
            (1_000, 600),
            (50, 100),
        ] {
            trips.shaken(host(2, 1), shaken_ms);
            assert_eq!(
                trips.of(host(2, 1)),
                Some(Duration::from_millis(expected_ms)),
                "{shaken_ms}"
            );
        }
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:7".parse().unwrap();
        assert!(trips.of(mapped).is_some());
        for n in 0..2 * u32::try_from(TRIPS_MAX).unwrap() {
            trips.note(host(n, 1), 5);
        }
        assert_eq!(trips.rows().len(), TRIPS_MAX);
    }
}
