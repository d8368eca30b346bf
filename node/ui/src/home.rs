//! `GET /`: the node, its peers and what is still to be done.

use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;

use crate::frame::{Frame, Nav, page};
use crate::nag_view::{NagView, nag_views};
use crate::node_info::{Nag, NodeSummary, PeerNote, PeerSummary, SiteStanding};
use crate::show::{Clock, SKEW_SHOWN_MS};
use crate::signed::Signed;
use crate::site_view::{NoteView, note_view, role_icon, state};

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
