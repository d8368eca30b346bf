//! One exchange with a peer, or with each that is known.
//!
//! Invariants: one that can't be reached is told among the others, as not in sync; nodes that are known by the
//! word of others alone are asked only where nobody else is there; a member that is not asked is told, and why.

use std::time::{Duration, Instant};

use chaski_net::addresses::check_dialled_ip;
use chaski_net::{Net, NetError, PeerInfo, Target, Turn};
use tokio::sync::{mpsc, watch};

use crate::admin::{Output, Progress, SiteReport, SyncReport, Wait};
use crate::error::NodeError;
use crate::hub;
use crate::lifecycle::Node;
use crate::member::net_error;
use crate::names::check_named;
use crate::peers::ground;
use crate::text::time_text;

/// One exchange with a peer, or with each that is known. One that failed is told as one in which nothing was exchanged
/// ([`SyncReport::was_met`]); without a peer those members come first that were not asked and are late ([`SyncReport::is_late`]).
///
/// # Errors
/// When nobody is named, the node has no network side, or it can't say whom it knows.
pub async fn sync(
    node: &Node,
    peer: Option<&str>,
    output: &mpsc::Sender<Output>,
) -> Result<Vec<SyncReport>, NodeError> {
    if let Some(name) = peer {
        check_named(name)?;
        if let Target::Address(address) = Target::parse(name) {
            check_dialled_ip(&address).map_err(NodeError::Usage)?;
        }
    }
    let net = node.net().await?;
    let targets = match peer {
        Some(text) => vec![Target::parse(text)],
        None => all_targets(&net).await?,
    };
    let mut met = exchanges(&net, node, targets, output).await;
    if peer.is_none() && met.is_nobody_there {
        // Cut off from all that it is to be in touch with: one that it knows by their word takes what is here.
        for neighbour in neighbours(&net).await? {
            let next = exchanges(&net, node, vec![neighbour], output).await;
            met.reports.extend(next.reports);
            if !next.is_nobody_there {
                break;
            }
        }
    }
    let mut reports = met.reports;
    told(node, &mut reports).await;
    if peer.is_none() {
        left_out(node, &mut reports).await;
    }
    Ok(reports)
}

/// What came of exchanges with some.
struct Exchanges {
    reports: Vec<SyncReport>,
    /// None of them answered.
    is_nobody_there: bool,
}

/// One exchange with each.
async fn exchanges(net: &Net, node: &Node, targets: Vec<Target>, output: &mpsc::Sender<Output>) -> Exchanges {
    let mut reports = Vec::new();
    let mut is_nobody_there = true;
    for target in targets {
        let start = Instant::now();
        match watched(net, node, target.clone(), output).await {
            Ok(report) => {
                is_nobody_there = false;
                reports.push(report);
            }
            Err(error) => {
                is_nobody_there &= matches!(error, NetError::Unreachable(_) | NetError::NoPeers);
                let error = sync_error(net, &target, &error).await;
                let mut report = nothing_exchanged(error.to_string(), start.elapsed());
                (report.peer, report.name) = meant(net, &target).await;
                reports.push(report);
            }
        }
    }
    Exchanges {
        reports,
        is_nobody_there,
    }
}

/// The key and the name of whoever an exchange was meant for, as far as they are known.
async fn meant(net: &Net, target: &Target) -> (String, String) {
    match target {
        Target::Peer(node) => (node.to_string(), String::new()),
        Target::Address(_) | Target::Any => (String::new(), String::new()),
        Target::Name(name) => {
            let peers = net.peers().await.unwrap_or_default();
            let named = |peer: &&PeerInfo| peer.name == *name || peer.node.to_string().starts_with(name);
            let key = peers.iter().find(named).map(|peer| peer.node.to_string());
            (key.unwrap_or_default(), name.clone())
        }
    }
}

/// Tells, before all else, each member that was not asked and should have been met, and why. Where who that is cannot be had, what was exchanged is told alone.
async fn left_out(node: &Node, reports: &mut Vec<SyncReport>) {
    let Ok(network) = hub::hub_status(node, hub::STALE_DAYS).await else {
        return;
    };
    let is_told = |site: &SiteReport| reports.iter().any(|report| report.peer == site.node);
    let others: Vec<SyncReport> = network
        .sites
        .into_iter()
        .filter(|site| site.standing != "revoked" && !is_told(site))
        .map(not_asked)
        .filter(|report| report.is_late)
        .collect();
    if !others.is_empty() {
        // Their own lines say it of each: that nobody could be asked need not be said of nobody.
        reports.retain(|report| report.was_met() || !report.peer.is_empty());
    }
    reports.splice(0..0, others);
}

