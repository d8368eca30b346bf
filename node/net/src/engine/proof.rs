//! The proof tier: fingerprints at exchanged positions.
//!
//! Invariants: equality is found by comparing our fingerprint, taken now, with
//! one the peer took after everything it says it sent had been sent, once that
//! has been taken in; only equality, or the peer's word that its feed is
//! covered, moves a cursor without data.

use std::sync::Arc;

use chaski_crdt::change::ChangeHash;
use chaski_crdt::key::RecordKey;
use chaski_store::ScopeFilter;

use super::session::Session;
use super::state::Core;
use crate::limits::EAGER_BATCHES_MAX;
use crate::read::{Length, Read, Sum};
use crate::wire::{Message, Priority, Status};

impl Session {
    /// Notes what the peer says of itself, unless it has said newer things.
    pub(super) fn on_status(&mut self, core: &Core, status: Status) {
        let known = self.proof.pending.or(self.proof.peer);
        let older = known.is_some_and(|known| {
            status.position < known.position
                || status.sent.iter().zip(known.sent).any(|(new, old)| *new < old)
        });
        if !older {
            self.progress_ms = core.now_ms;
            self.proof.pending = Some(status);
            self.proof.is_due = false;
        }
    }

    /// Takes up the peer's status once what it speaks of has been taken in.
    pub(super) fn proof_advance(&mut self, core: &mut Core) {
        let Some(status) = self.proof.pending else {
            return;
        };
        let complete = status
            .sent
            .iter()
            .zip(self.receive.applied)
            .all(|(sent, applied)| *sent <= applied)
            && status.told <= self.authority.received;
        if !complete {
            return;
        }
        if !std::mem::replace(&mut self.proof.is_due, true) {
            self.sum_renew();
        }
        let Some((mine, position)) = self.sum(core) else {
            return;
        };
        self.proof.is_due = false;
        self.proof.pending = None;
        self.proof.peer = Some(status);
        core.peers.counted(&self.peer, status.count);
        self.seen_check(core, status.seen);
        self.authority_prove(core, &status);
        if status.covered {
            self.cursor_complete(core, status.position);
        }
        if mine.sum == status.sum && mine.count == status.count {
            self.proof.equal = Some((position, status.position));
            self.proof.ever = true;
            self.repair.settle();
            if !self.flow.is_in_wider {
                self.cursor_complete(core, status.position);
            }
            self.walks_raise(position);
            self.pieces_forget(core);
            self.refusals_read(core);
            let is_handed_over = self.is_handed_over();
            self.proof.awaits_handing = !is_handed_over;
            let clean = self.is_clean(core) && is_handed_over;
            if mine.count > 0 {
                core.peers.equal(&self.peer, mine.count);
            }
            if !self.flow.is_out_wider {
                core.peers.acked_raise(&self.peer, position);
            }
            core.peers
                .in_sync(&self.peer, clean, position, status.received, core.wall_ms);
        } else {
            self.proof.equal = None;
            self.proof.awaits_handing = false;
            core.peers.in_sync(&self.peer, false, position, 0, core.wall_ms);
        }
    }

    /// What only one of both may hold is with it: equal fingerprints say nothing of that. The
    /// giver's walk to the end of its log does, once all of it is durable at the other.
    pub(super) fn is_handed_over(&self) -> bool {
        let (Some((mine, _)), Some(peer)) = (self.proof.equal, self.proof.peer) else {
            return false;
        };
        let has_given = self.given_at().is_some_and(|at| at >= mine);
        self.flow.is_anything_shared()
            && (!self.flow.is_out_wider || has_given)
            && (!self.flow.is_in_wider || peer.covered)
    }

    /// Position of our log up to which the peer has durably taken what it may be given.
    fn given_at(&self) -> Option<u64> {
        self.covered_at().filter(|_| self.send.in_flight.is_empty())
    }

    /// Where more flows than is compared: remembers what the peer has taken, which no fingerprint
    /// would tell that it lacks, and that both are in sync once that is all.
    pub(super) fn handing_advance(&mut self, core: &mut Core) {
        if !self.flow.is_out_wider {
            return;
        }
        if let Some(at) = self.given_at() {
            core.peers.hand(&self.peer, at);
        }
        if self.proof.awaits_handing && self.is_handed_over() {
            self.proof.awaits_handing = false;
            let position = self.proof.equal.map_or(0, |(mine, _)| mine);
            let clean = self.is_clean(core);
            let heard = self.proof.peer.map_or(0, |status| status.received);
            core.peers
                .in_sync(&self.peer, clean, position, heard, core.wall_ms);
        }
    }

    /// Asks for the peer's state as of now, where a request has joined a session at work: one
    /// whose status may be older than what the peer's users had been told was safe by then.
    pub(super) fn ask_send(&mut self, core: &mut Core) {
        if std::mem::take(&mut self.proof.ask_due) {
            self.proof.ask = self.proof.ask.saturating_add(1);
            self.say(core, Priority::Control, &Message::Ask(self.proof.ask));
        }
    }

    /// Whether the peer has answered the last ask.
    pub(super) fn is_answered(&self) -> bool {
        !self.proof.ask_due && self.proof.peer.map_or(0, |status| status.answers) >= self.proof.ask
    }

    /// Both hold the same records: has it read whether what was refused on the way has come by another.
    fn refusals_read(&mut self, core: &mut Core) {
        let changes = &self.stats.refused.changes;
        if !changes.is_empty() && !self.stats.is_heal_read {
            let changes = changes.iter().cloned().collect();
            self.stats.is_heal_read = true;
            self.read(core, Length::Small, Read::Come(changes));
        }
    }

