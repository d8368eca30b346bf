//! What a node does without a running endpoint: found a network, join one,
//! look at and extend its authority.
//!
//! Invariants: the identity is set last, so a directory is a member's or
//! nobody's; a newcomer's key is kept before the ticket is used, so an
//! interrupted join is repeated with the same key and gets the same
//! certificate.

use chaski_crdt::author::{NetworkId, NodeId};
use chaski_crdt::authority::{
    Authority, Grant, Issuer, Limits, Member, NodeRole, Revocation, Scopes, SignedStatement, Statement,
    Ticket,
};
use chaski_store::{Identity, Store};
use ed25519_dalek::SigningKey;

use crate::config::NetConfig;
use crate::engine::{Origin, Peers, peer_info};
use crate::join::{self, Newcomer, Tell};
use crate::replica::{Documents, Replica, ReplicaError, StoreReplica, quarantined_by};
use crate::report::{JoinError, PeerInfo};
use crate::ticket_text::PREFIX as TICKET_PREFIX;
use crate::trust::{self, DEMO_ISSUER, GRANT_MS, Trust, TrustError};

pub use crate::ticket_text::ticket_parse;

/// Document with the root key, until it is removed.
const ROOT_DOCUMENT: &str = "trust/root-key";
/// Document that says that the root key has been exported.
const EXPORTED_DOCUMENT: &str = "trust/root-exported";
/// Document with the key of a join under way.
const JOIN_DOCUMENT: &str = "trust/join-key";

/// How a network begins.
#[derive(Clone, Debug)]
pub struct Founding {
    /// Name of the first node.
    pub name: String,
    /// Its site code; may be empty.
    pub site: String,
    /// The first node's role.
    pub role: NodeRole,
    /// A demonstration, which never meets a real network.
    pub demo: bool,
}

/// Who a store's node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The node's key.
    pub node: NodeId,
    /// The network that the node is a member of.
    pub network: NetworkId,
    /// The node's name.
    pub name: String,
    /// Its site code.
    pub site: String,
    /// The node's role.
    pub role: String,
    /// Whether the network is a demonstration.
    pub demo: bool,
    /// Whether it may invite and revoke.
    pub issuer: bool,
    /// Whether it may renew its own grant, as some issuers may not.
    pub renews_itself: bool,
    /// Whether the root key is here and has not been exported yet.
    pub root_to_export: bool,
    /// When its grant ends, in ms since 1970; 0 where it has none, nothing where it never does.
    pub grant_ends_ms: Option<u64>,
}

/// Makes a network: root, first issuer, its own membership; the store gets its
/// identity.
///
/// # Errors
/// When the store fails or belongs to a network already.
pub fn found(store: &Store, founding: &Founding) -> Result<NodeId, TrustError> {
    if store.identity().is_some() {
        return Err(TrustError::Member);
    }
    let root = SigningKey::from_bytes(&random(store));
    let key = SigningKey::from_bytes(&random(store));
    let (root_id, node) = (NodeId::of(&root), NodeId::of(&key));
    let mut authority = Authority::found(root_id);
    let name = if founding.demo {
        DEMO_ISSUER.to_owned()
    } else {
        founding.name.clone()
    };
    let refused = |_| TrustError::NotEntitled;
    let issuer = Statement::Issuer(Issuer {
        node,
        name,
        limits: Limits::default(),
    });
    authority.issue(&root, issuer).map_err(refused)?;
    let Founding { name, site, role, .. } = founding.clone();
    authority
        .issue(
            &key,
            Statement::Member(Member {
                node,
                name,
                role,
                site,
            }),
        )
        .map_err(refused)?;
    let expires_ms = Some(store.env().now_ms().saturating_add(GRANT_MS));
    authority
        .issue(
            &key,
            Statement::Grant(Grant {
                node,
                scopes: Scopes::All,
                expires_ms,
            }),
        )
        .map_err(refused)?;
    let statements: Vec<Vec<u8>> = authority
        .statements()
        .map(|(_, s)| SignedStatement::to_bytes(s))
        .collect();
    store.document_save(ROOT_DOCUMENT, root.as_bytes())?;
    Trust::found(root_id, &statements)?.save(store)?;
    identity_set(store, &key, authority.network(), random(store))?;
    Ok(node)
}

