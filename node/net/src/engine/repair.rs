//! The repair tier: where fingerprints differ, what differs is found by a sketch ([`super::sketch`]), and
//! where that does not tell, by range reconciliation.
//!
//! Invariants: the dialling side begins it, only after both have said that
//! nothing is left to send; what is found is fetched by key, both ways, with
//! the hashes already held, so nothing is sent twice; a round that changed
//! nothing, by the peer's word of after it, is not repeated.

use std::sync::Arc;

use chaski_crdt::reconcile::{self, Initiator, ItemId, Round};

use super::session::{RepairState, Session};
use super::{CloseReason, Core};
use crate::limits::{DIFFER_ITEMS_MAX, REPAIR_ROUNDS_MAX, WANT_KEYS_MAX};
use crate::read::{Length, Read, RoundItems};
use crate::wire::{Class, Message, Repair};

/// Derives the key by which a sketch names records from the network's secret.
const NAMES_CONTEXT: &str = "chaski 2026-11 sketch names v1";
/// Largest range message, in bytes.
const RANGE_MESSAGE_BYTES: usize = 32 << 10;

impl RepairState {
    /// Rounds since both were last equal.
    fn rounds(&self) -> u32 {
        self.round.saturating_sub(self.equal)
    }

    /// Both are equal: what was under way is of no more use.
    pub(super) fn settle(&mut self) {
        if self.active {
            self.ended = self.round;
        }
        (self.active, self.exhausted) = (false, false);
        self.equal = self.round;
        (self.initiator, self.next, self.early, self.items) = (None, None, None, None);
        (self.decoder, self.salt) = (None, None);
    }
}

impl Session {
    /// Begins or continues a round when it is due.
    pub(super) fn repair_advance(&mut self, core: &mut Core) {
        if self.repair.next.is_some() && self.wants.queue.len() < 2 * WANT_KEYS_MAX {
            let round = self.repair.round;
            if let Some(bytes) = self.repair.next.take() {
                let step = Repair::Range {
                    round,
                    to_initiator: false,
                    bytes,
                };
                self.say(core, Class::Control, &Message::Repair(step));
            }
        }
        if !self.outbound || self.repair.active || self.repair.exhausted || self.proof.equal.is_some() {
            return;
        }
        let (Some(peer), Some(mine)) = (self.proof.peer, self.send.last_status) else {
            return;
        };
        let both_done = peer.drained && mine.drained && !peer.withheld && !mine.withheld;
        let both_read = (self.send.suspended || peer.received >= mine.position)
            && (!peer.covered || self.receive.complete >= peer.position);
        if !both_done || !both_read || self.is_busy() || !self.wants.queue.is_empty() {
            return;
        }
        let Some((fingerprint, position)) = self.sum(core) else {
            return;
        };
        if position != mine.position {
            return;
        }
        let sums = (fingerprint.sum, peer.sum);
        if self.repair.rounds() >= REPAIR_ROUNDS_MAX || self.repair.last == Some(sums) {
            // What the peer said may be older than what it has fetched from us since: it is heard
            // once more before this is given up.
            if !std::mem::replace(&mut self.repair.confirming, true) {
                self.proof.ask_due = true;
                self.ask_send(core);
            } else if self.is_answered() {
                self.repair.exhausted = true;
            }
            return;
        }
        self.repair.last = Some(sums);
        self.round_begin(core, self.repair.round.saturating_add(1), None);
    }

    /// Begins a round: what both may hold is read. `said` is what the peer has asked in it already.
    pub(super) fn round_begin(&mut self, core: &mut Core, round: u32, said: Option<Repair>) {
        self.repair.round = round;
        self.repair.active = true;
        self.repair.confirming = false;
        (self.repair.items, self.repair.initiator) = (None, None);
        (self.repair.decoder, self.repair.salt) = (None, None);
        self.repair.early = said;
        self.wants.asked.clear();
        // One read is out at a time: of rounds that follow before it is back, the last one is read.
        if !std::mem::replace(&mut self.repair.is_read, true) {
            let flow = Arc::clone(&self.flow);
            let names = blake3::derive_key(NAMES_CONTEXT, &core.secret);
            self.read(core, Length::Whole, Read::Items { flow, round, names });
        }
    }

    /// The items of a round have been read.
    pub(super) fn items_take(&mut self, core: &mut Core, read: Box<RoundItems>) -> Result<(), CloseReason> {
        self.repair.is_read = false;
        if !self.repair.active {
            return Ok(());
        }
        let round = self.repair.round;
        if read.round != round {
            let said = self.repair.early.take();
            self.round_begin(core, round, said);
            return Ok(());
        }
        self.repair.items = Some(read);
        if let Some(step) = self.repair.early.take() {
            return self.on_repair(core, step);
        }
        if !self.outbound {
            return Ok(());
        }
        if self.repair.rounds() == 1 && !core.has_aside() {
            self.sketch_send(core, 0, None);
            return Ok(());
        }
        self.ranges_begin(core);
        Ok(())
    }

