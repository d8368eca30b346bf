//! What differs, found by one message: a sketch of what the dialling side holds.
//!
//! The other side tells from it what only one of both holds. It sends what is its own alone, asks for
//! what both hold in other states, and names what it lacks, which then comes unasked. Where the symbols
//! are too few it wants more, and where nothing comes of them, or too much differs, the dialling side
//! goes on with ranges.
//!
//! Invariants: what a sketch says is believed as far as asking and giving go; that both hold the same is
//! said by fingerprints alone; a round has one sketch, of bounded length, and ends by it or by ranges; of a
//! sketch as many symbols are taken as were asked for, each time at least twice as many as before, so that
//! a round costs no more than a few walks over what is held.

use std::collections::BTreeSet;
use std::ops::Range;

use chaski_crdt::key::RecordKey;
use chaski_crdt::reconcile::sketch::{Decoder, SYMBOL_BYTES};

use super::session::{Give, Session};
use super::state::Core;
use crate::limits::{
    GIVES_MAX, SKETCH_SYMBOLS_FAST, SKETCH_SYMBOLS_MAX, SKETCH_SYMBOLS_MIN, SKETCH_SYMBOLS_SLOW,
};
use crate::read::{Compared, DifferStep};
use crate::wire::{Message, Priority, Repair};

/// Derives the key by which a sketch names records from the network's secret.
const NAMES_CONTEXT: &str = "chaski 2026-11 sketch names v1";
/// Symbols that are asked for where a sketch came with the hello and nothing comes of it: none, nor ranges.
const NOT_NOW: u32 = u32::MAX;

impl Session {
    /// Begins a round with the hello.
    pub(super) fn sketch_ahead(&mut self, core: &mut Core) {
        if !core.has_aside() {
            self.round_begin(self.repair.round.saturating_add(1));
            self.repair.is_ahead = true;
            self.sketch_make(core);
        }
    }

    /// It was of no use: the logs are sent, and what differs after that is found as ever.
    pub(super) fn sketch_withdraw(&mut self) {
        self.repair.settle();
    }

    /// Has the first symbols made of what both may hold.
    pub(super) fn sketch_make(&mut self, core: &mut Core) {
        let mut bytes = [0; 8];
        core.replica.random(&mut bytes);
        self.repair.salt = Some(u64::from_le_bytes(bytes));
        // With the greeting little may be known of the link yet, and whether they serve not at all.
        let is_slow = self
            .send
            .pace
            .map_or(self.repair.is_ahead, |pace| !pace.is_fast());
        let first = if is_slow {
            SKETCH_SYMBOLS_SLOW
        } else {
            SKETCH_SYMBOLS_FAST
        };
        // No more can differ than both hold.
        let theirs = self.proof.peer.map_or(0, |status| status.count);
        let ours = self.send.last_status.map_or(0, |status| status.count);
        let held = usize::try_from(ours.saturating_add(theirs)).unwrap_or(usize::MAX);
        let most = held.saturating_mul(2).saturating_add(SKETCH_SYMBOLS_MIN);
        self.symbols_make(core, 0..first.min(most));
    }

    fn symbols_make(&mut self, core: &mut Core, range: Range<usize>) {
        if let Some(salt) = self.repair.salt {
            let names = core.sketch_names();
            self.differ_read(core, DifferStep::Sketch { names, salt, range });
        }
    }

    /// Sends symbols that have been made.
    pub(super) fn sketch_send(
        &mut self,
        core: &mut Core,
        range: &Range<usize>,
        symbols: Vec<u8>,
        parities: Vec<u8>,
    ) {
        let Some(salt) = self.repair.salt else { return };
        self.repair.sent = range.end;
        let step = Repair::Sketch {
            round: self.repair.round,
            salt,
            parities,
            from: u32::try_from(range.start).unwrap_or(u32::MAX),
            symbols,
        };
        self.say(core, Priority::Control, &Message::Repair(step));
    }

    /// The peer wants more symbols, or ranges.
    pub(super) fn more_send(&mut self, core: &mut Core, to: u32) {
        let to = usize::try_from(to).unwrap_or(usize::MAX);
        let sent = self.repair.sent;
        if !self.is_sketch_looked_at() {
            return;
        }
        if to == usize::try_from(NOT_NOW).unwrap_or(usize::MAX) && self.repair.is_ahead {
            return self.sketch_withdraw();
        }
        // Each walks all items: twice as many are asked for, or none.
        if to < sent.saturating_mul(2) || to > SKETCH_SYMBOLS_MAX {
            self.ranges_read(core);
            return;
        }
        self.symbols_make(core, sent..to);
    }

    /// Whether the peer looks at a sketch of ours: what it says of it is awaited.
    fn is_sketch_looked_at(&self) -> bool {
        self.outbound && self.repair.active && self.repair.salt.is_some() && self.repair.reading.is_none()
    }

