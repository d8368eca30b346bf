//! The handle that the rest of a node holds.
//!
//! Invariants: cheap to clone; dropping handles stops nothing, [`Net::shutdown`]
//! does; every wait here has a bound.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::{NodeRole, Revocation, Statement, Ticket};
use chaski_store::Store;
use ed25519_dalek::SigningKey;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::NetConfig;
use crate::discovery::{self, Discovery};
use crate::endpoint::{self, Dialler, Driver, Input, Shared, Trips, Welcome};
use crate::engine::{CloseReason, Effect, Engine, Event, KnownPeer, Now, Options};
use crate::issuers::IssuerChange;
use crate::limits::{INPUTS_MAX, REPLACE_MS};
use crate::patience::{TellTurn, Turn, Waits, patience, seconds};
use crate::replica::{SharedReplica, StoreReplica};
use crate::report::{NetError, PeerInfo, SyncReport, Target};
use crate::setup;
use crate::tls::NodeCertificate;
use crate::trust::TrustError;

/// Longest wait for one exchange, in seconds; an exchange without progress
/// ends much sooner.
const SYNC_S_MAX: u64 = 24 * 3_600;
/// Longest wait for the loop to answer, in seconds.
const CALL_S_MAX: u64 = 30;

/// How often it is looked where this node is reached.
const ADDRESSES_AGAIN: Duration = Duration::from_secs(2);

/// What an invitation is to hold.
#[derive(Clone, Debug)]
pub struct Invite {
    /// Role of the new node.
    pub role: NodeRole,
    /// How long the ticket may be used, in milliseconds.
    pub ttl_ms: u64,
    /// Addresses to put in; empty: where this node listens.
    pub addresses: Vec<String>,
}

/// The network side of a running node.
#[derive(Clone)]
pub struct Net {
    inner: Arc<Inner>,
}

struct Inner {
    node: NodeId,
    local: SocketAddr,
    config: NetConfig,
    inputs: mpsc::Sender<Input>,
    replica: SharedReplica,
    changes: watch::Receiver<u64>,
    now: Arc<dyn Fn() -> Now + Send + Sync>,
    ends: Mutex<Ends>,
}

/// What ends with the node.
#[derive(Default)]
struct Ends {
    watch: Option<chaski_store::Subscription>,
    discovery: Option<Discovery>,
    driver: Option<std::thread::JoinHandle<()>>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net")
            .field("node", &self.inner.node)
            .field("local", &self.inner.local)
            .finish_non_exhaustive()
    }
}