/// Joins a network with a ticket's text; the store gets its identity.
///
/// # Errors
/// [`JoinError`] with a variant for each cause.
pub async fn join(
    store: &Store,
    ticket: &str,
    newcomer: &Newcomer,
    config: &NetConfig,
) -> Result<NodeId, JoinError> {
    join_telling(store, ticket, newcomer, config, &|_| {}).await
}

/// As [`join`], telling what is being done to reach the issuer.
///
/// # Errors
/// As [`join`].
pub async fn join_telling(
    store: &Store,
    ticket: &str,
    newcomer: &Newcomer,
    config: &NetConfig,
    tell: Tell<'_>,
) -> Result<NodeId, JoinError> {
    if store.identity().is_some() {
        return Err(JoinError::Member);
    }
    let ticket = ticket_parse(ticket)?;
    let failed = |error: ReplicaError| JoinError::Store(error.to_string());
    let seed = match store.document(JOIN_DOCUMENT).map_err(failed)? {
        Some(kept) => kept
            .try_into()
            .map_err(|_| JoinError::Store("a damaged key".to_owned()))?,
        None => {
            let seed: [u8; 32] = random(store);
            store.document_save(JOIN_DOCUMENT, &seed).map_err(failed)?;
            seed
        }
    };
    let key = SigningKey::from_bytes(&seed);
    let welcome = join::join(&ticket, &key, newcomer, config, tell).await?;
    let failed = |error: TrustError| JoinError::Store(error.to_string());
    welcome.trust.save(store).map_err(failed)?;
    let mut peers = Peers::default();
    for address in welcome.addresses.iter().rev() {
        peers.learn_from(&welcome.issuer, address, Origin::Joined);
    }
    peers
        .save(store, 0, true)
        .map_err(|error| JoinError::Store(error.to_string()))?;
    identity_set(store, &key, welcome.network, welcome.fingerprint_secret).map_err(failed)?;
    Ok(NodeId::of(&key))
}

/// A ticket's text, as printed and in its QR code.
///
/// # Errors
/// [`TrustError::Ticket`] if it is out of bounds.
pub fn ticket_text(ticket: &Ticket) -> Result<String, TrustError> {
    ticket
        .to_text()
        .map(|text| format!("{TICKET_PREFIX}-{text}"))
        .map_err(|_| TrustError::Ticket)
}

/// Who the store's node is, if it is somebody.
///
/// # Errors
/// When the store fails or what it holds of trust is damaged.
pub fn membership(store: &Store) -> Result<Option<Membership>, TrustError> {
    let Some(identity) = store.identity() else {
        return Ok(None);
    };
    let trust = Trust::of(store, identity.network)?;
    let member = trust.member(&identity.node).cloned();
    let root_here = store.document(ROOT_DOCUMENT)?.is_some_and(|key| !key.is_empty());
    let exported = store.document(EXPORTED_DOCUMENT)?.is_some();
    Ok(Some(Membership {
        node: identity.node,
        network: identity.network,
        name: member.as_ref().map(|m| m.name.clone()).unwrap_or_default(),
        site: member.as_ref().map(|m| m.site.clone()).unwrap_or_default(),
        role: member
            .as_ref()
            .map(|m| m.role.as_str().to_owned())
            .unwrap_or_default(),
        demo: trust.is_demo(),
        issuer: trust.is_issuer(&identity.node),
        renews_itself: trust.may_renew(&identity.node, &identity.node),
        root_to_export: root_here && !exported,
        grant_ends_ms: trust.grant_ends_ms(&identity.node),
    }))
}

/// The certificate of one who was ever certified.
///
/// # Errors
/// When the store fails or what it holds of trust is damaged.
pub fn member(store: &Store, node: &NodeId) -> Result<Option<Member>, TrustError> {
    let identity = store.identity().ok_or(TrustError::None)?;
    Ok(Trust::of(store, identity.network)?.member(node).cloned())
}

