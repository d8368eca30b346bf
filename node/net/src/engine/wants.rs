//! Asking for records by key: missing predecessors, and what repair found.
//!
//! Invariants: one want is open at a time; a key is asked for a bounded number
//! of times; only what the grant admits is given or told of, whoever asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use chaski_crdt::key::RecordKey;

use super::close::CloseReason;
use super::session::{Give, Session};
use super::state::Core;
use crate::limits::{GIVE_HASHES_MAX, GIVES_MAX, WANT_KEYS_MAX, WANT_QUEUE_KEYS_MAX, WANT_TRIES_MAX};
use crate::read::{Length, Read};
use crate::wire::{Message, Priority, Want, WantKey};

impl Session {
    /// Notes that a record is to be asked for.
    pub(super) fn want(&mut self, key: RecordKey) {
        if self.wants.queue.len() >= WANT_QUEUE_KEYS_MAX || self.wants.queue.contains(&key) {
            return;
        }
        if self.wants.asked.len() >= WANT_QUEUE_KEYS_MAX {
            self.wants.asked.clear();
        }
        let tries = self.wants.asked.entry(key.clone()).or_insert(0);
        if *tries < WANT_TRIES_MAX {
            *tries += 1;
            self.wants.queue.push_back(key);
        }
    }

    /// Has read what the next want says, when none is open.
    pub(super) fn wants_read(&mut self, core: &mut Core) {
        if let Some((_, Some(last))) = self.wants.open
            && self
                .receive
                .applied
                .last()
                .is_some_and(|applied| *applied >= last)
        {
            self.wants.open = None;
        }
        if self.is_want_open() || self.wants.queue.is_empty() {
            return;
        }
        let keys = self.wants.queue.take(WANT_KEYS_MAX);
        self.wants.is_read = true;
        let read = Read::Known {
            flow: Arc::clone(&self.flow),
            withheld: self.withheld,
            keys,
        };
        self.read(core, Length::Small, read);
    }

    /// Sends a want; the keys that are left are asked for next.
    pub(super) fn want_send(&mut self, core: &mut Core, keys: Vec<WantKey>, left: Vec<RecordKey>) {
        self.wants.is_read = false;
        for key in left.into_iter().rev() {
            self.wants.queue.push_front(key);
        }
        self.wants.next_id = self.wants.next_id.saturating_add(1);
        let id = self.wants.next_id;
        self.wants.open = Some((id, None));
        self.say(core, Priority::Control, &Message::Want(Want { id, keys }));
    }

    pub(super) fn on_given(&mut self, core: &mut Core, want: u32, last: u32) {
        self.progress_ms = core.now_ms;
        if let Some((id, answer)) = &mut self.wants.open
            && *id == want
        {
            *answer = Some(last);
        }
    }

    pub(super) fn on_want(&mut self, core: &Core, want: Want) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        let named = want.keys.iter().map(|wanted| wanted.have.len()).sum::<usize>();
        let hashes = self.give_hashes().saturating_add(named);
        if self.send.gives.len() + want.keys.len() > GIVES_MAX || hashes > GIVE_HASHES_MAX {
            return Err(CloseReason::Flooding);
        }
        for wanted in want.keys {
            let Ok(key) = wanted.key.parse::<RecordKey>() else {
                return Err(CloseReason::Malformed("a record key".to_owned()));
            };
            let have: BTreeSet<[u8; 8]> = wanted.have.into_iter().collect();
            self.send.gives.push_back(Give::Record(key, have));
        }
        self.send.gives.push_back(Give::End(want.id));
        Ok(())
    }

    /// Hashes that the peer's wants have named and that wait, or are being read by.
    fn give_hashes(&self) -> usize {
        let waiting = self.send.gives.iter().map(|give| match give {
            Give::Record(_, have) => have.len(),
            Give::End(_) => 0,
        });
        waiting.sum::<usize>().saturating_add(self.send.give_read_hashes)
    }
}