impl Net {
    /// Starts the network side of a store's node; call within a tokio runtime.
    ///
    /// # Errors
    /// [`NetError`]: the address, TLS, a store without identity or membership.
    pub async fn start(store: Store, config: NetConfig) -> Result<Net, NetError> {
        let replica = StoreReplica::new(store.clone()).map_err(|error| NetError::Store(error.to_string()))?;
        let identity = replica.identity();
        let clock = store.clone();
        let began = std::time::Instant::now();
        let now: Arc<dyn Fn() -> Now + Send + Sync> = Arc::new(move || Now {
            steady_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            wall_ms: clock.env().now_ms(),
        });
        let replica: SharedReplica = Arc::new(replica);
        let key = ed25519_dalek::SigningKey::from_bytes(&identity.signing_seed);
        let certificate = Arc::new(NodeCertificate::new(&key)?);
        let endpoint = endpoint::bind(&config, &certificate)?;
        let local = endpoint
            .local_addr()
            .map_err(|error| NetError::Bind(config.quic, error))?;
        let advertised = endpoint::advertised(&config, local);
        let options = options(&config, &advertised, local);
        let engine = Engine::new(Arc::clone(&replica), &identity, options)
            .map_err(|error| NetError::Authority(error.to_string()))?;
        let trips = Arc::new(Trips::default());
        engine
            .trips()
            .for_each(|(host, trip_ms)| trips.note(host, trip_ms));
        let (inputs, receiver) = mpsc::channel(INPUTS_MAX);
        let (changed, changes) = watch::channel(0);
        let shared = Shared {
            dialler: Dialler {
                endpoint: endpoint.clone(),
                certificate: Arc::clone(&certificate),
                config: config.clone(),
                trips: Arc::clone(&trips),
            },
            inputs: inputs.clone(),
            runtime: Handle::current(),
            replica: Arc::clone(&replica),
            now: Arc::clone(&now),
        };
        let node = engine.node();
        let stopped = |_| NetError::Stopped;
        let driver = Driver::new(engine, shared, changed).map_err(stopped)?;
        let thread = std::thread::Builder::new()
            .name("chaski-net".to_owned())
            .spawn(move || driver.run(receiver))
            .map_err(stopped)?;
        if config.listen {
            let welcome = Welcome::new(&config, &certificate, trips)?;
            listen(&config, endpoint, welcome, local, &inputs);
        }
        let watch = pushes(&store, inputs.clone());
        let network = identity.network;
        let discovery = if config.mdns {
            discover(&network, &node, local.port(), &inputs)
        } else {
            None
        };
        let ends = Mutex::new(Ends {
            watch: Some(watch),
            discovery,
            driver: Some(thread),
        });
        let inner = Inner {
            node,
            local,
            config,
            inputs,
            replica,
            changes,
            now,
            ends,
        };
        Ok(Net {
            inner: Arc::new(inner),
        })
    }

