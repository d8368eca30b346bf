//! Records that are to be asked for.

use std::collections::{BTreeSet, VecDeque};

use chaski_crdt::key::RecordKey;

/// Keys in the order in which they are to be asked for, each once.
#[derive(Debug, Default)]
pub(crate) struct KeyQueue {
    pub(super) order: VecDeque<RecordKey>,
    pub(super) known: BTreeSet<RecordKey>,
}

impl KeyQueue {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn contains(&self, key: &RecordKey) -> bool {
        self.known.contains(key)
    }

    pub(crate) fn push_back(&mut self, key: RecordKey) {
        if self.known.insert(key.clone()) {
            self.order.push_back(key);
        }
    }

    pub(super) fn push_front(&mut self, key: RecordKey) {
        if self.known.insert(key.clone()) {
            self.order.push_front(key);
        }
    }

    /// The first keys, at most so many, which are in it no longer.
    pub(crate) fn take(&mut self, most: usize) -> Vec<RecordKey> {
        let keys: Vec<RecordKey> = self.order.drain(..most.min(self.order.len())).collect();
        for key in &keys {
            self.known.remove(key);
        }
        keys
    }
}

impl FromIterator<RecordKey> for KeyQueue {
    fn from_iter<T: IntoIterator<Item = RecordKey>>(keys: T) -> KeyQueue {
        let mut queue = KeyQueue::default();
        keys.into_iter().for_each(|key| queue.push_back(key));
        queue
    }
}
