//! The loop that owns the engine.
//!
//! Invariants: one thread, one engine; every effect is carried out here or
//! handed to a task that reports back as an event; requests get one answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use super::connection::{Link, Said};
use super::dial::{DialError, Dialler, Dials, Reached};
use super::input::{Input, SyncReply};
use super::knock;
use super::pipeline::Pipeline;
use super::readers::{Keeper, Readers};
use super::shares::{For, Shares};
use crate::engine::{Again, CloseReason, Effect, Engine, Event, Now, SessionId};
use crate::limits::{GOODBYE_MS_MAX, LINK_ASKS_A_TICK_MAX, TICK_MS};
use crate::pace::Pace;
use crate::replica::SharedReplica;
use crate::report::SyncReport;
use crate::tls::Pin;

/// What the loop shares with tasks.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) dialler: Dialler,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) runtime: Handle,
    pub(crate) replica: SharedReplica,
    pub(crate) now: Arc<dyn Fn() -> Now + Send + Sync>,
}

/// The loop's state.
pub(crate) struct Driver {
    engine: Engine,
    shared: Shared,
    pipeline: Pipeline,
    readers: Readers,
    keeper: Keeper,
    shares: Shares,
    links: BTreeMap<SessionId, Link>,
    /// Whom this node dials of itself.
    dials: Dials,
    replies: BTreeMap<u64, oneshot::Sender<SyncReply>>,
    changed: watch::Sender<u64>,
    next_session: SessionId,
    next_request: u64,
    /// On whose link it was last asked whether the peer is there.
    last_asked: SessionId,
}

impl Driver {
    pub(crate) fn new(
        engine: Engine,
        shared: Shared,
        changed: watch::Sender<u64>,
    ) -> std::io::Result<Driver> {
        let shares = Shares::default();
        let pipeline = Pipeline::start(
            shared.runtime.clone(),
            Arc::clone(&shared.replica),
            shares.clone(),
            shared.inputs.downgrade(),
        )?;
        let readers = Readers::start(&shared.replica, &shares, &shared.inputs.downgrade())?;
        let keeper = Keeper::start(&shared.replica, shared.inputs.downgrade())?;
        Ok(Driver {
            engine,
            shared,
            pipeline,
            readers,
            keeper,
            shares,
            links: BTreeMap::new(),
            dials: Dials::default(),
            replies: BTreeMap::new(),
            changed,
            next_session: 1,
            next_request: 1,
            last_asked: 0,
        })
    }

