//! Dialling: addresses in order, each with a time of its own, the next one beside those that are still
//! silent: a peer with many old addresses takes no longer to be given up than one with a few.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chaski_crdt::author::NodeId;
use quinn::{Connection, Endpoint};
use tokio::task::{AbortHandle, JoinSet};

use super::knock;
use super::resolve::resolve;
use super::settings::{client_config, peer_of, transport, transport_of};
use super::trips::Trips;
use crate::config::NetConfig;
use crate::limits::{DIAL_MS_MAX, HANDSHAKE_MS_MAX, PEER_ADDRESSES_MAX};
use crate::tls::{NodeCertificate, Pin};

/// Server name shown in the handshake; names mean nothing here.
const SERVER_NAME: &str = "chaski";

/// How long an address is tried before the next one is too.
const NEXT_ADDRESS: Duration = Duration::from_secs(2);

/// Diallings of one peer that go on at once.
const DIALS_A_PEER_MAX: usize = 3;

/// A connection, whose it is, and the address that answered.
pub(crate) type Reached = (Connection, NodeId, String);

/// Why nobody could be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DialError {
    /// Nobody answered at any address.
    Unreachable(String),
    /// Someone answered with another key.
    Stranger(String),
    /// Whoever answered speaks no version spoken here.
    Version(String),
    /// Somebody is there and has no room now.
    Busy(String),
}

/// TLS alert "no application protocol" (RFC 7301), as QUIC carries it.
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// What dialling needs.
#[derive(Clone)]
pub(crate) struct Dialler {
    pub(crate) endpoint: Endpoint,
    pub(crate) certificate: Arc<NodeCertificate>,
    pub(crate) config: NetConfig,
    pub(crate) trips: Arc<Trips>,
}

impl Dialler {
    /// The first address that answers with an acceptable key.
    pub(crate) async fn dial(&self, pin: Option<Pin>, addresses: &[String]) -> Result<Reached, DialError> {
        self.dial_telling(pin, addresses, &Arc::default()).await
    }