/// All other members and what is known of them.
///
/// # Errors
/// When the store fails or what it holds of trust is damaged.
pub fn peers(store: &Store) -> Result<Vec<PeerInfo>, TrustError> {
    let identity = store.identity().ok_or(TrustError::None)?;
    let trust = Trust::of(store, identity.network)?;
    let peers = Peers::load(store, store.log_epoch())?;
    let others = trust
        .authority()
        .members()
        .filter(|member| member.node != identity.node);
    let set_aside = quarantined_by(store)?;
    let infos = others.map(|member| {
        let mut info = peer_info(&trust, &peers, store.position(), member);
        info.first_sync = peers.first_meeting(&member.node).map(|met| {
            let filter = trust.filter_between(&identity.node, &member.node);
            let held = store.fingerprint(&filter);
            met.progress(held.map_or(0, |(sum, _)| sum.count))
        });
        info.quarantined = set_aside.get(&member.node).copied().unwrap_or(0);
        info
    });
    Ok(infos.collect())
}

/// Makes a ticket: the store's node must be an issuer.
///
/// # Errors
/// [`TrustError::NotEntitled`]; the store's.
pub fn invite(
    store: &Store,
    role: NodeRole,
    ttl_ms: u64,
    addresses: Vec<String>,
) -> Result<Ticket, TrustError> {
    let identity = store.identity().ok_or(TrustError::None)?;
    let trust = Trust::of(store, identity.network)?;
    ticket_make(
        store,
        &trust,
        &identity.node,
        random(store),
        role,
        ttl_ms,
        addresses,
        store.env().now_ms(),
    )
}

/// Makes a ticket and records it as given.
#[allow(clippy::too_many_arguments)]
pub(crate) fn ticket_make(
    documents: &dyn Documents,
    trust: &Trust,
    node: &NodeId,
    secret: [u8; 32],
    role: NodeRole,
    ttl_ms: u64,
    addresses: Vec<String>,
    now_ms: u64,
) -> Result<Ticket, TrustError> {
    trust.may_invite(node, &role)?;
    let ticket = Ticket {
        secret: secret.first_chunk::<16>().copied().unwrap_or_default(),
        issuer: Ticket::fingerprint_of(node),
        network: Ticket::network_of(&trust.authority().network()),
        expires_s: now_ms.saturating_add(ttl_ms) / 1_000,
        role,
        addresses,
    };
    ticket_text(&ticket)?;
    trust::ticket_give(documents, &ticket, now_ms)?;
    Ok(ticket)
}

/// Revokes a member: what it wrote, as far as known here, stays vouched for.
///
/// # Errors
/// [`TrustError::NotEntitled`], [`TrustError::Unknown`]; the store's.
pub fn revoke(store: &Store, node: NodeId, reason: &str) -> Result<(), TrustError> {
    let key = store.signing_key().ok_or(TrustError::None)?;
    let identity = store.identity().ok_or(TrustError::None)?;
    let mut trust = Trust::load(store, identity.network)?;
    if trust.member(&node).is_none() {
        return Err(TrustError::Unknown(node.short()));
    }
    let vouched = trust::vouched_most(StoreReplica::new(store.clone())?.incarnations(&node)?);
    let revocation = Revocation {
        node,
        vouched,
        reason: reason.to_owned(),
    };
    trust.issue(store, &key, Statement::Revocation(revocation))
}

/// The root key, while it is here.
///
/// # Errors
/// When the store fails.
pub fn root_key(store: &Store) -> Result<Option<[u8; 32]>, TrustError> {
    Ok(store.document(ROOT_DOCUMENT)?.and_then(|key| key.try_into().ok()))
}

/// Notes that the root key has been exported.
///
/// # Errors
/// When the store fails.
pub fn root_mark_exported(store: &Store) -> Result<(), TrustError> {
    Ok(store.document_save(EXPORTED_DOCUMENT, &[1])?)
}

fn identity_set(
    store: &Store,
    key: &SigningKey,
    network: NetworkId,
    fingerprint_key: [u8; 32],
) -> Result<(), TrustError> {
    let identity = Identity {
        signing_seed: key.to_bytes(),
        network,
        fingerprint_key,
    };
    store
        .identity_set(&identity)
        .map_err(|error| TrustError::Store(ReplicaError(error.to_string())))
}

fn random(store: &Store) -> [u8; 32] {
    let mut bytes = [0; 32];
    store.env().random(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
