//! Who has not synced: each site's last contact, backlog, troubles, version, clock, disk and bytes, for
//! `chaski hub status` and the page `/hub`.
//!
//! Invariants: both tell the same rows in the same order; every member stands among them, also one that was
//! never met; what is not known is told as not known; why nothing flows is told as everywhere else
//! ([`Ground`]); nothing of a record is told.

use chaski_net::{AddressFrom, KnownAddress, PeerInfo, Standing};
use chaski_store::{Env, SystemEnv};
use chaski_ui::{AddressSource, PeerNote, SiteAddress, SiteReason, SiteSummary, SiteTold};

use crate::admin::{HubReport, SiteReport};
use crate::error::NodeError;
use crate::grants::Ground;
use crate::lifecycle::{Node, blocking};
use crate::standing::{HUB, standing, standing_code};
use crate::text::time_text;
use crate::{member, peers};

/// Days without a sync after which a site is shown first, unless told otherwise.
pub const STALE_DAYS: u32 = chaski_ui::STALE_DAYS;

const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// Who has not synced for so many days, of all members.
///
/// # Errors
/// When the members can't be read.
pub async fn hub_status(node: &Node, stale_days: u32) -> Result<HubReport, NodeError> {
    let store = node.store().clone();
    let membership = blocking(move || member::membership(&store)).await?;
    let running = node.net_running().await.is_some_and(|net| net.is_listening());
    let (ground, infos) = peers::ground(node).await?;
    let now_ms = SystemEnv.now_ms();
    let warnings = own_warnings(&ground, &infos);
    let is_troubled = ground.is_troubled(&infos);
    let marks = peers::marks(ground.named(&infos));
    let rows = ordered(&ground, infos.clone(), now_ms, stale_days);
    let count = |lateness| rows.iter().filter(|row| row.lateness == lateness).count() as u64;
    let (stale, never_synced) = (count(Lateness::Stale), count(Lateness::Never));
    let well = stale == 0 && !is_troubled && count(Lateness::Fine) > 0;
    Ok(HubReport {
        node: membership.node.to_string(),
        name: membership.name,
        at: time_text(now_ms),
        running,
        stale_days,
        stale,
        never_synced,
        well,
        revoked_by: ground.revoked_by().map(str::to_owned),
        warnings,
        sites: rows
            .into_iter()
            .map(|row| SiteReport {
                mark: marks.get(&row.info.node).cloned(),
                halts: peers::halts(&ground, &row.info, &infos),
                ..site_report(&ground, row, now_ms)
            })
            .collect(),
    })
}

/// What is to be told of this node itself, where others are told of.
pub fn own_warnings(ground: &Ground, infos: &[PeerInfo]) -> Vec<String> {
    let revoked = ground.revoked_by().map(peers::revoked_text);
    revoked
        .into_iter()
        .chain(ground.clock_warnings(infos))
        .chain(ground.own_warning(infos))
        .collect()
}

/// The same for the page.
pub fn site_summaries(ground: &Ground, infos: &[PeerInfo], now_ms: u64) -> Vec<SiteSummary> {
    let marks = peers::marks(ground.named(infos));
    ordered(ground, infos.to_vec(), now_ms, STALE_DAYS)
        .into_iter()
        .map(|row| SiteSummary {
            mark: marks.get(&row.info.node).cloned(),
            ..site_summary(ground, row, now_ms)
        })
        .collect()
}

/// Who has not synced for long, as `status` and the first page tell it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lag {
    /// For how long no other site was heard, where that is as long as it takes to be stale.
    pub silent_ms: Option<u64>,
    /// How many sites are stale.
    pub stale: u64,
    /// Of how many that are members.
    pub members: u64,
}

impl Lag {
    /// As it is now; of a node that was revoked nothing.
    pub fn of(ground: &Ground, infos: &[PeerInfo], now_ms: u64) -> Self {
        if ground.revoked_by().is_some() {
            return Self::default();
        }
        let rows = ordered(ground, infos.to_vec(), now_ms, STALE_DAYS);
        let members = || infos.iter().filter(|info| !info.revoked);
        let heard = members().filter(|info| info.last_seen_ms > 0);
        // A time ahead of the clock says nothing; that the clock is wrong is told.
        let silent_ms = heard.map(|info| now_ms.checked_sub(info.last_seen_ms));
        let silent_ms = silent_ms.collect::<Option<Vec<u64>>>().unwrap_or_default();
        let is_long = |ms: &u64| *ms >= u64::from(STALE_DAYS).saturating_mul(DAY_MS);
        Self {
            silent_ms: silent_ms.into_iter().min().filter(is_long),
            stale: rows.iter().filter(|row| row.lateness == Lateness::Stale).count() as u64,
            members: members().count() as u64,
        }
    }

    /// The same in a sentence.
    pub fn warning(&self) -> Option<String> {
        const SEE: &str = "see `chaski hub status`";
        match (self.silent_ms, self.stale) {
            (Some(ms), _) => Some(format!(
                "this node has exchanged nothing with any other for {} days: {SEE}",
                ms / DAY_MS
            )),
            (None, 0) => None,
            (None, stale) => Some(format!(
                "{stale} of {} sites {} not synced for {STALE_DAYS} days: {SEE}",
                self.members,
                if stale == 1 { "has" } else { "have" }
            )),
        }
    }
}

