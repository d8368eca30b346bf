//! The door: who may begin a handshake, and how much a connection may cost
//! until its peer has said who it is.
//!
//! Invariants: a connection holds a place at the door from when it enters
//! until its session is live or it is gone; places are bounded by address and
//! in all, so who floods from one address keeps only that address busy; whoever
//! finds no place waits for one ([`super::hall`]) and is told in time; what a
//! member began counts no longer once it has said who it is; an address that
//! did not prove itself is never counted beyond a few, so nobody is locked out
//! by packets that only pretend to be theirs; what one that is gone leaves in the
//! transport ([`super::drains`]) keeps nobody waiting but who comes from there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use quinn::{ServerConfig, VarInt};
use tokio::sync::{Notify, mpsc};

use super::drains::{Drains, Kept};
use super::driver::Input;
use super::hall::Hall;
use super::peer_of;
use super::trips::Trips;
use crate::config::NetConfig;
use crate::limits::{
    DIAL_MS_MAX, DOOR_ADDRESS_MAX, DOOR_ADDRESSES_MAX, DOOR_BEGUN_MAX, DOOR_LOOK_MS, DOOR_MAX,
    DOOR_MEMBER_MAX, DOOR_UNPROVEN_MAX, DOOR_WAITING_MAX, DOOR_WINDOW_MS, HANDSHAKE_MS_MAX,
};
use crate::place::{Network, networks, place_of};
use crate::tls::{NodeCertificate, TlsError};

/// Bytes a peer may have under way to us before its session is live.
pub(crate) const STRANGER_WINDOW_BYTES: u32 = 64 << 10;
/// Connections that wait for the door to look at them, and for a place.
const INCOMING_MAX: usize = 256 + DOOR_WAITING_MAX;
/// Bytes kept of packets that arrive meanwhile: of one, and of all.
const INCOMING_BYTES: (u64, u64) = (16 << 10, 4 << 20);

/// What the door says to a first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The peer may come in.
    Enter,
    /// First prove that you are where you say.
    Prove,
    /// Wait for a place.
    Wait,
}

/// One address, or a network of them.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Connections at the door now.
    here: usize,
    /// Connections let in within the window that began then.
    begun: usize,
    since: Instant,
}

impl Row {
    fn new(now: Instant) -> Row {
        Row {
            here: 0,
            begun: 0,
            since: now,
        }
    }

    /// Whether as many as may are here, or have come, for so many hosts together.
    fn is_full(&self, hosts: usize) -> bool {
        self.here >= DOOR_ADDRESS_MAX.saturating_mul(hosts)
            || self.begun >= DOOR_BEGUN_MAX.saturating_mul(hosts)
    }
}

/// Counts of connections whose peer has not said who it is.
#[derive(Debug, Default)]
pub(crate) struct Door {
    rows: BTreeMap<Network, Row>,
    here: usize,
    /// Those that came in and are over.
    drains: Drains,
    /// Members that were let in, how often within the window that began then.
    members: BTreeMap<NodeId, (usize, Instant)>,
}

impl Door {
    fn ask(&mut self, place: IpAddr, proven: bool, now: Instant) -> Answer {
        let window = Duration::from_millis(DOOR_WINDOW_MS);
        let around = networks(place);
        if self.rows.len().saturating_add(around.len()) > DOOR_ADDRESSES_MAX {
            self.rows
                .retain(|_, row| row.here > 0 || now.duration_since(row.since) < window);
        }
        let known = around.iter().filter(|network| self.rows.contains_key(network));
        let new = around.len().saturating_sub(known.count());
        let mut rows: Vec<(Network, Row)> = around
            .into_iter()
            .map(|network| (network, self.rows.get(&network).copied().unwrap_or(Row::new(now))))
            .collect();
        for (_, row) in &mut rows {
            if now.duration_since(row.since) >= window {
                (row.begun, row.since) = (0, now);
            }
        }
        let is_unproven_full = |row: &Row| row.begun >= DOOR_UNPROVEN_MAX || row.here >= DOOR_UNPROVEN_MAX;
        let is_busy = self.here >= DOOR_MAX / 4 || rows.last().is_some_and(|(_, row)| is_unproven_full(row));
        let is_full = self.here >= DOOR_MAX
            || self.rows.len().saturating_add(new) > DOOR_ADDRESSES_MAX
            || rows.iter().any(|(network, row)| row.is_full(network.hosts()))
            || !self.drains.is_room(place, now);
        match (proven, is_busy, is_full) {
            (false, true, _) | (false, _, true) => return Answer::Prove,
            (true, _, true) => return Answer::Wait,
            (_, _, false) => {}
        }
        self.here += 1;
        for (network, mut row) in rows {
            row.here += 1;
            row.begun += 1;
            self.rows.insert(network, row);
        }
        Answer::Enter
    }