    /// Looks for what differs in the peer's sketch.
    pub(super) fn sketch_answer(&mut self, core: &mut Core, step: Repair) {
        let Repair::Sketch {
            round,
            salt,
            parities,
            from,
            symbols,
        } = step
        else {
            return;
        };
        // Who has said hello and no more began the round with it.
        let said = self.proof.pending.or(self.proof.peer);
        let is_ahead = self.repair.round == 0 && !said.is_some_and(|status| status.drained);
        if is_ahead && !self.outbound && (!self.send.suspended || self.proof.equal.is_some()) {
            let step = Repair::More { round, to: NOT_NOW };
            self.say(core, Priority::Control, &Message::Repair(step));
            return;
        }
        if self.outbound || !self.round_enter(round) {
            return;
        }
        if self.repair.is_sketch_over {
            return;
        }
        let decoder = self.repair.decoder.take();
        let decoder = decoder.unwrap_or_else(|| Box::new(Decoder::new(salt)));
        if usize::try_from(from) != Ok(decoder.taken()) {
            // It has come before.
            self.repair.decoder = Some(decoder);
            return;
        }
        if core.has_aside() || !self.is_as_asked(decoder.taken(), symbols.len()) {
            return self.more_ask(core, 0);
        }
        let compare = DifferStep::Compare {
            names: core.sketch_names(),
            salt,
            decoder,
            symbols,
            parities,
        };
        self.differ_read(core, compare);
    }

    /// Whether so many bytes are the symbols that were asked for after so many others, or may be the first of a
    /// sketch. What is not may be one symbol a message, and each would be compared with all that is held.
    fn is_as_asked(&self, taken: usize, bytes: usize) -> bool {
        let symbols = bytes / SYMBOL_BYTES;
        let is_meant = match self.repair.asked {
            Some(to) => taken.checked_add(symbols) == Some(to),
            None => (SKETCH_SYMBOLS_MIN..=SKETCH_SYMBOLS_FAST).contains(&symbols),
        };
        is_meant && bytes.is_multiple_of(SYMBOL_BYTES)
    }

    /// The peer's sketch has been compared with what is held.
    pub(super) fn sketch_compared(
        &mut self,
        core: &mut Core,
        decoder: Box<Decoder>,
        estimate: Option<usize>,
        compared: Compared,
    ) {
        if let Some(estimate) = estimate {
            self.repair.differ = estimate;
        }
        match compared {
            Compared::All { ours, both, theirs } => {
                let step = Repair::Lacks {
                    round: self.repair.round,
                    records: theirs,
                };
                self.say(core, Priority::Control, &Message::Repair(step));
                self.gives_add(ours);
                both.into_iter().for_each(|key| self.want(key));
                self.round_end();
            }
            Compared::Few => {
                // Twice what it has, or what the estimate takes with some to spare.
                let estimated = self.repair.differ.saturating_mul(2).saturating_add(32);
                let to = estimated.max(decoder.taken().saturating_mul(2));
                self.repair.decoder = Some(decoder);
                self.more_ask(core, to);
            }
            Compared::Nothing => self.more_ask(core, 0),
        }
    }

    /// Asks for the symbols up to a number, or for ranges: where that is none, or more than there may be.
    fn more_ask(&mut self, core: &mut Core, to: usize) {
        let to = if to > SKETCH_SYMBOLS_MAX { 0 } else { to };
        self.repair.asked = Some(to);
        self.repair.is_sketch_over = to == 0;
        let step = Repair::More {
            round: self.repair.round,
            to: u32::try_from(to).unwrap_or(0),
        };
        self.say(core, Priority::Control, &Message::Repair(step));
    }

    /// The peer has found what it lacks.
    pub(super) fn lacks_take(&mut self, core: &mut Core, records: Vec<[u8; 8]>) {
        if !self.is_sketch_looked_at() {
            return;
        }
        if records.is_empty() {
            self.round_end();
            return;
        }
        let names = core.sketch_names();
        self.differ_read(core, DifferStep::Named { names, records });
    }

    pub(super) fn gives_add(&mut self, keys: Vec<RecordKey>) {
        // What has no room now differs still, and is found by the next round.
        let room = GIVES_MAX.saturating_sub(self.send.gives.len());
        let gives = keys
            .into_iter()
            .take(room)
            .map(|key| Give::Record(key, BTreeSet::new()));
        self.send.gives.extend(gives);
    }
}

impl Core {
    /// The key under which a sketch names records.
    fn sketch_names(&self) -> [u8; 32] {
        blake3::derive_key(NAMES_CONTEXT, &self.secret)
    }

    /// Whether changes wait or stand in quarantine here: a peer that gives what this node seems to lack
    /// would give those again, where a want names them.
    pub(super) fn has_aside(&self) -> bool {
        self.quarantined() > 0 || self.replica.awaiting() > 0
    }
}
