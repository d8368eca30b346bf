//! The repair tier: where fingerprints differ, what differs is found by a sketch ([`super::sketch`]), and
//! where that does not tell, by range reconciliation.
//!
//! Invariants: the dialling side begins it, only after both have said that
//! nothing is left to send; what is found is fetched by key, both ways, with
//! the hashes already held, so nothing is sent twice; a round that changed
//! nothing, by the peer's word of after it, is not repeated.

use std::sync::Arc;

use chaski_crdt::key::RecordKey;
use chaski_crdt::reconcile::{self, Initiator, ItemId, Round};

use super::close::CloseReason;
use super::session::{RepairState, Session};
use super::state::Core;
use crate::limits::{DIFFER_ITEMS_MAX, REPAIR_ROUNDS_MAX, WANT_KEYS_MAX, WANT_QUEUE_KEYS_MAX};
use crate::read::{Differ, DifferFound, DifferRead, DifferStep, Length, Located, Read};
use crate::wire::{Message, Priority, Repair};

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
        self.clear();
    }

    /// Lets go of what was read and said in a round.
    fn clear(&mut self) {
        (self.initiator, self.next, self.early, self.items) = (None, None, None, None);
        (self.decoder, self.salt, self.due, self.position) = (None, None, None, None);
        (self.asked, self.is_sketch_over) = (None, false);
        self.is_ahead = false;
    }
}

