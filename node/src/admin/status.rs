//! The node's state, and the verification of everything it holds.

use chaski_store::{Env, ScopeFilter, Stats, SystemEnv};

use super::report::{DoctorReport, StatusReport};
use crate::error::{NodeError, store_error};
use crate::hub::Lag;
use crate::key::Protection;
use crate::lifecycle::{Node, blocking};
use crate::text::{fingerprint_text, time_text};
use crate::{member, network, peers, zone};

/// Problems told; the rest are counted.
const PROBLEMS_MAX: usize = 100;

pub(super) async fn status(node: &Node) -> Result<StatusReport, NodeError> {
    let store = node.store().clone();
    let (stats, fingerprint, membership) = blocking(move || {
        let stats = store.stats().map_err(|error| store_error(&error))?;
        let (fingerprint, _) = store
            .fingerprint(&ScopeFilter::all())
            .map_err(|error| store_error(&error))?;
        Ok((stats, fingerprint_text(&fingerprint), member::membership(&store)?))
    })
    .await?;
    let incarnation = node
        .store()
        .incarnation()
        .map(|(random, _)| format!("{random:016x}"))
        .unwrap_or_default();
    let (ground, peers) = peers::ground(node).await?;
    let zone = zone::read();
    Ok(StatusReport {
        node: membership.node.to_string(),
        name: membership.name.clone(),
        site: membership.site.clone(),
        incarnation,
        records: stats.records,
        fingerprint,
        conflicts: stats.conflicts,
        quarantined: stats.quarantined,
        awaiting: stats.awaiting,
        disk_bytes: stats.disk_bytes,
        unlock: node.protection().describe(node.data()),
        warnings: warnings(
            node,
            &stats,
            membership.root_to_export && !membership.demo,
            zone.is_some(),
            ground.revoked_by(),
            ground
                .warnings(&peers)
                .into_iter()
                .chain(Lag::of(&ground, &peers, SystemEnv.now_ms()).warning())
                .collect(),
        ),
        running: node.net_running().await.is_some_and(|net| net.is_listening()),
        zone: zone.map(|zone| zone::name(&zone)),
        sole_issuer: ground.sole_issuer(&peers).map(|sole| sole.node.to_string()),
        peers: network::reports(&ground, &peers),
        network: membership.network.to_string(),
        grant_ends: membership.grant_ends_ms.filter(|ms| *ms > 0).map(time_text),
    })
}

fn warnings(
    node: &Node,
    stats: &Stats,
    root_to_export: bool,
    is_zone_read: bool,
    revoked_by: Option<&str>,
    grants: Vec<String>,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(peer) = revoked_by {
        warnings.push(peers::revoked_text(peer));
    }
    if !is_zone_read {
        warnings.push(zone::UNREAD.to_owned());
    }
    warnings.extend(grants);
    if stats.disk_full {
        warnings.push("the disk is nearly full: writes are refused, reading and sending go on".to_owned());
    }
    if root_to_export {
        warnings.push(
            "the network's root key exists only on this machine: `chaski root export FILE`, and keep the file \
             elsewhere"
                .to_owned(),
        );
    }
    match node.protection() {
        Protection::Unsealed => warnings.push("the directory is not sealed: for trials only".to_owned()),
        other if other.lies_beside(node.data()) => {
            warnings.push("key and data share a disk: protects copies, not theft".to_owned());
        }
        _ => {}
    }
    warnings.extend(node.protection().exposed(node.data()));
    if stats.quarantined > 0 {
        warnings.push(format!("{} changes are in quarantine", stats.quarantined));
    }
    if stats.awaiting > 0 {
        warnings.push(format!(
            "{} changes wait until it is known that their author is a member: sync with a node that knows it",
            stats.awaiting
        ));
    }
    warnings
}

/// Verifies a node that is open.
pub(super) async fn verify(node: &Node, rebuild: bool) -> Result<DoctorReport, NodeError> {
    if rebuild {
        return Err(NodeError::Locked(
            "the node is running on this directory: stop it, then `chaski doctor --rebuild`".to_owned(),
        ));
    }
    let store = node.store().clone();
    blocking(move || {
        let report = store.verify().map_err(|error| store_error(&error))?;
        Ok(doctor_report(&report))
    })
    .await
}

fn problem_text(problem: &chaski_store::doctor::Problem) -> String {
    match &problem.record {
        Some(record) => format!("{record}, {}: {}", problem.place, problem.what),
        None => format!("{}: {}", problem.place, problem.what),
    }
}

/// The store's findings as the command tells them.
pub fn doctor_report(report: &chaski_store::doctor::Report) -> DoctorReport {
    DoctorReport {
        records: report.records,
        changes: report.changes,
        damaged: report.damaged,
        problem_count: report.problems,
        problems: report
            .listed
            .iter()
            .take(PROBLEMS_MAX)
            .map(problem_text)
            .collect(),
        rebuilt: report.rebuilt,
    }
}
