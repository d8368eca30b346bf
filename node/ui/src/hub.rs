//! `GET /hub`: who has not synced. Every site with its last contact, what it lacks, what waits there, its
//! version, clock, disk and bytes.
//!
//! Invariants: the order is the node's, those first that have not synced for long; what is not known is
//! said to be so; no colour says what no word does.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::frame::{Frame, Nav, page};
use crate::i18n::Texts;
use crate::nag_view::{NagView, nag_views};
use crate::node_info::{
    AddressSource, Nag, STALE_DAYS, SiteAddress, SiteReason, SiteStanding, SiteSummary, SiteTold,
};
use crate::show::{Clock, SKEW_SHOWN_MS};
use crate::signed::Signed;
use crate::site_view::{NoteView, note_view, role_icon, state};

struct SiteView {
    name: String,
    mark: Option<String>,
    site: Option<String>,
    role: String,
    icon: &'static str,
    state: String,
    state_icon: &'static str,
    tone: &'static str,
    reason: Option<String>,
    notes: Vec<NoteView>,
    /// When it joined, where it never synced.
    joined_ms: Option<u64>,
    /// Where it is reached; none of one that is looked for no more.
    addresses: Option<Vec<AddressView>>,
    last_heard_ms: Option<u64>,
    is_heard_by_file: bool,
    in_sync_ms: Option<u64>,
    is_in_sync: bool,
    backlog: Option<String>,
    waiting: Vec<String>,
    /// When what it says of itself was heard: it says it again at its leisure.
    told_ms: Option<u64>,
    is_told: bool,
    /// When its clock was last compared with this one.
    clock_ms: Option<u64>,
    records: Option<String>,
    version: Option<String>,
    clock: Option<String>,
    is_clock_off: bool,
    disk: Option<String>,
    is_disk_full: bool,
    sent: String,
    received: String,
}

/// An address, and in words from where it is known.
struct AddressView {
    address: String,
    from: String,
}

/// Sites under one heading.
struct Group {
    id: &'static str,
    heading: String,
    icon: &'static str,
    /// What holds for all of them.
    lead: Option<String>,
    /// Little is known of them here, and that is no trouble: a line each.
    is_brief: bool,
    sites: Vec<SiteView>,
}

#[derive(Template)]
#[template(path = "hub.html")]
struct HubPage {
    f: Frame,
    /// What is wrong with this site itself.
    nags: Vec<NagView>,
    groups: Vec<Group>,
    /// There are members beside this one, and each of those that it meets has synced of late.
    is_well: bool,
    /// No member's records come by way of another alone.
    meets_all: bool,
    stale_days: u32,
}

pub(crate) async fn hub(signed: Signed) -> Response {
    let f = signed.frame(Nav::None).await;
    let node = &signed.state().node;
    let nags = node.nags();
    let sites = Sites::of(node.sites());
    let has_synced = |site: &SiteSummary| site.is_in_sync || site.in_sync_ms.is_some();
    let is_well = sites.stale.is_empty()
        && sites.never.is_empty()
        && !nags.iter().any(Nag::is_against_exchange)
        && sites.met.iter().any(has_synced);
    let meets_all = sites.by_way.is_empty();
    let groups = sites.groups(&f.clock, nags.iter().any(Nag::is_of_clock));
    page(
        StatusCode::OK,
        &HubPage {
            nags: nag_views(&f.clock, nags.iter().filter(|nag| is_of_contact(nag))),
            f,
            groups,
            is_well,
            meets_all,
            stale_days: STALE_DAYS,
        },
    )
}

/// Whether it is about whom this site is in touch with, and does not stand below anyway.
fn is_of_contact(nag: &Nag) -> bool {
    nag.is_against_exchange() || matches!(nag, Nag::Grant { .. } | Nag::Silent { .. })
}

/// The sites, each where it is told of, in the node's order.
struct Sites {
    stale: Vec<SiteSummary>,
    never: Vec<SiteSummary>,
    met: Vec<SiteSummary>,
    by_way: Vec<SiteSummary>,
    revoked: Vec<SiteSummary>,
}

impl Sites {
    fn of(sites: Vec<SiteSummary>) -> Self {
        let (revoked, sites): (Vec<_>, Vec<_>) = sites
            .into_iter()
            .partition(|site| site.standing == SiteStanding::Revoked);
        let (stale, sites): (Vec<_>, Vec<_>) = sites.into_iter().partition(|site| site.is_stale);
        let (by_way, sites): (Vec<_>, Vec<_>) = sites.into_iter().partition(|site| site.by_way.is_some());
        let (never, met): (Vec<_>, Vec<_>) = sites.into_iter().partition(is_never_synced);
        Self {
            stale,
            never,
            met,
            by_way,
            revoked,
        }
    }