    /// What differs is to be found by ranges.
    pub(super) fn ranges_begin(&mut self, core: &mut Core) {
        let round = self.repair.round;
        let Some(items) = &self.repair.items else { return };
        let (initiator, bytes) = Initiator::start(&items.items, RANGE_MESSAGE_BYTES);
        self.repair.initiator = Some(initiator);
        if bytes.is_empty() {
            self.round_done(core);
            return;
        }
        let step = Repair::Range {
            round,
            to_initiator: false,
            bytes,
        };
        self.say(core, Class::Control, &Message::Repair(step));
    }

    /// All ranges are settled: what both have now is the start for the feed.
    fn round_done(&mut self, core: &mut Core) {
        let round = self.repair.round;
        self.say(core, Class::Control, &Message::Repair(Repair::Done { round }));
        self.round_end();
    }

    pub(super) fn round_end(&mut self) {
        self.repair.active = false;
        self.repair.ended = self.repair.round;
        (self.repair.decoder, self.repair.salt) = (None, None);
        self.repair.initiator = None;
        self.repair.next = None;
        self.repair.early = None;
        if let Some(read) = self.repair.items.take() {
            self.walks_raise(read.position);
        }
        self.send.suspended = false;
        // What was said before the round counts no more; each says again where
        // it stands once it has fetched what it lacked.
        self.send.last_status = None;
        self.proof.peer = None;
    }

    pub(super) fn on_repair(&mut self, core: &mut Core, step: Repair) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        match step {
            Repair::Range {
                round,
                to_initiator: false,
                bytes,
            } => {
                let step = Repair::Range {
                    round,
                    to_initiator: false,
                    bytes,
                };
                self.range_answer(core, round, step)
            }
            Repair::Range {
                round,
                to_initiator: true,
                bytes,
            } if round == self.repair.round => self.range_receive(core, &bytes),
            Repair::Differ { round, items } if round == self.repair.round => {
                let keys: Vec<_> = match &self.repair.items {
                    Some(read) => items.iter().filter_map(|id| read.keys.get(id).cloned()).collect(),
                    None => Vec::new(),
                };
                keys.into_iter().for_each(|key| self.want(key));
                Ok(())
            }
            Repair::Done { round } if round == self.repair.round && self.repair.active => {
                self.round_end();
                Ok(())
            }
            step @ Repair::Sketch { .. } => {
                self.sketch_answer(core, step);
                Ok(())
            }
            Repair::More { round, to } if round == self.repair.round => {
                self.more_send(core, to);
                Ok(())
            }
            Repair::Lacks { round, records } if round == self.repair.round => {
                self.lacks_take(&records);
                Ok(())
            }
            Repair::Range { .. }
            | Repair::Differ { .. }
            | Repair::Done { .. }
            | Repair::More { .. }
            | Repair::Lacks { .. } => Ok(()),
        }
    }

    /// Whether a step of a round can be answered now: otherwise its items are read first.
    pub(super) fn is_round_read(&mut self, core: &mut Core, round: u32, step: &Repair) -> bool {
        // The other side may have seen since that both are equal, and this one not yet.
        let last = self.repair.equal.saturating_add(2 * REPAIR_ROUNDS_MAX);
        if round > last || round < self.repair.round || round <= self.repair.ended {
            return false;
        }
        if self.repair.items.as_ref().is_some_and(|read| read.round == round) {
            return true;
        }
        // One step of a round is under way at a time: the same again says nothing new.
        if round != self.repair.round || self.repair.early.is_none() {
            self.round_begin(core, round, Some(step.clone()));
        }
        false
    }

    fn range_answer(&mut self, core: &mut Core, round: u32, step: Repair) -> Result<(), CloseReason> {
        if !self.is_round_read(core, round, &step) {
            return Ok(());
        }
        let (Some(read), Repair::Range { bytes, .. }) = (&self.repair.items, step) else {
            return Ok(());
        };
        let answer = reconcile::respond(&read.items, &bytes, RANGE_MESSAGE_BYTES)
            .map_err(|error| CloseReason::Malformed(error.to_string()))?
            .unwrap_or_default();
        let step = Repair::Range {
            round,
            to_initiator: true,
            bytes: answer,
        };
        self.say(core, Class::Control, &Message::Repair(step));
        Ok(())
    }

    fn range_receive(&mut self, core: &mut Core, bytes: &[u8]) -> Result<(), CloseReason> {
        let (Some(read), Some(initiator)) = (&self.repair.items, &mut self.repair.initiator) else {
            return Ok(());
        };
        let next = initiator
            .receive(&read.items, bytes)
            .map_err(|error| CloseReason::Malformed(error.to_string()))?;
        let found = initiator.take_differences();
        let keys: Vec<_> = found
            .have
            .iter()
            .filter_map(|id| read.keys.get(id).cloned())
            .collect();
        keys.into_iter().for_each(|key| self.want(key));
        let need: Vec<ItemId> = found.need.into_iter().collect();
        let round = self.repair.round;
        for chunk in need.chunks(DIFFER_ITEMS_MAX) {
            let step = Repair::Differ {
                round,
                items: chunk.to_vec(),
            };
            self.say(core, Class::Control, &Message::Repair(step));
        }
        match next {
            Round::Send(message) => self.repair.next = Some(message),
            Round::Done => self.round_done(core),
        }
        Ok(())
    }
}
