//! Peers: invite, peer, sync, status.

use std::collections::BTreeSet;

use chaski_node::admin::{
    AdminRequest, AdminResponse, HaltReport, KnownAddressReport, PeerReport, RevokedReport, StatusReport,
    SyncReport,
};
use chaski_node::{NodeError, zone};
use serde::Serialize;

use super::ask::{Source, ask_at, ask_plain, open, unexpected};
use super::links::links;
use crate::args::{Invite, Peer, PeerArgs, Place, Plain, Sync};
use crate::output::{Failure, is_terminal, json, line, note, size, table, warned};
use crate::progress::Bar;

/// A peer's clock further off than this is told, in milliseconds.
const SKEW_SHOWN_MS: u64 = 2 * 60 * 1_000;

pub async fn invite(args: Invite) -> Result<u8, Failure> {
    let request = AdminRequest::Invite {
        role: args.role.as_str().to_owned(),
        ttl_seconds: args.ttl,
        addresses: args.addr.clone(),
    };
    let AdminResponse::Invite(invite) = ask_plain(&args.place, request).await? else {
        return Err(unexpected());
    };
    if args.json {
        json(&invite)?;
        return Ok(0);
    }
    line(&invite.ticket)?;
    warned(&invite.warnings);
    if is_terminal() {
        line("")?;
        line(qr(&invite.ticket)?)?;
    }
    note(format!(
        "Good for one node until {}. On it: chaski join --data DIR TICKET",
        zone::local(&invite.expires)
    ));
    if invite.only_here && !args.addr.is_empty() {
        note(format!(
            "Warning: {} is each machine itself, so the ticket is good on this machine alone. Give --addr an \
             address of this machine that others reach, or none.",
            invite.addresses.join(", ")
        ));
    } else if invite.only_here {
        note(
            "Warning: this node knows no address of its own that another machine can reach, so the ticket is good \
             on this machine alone. Connect it to a network and make another, or give --addr.",
        );
    } else {
        note(format!(
            "It looks for this node at {}.",
            invite.addresses.join(", ")
        ));
    }
    Ok(0)
}

/// A QR code of half blocks, dark on light whatever the terminal's colours.
pub fn qr(text: &str) -> Result<String, Failure> {
    let code = qrcode::QrCode::with_error_correction_level(text, qrcode::EcLevel::L)
        .map_err(|error| Failure::Node(NodeError::failed("drawing the QR code", error)))?;
    Ok(code
        .render::<qrcode::render::unicode::Dense1x2>()
        .quiet_zone(true)
        .build())
}

pub async fn peer(args: PeerArgs) -> Result<u8, Failure> {
    match args.action {
        Peer::List => {
            let AdminResponse::Peers(peers) = ask_plain(&args.place, AdminRequest::PeerList).await? else {
                return Err(unexpected());
            };
            if args.json {
                json(&peers)?;
            } else {
                peer_table(&peers)?;
                remedies(&peers).iter().for_each(note);
                let revoked = peers.iter().find(|peer| peer.says_revoked);
                revoked.map(|peer| revoked_here(&peer.name)).iter().for_each(note);
            }
        }
        Peer::Revoke { node } => {
            let request = AdminRequest::PeerRevoke { node };
            let AdminResponse::Revoked(report) = ask_plain(&args.place, request).await? else {
                return Err(unexpected());
            };
            if args.json {
                json(&Revoked {
                    revoked: true,
                    report,
                })?;
            } else if report.changed {
                line(format!(
                    "{} is revoked. Every node that hears of it refuses that one from then on.",
                    report.name
                ))?;
            } else {
                line(format!(
                    "The membership of {} was ended already: nothing was changed.",
                    report.name
                ))?;
            }
            issuers_left(&args.place).await;
        }
    }
    Ok(0)
}

/// What is printed of a membership that is ended.
#[derive(Serialize)]
struct Revoked {
    revoked: bool,
    #[serde(flatten)]
    report: RevokedReport,
}