/// Whether a member has synced of late; in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lateness {
    /// It synced, or joined and never has, too long ago.
    Stale,
    /// It has joined since, or nobody knows when, and never synced.
    Never,
    /// It has synced of late.
    Fine,
    /// Its records come by way of another.
    ByWay,
    /// It is to no longer.
    Revoked,
}

/// A member as it is told.
struct Row {
    info: PeerInfo,
    lateness: Lateness,
    joined_ms: Option<u64>,
    by_way: Option<String>,
}

/// How long ago a noted time is; nothing where there is none, or it lies ahead of the clock.
fn since(noted_ms: u64, now_ms: u64) -> Option<u64> {
    now_ms.checked_sub(noted_ms).filter(|_| noted_ms > 0)
}

/// All members as the pages list them.
pub fn in_order(ground: &Ground, infos: &[PeerInfo], now_ms: u64) -> Vec<PeerInfo> {
    let rows = ordered(ground, infos.to_vec(), now_ms, STALE_DAYS);
    rows.into_iter().map(|row| row.info).collect()
}

/// All members in the order in which they are told.
fn ordered(ground: &Ground, infos: Vec<PeerInfo>, now_ms: u64, stale_days: u32) -> Vec<Row> {
    let stale_ms = u64::from(stale_days).saturating_mul(DAY_MS);
    let relay = relay(ground, &infos, now_ms, stale_ms).cloned();
    let has_hub = infos.iter().any(|info| info.role == HUB && is_relay(info));
    let is_first = |info: &PeerInfo| ground.role() != HUB && info.role == HUB;
    let row = |info: PeerInfo| {
        let joined_ms = ground.joined_ms(&info);
        let by_way = relay
            .as_ref()
            .filter(|relay| comes_by_way(&info, relay, has_hub))
            .map(|relay| relay.name.clone());
        let is_late = |at_ms: u64| since(at_ms, now_ms).is_some_and(|ago| ago >= stale_ms);
        let is_ahead = info.contact.in_sync_ms > now_ms && !info.is_in_sync_now(now_ms);
        let lateness = match info.contact.in_sync_ms {
            _ if info.revoked => Lateness::Revoked,
            _ if by_way.is_some() => Lateness::ByWay,
            _ if info.is_in_sync_now(now_ms) => Lateness::Fine,
            0 if joined_ms.is_some_and(is_late) => Lateness::Stale,
            0 => Lateness::Never,
            // A time ahead of the clock says nothing.
            at_ms if is_late(at_ms) || is_ahead => Lateness::Stale,
            _ => Lateness::Fine,
        };
        Row {
            info,
            lateness,
            joined_ms,
            by_way,
        }
    };
    let mut rows: Vec<Row> = infos.into_iter().map(row).collect();
    rows.sort_by_cached_key(|row| {
        let noted_ms = match row.lateness {
            Lateness::Stale => row.info.contact.in_sync_ms,
            Lateness::Never => row.joined_ms.unwrap_or(0),
            Lateness::Fine | Lateness::ByWay | Lateness::Revoked => row.info.last_seen_ms,
        };
        let is_never_met = row.lateness == Lateness::ByWay && row.info.last_seen_ms == 0;
        // A time ahead of the clock says nothing, like none.
        let at_ms = since(noted_ms, now_ms).map_or(0, |_| noted_ms);
        let place = (row.lateness, is_never_met, !is_first(&row.info));
        (place, at_ms, row.info.name.clone(), row.info.node)
    });
    rows
}

/// The site by way of which a node that is no hub gets what it does not fetch itself: one that it has synced with of
/// late, a hub if there is such, else the one that it last did: that this one is out of reach is the trouble then,
/// and not that others are.
fn relay<'a>(ground: &Ground, infos: &'a [PeerInfo], now_ms: u64, stale_ms: u64) -> Option<&'a PeerInfo> {
    if ground.role() == HUB {
        return None;
    }
    let is_fresh = |info: &PeerInfo| {
        let ago_ms = since(info.contact.in_sync_ms, now_ms);
        info.is_in_sync_now(now_ms) || ago_ms.is_some_and(|ago_ms| ago_ms < stale_ms)
    };
    let able = infos.iter().filter(|info| is_relay(info));
    able.max_by_key(|info| {
        (
            is_fresh(info),
            info.role == HUB,
            info.contact.in_sync_ms,
            info.node,
        )
    })
}

/// Whether a member that this node has synced with can pass on what others have.
fn is_relay(info: &PeerInfo) -> bool {
    info.contact.in_sync_ms > 0 && !info.revoked && !info.says_revoked()
}

/// Whether a member's records are to come by way of another: this node has never synced with it, and there is a
/// hub, or this node has never so much as heard of it, as whoever let it in has.
fn comes_by_way(info: &PeerInfo, relay: &PeerInfo, has_hub: bool) -> bool {
    let is_met = info.contact.in_sync_ms > 0 || info.connected;
    let is_theirs = has_hub || (info.last_seen_ms == 0 && info.role != HUB);
    !info.revoked && !is_met && is_theirs && info.node != relay.node
}

