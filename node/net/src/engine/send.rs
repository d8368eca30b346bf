//! The steady tier's sending side: walk the feed from the receiver's cursor.
//!
//! What is sent is read elsewhere ([`crate::read`]): one read of the feed and
//! one of what was asked for are out at a time, none that would have to be
//! thrown away because there is no room for what it finds.
//!
//! Invariants: what was read is sent in the order of the log; nothing is sent
//! beyond the window; nothing at all to a peer whose grant is over.

use std::collections::VecDeque;
use std::sync::Arc;

use super::close::CloseReason;
use super::event::Effect;
use super::session::{Give, Ready, Session, Walk};
use super::state::Core;
use crate::limits::{
    EAGER_BATCHES_MAX, HELD_BACK_POSITIONS_MAX, SMALL_READ_POSITIONS_MAX, WANT_KEYS_MAX, WINDOW_BATCHES_MAX,
    WINDOW_BYTES_MAX,
};
use crate::read::{Answer, FeedWalk, Filled, Length, Payload, Read, ReadJob, Relay, Size};
use crate::wire::{Ack, Batch, Message, Priority};

impl Session {
    /// Sends what is ready while the window is open, and has more read where there is room for it.
    pub(super) fn pump(&mut self, core: &mut Core) {
        if self.withheld {
            self.ready_withhold();
        } else if self.send.awaits_held {
            return;
        }
        self.ready_send(core, Priority::Repair);
        self.given_tell(core);
        for priority in Priority::FEED {
            self.ready_send(core, priority);
        }
        self.gives_read(core);
        self.feed_read(core);
    }

    /// Sends what is ready of a priority. Each has its own window: an attachment on a slow link holds up
    /// nothing but attachments.
    fn ready_send(&mut self, core: &mut Core, priority: Priority) {
        while self.is_window_open(core, priority)
            && let Some(ready) = self.ready_take(priority)
        {
            self.batch_send(core, priority, ready);
        }
    }

    fn is_window_open(&self, core: &Core, priority: Priority) -> bool {
        let (batches, bytes) = self.in_flight(priority);
        batches < WINDOW_BATCHES_MAX && bytes < self.window_bytes(core, priority)
    }

    /// Batches and bytes of a priority sent and not yet acknowledged.
    fn in_flight(&self, priority: Priority) -> (usize, usize) {
        let of_priority = self.send.in_flight.iter().filter(|(of, ..)| *of == priority);
        of_priority.fold((0, 0), |(batches, bytes), (_, _, length)| {
            (batches.saturating_add(1), bytes.saturating_add(*length))
        })
    }

    /// Whether something larger than a window must wait for another such to arrive.
    fn must_wait(&self, raw_bytes: usize) -> bool {
        let is_under_way = |(_, _, length): &(Priority, u32, usize)| *length > WINDOW_BYTES_MAX;
        raw_bytes > WINDOW_BYTES_MAX && self.send.in_flight.iter().any(is_under_way)
    }

    fn ready_of(&mut self, priority: Priority) -> Option<&mut VecDeque<Ready>> {
        priority
            .data_index()
            .and_then(|index| self.send.ready.get_mut(index))
    }

    fn has_ready(&self, priority: Priority) -> bool {
        let queue = priority.data_index().and_then(|index| self.send.ready.get(index));
        queue.is_some_and(|queue| !queue.is_empty())
    }

    fn ready_take(&mut self, priority: Priority) -> Option<Ready> {
        let raw_bytes = self.ready_of(priority)?.front()?.payload.raw_bytes;
        if self.must_wait(raw_bytes) {
            return None;
        }
        self.ready_of(priority)?.pop_front()
    }

    fn batch_send(&mut self, core: &mut Core, priority: Priority, ready: Ready) {
        let Some(id) = priority
            .data_index()
            .and_then(|index| self.send.ids.get_mut(index))
        else {
            return;
        };
        *id = id.saturating_add(1);
        let id = *id;
        let Ready { payload, from, base } = ready;
        self.stats.sent_records += u64::try_from(payload.records).unwrap_or(u64::MAX);
        let batch = Batch {
            id,
            from,
            to: payload.to,
            base,
            authority: self.authority.sent,
            payload: payload.bytes.to_vec(),
        };
        let bytes = if self.send.in_pieces && batch.payload.len() > self.batch_bytes(core) {
            self.pieces_send(core, priority, batch)
        } else {
            self.say(core, priority, &Message::Batch(batch))
        };
        self.send.in_flight.push_back((priority, id, bytes));
    }