/// Says who can still take in members though it is one no longer. The revocation is done, whatever comes of this.
async fn issuers_left(place: &Place) {
    let issuers = match super::issuer::list(place).await {
        Ok(issuers) => issuers,
        Err(error) => return note(format!("Whether it was an issuer could not be read: {error}")),
    };
    for issuer in issuers.iter().filter(|issuer| issuer.revoked && !issuer.ended) {
        note(format!(
            "{} was an issuer: whoever has its key can still take in members, until the root ends that: chaski \
             issuer end {}",
            issuer.name,
            issuer.node.chars().take(12).collect::<String>()
        ));
    }
}

fn peer_table(peers: &[PeerReport]) -> Result<(), Failure> {
    if peers.is_empty() {
        return line("No other node is known. `chaski invite` makes a ticket for one.");
    }
    let rows: Vec<Vec<String>> = peers
        .iter()
        .map(|peer| {
            vec![
                peer.name.clone(),
                peer.site.clone(),
                peer.role.clone(),
                peer.node.chars().take(12).collect(),
                last_heard(peer),
                peer_state(peer),
                match peer.known_addresses.as_slice() {
                    _ if peer.revoked => String::new(),
                    [] => "not known".to_owned(),
                    known => addresses(known),
                },
            ]
        })
        .collect();
    table(
        &["NAME", "SITE", "ROLE", "NODE", "LAST HEARD", "STATE", "ADDRESSES"],
        &rows,
    )
}

/// When a peer was last heard; of a time ahead of this clock that it is.
fn last_heard(peer: &PeerReport) -> String {
    match (peer.last_seen.as_deref(), peer.last_seen_seconds) {
        (None, _) => "never".to_owned(),
        (Some(at), Some(_)) if peer.last_seen_by_file => format!("{} (by file)", zone::local(at)),
        (Some(at), Some(_)) => zone::local(at),
        (Some(at), None) => format!("{} (ahead of this clock)", zone::local(at)),
    }
}

/// That what is told was kept.
pub fn not_running() -> String {
    "No node is running on this directory: this is what was kept when one last ran.".to_owned()
}

/// That the network has revoked this node.
fn revoked_here(peer: &str) -> String {
    format!("! this node was revoked, says {peer}: its network exchanges nothing with it any more")
}

/// Where a site is reached, and from where each address is known.
pub fn addresses(known: &[KnownAddressReport]) -> String {
    let told = |known: &KnownAddressReport| match (known.from.as_str(), &known.through) {
        ("told", _) => "told by itself".to_owned(),
        (_, Some(name)) => format!("through {name}"),
        ("mdns", _) => "mDNS".to_owned(),
        ("joined", _) => "joined there".to_owned(),
        ("asked", _) => "asked for".to_owned(),
        ("met", _) => "dialled from there".to_owned(),
        (from, _) => from.to_owned(),
    };
    let known: Vec<String> = known
        .iter()
        .map(|known| format!("{} ({})", known.address, told(known)))
        .collect();
    known.join(", ")
}

/// Why nothing flows and what a person can do about it, each thing once.
fn remedies(peers: &[PeerReport]) -> BTreeSet<String> {
    let of = |peer: &PeerReport| {
        let told = peer.halts.iter().map(|halt| match halt.given_nothing.as_str() {
            // The same of every peer.
            "this node" if halt.cause == "grant" => format!("this node: {}", halt.remedy),
            _ => format!("{}; {}", halt.text, halt.remedy),
        });
        told.collect::<Vec<_>>()
    };
    peers.iter().flat_map(of).collect()
}

/// A peer's state in a few words, with what an operator should look after.
fn peer_state(peer: &PeerReport) -> String {
    let mut state = standing(peer);
    if peer.says_revoked && !peer.revoked {
        state.push_str(", says that this node was revoked");
    }
    if let Some(skew) = peer.clock_skew_ms.and_then(skew) {
        state.push_str(&format!(", clock {skew}"));
    }
    if peer.grant_ends_soon {
        let until = peer.grant_ends.as_deref().unwrap_or_default();
        state.push_str(&format!(", grant ends {}", zone::local(until)));
    }
    for halt in &peer.halts {
        state.push_str(&format!(", {}", halt_state(halt)));
    }
    if peer.quarantined > 0 {
        state.push_str(&format!(", {} changes in quarantine", peer.quarantined));
    }
    state
}

