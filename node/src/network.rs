//! What an operator does about other nodes, over `chaski-net`: found, join, invite, list, revoke, sync,
//! and take out the root key.
//!
//! Invariants: names, addresses and keys of nodes appear in texts, patients never; a demo's network
//! invites nobody.

mod exchange;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use chaski_clinic::people::NodeLabel;
use chaski_crdt::authority::NodeRole;
use chaski_json::Json;
use chaski_net::addresses;
use chaski_net::setup::{self, Founding, Membership};
use chaski_net::{
    AddressFrom, Invite, JoinError, KnownAddress, Net, NetConfig, NetError, PeerInfo, harmless, is_harmless,
};
use chaski_store::{Env, NodeId, Store, StoreError, SystemEnv};
use chaski_ui::{FirstSync, PeerSummary};
use zeroize::Zeroizing;

use crate::admin::{HaltReport, InviteReport, KnownAddressReport, PeerReport, RevokedReport};
use crate::config::Links;
use crate::error::NodeError;
use crate::grants::Ground;
use crate::hub;
use crate::lifecycle::{Node, blocking};
use crate::root_file::{self, Root};

pub use exchange::sync;

/// The blob with the UDP address `serve` listened on last, and after a space each those that it was told to
/// tell others.
const ADDRESS_BLOB: &str = "node/quic-address";

/// How long a look at the peers waits for an engine that works.
pub const ENGINE_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// Hexadecimal digits of a key from which on it may name a node.
const KEY_DIGITS_MIN: usize = 4;

/// The port other nodes expect.
const PORT: u16 = 8031;

/// Why a node could not join.
pub struct JoinFailed {
    /// What the operator is told.
    pub error: NodeError,
    /// The ticket may have been used for the key that was made: the same command can be repeated.
    pub can_repeat: bool,
}

/// Makes a network with this store's node as its first.
///
/// # Errors
/// When the store fails.
pub fn found(store: &Store, founding: &Founding) -> Result<Membership, NodeError> {
    setup::found(store, founding).map_err(|error| NodeError::failed("making the network", error))?;
    membership(store)
}

/// Whether a text is a ticket.
///
/// # Errors
/// What is wrong with it.
pub fn check_ticket(text: &str) -> Result<(), NodeError> {
    let unusable =
        |why: String| NodeError::Failed(format!("this ticket can't be used: {why}; ask for it again"));
    let ticket = setup::ticket_parse(text).map_err(|error| unusable(error.to_string()))?;
    match ticket.addresses.iter().all(|address| is_harmless(address)) {
        true => Ok(()),
        false => Err(unusable("an address in it holds control characters".to_owned())),
    }
}

/// Refuses a text for people or a network that turns what stands beside it.
///
/// # Errors
/// Which it is.
pub fn check_harmless(what: &str, text: &str) -> Result<(), NodeError> {
    match is_harmless(text) {
        true => Ok(()),
        false => Err(NodeError::Usage(format!(
            "{what} holds control characters or characters that turn the direction of text: leave them out"
        ))),
    }
}

/// Refuses an empty text where a node is to be named: every key begins with it.
///
/// # Errors
/// That it is empty.
pub fn check_named(text: &str) -> Result<(), NodeError> {
    match text.trim().is_empty() {
        false => Ok(()),
        true => Err(NodeError::Usage(
            "the node's name or key is empty: name it as `chaski peer list` does".to_owned(),
        )),
    }
}

/// How a node joins.
pub struct Joining<'a> {
    /// A demonstration's node.
    pub demo: bool,
    /// The issuer is looked for on the local network too, where the ticket's addresses do not answer.
    pub mdns: bool,
    /// How the link to it is.
    pub links: Links,
    /// Whoever is told, in a sentence, what is being done.
    pub tell: &'a (dyn Fn(&str) + Send + Sync),
}

