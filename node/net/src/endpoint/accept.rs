//! The door: who may begin a handshake, and how much a connection may cost
//! until its peer has said who it is.
//!
//! Invariants: a connection holds a place at the door from when it enters
//! until its session is live or it is gone; places are bounded by address and
//! in all, so who floods from one address keeps only that address busy; whoever
//! finds no place waits for one ([`super::hall`]) and is told in time; what a
//! member began counts no longer once it has said who it is; an address that
//! did not prove itself is never counted beyond a few, so nobody is locked out
//! by packets that only pretend to be theirs.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaski_crdt::author::NodeId;
use quinn::{ServerConfig, VarInt};
use tokio::sync::{Notify, mpsc};

use super::driver::Input;
use super::hall::Hall;
use super::peer_of;
use super::trips::Trips;
use crate::config::NetConfig;
use crate::limits::{
    DIAL_MS_MAX, DOOR_ADDRESS_MAX, DOOR_ADDRESSES_MAX, DOOR_BEGUN_MAX, DOOR_LOOK_MS, DOOR_MAX,
    DOOR_MEMBER_MAX, DOOR_UNPROVEN_MAX, DOOR_WAITING_MAX, DOOR_WINDOW_MS, SESSIONS_MAX,
};
use crate::tls::{NodeCertificate, TlsError};

/// Bytes a peer may have under way to us before its session is live.
pub(crate) const STRANGER_WINDOW_BYTES: u32 = 64 << 10;
/// Connections that wait for the door to look at them, and for a place.
const INCOMING_MAX: usize = 256 + DOOR_WAITING_MAX;
/// Bytes kept of packets that arrive meanwhile: of one, and of all.
const INCOMING_BYTES: (u64, u64) = (16 << 10, 4 << 20);

/// What is counted together: an IPv4 address, or the /64 network that an IPv6
/// host has for itself.
fn place_of(address: SocketAddr) -> IpAddr {
    match address.ip().to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// What the door says to a first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Come in.
    Enter,
    /// First prove that you are where you say.
    Prove,
    /// Wait for a place.
    Wait,
    /// Not now.
    Refuse,
}

/// One address.
#[derive(Clone, Copy, Debug)]
struct Row {
    /// Connections at the door now.
    here: usize,
    /// Connections let in within the window that began then.
    begun: usize,
    since: Instant,
}

/// Counts of connections whose peer has not said who it is.
#[derive(Debug, Default)]
pub(crate) struct Door {
    rows: BTreeMap<IpAddr, Row>,
    here: usize,
    /// Members that were let in, how often within the window that began then.
    members: BTreeMap<NodeId, (usize, Instant)>,
}

impl Door {
    fn ask(&mut self, place: IpAddr, proven: bool, now: Instant) -> Answer {
        let window = Duration::from_millis(DOOR_WINDOW_MS);
        if self.rows.len() >= DOOR_ADDRESSES_MAX {
            self.rows
                .retain(|_, row| row.here > 0 || now.duration_since(row.since) < window);
        }
        let known = self.rows.get(&place).copied();
        let mut row = known.unwrap_or(Row {
            here: 0,
            begun: 0,
            since: now,
        });
        if now.duration_since(row.since) >= window {
            (row.begun, row.since) = (0, now);
        }
        let busy =
            self.here >= DOOR_MAX / 4 || row.begun >= DOOR_UNPROVEN_MAX || row.here >= DOOR_UNPROVEN_MAX;
        if busy && !proven {
            return Answer::Prove;
        }
        if known.is_none() && self.rows.len() >= DOOR_ADDRESSES_MAX {
            return Answer::Refuse;
        }
        if self.here >= DOOR_MAX || row.here >= DOOR_ADDRESS_MAX || row.begun >= DOOR_BEGUN_MAX {
            return Answer::Wait;
        }
        row.here += 1;
        row.begun += 1;
        self.here += 1;
        self.rows.insert(place, row);
        Answer::Enter
    }

    fn leave(&mut self, place: IpAddr) {
        self.here = self.here.saturating_sub(1);
        if let Some(row) = self.rows.get_mut(&place) {
            row.here = row.here.saturating_sub(1);
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
        if *count < DOOR_MEMBER_MAX
            && let Some(row) = self.rows.get_mut(&place)
        {
            *count += 1;
            row.begun = row.begun.saturating_sub(1);
        }
    }
}

fn lock(door: &Mutex<Door>) -> MutexGuard<'_, Door> {
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection's place at the door, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Mutex<Door>>,
    /// Told that a place is free.
    freed: Arc<Notify>,
    at: IpAddr,
}

