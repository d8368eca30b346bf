//! Reading the arrival log for a peer, a batch at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_store::FeedEntry;

use super::shared::{Pass, Shared, SharedBatches};
use super::walk::{FeedWalk, Filled, Payload, Size};
use crate::batch::{self, Part, RAW_BYTES_MAX, part_bytes, split};
use crate::engine::Flow;
use crate::limits::{BATCH_RECORDS_MAX, FEED_PAGE_ENTRIES, PAGES_A_READ, WINDOW_BYTES_MAX};
use crate::replica::{Replica, ReplicaError, ReplicaResult};
use crate::wire::Priority;

/// A batch being filled; with each record the log's position it reaches.
#[derive(Default)]
pub(super) struct Filling {
    parts: Vec<Part>,
    reached: Vec<u64>,
    pub(super) raw_bytes: usize,
}

impl Filling {
    pub(super) fn add(&mut self, part: Part, reached: u64) {
        self.raw_bytes += part_bytes(&part);
        self.parts.push(part);
        self.reached.push(reached);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn is_full(&self, raw_target: usize) -> bool {
        self.raw_bytes >= raw_target || self.parts.len() >= BATCH_RECORDS_MAX
    }

    /// Encodes as many of its records as make a batch, at least one; the others are left in it.
    pub(super) fn encode(&mut self, size: &mut Size, to: u64) -> ReplicaResult<Payload> {
        let mut take = self.parts.len();
        loop {
            let parts = self.parts.get(..take).unwrap_or_default();
            let raw_bytes: usize = parts.iter().map(part_bytes).sum();
            let bytes = batch::encode(parts)
                .map_err(|error| ReplicaError(format!("a batch could not be encoded: {error}")))?;
            let ratio = (raw_bytes / bytes.len().max(1)).clamp(1, 24);
            if bytes.len() <= size.bytes || take <= 1 {
                if raw_bytes > 4_096 {
                    size.ratio = (size.ratio * 3 + ratio).div_ceil(4);
                }
                let reached = self.reached.get(take.saturating_sub(1)).copied().unwrap_or(to);
                let is_all = take == self.parts.len();
                self.parts.drain(..take);
                self.reached.drain(..take);
                self.raw_bytes = self.raw_bytes.saturating_sub(raw_bytes);
                return Ok(Payload {
                    bytes: bytes.into(),
                    raw_bytes,
                    records: take,
                    to: if is_all { to } else { reached },
                });
            }
            size.ratio = ratio;
            take = (take * size.bytes / bytes.len() * 15 / 16).clamp(1, take.saturating_sub(1));
        }
    }
}

impl Size {
    /// Uncompressed bytes that are expected to make a batch.
    pub(super) fn raw_target(&self) -> usize {
        self.bytes.saturating_mul(self.ratio).min(RAW_BYTES_MAX)
    }
}

/// How far taking from the log came.
enum Taken {
    /// There may be more.
    More,
    /// Enough for a batch.
    Full,
    /// What follows may be with the peer already.
    Unsure,
    /// A record too large for one batch.
    Large(Vec<Part>),
}

/// The log as one peer is sent it.
pub(super) struct Reading<'a> {
    pub(super) replica: &'a dyn Replica,
    pub(super) peer: NodeId,
    pub(super) flow: Arc<Flow>,
    pub(super) proven: u64,
    pub(super) shared: SharedBatches,
}

/// A batch being read from the log.
struct Read {
    filled: Filled,
    filling: Filling,
    /// Uncompressed bytes that are enough.
    raw_target: usize,
    /// Where a batch begins that others are sent as well.
    next: Option<u64>,
    /// Rows of the log that were looked at.
    rows: u64,
    /// Who brought what of the priority was among them.
    brought: BTreeSet<NodeId>,
}

