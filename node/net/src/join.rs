//! Becoming a member: the newcomer's side.
//!
//! Invariants: the secret is sent only to the key the ticket pins; what comes
//! back is believed only as far as its signatures lead from the root, whose
//! network the ticket names, to a certificate of our own key.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chaski_crdt::author::{NetworkId, NodeId};
use chaski_crdt::authority::Ticket;
use ed25519_dalek::SigningKey;
use quinn::Connection;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::NetConfig;
use crate::discovery;
use crate::endpoint::{self, DialError, Dialler, read_frame, write_frame};
use crate::engine::CloseReason;
use crate::limits::{CONTROL_FRAME_BYTES_MAX, HELLO_MS_MAX, NAME_BYTES_MAX};
use crate::report::{JoinError, NetError};
use crate::tls::{NodeCertificate, Pin};
use crate::trust::Trust;
use crate::wire::{self, JoinRequest, Joined, Message};

/// How long the issuer is listened for on the local network.
const LOOK_MAX: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 3_000 });
/// Addresses heard of that are tried; more are nobody's honest announcement.
const HEARD_MAX: usize = 32;

/// What a new member has: enough to make its store.
pub struct Welcome {
    /// The network.
    pub network: NetworkId,
    /// The secret that keys fingerprints.
    pub fingerprint_secret: [u8; 32],
    /// Root, statements, the new certificate among them.
    pub trust: Trust,
    /// The node that invited.
    pub issuer: NodeId,
    /// Where it can be reached.
    pub addresses: Vec<String>,
}

impl std::fmt::Debug for Welcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Welcome")
            .field("network", &self.network)
            .field("issuer", &self.issuer)
            .finish()
    }
}

/// Who wants to join.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Newcomer {
    /// Name of the node.
    pub name: String,
    /// Site code; may be empty.
    pub site: String,
    /// A demonstration's node: joins no real network, and no real node joins it.
    pub demo: bool,
}

/// Joins with a ticket; `key` was made here and stays here.
///
/// # Errors
/// [`JoinError`] with a variant for each cause.
pub async fn join(
    ticket: &Ticket,
    key: &SigningKey,
    newcomer: &Newcomer,
    config: &NetConfig,
) -> Result<Welcome, JoinError> {
    if newcomer.name.len() > NAME_BYTES_MAX || newcomer.site.len() > NAME_BYTES_MAX {
        return Err(JoinError::Refused("the name or site code is too long".to_owned()));
    }
    let certificate = Arc::new(NodeCertificate::new(key).map_err(NetError::from)?);
    let transport = endpoint::transport(config);
    let config = NetConfig {
        listen: false,
        ..config.clone()
    };
    let endpoint = endpoint::bind(&config, &certificate)?;
    let dialler = Dialler {
        endpoint: endpoint.clone(),
        certificate,
        transport,
    };
    let outcome = join_at(ticket, key, newcomer, &dialler).await;
    endpoint.close(quinn::VarInt::from_u32(0), b"");
    let _ = tokio::time::timeout(Duration::from_millis(300), endpoint.wait_idle()).await;
    outcome
}

async fn join_at(
    ticket: &Ticket,
    key: &SigningKey,
    newcomer: &Newcomer,
    dialler: &Dialler,
) -> Result<Welcome, JoinError> {
    let (sender, heard) = mpsc::channel(HEARD_MAX);
    let fingerprint = ticket.issuer;
    // Where multicast is not to be had, the ticket's addresses are all there is.
    let looking = discovery::look(move |node, address| {
        if Ticket::fingerprint_of(&node) == fingerprint {
            let _ = sender.try_send(address);
        }
    });
    let dialled = reach(ticket, dialler, heard).await;
    drop(looking);
    let (connection, issuer, address) = dialled.map_err(|error| match error {
        DialError::Unreachable(address) => JoinError::Unreachable(address),
        DialError::Stranger(_) => JoinError::Stranger,
        DialError::Version(_) => JoinError::Refused(CloseReason::NoCommonVersion.to_string()),
    })?;
    let request = JoinRequest {
        network: ticket.network,
        secret: ticket.secret,
        demo: newcomer.demo,
        name: newcomer.name.clone(),
        site: newcomer.site.clone(),
    };
    let message = Message::Join(request);
    let exchange = exchange(&connection, &message);
    let answer = match tokio::time::timeout(Duration::from_millis(HELLO_MS_MAX), exchange).await {
        Ok(Some(joined)) => joined,
        Ok(None) => return Err(refusal(&connection).await),
        Err(_) => return Err(JoinError::Unreachable(address)),
    };
    let mut welcome = accept(ticket, key, newcomer.demo, issuer, answer)?;
    welcome.addresses.retain(|known| *known != address);
    welcome.addresses.insert(0, address);
    Ok(welcome)
}

