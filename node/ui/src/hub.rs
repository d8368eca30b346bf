//! `GET /hub`: who has not synced. Every site with its last contact, what it lacks, what waits there, its
//! version, clock, disk and bytes.
//!
//! Invariants: the order is the node's, those first that have not synced for long; what is not known is
//! said to be so; no colour says what no word does.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::frame::{Frame, Nav, Signed, page};
use crate::home::note_view;
use crate::i18n::Texts;
use crate::node_info::{AddressSource, SiteReason, SiteStanding, SiteSummary, SiteTold};
use crate::show::{Clock, SKEW_SHOWN_MS};

/// Days without a sync after which a site is shown first.
pub const STALE_DAYS: u32 = 7;

struct SiteView {
    name: String,
    site: Option<String>,
    role: String,
    icon: &'static str,
    state: String,
    state_icon: &'static str,
    tone: &'static str,
    reason: Option<String>,
    addresses: Vec<AddressView>,
    last_heard_ms: Option<u64>,
    in_sync_ms: Option<u64>,
    is_in_sync: bool,
    backlog: Option<String>,
    waiting: Vec<String>,
    /// When what it says of itself was heard, unless it is heard now.
    told_ms: Option<u64>,
    is_told: bool,
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
    sites: Vec<SiteView>,
}

#[derive(Template)]
#[template(path = "hub.html")]
struct HubPage {
    f: Frame,
    groups: Vec<Group>,
    /// There are other sites, and none of them is stale.
    is_well: bool,
    stale_days: u32,
}

pub(crate) async fn hub(signed: Signed) -> Response {
    let f = signed.frame(Nav::None).await;
    let t = f.t;
    let sites = signed.state().node.sites();
    let (stale, others): (Vec<_>, Vec<_>) = sites.into_iter().partition(|site| site.is_stale);
    let is_well = stale.is_empty() && !others.is_empty();
    let views = |sites: Vec<SiteSummary>| sites.into_iter().map(|site| site_view(&f.clock, site)).collect();
    let groups = [
        Group {
            id: "stale",
            heading: t.n("hub-stale-heading", u64::from(STALE_DAYS)),
            icon: "warn",
            sites: views(stale),
        },
        Group {
            id: "others",
            heading: t.s("hub-others-heading"),
            icon: "link",
            sites: views(others),
        },
    ];
    let groups = groups
        .into_iter()
        .filter(|group| !group.sites.is_empty())
        .collect();
    page(
        StatusCode::OK,
        &HubPage {
            f,
            groups,
            is_well,
            stale_days: STALE_DAYS,
        },
    )
}

fn site_view(clock: &Clock, site: SiteSummary) -> SiteView {
    let t = clock.t;
    let is_in_sync = site.reason.is_none();
    let (tone, state_icon, state) = match site.standing {
        SiteStanding::Connected if is_in_sync => ("ok", "check", "peer-in-sync"),
        SiteStanding::Connected => ("info", "sync", "peer-connected"),
        SiteStanding::Silent => ("warn", "cut", "peer-silent"),
        SiteStanding::Away => ("quiet", "cut", "peer-away"),
        SiteStanding::NeverMet => ("quiet", "cut", "peer-never-met"),
        SiteStanding::Revoked => ("danger", "cut", "peer-revoked"),
    };
    // That a site is away, as a team is all day, is no trouble until it is stale; that it was taken out stands
    // in its state.
    let is_trouble = |reason: &SiteReason| {
        site.is_stale
            || !matches!(
                reason,
                SiteReason::NotHeard | SiteReason::AtWork | SiteReason::Revoked
            )
    };
    let skew = site.clock_skew_ms.map(|skew_ms| skew_text(clock, skew_ms));
    let told = site.told.as_ref();
    let is_heard_now = site.standing == SiteStanding::Connected;
    SiteView {
        icon: role_icon(&site.role),
        role: t.maybe(&format!("node-role-{}", site.role)).unwrap_or(site.role),
        name: site.name,
        site: site.site,
        state: t.s(state),
        state_icon,
        tone,
        reason: site
            .reason
            .filter(is_trouble)
            .map(|reason| reason_text(clock, reason)),
        addresses: site
            .addresses
            .into_iter()
            .map(|known| AddressView {
                from: source_text(t, &known.from),
                address: known.address,
            })
            .collect(),
        last_heard_ms: site.last_heard_ms,
        in_sync_ms: site.in_sync_ms,
        is_in_sync,
        backlog: site.backlog.map(|backlog| match backlog {
            0 => t.s("hub-backlog-none"),
            some => t.n("hub-backlog-most", some),
        }),
        waiting: waiting(t, told, site.quarantined_here),
        told_ms: told.map(|told| told.at_ms).filter(|_| !is_heard_now),
        is_told: told.is_some(),
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

/// The picture of a node's role.
pub(crate) fn role_icon(role: &str) -> &'static str {
    match role {
        "mobile" => "mobile",
        "hub" => "hub",
        _ => "clinic",
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

/// How a site's clock stands against ours, and whether that is worth a look.
fn skew_text(clock: &Clock, skew_ms: i64) -> (String, bool) {
    let off_ms = skew_ms.unsigned_abs();
    if off_ms <= SKEW_SHOWN_MS {
        return (clock.t.s("hub-clock-right"), false);
    }
    let key = if skew_ms > 0 {
        "hub-clock-ahead"
    } else {
        "hub-clock-behind"
    };
    (clock.t.a(key, "span", clock.span(off_ms)), true)
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

fn reason_text(clock: &Clock, reason: SiteReason) -> String {
    clock.t.s(match reason {
        // A sentence here, where it stands alone.
        SiteReason::Halted(note) => return format!("{}.", note_view(clock, note).text),
        SiteReason::Revoked => "site-reason-revoked",
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
