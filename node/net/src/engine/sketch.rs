//! What differs, found by one message: a sketch of what the dialling side holds.
//!
//! The other side tells from it what only one of both holds. It sends what is its own alone, asks for
//! what both hold in other states, and names what it lacks, which then comes unasked. Where the symbols
//! are too few it wants more, and where nothing comes of them, or too much differs, the dialling side
//! goes on with ranges.
//!
//! Invariants: what a sketch says is believed as far as asking and giving go; that both hold the same is
//! said by fingerprints alone; a round has one sketch, of bounded length, and ends by it or by ranges.

use std::collections::BTreeSet;

use chaski_crdt::reconcile::sketch::{self, Decoder, PARITIES_BYTES, SketchDifferences, SketchItem};

use super::Core;
use super::session::{Give, Session};
use crate::limits::{
    GIVES_MAX, SKETCH_RECORDS_MAX, SKETCH_SYMBOLS_FAST, SKETCH_SYMBOLS_MAX, SKETCH_SYMBOLS_SLOW,
};
use crate::wire::{Class, Message, Repair};

impl Session {
    /// Sends symbols from a number on, the first ones or up to another number.
    pub(super) fn sketch_send(&mut self, core: &mut Core, from: usize, to: Option<usize>) {
        let Some(read) = &self.repair.items else { return };
        let salt = self.repair.salt.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            core.replica.random(&mut bytes);
            u64::from_le_bytes(bytes)
        });
        let is_slow = self.send.pace.is_some_and(|pace| !pace.is_fast());
        let first = if is_slow {
            SKETCH_SYMBOLS_SLOW
        } else {
            SKETCH_SYMBOLS_FAST
        };
        // No more can differ than both hold.
        let held = self.proof.peer.map_or(0, |status| status.count);
        let held = usize::try_from(held).unwrap_or(usize::MAX);
        let most = read
            .sketch
            .len()
            .saturating_add(held)
            .saturating_mul(2)
            .saturating_add(8);
        let to = to.unwrap_or(first.min(most));
        let symbols = sketch::symbols(&read.sketch, salt, from..to);
        let parities = match from {
            0 => sketch::parities(&read.sketch, salt).to_vec(),
            _ => Vec::new(),
        };
        (self.repair.salt, self.repair.sent) = (Some(salt), to);
        let step = Repair::Sketch {
            round: self.repair.round,
            salt,
            parities,
            from: u32::try_from(from).unwrap_or(u32::MAX),
            symbols,
        };
        self.say(core, Class::Control, &Message::Repair(step));
    }

    /// The peer wants more symbols, or ranges.
    pub(super) fn more_send(&mut self, core: &mut Core, to: u32) {
        let to = usize::try_from(to).unwrap_or(usize::MAX);
        let sent = self.repair.sent;
        if !self.outbound || !self.repair.active || self.repair.salt.is_none() {
            return;
        }
        // Each walks all items: twice as many are asked for, or none.
        if to < sent.saturating_mul(2) || to > SKETCH_SYMBOLS_MAX {
            self.repair.salt = None;
            self.ranges_begin(core);
            return;
        }
        self.sketch_send(core, sent, Some(to));
    }

    /// Looks for what differs in the peer's sketch.
    pub(super) fn sketch_answer(&mut self, core: &mut Core, step: Repair) {
        let Repair::Sketch { round, .. } = step else {
            return;
        };
        if self.outbound || !self.is_round_read(core, round, &step) {
            return;
        }
        let Repair::Sketch {
            salt,
            parities,
            from,
            symbols,
            ..
        } = step
        else {
            return;
        };
        let (Some(read), true) = (&self.repair.items, self.repair.active) else {
            return;
        };
        if core.has_aside() || symbols.is_empty() {
            return self.more_ask(core, 0);
        }
        let mut decoder = match self.repair.decoder.take() {
            Some(decoder) => decoder,
            None => Box::new(Decoder::new(&read.sketch, salt)),
        };
        if usize::try_from(from) != Ok(decoder.taken()) {
            // It has come before.
            self.repair.decoder = Some(decoder);
            return;
        }
        let found = decoder.add(&read.sketch, &symbols);
        if let Ok(theirs) = <[u8; PARITIES_BYTES]>::try_from(parities.as_slice()) {
            let ours = sketch::parities(&read.sketch, salt);
            self.repair.differ = sketch::estimate(&ours, &theirs);
        }
        match found {
            Ok(Some(differences)) if is_small(&differences) => self.sketch_found(core, &differences),
            Ok(None) => {
                // Twice what it has, or what the estimate takes with some to spare.
                let estimated = self.repair.differ.saturating_mul(2).saturating_add(32);
                let to = estimated.max(decoder.taken().saturating_mul(2));
                self.repair.decoder = Some(decoder);
                self.more_ask(core, to);
            }
            Ok(Some(_)) | Err(_) => self.more_ask(core, 0),
        }
    }

    fn more_ask(&mut self, core: &mut Core, to: usize) {
        let to = if to > SKETCH_SYMBOLS_MAX { 0 } else { to };
        let step = Repair::More {
            round: self.repair.round,
            to: u32::try_from(to).unwrap_or(0),
        };
        self.say(core, Class::Control, &Message::Repair(step));
    }

    fn sketch_found(&mut self, core: &mut Core, differences: &SketchDifferences) {
        let Some(read) = &self.repair.items else { return };
        let names = |items: &[SketchItem]| -> BTreeSet<[u8; 8]> { items.iter().map(|i| i.record).collect() };
        let (ours, theirs) = (names(&differences.ours), names(&differences.theirs));
        let only_ours = ours.difference(&theirs).filter_map(|name| read.names.get(name));
        let gives: Vec<_> = only_ours.cloned().collect();
        let both = ours.intersection(&theirs).filter_map(|name| read.names.get(name));
        let wants: Vec<_> = both.cloned().collect();
        let records = theirs.difference(&ours).copied().collect();
        let round = self.repair.round;
        self.say(
            core,
            Class::Control,
            &Message::Repair(Repair::Lacks { round, records }),
        );
        self.gives_add(gives);
        wants.into_iter().for_each(|key| self.want(key));
        self.round_end();
    }

    /// The peer has found what it lacks.
    pub(super) fn lacks_take(&mut self, records: &[[u8; 8]]) {
        let (Some(read), true) = (&self.repair.items, self.repair.salt.is_some()) else {
            return;
        };
        let gives = records.iter().filter_map(|name| read.names.get(name).cloned());
        let gives: Vec<_> = gives.collect();
        self.gives_add(gives);
        self.round_end();
    }

    fn gives_add(&mut self, keys: Vec<chaski_crdt::key::RecordKey>) {
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
    /// Whether changes wait or stand in quarantine here: a peer that gives what this node seems to lack
    /// would give those again, where a want names them.
    pub(super) fn has_aside(&self) -> bool {
        self.quarantined() > 0 || self.replica.awaiting() > 0
    }
}

/// Whether both can give what only one has without more than a peer may ask for waiting.
fn is_small(differences: &SketchDifferences) -> bool {
    differences.ours.len().max(differences.theirs.len()) <= SKETCH_RECORDS_MAX
}
