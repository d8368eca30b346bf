//! Who may invite and renew: listed, made and ended by an operator who has the root's key.
//!
//! Invariants: the root's key, kept here or from its exported file, serves one statement and is forgotten; a
//! wrong file, passphrase or node changes nothing and says which it was.

use chaski_crdt::authority::{Limits, NodeRole};
use chaski_net::issuers::{self, IssuerChange, IssuerInfo};
use chaski_net::{harmless, setup};
use chaski_store::{NodeId, Store, Unlock};
use ed25519_dalek::SigningKey;
use zeroize::Zeroizing;

use crate::admin::{AdminRequest, AdminResponse, IssuerChangeReport, IssuerReport, RootFile, RootSecret};
use crate::error::NodeError;
use crate::lifecycle::{Node, blocking};
use crate::names::{check_harmless, check_named};
use crate::root_file;
use crate::text::time_text;
use crate::{member, peers};

/// Carries out a request about issuers.
///
/// # Errors
/// When the node or the root's key is not the right one, or the store fails: then nothing has changed.
pub async fn execute(node: &Node, request: AdminRequest) -> Result<AdminResponse, NodeError> {
    match request {
        AdminRequest::IssuerAdd {
            node: name,
            roles,
            sites,
            root,
        } => {
            for text in roles.iter().chain(&sites) {
                check_harmless("a role or site", text)?;
            }
            let limits = limits(roles, sites);
            let made = change(node, &name, root, |node| IssuerChange::Add(node, limits)).await?;
            Ok(AdminResponse::IssuerChanged(made))
        }
        AdminRequest::IssuerEnd { node: name, root } => {
            let ended = change(node, &name, root, IssuerChange::End).await?;
            Ok(AdminResponse::IssuerChanged(ended))
        }
        AdminRequest::IssuerList => list(node).await.map(AdminResponse::Issuers),
        _ => Err(NodeError::Usage("this is no request about issuers".to_owned())),
    }
}

/// The issuers known here.
async fn list(node: &Node) -> Result<Vec<IssuerReport>, NodeError> {
    let (ground, peers) = peers::ground(node).await?;
    let store = node.store().clone();
    let (own, known) = blocking(move || {
        let known =
            issuers::issuers(&store).map_err(|error| NodeError::failed("reading the issuers", error))?;
        Ok((member::membership(&store)?.node, known))
    })
    .await?;
    let report = |issuer: IssuerInfo| {
        let peer = peers.iter().find(|peer| peer.node == issuer.node);
        IssuerReport {
            this_node: issuer.node == own,
            told: ground.is_told(&issuer, &peers),
            last_seen: peer
                .filter(|peer| peer.last_seen_ms > 0)
                .map(|peer| time_text(peer.last_seen_ms)),
            in_effect: issuer.in_effect,
            ended: !issuer.in_effect,
            revoked: issuer.revoked,
            roles: issuer
                .limits
                .roles
                .map(|roles| roles.iter().map(ToString::to_string).collect()),
            sites: issuer.limits.sites.map(|sites| sites.into_iter().collect()),
            roots: issuer.roots.iter().map(ToString::to_string).collect(),
            node: issuer.node.to_string(),
            name: harmless(&issuer.name),
        }
    };
    Ok(known.into_iter().map(report).collect())
}

/// Limits as an operator gives them: none of a kind is any.
fn limits(roles: Vec<String>, sites: Vec<String>) -> Limits {
    Limits {
        roles: (!roles.is_empty()).then(|| roles.iter().map(|role| NodeRole::from(role.as_str())).collect()),
        sites: (!sites.is_empty()).then(|| sites.into_iter().collect()),
    }
}

async fn change(
    node: &Node,
    name: &str,
    root: Option<RootFile>,
    change: impl FnOnce(NodeId) -> IssuerChange,
) -> Result<IssuerChangeReport, NodeError> {
    check_named(name)?;
    let (store, wanted) = (node.store().clone(), name.to_owned());
    let (peer, called, root) = blocking(move || {
        let (peer, called) = one_named(&store, &wanted)?;
        Ok((peer, called, root_key(&store, root)?))
    })
    .await?;
    let change = change(peer);
    let changed = match node.net_running().await {
        Some(net) => net
            .issuer_change(root, change)
            .await
            .map_err(|error| NodeError::Failed(error.to_string()))?,
        None => {
            let store = node.store().clone();
            blocking(move || {
                issuers::issuer_change(&store, &root, &change)
                    .map_err(|error| NodeError::Failed(error.to_string()))
            })
            .await?
        }
    };
    if changed {
        tracing::warn!("the network's root has changed who may invite and renew: {called}");
    }
    Ok(IssuerChangeReport {
        node: peer.to_string(),
        name: called,
        changed,
    })
}

/// The one node that a name or the beginning of a key means.
fn one_named(store: &Store, name: &str) -> Result<(NodeId, String), NodeError> {
    let failed = |error| NodeError::failed("reading who belongs to the network", error);
    let found = issuers::members_named(store, name).map_err(failed)?;
    match found.as_slice() {
        [one] => {
            let member = setup::member(store, one).map_err(failed)?;
            Ok((
                *one,
                member.map_or_else(|| one.short(), |member| harmless(&member.name)),
            ))
        }
        [] => Err(NodeError::Failed(format!(
            "no node is known here as {}: only a member of the network can be an issuer (`chaski peer list`)",
            name.escape_default()
        ))),
        several => Err(NodeError::Usage(format!(
            "{} nodes are known as {}: give more of the node's key",
            several.len(),
            name.escape_default()
        ))),
    }
}

/// The root's key, from a file or as it is kept here.
fn root_key(store: &Store, file: Option<RootFile>) -> Result<SigningKey, NodeError> {
    let Some(file) = file else {
        let kept =
            setup::root_key(store).map_err(|error| NodeError::failed("reading the root key", error))?;
        let seed = kept.map(Zeroizing::new).ok_or_else(|| {
            NodeError::Failed(
                "the root key is not on this node: give the file it was exported to, --root FILE (the network's \
                 first node has the key, and `chaski root export` writes that file)"
                    .to_owned(),
            )
        })?;
        return Ok(SigningKey::from_bytes(&seed));
    };
    let (sealed, secret) = (file.sealed, file.secret);
    let secret = match secret {
        RootSecret::Passphrase(text) => Unlock::Passphrase(text),
        RootSecret::Words(text) => Unlock::Words(text),
    };
    let root = root_file::open(&sealed, &secret)?;
    let own = member::membership(store)?.network;
    if root.network != own {
        return Err(NodeError::Failed(format!(
            "this root file is of another network ({}, this node's is {own}): nothing was changed",
            root.network
        )));
    }
    Ok(SigningKey::from_bytes(&root.seed))
}
