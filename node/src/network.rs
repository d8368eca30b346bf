//! What an operator does about other nodes, over `chaski-net`: invite, list, revoke, sync, and take out
//! the root key.
//!
//! Invariants: names, addresses and keys of nodes appear in texts, patients never; a demo's network
//! invites nobody.

mod exchange;

use std::net::{Ipv4Addr, SocketAddr};

use chaski_crdt::authority::NodeRole;
use chaski_net::setup;
use chaski_net::{Invite, Net, PeerInfo, addresses};
use chaski_store::{Env, NodeId, SystemEnv};
use chaski_ui::PeerSummary;
use zeroize::Zeroizing;

use crate::admin::{InviteReport, PeerReport, RevokedReport};
use crate::error::NodeError;
use crate::grants::Ground;
use crate::hub;
use crate::lifecycle::{Node, blocking};
use crate::member::{membership, net_error, own_addresses};
use crate::names::check_named;
use crate::peers::{ground, halts, infos, known_address, marks};
use crate::root_file::{self, Root};
use crate::standing::{standing, standing_code};
use crate::text::time_text;

pub use exchange::sync;

/// Hexadecimal digits of a key from which on it may name a node.
const KEY_DIGITS_MIN: usize = 4;

/// Makes a ticket.
///
/// # Errors
/// When this node may not invite.
pub async fn invite(
    node: &Node,
    role: &str,
    ttl_seconds: u64,
    addresses: Vec<String>,
) -> Result<InviteReport, NodeError> {
    if membership(node.store())?.demo {
        return Err(NodeError::Failed(
            "a demo's network takes no other nodes".to_owned(),
        ));
    }
    for address in &addresses {
        addresses::check_dialled(address).map_err(NodeError::Usage)?;
    }
    let net = node.net_running().await;
    let addresses = match &net {
        _ if !addresses.is_empty() => addresses,
        Some(net) if net.is_listening() => net.advertised(),
        _ => own_addresses(node.store())
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    let known: Option<Vec<SocketAddr>> = addresses.iter().map(|text| numbers_of(text)).collect();
    let told = addresses.clone();
    let (ticket, expires_s) = match net {
        Some(net) => ticket_of(&net, role, ttl_seconds, addresses).await?,
        None => {
            let (store, role) = (node.store().clone(), NodeRole::from(role));
            let ttl_ms = ttl_seconds.saturating_mul(1000);
            blocking(move || {
                let ticket = setup::invite(&store, role, ttl_ms, addresses)
                    .map_err(|error| NodeError::Failed(error.to_string()))?;
                text_of(&ticket)
            })
            .await?
        }
    };
    Ok(InviteReport {
        ticket,
        expires: time_text(expires_s.saturating_mul(1000)),
        // A name may be anybody's: only the name service knows.
        only_here: known.is_some_and(|known| addresses::are_only_here(&known)),
        addresses: told,
        warnings: Vec::new(),
    })
}

/// An address in numbers; of names the one that is each machine itself is known without asking.
fn numbers_of(text: &str) -> Option<SocketAddr> {
    let is_here = |host: &str| host.trim_end_matches('.').eq_ignore_ascii_case("localhost");
    text.parse().ok().or_else(|| match text.rsplit_once(':') {
        Some((host, port)) if is_here(host) => {
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().ok()?)))
        }
        _ => None,
    })
}

/// Makes a ticket on a running node: its text and its end, in seconds since 1970.
///
/// # Errors
/// When this node may not invite.
pub async fn ticket_of(
    net: &Net,
    role: &str,
    ttl_seconds: u64,
    addresses: Vec<String>,
) -> Result<(String, u64), NodeError> {
    let invite = Invite {
        role: NodeRole::from(role),
        ttl_ms: ttl_seconds.saturating_mul(1000),
        addresses,
    };
    let ticket = net.invite(invite).await.map_err(|error| net_error(&error))?;
    text_of(&ticket)
}

fn text_of(ticket: &chaski_crdt::authority::Ticket) -> Result<(String, u64), NodeError> {
    let text = setup::ticket_text(ticket).map_err(|error| NodeError::Failed(error.to_string()))?;
    Ok((text, ticket.expires_s))
}

/// The other nodes of the network.
///
/// # Errors
/// When they can't be read.
pub async fn peers(node: &Node) -> Result<Vec<PeerReport>, NodeError> {
    let (ground, infos) = ground(node).await?;
    Ok(reports(&ground, &infos))
}

/// The peers as `status` and `peer list` tell them.
pub fn reports(ground: &Ground, peers: &[PeerInfo]) -> Vec<PeerReport> {
    let report_of = |peer: &PeerInfo| report(ground, peer.clone(), peers);
    peers.iter().map(report_of).collect()
}

