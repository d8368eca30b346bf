//! Who has not synced: each site's last contact, backlog, troubles, version, clock, disk and bytes, for
//! `chaski hub status` and the page `/hub`.
//!
//! Invariants: both tell the same rows in the same order; every member stands among them, also one that was
//! never met; what is not known is told as not known; why nothing flows is told as everywhere else
//! ([`Ground`]); nothing of a record is told.

use chaski_net::{AddressFrom, KnownAddress, PeerInfo, Standing};
use chaski_store::{Env, SystemEnv};
use chaski_ui::{AddressSource, PeerNote, SiteAddress, SiteReason, SiteStanding, SiteSummary, SiteTold};
use serde::{Deserialize, Serialize};

use crate::error::NodeError;
use crate::grants::Ground;
use crate::lifecycle::{Node, blocking};
use crate::network::{self, time_text};

/// Days without a sync after which a site is shown first, unless told otherwise.
pub const STALE_DAYS: u32 = chaski_ui::STALE_DAYS;

const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// `chaski hub status --json`: one object. Times are RFC 3339 in UTC; null is "not known".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HubReport {
    /// This node's key, hexadecimal.
    pub node: String,
    /// This node's name.
    pub name: String,
    /// When this was looked at.
    pub at: String,
    /// After how many days without a sync a site counts as stale.
    pub stale_days: u32,
    /// How many do.
    pub stale: u64,
    /// All other members of the network: those that are stale first, the longest without a sync at the top;
    /// then the others, the longest without contact at the top; those taken out of the network last.
    pub sites: Vec<SiteReport>,
}

/// One of [`HubReport::sites`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteReport {
    /// Its key, hexadecimal.
    pub node: String,
    /// Its name.
    pub name: String,
    /// Its site's code, empty if it has none.
    pub site: String,
    /// `clinic`, `mobile` or `hub`.
    pub role: String,
    /// `connected`, `silent` (a session is open, and nothing was heard for a minute or more), `away`,
    /// `never_met` or `revoked`.
    pub standing: String,
    /// Both have not held the same for [`HubReport::stale_days`], or never, as far as is known here.
    pub stale: bool,
    /// A session is open, and the site is heard.
    pub connected: bool,
    /// Both hold the same now; false where that cannot be known now.
    pub in_sync: bool,
    /// When it was last heard.
    pub last_heard: Option<String>,
    /// How long ago that is, in seconds.
    pub last_heard_seconds: Option<u64>,
    /// When both were last known to hold the same.
    pub last_in_sync: Option<String>,
    /// How long ago that is, in seconds.
    pub last_in_sync_seconds: Option<u64>,
    /// Why it is not in sync now, as far as is known: one of `revoked`, `never_met`, `clock` (the times noted
    /// lie ahead of this node's clock), `grant_over`, `own_grant_over` (this node's), `clock_ahead` (its clock
    /// says so of this node's grant alone), `own_clock_ahead` (this node's of its), `disk_full`, `quarantined_here`, `quarantined`,
    /// `awaiting`, `not_heard`, `at_work`; null where it is in sync.
    pub reason: Option<String>,
    /// Positions of this node's log that it is not known to have: at least as many as the records it lacks.
    pub backlog: Option<u64>,
    /// Stream payload sent to it since it was first met, in bytes; handshakes and datagram heads not counted.
    pub bytes_out: u64,
    /// The same received from it.
    pub bytes_in: u64,
    /// Its clock ahead of ours (+) or behind (−) when it was last told, in milliseconds.
    pub clock_skew_ms: Option<i64>,
    /// When it may be given nothing more unless an issuer has met it; null where that never is.
    pub grant_ends: Option<String>,
    /// Whether it may be given nothing now.
    pub grant_over: bool,
    /// Changes that came from it and stand in quarantine on this node.
    pub quarantined_here: u64,
    /// When the site told what follows; null where it never did.
    pub told_at: Option<String>,
    /// The version of its program.
    pub version: Option<String>,
    /// Its open conflicts.
    pub conflicts: Option<u64>,
    /// Changes in quarantine there.
    pub quarantined: Option<u64>,
    /// Changes that wait there until their author is known as a member.
    pub awaiting: Option<u64>,
    /// Records it holds, deleted ones not counted.
    pub records: Option<u64>,
    /// Bytes free on its disk.
    pub disk_free_bytes: Option<u64>,
    /// Whether it takes no more records, for want of room.
    pub disk_full: Option<bool>,
}