    /// This node's key.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.inner.node
    }

    /// The UDP address bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.inner.local
    }

    /// Rises with each change of what is known of a peer or its session.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changes.clone()
    }

    /// Addresses told to others, as they are now: a laptop's change with the network it is on.
    #[must_use]
    pub fn advertised(&self) -> Vec<String> {
        endpoint::advertised(&self.inner.config, self.inner.local)
    }

    /// Whether others can begin a session with it.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.inner.config.listen
    }

    /// One exchange with a peer, until both are equal or it is clear why not.
    ///
    /// # Errors
    /// [`NetError`] when there was no exchange at all.
    pub async fn sync(&self, target: Target) -> Result<SyncReport, NetError> {
        self.sync_telling(target, &|_| {}).await
    }

    /// The same; `tell` hears when it waits for its turn at a peer that has no room, and when it does no more.
    ///
    /// # Errors
    /// As [`Net::sync`].
    pub async fn sync_telling(&self, target: Target, tell: TellTurn<'_>) -> Result<SyncReport, NetError> {
        let mut last = NetError::NoPeers;
        for (peer, address) in self.targets(target).await? {
            match self.sync_replacing(peer, address, tell).await {
                Ok(report) => return Ok(report),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// As [`Net::sync_one`], tried again for as long as [`patience`] and [`Waits`] say.
    async fn sync_replacing(
        &self,
        peer: Option<NodeId>,
        address: Option<String>,
        tell: TellTurn<'_>,
    ) -> Result<SyncReport, NetError> {
        let mut start = Instant::now();
        let mut waits = Waits::new(self.inner.node);
        let name = address.clone().or(peer.map(|p| p.short())).unwrap_or_default();
        loop {
            match self.sync_one(peer, address.clone(), &name).await {
                Err(error) if patience(&error).is_some_and(|patience| start.elapsed() < patience) => {
                    tokio::time::sleep(Duration::from_millis(REPLACE_MS / 6)).await;
                }
                Err(NetError::Closed(reason)) => {
                    let Some(wait) = waits.next(&reason) else {
                        return Err(match reason {
                            CloseReason::Silent => NetError::Timeout(name),
                            reason => NetError::Closed(reason),
                        });
                    };
                    let seconds = seconds(&reason, wait);
                    tell(Some(Turn { seconds }));
                    tokio::time::sleep(wait).await;
                    tell(None);
                    start = Instant::now();
                }
                done => {
                    return done.map(|report| SyncReport {
                        waited_seconds: waits.waited.as_secs_f64(),
                        ..report
                    });
                }
            }
        }
    }

    async fn sync_one(
        &self,
        peer: Option<NodeId>,
        address: Option<String>,
        name: &str,
    ) -> Result<SyncReport, NetError> {
        let start = Instant::now();
        let (reply, answer) = oneshot::channel();
        self.input(Input::Sync { peer, address, reply }).await?;
        let answer = tokio::time::timeout(Duration::from_secs(SYNC_S_MAX), answer)
            .await
            .map_err(|_| NetError::Timeout(name.to_owned()))?
            .map_err(|_| NetError::Stopped)?;
        let mut report = answer.map_err(|reason| match reason {
            CloseReason::Unreachable(_) => NetError::Unreachable(name.to_owned()),
            CloseReason::Disabled => NetError::Disabled(name.to_owned()),
            CloseReason::Stalled => NetError::Timeout(name.to_owned()),
            other => NetError::Closed(other),
        })?;
        report.seconds = start.elapsed().as_secs_f64();
        if !self.inner.config.daemon {
            self.finish(&report).await;
        }
        Ok(report)
    }

    /// A command's session ends once the peer has read all of it.
    async fn finish(&self, report: &SyncReport) {
        let Ok(peer) = report.peer.parse::<NodeId>() else {
            return;
        };
        if self
            .input(Input::Event(Event::Finish { peer }, None))
            .await
            .is_err()
        {
            return;
        }
        for _ in 0..100 {
            let open = self
                .call(|engine| engine.session_ids().count())
                .await
                .unwrap_or(0);
            if open == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Whom a target means: node, address.
    async fn targets(&self, target: Target) -> Result<Vec<(Option<NodeId>, Option<String>)>, NetError> {
        match target {
            Target::Address(address) => Ok(vec![(None, Some(address.to_string()))]),
            Target::Peer(node) => Ok(vec![(Some(node), None)]),
            Target::Name(name) => {
                let peers = self.peers().await?;
                let named = peers
                    .iter()
                    .find(|p| p.name == name || p.node.to_string().starts_with(&name));
                match named {
                    Some(peer) => Ok(vec![(Some(peer.node), None)]),
                    None if name.contains(':') => Ok(vec![(None, Some(name))]),
                    None => Err(NetError::UnknownPeer(name)),
                }
            }
            Target::Any => {
                let mut peers = self.peers().await?;
                peers.retain(|p| !p.revoked && (p.connected || !p.addresses.is_empty()));
                peers.sort_by_key(|p| std::cmp::Reverse(p.last_seen_ms));
                let places = self
                    .inner
                    .config
                    .peers
                    .iter()
                    .map(|a| (None, Some(a.to_string())));
                Ok(peers.iter().map(|p| (Some(p.node), None)).chain(places).collect())
            }
        }
    }

    /// Makes a ticket; this node must be an issuer.
    ///
    /// # Errors
    /// [`NetError::Authority`] if it is none; the store's.
    pub async fn invite(&self, invite: Invite) -> Result<Ticket, NetError> {
        let replica = Arc::clone(&self.inner.replica);
        let now_ms = (self.inner.now)().wall_ms;
        let Invite {
            role,
            ttl_ms,
            mut addresses,
        } = invite;
        if addresses.is_empty() {
            addresses = self.advertised();
        }
        let mut secret = [0_u8; 32];
        replica.random(&mut secret);
        let make = move |engine: &mut Engine| {
            let node = engine.node();
            setup::ticket_make(
                replica.as_ref(),
                engine.trust(),
                &node,
                secret,
                role,
                ttl_ms,
                addresses,
                now_ms,
            )
        };
        self.call(make)
            .await?
            .map_err(|error| NetError::Authority(error.to_string()))
    }

    /// All members and what is known of them.
    ///
    /// # Errors
    /// [`NetError::Stopped`].
    pub async fn peers(&self) -> Result<Vec<PeerInfo>, NetError> {
        let known = self.call(|engine| engine.peers_known()).await?;
        let replica = Arc::clone(&self.inner.replica);
        let known = tokio::task::spawn_blocking(move || KnownPeer::complete(known, replica.as_ref()))
            .await
            .map_err(|_| NetError::Stopped)?
            .map_err(|error| NetError::Store(error.to_string()))?;
        Ok(known.into_iter().map(PeerInfo::harmless).collect())
    }

    /// Revokes a member: what it wrote so far, as known here, stays vouched for.
    ///
    /// # Errors
    /// [`NetError::Authority`] if this node is no issuer; the store's.
    pub async fn revoke(&self, node: NodeId, reason: &str) -> Result<(), NetError> {
        let reason = reason.to_owned();
        let now = (self.inner.now)();
        let (reply, answer) = oneshot::channel();
        let call = Box::new(move |engine: &mut Engine| {
            let (outcome, effects) = match engine.revoke(now, node, reason) {
                Ok(effects) => (Ok(()), effects),
                Err(error) => (Err(error), Vec::new()),
            };
            let _ = reply.send(outcome);
            effects
        });
        self.input(Input::Call(call)).await?;
        let outcome = answer.await.map_err(|_| NetError::Stopped)?;
        outcome.map_err(|error| NetError::Authority(error.to_string()))
    }

    /// Has the network's root make or end an issuer; whether anything changed.
    ///
    /// # Errors
    /// [`NetError::Authority`] with the reason: then nothing has changed.
    pub async fn issuer_change(&self, root: SigningKey, change: IssuerChange) -> Result<bool, NetError> {
        let outcome = self
            .work(
                move |engine, now| match engine.issuer_change(now, &root, &change) {
                    Ok((changed, effects)) => (Ok(changed), effects),
                    Err(error) => (Err(error), Vec::new()),
                },
            )
            .await?;
        outcome.map_err(|error| NetError::Authority(error.to_string()))
    }

    /// Turns a link's switch: off closes its session and refuses new ones.
    ///
    /// # Errors
    /// [`NetError::Stopped`].
    pub async fn set_link_enabled(&self, peer: NodeId, enabled: bool) -> Result<(), NetError> {
        self.input(Input::Event(Event::LinkEnabled { peer, enabled }, None))
            .await
    }

    /// Ends sessions, saves what is known of peers, lets go of the store.
    pub async fn shutdown(&self) {
        let driver = {
            let mut ends = self.inner.ends.lock().unwrap_or_else(PoisonError::into_inner);
            ends.watch = None;
            ends.discovery = None;
            ends.driver.take()
        };
        let (done, stopped) = oneshot::channel();
        if self.inner.inputs.send(Input::Stop(done)).await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(CALL_S_MAX), stopped).await;
        }
        if let Some(driver) = driver {
            let _ = tokio::task::spawn_blocking(move || driver.join()).await;
        }
    }

    async fn input(&self, input: Input) -> Result<(), NetError> {
        self.inner.inputs.send(input).await.map_err(|_| NetError::Stopped)
    }

    /// Work on the engine of which more follows: what it wants done is done.
    pub(crate) async fn work<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine, Now) -> (R, Vec<Effect>) + Send + 'static,
    ) -> Result<R, NetError> {
        let now = (self.inner.now)();
        let (reply, answer) = oneshot::channel();
        let call = Box::new(move |engine: &mut Engine| {
            let (outcome, effects) = work(engine, now);
            let _ = reply.send(outcome);
            effects
        });
        self.input(Input::Call(call)).await?;
        answer.await.map_err(|_| NetError::Stopped)
    }

    async fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine) -> R + Send + 'static,
    ) -> Result<R, NetError> {
        let (reply, answer) = oneshot::channel();
        let call = Box::new(move |engine: &mut Engine| {
            let _ = reply.send(work(engine));
            Vec::<Effect>::new()
        });
        self.input(Input::Call(call)).await?;
        tokio::time::timeout(Duration::from_secs(CALL_S_MAX), answer)
            .await
            .map_err(|_| NetError::Timeout("the engine".to_owned()))?
            .map_err(|_| NetError::Stopped)
    }
}