/// A connection, whose it is, and the address that answered.
type Reached = (Connection, NodeId, String);

/// The issuer, at an address that the ticket names or where it is heard of on the local network: a ticket may
/// be older than the address.
async fn reach(
    ticket: &Ticket,
    dialler: &Dialler,
    heard: mpsc::Receiver<SocketAddr>,
) -> Result<Reached, DialError> {
    let pin = Some(Pin::Issuer(ticket.issuer));
    let near = near(dialler, pin, heard);
    let told = dialler.dial(pin, &ticket.addresses);
    tokio::pin!(near, told);
    tokio::select! {
        reached = &mut near => match reached {
            Some(reached) => Ok(reached),
            None => told.await,
        },
        reached = &mut told => match reached {
            Ok(reached) => Ok(reached),
            Err(error) => near.await.ok_or(error),
        },
    }
}

/// The first of the addresses heard of that answers with an acceptable key. All are tried side by side: a
/// machine announces those of its inner networks too, and somebody may announce what nobody answers at.
async fn near(dialler: &Dialler, pin: Option<Pin>, mut heard: mpsc::Receiver<SocketAddr>) -> Option<Reached> {
    let until = tokio::time::Instant::now() + LOOK_MAX;
    let mut attempts = JoinSet::new();
    let mut is_listening = true;
    loop {
        tokio::select! {
            address = tokio::time::timeout_at(until, heard.recv()), if is_listening => match address {
                Ok(Some(address)) if attempts.len() < HEARD_MAX => {
                    let dialler = dialler.clone();
                    attempts.spawn(async move { dialler.dial(pin, &[address.to_string()]).await });
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => is_listening = false,
            },
            Some(ended) = attempts.join_next(), if !attempts.is_empty() => {
                if let Ok(Ok(reached)) = ended {
                    return Some(reached);
                }
            }
            else => return None,
        }
    }
}

async fn exchange(connection: &Connection, message: &Message) -> Option<Joined> {
    let (mut send, mut receive) = connection.open_bi().await.ok()?;
    write_frame(&mut send, &wire::encode(1, message)).await.ok()?;
    let bytes = read_frame(&mut receive, CONTROL_FRAME_BYTES_MAX).await.ok()??;
    match wire::decode(&bytes) {
        Ok((_, Message::Joined(joined))) => Some(joined),
        _ => None,
    }
}

/// Why the issuer closed.
async fn refusal(connection: &Connection) -> JoinError {
    let closed = tokio::time::timeout(Duration::from_secs(2), connection.closed()).await;
    let Ok(quinn::ConnectionError::ApplicationClosed(close)) = closed else {
        return JoinError::Refused("the connection was lost".to_owned());
    };
    let code = u32::try_from(close.error_code.into_inner()).unwrap_or(u32::MAX);
    match CloseReason::from_code(code, wire::VERSION) {
        CloseReason::TicketUsed => JoinError::Used,
        CloseReason::TicketExpired => JoinError::Expired,
        CloseReason::TicketUnknown => JoinError::Unknown,
        CloseReason::OtherNetwork => JoinError::OtherNetwork,
        other => JoinError::Refused(other.told()),
    }
}

fn accept(
    ticket: &Ticket,
    key: &SigningKey,
    demo: bool,
    issuer: NodeId,
    joined: Joined,
) -> Result<Welcome, JoinError> {
    let root = NodeId(joined.root);
    let network = NetworkId::of_root(&root);
    if !ticket.is_for(&network) {
        return Err(JoinError::OtherNetwork);
    }
    let trust = Trust::found(root, &joined.statements).map_err(|_| JoinError::Answer)?;
    if trust.is_demo() != demo {
        return Err(JoinError::OtherNetwork);
    }
    if trust.member(&NodeId::of(key)).is_none() || trust.member(&issuer).is_none() {
        return Err(JoinError::Answer);
    }
    Ok(Welcome {
        network,
        fingerprint_secret: joined.secret,
        trust,
        issuer,
        addresses: joined.addresses,
    })
}

#[cfg(test)]
mod tests;