/// Who has not synced for so many days, of all members.
///
/// # Errors
/// When the members can't be read.
pub async fn hub_status(node: &Node, stale_days: u32) -> Result<HubReport, NodeError> {
    let store = node.store().clone();
    let membership = blocking(move || network::membership(&store)).await?;
    let (ground, infos) = (network::ground(node).await?, network::infos(node).await?);
    let now_ms = SystemEnv.now_ms();
    let sites: Vec<SiteReport> = ordered(infos, now_ms, stale_days)
        .into_iter()
        .map(|(info, is_stale)| site_report(&ground, info, is_stale, now_ms))
        .collect();
    Ok(HubReport {
        node: membership.node.to_string(),
        name: membership.name,
        at: time_text(now_ms),
        stale_days,
        stale: sites.iter().filter(|site| site.stale).count() as u64,
        sites,
    })
}

/// The same for the page.
pub fn site_summaries(ground: &Ground, infos: &[PeerInfo], now_ms: u64) -> Vec<SiteSummary> {
    ordered(infos.to_vec(), now_ms, STALE_DAYS)
        .into_iter()
        .map(|(info, is_stale)| site_summary(ground, info, is_stale, now_ms))
        .collect()
}

/// How long ago a noted time is; nothing where there is none, or it lies ahead of the clock.
fn since(noted_ms: u64, now_ms: u64) -> Option<u64> {
    now_ms.checked_sub(noted_ms).filter(|_| noted_ms > 0)
}

/// All members in the order in which they are told, each with whether it is stale.
fn ordered(infos: Vec<PeerInfo>, now_ms: u64, stale_days: u32) -> Vec<(PeerInfo, bool)> {
    let stale_ms = u64::from(stale_days).saturating_mul(DAY_MS);
    let mut rows: Vec<(PeerInfo, bool)> = infos
        .into_iter()
        .map(|info| {
            let synced_ago = since(info.contact.in_sync_ms, now_ms);
            let is_stale = !info.revoked && synced_ago.is_none_or(|ago| ago >= stale_ms);
            (info, is_stale)
        })
        .collect();
    rows.sort_by_cached_key(|(info, is_stale)| {
        let group = match (info.revoked, is_stale) {
            (false, true) => 0,
            (false, false) => 1,
            (true, _) => 2,
        };
        let noted_ms = if *is_stale {
            info.contact.in_sync_ms
        } else {
            info.last_seen_ms
        };
        // A time ahead of the clock says nothing, like none.
        let at_ms = since(noted_ms, now_ms).map_or(0, |_| noted_ms);
        (group, at_ms, info.name.clone(), info.node)
    });
    rows
}

/// Why both do not hold the same now, as far as is known here.
fn reason(ground: &Ground, info: &PeerInfo, now_ms: u64) -> Option<SiteReason> {
    let is_halt = |note: &PeerNote| !matches!(note, PeerNote::GrantSoon { .. });
    let halt = ground.notes(info).into_iter().find(is_halt);
    let told = info.contact.told.as_ref().map(|told| &told.health);
    let is_ahead = info.last_seen_ms > now_ms || info.contact.in_sync_ms > now_ms;
    let there = |count: fn(&chaski_net::Health) -> u64| told.map_or(0, count);
    Some(match info.standing(now_ms) {
        _ if info.revoked => SiteReason::Revoked,
        Standing::Connected { in_sync: true } => return None,
        Standing::NeverMet => SiteReason::NeverMet,
        Standing::Away | Standing::Silent if is_ahead => SiteReason::Clock,
        _ if halt.is_some() => SiteReason::Halted(halt?),
        _ if told.is_some_and(|told| told.is_full) => SiteReason::DiskFull,
        _ if info.quarantined > 0 => SiteReason::QuarantinedHere,
        _ if there(|health| health.quarantined) > 0 => SiteReason::Quarantined,
        _ if there(|health| health.awaiting) > 0 => SiteReason::Awaiting,
        Standing::Connected { .. } => SiteReason::AtWork,
        Standing::Silent | Standing::Away => SiteReason::NotHeard,
    })
}

fn reason_code(reason: SiteReason) -> &'static str {
    match reason {
        SiteReason::Revoked => "revoked",
        SiteReason::NeverMet => "never_met",
        SiteReason::Clock => "clock",
        SiteReason::Halted(PeerNote::GrantOver { .. }) => "grant_over",
        SiteReason::Halted(PeerNote::OwnGrantOver { .. }) => "own_grant_over",
        SiteReason::Halted(PeerNote::ClockAhead { .. }) => "clock_ahead",
        SiteReason::Halted(PeerNote::OwnClockAhead { .. }) => "own_clock_ahead",
        // It halts nothing yet.
        SiteReason::Halted(PeerNote::GrantSoon { .. }) => "at_work",
        SiteReason::DiskFull => "disk_full",
        SiteReason::QuarantinedHere => "quarantined_here",
        SiteReason::Quarantined => "quarantined",
        SiteReason::Awaiting => "awaiting",
        SiteReason::NotHeard => "not_heard",
        SiteReason::AtWork => "at_work",
    }
}