impl Engine {
    /// Revokes a member with a cut at what is known here of its changes.
    ///
    /// # Errors
    /// When this node is no issuer, the node is unknown, or the store fails.
    pub fn revoke(
        &mut self,
        now: impl Into<Now>,
        node: NodeId,
        reason: String,
    ) -> Result<Vec<Effect>, TrustError> {
        if self.trust().member(&node).is_none() {
            return Err(TrustError::Unknown(node.short()));
        }
        let vouched = self.incarnations_of(&node)?;
        self.issue(
            now,
            Statement::Revocation(Revocation {
                node,
                vouched,
                reason,
            }),
        )
    }
}

fn options(config: &NetConfig, advertised: &[String], local: SocketAddr) -> Options {
    let listening = config.listen && config.daemon;
    let reached = match listening {
        true => endpoint::reached(config, local),
        false => Vec::new(),
    };
    Options {
        batch_bytes: config.profile.batch_bytes(),
        daemon: config.daemon,
        listening,
        advertise: advertised.to_vec(),
        reached,
        neighbours_ms: config.neighbours_ms,
        dial: config.peers.iter().map(ToString::to_string).collect(),
        stall_ms: config.stall_ms,
    }
}

/// Lets others in, and follows where they reach this node.
fn listen(
    config: &NetConfig,
    endpoint: quinn::Endpoint,
    welcome: Welcome,
    local: SocketAddr,
    inputs: &mpsc::Sender<Input>,
) {
    tokio::spawn(endpoint::accept(endpoint, welcome, inputs.clone()));
    if config.daemon {
        tokio::spawn(follow_addresses(config.clone(), local, inputs.downgrade()));
    }
}

