//! Where those wait who have come to the door while there is no place for them.
//!
//! Invariants: who waits has shown to be where it says, costs a packet or a few, and is answered before it
//! gives up: it enters, or is refused and knows that somebody is there; addresses take turns, and where there is
//! no room the one with most who wait loses its last, so no flood keeps others from waiting.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::limits::{DOOR_WAIT_MS, DOOR_WAITING_MAX};

/// Who waits, by address, in the order they came.
#[derive(Debug)]
pub(crate) struct Hall<T> {
    rows: BTreeMap<IpAddr, VecDeque<(Instant, T)>>,
    count: usize,
    /// From where the last one entered.
    last: Option<IpAddr>,
}

/// Takes one of those that wait from one address.
type Which<T> = fn(&mut VecDeque<(Instant, T)>) -> Option<(Instant, T)>;

impl<T> Default for Hall<T> {
    fn default() -> Hall<T> {
        Hall {
            rows: BTreeMap::new(),
            count: 0,
            last: None,
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
        self.rows.entry(place).or_default().push_back((now, one));
        self.count = self.count.saturating_add(1);
        if self.count <= DOOR_WAITING_MAX {
            return None;
        }
        let own = self.rows.get(&place).map_or(0, VecDeque::len);
        let longest = self.rows.iter().max_by_key(|(_, row)| row.len());
        let longest = longest.filter(|(_, row)| row.len() > own).map(|(at, _)| *at);
        self.remove(longest.unwrap_or(place), VecDeque::pop_back)
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
        let is_after = |place: &IpAddr| self.last.is_none_or(|last| *place > last);
        let (after, before): (Vec<IpAddr>, Vec<IpAddr>) = self.rows.keys().copied().partition(is_after);
        let place = after.into_iter().chain(before).find(|place| may_enter(*place))?;
        self.last = Some(place);
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
        Some(one)
    }
}

#[cfg(test)]
mod tests;