/// How it stands with a peer: in the present only where it is heard.
fn standing(peer: &PeerReport) -> String {
    let was = match &peer.last_in_sync {
        Some(at) => format!("was in sync at {}", zone::local(at)),
        None => "never in sync".to_owned(),
    };
    match (peer.standing.as_str(), peer.in_sync) {
        ("revoked", _) => "revoked".to_owned(),
        ("never_met", _) => "never met".to_owned(),
        ("connected", true) => "in sync".to_owned(),
        ("connected", false) => "connected, not in sync".to_owned(),
        ("silent", _) => match peer.last_seen_seconds {
            Some(seconds) => format!("last heard {seconds} s ago, {was}"),
            None => format!("not answering, {was}"),
        },
        _ => was,
    }
}

/// A clock's difference in words, where it is worth any.
pub fn skew(skew_ms: i64) -> Option<String> {
    let off_ms = skew_ms.unsigned_abs();
    let minutes = off_ms / 60_000;
    let span = match minutes {
        0..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    };
    let way = if skew_ms > 0 { "ahead" } else { "behind" };
    (off_ms > SKEW_SHOWN_MS).then(|| format!("{span} {way}"))
}

/// Who is given nothing and why, in a few words; the sentence stands below the table.
fn halt_state(halt: &HaltReport) -> String {
    let ended: String = halt
        .since
        .iter()
        .map(|at| format!(" {}", zone::local(at)))
        .collect();
    match (halt.given_nothing.as_str(), halt.cause.as_str()) {
        ("peer", "grant") => format!("receives nothing (its grant over{ended})"),
        ("peer", _) => "receives nothing (this node's clock ahead)".to_owned(),
        (_, "grant") => format!("gives nothing (this node's grant over{ended})"),
        _ => "gives nothing (its clock ahead)".to_owned(),
    }
}

pub async fn sync(args: Sync) -> Result<u8, Failure> {
    let request = AdminRequest::Sync { peer: args.peer };
    let (over, place) = links(&args.links, args.place)?;
    let target = open(&place).await?.linked(over, args.links.link.is_some())?;
    let bar = Bar::new(args.json);
    let AdminResponse::Sync(reports) =
        ask_at(target, request, Source::Nothing, &mut std::io::sink(), bar).await?
    else {
        return Err(unexpected());
    };
    // Of a lone failure the error says all, on standard error; a program reads it as a line too.
    let failure = no_exchange(&reports);
    for report in &reports {
        if args.json {
            json(report)?;
            continue;
        }
        if failure.is_none() || !report.asked {
            line(sync_text(report))?;
        }
        warned(&report.warnings);
    }
    match failure {
        Some(error) => Err(error.into()),
        None => Ok(sync_code(&reports)),
    }
}

/// Why nothing was exchanged, where one was asked and failed, or nobody could be.
fn no_exchange(reports: &[SyncReport]) -> Option<NodeError> {
    let asked: Vec<&SyncReport> = reports.iter().filter(|report| report.asked).collect();
    match asked.as_slice() {
        [] if reports.is_empty() => Some("no peer is known; name an address".to_owned()),
        [] => Some("no other node could be asked; name an address: chaski sync ADDR".to_owned()),
        [one] if !one.was_met() => Some(one.reason.clone()),
        _ => None,
    }
    .map(NodeError::Failed)
}

fn sync_code(reports: &[SyncReport]) -> u8 {
    let is_well = |report: &SyncReport| match report.asked {
        // What halts the exchange has not parted them yet, and will.
        true => report.in_sync && report.quarantined == 0 && report.awaiting == 0 && report.halts.is_empty(),
        false => !report.is_late,
    };
    if reports.iter().all(is_well) { 0 } else { 3 }
}

