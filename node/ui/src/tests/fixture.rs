//! A node in memory, for page tests and the preview. All invented; the clinic behind it is a real one
//! ([`sample`]).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use super::ui::*;

/// The pages' present in these tests: 2026-11-20T09:30:00Z.
pub const NOW_MS: u64 = 1_795_167_000_000;
const HOUR: u64 = 3_600_000;
pub const DAY: u64 = 24 * HOUR;

/// A node with everything there is to show.
pub struct FixtureNode {
    pub busy: bool,
    pub changes: watch::Sender<u64>,
    counter: AtomicU64,
}

impl FixtureNode {
    pub fn new(busy: bool, changes: watch::Sender<u64>) -> Self {
        Self {
            busy,
            changes,
            counter: AtomicU64::new(1),
        }
    }
}

fn peer(name: &str, role: &str, ago_ms: u64, connected: bool, in_sync: Option<bool>) -> PeerSummary {
    PeerSummary {
        name: name.into(),
        mark: None,
        site: None,
        role: role.into(),
        last_seen_ms: Some(NOW_MS - ago_ms),
        is_seen_by_file: false,
        standing: if connected {
            SiteStanding::Connected
        } else {
            SiteStanding::Away
        },
        in_sync,
        in_sync_ms: in_sync.map(|_| NOW_MS - ago_ms),
        clock_skew_ms: 0,
        quarantined: 0,
        notes: Vec::new(),
    }
}

impl NodeInfo for FixtureNode {
    fn summary(&self) -> NodeSummary {
        NodeSummary {
            id: "ab12cd34".into(),
            name: "Santa Rosa".into(),
            site: Some("SR".into()),
            test_data: true,
            zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(-5)),
            is_zone_read: true,
            records: 48_213,
            fingerprint: "7f3a 91c2".into(),
        }
    }

    fn peers(&self) -> Vec<PeerSummary> {
        let mut team = peer("Mobile team", "mobile", 3 * DAY, false, None);
        team.clock_skew_ms = -3 * HOUR as i64;
        team.quarantined = if self.busy { 2 } else { 0 };
        let mut far = peer("San Juan", "clinic", 0, false, None);
        (far.last_seen_ms, far.standing) = (None, SiteStanding::NeverMet);
        let twins = ["0a1b2c3d", "f0e1d2c3"].map(|mark| PeerSummary {
            mark: Some(mark.into()),
            ..peer("Posta Ollachea", "clinic", 2 * DAY, false, Some(true))
        });
        let mut peers = vec![peer("Regional hub", "hub", 240_000, true, Some(true)), team];
        peers.extend(twins);
        peers.push(far);
        peers
    }

    fn sites(&self) -> Vec<SiteSummary> {
        sites()
    }

    fn first_sync(&self) -> Option<FirstSync> {
        self.busy.then_some(FirstSync {
            received: 12_400,
            total: 48_213,
        })
    }

    fn nags(&self) -> Vec<Nag> {
        if !self.busy {
            return vec![];
        }
        vec![
            Nag::Revoked { by: "Hub".into() },
            Nag::DiskLow {
                free_bytes: 310_000_000,
            },
            Nag::RootNotExported,
            Nag::Quarantined { records: 2 },
            Nag::Awaiting { changes: 3 },
            Nag::Grant {
                left_ms: Some(12 * 24 * HOUR),
            },
            Nag::ClockBehind { behind_ms: 5 * HOUR },
            Nag::SoleIssuer {
                name: Some("Hub".into()),
                ends_ms: NOW_MS + 300 * 24 * HOUR,
                over: 0,
                untold: vec!["Puno".into()],
            },
            Nag::ClockOff {
                by_ms: 430 * 24 * HOUR,
                is_ahead: true,
                of: "Regional hub".into(),
                is_only: false,
            },
            Nag::Stale { sites: 2 },
            Nag::KeyBesideData,
        ]
    }

    fn now_ms(&self) -> u64 {
        NOW_MS
    }

    fn form_key(&self) -> [u8; 32] {
        [7; 32]
    }

    fn random(&self, bytes: &mut [u8]) {
        let n = self.counter.fetch_add(1, Ordering::Relaxed).to_le_bytes();
        bytes
            .iter_mut()
            .zip(n.iter().cycle())
            .for_each(|(byte, n)| *byte = *n);
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

#[path = "sample.rs"]
mod sample;
#[allow(unused_imports)]
pub use sample::{
    BABY, MARIA, ONE_USE, Sample, TOKEN, TOKEN_OTHER, YUSUF, allergy, medicine, observation, writer,
};

#[path = "fixture_sites.rs"]
mod sites;
#[allow(unused_imports)]
pub use sites::{by_way, never_met, site, sites};

#[path = "fixture_parcels.rs"]
mod parcels;
#[allow(unused_imports)]
pub use parcels::{FixtureParcels, LONG_NAME};

#[path = "fixture_demo.rs"]
mod demo;
pub use demo::FixtureDemo;
