//! `GET /`: the node, its peers and what is still to be done.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::frame::{Frame, Nav, Signed, page};
use crate::hub::role_icon;
use crate::i18n::Texts;
use crate::node_info::{Nag, NodeSummary, PeerNote, PeerSummary, Renewal, SiteStanding};
use crate::show::{Clock, SKEW_SHOWN_MS};

struct PeerView {
    name: String,
    mark: Option<String>,
    site: Option<String>,
    role: String,
    icon: &'static str,
    last_seen_ms: Option<u64>,
    is_seen_by_file: bool,
    /// When both were last in sync, where they are not now.
    was_in_sync_ms: Option<u64>,
    /// They never were.
    is_never_in_sync: bool,
    skew: Option<String>,
    quarantined: u64,
    notes: Vec<NoteView>,
    state: String,
    state_icon: &'static str,
    tone: &'static str,
}

pub(crate) struct NoteView {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) text: String,
}

pub(crate) struct NagView {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) command: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    f: Frame,
    nags: Vec<NagView>,
    peers: Vec<PeerView>,
    /// How many sites have not synced for long.
    stale: u64,
    /// Parcels are offered.
    carries: bool,
    /// The zone of the clock, by name or as its difference from UTC.
    zone: String,
}

pub(crate) async fn home(signed: Signed) -> Response {
    let f = signed.frame(Nav::Home).await;
    let node = &signed.state().node;
    let nags = node.nags();
    let is_clock_doubted = nags.iter().any(Nag::is_of_clock);
    let peers = node
        .peers()
        .into_iter()
        .map(|peer| peer_view(&f.clock, peer, is_clock_doubted))
        .collect();
    let stale = node.sites().iter().filter(|site| site.is_stale).count() as u64;
    let nags = nag_views(&f.clock, &nags);
    let carries = signed.state().clinic.parcel_allowed(&signed.caller);
    page(
        StatusCode::OK,
        &HomePage {
            zone: zone_text(&f.clock, &f.node),
            f,
            nags,
            peers,
            stale,
            carries,
        },
    )
}

/// The zone of the times on the pages, as people know it.
fn zone_text(clock: &Clock, node: &NodeSummary) -> String {
    let offset = i64::try_from(clock.now_ms).ok();
    let offset = offset.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    match node.zone.iana_name() {
        Some(name) => name.to_owned(),
        None => offset.map_or_else(String::new, |now| format!("UTC{}", node.zone.to_offset(now))),
    }
}

fn peer_view(clock: &Clock, peer: PeerSummary, is_clock_doubted: bool) -> PeerView {
    let t = clock.t;
    let is_in_sync = peer.standing == SiteStanding::Connected && peer.in_sync == Some(true);
    let (tone, state_icon, key) = state(peer.standing, is_in_sync);
    let is_member = peer.standing != SiteStanding::Revoked;
    let is_met = peer.standing != SiteStanding::NeverMet;
    let skew_ms = peer.clock_skew_ms.unsigned_abs();
    // What a clock stops is told with the clock.
    let is_told = peer.notes.iter().any(|note| {
        matches!(
            note,
            PeerNote::ClockAhead { .. } | PeerNote::OwnClockAhead { is_met: true, .. }
        )
    });
    let is_heard = peer.standing == SiteStanding::Connected;
    let skew = (skew_ms > SKEW_SHOWN_MS && is_member && !is_told).then(|| {
        let key = match (peer.clock_skew_ms > 0, is_heard) {
            (true, false) => "peer-clock-ahead-then",
            (false, false) => "peer-clock-behind-then",
            (true, true) if is_clock_doubted => "peer-clock-ahead-here",
            (false, true) if is_clock_doubted => "peer-clock-behind-here",
            (true, true) => "peer-clock-ahead",
            (false, true) => "peer-clock-behind",
        };
        t.a(key, "span", clock.span(skew_ms))
    });
    PeerView {
        icon: role_icon(&peer.role),
        role: t.maybe(&format!("node-role-{}", peer.role)).unwrap_or(peer.role),
        name: peer.name,
        mark: peer.mark,
        site: peer.site,
        last_seen_ms: peer.last_seen_ms,
        is_seen_by_file: peer.is_seen_by_file,
        was_in_sync_ms: peer.in_sync_ms.filter(|_| !is_in_sync),
        is_never_in_sync: peer.in_sync_ms.is_none() && !is_in_sync && is_met,
        skew,
        quarantined: peer.quarantined,
        notes: peer
            .notes
            .iter()
            .map(|note| note_view(clock, *note, is_heard))
            .collect(),
        state: t.s(key),
        state_icon,
        tone,
    }
}