fn sync_text(report: &SyncReport) -> String {
    let state = match (report.in_sync, report.quarantined) {
        (true, 0) => "in sync".to_owned(),
        (true, count) => format!("in sync, but {count} changes are in quarantine"),
        (false, 0) => "NOT in sync".to_owned(),
        (false, count) => format!("NOT in sync, {count} changes are in quarantine"),
    };
    let state = match report.awaiting {
        0 => state,
        count => format!("{state}, {count} changes wait for word of their author"),
    };
    let reason = if report.reason.is_empty() {
        String::new()
    } else {
        format!(" ({})", report.reason)
    };
    let then = match (&report.last_in_sync, &report.last_seen) {
        _ if report.in_sync => String::new(),
        (_, None) => String::new(),
        (Some(at), Some(heard)) => format!(
            "; was in sync at {}, last heard {}",
            zone::local(at),
            zone::local(heard)
        ),
        (None, Some(heard)) => format!("; never in sync, last heard {}", zone::local(heard)),
    };
    let waited = match report.waited_seconds {
        none if none < 0.5 => String::new(),
        seconds => format!(" after {seconds:.0} s of waiting for a turn"),
    };
    let key: String = report.peer.chars().take(12).collect();
    let peer = match report.name.as_str() {
        "" => key,
        name => format!("{name} ({key})"),
    };
    if !report.asked {
        return format!("{peer}: {}{then}", report.reason);
    }
    let moved = match (
        report.bytes_out,
        report.bytes_in,
        report.wire_bytes,
        report.round_trips,
    ) {
        (Some(out), Some(into), Some(wire), Some(trips)) => format!(
            "; sent {} and received {} records; {} out, {} in, {} on the wire; {trips} round trips",
            report.sent_records.unwrap_or_default(),
            report.received_records.unwrap_or_default(),
            size(out),
            size(into),
            size(wire),
        ),
        _ => "; no exchange came to its end".to_owned(),
    };
    format!(
        "{peer}: {state}{reason}{moved}; {:.2} s{waited}{then}",
        report.seconds
    )
}

pub async fn status(args: Plain) -> Result<u8, Failure> {
    let AdminResponse::Status(status) = ask_plain(&args.place, AdminRequest::Status).await? else {
        return Err(unexpected());
    };
    if args.json {
        json(&status)?
    } else {
        status_text(&status)?
    }
    Ok(0)
}

