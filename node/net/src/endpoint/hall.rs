//! Where those wait who have come to the door while there is no place for them.
//!
//! Invariants: who waits has shown to be where it says, costs a packet or a few, and is answered before it
//! gives up: it enters, or is refused and knows that somebody is there; addresses take turns, and so do the
//! networks around them ([`crate::place`]); where there is no room the one with most who wait loses its last, so
//! no flood keeps others from waiting, however many addresses it has for itself.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::limits::{DOOR_WAIT_MS, DOOR_WAITING_MAX};
use crate::place::{Counts, Network, networks};

/// Who waits, by address, in the order they came.
#[derive(Debug)]
pub(crate) struct Hall<T> {
    rows: BTreeMap<IpAddr, VecDeque<(Instant, T)>>,
    count: usize,
    counts: Counts,
    /// When each network from where somebody waits had its last turn, or came.
    turns: BTreeMap<Network, u64>,
    turn: u64,
}

/// Takes one of those that wait from one address.
type Which<T> = fn(&mut VecDeque<(Instant, T)>) -> Option<(Instant, T)>;

impl<T> Default for Hall<T> {
    fn default() -> Hall<T> {
        Hall {
            rows: BTreeMap::new(),
            count: 0,
            counts: Counts::default(),
            turns: BTreeMap::new(),
            turn: 0,
        }
    }
}

impl<T> Hall<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether somebody from there waits: whoever comes after it waits as well.
    pub(crate) fn is_waited_for(&self, place: IpAddr) -> bool {
        self.rows.contains_key(&place)
    }

    /// Takes one in; gives out one for whom there is no room, this or another.
    pub(crate) fn wait(&mut self, place: IpAddr, one: T, now: Instant) -> Option<T> {
        self.turn = self.turn.saturating_add(1);
        for network in networks(place) {
            self.turns.entry(network).or_insert(self.turn);
        }
        self.rows.entry(place).or_default().push_back((now, one));
        self.count = self.count.saturating_add(1);
        self.counts.add(place);
        if self.count <= DOOR_WAITING_MAX {
            return None;
        }
        let own = self.counts.weight(place);
        let weights = self.rows.keys().map(|at| (self.counts.weight(*at), *at));
        let heaviest = weights.max().filter(|(weight, _)| *weight > own);
        self.remove(heaviest.map_or(place, |(_, at)| at), VecDeque::pop_back)
    }

    /// Those who have waited as long as anybody may, or longer.
    pub(crate) fn late(&mut self, now: Instant) -> Vec<T> {
        let wait = Duration::from_millis(DOOR_WAIT_MS);
        let places: Vec<IpAddr> = self.rows.keys().copied().collect();
        let mut late = Vec::new();
        for place in places {
            let is_late = |row: &VecDeque<(Instant, T)>| {
                let since = row.front().map(|(since, _)| *since);
                since.is_some_and(|since| now.saturating_duration_since(since) >= wait)
            };
            while self.rows.get(&place).is_some_and(is_late) {
                late.extend(self.remove(place, VecDeque::pop_front));
            }
        }
        late
    }

    /// The first of the next address from which one may enter.
    pub(crate) fn next(&mut self, mut may_enter: impl FnMut(IpAddr) -> bool) -> Option<(IpAddr, T)> {
        let turn_of = |place: &IpAddr| -> Vec<u64> {
            let around = networks(*place).into_iter();
            around
                .map(|network| self.turns.get(&network).copied().unwrap_or(0))
                .collect()
        };
        let mut places: Vec<(Vec<u64>, IpAddr)> =
            self.rows.keys().map(|place| (turn_of(place), *place)).collect();
        places.sort();
        let place = places
            .into_iter()
            .map(|(_, place)| place)
            .find(|place| may_enter(*place))?;
        self.turn = self.turn.saturating_add(1);
        for network in networks(place) {
            self.turns.insert(network, self.turn);
        }
        let one = self.remove(place, VecDeque::pop_front)?;
        Some((place, one))
    }

    fn remove(&mut self, place: IpAddr, which: Which<T>) -> Option<T> {
        let row = self.rows.get_mut(&place)?;
        let (_, one) = which(row)?;
        if row.is_empty() {
            self.rows.remove(&place);
        }
        self.count = self.count.saturating_sub(1);
        self.counts.remove(place);
        for network in networks(place) {
            if self.counts.of(network) == 0 {
                self.turns.remove(&network);
            }
        }
        Some(one)
    }
}

#[cfg(test)]
mod tests;