impl Place {
    /// Gives the place back: its connection is a member's.
    pub(crate) fn welcome(self, member: NodeId) {
        lock(&self.door).welcome(self.at, member, Instant::now());
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

    fn accept(&self, incoming: quinn::Incoming) -> Result<quinn::Connecting, quinn::ConnectionError> {
        let Some(trip) = self.trips.of(incoming.remote_address()) else {
            return incoming.accept();
        };
        let mut server = self.server.clone();
        server.transport_config(Arc::new(stranger_settings(&self.config, Some(trip))));
        incoming.accept_with(Arc::new(server))
    }
}

/// Lets connections in until the endpoint closes.
pub(crate) async fn accept(endpoint: quinn::Endpoint, welcome: Welcome, inputs: mpsc::Sender<Input>) {
    let (door, freed) = (Arc::new(Mutex::new(Door::default())), Arc::new(Notify::new()));
    let mut hall = Hall::default();
    let enter = |at: IpAddr, incoming: quinn::Incoming| {
        let (door, freed) = (Arc::clone(&door), Arc::clone(&freed));
        let place = Place { door, freed, at };
        let address = incoming.remote_address().to_string();
        if let Ok(connecting) = welcome.accept(incoming) {
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
            let answer = if endpoint.open_connections() > SESSIONS_MAX + DOOR_MAX {
                Answer::Refuse
            } else if !hall.is_waited_for(at) {
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
                Answer::Refuse => incoming.refuse(),
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

async fn handshake(
    connecting: quinn::Connecting,
    address: String,
    place: Place,
    inputs: mpsc::Sender<Input>,
) {
    let wait = Duration::from_millis(DIAL_MS_MAX);
    let Ok(Ok(connection)) = tokio::time::timeout(wait, connecting).await else {
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
mod tests {
    use super::*;

    fn host(n: u8) -> IpAddr {
        place_of(SocketAddr::from(([10, 0, 0, n], 40_000)))
    }

    #[test]
    fn one_address_keeps_only_itself_busy() {
        let (mut door, now) = (Door::default(), Instant::now());
        let entered = (0..1_000).filter(|_| door.ask(host(1), true, now) == Answer::Enter);
        assert_eq!(entered.count(), DOOR_ADDRESS_MAX);
        assert_eq!(door.ask(host(1), true, now), Answer::Wait);
        assert_eq!(door.ask(host(2), true, now), Answer::Enter);
        door.leave(host(1));
        assert_eq!(door.ask(host(1), true, now), Answer::Enter);
    }

    #[test]
    fn coming_and_going_fast_is_bounded_too() {
        let (mut door, now) = (Door::default(), Instant::now());
        for _ in 0..DOOR_BEGUN_MAX {
            assert_eq!(door.ask(host(1), true, now), Answer::Enter);
            door.leave(host(1));
        }
        assert_eq!(door.ask(host(1), true, now), Answer::Wait);
        let later = now + Duration::from_millis(DOOR_WINDOW_MS);
        assert_eq!(door.ask(host(1), true, later), Answer::Enter);
    }

    #[test]
    fn who_pretends_to_be_elsewhere_locks_nobody_out() {
        let (mut door, now) = (Door::default(), Instant::now());
        let answers: Vec<Answer> = (0..1_000).map(|_| door.ask(host(1), false, now)).collect();
        let entered = answers.iter().filter(|answer| **answer == Answer::Enter);
        assert_eq!(entered.count(), DOOR_UNPROVEN_MAX);
        assert!(!answers.contains(&Answer::Refuse));
        assert_eq!(door.ask(host(1), true, now), Answer::Enter);
        // From everywhere at once: some get in, all others have to prove themselves.
        for n in 0..=255 {
            (0..DOOR_UNPROVEN_MAX).for_each(|_| {
                door.ask(host(n), false, now);
            });
        }
        assert!(door.here <= DOOR_MAX / 4 + 1);
        assert_eq!(door.ask(host(7), true, now), Answer::Enter);
    }

    #[test]
    fn all_together_are_bounded_and_so_is_what_is_remembered_of_them() {
        let (mut door, now) = (Door::default(), Instant::now());
        let far = |n: u32| IpAddr::from((n + (11 << 24)).to_be_bytes());
        for n in 0..20_000 {
            door.ask(far(n), true, now);
        }
        assert_eq!(door.here, DOOR_MAX);
        let later = now + Duration::from_millis(DOOR_WINDOW_MS);
        for n in 0..20_000 {
            door.leave(far(n));
            assert_eq!(door.ask(far(n), true, later), Answer::Enter);
            door.leave(far(n));
            assert!(door.rows.len() <= DOOR_ADDRESSES_MAX);
            if n as usize + 1 >= DOOR_ADDRESSES_MAX {
                break;
            }
        }
    }

    #[test]
    fn each_bound_of_the_door_is_where_it_is_said_to_be() {
        let now = Instant::now();
        let past = now
            .checked_sub(Duration::from_millis(DOOR_WINDOW_MS))
            .unwrap_or(now);
        let unproven = DOOR_UNPROVEN_MAX;
        // At the door in all, from there now, begun from there in the window; what is answered to one
        // that has not proven where it is, and to one that has.
        let rows = [
            (0, 0, 0, Answer::Enter, Answer::Enter),
            (DOOR_MAX / 4 - 1, 0, 0, Answer::Enter, Answer::Enter),
            (DOOR_MAX / 4, 0, 0, Answer::Prove, Answer::Enter),
            (20, unproven - 1, 0, Answer::Enter, Answer::Enter),
            (20, unproven, 0, Answer::Prove, Answer::Enter),
            (20, 0, unproven - 1, Answer::Enter, Answer::Enter),
            (20, 0, unproven, Answer::Prove, Answer::Enter),
            (DOOR_MAX - 1, 0, 0, Answer::Prove, Answer::Enter),
            (DOOR_MAX, 0, 0, Answer::Prove, Answer::Wait),
            (90, DOOR_ADDRESS_MAX - 1, 0, Answer::Prove, Answer::Enter),
            (90, DOOR_ADDRESS_MAX, 0, Answer::Prove, Answer::Wait),
            (90, 0, DOOR_BEGUN_MAX - 1, Answer::Prove, Answer::Enter),
            (90, 0, DOOR_BEGUN_MAX, Answer::Prove, Answer::Wait),
        ];
        for (all, here, begun, if_unproven, if_proven) in rows {
            for (proven, expected) in [(false, if_unproven), (true, if_proven)] {
                let row = Row {
                    here,
                    begun,
                    since: now,
                };
                let mut door = Door {
                    rows: [(host(1), row)].into(),
                    here: all,
                    ..Door::default()
                };
                assert_eq!(
                    door.ask(host(1), proven, now),
                    expected,
                    "{all} {here} {begun} {proven}"
                );
                let entered = usize::from(expected == Answer::Enter);
                assert_eq!(door.here, all + entered);
                let after = door.rows[&host(1)];
                assert_eq!((after.here, after.begun), (here + entered, begun + entered));
            }
        }
        // What was begun in an earlier window is over; who is still here is still here.
        let old = Row {
            here: DOOR_ADDRESS_MAX - 1,
            begun: DOOR_BEGUN_MAX,
            since: past,
        };
        let mut door = Door {
            rows: [(host(1), old)].into(),
            here: 40,
            ..Door::default()
        };
        assert_eq!(door.ask(host(1), true, now), Answer::Enter);
        assert_eq!(door.rows[&host(1)].begun, 1);
        assert_eq!(door.ask(host(1), true, now), Answer::Wait);
        // Whoever leaves makes room for one, and none below nothing.
        door.leave(host(1));
        assert_eq!((door.here, door.rows[&host(1)].here), (40, DOOR_ADDRESS_MAX - 1));
        door.leave(host(9));
        assert_eq!(door.here, 39);
    }

    #[test]
    fn a_place_is_given_back_when_a_connection_goes() {
        let door = Arc::new(Mutex::new(Door::default()));
        lock(&door).ask(host(1), true, Instant::now());
        let freed = Arc::new(Notify::new());
        let place = Place {
            door: Arc::clone(&door),
            freed: Arc::clone(&freed),
            at: host(1),
        };
        let counts = || {
            let door = lock(&door);
            (door.here, door.rows[&host(1)].here)
        };
        assert_eq!(counts(), (1, 1));
        drop(place);
        assert_eq!(counts(), (0, 0));
    }

    #[test]
    fn a_crowd_of_members_behind_one_address_is_let_in_one_after_the_other() {
        let (mut door, now) = (Door::default(), Instant::now());
        let member = |n: u16| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&n.to_be_bytes());
            NodeId(key)
        };
        // Six hundred within a moment: each takes a place, says who it is, and is none that strangers are bounded by.
        for n in 0..600 {
            assert_eq!(door.ask(host(1), true, now), Answer::Enter, "{n}");
            door.welcome(host(1), member(n), now);
            door.leave(host(1));
        }
        assert_eq!(door.rows[&host(1)].begun, 0);
        // One of them that begins again and again counts like a stranger after a while.
        let begun = std::iter::from_fn(|| {
            let is_in = door.ask(host(2), true, now) == Answer::Enter;
            door.welcome(host(2), member(7), now);
            door.leave(host(2));
            is_in.then_some(())
        });
        assert!(begun.take(2 * DOOR_BEGUN_MAX).count() < DOOR_BEGUN_MAX + DOOR_MEMBER_MAX);
        // In the next window it is let in again; what is remembered of members is bounded.
        let later = now + Duration::from_millis(DOOR_WINDOW_MS);
        assert_eq!(door.ask(host(2), true, later), Answer::Enter);
        (0..u16::MAX).for_each(|n| door.welcome(host(2), member(n), later));
        assert!(door.members.len() <= DOOR_ADDRESSES_MAX);
    }

    #[test]
    fn a_host_with_many_addresses_of_its_own_is_one_place() {
        let of = |text: &str| place_of(SocketAddr::new(text.parse().unwrap(), 1));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