impl Joining<'_> {
    /// At the ticket's addresses alone, with nobody to tell.
    pub fn quiet(demo: bool) -> Joining<'static> {
        Joining {
            demo,
            mdns: false,
            links: Links::default(),
            tell: &|_| {},
        }
    }
}

/// Joins with a ticket.
///
/// # Errors
/// [`JoinFailed`]
pub async fn join(
    store: &Store,
    ticket: &str,
    name: &str,
    site: &str,
    joining: &Joining<'_>,
) -> Result<Membership, JoinFailed> {
    let newcomer = chaski_net::join::Newcomer {
        name: name.to_owned(),
        site: site.to_owned(),
        demo: joining.demo,
    };
    let config = NetConfig {
        mdns: joining.mdns,
        ..joining.links.calling()
    };
    let tell = |step: chaski_net::join::JoinStep| (joining.tell)(&step.to_string());
    let joined = setup::join_telling(store, ticket, &newcomer, &config, &tell)
        .await
        .map_err(|error| JoinFailed {
            can_repeat: matches!(
                error,
                JoinError::Unreachable(_)
                    | JoinError::Refused(_)
                    | JoinError::Busy(_)
                    | JoinError::Answer
                    | JoinError::Net(_)
                    | JoinError::Store(_)
            ),
            error: NodeError::Failed(error.to_string()),
        });
    joined?;
    membership(store).map_err(|error| JoinFailed {
        error,
        can_repeat: true,
    })
}

/// Who the store's node is.
///
/// # Errors
/// When it is nobody yet, or can't be read.
pub fn membership(store: &Store) -> Result<Membership, NodeError> {
    let membership = setup::membership(store)
        .map_err(|error| NodeError::failed("reading the node's membership", error))?
        .ok_or_else(|| {
            NodeError::Failed("the directory is no node's yet: `chaski init` or `chaski join`".to_owned())
        })?;
    Ok(Membership {
        name: harmless(&membership.name),
        site: harmless(&membership.site),
        ..membership
    })
}

/// Whether the root key is still only here.
pub fn root_is_exported(store: &Store) -> bool {
    setup::membership(store)
        .ok()
        .flatten()
        .is_none_or(|membership| !membership.root_to_export)
}

/// Starts the network side.
///
/// # Errors
/// When the address can't be used.
pub async fn start(store: &Store, config: NetConfig) -> Result<Net, NodeError> {
    let address = config.quic;
    Net::start(store.clone(), config)
        .await
        .map_err(|error| match error {
            NetError::Bind(_, cause) if cause.kind() == std::io::ErrorKind::AddrInUse => {
                NodeError::Failed(format!(
                    "UDP port {} on {} is taken by another program; choose another with --quic",
                    address.port(),
                    address.ip()
                ))
            }
            NetError::Bind(_, cause) => NodeError::io(&format!("listening on UDP {address}"), &cause),
            other => NodeError::Failed(other.to_string()),
        })
}

fn net_error(error: &NetError) -> NodeError {
    match error {
        NetError::UnknownPeer(_) | NetError::NoPeers => NodeError::Failed(error.to_string()),
        other => NodeError::Failed(other.to_string()),
    }
}

/// Remembers where `serve` listens and what it tells others of that, for tickets made while it doesn't run;
/// not on a disk that is full.
///
/// # Errors
/// When the store fails otherwise.
pub fn remember_addresses(
    store: &Store,
    listens: SocketAddr,
    advertise: &[SocketAddr],
) -> Result<(), NodeError> {
    let all = std::iter::once(&listens).chain(advertise);
    let text = all.map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let failed = |error| NodeError::failed("remembering the address", error);
    if store.blob(ADDRESS_BLOB).map_err(failed)?.as_deref() == Some(text.as_bytes()) {
        return Ok(());
    }
    match store.blob_put(ADDRESS_BLOB, text.as_bytes()) {
        Err(StoreError::DiskFull) => {
            // Only a ticket made while the node is down misses it; reading and sending go on.
            tracing::warn!("the disk is too full to remember where the node listens");
            Ok(())
        }
        done => done.map_err(failed),
    }
}