/// Tells the engine where this node is reached whenever that may have changed: a laptop is carried from one
/// network to another. Ends with the loop.
async fn follow_addresses(config: NetConfig, local: SocketAddr, inputs: mpsc::WeakSender<Input>) {
    loop {
        tokio::time::sleep(ADDRESSES_AGAIN).await;
        let Some(inputs) = inputs.upgrade() else { return };
        let (advertised, reached) = (
            endpoint::advertised(&config, local),
            endpoint::reached(&config, local),
        );
        let call = Box::new(move |engine: &mut Engine| {
            engine.reached_set(advertised, reached);
            Vec::new()
        });
        if inputs.send(Input::Call(call)).await.is_err() {
            return;
        }
    }
}

/// Tells the loop of each commit, for the live push.
fn pushes(store: &Store, inputs: mpsc::Sender<Input>) -> chaski_store::Subscription {
    store.subscribe(Box::new(move |_| {
        // A full queue means that the engine is about to look anyway.
        let _ = inputs.try_send(Input::Event(Event::LocalChange, None));
    }))
}

fn discover(
    network: &chaski_crdt::author::NetworkId,
    node: &NodeId,
    port: u16,
    inputs: &mpsc::Sender<Input>,
) -> Option<Discovery> {
    let inputs = inputs.clone();
    let found = move |peer: NodeId, address: SocketAddr| {
        let call = Box::new(move |engine: &mut Engine| {
            engine.address_learned(&peer, &address.to_string());
            Vec::new()
        });
        let _ = inputs.try_send(Input::Call(call));
    };
    match discovery::start(network, node, port, found) {
        Ok(discovery) => Some(discovery),
        Err(error) => {
            tracing::warn!(%error, "discovery on the LAN is not available");
            None
        }
    }
}

#[cfg(test)]
mod tests;