    fn leave(&mut self, place: IpAddr) {
        self.here = self.here.saturating_sub(1);
        for network in networks(place) {
            if let Some(row) = self.rows.get_mut(&network) {
                row.here = row.here.saturating_sub(1);
            }
        }
    }

    /// A connection from there turned out to be a member's: it does not count as begun, unless that member
    /// begins one after the other.
    fn welcome(&mut self, place: IpAddr, member: NodeId, now: Instant) {
        let window = Duration::from_millis(DOOR_WINDOW_MS);
        let is_over = |since: Instant| now.saturating_duration_since(since) >= window;
        if self.members.len() >= DOOR_ADDRESSES_MAX {
            self.members.retain(|_, (_, since)| !is_over(*since));
        }
        if self.members.len() >= DOOR_ADDRESSES_MAX && !self.members.contains_key(&member) {
            return;
        }
        let (count, since) = self.members.entry(member).or_insert((0, now));
        if is_over(*since) {
            (*count, *since) = (0, now);
        }
        if *count >= DOOR_MEMBER_MAX {
            return;
        }
        *count += 1;
        for network in networks(place) {
            if let Some(row) = self.rows.get_mut(&network) {
                row.begun = row.begun.saturating_sub(1);
            }
        }
    }
}

fn lock(door: &Mutex<Door>) -> MutexGuard<'_, Door> {
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes, when dropped, that a connection which came in is over.
#[derive(Debug)]
pub(crate) struct Trace {
    door: Arc<Mutex<Door>>,
    at: IpAddr,
    kept: Kept,
}

#[cfg(test)]
impl Trace {
    pub(super) fn kept(&self) -> Kept {
        self.kept.clone()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        lock(&self.door).drains.add(self.at, kept, Instant::now());
    }
}

/// A connection's place at the door, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Mutex<Door>>,
    /// Told that a place is free.
    freed: Arc<Notify>,
    at: IpAddr,
    trace: Option<Trace>,
}

impl Place {
    /// Gives the place back: its connection is a member's. What it leaves is held for as long as that lasts.
    pub(crate) fn welcome(mut self, member: NodeId) -> Option<Trace> {
        lock(&self.door).welcome(self.at, member, Instant::now());
        self.trace.take()
    }

    /// Whether there is room enough at the door for this one to stay longer.
    fn is_room(&self) -> bool {
        lock(&self.door).here < DOOR_MAX / 4
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.door).leave(self.at);
        self.freed.notify_one();
    }
}

/// What an accepting endpoint keeps of strangers.
pub(crate) fn server_bounds(server: &mut quinn::ServerConfig) {
    server
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BYTES.0)
        .incoming_buffer_size_total(INCOMING_BYTES.1);
}

/// What a stranger's connection may cost: one stream, and little on it.
pub(super) fn stranger_settings(config: &NetConfig, trip: Option<Duration>) -> quinn::TransportConfig {
    let mut transport = super::settings(config, trip);
    transport
        .receive_window(VarInt::from_u32(STRANGER_WINDOW_BYTES))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .max_concurrent_bidi_streams(VarInt::from_u32(1));
    transport
}

/// How whoever comes is let in: by what is known of the link to where it comes from.
pub(crate) struct Welcome {
    server: ServerConfig,
    config: NetConfig,
    trips: Arc<Trips>,
}