fn status_text(status: &StatusReport) -> Result<(), Failure> {
    let mut rows = vec![
        vec!["name".to_owned(), status.name.clone()],
        vec!["site".to_owned(), status.site.clone()],
        vec!["node".to_owned(), status.node.clone()],
        vec!["network".to_owned(), status.network.clone()],
        vec!["incarnation".to_owned(), status.incarnation.clone()],
        vec!["records".to_owned(), status.records.to_string()],
        vec!["fingerprint".to_owned(), status.fingerprint.clone()],
        vec!["conflicts".to_owned(), status.conflicts.to_string()],
        vec!["quarantined".to_owned(), status.quarantined.to_string()],
        vec!["waiting".to_owned(), status.awaiting.to_string()],
        vec![
            "grant ends".to_owned(),
            status.grant_ends.as_deref().map(zone::local).unwrap_or_default(),
        ],
        vec!["on disk".to_owned(), size(status.disk_bytes)],
        vec!["unlock".to_owned(), status.unlock.clone()],
        vec![
            "times".to_owned(),
            status.zone.clone().unwrap_or_else(|| "UTC".to_owned()),
        ],
    ];
    rows.retain(|row| row.get(1).is_some_and(|value| !value.is_empty()));
    for row in &rows {
        line(format!(
            "{:<12} {}",
            row.first().map_or("", String::as_str),
            row.get(1).map_or("", String::as_str)
        ))?;
    }
    if !status.peers.is_empty() {
        line("")?;
        peer_table(&status.peers)?;
        remedies(&status.peers).iter().for_each(note);
    }
    warned(&status.warnings);
    if !status.running {
        note(not_running());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_with_what_is_wrong_with_it() {
        let mut peer = PeerReport {
            node: String::new(),
            name: "Puno".into(),
            site: "PU".into(),
            role: "clinic".into(),
            last_seen: None,
            in_sync: false,
            revoked: false,
            says_revoked: false,
            joined: None,
            addresses: Vec::new(),
            known_addresses: Vec::new(),
            clock_skew_ms: None,
            quarantined: 0,
            grant_ends: None,
            grant_over: false,
            grant_ends_soon: false,
            halts: Vec::new(),
            standing: "never_met".into(),
            last_in_sync: None,
            last_seen_seconds: None,
            last_seen_by_file: false,
        };
        assert_eq!(peer_state(&peer), "never met");
        let known = [
            ("told", None),
            ("through", Some("Hub")),
            ("mdns", None),
            ("configured", None),
        ];
        peer.known_addresses = known
            .iter()
            .zip(1..)
            .map(|((from, through), port)| KnownAddressReport {
                address: format!("10.0.0.1:{port}"),
                from: (*from).to_owned(),
                through: through.map(str::to_owned),
            })
            .collect();
        assert_eq!(
            addresses(&peer.known_addresses),
            "10.0.0.1:1 (told by itself), 10.0.0.1:2 (through Hub), 10.0.0.1:3 (mDNS), 10.0.0.1:4 (configured)"
        );
        peer.grant_ends = Some("2027-11-02T03:00:00Z".into());
        assert_eq!(peer_state(&peer), "never met");
        peer.grant_ends_soon = true;
        let ends = zone::local("2027-11-02T03:00:00Z");
        assert_eq!(peer_state(&peer), format!("never met, grant ends {ends}"));
        peer.grant_ends_soon = false;
        let since = zone::local("2028-01-03T20:50:48Z");
        peer.halts = vec![HaltReport {
            given_nothing: "peer".into(),
            cause: "grant".into(),
            since: Some("2028-01-03T20:50:48Z".into()),
            clock_ahead_ms: None,
            text: "Puno is given nothing".into(),
            remedy: "it has to sync".into(),
        }];
        assert_eq!(
            peer_state(&peer),
            format!("never met, receives nothing (its grant over {since})")
        );
        assert_eq!(
            remedies(&[peer.clone(), peer.clone()]),
            BTreeSet::from(["Puno is given nothing; it has to sync".to_owned()])
        );
        peer.halts[0].given_nothing = "this node".into();
        assert_eq!(
            peer_state(&peer),
            format!("never met, gives nothing (this node's grant over {since})")
        );
        peer.halts[0].cause = "clock".into();
        assert_eq!(peer_state(&peer), "never met, gives nothing (its clock ahead)");
        peer.halts = Vec::new();
        peer.last_seen = Some("2026-03-01T10:00:00Z".into());
        peer.clock_skew_ms = Some(1_500);
        peer.standing = "connected".into();
        assert_eq!(peer_state(&peer), "connected, not in sync");
        peer.standing = "away".into();
        assert_eq!(peer_state(&peer), "never in sync");
        peer.last_in_sync = Some("2026-02-01T10:00:00Z".into());
        let was = zone::local("2026-02-01T10:00:00Z");
        assert_eq!(peer_state(&peer), format!("was in sync at {was}"));
        (peer.standing, peer.last_seen_seconds) = ("silent".into(), Some(80));
        assert_eq!(
            peer_state(&peer),
            format!("last heard 80 s ago, was in sync at {was}")
        );
        peer.says_revoked = true;
        assert!(peer_state(&peer).contains("says that this node was revoked"));
        peer.says_revoked = false;
        (peer.standing, peer.in_sync) = ("connected".into(), true);
        peer.clock_skew_ms = Some(-365 * 86_400_000);
        assert_eq!(peer_state(&peer), "in sync, clock 365 days behind");
        peer.clock_skew_ms = Some(3 * 3_600_000);
        peer.quarantined = 2;
        assert_eq!(
            peer_state(&peer),
            "in sync, clock 3 h ahead, 2 changes in quarantine"
        );
    }
}
