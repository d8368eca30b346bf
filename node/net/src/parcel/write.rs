//! Writing a parcel: statements, then the arrival log priority by priority.
//!
//! Invariants: as in a session, of a record whose row stands after the start,
//! all changes that arrived after it are written, and a row that moves
//! meanwhile is met again further on; the end says no more than was written;
//! memory is bounded by a batch.

use std::io::Write;

use chaski_crdt::parcel::{End, Head, PRIORITIES, ParcelWriter};

use super::select::Outgoing;
use super::told::{ParcelError, WriteReport, node};
use crate::batch::{Part, part_bytes, split};
use crate::limits::{BATCH_RECORDS_MAX, FEED_PAGE_ENTRIES, STATEMENTS_MESSAGE_BYTES};
use crate::wire::Priority;

/// Uncompressed bytes of changes in one batch, unless a single one is larger. Nothing waits
/// for it as on a line, and more of them compress better.
const RAW_BYTES_TARGET: usize = 1 << 20;
/// Times the log is walked again because it went on while it was read.
const PASSES_MAX: usize = 16;
/// The most statements in one message.
const STATEMENTS_MAX: usize = 1_024;

/// A parcel being written.
struct Writing<'a> {
    from: &'a Outgoing,
    out: &'a mut dyn Write,
    progress: &'a mut dyn FnMut(u64, Option<u64>),
    writer: ParcelWriter,
    report: WriteReport,
    total: Option<u64>,
    parts: Vec<Part>,
    raw_bytes: usize,
    /// How far the log has been written, a priority.
    reached: [u64; PRIORITIES],
}

impl Outgoing {
    /// Writes the parcel; `progress` hears records written and, where known, all.
    ///
    /// # Errors
    /// [`ParcelError::File`] when `out` fails; [`ParcelError::Node`].
    pub fn write(
        self,
        out: &mut dyn Write,
        progress: &mut dyn FnMut(u64, Option<u64>),
    ) -> Result<WriteReport, ParcelError> {
        let replica = &self.access.replica;
        let head = Head {
            sender: self.access.me(),
            made_ms: self.ground.wall_ms,
            epoch: replica.epoch(),
            scope: self.scope,
            from: self.from,
            left_out: self.left_out.is_some(),
            held: self.held()?,
        };
        let recipients: Vec<_> = self.recipients.iter().map(|party| party.node).collect();
        let (writer, begin) = ParcelWriter::begin(
            &self.access.identity.network,
            &self.access.key(),
            &recipients,
            &head,
            &mut |bytes| replica.random(bytes),
        )?;
        // Of what is left out nobody knows how many records it is.
        let all = replica.fingerprint(&self.filter).map_err(node)?.0.count;
        let mut writing = Writing {
            from: &self,
            out,
            progress,
            writer,
            report: WriteReport::default(),
            total: (self.from == [0; PRIORITIES]).then_some(all),
            parts: Vec::new(),
            raw_bytes: 0,
            reached: self.from,
        };
        writing.put(&begin)?;
        writing.statements()?;
        let end = writing.contents()?;
        let Writing {
            writer,
            mut report,
            out,
            ..
        } = writing;
        let bytes = writer.finish(&end)?;
        report.bytes = report.bytes.saturating_add(length(&bytes));
        out.write_all(&bytes).map_err(ParcelError::File)?;
        out.flush().map_err(ParcelError::File)?;
        Ok(report)
    }
}

impl Writing<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ParcelError> {
        self.report.bytes = self.report.bytes.saturating_add(length(bytes));
        self.out.write_all(bytes).map_err(ParcelError::File)
    }

    fn statements(&mut self) -> Result<(), ParcelError> {
        let mut waiting = Vec::new();
        let mut bytes = 0_usize;
        for statement in self.from.ground.trust.statements_after(0) {
            bytes = bytes.saturating_add(statement.len());
            let is_full = bytes > STATEMENTS_MESSAGE_BYTES || waiting.len() >= STATEMENTS_MAX;
            if is_full && !waiting.is_empty() {
                let sealed = self.writer.authority(&std::mem::take(&mut waiting))?;
                self.put(&sealed)?;
                bytes = statement.len();
            }
            waiting.push(statement.clone());
        }
        let sealed = self.writer.authority(&waiting)?;
        self.put(&sealed)
    }

    /// Writes the log until all of it is there, and says what is held then.
    fn contents(&mut self) -> Result<End, ParcelError> {
        let replica = &self.from.access.replica;
        let mut fingerprint;
        let mut position;
        let mut passes = 0;
        loop {
            for (index, priority) in Priority::FEED.into_iter().enumerate() {
                self.priority(index, priority)?;
            }
            (fingerprint, position) = replica.fingerprint(&self.from.shared).map_err(node)?;
            passes += 1;
            // A node that writes faster than this reads has the rest in its next parcel.
            if self.reached.iter().all(|at| *at >= position) || passes >= PASSES_MAX {
                break;
            }
        }
        Ok(End {
            to: self.reached,
            position: position.min(self.reached.iter().copied().min().unwrap_or(0)),
            sum: fingerprint.sum,
            count: fingerprint.count,
            records: self.report.records,
            changes: self.report.changes,
        })
    }

    /// Writes what is left of a priority.
    fn priority(&mut self, index: usize, priority: Priority) -> Result<(), ParcelError> {
        let replica = &self.from.access.replica;
        let Some(base) = self.reached.get(index).copied() else {
            return Ok(());
        };
        let mut at = base;
        loop {
            let end = replica.position();
            let entries = replica.feed(at, FEED_PAGE_ENTRIES).map_err(node)?;
            let is_last = entries.len() < FEED_PAGE_ENTRIES;
            for entry in entries {
                at = entry.seq;
                let is_wanted = Priority::of_kind(entry.key.kind()) == priority
                    && self.from.filter.reaches(&entry.filing)
                    && (entry.source.is_none() || entry.source != self.from.left_out);
                if is_wanted {
                    let changes = replica.changes_of(&entry, base, u64::MAX, &self.from.filter);
                    let changes = changes.map_err(node)?;
                    self.record(split(&entry.key, changes))?;
                }
            }
            if is_last {
                at = at.max(end);
                break;
            }
        }
        self.batch()?;
        if let Some(reached) = self.reached.get_mut(index) {
            *reached = at;
        }
        Ok(())
    }

    fn record(&mut self, parts: Vec<Part>) -> Result<(), ParcelError> {
        self.report.records = self.report.records.saturating_add(u64::from(!parts.is_empty()));
        for part in parts {
            let bytes = part_bytes(&part);
            if self.raw_bytes.saturating_add(bytes) > RAW_BYTES_TARGET {
                self.batch()?;
            }
            self.report.changes = self.report.changes.saturating_add(part.1.len() as u64);
            self.raw_bytes = self.raw_bytes.saturating_add(bytes);
            self.parts.push(part);
            if self.parts.len() >= BATCH_RECORDS_MAX {
                self.batch()?;
            }
        }
        Ok(())
    }

    /// Writes the batch that was filled.
    fn batch(&mut self) -> Result<(), ParcelError> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let payload = crate::batch::encode(&self.parts).map_err(node)?;
        self.parts.clear();
        self.raw_bytes = 0;
        let sealed = self.writer.batch(&payload)?;
        self.put(&sealed)?;
        (self.progress)(self.report.records, self.total);
        Ok(())
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