    /// What of it has come is refused no longer.
    pub(super) fn refusals_heal(&mut self, core: &mut Core, come: &[(RecordKey, ChangeHash)]) {
        self.stats.is_heal_read = false;
        self.stats.refused.heal(come);
        self.in_sync_again(core);
    }

    /// Something else than the records has changed of what being in sync takes.
    pub(super) fn in_sync_again(&mut self, core: &mut Core) {
        if let (Some((position, _)), true) = (self.proof.equal, self.is_handed_over()) {
            let clean = self.is_clean(core);
            let heard = self.proof.peer.map_or(0, |status| status.received);
            core.peers
                .in_sync(&self.peer, clean, position, heard, core.wall_ms);
        }
    }

    /// Nothing stands in quarantine on either side, nothing was refused, and both know the same of the network.
    pub(super) fn is_clean(&self, core: &Core) -> bool {
        core.quarantined() == 0
            && self.is_authority_equal(core)
            && self.stats.refused.count == 0
            && self.proof.peer.is_none_or(|status| status.quarantined == 0)
    }

    /// The sum of what both may hold, and the position of our log at which it holds; none while it
    /// is read.
    pub(super) fn sum(&mut self, core: &mut Core) -> Option<Sum> {
        // Of all it is at hand. Should it not be, the read tells why.
        if self.flow.shared == ScopeFilter::all()
            && let Ok(sum) = core.replica.fingerprint(&ScopeFilter::all())
        {
            return Some(sum);
        }
        let position = core.position;
        let is_of_now = |(_, at): &Sum| *at >= position || self.sums.is_new;
        if let Some(sum) = self.sums.known.filter(is_of_now) {
            return Some(sum);
        }
        if !std::mem::replace(&mut self.sums.is_read, true) {
            self.read(core, Length::Small, Read::Sum(Arc::clone(&self.flow)));
        }
        None
    }

    /// What is known of the sum is older than what it is to speak of.
    fn sum_renew(&mut self) {
        self.sums.known = None;
        self.sums.is_stale = self.sums.is_read;
    }

    pub(super) fn sum_take(&mut self, sum: Sum) {
        self.sums.is_read = false;
        if !std::mem::take(&mut self.sums.is_stale) {
            (self.sums.known, self.sums.is_new) = (Some(sum), true);
        }
    }

    /// Our state as of now, with what has been sent; none while the sum is read.
    pub(super) fn status_now(&mut self, core: &mut Core) -> Option<Status> {
        let (fingerprint, position) = self.sum(core)?;
        let covered = self.covered_at().is_some_and(|at| at >= position);
        let idle = self.are_wants_answered()
            && self.is_ready_sent()
            && self.wants.queue.is_empty()
            && !self.is_wanting()
            && self.is_receive_idle();
        Some(Status {
            position,
            sum: fingerprint.sum,
            count: fingerprint.count,
            received: self.receive.complete,
            sent: self.send.ids,
            drained: idle && (covered || self.send.suspended || self.withheld),
            covered,
            withheld: self.withheld,
            quarantined: core.quarantined(),
            seen: self.seen,
            answers: self.proof.heard,
            authority: core.trust.digest(),
            statements: core.trust.count(),
            told: self.authority.sent,
            heard: self.authority.received,
        })
    }

    /// Whether somebody waits for the word where this node stands: whoever asks, here or there, or who is
    /// told of members first.
    fn is_waited_for(&self, status: &Status) -> bool {
        self.send.last_status.is_none_or(|last| {
            last.answers != status.answers
                || (last.authority, last.told, last.heard) != (status.authority, status.told, status.heard)
        }) || !self.requests.is_empty()
    }

    /// Says where we stand when there is nothing else to say and it is news.
    pub(super) fn status_send(&mut self, core: &mut Core) {
        // What is said of the statements is to be true after a power cut as well.
        let may = core.is_trust_kept()
            && self.send.in_flight.len() <= EAGER_BATCHES_MAX
            && self.are_wants_answered()
            && self.is_ready_sent()
            && self.wants.queue.is_empty()
            && !self.is_wanting()
            && self.is_receive_idle()
            && self.proof.pending.is_none()
            && (self.withheld || self.send.suspended || self.covered_at().is_some());
        if !may {
            return;
        }
        let Some(status) = self.status_now(core) else {
            return;
        };
        if !status.drained {
            return;
        }
        if let (Some((mine, _)), Some(last)) = (self.proof.equal, self.send.last_status)
            && mine != status.position
            && last.sum != status.sum
        {
            // We have moved on since both were equal.
            self.proof.equal = None;
        }
        let is_news = match self.send.last_status {
            None => true,
            Some(last) => {
                let state = |s: &Status| (s.position, s.sum, s.count, s.received, s.quarantined, s.withheld);
                let authority = |s: &Status| (s.authority, s.told, s.heard);
                let flow = |s: &Status| (s.sent, s.drained, s.covered);
                let settled = self.proof.equal.is_some();
                let asked = last.answers != status.answers;
                // Where more flows than is compared, the peer waits for the word that it has all.
                let told = settled && !(self.flow.is_out_wider && last.covered != status.covered);
                asked
                    || state(&last) != state(&status)
                    || authority(&last) != authority(&status)
                    || (!told && flow(&last) != flow(&status))
            }
        };
        if is_news && (self.is_waited_for(&status) || self.mesh.may_tell(core.now_ms)) {
            self.send.last_status = Some(status);
            self.say(core, Priority::Control, &Message::Status(status));
            if !self.outbound {
                self.health_join(core);
            }
        }
    }
}
