//! Becoming a member: the newcomer's side.
//!
//! Invariants: the secret is sent only to the key the ticket pins; what comes
//! back is believed only as far as its signatures lead from the root, whose
//! network the ticket names, to a certificate of our own key. Whoever announces the issuer's key on the local
//! network without holding it costs a handshake, and of those there is a bound.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
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
use crate::limits::{CONTROL_FRAME_BYTES_MAX, HANDSHAKE_MS_MAX, NAME_BYTES_MAX};
use crate::patience::{self, Waits};
use crate::report::{JoinError, NetError};
use crate::tls::{NodeCertificate, Pin};
use crate::trust::Trust;
use crate::wire::{self, JoinRequest, Joined, Message};

/// How long the issuer is listened for on the local network.
const LOOK_MAX: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 3_000 });
/// How long the ticket's addresses have before the issuer is looked for on the local network.
const LOOK_AFTER: Duration = Duration::from_millis(1_000);
/// How long the ticket's addresses have before it is said that they do not answer.
const TELL_AFTER: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 4_000 });
/// Addresses heard of that are tried; more are nobody's honest announcement.
const HEARD_MAX: usize = 32;

/// What is being done to reach the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinStep {
    /// The issuer is looked for on the local network, since these addresses of the ticket have not answered for a while.
    Looking(Vec<String>),
    /// It cannot be looked for there, and why.
    NotLooking(String),
    /// Somebody announces it there: tried.
    Heard(SocketAddr),
    /// It is there and has no room now, but in about so many seconds: it is asked again sooner.
    Turn(u64),
}

impl fmt::Display for JoinStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinStep::Looking(addresses) if addresses.is_empty() => {
                f.write_str("looking for the issuer on this network (mDNS)")
            }
            JoinStep::Looking(addresses) => {
                let addresses = addresses.join(", ");
                write!(
                    f,
                    "no answer from {addresses} yet: looking for the issuer on this network (mDNS) too"
                )
            }
            JoinStep::NotLooking(why) => {
                write!(f, "the issuer cannot be looked for on this network (mDNS): {why}")
            }
            JoinStep::Turn(seconds) => {
                write!(f, "waiting for a turn at the issuer: about {seconds} s")
            }
            JoinStep::Heard(address) => write!(f, "the issuer is announced at {address}: dialling it there"),
        }
    }
}

/// Whoever is told what is being done.
pub type Tell<'a> = &'a (dyn Fn(JoinStep) + Send + Sync);

/// What a new member has: enough to make its store.
pub struct Welcome {
    /// The network that was joined.
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

/// Joins with a ticket; `key` was made here and stays here. With [`NetConfig::mdns`] the issuer is looked for
/// on the local network too, where the ticket's addresses do not answer.
///
/// # Errors
/// [`JoinError`] with a variant for each cause.
pub async fn join(
    ticket: &Ticket,
    key: &SigningKey,
    newcomer: &Newcomer,
    config: &NetConfig,
    tell: Tell<'_>,
) -> Result<Welcome, JoinError> {
    if newcomer.name.len() > NAME_BYTES_MAX || newcomer.site.len() > NAME_BYTES_MAX {
        return Err(JoinError::Refused("the name or site code is too long".to_owned()));
    }
    let certificate = Arc::new(NodeCertificate::new(key).map_err(NetError::from)?);
    let config = NetConfig {
        listen: false,
        ..config.clone()
    };
    let is_heard = config.mdns;
    let endpoint = endpoint::bind(&config, &certificate)?;
    let dialler = Dialler {
        endpoint: endpoint.clone(),
        certificate,
        config,
        trips: Arc::default(),
    };
    let mut waits = Waits::new(NodeId::of(key));
    let outcome = loop {
        let search = Search::new(ticket, is_heard, tell);
        match join_at(ticket, key, newcomer, &dialler, &search).await {
            Err(JoinError::Busy(reason)) => {
                let Some(wait) = waits.next(&reason) else {
                    break Err(JoinError::Busy(reason));
                };
                tell(JoinStep::Turn(patience::seconds(&reason, wait)));
                tokio::time::sleep(wait).await;
            }
            outcome => break outcome,
        }
    };
    endpoint.close(quinn::VarInt::from_u32(0), b"");
    let _ = tokio::time::timeout(Duration::from_millis(300), endpoint.wait_idle()).await;
    outcome
}

/// The search for an issuer.
struct Search<'a> {
    is_looking: bool,
    /// When the local network is searched.
    after: Duration,
    tell: Tell<'a>,
    /// Where it was announced and tried.
    tried: Mutex<BTreeSet<SocketAddr>>,
    /// Why the network could not be searched.
    failed: Mutex<Option<String>>,
}

