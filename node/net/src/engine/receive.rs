//! The steady tier's receiving side: batches in order, jobs, acknowledgements.
//!
//! Invariants: within a priority batches are taken in strictly in the sender's
//! order, whatever order they arrive in; each with the cursor it reaches; an
//! acknowledgement means durable. A batch waits for the authority statements
//! its sender had sent before it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::close::CloseReason;
use super::event::Effect;
use super::session::Session;
use super::state::Core;
use crate::apply::{Applied, ApplyJob, Failure};
use crate::limits::{FULL_WAIT_MS, HELD_BATCHES_MAX, HELD_BYTES_MAX, REFUSED_MAX};
use crate::wire::{Ack, Batch, Cursor, Message, Priority};

impl Session {
    pub(super) fn on_batch(
        &mut self,
        core: &mut Core,
        priority: Priority,
        batch: Batch,
    ) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        let Some(index) = priority.data_index() else {
            return Err(CloseReason::Malformed("changes on the control stream".to_owned()));
        };
        let next = self.receive.next.get(index).copied().unwrap_or(1);
        if batch.id < next {
            return Ok(());
        }
        if self.receive.full.is_some() {
            // Not acknowledged: it comes again when there is room.
            return Ok(());
        }
        let bytes = self.receive.bytes.saturating_add(batch.payload.len());
        if self.receive.held.len() + self.receive.applying >= HELD_BATCHES_MAX || bytes > HELD_BYTES_MAX {
            return Err(CloseReason::Flooding);
        }
        self.receive.bytes = bytes;
        self.receive.held.insert((index, batch.id), batch);
        Ok(())
    }

    /// Gives out jobs for what can be taken in now.
    pub(super) fn receive_ready(&mut self, core: &mut Core) {
        for (index, priority) in Priority::DATA.into_iter().enumerate() {
            while let Some(next) = self.receive.next.get(index).copied() {
                let slot = (index, next);
                let ready = self.is_authority_kept(core)
                    && self
                        .receive
                        .held
                        .get(&slot)
                        .is_some_and(|b| b.authority <= self.authority.received);
                if !ready {
                    break;
                }
                let Some(batch) = self.receive.held.remove(&slot) else {
                    break;
                };
                if let Some(at) = self.receive.next.get_mut(index) {
                    *at = next.saturating_add(1);
                }
                self.job_give(core, priority, batch);
            }
        }
    }

    fn job_give(&mut self, core: &mut Core, priority: Priority, batch: Batch) {
        let index = priority.data_index().unwrap_or(usize::MAX);
        let cursor = &mut self.receive.cursor;
        cursor.scope = self.flow.in_scope;
        if let (Some(position), Some(base)) = (cursor.positions.get_mut(index), cursor.bases.get_mut(index))
            && batch.from <= *position
            && batch.to > *position
        {
            (*position, *base) = (batch.to, batch.base);
        }
        let cursor = self.receive.cursor;
        self.job(core, priority, batch.id, batch.payload, cursor, false);
    }

    fn job(
        &mut self,
        core: &mut Core,
        priority: Priority,
        id: u32,
        payload: Vec<u8>,
        cursor: Cursor,
        cursor_only: bool,
    ) {
        self.receive.applying += usize::from(!cursor_only);
        if !cursor_only {
            core.logs.comes(self.peer);
        }
        core.effects.push(Effect::Apply(Box::new(ApplyJob {
            session: self.id,
            peer: self.peer,
            network: core.network,
            priority,
            id,
            payload_bytes: payload.len(),
            payload,
            authors: Arc::clone(&core.authors_kept),
            cursor,
            cursor_only,
            cursor_kept: false,
            failed: Arc::clone(&self.receive.failed),
            is_over: Arc::clone(&self.is_over),
            brought: BTreeSet::new(),
        })));
    }

    /// Everything of the peer's feed up to here is known to be held.
    pub(super) fn cursor_complete(&mut self, core: &mut Core, position: u64) {
        self.receive.complete = position;
        let cursor = &mut self.receive.cursor;
        cursor.scope = self.flow.in_scope;
        cursor.positions = [position; crate::wire::FEED_PRIORITIES];
        cursor.bases = cursor.positions;
        let cursor = *cursor;
        if cursor != self.receive.durable {
            self.receive.durable = cursor;
            self.job(core, Priority::Control, 0, Vec::new(), cursor, true);
        }
    }

    pub(super) fn on_applied(&mut self, core: &mut Core, mut applied: Applied) -> Result<(), CloseReason> {
        self.receive.applying = self
            .receive
            .applying
            .saturating_sub(usize::from(!applied.cursor_only));
        self.stats.timing.verify_us = self.stats.timing.verify_us.saturating_add(applied.verify_us);
        self.stats.timing.commit_us = self.stats.timing.commit_us.saturating_add(applied.commit_us);
        self.receive.bytes = self.receive.bytes.saturating_sub(applied.payload_bytes);
        match applied.failure {
            Some(Failure::Malformed(reason)) => return Err(CloseReason::Malformed(reason)),
            Some(Failure::Store(reason)) => {
                core.peers.differs(&self.peer);
                return Err(CloseReason::Store(reason));
            }
            Some(full @ (Failure::Full(_) | Failure::Awaiting)) => {
                core.peers.patience(&self.peer);
                // The peer has what is not here, for as long as this lasts.
                core.peers.differs(&self.peer);
                self.receive.held.clear();
                self.pieces_keep(core);
                self.receive.full_ms = core.now_ms;
                self.receive.full = Some(match full {
                    Failure::Awaiting => CloseReason::Awaiting,
                    _ => CloseReason::Full,
                });
                return self.full_check();
            }
            None => {}
        }
        if applied.cursor_only {
            return Ok(());
        }
        self.progress_ms = core.now_ms;
        let index = applied.priority.data_index();
        let positions = |cursor: &Cursor| index.and_then(|i| cursor.positions.get(i)).copied();
        core.logs
            .note(self.peer, &applied, &self.receive.durable, core.now_ms);
        let reaches = positions(&applied.cursor) != positions(&self.receive.durable);
        self.receive.durable = applied.cursor;
        self.pieced_applied(core, applied.priority, applied.id, reaches);
        self.stats.received_records = self.stats.received_records.saturating_add(applied.report.records);
        self.refusals_note(core, &mut applied);
        if applied.report.awaiting > 0 {
            self.awaiting_note(core, &applied);
        }
        for key in applied.report.orphans {
            self.want(key);
        }
        if let Some(at) = applied
            .priority
            .data_index()
            .and_then(|i| self.receive.applied.get_mut(i))
        {
            *at = (*at).max(applied.id);
        }
        let ack = Ack {
            applied: self.receive.applied,
        };
        self.say(core, Priority::Control, &Message::Ack(ack));
        Ok(())
    }

    /// Ends a session that can take nothing in once it has nothing to send either.
    pub(super) fn full_check(&self) -> Result<(), CloseReason> {
        match &self.receive.full {
            Some(reason) if self.covered_at().is_some() && self.send.in_flight.is_empty() => {
                Err(reason.clone())
            }
            _ => Ok(()),
        }
    }

    /// Whether a session that can take nothing in waits in vain: what it has to send goes out only once it has
    /// taken in what the peer has, as in a first sync.
    pub(super) fn is_full_over(&self, now_ms: u64) -> bool {
        let is_sending =
            !self.send.in_flight.is_empty() || (self.covered_at().is_none() && !self.send.suspended);
        self.receive.full.is_some()
            && !is_sending
            && now_ms.saturating_sub(self.receive.full_ms) > FULL_WAIT_MS
    }

    /// Changes wait for their authors.
    fn awaiting_note(&self, core: &mut Core, applied: &Applied) {
        let text = format!(
            "{} changes wait until it is known that their author is a member",
            applied.report.awaiting
        );
        core.notice(self.peer, text);
    }

    fn refusals_note(&mut self, core: &mut Core, applied: &mut Applied) {
        let quarantined = applied.report.quarantined.iter().map(|q| crate::report::Refused {
            record: q.key.to_string(),
            change: q.hash.map(|h| h.to_string()).unwrap_or_default(),
            reason: q.reason.clone(),
        });
        let set_aside = u64::try_from(applied.report.quarantined.len()).unwrap_or(u64::MAX);
        let total = applied.refused.count.saturating_add(set_aside);
        if total == 0 {
            return;
        }
        let refused = std::mem::take(&mut applied.refused);
        let last = refused.told.last().map(|one| one.reason.clone());
        let room = REFUSED_MAX.saturating_sub(self.stats.set_aside.len());
        self.stats.set_aside.extend(quarantined.take(room));
        self.stats.refused.extend(refused);
        let first = self
            .stats
            .set_aside
            .last()
            .map(|one| one.reason.clone())
            .or(last)
            .unwrap_or_default();
        core.notice(
            self.peer,
            format!("{total} changes were refused or set aside: {first}"),
        );
    }
}