    /// The peer's grant is over: what was read for it is not sent, and is read again should it be
    /// given anything more.
    fn ready_withhold(&mut self) {
        for (index, queue) in self.send.ready.iter_mut().enumerate() {
            if let (Some(first), Some(walk)) = (queue.front(), self.send.walks.get_mut(index)) {
                *walk = Walk {
                    position: first.from,
                    base: first.base,
                    ..Walk::default()
                };
            }
            queue.clear();
        }
    }

    /// Has the next batch read of each priority that has room for one.
    fn feed_read(&mut self, core: &mut Core) {
        if self.withheld || self.send.suspended || self.send.is_feed_read {
            return;
        }
        let end = core.position;
        let mut walks = Vec::new();
        let may_hold = self.mesh.may_hold(core.now_ms);
        let mut held = false;
        for (index, priority) in Priority::FEED.into_iter().enumerate() {
            let is_due = self.is_window_open(core, priority) && !self.has_ready(priority);
            let under_way = self.in_flight(priority).0;
            let mut relay = if is_due {
                self.elsewhere(core, priority)
            } else {
                Relay::default()
            };
            let is_held = relay.until.is_some() || !relay.unsure.is_empty();
            held |= is_held;
            if is_held && !may_hold {
                (relay.until, relay.unsure) = (None, Vec::new());
            }
            let Some(walk) = self.send.walks.get_mut(index) else {
                continue;
            };
            // What was read to the log's end may have been read before something was written.
            if !is_due || walk.exhausted.is_some_and(|at| at >= end) {
                continue;
            }
            if relay.until.is_some_and(|until| until <= walk.position) {
                // It may come to the peer from a neighbour: a moment is waited.
                continue;
            }
            let ahead = end.saturating_sub(walk.position);
            if ahead == 0 {
                *walk = Walk::ended(walk.position);
            } else if under_way < EAGER_BATCHES_MAX || walk.is_more || ahead > HELD_BACK_POSITIONS_MAX {
                walks.push(FeedWalk {
                    priority,
                    from: walk.position,
                    base: walk.base,
                    relay,
                });
            }
            // Little by little: otherwise it fills until an acknowledgement comes.
        }
        self.mesh.hold(held, core.now_ms);
        let Some(first) = walks.iter().map(|walk| walk.from).min() else {
            return;
        };
        self.send.is_feed_read = true;
        let read = Read::Feed {
            peer: self.peer,
            flow: Arc::clone(&self.flow),
            proven: self.send.proven,
            walks,
            shared: core.shared.clone(),
        };
        let length = match end.saturating_sub(first) {
            ..=SMALL_READ_POSITIONS_MAX => Length::Small,
            _ => Length::Long,
        };
        self.read(core, length, read);
    }

    /// Has the next of the records read that were asked for.
    fn gives_read(&mut self, core: &mut Core) {
        if self.send.is_give_read
            || self.has_ready(Priority::Repair)
            || !self.is_window_open(core, Priority::Repair)
        {
            return;
        }
        let mut wanted = Vec::new();
        while wanted.len() < WANT_KEYS_MAX
            && let Some(Give::Record(..)) = self.send.gives.front()
            && let Some(Give::Record(key, have)) = self.send.gives.pop_front()
        {
            wanted.push((key, have));
        }
        if wanted.is_empty() {
            return;
        }
        self.send.is_give_read = true;
        self.send.give_read_hashes = wanted.iter().map(|(_, have)| have.len()).sum();
        let read = Read::Give {
            flow: Arc::clone(&self.flow),
            withheld: self.withheld,
            wanted,
        };
        self.read(core, Length::Small, read);
    }