    fn groups(self, clock: &Clock, is_clock_doubted: bool) -> Vec<Group> {
        let t = clock.t;
        let lead = self.by_way_lead(t);
        let group = |id, heading, icon, sites: Vec<SiteSummary>| Group {
            id,
            heading,
            icon,
            lead: None,
            is_brief: false,
            sites: sites
                .into_iter()
                .map(|site| site_view(clock, site, is_clock_doubted))
                .collect(),
        };
        let stale = t.n("hub-stale-heading", u64::from(STALE_DAYS));
        let groups = [
            group("stale", stale, "warn", self.stale),
            group("never", t.s("hub-never-heading"), "clock", self.never),
            group("others", t.s("hub-others-heading"), "link", self.met),
            Group {
                lead,
                is_brief: true,
                ..group("by-way", t.s("hub-by-way-heading"), "link", self.by_way)
            },
            group("revoked", t.s("peer-revoked"), "cut", self.revoked),
        ];
        groups
            .into_iter()
            .filter(|group| !group.sites.is_empty())
            .collect()
    }

    /// By way of whom the records of sites come that this one does not meet, and whether that one is late itself.
    fn by_way_lead(&self, t: &Texts) -> Option<String> {
        let peer = self.by_way.first()?.by_way.as_deref()?;
        let key = match self.stale.iter().any(|site| site.name == peer) {
            true => "hub-by-way-late",
            false => "hub-by-way",
        };
        Some(t.a(key, "peer", peer))
    }
}

/// Whether a member never held the same as this node, which it should.
fn is_never_synced(site: &SiteSummary) -> bool {
    let is_expected = site.standing != SiteStanding::Revoked && site.by_way.is_none();
    is_expected && !site.is_in_sync && site.in_sync_ms.is_none()
}

fn site_view(clock: &Clock, site: SiteSummary, is_clock_doubted: bool) -> SiteView {
    let t = clock.t;
    let is_never = is_never_synced(&site);
    let (tone, state_icon, key) = state(site.standing, site.is_in_sync);
    let reason = trouble_text(clock, &site);
    let skew = site
        .clock_skew_ms
        .map(|skew_ms| skew_text(clock, skew_ms, is_clock_doubted));
    let told = site.told.as_ref();
    let is_member = site.standing != SiteStanding::Revoked;
    let is_heard_now = site.standing == SiteStanding::Connected;
    SiteView {
        icon: role_icon(&site.role),
        role: t.maybe(&format!("node-role-{}", site.role)).unwrap_or(site.role),
        name: site.name,
        mark: site.mark,
        site: site.site,
        state: t.s(key),
        state_icon,
        tone,
        reason,
        notes: site
            .notes
            .iter()
            .map(|note| note_view(clock, *note, is_heard_now))
            .collect(),
        joined_ms: site.joined_ms.filter(|_| is_never),
        addresses: is_member.then(|| {
            site.addresses
                .into_iter()
                .map(|known| address_view(t, known))
                .collect()
        }),
        last_heard_ms: site.last_heard_ms,
        is_heard_by_file: site.is_heard_by_file,
        in_sync_ms: site.in_sync_ms,
        is_in_sync: site.is_in_sync,
        backlog: backlog_text(t, site.backlog, is_member),
        waiting: waiting(t, told, site.quarantined_here),
        told_ms: told.map(|told| told.at_ms),
        is_told: told.is_some(),
        clock_ms: site.clock_ms,
        records: told.map(|told| t.n("hub-records", told.records)),
        version: told.map(|told| told.version.clone()),
        is_clock_off: skew.as_ref().is_some_and(|(_, is_off)| *is_off),
        clock: skew.map(|(text, _)| text),
        disk: told
            .and_then(|told| told.disk_free_bytes)
            .map(|free| size(t, free)),
        is_disk_full: told.is_some_and(|told| told.is_disk_full),
        sent: size(t, site.bytes_out),
        received: size(t, site.bytes_in),
    }
}

/// What a site is not known to have.
fn backlog_text(t: &Texts, backlog: Option<u64>, is_member: bool) -> Option<String> {
    match backlog {
        _ if !is_member => Some(t.s("hub-backlog-revoked")),
        None => None,
        Some(0) => Some(t.s("hub-backlog-none")),
        Some(some) => Some(t.n("hub-backlog-most", some)),
    }
}

