//! The steady tier's sending side: walk the feed from the receiver's cursor.
//!
//! Invariants: of a record whose row is at `seq`, all changes that arrived
//! after the pass's base are sent, so a row that moves during a pass loses
//! nothing; what the peer itself gave is not sent back; nothing is sent beyond
//! the window; nothing at all to a peer whose grant is over.

use std::collections::VecDeque;
use std::time::Instant;

use chaski_store::FeedEntry;

use super::session::{Give, Rest, Session};
use super::{CloseReason, Core, Effect};
use crate::batch::{Part, RAW_BYTES_MAX, part_bytes, split};
use crate::limits::{
    BATCH_RECORDS_MAX, EAGER_BATCHES_MAX, FEED_PAGE_ENTRIES, PAGES_A_TURN, WINDOW_BATCHES_MAX,
    WINDOW_BYTES_MAX,
};
use crate::wire::{Ack, Batch, Class, Message};

/// A batch being filled; with each record the feed position it reaches.
#[derive(Default)]
struct Filling {
    parts: Vec<Part>,
    reached: Vec<u64>,
    raw: usize,
}

impl Filling {
    fn add(&mut self, part: Part, reached: u64) {
        self.raw += part_bytes(&part);
        self.parts.push(part);
        self.reached.push(reached);
    }

    fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

/// How far taking from the feed came.
enum Found {
    /// There may be more.
    More,
    /// Enough for a batch.
    Full,
    /// The feed's end.
    End,
    /// A record too large for one batch.
    Large(Vec<Part>),
}

/// What a batch says of the sender's feed.
#[derive(Clone, Copy, Default)]
struct Covers {
    from: u64,
    to: u64,
    base: u64,
}

impl Session {
    /// Sends while the window is open and something is due.
    pub(super) fn pump(&mut self, core: &mut Core) -> Result<(), CloseReason> {
        if self.withheld {
            self.gives_refuse(core);
            return Ok(());
        }
        if self.send.awaits_held {
            return Ok(());
        }
        let mut pages = PAGES_A_TURN;
        loop {
            let start = Instant::now();
            let sent = self.next_send(core, &mut pages)?;
            self.stats.timing.send_us += u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
            if !sent {
                break;
            }
        }
        Ok(())
    }