    pub(super) fn read(&self, core: &mut Core, length: Length, read: Read) {
        core.effects.push(Effect::Read(Box::new(ReadJob {
            session: self.id,
            is_over: Arc::clone(&self.is_over),
            length,
            is_after_kept: matches!(&read, Read::Meet(meet) if !meet.partials.is_empty()),
            size: Size {
                bytes: self.batch_bytes(core),
                ratio: self.send.ratio,
            },
            read,
        })));
    }

    pub(super) fn feed_take(&mut self, filled: Vec<Filled>, ratio: usize) {
        self.send.is_feed_read = false;
        self.send.ratio = ratio;
        filled.into_iter().for_each(|filled| self.filled_take(filled));
    }

    /// Takes what was read of the feed, unless the walk has been raised meanwhile.
    fn filled_take(&mut self, filled: Filled) {
        let Filled {
            walk: asked,
            to,
            is_end,
            payloads,
        } = filled;
        let index = asked.priority.data_index();
        let Some(walk) = index.and_then(|index| self.send.walks.get_mut(index)) else {
            return;
        };
        if (walk.position, walk.base) != (asked.from, asked.base) {
            return;
        }
        if is_end && payloads.is_empty() {
            *walk = Walk::ended(to);
            return;
        }
        (walk.position, walk.is_more) = (to, !is_end);
        self.ready_add(asked.priority, payloads, asked.from, asked.base);
    }

    pub(super) fn answer_take(&mut self, answer: Answer, ratio: usize) {
        (self.send.is_give_read, self.send.give_read_hashes) = (false, 0);
        self.send.ratio = ratio;
        for (key, have) in answer.left.into_iter().rev() {
            self.send.gives.push_front(Give::Record(key, have));
        }
        answer.lacked.into_iter().for_each(|key| self.want(key));
        self.ready_add(Priority::Repair, answer.payloads, 0, 0);
    }

    fn ready_add(&mut self, priority: Priority, payloads: Vec<Payload>, from: u64, base: u64) {
        let mut at = from;
        let ready = payloads.into_iter().map(|payload| {
            let from = at;
            at = payload.to.max(at);
            Ready { payload, from, base }
        });
        if let Some(queue) = self.ready_of(priority) {
            queue.extend(ready);
        }
    }

    /// Says which wants have been answered in full.
    fn given_tell(&mut self, core: &mut Core) {
        while !self.send.is_give_read
            && !self.has_ready(Priority::Repair)
            && let Some(Give::End(want)) = self.send.gives.front()
        {
            let want = *want;
            self.send.gives.pop_front();
            let last = self.send.ids.last().copied().unwrap_or(0);
            self.say(core, Priority::Control, &Message::Given(want, last));
        }
    }

    /// Whether all wants of the peer are answered.
    pub(super) fn are_wants_answered(&self) -> bool {
        self.send.gives.is_empty() && !self.send.is_give_read
    }

    pub(super) fn on_ack(&mut self, core: &mut Core, ack: &Ack) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        let mut kept = VecDeque::new();
        for (priority, id, length) in self.send.in_flight.drain(..) {
            let applied = priority
                .data_index()
                .and_then(|i| ack.applied.get(i))
                .copied()
                .unwrap_or(0);
            if id > applied {
                kept.push_back((priority, id, length));
            } else {
                self.send.arrived = self.send.arrived.saturating_add(1);
            }
        }
        self.send.in_flight = kept;
        Ok(())
    }

    /// Whether the feed has been sent in full; at which position.
    pub(super) fn covered_at(&self) -> Option<u64> {
        if self.withheld || self.send.suspended || !self.is_ready_sent() {
            return None;
        }
        let mut at = u64::MAX;
        for walk in &self.send.walks {
            at = at.min(walk.exhausted?);
        }
        Some(at)
    }

    /// Marks the feed as known to the peer up to a position (proven equal).
    pub(super) fn walks_raise(&mut self, position: u64) {
        self.send.suspended = false;
        if self.flow.is_out_wider {
            self.send.proven = self.send.proven.max(position);
            return;
        }
        for walk in &mut self.send.walks {
            if walk.position <= position {
                walk.position = position;
                walk.base = walk.base.max(position);
                walk.exhausted = None;
            }
        }
    }
}