/// Why both do not hold the same now, or soon will not as nothing flows, as far as is known here.
fn reason(ground: &Ground, info: &PeerInfo, now_ms: u64) -> Option<SiteReason> {
    let is_halt = |note: &PeerNote| !matches!(note, PeerNote::GrantSoon { .. });
    let halt = ground.notes(info).into_iter().find(is_halt);
    let told = info.contact.told.as_ref().map(|told| &told.health);
    let is_ahead = info.last_seen_ms > now_ms || info.contact.in_sync_ms > now_ms;
    let there = |count: fn(&chaski_net::Health) -> u64| told.map_or(0, count);
    Some(match info.standing(now_ms) {
        _ if info.revoked => SiteReason::Revoked,
        _ if info.says_revoked() => SiteReason::RevokedHere,
        Standing::Connected { in_sync: true } => SiteReason::Halted(halt?),
        Standing::Away | Standing::Silent if is_ahead => SiteReason::Clock,
        _ if halt.is_some() => SiteReason::Halted(halt?),
        Standing::NeverMet => SiteReason::NeverMet,
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
        SiteReason::RevokedHere => "revoked_here",
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

fn site_report(ground: &Ground, row: Row, now_ms: u64) -> SiteReport {
    let Row {
        info,
        lateness,
        joined_ms,
        by_way,
    } = row;
    let seconds = |noted_ms| since(noted_ms, now_ms).map(|ago_ms| ago_ms / 1_000);
    let noted = |noted_ms: u64| (noted_ms > 0).then(|| time_text(noted_ms));
    let reason = reason(ground, &info, now_ms).map(|reason| reason_code(reason).to_owned());
    let standing = standing_code(&info, now_ms).to_owned();
    let is_member = !info.revoked;
    let (in_sync, says_revoked) = (is_member && info.is_in_sync_now(now_ms), info.says_revoked());
    let grant_ends_soon = ground.left_ms(&info).is_some();
    let (last_heard_by_file, clock_ms) = (info.is_heard_by_file(), info.clock_ms());
    let contact = info.contact;
    let (told_ms, told) = match contact.told {
        Some(told) => (Some(told.at_ms), Some(told.health)),
        None => (None, None),
    };
    SiteReport {
        node: info.node.to_string(),
        connected: standing == "connected",
        in_sync,
        standing,
        stale: lateness == Lateness::Stale,
        joined: joined_ms.map(time_text),
        by_way,
        says_revoked,
        known_addresses: info
            .known
            .into_iter()
            .filter(|_| is_member)
            .map(peers::known_address)
            .collect(),
        last_heard: noted(info.last_seen_ms),
        last_heard_seconds: seconds(info.last_seen_ms),
        last_heard_by_file,
        last_in_sync: noted(contact.in_sync_ms),
        last_in_sync_seconds: seconds(contact.in_sync_ms),
        reason,
        backlog: contact.backlog.filter(|_| is_member),
        bytes_out: contact.bytes_out,
        bytes_in: contact.bytes_in,
        clock_skew_ms: info.clock_skew_ms,
        clock_compared: noted(clock_ms),
        grant_ends: info.grant_ends_ms.filter(|ms| *ms > 0).map(time_text),
        grant_over: info.grant_ends_ms.is_some_and(|ms| ms <= now_ms),
        grant_ends_soon,
        quarantined_here: info.quarantined,
        told_at: told_ms.map(time_text),
        told_seconds: told_ms.and_then(seconds),
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
        mark: None,
        halts: Vec::new(),
    }
}

fn site_summary(ground: &Ground, row: Row, now_ms: u64) -> SiteSummary {
    let Row {
        info,
        lateness,
        joined_ms,
        by_way,
    } = row;
    let reason = reason(ground, &info, now_ms);
    let mut notes = ground.notes(&info);
    notes.retain(|note| reason != Some(SiteReason::Halted(*note)));
    let is_in_sync = !info.revoked && info.is_in_sync_now(now_ms);
    let standing = standing(&info, now_ms);
    let (is_heard_by_file, clock_ms) = (info.is_heard_by_file(), info.clock_ms());
    SiteSummary {
        name: info.name,
        mark: None,
        site: Some(info.site).filter(|site| !site.is_empty()),
        role: info.role,
        standing,
        is_stale: lateness == Lateness::Stale,
        is_in_sync,
        reason,
        notes,
        joined_ms,
        by_way,
        last_heard_ms: Some(info.last_seen_ms).filter(|ms| *ms > 0),
        is_heard_by_file,
        in_sync_ms: Some(info.contact.in_sync_ms).filter(|ms| *ms > 0),
        backlog: info.contact.backlog,
        bytes_out: info.contact.bytes_out,
        bytes_in: info.contact.bytes_in,
        clock_skew_ms: info.clock_skew_ms,
        clock_ms: Some(clock_ms).filter(|ms| *ms > 0),
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