impl Welcome {
    /// # Errors
    /// [`TlsError`] if the node's key makes no configuration.
    pub(crate) fn new(
        config: &NetConfig,
        certificate: &NodeCertificate,
        trips: Arc<Trips>,
    ) -> Result<Welcome, TlsError> {
        Ok(Welcome {
            server: super::server_config(config, certificate)?,
            config: config.clone(),
            trips,
        })
    }

    /// Lets one in, with settings of its own.
    fn accept(&self, incoming: quinn::Incoming) -> Result<(quinn::Connecting, Kept), quinn::ConnectionError> {
        let trip = self.trips.of(incoming.remote_address());
        let settings = Arc::new(stranger_settings(&self.config, trip));
        let kept = Arc::downgrade(&settings);
        let mut server = self.server.clone();
        server.transport_config(settings);
        Ok((incoming.accept_with(Arc::new(server))?, kept))
    }
}

/// Lets connections in until the endpoint closes.
pub(crate) async fn accept(endpoint: quinn::Endpoint, welcome: Welcome, inputs: mpsc::Sender<Input>) {
    let (door, freed) = (Arc::new(Mutex::new(Door::default())), Arc::new(Notify::new()));
    let mut hall = Hall::default();
    let enter = |at: IpAddr, incoming: quinn::Incoming| {
        let (door, freed) = (Arc::clone(&door), Arc::clone(&freed));
        let mut place = Place {
            door: Arc::clone(&door),
            freed,
            at,
            trace: None,
        };
        let address = incoming.remote_address().to_string();
        if let Ok((connecting, kept)) = welcome.accept(incoming) {
            place.trace = Some(Trace { door, at, kept });
            tokio::spawn(handshake(connecting, address, place, inputs.clone()));
        }
    };
    let mut look = tokio::time::interval(Duration::from_millis(DOOR_LOOK_MS));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let came = tokio::select! {
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => Some(incoming),
                // Whoever still waits is refused.
                None => return,
            },
            () = freed.notified(), if !hall.is_empty() => None,
            _ = look.tick(), if !hall.is_empty() => None,
        };
        let now = Instant::now();
        if let Some(incoming) = came {
            let at = place_of(incoming.remote_address());
            let is_proven = incoming.remote_address_validated();
            let answer = if !hall.is_waited_for(at) {
                lock(&door).ask(at, is_proven, now)
            } else if is_proven {
                // Behind those who came before.
                Answer::Wait
            } else {
                Answer::Prove
            };
            match answer {
                Answer::Enter => enter(at, incoming),
                // One that may not be asked again is dropped, which refuses it.
                Answer::Prove => drop(incoming.retry()),
                Answer::Wait => hall
                    .wait(at, incoming, now)
                    .into_iter()
                    .for_each(quinn::Incoming::refuse),
            }
            // Who floods has nobody looked at with each packet.
            continue;
        }
        hall.late(now).into_iter().for_each(quinn::Incoming::refuse);
        while let Some((at, incoming)) = hall.next(|at| lock(&door).ask(at, true, now) == Answer::Enter) {
            enter(at, incoming);
        }
    }
}

/// How a handshake ends, where it does in time: while there is room at the door, one on a slow link may take longer.
async fn shaken(
    mut connecting: quinn::Connecting,
    place: &Place,
) -> Option<Result<quinn::Connection, quinn::ConnectionError>> {
    let (wait, longer) = (
        Duration::from_millis(DIAL_MS_MAX),
        Duration::from_millis(HANDSHAKE_MS_MAX.saturating_sub(DIAL_MS_MAX)),
    );
    match tokio::time::timeout(wait, &mut connecting).await {
        Ok(ended) => Some(ended),
        Err(_) if place.is_room() => tokio::time::timeout(longer, connecting).await.ok(),
        Err(_) => None,
    }
}

async fn handshake(
    connecting: quinn::Connecting,
    address: String,
    place: Place,
    inputs: mpsc::Sender<Input>,
) {
    let Some(Ok(connection)) = shaken(connecting, &place).await else {
        return;
    };
    if let Some(peer) = peer_of(&connection) {
        let input = Input::Connected {
            connection,
            peer,
            address,
            request: None,
            place: Some(place),
        };
        let _ = inputs.send(input).await;
    }
}

#[cfg(test)]
mod tests;