    /// Runs until told to stop; call on a thread of its own.
    pub(crate) fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let runtime = self.shared.runtime.clone();
        let _entered = runtime.enter();
        let period = Duration::from_millis(TICK_MS);
        let mut next_tick = tokio::time::Instant::now() + period;
        loop {
            let input = runtime.block_on(async { tokio::time::timeout_at(next_tick, inputs.recv()).await });
            match input {
                Err(_) => {}
                Ok(Some(Input::Stop(done))) => {
                    self.stop(&mut inputs, &runtime);
                    drop(self);
                    let _ = done.send(());
                    return;
                }
                Ok(Some(input)) => self.input(input),
                Ok(None) => return self.stop(&mut inputs, &runtime),
            }
            // Also when there is always something to read: time passes under a flood too.
            if tokio::time::Instant::now() >= next_tick {
                next_tick = tokio::time::Instant::now() + period;
                self.tick();
            }
        }
    }

    fn tick(&mut self) {
        for (session, link) in &mut self.links {
            if link.has_heard() {
                self.engine.heard(*session);
            }
        }
        let links = self.links.iter_mut();
        let moved: Vec<SessionId> = links
            .filter_map(|(session, link)| link.has_moved().then_some(*session))
            .collect();
        for session in moved {
            self.handle(Event::Moved { session });
        }
        let links = self.links.iter_mut();
        let said: Vec<(SessionId, Said)> = links.map(|(session, link)| (*session, link.listen())).collect();
        for (session, said) in said {
            if let Some(pace) = said.pace {
                self.trip_note(session, pace);
                self.handle(Event::Paced { session, pace });
            }
            if said.is_silent {
                self.handle(Event::Silent { session });
            }
        }
        self.links_ask();
        self.handle(Event::Tick);
    }

    /// Asks on silent links whether the peer is there: on few at a time, each in its turn, so that a node
    /// that has lost many keeps room on its own link.
    fn links_ask(&mut self) {
        let after = self.last_asked.saturating_add(1);
        let due = |range: std::ops::Range<SessionId>| {
            let links = self.links.range(range);
            links
                .filter(|(_, link)| link.is_ask_due())
                .map(|(session, _)| *session)
        };
        let turn = due(after..SessionId::MAX).chain(due(0..after));
        let turn: Vec<SessionId> = turn.take(LINK_ASKS_A_TICK_MAX).collect();
        for session in turn {
            self.last_asked = session;
            if let Some(link) = self.links.get_mut(&session) {
                link.ask();
            }
        }
    }

    /// The next handshake with the same host, whoever begins it, knows how long a round trip takes.
    fn trip_note(&self, session: SessionId, pace: Pace) {
        if let Some(link) = self.links.get(&session) {
            self.shared
                .dialler
                .trips
                .note(link.connection.remote_address(), pace.rtt_ms());
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Event(event, permit) => {
                let link = match &event {
                    Event::Closed { session, .. } => self.links.remove(session),
                    _ => None,
                };
                self.handle(event);
                drop(permit);
                if let Some(link) = link {
                    self.left(link.peer);
                }
            }
            Input::Connected {
                connection,
                peer,
                address,
                request,
                place,
            } => {
                let session = self.next_session;
                self.next_session += 1;
                let outbound = place.is_none();
                let link = Link::start(session, connection, peer, place, self.shared.inputs.clone());
                self.links.insert(session, link);
                self.handle(Event::Opened {
                    session,
                    peer,
                    outbound,
                    address,
                    request,
                });
                if let Some(link) = self.links.get_mut(&session)
                    && let Some(pace) = link.listen().pace
                {
                    let host = link.connection.remote_address();
                    self.shared.dialler.trips.shaken(host, pace.rtt_ms());
                    self.handle(Event::Paced { session, pace });
                }
            }
            Input::Sync { peer, address, reply } => {
                let request = self.next_request;
                self.next_request += 1;
                self.replies.insert(request, reply);
                self.handle(Event::Sync {
                    request,
                    peer,
                    address,
                });
            }
            Input::Call(call) => {
                let effects = call(&mut self.engine);
                self.effects(effects);
            }
            Input::Stop(_) => {}
        }
    }

    fn handle(&mut self, event: Event) {
        let now = (self.shared.now)();
        let about = event.session();
        let was_live = about.is_some_and(|session| self.engine.is_live(session));
        let effects = self.engine.handle(now, event);
        if let Some(session) = about
            && let Some(link) = self.links.get_mut(&session)
            && (link.is_at_door() || !was_live)
            && self.engine.is_live(session)
        {
            // Before anything is answered: the peer may send as soon as it hears us.
            if link.is_at_door() {
                link.let_in();
            }
            // A dialling that found nobody may find it by now, and would make a second connection.
            self.dials.end(&link.peer);
        }
        self.effects(effects);
    }

    fn effects(&mut self, effects: Vec<Effect>) {
        let revision = self.engine.revision();
        self.changed
            .send_if_modified(|known| std::mem::replace(known, revision) != revision);
        let (mut unread, mut anews) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect {
                Effect::Send {
                    session,
                    priority,
                    bytes,
                } => {
                    if let Some(link) = self.links.get_mut(&session) {
                        self.shares
                            .charge_bytes(Some(link.peer), bytes.len(), Instant::now());
                        if !link.send(priority, bytes) {
                            unread.push(session);
                        }
                    }
                }
                Effect::Close { session, reason } => {
                    if let Some(link) = self.links.remove(&session) {
                        link.close(&reason);
                        self.left(link.peer);
                    }
                }
                Effect::Anew { session, again } => anews.push((session, again)),
                Effect::Connect {
                    peer,
                    addresses,
                    request,
                } => self.dial(peer, addresses, request),
                Effect::Knock { peer, address } => self.knock(peer, address),
                Effect::Apply(job) => self.pipeline.give(*job),
                Effect::Report {
                    request,
                    session,
                    outcome,
                } => self.report(request, session, outcome),
                Effect::Read(job) if job.is_after_kept() => self.keeper.read(*job),
                Effect::Read(job) => self.readers.give(self.peer_of(job.session), *job),
                Effect::Keep(job) => self.keeper.keep(*job),
                Effect::Notice { peer, text } => tracing::info!(peer = %peer.short(), "{text}"),
            }
        }
        for session in unread {
            self.unread(session);
        }
        for (session, again) in anews {
            self.anew(session, again);
        }
    }

    /// Begins the next session of a connection.
    fn anew(&mut self, over: SessionId, again: Box<Again>) {
        let session = self.next_session;
        self.next_session += 1;
        let mut refused = Some(CloseReason::Lost("it was closed".to_owned()));
        if let Some(mut link) = self.links.remove(&over) {
            refused = (!link.again(session)).then_some(CloseReason::Flooding);
            self.left(link.peer);
            match &refused {
                Some(reason) => link.close(reason),
                None => drop(self.links.insert(session, link)),
            }
        }
        self.handle(Event::Again { session, again });
        if let Some(reason) = refused {
            self.handle(Event::Closed { session, reason });
        }
    }

    /// Closes a connection whose peer takes nothing in any more.
    fn unread(&mut self, session: SessionId) {
        let reason = CloseReason::Unread;
        if let Some(link) = self.links.remove(&session) {
            link.close(&reason);
            self.handle(Event::Closed { session, reason });
            self.left(link.peer);
        }
    }

    /// A session with a peer is over: not all that it had brought is taken in.
    fn left(&mut self, peer: NodeId) {
        for applied in self.pipeline.leave(Some(peer)) {
            self.handle(Event::Applied(Box::new(applied)));
        }
    }

    /// With whom a session is.
    fn peer_of(&self, session: SessionId) -> For {
        self.links.get(&session).map(|link| link.peer)
    }

    fn report(
        &mut self,
        request: u64,
        session: Option<SessionId>,
        outcome: Result<Box<SyncReport>, CloseReason>,
    ) {
        let Some(reply) = self.replies.remove(&request) else {
            return;
        };
        let wire_bytes = session
            .and_then(|id| self.links.get(&id))
            .map_or(0, Link::wire_bytes);
        let _ = reply.send(outcome.map(|report| SyncReport {
            wire_bytes,
            ..*report
        }));
    }

    fn dial(&mut self, peer: Option<NodeId>, addresses: Vec<String>, request: Option<u64>) {
        let dialler = self.shared.dialler.clone();
        let inputs = self.shared.inputs.clone();
        let hand_on = async move |outcome: Result<Reached, DialError>| {
            let input = match outcome {
                Ok((connection, peer, address)) => Input::Connected {
                    connection,
                    peer,
                    address,
                    request,
                    place: None,
                },
                Err(error) => Input::Event(not_reached(peer, request, error), None),
            };
            let _ = inputs.send(input).await;
        };
        match (peer, request) {
            (Some(peer), None) => self.dials.begin(dialler, peer, addresses, hand_on),
            // What somebody waits for goes on beside.
            _ => {
                self.shared.runtime.spawn(async move {
                    hand_on(dialler.dial(peer.map(Pin::Node), &addresses).await).await;
                });
            }
        }
    }

    fn knock(&self, peer: NodeId, address: String) {
        let inputs = self.shared.inputs.clone();
        self.shared.runtime.spawn(async move {
            if knock::knock(&address).await {
                let event = Event::Knocked { peer, address };
                let _ = inputs.send(Input::Event(event, None)).await;
            }
        });
    }

    /// Says goodbye to all and keeps what is known of peers.
    fn stop(&mut self, inputs: &mut mpsc::Receiver<Input>, runtime: &Handle) {
        // Nobody waits for room in a queue that is no longer read.
        inputs.close();
        self.pipeline.end();
        for (_, link) in std::mem::take(&mut self.links) {
            link.close(&CloseReason::Shutdown);
        }
        for (_, reply) in std::mem::take(&mut self.replies) {
            let _ = reply.send(Err(CloseReason::Shutdown));
        }
        let endpoint = self.shared.dialler.endpoint.clone();
        endpoint.close(quinn::VarInt::from_u32(CloseReason::Shutdown.code()), b"shutdown");
        // The goodbye travels while what is known is kept.
        let until = tokio::time::Instant::now() + Duration::from_millis(GOODBYE_MS_MAX);
        self.keeper.end();
        self.engine.flush();
        runtime.block_on(async {
            let _ = tokio::time::timeout_at(until, endpoint.wait_idle()).await;
        });
    }
}

/// What a dialling that came to nothing is to the engine.
fn not_reached(peer: Option<NodeId>, request: Option<u64>, error: DialError) -> Event {
    let reason = match error {
        DialError::Unreachable(address) => {
            return Event::DialFailed {
                peer,
                request,
                address,
            };
        }
        DialError::Stranger(address) => CloseReason::OtherKey(address),
        DialError::Version(_) => CloseReason::NoCommonVersion,
        DialError::Busy(_) => CloseReason::Busy,
    };
    Event::DialRefused {
        peer,
        request,
        reason,
    }
}