    /// The same, telling whether anybody has answered yet.
    async fn dial_telling(
        &self,
        pin: Option<Pin>,
        addresses: &[String],
        is_answered: &Arc<AtomicBool>,
    ) -> Result<Reached, DialError> {
        let mut attempts = JoinSet::new();
        let mut wait = Duration::ZERO;
        for text in addresses.iter().take(PEER_ADDRESSES_MAX + 1) {
            let (this, text, is_answered) = (self.clone(), text.clone(), Arc::clone(is_answered));
            attempts.spawn(async move {
                tokio::time::sleep(wait).await;
                this.dial_text(pin, text, &is_answered).await
            });
            wait = wait.saturating_add(NEXT_ADDRESS);
        }
        let mut failure = DialError::Unreachable(addresses.first().cloned().unwrap_or_default());
        while let Some(ended) = attempts.join_next().await {
            match ended {
                Ok(Ok(reached)) => return Ok(reached),
                // Who has no room now may be the one that is meant.
                Ok(Err(Some(refused))) if !matches!(failure, DialError::Busy(_)) => failure = refused,
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Err(failure)
    }

    /// Whoever answers at what a text names. `Err(Some)`: someone did, but with another key or version.
    async fn dial_text(
        &self,
        pin: Option<Pin>,
        text: String,
        is_answered: &Arc<AtomicBool>,
    ) -> Result<Reached, Option<DialError>> {
        let mut failure = None;
        for address in resolve(&text).await {
            match self.dial_one(pin, address, is_answered).await {
                Ok((connection, peer)) => return Ok((connection, peer, text)),
                Err(Some(refused)) => failure = Some(refused(text.clone())),
                Err(None) => {}
            }
        }
        Err(failure)
    }

    /// `Err(Some)`: someone answered, but with another key or version.
    async fn dial_one(
        &self,
        pin: Option<Pin>,
        address: SocketAddr,
        is_answered: &Arc<AtomicBool>,
    ) -> Result<(Connection, NodeId), Option<fn(String) -> DialError>> {
        let transport = match self.trips.of(address) {
            Some(trip) => transport_of(&self.config, trip),
            None => transport(&self.config),
        };
        let config = client_config(&self.certificate, pin, &transport).map_err(|_| None)?;
        let until = tokio::time::Instant::now() + Duration::from_millis(DIAL_MS_MAX);
        let is_heard = Arc::<AtomicBool>::default();
        let mut attempts = JoinSet::new();
        let attempt = |attempts: &mut JoinSet<_>| {
            let connecting = self.endpoint.connect_with(config.clone(), address, SERVER_NAME);
            let heard = [Arc::clone(&is_heard), Arc::clone(is_answered)];
            connecting.map(|connecting| attempts.spawn(shaken(connecting, until, heard)))
        };
        attempt(&mut attempts).map_err(|_| None)?;
        let mut is_again = false;
        let shaken = loop {
            tokio::select! {
                ended = attempts.join_next() => match ended {
                    Some(Ok(Some(shaken))) => break Some(shaken),
                    Some(_) => {}
                    None => break None,
                },
                // The transport waits ever longer before it sends its first packet again: whoever is there by then is
                // dialled a second time. It may also have heard, and have no room before the first one's turn.
                () = unheard(address, &is_heard), if !is_again => {
                    is_again = true;
                    let _ = attempt(&mut attempts);
                }
            }
        };
        let connection = match shaken {
            Some(Ok(connection)) => connection,
            Some(Err(error)) => return Err(refusal_of(&error)),
            None => return Err(None),
        };
        match peer_of(&connection) {
            Some(peer) => Ok((connection, peer)),
            None => Err(Some(DialError::Stranger)),
        }
    }
}

/// Whom a node dials of itself.
#[derive(Default)]
pub(crate) struct Dials(BTreeMap<NodeId, Vec<Dialling>>);

struct Dialling {
    task: AbortHandle,
    is_answered: Arc<AtomicBool>,
}

impl Dials {
    /// Dials a peer and hands on what comes of it, unless somebody has answered one that goes on. Else it goes on beside
    /// the others: those have waited ever longer for an answer, and may have addresses left to try.
    pub(crate) fn begin<H>(
        &mut self,
        dialler: Dialler,
        peer: NodeId,
        addresses: Vec<String>,
        hand_on: impl FnOnce(Result<Reached, DialError>) -> H + Send + 'static,
    ) where
        H: Future<Output = ()> + Send,
    {
        self.0.retain(|_, all| {
            all.retain(|dialling| !dialling.task.is_finished());
            !all.is_empty()
        });
        let all = self.0.entry(peer).or_default();
        let is_answered = |dialling: &Dialling| dialling.is_answered.load(Ordering::Acquire);
        if all.len() >= DIALS_A_PEER_MAX || all.iter().any(is_answered) {
            return;
        }
        let is_answered = Arc::<AtomicBool>::default();
        let told = Arc::clone(&is_answered);
        let task = tokio::spawn(async move {
            let outcome = dialler
                .dial_telling(Some(Pin::Node(peer)), &addresses, &told)
                .await;
            hand_on(outcome).await;
        });
        let task = task.abort_handle();
        all.push(Dialling { task, is_answered });
    }

    /// The peer is met by another connection: one that finds it only now would be a second.
    pub(crate) fn end(&mut self, peer: &NodeId) {
        for dialling in self.0.remove(peer).into_iter().flatten() {
            dialling.task.abort();
        }
    }
}

/// How a handshake ends, where it does in time: longer where somebody has answered.
async fn shaken(
    mut connecting: quinn::Connecting,
    until: tokio::time::Instant,
    are_heard: [Arc<AtomicBool>; 2],
) -> Option<Result<Connection, quinn::ConnectionError>> {
    let longer = tokio::time::Instant::now() + Duration::from_millis(HANDSHAKE_MS_MAX);
    let _ = tokio::time::timeout_at(until, connecting.handshake_data())
        .await
        .ok()?;
    for is_heard in are_heard {
        is_heard.store(true, Ordering::Release);
    }
    tokio::time::timeout_at(longer, connecting).await.ok()
}

/// Returns when somebody is there who has not answered a dialling for a while; never where somebody has.
async fn unheard(address: SocketAddr, is_heard: &AtomicBool) {
    knock::found(address).await;
    if is_heard.load(Ordering::Acquire) {
        std::future::pending::<()>().await;
    }
}

/// What a failed handshake says about whoever answered.
fn refusal_of(error: &quinn::ConnectionError) -> Option<fn(String) -> DialError> {
    let no_version = quinn::TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL);
    match error {
        quinn::ConnectionError::VersionMismatch => Some(DialError::Version),
        quinn::ConnectionError::TransportError(error) if error.code == no_version => Some(DialError::Version),
        quinn::ConnectionError::TransportError(_) => Some(DialError::Stranger),
        quinn::ConnectionError::ConnectionClosed(close) if close.error_code == no_version => {
            Some(DialError::Version)
        }
        quinn::ConnectionError::ConnectionClosed(close)
            if close.error_code == quinn::TransportErrorCode::CONNECTION_REFUSED =>
        {
            Some(DialError::Busy)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_handshake_says_of_whoever_answered() {
        use quinn::{ConnectionError, TransportErrorCode};
        let alert = TransportErrorCode::crypto;
        let local = |code: TransportErrorCode| ConnectionError::TransportError(code.into());
        let told = |error: &ConnectionError| refusal_of(error).map(|refused| refused("there".to_owned()));
        let version = Some(DialError::Version("there".into()));
        let stranger = Some(DialError::Stranger("there".into()));
        assert_eq!(told(&ConnectionError::VersionMismatch), version);
        assert_eq!(told(&local(alert(120))), version);
        // A key that was not the one dialled, and whatever else TLS refuses.
        for code in [alert(49), alert(42), TransportErrorCode::PROTOCOL_VIOLATION] {
            assert_eq!(told(&local(code)), stranger, "{code:?}");
        }
        let closed = |error_code| {
            ConnectionError::ConnectionClosed(quinn::ConnectionClose {
                error_code,
                frame_type: None,
                reason: Vec::new().into(),
            })
        };
        assert_eq!(told(&closed(alert(120))), version);
        // Without a word of why: it has no room.
        let refused = told(&closed(TransportErrorCode::CONNECTION_REFUSED));
        assert_eq!(refused, Some(DialError::Busy("there".into())));
        for error in [
            closed(alert(42)),
            ConnectionError::TimedOut,
            ConnectionError::Reset,
            ConnectionError::LocallyClosed,
        ] {
            assert_eq!(told(&error), None, "{error:?}");
        }
    }

    /// What dialling needs, and the address of somebody who never answers.
    fn dialling() -> (Dialler, tokio::net::UdpSocket) {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let certificate = NodeCertificate::new(&ed25519_dalek::SigningKey::from_bytes(&[3; 32])).unwrap();
        let config = NetConfig {
            quic: loopback,
            ..NetConfig::default()
        };
        let dialler = Dialler {
            endpoint: crate::endpoint::bind(&config, &certificate).unwrap(),
            certificate: Arc::new(certificate),
            config,
            trips: Arc::default(),
        };
        let silent = std::net::UdpSocket::bind(loopback).unwrap();
        silent.set_nonblocking(true).unwrap();
        (dialler, tokio::net::UdpSocket::from_std(silent).unwrap())
    }

    #[tokio::test]
    async fn diallings_go_on_beside_each_other_unless_one_is_answered_and_end_together() {
        for is_answered in [false, true] {
            let (dialler, silent) = dialling();
            let peer = NodeId([7; 32]);
            let mut dials = Dials::default();
            let (handed, mut came) = tokio::sync::mpsc::unbounded_channel();
            for number in 0..2 * DIALS_A_PEER_MAX {
                let handed = handed.clone();
                let address = silent.local_addr().unwrap().to_string();
                dials.begin(dialler.clone(), peer, vec![address], async move |_| {
                    let _ = handed.send(number);
                });
                dials.0[&peer][0]
                    .is_answered
                    .store(is_answered, Ordering::Release);
            }
            let expected = if is_answered { 1 } else { DIALS_A_PEER_MAX };
            let tasks: Vec<_> = dials.0[&peer]
                .iter()
                .map(|dialling| dialling.task.clone())
                .collect();
            assert_eq!(tasks.len(), expected);
            // Met by another connection, all are over, and nothing is said of them.
            dials.end(&peer);
            assert!(dials.0.is_empty());
            drop(handed);
            assert_eq!(came.recv().await, None, "{is_answered}");
            assert!(tasks.iter().all(AbortHandle::is_finished));
        }
    }

    #[tokio::test]
    async fn a_dialling_that_has_ended_stands_in_nobodys_way() {
        let (dialler, _) = dialling();
        let peer = NodeId([7; 32]);
        let mut dials = Dials::default();
        let (handed, mut came) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..2 {
            let handed = handed.clone();
            dials.begin(dialler.clone(), peer, Vec::new(), async move |outcome| {
                let _ = handed.send((number, outcome.is_err()));
            });
            dials.0[&peer][0].is_answered.store(true, Ordering::Release);
            assert_eq!(came.recv().await, Some((number, true)));
            while !dials.0[&peer][0].task.is_finished() {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn whether_somebody_has_answered_is_known_while_a_dialling_goes_on() {
        let (dialler, silent) = dialling();
        let listening = dialler.endpoint.clone();
        let there = listening.local_addr().unwrap().to_string();
        let accepting = tokio::spawn(async move {
            while let Some(incoming) = listening.accept().await {
                let _ = incoming.await;
            }
        });
        for (address, is_there) in [(there, true), (silent.local_addr().unwrap().to_string(), false)] {
            let is_answered = Arc::default();
            let dialled = dialler.dial_telling(None, std::slice::from_ref(&address), &is_answered);
            let outcome = tokio::time::timeout(Duration::from_secs(2), dialled).await;
            assert_eq!(matches!(outcome, Ok(Ok(_))), is_there);
            assert_eq!(is_answered.load(Ordering::Acquire), is_there);
        }
        accepting.abort();
    }

    #[tokio::test]
    async fn who_is_there_only_later_is_found_before_the_transport_would_ask_again() {
        let (dialler, silent) = dialling();
        let there = silent.local_addr().unwrap();
        let begun = tokio::time::Instant::now();
        // The transport's first packets go at 0, 1 and 3 s, the next at 7 s.
        let listening = async move {
            tokio::time::sleep_until(begun + Duration::from_millis(3_500)).await;
            drop(silent);
            let config = NetConfig {
                quic: there,
                ..NetConfig::default()
            };
            let key = ed25519_dalek::SigningKey::from_bytes(&[4; 32]);
            let listening = crate::endpoint::bind(&config, &NodeCertificate::new(&key).unwrap()).unwrap();
            while let Some(incoming) = listening.accept().await {
                let _ = incoming.await;
            }
        };
        let listening = tokio::spawn(listening);
        let reached = dialler.dial(None, &[there.to_string()]).await;
        assert!(reached.is_ok(), "{:?}", reached.err());
        assert!(
            begun.elapsed() < Duration::from_millis(6_500),
            "{:?}",
            begun.elapsed()
        );
        listening.abort();
    }
}
