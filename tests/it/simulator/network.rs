//! Sessions between nodes, with what is in flight on them.
//!
//! A session is what QUIC gives: streams that are ordered each for itself and
//! not among each other, until the connection is lost with all that was in
//! flight. On top of that comes a relay that repeats a frame now and then.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chaski_net::engine::SessionId;
use chaski_net::wire::Priority;

/// Direction within a session: from the dialler, or to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    There,
    Back,
}

/// What is in flight on one stream, oldest first.
pub type Flight = VecDeque<(Priority, Vec<u8>)>;

pub struct Connection {
    pub dialler: usize,
    pub listener: usize,
    pub flights: BTreeMap<(Way, u8), Flight>,
}

impl Connection {
    /// The node that gets what flies this way.
    pub fn receiver(&self, way: Way) -> usize {
        match way {
            Way::There => self.listener,
            Way::Back => self.dialler,
        }
    }

    pub fn way_from(&self, node: usize) -> Way {
        if node == self.dialler {
            Way::There
        } else {
            Way::Back
        }
    }

    pub fn other(&self, node: usize) -> usize {
        if node == self.dialler {
            self.listener
        } else {
            self.dialler
        }
    }
}

#[derive(Default)]
pub struct Network {
    pub connections: BTreeMap<SessionId, Connection>,
    /// Pairs that cannot reach each other now.
    pub cut: BTreeSet<(usize, usize)>,
    /// Both ends of every session there has been.
    pub ends: BTreeMap<SessionId, (usize, usize)>,
    /// Sessions that one end has begun anew, and those that follow them.
    pub renewed: BTreeMap<SessionId, SessionId>,
    /// Every frame that was ever sent towards a node, where somebody listens on its wire.
    pub heard: BTreeMap<usize, Vec<Vec<u8>>>,
    next_session: SessionId,
}

pub fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Network {
    pub fn open(&mut self, dialler: usize, listener: usize) -> SessionId {
        self.next_session += 1;
        self.ends.insert(self.next_session, pair(dialler, listener));
        self.connections.insert(
            self.next_session,
            Connection {
                dialler,
                listener,
                flights: BTreeMap::new(),
            },
        );
        self.next_session
    }

    /// What is in flight is given up, and another session follows on the connection; whoever is at its other end.
    pub fn renew(&mut self, over: SessionId, node: usize) -> (usize, SessionId) {
        let connection = self.connections.remove(&over).expect("a session that is there");
        let next = self.open(connection.dialler, connection.listener);
        self.renewed.insert(over, next);
        (connection.other(node), next)
    }

    pub fn send(&mut self, session: SessionId, from: usize, priority: Priority, bytes: Vec<u8>) {
        if let Some(connection) = self.connections.get_mut(&session) {
            let way = connection.way_from(from);
            if let Some(heard) = self.heard.get_mut(&connection.other(from)) {
                heard.push(bytes.clone());
            }
            connection
                .flights
                .entry((way, priority as u8))
                .or_default()
                .push_back((priority, bytes));
        }
    }

    /// Every stream with something in flight.
    pub fn in_flight(&self) -> Vec<(SessionId, Way, u8)> {
        let streams = self.connections.iter().flat_map(|(session, connection)| {
            let busy = connection.flights.iter().filter(|(_, flight)| !flight.is_empty());
            busy.map(|((way, priority), _)| (*session, *way, *priority))
        });
        streams.collect()
    }

    /// The sessions that have an end at `node`.
    pub fn sessions_of(&self, node: usize) -> Vec<SessionId> {
        let ends = self
            .connections
            .iter()
            .filter(|(_, c)| c.dialler == node || c.listener == node);
        ends.map(|(session, _)| *session).collect()
    }

    pub fn sessions_between(&self, a: usize, b: usize) -> Vec<SessionId> {
        let ends = self
            .connections
            .iter()
            .filter(|(_, c)| pair(c.dialler, c.listener) == pair(a, b));
        ends.map(|(session, _)| *session).collect()
    }
}