impl Session {
    /// Begins or continues a round when it is due.
    pub(super) fn repair_advance(&mut self, core: &mut Core) {
        let ahead = self.wants.queue.len().saturating_add(self.repair.located.len());
        if self.repair.next.is_some() && ahead < 2 * WANT_KEYS_MAX {
            let round = self.repair.round;
            if let Some(bytes) = self.repair.next.take() {
                let step = Repair::Range {
                    round,
                    to_initiator: false,
                    bytes,
                };
                self.say(core, Priority::Control, &Message::Repair(step));
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
        self.round_begin(self.repair.round.saturating_add(1));
        if self.repair.rounds() == 1 && !core.has_aside() {
            self.sketch_make(core);
        } else {
            self.ranges_read(core);
        }
    }

    /// Begins a round.
    pub(super) fn round_begin(&mut self, round: u32) {
        self.repair.clear();
        self.repair.round = round;
        self.repair.active = true;
        self.repair.confirming = false;
        self.wants.asked.clear();
    }

    /// Has a part of a round read. One read is out at a time: of rounds that follow before it is back,
    /// the last one is read.
    pub(super) fn differ_read(&mut self, core: &mut Core, step: DifferStep) {
        if self.repair.reading.is_some() {
            self.repair.due = Some(step);
            return;
        }
        let round = self.repair.round;
        self.repair.reading = Some(round);
        let flow = Arc::clone(&self.flow);
        let read = DifferRead { round, flow, step };
        self.read(core, Length::Whole, Read::Differ(read));
    }

    /// A part of a round has been read.
    pub(super) fn differ_take(&mut self, core: &mut Core, read: Differ) -> Result<(), CloseReason> {
        self.repair.reading = None;
        if let Some(step) = self.repair.due.take() {
            self.differ_read(core, step);
            return Ok(());
        }
        if !self.repair.active || read.round != self.repair.round {
            return Ok(());
        }
        self.repair.position.get_or_insert(read.position);
        match read.found {
            DifferFound::Sketch {
                range,
                symbols,
                parities,
            } => self.sketch_send(core, &range, symbols, parities),
            DifferFound::Compared {
                decoder,
                estimate,
                compared,
            } => self.sketch_compared(core, decoder, estimate, compared),
            DifferFound::Named(keys) => {
                self.gives_add(keys);
                self.round_end();
            }
            DifferFound::Items(items) => return self.items_take(core, items),
        }
        Ok(())
    }

    /// Has read what both may hold, for ranges.
    pub(super) fn ranges_read(&mut self, core: &mut Core) {
        self.repair.salt = None;
        let shelf = core.items.clone();
        self.differ_read(core, DifferStep::Items(shelf));
    }

    fn items_take(&mut self, core: &mut Core, items: Arc<Located>) -> Result<(), CloseReason> {
        self.repair.items = Some(items);
        match self.repair.early.take() {
            Some(bytes) => self.range_say(core, &bytes),
            None if self.outbound => {
                self.ranges_begin(core);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// What differs is to be found by ranges.
    fn ranges_begin(&mut self, core: &mut Core) {
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
        self.say(core, Priority::Control, &Message::Repair(step));
    }

    /// All ranges are settled: what both have now is the start for the feed.
    fn round_done(&mut self, core: &mut Core) {
        let round = self.repair.round;
        self.say(core, Priority::Control, &Message::Repair(Repair::Done { round }));
        self.round_end();
    }

    pub(super) fn round_end(&mut self) {
        self.repair.active = false;
        self.repair.ended = self.repair.round;
        if let Some(position) = self.repair.position {
            self.walks_raise(position);
        }
        self.repair.clear();
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
            } => self.range_answer(core, round, bytes),
            Repair::Range {
                round,
                to_initiator: true,
                bytes,
            } if round == self.repair.round => self.range_receive(core, &bytes),
            Repair::Differ { round, items } if round == self.repair.round => {
                self.locate(&items);
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
                self.lacks_take(core, records);
                Ok(())
            }
            Repair::Range { .. }
            | Repair::Differ { .. }
            | Repair::Done { .. }
            | Repair::More { .. }
            | Repair::Lacks { .. } => Ok(()),
        }
    }

    /// Whether a step of a round can be looked at: it is of the one under way, or begins one.
    pub(super) fn round_enter(&mut self, round: u32) -> bool {
        // The other side may have seen since that both are equal, and this one not yet.
        let last = self.repair.equal.saturating_add(2 * REPAIR_ROUNDS_MAX);
        if round > last || round < self.repair.round || round <= self.repair.ended {
            return false;
        }
        if round != self.repair.round {
            self.round_begin(round);
        }
        // One step of a round is under way at a time: the same again says nothing new.
        self.repair.reading != Some(round) && self.repair.due.is_none()
    }

    fn range_answer(&mut self, core: &mut Core, round: u32, bytes: Vec<u8>) -> Result<(), CloseReason> {
        if !self.round_enter(round) {
            return Ok(());
        }
        if self.repair.items.is_some() {
            return self.range_say(core, &bytes);
        }
        self.repair.early = Some(bytes);
        self.ranges_read(core);
        Ok(())
    }

    fn range_say(&mut self, core: &mut Core, bytes: &[u8]) -> Result<(), CloseReason> {
        let Some(read) = &self.repair.items else {
            return Ok(());
        };
        let answer = reconcile::respond(&read.items, bytes, RANGE_MESSAGE_BYTES)
            .map_err(|error| CloseReason::Malformed(error.to_string()))?
            .unwrap_or_default();
        let step = Repair::Range {
            round: self.repair.round,
            to_initiator: true,
            bytes: answer,
        };
        self.say(core, Priority::Control, &Message::Repair(step));
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
        let need: Vec<ItemId> = found.need.into_iter().collect();
        let round = self.repair.round;
        for chunk in need.chunks(DIFFER_ITEMS_MAX) {
            let step = Repair::Differ {
                round,
                items: chunk.to_vec(),
            };
            self.say(core, Priority::Control, &Message::Repair(step));
        }
        self.locate(&found.have);
        match next {
            Round::Send(message) => self.repair.next = Some(message),
            Round::Done => self.round_done(core),
        }
        Ok(())
    }

    /// Notes where records stand that are to be asked for. What has no room now differs still, and is
    /// found by the next round.
    fn locate<'a>(&mut self, ids: impl IntoIterator<Item = &'a ItemId>) {
        let Some(read) = &self.repair.items else { return };
        let room = WANT_QUEUE_KEYS_MAX.saturating_sub(self.repair.located.len());
        let at = read.locate(ids);
        self.repair.located.extend(at.into_iter().take(room));
    }

    /// Whether records are to be asked for whose keys are being read, or are to be.
    pub(super) fn is_locating(&self) -> bool {
        self.repair.is_locating || !self.repair.located.is_empty()
    }

    /// Has the keys read of the next records that are to be asked for.
    pub(super) fn located_read(&mut self, core: &mut Core) {
        if self.repair.is_locating
            || self.repair.located.is_empty()
            || self.wants.queue.len() >= WANT_KEYS_MAX
        {
            return;
        }
        let mut at = Vec::new();
        while at.len() < WANT_KEYS_MAX
            && let Some(position) = self.repair.located.pop_first()
        {
            at.push(position);
        }
        self.repair.is_locating = true;
        self.read(core, Length::Small, Read::Located(at));
    }

    pub(super) fn located_take(&mut self, keys: Vec<RecordKey>) {
        self.repair.is_locating = false;
        keys.into_iter().for_each(|key| self.want(key));
    }
}