/// Where others reach this node, as far as it can know.
fn own_addresses(store: &Store) -> Vec<SocketAddr> {
    let kept = store.blob(ADDRESS_BLOB).ok().flatten().unwrap_or_default();
    let kept = String::from_utf8(kept).unwrap_or_default();
    let mut kept = kept.split(' ').filter_map(|text| text.parse().ok());
    let listens = kept
        .next()
        .unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)));
    let advertise: Vec<SocketAddr> = kept.collect();
    if advertise.is_empty() {
        addresses::reached_at(listens)
    } else {
        advertise
    }
}

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

/// The other nodes of the network.
///
/// # Errors
/// When they can't be read.
pub async fn peers(node: &Node) -> Result<Vec<PeerReport>, NodeError> {
    let (ground, infos) = ground(node).await?;
    Ok(reports(&ground, &infos))
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

/// The peers as `status` and `peer list` tell them.
pub fn reports(ground: &Ground, peers: &[PeerInfo]) -> Vec<PeerReport> {
    let report_of = |peer: &PeerInfo| report(ground, peer.clone(), peers);
    peers.iter().map(report_of).collect()
}

/// Why nothing flows to a peer or from it.
pub(crate) fn halts(ground: &Ground, peer: &PeerInfo, peers: &[PeerInfo]) -> Vec<HaltReport> {
    let halts = ground.halts(peer);
    halts
        .iter()
        .map(|halt| ground.report(halt, peer, peers))
        .collect()
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
        standing: hub::standing_code(&peer, now_ms).to_owned(),
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
            standing: hub::standing(peer, now_ms),
            in_sync: (peer.last_seen_ms > 0).then_some(peer.in_sync),
            in_sync_ms: Some(peer.contact.in_sync_ms).filter(|ms| *ms > 0),
            clock_skew_ms: peer.clock_skew_ms.unwrap_or(0),
            quarantined: peer.quarantined,
            notes: ground.notes(peer),
        })
        .collect()
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

/// The shortest beginning of a key that is shown, in hex digits.
const MARK_DIGITS: usize = 8;

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

/// That the network has revoked this node, as it was kept that a peer said; nothing where that can't be read.
pub async fn revocation(node: &Node) -> Option<String> {
    let store = node.store().clone();
    let kept = blocking(move || setup::peers(&store).map_err(|error| NodeError::Failed(error.to_string())));
    let peers = kept.await.ok()?;
    let says = peers.iter().find(|peer| peer.says_revoked())?;
    Some(revoked_text(&harmless(&says.name)))
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

/// The name of a node by its key.
pub fn label(store: &Store, node: &str) -> Option<NodeLabel> {
    let node: NodeId = node.parse().ok()?;
    let member = setup::member(store, &node).ok()??;
    Some(NodeLabel {
        name: harmless(&member.name),
        site: Some(harmless(&member.site)).filter(|site| !site.is_empty()),
    })
}

/// A fingerprint's sum, hexadecimal: equal on two nodes that hold the same.
pub fn fingerprint_text(fingerprint: &chaski_store::Fingerprint) -> String {
    data_encoding::HEXLOWER.encode(&fingerprint.sum)
}

/// Milliseconds since 1970 as RFC 3339, in UTC.
pub fn time_text(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| ms.to_string(), |time| time.to_string())
}

/// A value of a record for a report. Numbers keep their value, not always their literal.
pub fn json_value(json: &Json) -> serde_json::Value {
    serde_json::from_str(&json.canonical()).unwrap_or(serde_json::Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(time_text(1_500), "1970-01-01T00:00:01.5Z");
    }

    #[test]
    fn a_broken_ticket_is_told() {
        let error = check_ticket("chaski1-abc").unwrap_err();
        assert_eq!(error.exit_code(), 1);
    }
}