impl Reading<'_> {
    /// One batch of a priority, if there is anything left in it.
    pub(super) fn fill(&self, walk: FeedWalk, size: &mut Size) -> ReplicaResult<Filled> {
        let pass = Pass {
            priority: walk.priority,
            base: walk.base,
            scope: self.flow.out_scope,
            bytes: size.bytes,
        };
        if !walk.relay.is_nothing() || self.proven > walk.from {
            return Ok(self.read(walk, size, pass)?.filled);
        }
        let turn = self.shared.turn(pass, walk.from);
        if let Some(known) = turn.take(self.replica, &self.peer, &self.flow, size)? {
            return Ok(Filled {
                to: known.to,
                is_end: known.to >= self.replica.position(),
                payloads: known.payloads,
                walk,
            });
        }
        let read = self.read(walk, size, pass)?;
        if !read.brought.contains(&self.peer) {
            turn.put(Shared {
                flow: Arc::clone(&self.flow),
                to: read.filled.to,
                payloads: read.filled.payloads.clone(),
                brought: read.brought,
                rows: read.rows,
                ratio: size.ratio,
            });
        }
        Ok(read.filled)
    }

    fn read(&self, walk: FeedWalk, size: &mut Size, pass: Pass) -> ReplicaResult<Read> {
        let end = self.replica.position();
        let until = walk.relay.until.unwrap_or(u64::MAX);
        let from = walk.from;
        let mut read = Read {
            filled: Filled {
                to: from,
                walk,
                is_end: false,
                payloads: Vec::new(),
            },
            filling: Filling::default(),
            raw_target: size.raw_target(),
            next: self.shared.next(pass, from),
            rows: 0,
            brought: BTreeSet::new(),
        };
        for _ in 0..PAGES_A_READ {
            let mut entries = self.replica.feed(read.filled.to, FEED_PAGE_ENTRIES)?;
            let is_last = entries.len() < FEED_PAGE_ENTRIES;
            let is_cut = entries.last().is_some_and(|last| last.seq > until);
            entries.retain(|entry| entry.seq <= until);
            match self.take(entries, &mut read)? {
                Taken::More if is_cut || (is_last && end > until) => {
                    read.filled.to = read.filled.to.max(until);
                    break;
                }
                Taken::More if is_last => {
                    read.filled.to = read.filled.to.max(end);
                    read.filled.is_end = true;
                    break;
                }
                Taken::More => {}
                Taken::Full | Taken::Unsure => break,
                Taken::Large(parts) => {
                    read.filled.payloads = large(parts, from, read.filled.to, size)?;
                    return Ok(read);
                }
            }
        }
        while !read.filling.is_empty() {
            // More than one batch where it shrank less than expected.
            let payload = read.filling.encode(size, read.filled.to)?;
            read.filled.payloads.push(payload);
        }
        Ok(read)
    }

    /// Takes records of one page of the log until the batch is full.
    fn take(&self, entries: Vec<FeedEntry>, read: &mut Read) -> ReplicaResult<Taken> {
        for entry in entries {
            if read.reaches_next(entry.seq) {
                return Ok(Taken::Full);
            }
            let walk = &read.filled.walk;
            let is_unsure = |node| walk.relay.is_unsure(node, entry.seq);
            if entry.brought_by.is_some_and(is_unsure) {
                return Ok(Taken::Unsure);
            }
            let reached = std::mem::replace(&mut read.filled.to, entry.seq);
            let is_of_priority = Priority::of_kind(entry.key.kind()) == read.filled.walk.priority;
            if is_of_priority {
                read.brought.extend(entry.brought_by);
            }
            if !is_of_priority || self.is_left_out(&entry) {
                read.rows += 1;
                continue;
            }
            let walk = &read.filled.walk;
            let before = self.before(walk, &entry);
            let changes = self
                .replica
                .changes_of(&entry, walk.base, before, &self.flow.out)?;
            if changes.is_empty() {
                read.rows += 1;
                continue;
            }
            let mut parts = split(&entry.key, changes);
            let bytes: usize = parts.iter().map(part_bytes).sum();
            let is_large = parts.len() > 1 || bytes > WINDOW_BYTES_MAX;
            if !read.filling.is_empty() && (is_large || read.filling.raw_bytes + bytes > RAW_BYTES_MAX) {
                // It goes alone, in the next batch.
                read.filled.to = reached;
                return Ok(Taken::Full);
            }
            read.rows += 1;
            if is_large {
                return Ok(Taken::Large(parts));
            }
            if let Some(part) = parts.pop() {
                read.filling.add(part, entry.seq);
            }
            if read.filling.is_full(read.raw_target) {
                return Ok(Taken::Full);
            }
        }
        Ok(Taken::More)
    }

    /// Position before which the changes of a record arrived that are news to the peer: of a record that
    /// it has added to, what it added is none.
    fn before(&self, walk: &FeedWalk, entry: &FeedEntry) -> u64 {
        match entry.brought_by {
            Some(node) if node == self.peer => entry.seq,
            // What is in no fingerprint is never left out on another's word.
            Some(node)
                if walk.relay.is_elsewhere(node, entry.seq) && self.flow.shared.admits(&entry.filing) =>
            {
                entry.seq
            }
            _ => u64::MAX,
        }
    }

    fn is_left_out(&self, entry: &FeedEntry) -> bool {
        entry.source == Some(self.peer)
            || !self.flow.out.reaches(&entry.filing)
            || (entry.seq <= self.proven && self.flow.shared.admits(&entry.filing))
    }
}

impl Read {
    /// Whether the batch ends before a row because one begins there that others are sent as well: those
    /// after it are shared then. Where there is too little for that, it ends earlier, to meet the next.
    fn reaches_next(&mut self, position: u64) -> bool {
        let Some(next) = self.next.filter(|next| *next < position) else {
            return false;
        };
        self.next = None;
        if self.filling.is_empty() {
            return false;
        }
        if self.filling.raw_bytes < self.raw_target / 8 {
            self.raw_target /= 2;
            return false;
        }
        self.filled.to = self.filled.to.max(next);
        true
    }
}

/// A record in several batches: the last one alone reaches the row's position, so a cut between
/// them repeats the record.
pub(super) fn large(parts: Vec<Part>, from: u64, to: u64, size: &mut Size) -> ReplicaResult<Vec<Payload>> {
    let last = parts.len().saturating_sub(1);
    let payloads = parts.into_iter().enumerate().map(|(i, part)| {
        let mut filling = Filling::default();
        let reached = if i == last { to } else { from };
        filling.add(part, reached);
        filling.encode(size, reached)
    });
    payloads.collect()
}