fn site_report(ground: &Ground, info: PeerInfo, is_stale: bool, now_ms: u64) -> SiteReport {
    let seconds = |noted_ms| since(noted_ms, now_ms).map(|ago_ms| ago_ms / 1_000);
    let noted = |noted_ms: u64| (noted_ms > 0).then(|| time_text(noted_ms));
    let reason = reason(ground, &info, now_ms).map(|reason| reason_code(reason).to_owned());
    let standing = standing_code(&info, now_ms).to_owned();
    let contact = info.contact;
    let (told_ms, told) = match contact.told {
        Some(told) => (Some(told.at_ms), Some(told.health)),
        None => (None, None),
    };
    SiteReport {
        node: info.node.to_string(),
        connected: standing == "connected",
        in_sync: reason.is_none(),
        standing,
        stale: is_stale,
        last_heard: noted(info.last_seen_ms),
        last_heard_seconds: seconds(info.last_seen_ms),
        last_in_sync: noted(contact.in_sync_ms),
        last_in_sync_seconds: seconds(contact.in_sync_ms),
        reason,
        backlog: contact.backlog,
        bytes_out: contact.bytes_out,
        bytes_in: contact.bytes_in,
        clock_skew_ms: info.clock_skew_ms,
        grant_ends: info.grant_ends_ms.filter(|ms| *ms > 0).map(time_text),
        grant_over: info.grant_ends_ms.is_some_and(|ms| ms <= now_ms),
        quarantined_here: info.quarantined,
        told_at: told_ms.map(time_text),
        conflicts: told.as_ref().map(|told| told.conflicts),
        quarantined: told.as_ref().map(|told| told.quarantined),
        awaiting: told.as_ref().map(|told| told.awaiting),
        records: told.as_ref().map(|told| told.records),
        disk_free_bytes: told.as_ref().and_then(|told| told.disk_free_bytes),
        disk_full: told.as_ref().map(|told| told.is_full),
        version: told.map(|told| told.version),
        name: info.name,
        site: info.site,
        role: info.role,
    }
}

/// How it stands with a peer, as scripts read it.
pub fn standing_code(info: &PeerInfo, now_ms: u64) -> &'static str {
    match standing(info, now_ms) {
        SiteStanding::Revoked => "revoked",
        SiteStanding::NeverMet => "never_met",
        SiteStanding::Connected => "connected",
        SiteStanding::Silent => "silent",
        SiteStanding::Away => "away",
    }
}

fn standing(info: &PeerInfo, now_ms: u64) -> SiteStanding {
    match info.standing(now_ms) {
        _ if info.revoked => SiteStanding::Revoked,
        Standing::NeverMet => SiteStanding::NeverMet,
        Standing::Connected { .. } => SiteStanding::Connected,
        Standing::Silent => SiteStanding::Silent,
        Standing::Away => SiteStanding::Away,
    }
}

fn site_summary(ground: &Ground, info: PeerInfo, is_stale: bool, now_ms: u64) -> SiteSummary {
    let reason = reason(ground, &info, now_ms);
    let standing = standing(&info, now_ms);
    SiteSummary {
        name: info.name,
        site: Some(info.site).filter(|site| !site.is_empty()),
        role: info.role,
        standing,
        is_stale,
        reason,
        last_heard_ms: Some(info.last_seen_ms).filter(|ms| *ms > 0),
        in_sync_ms: Some(info.contact.in_sync_ms).filter(|ms| *ms > 0),
        backlog: info.contact.backlog,
        bytes_out: info.contact.bytes_out,
        bytes_in: info.contact.bytes_in,
        clock_skew_ms: info.clock_skew_ms,
        quarantined_here: info.quarantined,
        addresses: info.known.into_iter().map(site_address).collect(),
        told: info.contact.told.map(|told| SiteTold {
            at_ms: told.at_ms,
            version: told.health.version,
            conflicts: told.health.conflicts,
            quarantined: told.health.quarantined,
            awaiting: told.health.awaiting,
            records: told.health.records,
            disk_free_bytes: told.health.disk_free_bytes,
            is_disk_full: told.health.is_full,
        }),
    }
}

fn site_address(known: KnownAddress) -> SiteAddress {
    SiteAddress {
        address: known.address,
        from: match known.from {
            AddressFrom::Told => AddressSource::Told,
            AddressFrom::Through(name) => AddressSource::Through(name),
            AddressFrom::Joined => AddressSource::Joined,
            AddressFrom::Configured => AddressSource::Configured,
            AddressFrom::Asked => AddressSource::Asked,
            AddressFrom::Mdns => AddressSource::Mdns,
            AddressFrom::Met => AddressSource::Met,
            AddressFrom::Reached => AddressSource::Reached,
        },
    }
}

#[cfg(test)]
mod tests;
