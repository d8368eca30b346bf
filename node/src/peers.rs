//! What is known of the other nodes of the network, for whoever tells it.
//!
//! Invariant: names, addresses and keys of nodes appear in texts, patients never.

use std::collections::BTreeMap;

use chaski_net::setup;
use chaski_net::{AddressFrom, KnownAddress, PeerInfo, harmless};
use chaski_store::NodeId;
use chaski_ui::FirstSync;

use crate::admin::{HaltReport, KnownAddressReport};
use crate::error::NodeError;
use crate::grants::Ground;
use crate::lifecycle::{Node, blocking};

/// How long a look at the peers waits for an engine that works.
pub const ENGINE_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// The shortest beginning of a key that is shown, in hex digits.
const MARK_DIGITS: usize = 8;

/// What is known of the other nodes.
///
/// # Errors
/// When they can't be read.
pub async fn infos(node: &Node) -> Result<Vec<PeerInfo>, NodeError> {
    if let Some(net) = node.net_running().await
        && let Ok(Ok(peers)) = tokio::time::timeout(ENGINE_WAIT, net.peers()).await
    {
        return Ok(peers);
    }
    // Without a network side, or with one that is busy with a large exchange: what was last kept.
    let store = node.store().clone();
    let kept = move || setup::peers(&store).map_err(|error| NodeError::Failed(error.to_string()));
    Ok(blocking(kept)
        .await?
        .into_iter()
        .map(PeerInfo::harmless)
        .collect())
}

/// What is known of the other nodes, and what is to be told of grants and clocks follows from.
///
/// # Errors
/// When the node can't be read.
pub async fn ground(node: &Node) -> Result<(Ground, Vec<PeerInfo>), NodeError> {
    let infos = infos(node).await?;
    let store = node.store().clone();
    blocking(move || Ok((Ground::of(&store, &infos)?, infos))).await
}

/// That the network has revoked this node, as a peer says.
pub fn revoked_text(peer: &str) -> String {
    format!(
        "this node was revoked, says {peer}: its network exchanges nothing with it any more; what it holds stays \
         readable here"
    )
}

/// Why nothing flows to a peer or from it.
pub(crate) fn halts(ground: &Ground, peer: &PeerInfo, peers: &[PeerInfo]) -> Vec<HaltReport> {
    let halts = ground.halts(peer);
    halts
        .iter()
        .map(|halt| ground.report(halt, peer, peers))
        .collect()
}

/// An address and from where it is known, as all commands tell it.
pub fn known_address(known: KnownAddress) -> KnownAddressReport {
    let (from, through) = match known.from {
        AddressFrom::Told => ("told", None),
        AddressFrom::Through(name) => ("through", Some(name)),
        AddressFrom::Joined => ("joined", None),
        AddressFrom::Configured => ("configured", None),
        AddressFrom::Asked => ("asked", None),
        AddressFrom::Mdns => ("mdns", None),
        AddressFrom::Met => ("met", None),
        AddressFrom::Reached => ("reached", None),
    };
    KnownAddressReport {
        address: known.address,
        from: from.to_owned(),
        through,
    }
}

/// How far a first sync is; nothing once it is complete, or where there never was one.
pub fn first_sync(peers: &[PeerInfo]) -> Option<FirstSync> {
    // Of several peers, the one that has announced most is the one to wait for.
    let first = peers.iter().filter_map(|peer| peer.first_sync);
    first.max_by_key(|first| first.total).map(|first| FirstSync {
        received: first.received,
        total: first.total,
    })
}

/// The beginnings of the keys of nodes of which another bears the same name: each names one of all nodes, as commands
/// take it.
pub fn marks(named: Vec<(NodeId, &str)>) -> BTreeMap<NodeId, String> {
    let shown = |name: &str| name.trim().to_lowercase();
    let mut bearers: BTreeMap<String, u32> = BTreeMap::new();
    for (_, name) in &named {
        let count = bearers.entry(shown(name)).or_default();
        *count = count.saturating_add(1);
    }
    let alike = named
        .iter()
        .filter(|(_, name)| bearers.get(&shown(name)).is_some_and(|count| *count > 1));
    let mark = |node: &NodeId| {
        let key = node.to_string();
        let is_of_another = |start: &str| {
            let mut others = named.iter().filter(|(other, _)| other != node);
            others.any(|(other, _)| other.to_string().starts_with(start))
        };
        let lengths = (MARK_DIGITS..key.len()).step_by(MARK_DIGITS);
        let starts = lengths.filter_map(|length| key.get(..length));
        let own = starts.into_iter().find(|start| !is_of_another(start));
        own.unwrap_or(&key).to_owned()
    };
    alike.map(|(node, _)| (*node, mark(node))).collect()
}

/// That the network has revoked this node, as it was kept that a peer said; nothing where that can't be read.
pub async fn revocation(node: &Node) -> Option<String> {
    let store = node.store().clone();
    let kept = blocking(move || setup::peers(&store).map_err(|error| NodeError::Failed(error.to_string())));
    let peers = kept.await.ok()?;
    let says = peers.iter().find(|peer| peer.says_revoked())?;
    Some(revoked_text(&harmless(&says.name)))
}
