//! Other sites as they may stand: none alike.

use super::super::ui::{AddressSource, SiteAddress, SiteReason, SiteStanding, SiteSummary, SiteTold};
use super::{DAY, NOW_MS};

/// A site that is connected, in sync and of which all is known.
pub fn site(name: &str) -> SiteSummary {
    SiteSummary {
        name: name.into(),
        mark: None,
        site: None,
        role: "clinic".into(),
        standing: SiteStanding::Connected,
        is_stale: false,
        is_in_sync: true,
        reason: None,
        notes: Vec::new(),
        joined_ms: Some(NOW_MS - 100 * DAY),
        by_way: None,
        last_heard_ms: Some(NOW_MS - 4_000),
        is_heard_by_file: false,
        in_sync_ms: Some(NOW_MS - 4_000),
        backlog: Some(0),
        bytes_out: 1_250_000,
        bytes_in: 48_300,
        clock_skew_ms: Some(800),
        clock_ms: Some(NOW_MS - 240_000),
        quarantined_here: 0,
        addresses: Vec::new(),
        told: Some(SiteTold {
            at_ms: NOW_MS - 240_000,
            version: "0.1.0".into(),
            conflicts: 0,
            quarantined: 0,
            awaiting: 0,
            records: 48_213,
            disk_free_bytes: Some(12_400_000_000),
            is_disk_full: false,
        }),
    }
}

/// A site that joined and was never met.
pub fn never_met(name: &str) -> SiteSummary {
    SiteSummary {
        standing: SiteStanding::NeverMet,
        is_stale: true,
        is_in_sync: false,
        joined_ms: Some(NOW_MS - 30 * DAY),
        reason: Some(SiteReason::NeverMet),
        last_heard_ms: None,
        in_sync_ms: None,
        backlog: None,
        bytes_out: 0,
        bytes_in: 0,
        clock_skew_ms: None,
        clock_ms: None,
        told: None,
        ..site(name)
    }
}

/// All of them, in the node's order.
pub fn sites() -> Vec<SiteSummary> {
    let mut gone = site("Villa Unión del Altiplano Sur");
    gone.is_in_sync = false;
    (gone.site, gone.role) = (Some("VU".into()), "clinic".into());
    (gone.standing, gone.is_stale, gone.reason) = (SiteStanding::Away, true, Some(SiteReason::NotHeard));
    (gone.last_heard_ms, gone.in_sync_ms) = (Some(NOW_MS - 9 * DAY), Some(NOW_MS - 12 * DAY));
    gone.backlog = Some(1_204);
    (gone.clock_skew_ms, gone.clock_ms) = (Some(-3 * 3_600_000), Some(NOW_MS - 9 * DAY));
    if let Some(told) = &mut gone.told {
        told.at_ms = NOW_MS - 9 * DAY;
        (told.conflicts, told.quarantined, told.awaiting) = (3, 2, 1);
        (told.disk_free_bytes, told.is_disk_full) = (Some(310_000_000), true);
    }
    let mut team = site("Mobile team");
    team.role = "mobile".into();
    team.is_in_sync = false;
    (team.standing, team.reason) = (SiteStanding::Away, Some(SiteReason::NotHeard));
    (team.last_heard_ms, team.in_sync_ms) = (Some(NOW_MS - 3 * DAY), Some(NOW_MS - 3 * DAY));
    team.backlog = Some(41);
    team.quarantined_here = 2;
    let mut silent = site("Puno");
    silent.is_in_sync = false;
    (silent.standing, silent.reason) = (SiteStanding::Silent, Some(SiteReason::NotHeard));
    (silent.last_heard_ms, silent.in_sync_ms) = (Some(NOW_MS - 80_000), Some(NOW_MS - 80_000));
    let mut hub = site("Regional hub");
    hub.role = "hub".into();
    hub.addresses = [
        "203.0.113.7:8031",
        "[2001:db8::7]:8031",
        "10.1.0.2:8031",
        "192.0.2.9:8031",
    ]
    .into_iter()
    .zip([
        AddressSource::Told,
        AddressSource::Through("Puno".into()),
        AddressSource::Configured,
        AddressSource::Mdns,
    ])
    .map(|(address, from)| SiteAddress {
        address: address.into(),
        from,
    })
    .collect();
    let mut out = site("Old tablet");
    out.is_in_sync = false;
    (out.standing, out.reason) = (SiteStanding::Revoked, Some(SiteReason::Revoked));
    (out.last_heard_ms, out.in_sync_ms) = (Some(NOW_MS - 90 * DAY), Some(NOW_MS - 90 * DAY));
    out.told = None;
    let mut heard = by_way("Posta Ollachea", "0a1b2c3d");
    (heard.standing, heard.last_heard_ms) = (SiteStanding::Away, Some(NOW_MS - 20 * DAY));
    let other = by_way("Posta Ollachea", "f0e1d2c3");
    vec![never_met("San Juan"), gone, team, silent, hub, heard, other, out]
}

/// A site that is not met, of a name that another bears too.
pub fn by_way(name: &str, mark: &str) -> SiteSummary {
    SiteSummary {
        mark: Some(mark.into()),
        is_stale: false,
        by_way: Some("Regional hub".into()),
        ..never_met(name)
    }
}