impl<'a> Search<'a> {
    fn new(ticket: &Ticket, is_looking: bool, tell: Tell<'a>) -> Search<'a> {
        Search {
            is_looking,
            after: match is_only_here(ticket) {
                true => Duration::ZERO,
                false => LOOK_AFTER,
            },
            tell,
            tried: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Whether an address heard of is to be tried: each once, and so many.
    fn is_new(&self, address: SocketAddr) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = tried.len() < HEARD_MAX && tried.insert(address);
        if is_new {
            (self.tell)(JoinStep::Heard(address));
        }
        is_new
    }

    /// Hears the local network for the issuer's key, for as long as it is polled.
    async fn look(&self, ticket: &Ticket, sender: mpsc::Sender<SocketAddr>) -> Infallible {
        let fingerprint = ticket.issuer;
        let mut looking = None;
        if self.is_looking {
            tokio::time::sleep(self.after).await;
            let found = move |node: NodeId, address: SocketAddr| {
                if Ticket::fingerprint_of(&node) == fingerprint {
                    let _ = sender.try_send(address);
                }
            };
            let mut step = JoinStep::Looking(ticket.addresses.clone());
            match discovery::look(found) {
                Ok(discovery) => looking = Some(discovery),
                Err(error) => {
                    let error = error.to_string();
                    step = JoinStep::NotLooking(error.clone());
                    *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
            }
            // Told once it is worth a word: most answer before.
            let is_awaited = !ticket.addresses.is_empty();
            let left = TELL_AFTER.saturating_sub(self.after);
            tokio::time::sleep(if is_awaited { left } else { Duration::ZERO }).await;
            (self.tell)(step);
        } else {
            drop(sender);
        }
        let forever = std::future::pending().await;
        drop(looking);
        forever
    }

    /// Where the issuer was looked for, after "it did not answer at".
    fn tried(&self, ticket: &Ticket) -> String {
        let tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let named = match ticket.addresses.as_slice() {
            [] => "any address: the ticket names none".to_owned(),
            named if is_only_here(ticket) => format!(
                "{}, which is this machine itself: the ticket was made where no network was known",
                named.join(", ")
            ),
            named => named.join(", "),
        };
        let near = match failed.as_ref() {
            _ if !self.is_looking => "it was not looked for on this network".to_owned(),
            Some(error) => format!("this network could not be searched for it (mDNS): {error}"),
            None if tried.is_empty() => {
                "it does not announce itself on this network (mDNS: chaski serve --mdns does)".to_owned()
            }
            None => {
                let tried: Vec<String> = tried.iter().map(ToString::to_string).collect();
                let tried = tried.join(", ");
                format!(
                    "nor does who is announced as it on this network, at {tried}, hold its key and answer"
                )
            }
        };
        format!("{named}; {near}")
    }
}

/// Whether a ticket names nothing but addresses of the machine it was made on, or none.
fn is_only_here(ticket: &Ticket) -> bool {
    let known: Option<Vec<SocketAddr>> = ticket.addresses.iter().map(|text| text.parse().ok()).collect();
    // A name may be anybody's.
    known.is_some_and(|known| crate::addresses::are_only_here(&known))
}

async fn join_at(
    ticket: &Ticket,
    key: &SigningKey,
    newcomer: &Newcomer,
    dialler: &Dialler,
    search: &Search<'_>,
) -> Result<Welcome, JoinError> {
    let (sender, heard) = mpsc::channel(HEARD_MAX);
    let dialled = tokio::select! {
        dialled = reach(ticket, dialler, heard, search) => dialled,
        never = search.look(ticket, sender) => match never {},
    };
    let (connection, issuer, address) = dialled.map_err(|error| match error {
        DialError::Unreachable(_) => JoinError::Unreachable(search.tried(ticket)),
        DialError::Stranger(_) => JoinError::Stranger,
        DialError::Version(_) => JoinError::Refused(CloseReason::NoCommonVersion.to_string()),
        DialError::Busy(_) => JoinError::Busy(CloseReason::Busy),
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
    let answer = tokio::select! {
        answer = exchange => match answer {
            Some(joined) => joined,
            None => return Err(refusal(&connection).await),
        },
        () = silence(|| connection.stats().frame_rx.stream, Duration::from_secs(1)) => return Err(JoinError::Unreachable(address)),
    };
    let mut welcome = accept(ticket, key, newcomer.demo, issuer, answer)?;
    welcome
        .addresses
        .retain(|known| *known != address && is_of_use(known, &address));
    welcome.addresses.insert(0, address);
    Ok(welcome)
}

/// Whether a node that was reached at an address may be dialled at this one too: what is told of its own
/// machine is of use on that alone.
fn is_of_use(told: &str, reached: &str) -> bool {
    let is_here = |text: &str| {
        text.parse::<SocketAddr>()
            .is_ok_and(|address| crate::addresses::are_only_here(&[address]))
    };
    !is_here(told) || is_here(reached)
}

/// A connection, whose it is, and the address that answered.
type Reached = (Connection, NodeId, String);

/// The issuer, at an address that the ticket names or where it is heard of on the local network: a ticket may
/// be older than the address.
async fn reach(
    ticket: &Ticket,
    dialler: &Dialler,
    heard: mpsc::Receiver<SocketAddr>,
    search: &Search<'_>,
) -> Result<Reached, DialError> {
    let pin = Some(Pin::Issuer(ticket.issuer));
    let near = near(dialler, pin, heard, search);
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
async fn near(
    dialler: &Dialler,
    pin: Option<Pin>,
    mut heard: mpsc::Receiver<SocketAddr>,
    search: &Search<'_>,
) -> Option<Reached> {
    let until = tokio::time::Instant::now() + search.after + LOOK_MAX;
    let mut attempts = JoinSet::new();
    let mut is_listening = true;
    loop {
        tokio::select! {
            address = tokio::time::timeout_at(until, heard.recv()), if is_listening => match address {
                Ok(Some(address)) if search.is_new(address) => {
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

/// Ends once nothing has come of an answer for as long as a handshake may take: this side holds it to be done
/// before the other does, which understands nothing until then.
async fn silence(came: impl Fn() -> u64, look: Duration) {
    let looks = HANDSHAKE_MS_MAX / 1_000;
    let (mut known, mut left) = (0, looks);
    while left > 0 {
        tokio::time::sleep(look).await;
        let now = came();
        left = if now == known { left - 1 } else { looks };
        known = now;
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
        busy @ (CloseReason::Busy | CloseReason::Wait(_)) => JoinError::Busy(busy),
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