/// What is told of a member that was not asked.
fn not_asked(site: SiteReport) -> SyncReport {
    let heard: Vec<&str> = site
        .known_addresses
        .iter()
        .map(|known| known.address.as_str())
        .collect();
    let reason = match heard.as_slice() {
        [] => format!(
            "not asked: no address of {} is known; name one: chaski sync ADDR",
            site.name
        ),
        heard => format!(
            "not asked: others alone say that it is reached at {}; name it to ask it: chaski sync {}",
            heard.join(", "),
            site.name
        ),
    };
    let stale_s = u64::from(hub::STALE_DAYS) * 86_400;
    let is_fresh = site.last_in_sync_seconds.is_some_and(|ago_s| ago_s < stale_s);
    SyncReport {
        peer: site.node,
        name: site.name,
        asked: false,
        is_late: site.by_way.is_none() && !is_fresh,
        last_in_sync: site.last_in_sync,
        last_seen: site.last_heard,
        ..nothing_exchanged(reason, Duration::ZERO)
    }
}

/// Neighbours tried at most where nobody else answers: each may take its time.
const NEIGHBOURS_MAX: usize = 3;

/// A few of the nodes that are known by the word of others alone, the ones heard of last first.
async fn neighbours(net: &Net) -> Result<Vec<Target>, NodeError> {
    let mut peers = net.peers().await.map_err(|error| net_error(&error))?;
    peers.retain(|peer| {
        !peer.revoked && !peer.connected && peer.addresses.is_empty() && !peer.known.is_empty()
    });
    peers.sort_by_key(|peer| std::cmp::Reverse(peer.last_seen_ms));
    Ok(peers
        .iter()
        .take(NEIGHBOURS_MAX)
        .map(|peer| Target::Peer(peer.node))
        .collect())
}

/// Puts to reports the peers' names, why nothing flowed, what ends soon and how it was. Where that cannot be had the
/// keys say who is meant: what was exchanged was.
async fn told(node: &Node, reports: &mut [SyncReport]) {
    let Ok((ground, peers)) = ground(node).await else {
        return;
    };
    let own: Vec<String> = ground
        .clock_warning()
        .into_iter()
        .chain(ground.own_warning(&peers))
        .collect();
    for report in reports {
        let Some(peer) = peers.iter().find(|peer| peer.node.to_string() == report.peer) else {
            continue;
        };
        report.name = peer.name.clone();
        report.halts = ground
            .halts(peer)
            .iter()
            .map(|halt| ground.report(halt, peer, &peers))
            .collect();
        let noted = |ms: u64| (ms > 0).then(|| time_text(ms));
        report.last_in_sync = noted(peer.contact.in_sync_ms);
        report.last_seen = noted(peer.last_seen_ms);
        let mut halted = ground.reason(peer, &peers).filter(|_| report.was_met());
        if !report.in_sync
            && let Some(reason) = halted.take()
        {
            report.reason = reason;
        }
        // Both hold the same, and nothing that is entered from now on will flow.
        report.warnings = halted
            .into_iter()
            .chain(own.iter().cloned())
            .chain(ground.peer_warning(peer, &peers))
            .collect();
    }
}

/// Why there was no exchange with a peer, told by the name a person knows it by.
async fn sync_error(net: &Net, target: &Target, error: &NetError) -> NodeError {
    let NetError::Unreachable(name) = error else {
        return net_error(error);
    };
    let peers = match target {
        Target::Peer(_) | Target::Name(_) => net.peers().await.unwrap_or_default(),
        Target::Address(_) | Target::Any => Vec::new(),
    };
    let known = peers.iter().find(|peer| {
        matches!(target, Target::Peer(node) if *node == peer.node) || peer.node.short() == *name
    });
    NodeError::Failed(match known {
        None => {
            format!(
                "nobody answered at {name}; is a node running there, and does the network let UDP through?"
            )
        }
        Some(peer) if peer.known.is_empty() => {
            format!("no address of {} is known; name one: chaski sync ADDR", peer.name)
        }
        Some(peer) => {
            let known: Vec<&str> = peer.known.iter().map(|known| known.address.as_str()).collect();
            format!(
                "{} did not answer at {}; is it running, and does the network let UDP through?",
                peer.name,
                known.join(", ")
            )
        }
    })
}

