//! This node as a member of its network, as far as its store and `chaski-net` go: founded, joined, started.
//!
//! Invariant: names, addresses and keys of nodes appear in texts, patients never.

use std::net::{Ipv4Addr, SocketAddr};

use chaski_clinic::people::NodeLabel;
use chaski_net::addresses;
use chaski_net::setup::{self, Founding, Membership};
use chaski_net::{JoinError, Net, NetConfig, NetError, harmless, is_harmless};
use chaski_store::{NodeId, Store, StoreError};

use crate::config::Links;
use crate::error::NodeError;

/// The blob with the UDP address `serve` listened on last, and after a space each those that it was told to
/// tell others.
const ADDRESS_BLOB: &str = "node/quic-address";

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

/// What a failure of the network side means to the operator.
pub fn net_error(error: &NetError) -> NodeError {
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
pub fn own_addresses(store: &Store) -> Vec<SocketAddr> {
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

/// The name of a node by its key.
pub fn label(store: &Store, node: &str) -> Option<NodeLabel> {
    let node: NodeId = node.parse().ok()?;
    let member = setup::member(store, &node).ok()??;
    Some(NodeLabel {
        name: harmless(&member.name),
        site: Some(harmless(&member.site)).filter(|site| !site.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_ticket_is_told() {
        let error = check_ticket("chaski1-abc").unwrap_err();
        assert_eq!(error.exit_code(), 1);
    }
}