/// Why a site is not in sync, where that is trouble: that one is away, as a team is all day, is none until it is
/// stale; that it was taken out stands in its state; by way of whom its records come says more than that it was
/// never met.
fn trouble_text(clock: &Clock, site: &SiteSummary) -> Option<String> {
    let reason = site.reason?;
    let is_quiet = match reason {
        SiteReason::Revoked => true,
        SiteReason::NotHeard | SiteReason::AtWork => !site.is_stale,
        SiteReason::NeverMet => site.by_way.is_some(),
        _ => false,
    };
    let is_told = !is_quiet || (site.is_stale && site.by_way.is_none());
    is_told.then(|| reason_text(clock, reason, site.standing == SiteStanding::Connected))
}

fn address_view(t: &Texts, known: SiteAddress) -> AddressView {
    AddressView {
        from: source_text(t, &known.from),
        address: known.address,
    }
}

/// What waits for a person, there and here; nothing where nothing is known to.
fn waiting(t: &Texts, told: Option<&SiteTold>, quarantined_here: u64) -> Vec<String> {
    let there = told.map_or([0; 3], |told| [told.conflicts, told.quarantined, told.awaiting]);
    let keys = ["hub-conflicts", "hub-quarantined", "hub-awaiting"];
    let counts = keys.into_iter().zip(there);
    counts
        .chain([("hub-quarantined-here", quarantined_here)])
        .filter(|(_, count)| *count > 0)
        .map(|(key, count)| t.n(key, count))
        .collect()
}

/// How a site's clock stands against ours, and whether that is worth a look; where ours may be the wrong one, it is
/// told of both, and blames neither.
fn skew_text(clock: &Clock, skew_ms: i64, is_clock_doubted: bool) -> (String, bool) {
    let off_ms = skew_ms.unsigned_abs();
    if off_ms <= SKEW_SHOWN_MS {
        return (clock.t.s("hub-clock-right"), false);
    }
    let key = match (skew_ms > 0, is_clock_doubted) {
        (true, false) => "hub-clock-ahead",
        (false, false) => "hub-clock-behind",
        (true, true) => "hub-clock-ahead-here",
        (false, true) => "hub-clock-behind-here",
    };
    (clock.t.a(key, "span", clock.span(off_ms)), !is_clock_doubted)
}

/// From where an address is known.
fn source_text(t: &Texts, from: &AddressSource) -> String {
    t.s(match from {
        AddressSource::Through(name) => return t.a("address-through", "peer", name),
        AddressSource::Told => "address-told",
        AddressSource::Joined => "address-joined",
        AddressSource::Configured => "address-configured",
        AddressSource::Asked => "address-asked",
        AddressSource::Mdns => "address-mdns",
        AddressSource::Met => "address-met",
        AddressSource::Reached => "address-reached",
    })
}

fn reason_text(clock: &Clock, reason: SiteReason, is_heard: bool) -> String {
    clock.t.s(match reason {
        // A sentence here, where it stands alone.
        SiteReason::Halted(note) => return format!("{}.", note_view(clock, note, is_heard).text),
        SiteReason::Revoked => "site-reason-revoked",
        SiteReason::RevokedHere => "site-reason-revoked-here",
        SiteReason::NeverMet => "site-reason-never-met",
        SiteReason::Clock => "site-reason-clock",
        SiteReason::DiskFull => "site-reason-disk-full",
        SiteReason::QuarantinedHere => "site-reason-quarantined-here",
        SiteReason::Quarantined => "site-reason-quarantined",
        SiteReason::Awaiting => "site-reason-awaiting",
        SiteReason::NotHeard => "site-reason-not-heard",
        SiteReason::AtWork => "site-reason-at-work",
    })
}

/// An amount of data in words; a tenth is told below ten of a unit.
fn size(t: &Texts, bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1_000_000_000_000, "size-tb"),
        (1_000_000_000, "size-gb"),
        (1_000_000, "size-mb"),
        (1_000, "size-kb"),
    ];
    let unit = UNITS.into_iter().find(|(unit, _)| bytes >= *unit);
    let Some((unit, key)) = unit else {
        return t.a("size-b", "amount", bytes.to_string());
    };
    let tenths = bytes / (unit / 10);
    let amount = if tenths < 100 {
        format!("{}.{}", tenths / 10, tenths % 10)
    } else {
        t.number(tenths / 10)
    };
    t.a(key, "amount", amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::Lang;

    #[test]
    fn amounts_of_data_are_told_in_units_people_know() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (10_000, "10 kB"),
            (48_000_000, "48 MB"),
            (1_250_000_000, "1.2 GB"),
            (12_000_000_000_000, "12 TB"),
            (1 << 60, "1,152,921 TB"),
        ] {
            assert_eq!(size(Lang::En.texts(), bytes), text);
        }
    }
}