/// What is told of a peer with which no exchange came to its end, but for who it is.
fn nothing_exchanged(reason: String, waited: Duration) -> SyncReport {
    SyncReport {
        peer: String::new(),
        name: String::new(),
        in_sync: false,
        // What went out to find it is not counted by anyone, nor what came before an exchange broke off.
        sent_records: None,
        received_records: None,
        bytes_out: None,
        bytes_in: None,
        wire_bytes: None,
        round_trips: None,
        seconds: waited.as_secs_f64(),
        waited_seconds: 0.0,
        quarantined: 0,
        awaiting: 0,
        reason,
        refused: Vec::new(),
        halts: Vec::new(),
        warnings: Vec::new(),
        last_in_sync: None,
        last_seen: None,
        asked: true,
        is_late: false,
    }
}

async fn all_targets(net: &Net) -> Result<Vec<Target>, NodeError> {
    let peers = net.peers().await.map_err(|error| net_error(&error))?;
    let targets: Vec<Target> = peers
        .into_iter()
        .filter(|peer| !peer.revoked && (peer.connected || !peer.addresses.is_empty()))
        .map(|peer| Target::Peer(peer.node))
        .collect();
    Ok(if targets.is_empty() {
        vec![Target::Any]
    } else {
        targets
    })
}

/// An exchange, telling how far it is.
async fn watched(
    net: &Net,
    node: &Node,
    target: Target,
    output: &mpsc::Sender<Output>,
) -> Result<SyncReport, NetError> {
    // Until when it is waited for a turn, if it is.
    let (turn, turns) = watch::channel(None);
    let tell = |told: Option<Turn>| {
        let until = told.map(|turn| Instant::now() + Duration::from_secs(turn.seconds));
        turn.send_replace(until);
    };
    let name = name_of(net, &target).await;
    let exchange = net.sync_telling(target, &tell);
    tokio::pin!(exchange);
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    let start = node.store().position();
    loop {
        tokio::select! {
            report = &mut exchange => return report.map(sync_report),
            _ = tick.tick() => {
                let done = node.store().position().saturating_sub(start);
                let until = *turns.borrow();
                let progress = match until {
                    Some(until) => waiting(&name, until.saturating_duration_since(Instant::now())),
                    None => Progress { stage: "records received".to_owned(), done, ..Progress::default() },
                };
                let _lost = output.try_send(Output::Progress(progress));
            }
        }
    }
}

/// What is told while an exchange waits for its turn.
fn waiting(peer: &str, left: Duration) -> Progress {
    let seconds = left.as_secs().saturating_add(1);
    Progress {
        stage: format!("waiting for a turn at {peer}: about {seconds} s"),
        wait: Some(Wait {
            peer: peer.to_owned(),
            seconds,
        }),
        ..Progress::default()
    }
}

/// How a person knows whoever an exchange is meant for.
async fn name_of(net: &Net, target: &Target) -> String {
    let node = match target {
        Target::Name(name) => return name.clone(),
        Target::Address(address) => return address.to_string(),
        Target::Any => return "the other node".to_owned(),
        Target::Peer(node) => node,
    };
    let peers = net.peers().await.unwrap_or_default();
    let known = peers.into_iter().find(|peer| peer.node == *node);
    known.map_or_else(|| node.short(), |peer| peer.name)
}

fn sync_report(report: chaski_net::SyncReport) -> SyncReport {
    SyncReport {
        peer: report.peer,
        name: String::new(),
        in_sync: report.in_sync,
        sent_records: Some(report.sent_records),
        received_records: Some(report.received_records),
        bytes_out: Some(report.bytes_out),
        bytes_in: Some(report.bytes_in),
        wire_bytes: Some(report.wire_bytes),
        round_trips: Some(u64::from(report.round_trips)),
        seconds: report.seconds,
        waited_seconds: report.waited_seconds,
        quarantined: report.quarantined,
        awaiting: report.awaiting,
        reason: report.reason,
        refused: report
            .refused
            .into_iter()
            .map(|one| format!("{}: {}", one.record, one.reason))
            .collect(),
        halts: Vec::new(),
        warnings: Vec::new(),
        last_in_sync: None,
        last_seen: None,
        asked: true,
        is_late: false,
    }
}