/// How it stands with a site: tone, picture and key of the word. Of whom is not heard nothing is said in the present.
pub(crate) fn state(standing: SiteStanding, is_in_sync: bool) -> (&'static str, &'static str, &'static str) {
    match standing {
        SiteStanding::Connected if is_in_sync => ("ok", "check", "peer-in-sync"),
        SiteStanding::Connected => ("info", "sync", "peer-connected"),
        SiteStanding::Silent => ("warn", "cut", "peer-silent"),
        SiteStanding::Away => ("quiet", "cut", "peer-away"),
        SiteStanding::NeverMet => ("quiet", "cut", "peer-never-met"),
        SiteStanding::Revoked => ("danger", "cut", "peer-revoked"),
    }
}

/// Why nothing flows to or from a site, or soon will not; of one that is not heard its clock is told as it was.
pub(crate) fn note_view(clock: &Clock, note: PeerNote, is_heard: bool) -> NoteView {
    let t = clock.t;
    let over = |since_ms: Option<u64>, then: &str, never: &str| match since_ms {
        Some(at_ms) => t.a(then, "date", clock.on(&at_ms)),
        None => t.s(never),
    };
    let (tone, icon, text) = match note {
        PeerNote::GrantSoon {
            left_ms,
            is_renewed_here,
        } => {
            let key = if is_renewed_here {
                "peer-grant-soon-here"
            } else {
                "peer-grant-soon"
            };
            ("warn", "clock", t.a(key, "span", clock.span(left_ms)))
        }
        PeerNote::GrantOver { since_ms, renewal } => {
            let (then, never) = match renewal {
                Renewal::Itself => ("peer-grant-over-itself", "peer-grant-over"),
                Renewal::Here => ("peer-grant-over-since-here", "peer-grant-over-here"),
                Renewal::Elsewhere => ("peer-grant-over-since", "peer-grant-over"),
            };
            ("danger", "cut", over(since_ms, then, never))
        }
        PeerNote::OwnGrantOver { since_ms } => (
            "danger",
            "cut",
            over(since_ms, "peer-own-grant-over-since", "peer-own-grant-over"),
        ),
        PeerNote::ClockAhead { by_ms } => {
            let key = match is_heard {
                true => "peer-clock-stops",
                false => "peer-clock-stops-then",
            };
            ("danger", "clock", t.a(key, "span", clock.span(by_ms)))
        }
        PeerNote::OwnClockAhead { by_ms, is_met } => {
            let key = match (is_met, is_heard) {
                (true, true) => "peer-own-clock-stops",
                (true, false) => "peer-own-clock-stops-then",
                (false, _) => "peer-own-clock-unmet",
            };
            ("danger", "clock", t.a(key, "span", clock.span(by_ms)))
        }
    };
    NoteView { tone, icon, text }
}

/// What is to be told of this site, the most urgent first.
pub(crate) fn nag_views<'a>(clock: &Clock, nags: impl IntoIterator<Item = &'a Nag>) -> Vec<NagView> {
    let mut views: Vec<NagView> = nags.into_iter().map(|nag| nag_view(clock, nag)).collect();
    views.sort_by_key(|view| match view.tone {
        "danger" => 0,
        "warn" => 1,
        _ => 2,
    });
    views
}

/// A notice with the texts of its own.
fn nag_plain(
    t: &Texts,
    tone: &'static str,
    icon: &'static str,
    key: &str,
    command: Option<&'static str>,
) -> NagView {
    NagView {
        tone,
        icon,
        title: t.s(format!("nag-{key}-title")),
        text: t.s(format!("nag-{key}-text")),
        command,
    }
}

impl NagView {
    fn titled(self, title: String) -> NagView {
        NagView { title, ..self }
    }

    fn telling(self, text: String) -> NagView {
        NagView { text, ..self }
    }
}