    /// Sends one batch of the most urgent class that has one and room for it. Each class has its
    /// own window: an attachment on a slow link holds up nothing but attachments.
    fn next_send(&mut self, core: &mut Core, pages: &mut usize) -> Result<bool, CloseReason> {
        if self.is_window_open(Class::Repair)
            && (self.parts_send(core, Class::Repair)? || self.gives_send(core)?)
        {
            return Ok(true);
        }
        for (index, class) in Class::FEED.into_iter().enumerate() {
            if !self.is_window_open(class) {
                continue;
            }
            let sent = self.parts_send(core, class)?
                || (!self.send.suspended
                    && !self.has_parts(class)
                    && self.class_send(core, index, class, pages)?);
            if sent {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_window_open(&self, class: Class) -> bool {
        let (batches, bytes) = self.in_flight(class);
        batches < WINDOW_BATCHES_MAX && bytes < WINDOW_BYTES_MAX
    }

    /// Batches and bytes of a class sent and not yet acknowledged.
    fn in_flight(&self, class: Class) -> (usize, usize) {
        let of_class = self.send.in_flight.iter().filter(|(of, ..)| *of == class);
        of_class.fold((0, 0), |(batches, bytes), (_, _, length)| {
            (batches.saturating_add(1), bytes.saturating_add(*length))
        })
    }

    /// Whether something larger than a window must wait for another such to arrive.
    fn must_wait(&self, raw_bytes: usize) -> bool {
        let is_under_way = |(_, _, length): &(Class, u32, usize)| *length > WINDOW_BYTES_MAX;
        raw_bytes > WINDOW_BYTES_MAX && self.send.in_flight.iter().any(is_under_way)
    }

    fn parts_of(&mut self, class: Class) -> Option<&mut VecDeque<Rest>> {
        class
            .data_index()
            .and_then(|index| self.send.parts.get_mut(index))
    }

    fn has_parts(&mut self, class: Class) -> bool {
        self.parts_of(class).is_some_and(|parts| !parts.is_empty())
    }

    /// Sends a batch; how many of its records fitted, the others are left out.
    fn batch_send(
        &mut self,
        core: &mut Core,
        class: Class,
        mut filling: Filling,
        covers: Covers,
    ) -> Result<usize, CloseReason> {
        let bound = core.options.batch_bytes;
        let records = filling.parts.len();
        let payload = loop {
            let payload = crate::batch::encode(&filling.parts)
                .map_err(|error| CloseReason::Store(format!("a batch could not be encoded: {error}")))?;
            let ratio = (filling.raw / payload.len().max(1)).clamp(1, 24);
            if payload.len() <= bound || filling.parts.len() <= 1 {
                if filling.raw > 4_096 {
                    self.send.ratio = (self.send.ratio * 3 + ratio).div_ceil(4);
                }
                break payload;
            }
            self.send.ratio = ratio;
            let share = filling.parts.len() * bound / payload.len() * 15 / 16;
            filling.parts.truncate(share.max(1));
            filling.reached.truncate(share.max(1));
            filling.raw = filling.parts.iter().map(part_bytes).sum();
        };
        let fitted = filling.parts.len();
        // What does not fit is read again: the batch reaches only so far.
        let to = if fitted < records {
            filling.reached.last().copied().unwrap_or(covers.from)
        } else {
            covers.to
        };
        let id = match class.data_index().and_then(|index| self.send.ids.get_mut(index)) {
            Some(id) => {
                *id = id.saturating_add(1);
                *id
            }
            None => return Ok(fitted),
        };
        if let Some(walk) = class
            .data_index()
            .and_then(|index| self.send.walks.get_mut(index))
        {
            walk.position = walk.position.max(to);
        }
        self.stats.sent_records += u64::try_from(fitted).unwrap_or(u64::MAX);
        let Covers { from, base, .. } = covers;
        let batch = Batch {
            id,
            from,
            to,
            base,
            authority: self.authority.sent,
            payload,
        };
        let bytes = if self.send.in_pieces && batch.payload.len() > bound {
            self.pieces_send(core, class, batch)
        } else {
            self.say(core, class, &Message::Batch(batch))
        };
        self.send.in_flight.push_back((class, id, bytes));
        Ok(fitted)
    }

    /// Rest of a record too large for one batch: its feed position is reached
    /// with its last part only.
    fn parts_send(&mut self, core: &mut Core, class: Class) -> Result<bool, CloseReason> {
        let bytes = |rest: &Rest| part_bytes(&rest.part);
        let first = self.parts_of(class).and_then(|parts| parts.front().map(bytes));
        if first.is_none_or(|bytes| self.must_wait(bytes)) {
            return Ok(false);
        }
        let Some(rest) = self.parts_of(class).and_then(VecDeque::pop_front) else {
            return Ok(false);
        };
        let mut filling = Filling::default();
        filling.add(rest.part, rest.to);
        let covers = Covers {
            from: rest.from,
            to: rest.to,
            base: rest.base,
        };
        self.batch_send(core, class, filling, covers)?;
        Ok(true)
    }

    /// One batch of a class, if there is anything left in it.
    fn class_send(
        &mut self,
        core: &mut Core,
        index: usize,
        class: Class,
        pages: &mut usize,
    ) -> Result<bool, CloseReason> {
        let Some(walk) = self.send.walks.get(index).copied() else {
            return Ok(false);
        };
        if walk.exhausted.is_some() {
            return Ok(false);
        }
        let end = core.replica.position();
        let mut at = walk.position;
        let mut filling = Filling::default();
        let mut found = Found::More;
        while matches!(found, Found::More) && *pages > 0 {
            *pages -= 1;
            let entries = core.replica.feed(at, FEED_PAGE_ENTRIES).map_err(store)?;
            let last_page = entries.len() < FEED_PAGE_ENTRIES;
            found = self.page_take(core, class, walk.base, entries, &mut at, &mut filling)?;
            if matches!(found, Found::More) && last_page {
                found = Found::End;
            }
        }
        if matches!(found, Found::More) {
            core.effects.push(Effect::Wake);
        }
        if matches!(found, Found::End) {
            at = at.max(end);
        }
        let covers = Covers {
            from: walk.position,
            to: at,
            base: walk.base,
        };
        let hold = matches!(found, Found::End) && self.in_flight(class).0 >= EAGER_BATCHES_MAX;
        if hold && !filling.is_empty() {
            // Little by little: let it fill until an acknowledgement comes.
            return Ok(false);
        }
        match found {
            Found::Large(parts) => {
                self.record_send(class, parts, covers);
                return self.parts_send(core, class);
            }
            Found::End if filling.is_empty() => {
                if let Some(walk) = self.send.walks.get_mut(index) {
                    (walk.position, walk.base, walk.exhausted) = (at, at, Some(at));
                }
                return Ok(false);
            }
            _ => {}
        }
        if filling.is_empty() {
            if let Some(walk) = self.send.walks.get_mut(index) {
                walk.position = at;
            }
            return Ok(false);
        }
        self.batch_send(core, class, filling, covers)?;
        Ok(true)
    }

    /// Takes records of one page of the feed until the batch is full.
    fn page_take(
        &mut self,
        core: &Core,
        class: Class,
        base: u64,
        entries: Vec<FeedEntry>,
        at: &mut u64,
        filling: &mut Filling,
    ) -> Result<Found, CloseReason> {
        let target = core
            .options
            .batch_bytes
            .saturating_mul(self.send.ratio)
            .min(RAW_BYTES_MAX);
        for entry in entries {
            let before = std::mem::replace(at, entry.seq);
            let skip = Class::of_kind(entry.key.kind()) != class
                || entry.source == Some(self.peer)
                || !self.flow.out.admits(&entry.scopes);
            let is_there = entry.seq <= self.send.proven && self.flow.shared.admits(&entry.scopes);
            if skip || is_there {
                continue;
            }
            let mut parts = split(&entry.key, core.replica.changes(&entry.key, base).map_err(store)?);
            let bytes: usize = parts.iter().map(part_bytes).sum();
            let is_large = parts.len() > 1 || bytes > WINDOW_BYTES_MAX;
            if !filling.is_empty() && (is_large || filling.raw + bytes > RAW_BYTES_MAX) {
                // It goes alone, in the next batch.
                *at = before;
                return Ok(Found::Full);
            }
            if is_large {
                return Ok(Found::Large(parts));
            }
            if let Some(part) = parts.pop() {
                filling.add(part, entry.seq);
            }
            if filling.raw >= target || filling.parts.len() >= BATCH_RECORDS_MAX {
                return Ok(Found::Full);
            }
        }
        Ok(Found::More)
    }

    /// A record in several parts: the last one alone reaches the row's
    /// position, so a cut between them repeats the record.
    fn record_send(&mut self, class: Class, parts: Vec<Part>, covers: Covers) {
        let Covers { from, to, base } = covers;
        if let Some(walk) = class
            .data_index()
            .and_then(|index| self.send.walks.get_mut(index))
        {
            walk.position = to;
        }
        let last = parts.len().saturating_sub(1);
        let rests = parts.into_iter().enumerate().map(|(i, part)| {
            let to = if i == last { to } else { from };
            Rest { part, from, to, base }
        });
        if let Some(queue) = self.parts_of(class) {
            queue.extend(rests);
        }
    }

    /// Answers wants, up to a batch.
    fn gives_send(&mut self, core: &mut Core) -> Result<bool, CloseReason> {
        if self.has_parts(Class::Repair) {
            return Ok(false);
        }
        let Some(give) = self.send.gives.pop_front() else {
            return Ok(false);
        };
        let (key, have) = match give {
            Give::End(want) => {
                let last = self.send.ids.last().copied().unwrap_or(0);
                self.say(core, Class::Control, &Message::Given(want, last));
                return Ok(true);
            }
            Give::Record(key, have) => (key, have),
        };
        let target = core
            .options
            .batch_bytes
            .saturating_mul(self.send.ratio)
            .min(RAW_BYTES_MAX);
        let mut filling = Filling::default();
        let mut next = Some((key, have));
        while let Some((key, have)) = next.take() {
            let mut changes = core.replica.changes(&key, 0).map_err(store)?;
            changes.retain(|c| c.hash().is_ok_and(|hash| !have.contains(&short(&hash))));
            let mut parts = split(&key, changes);
            let small = parts.len() == 1 && filling.parts.len() < BATCH_RECORDS_MAX;
            let fits = parts
                .first()
                .is_some_and(|part| filling.raw + part_bytes(part) <= target);
            if small && fits {
                parts.drain(..).for_each(|part| filling.add(part, 0));
            }
            let rest = |part| Rest {
                part,
                from: 0,
                to: 0,
                base: 0,
            };
            if let Some(queue) = self.parts_of(Class::Repair) {
                queue.extend(parts.into_iter().map(rest));
            }
            if !self.has_parts(Class::Repair)
                && let Some(Give::Record(..)) = self.send.gives.front()
                && let Some(Give::Record(key, have)) = self.send.gives.pop_front()
            {
                next = Some((key, have));
            }
        }
        if filling.is_empty() {
            // What is in several parts goes next; of what the asker holds by now, nothing.
            return Ok(true);
        }
        self.repair_batch(core, filling)?;
        Ok(true)
    }

    /// Sends what was asked for, in as many batches as it takes.
    fn repair_batch(&mut self, core: &mut Core, filling: Filling) -> Result<(), CloseReason> {
        let mut parts = filling.parts;
        while !parts.is_empty() {
            let mut next = Filling::default();
            parts.iter().for_each(|part| next.add(part.clone(), 0));
            let fitted = self.batch_send(core, Class::Repair, next, Covers::default())?;
            parts.drain(..fitted.clamp(1, parts.len()));
        }
        Ok(())
    }

    /// A peer that may receive nothing is told so at once.
    fn gives_refuse(&mut self, core: &mut Core) {
        while let Some(give) = self.send.gives.pop_front() {
            if let Give::End(want) = give {
                let last = self.send.ids.last().copied().unwrap_or(0);
                self.say(core, Class::Control, &Message::Given(want, last));
            }
        }
    }

    pub(super) fn on_ack(&mut self, core: &mut Core, ack: &Ack) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        let mut kept = VecDeque::new();
        for (class, id, length) in self.send.in_flight.drain(..) {
            let applied = class
                .data_index()
                .and_then(|i| ack.applied.get(i))
                .copied()
                .unwrap_or(0);
            if id > applied {
                kept.push_back((class, id, length));
            }
        }
        self.send.in_flight = kept;
        Ok(())
    }

    /// Whether the feed has been sent in full; at which position.
    pub(super) fn covered_at(&self) -> Option<u64> {
        if self.withheld || self.send.suspended || !self.are_parts_sent() {
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

/// First 8 bytes of a hash.
pub(super) fn short(hash: &chaski_crdt::change::ChangeHash) -> [u8; 8] {
    hash.0.first_chunk::<8>().copied().unwrap_or_default()
}

pub(super) fn store(error: crate::replica::ReplicaError) -> CloseReason {
    CloseReason::Store(error.to_string())
}
