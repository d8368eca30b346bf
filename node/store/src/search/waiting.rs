//! What a walk over entries leaves to be decided, in the order of the page.
//!
//! Invariants: holds the first places of all that were offered, at most as many as it was
//! made for, and knows whether there were more: all up to [`Waiting::into_sorted`]'s last
//! is there, so a page may end at any of them.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::place::Place;

/// An entry that may be a match.
pub(super) struct Candidate {
    pub(super) place: Place,
    /// The entry decided; the record need not be looked at.
    pub(super) sure: bool,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Candidate) -> bool {
        self.place == other.place
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Candidate) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Candidate) -> Ordering {
        self.place.cmp(&other.place)
    }
}

/// The first candidates of a walk.
pub(super) struct Waiting {
    max: usize,
    heap: BinaryHeap<Candidate>,
    is_cut: bool,
}

impl Waiting {
    pub(super) fn new(max: usize) -> Waiting {
        Waiting {
            max,
            heap: BinaryHeap::new(),
            is_cut: false,
        }
    }

    pub(super) fn offer(&mut self, candidate: Candidate) {
        if self.heap.len() < self.max {
            self.heap.push(candidate);
            return;
        }
        self.is_cut = true;
        if self.heap.peek().is_some_and(|worst| candidate < *worst) {
            self.heap.pop();
            self.heap.push(candidate);
        }
    }

    /// The candidates, first place first, and whether there are more behind them.
    pub(super) fn into_sorted(self) -> (Vec<Candidate>, bool) {
        (self.heap.into_sorted_vec(), self.is_cut)
    }
}