fn nag_view(clock: &Clock, nag: &Nag) -> NagView {
    let t: &Texts = clock.t;
    let view = |tone, icon, key, command| nag_plain(t, tone, icon, key, command);
    match nag {
        Nag::Revoked { by } => {
            view("danger", "cut", "revoked", None).telling(t.a("nag-revoked-text", "peer", by))
        }
        Nag::RootNotExported => view("warn", "key", "root", Some("chaski root export FILE")),
        Nag::KeyBesideData => view("info", "lock", "key-beside", None),
        Nag::Unsealed => view("danger", "lock", "unsealed", None),
        Nag::DiskLow { free_bytes } => {
            let megabytes = t.number(free_bytes / 1_000_000);
            view("danger", "disk", "disk", None).telling(t.a("nag-disk-text", "megabytes", &megabytes))
        }
        Nag::ClockBehind { behind_ms } => {
            let text = t.a("nag-clock-text", "span", clock.span(*behind_ms));
            view("warn", "clock", "clock", None).telling(text)
        }
        Nag::ClockAhead { ahead_ms, of } => {
            let span = clock.span(*ahead_ms);
            let text = t.aa("nag-clock-ahead-text", &[("span", &span), ("peer", of)]);
            view("danger", "clock", "clock-ahead", None).telling(text)
        }
        Nag::ClockOff {
            by_ms,
            is_ahead,
            of,
            is_only,
        } => view("warn", "clock", "clock", None)
            .titled(t.s("nag-clock-ahead-title"))
            .telling(clock_off_text(clock, *by_ms, *is_ahead, of, *is_only)),
        Nag::Silent { silent_ms } => {
            let title = t.a("nag-silent-title", "span", clock.span(*silent_ms));
            view("warn", "cut", "silent", None).titled(title)
        }
        Nag::Stale { sites } => {
            let span = t.n("span-days", crate::STALE_DAYS);
            let title = t.naa("nag-stale-title", *sites, &[("span", &span)]);
            view("warn", "warn", "stale", None).titled(title)
        }
        Nag::Quarantined { records } => view("danger", "stop", "quarantined", Some("chaski doctor"))
            .titled(t.n("nag-quarantined-title", *records)),
        Nag::Grant { left_ms } => match left_ms {
            None => view("danger", "cut", "grant-over", Some("chaski sync")),
            Some(left_ms) => view("warn", "clock", "grant", Some("chaski sync")).telling(t.a(
                "nag-grant-text",
                "span",
                clock.span(*left_ms),
            )),
        },
        Nag::Awaiting { changes } => {
            view("warn", "clock", "awaiting", Some("chaski sync")).titled(t.n("nag-awaiting-title", *changes))
        }
        Nag::SoleIssuer {
            name,
            ends_ms,
            over,
            untold,
        } => {
            let command = if untold.is_empty() {
                "chaski issuer add"
            } else {
                "chaski sync"
            };
            view("info", "key", "issuer", Some(command)).telling(issuer_text(
                clock,
                name.as_deref(),
                (*ends_ms, *over),
                untold,
            ))
        }
    }
}

/// That this machine's clock is that far ahead of, or behind, those of most sites it has met, this one among them.
fn clock_off_text(clock: &Clock, by_ms: u64, is_ahead: bool, of: &str, is_only: bool) -> String {
    let key = match (is_ahead, is_only) {
        (true, false) => "nag-clock-off-ahead-text",
        (false, false) => "nag-clock-off-behind-text",
        (true, true) => "nag-clock-off-ahead-only-text",
        (false, true) => "nag-clock-off-behind-only-text",
    };
    clock.t.aa(key, &[("span", &clock.span(by_ms)), ("peer", of)])
}

/// That one site alone invites others: its name, unless it is this one, when permissions end without it, or how many
/// have, and who is to be another one.
fn issuer_text(clock: &Clock, name: Option<&str>, (ends_ms, over): (u64, u64), untold: &[String]) -> String {
    let t = clock.t;
    let date = clock.on(&ends_ms);
    let named = [("peer", name.unwrap_or_default()), ("date", date.as_str())];
    let holds = match (name, over) {
        (Some(_), 0) => t.aa("nag-issuer-text", &named),
        (None, 0) => t.aa("nag-issuer-here-text", &named),
        (Some(_), _) => t.naa("nag-issuer-over-text", over, &named),
        (None, _) => t.naa("nag-issuer-here-over-text", over, &named),
    };
    let next = match untold {
        [] => t.s("nag-issuer-add"),
        untold => t.a(
            "nag-issuer-untold",
            "sites",
            untold.join(&format!("{} ", t.s("comma"))),
        ),
    };
    format!("{holds} {next}")
}