/// A peer as `status` and `peer list` tell it.
pub(crate) fn report(ground: &Ground, peer: PeerInfo, peers: &[PeerInfo]) -> PeerReport {
    let now_ms = SystemEnv.now_ms();
    PeerReport {
        halts: halts(ground, &peer, peers),
        grant_ends_soon: ground.left_ms(&peer).is_some(),
        grant_ends: peer.grant_ends_ms.filter(|ms| *ms > 0).map(time_text),
        grant_over: peer.grant_ends_ms.is_some_and(|ms| ms <= now_ms),
        last_seen: (peer.last_seen_ms > 0).then(|| time_text(peer.last_seen_ms)),
        in_sync: peer.is_in_sync_now(now_ms) && !peer.revoked,
        standing: standing_code(&peer, now_ms).to_owned(),
        last_in_sync: (peer.contact.in_sync_ms > 0).then(|| time_text(peer.contact.in_sync_ms)),
        last_seen_by_file: peer.is_heard_by_file(),
        last_seen_seconds: now_ms
            .checked_sub(peer.last_seen_ms)
            .filter(|_| peer.last_seen_ms > 0)
            .map(|ago_ms| ago_ms / 1_000),
        revoked: peer.revoked,
        says_revoked: peer.says_revoked(),
        joined: ground.joined_ms(&peer).map(time_text),
        addresses: peer.known.iter().map(|known| known.address.clone()).collect(),
        known_addresses: peer.known.into_iter().map(known_address).collect(),
        clock_skew_ms: peer.clock_skew_ms,
        quarantined: peer.quarantined,
        node: peer.node.to_string(),
        name: peer.name,
        site: peer.site,
        role: peer.role,
    }
}

/// The other nodes as the pages show them.
pub fn summaries(ground: &Ground, peers: &[PeerInfo], now_ms: u64) -> Vec<PeerSummary> {
    let marks = marks(ground.named(peers));
    hub::in_order(ground, peers, now_ms)
        .iter()
        .map(|peer| PeerSummary {
            name: peer.name.clone(),
            mark: marks.get(&peer.node).cloned(),
            site: Some(peer.site.clone()).filter(|site| !site.is_empty()),
            role: peer.role.clone(),
            last_seen_ms: Some(peer.last_seen_ms).filter(|ms| *ms > 0),
            is_seen_by_file: peer.is_heard_by_file(),
            standing: standing(peer, now_ms),
            in_sync: (peer.last_seen_ms > 0).then_some(peer.in_sync),
            in_sync_ms: Some(peer.contact.in_sync_ms).filter(|ms| *ms > 0),
            clock_skew_ms: peer.clock_skew_ms.unwrap_or(0),
            quarantined: peer.quarantined,
            notes: ground.notes(peer),
        })
        .collect()
}

/// Ends a membership, if it is not ended already.
///
/// # Errors
/// When the name is empty, fits none, several or this node itself, or this node may not revoke.
pub async fn revoke(node: &Node, name: &str) -> Result<RevokedReport, NodeError> {
    check_named(name)?;
    let store = node.store().clone();
    let own = blocking(move || membership(&store)).await?;
    let key = name.to_ascii_lowercase();
    let is_meant = |called: &str, node: &NodeId| {
        called == name || (key.len() >= KEY_DIGITS_MIN && node.to_string().starts_with(&key))
    };
    let mut found = infos(node).await?;
    found.retain(|peer| is_meant(&peer.name, &peer.node));
    let is_own = is_meant(&own.name, &own.node);
    let peer = match found.as_slice() {
        [one] if !is_own => one,
        [] if is_own => {
            return Err(NodeError::Failed(format!(
                "{} is this node itself: another issuer ends its membership",
                own.name
            )));
        }
        [] => {
            return Err(NodeError::Failed(format!(
                "no node is known as {}",
                name.escape_default()
            )));
        }
        _ => {
            return Err(NodeError::Usage(
                "several nodes fit; give more of the node's key".to_owned(),
            ));
        }
    };
    let report = RevokedReport {
        node: peer.node.to_string(),
        name: peer.name.clone(),
        changed: !peer.revoked,
    };
    if report.changed {
        revoke_peer(node, peer.node).await?;
    }
    Ok(report)
}

async fn revoke_peer(node: &Node, peer: NodeId) -> Result<(), NodeError> {
    match node.net_running().await {
        Some(net) => net
            .revoke(peer, "revoked by an operator")
            .await
            .map_err(|error| net_error(&error)),
        None => {
            let store = node.store().clone();
            blocking(move || {
                setup::revoke(&store, peer, "revoked by an operator")
                    .map_err(|error| NodeError::Failed(error.to_string()))
            })
            .await
        }
    }
}

/// The sealed root key and its recovery words.
///
/// # Errors
/// When this node doesn't hold it.
pub async fn root_export(node: &Node, passphrase: Option<String>) -> Result<(String, String), NodeError> {
    let store = node.store().clone();
    blocking(move || {
        let failed = |error: chaski_net::trust::TrustError| NodeError::Failed(error.to_string());
        let seed = setup::root_key(&store)
            .map_err(failed)?
            .map(Zeroizing::new)
            .ok_or_else(|| {
                NodeError::Failed(
                    "the root key is not on this node: only the network's first node has it".to_owned(),
                )
            })?;
        let network = membership(&store)?.network;
        let root = NodeId::of(&ed25519_dalek::SigningKey::from_bytes(&seed));
        let sealed = root_file::seal(&Root { network, root, seed }, passphrase, store.env())?;
        setup::root_mark_exported(&store).map_err(failed)?;
        Ok((sealed.text, sealed.words))
    })
    .await
}
