//! Cutting a stream of records into batches of a bounded size.

use super::block::encode;
use super::{BATCH_BYTES_MAX, BLOCK_CHANGES_MAX, BLOCK_RAW_BYTES_MAX, CodecError};
use crate::author::{SIGNATURE_BYTES, SignedChange};
use crate::key::RecordKey;
use std::collections::VecDeque;

/// One encoded batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T> {
    /// What to send; [`super::decode_batch`] reads it.
    pub bytes: Vec<u8>,
    /// The marks of the records whose last change is in this batch, in the
    /// order pushed: when it is acknowledged, so are they.
    pub done: Vec<T>,
    /// How many changes it holds.
    pub changes: usize,
}

struct Pending<T> {
    key: String,
    change: SignedChange,
    /// On a record's last change.
    mark: Option<T>,
}

/// Collects records and gives out batches of at most `bytes_max` bytes, unless
/// a single change is larger. A record with many changes may be spread over
/// several batches.
pub struct BatchEncoder<T> {
    bytes_max: usize,
    pending: VecDeque<Pending<T>>,
    /// Change bytes in `pending`, and what stays uncompressed.
    raw_bytes: usize,
    fixed_bytes: usize,
    /// Compressed bytes for 1,024 raw ones, as the last batch had it.
    ratio_per_1024: usize,
}

impl<T> BatchEncoder<T> {
    /// `bytes_max` is at most [`BATCH_BYTES_MAX`].
    pub fn new(bytes_max: usize) -> BatchEncoder<T> {
        BatchEncoder {
            bytes_max: bytes_max.min(BATCH_BYTES_MAX),
            pending: VecDeque::new(),
            raw_bytes: 0,
            fixed_bytes: 64,
            ratio_per_1024: 110,
        }
    }

    /// Adds a record's changes; `mark` comes back with the batch that
    /// completes them. Without changes the mark rides on what is before it, or
    /// is lost if there is nothing.
    ///
    /// # Errors
    /// [`CodecError`] if a change cannot be encoded; the encoder is then spent.
    pub fn push(
        &mut self,
        key: &RecordKey,
        changes: impl IntoIterator<Item = SignedChange>,
        mark: T,
    ) -> Result<Vec<Batch<T>>, CodecError> {
        let key = key.to_string();
        let mut mark = Some(mark);
        let mut changes = changes.into_iter().peekable();
        let mut batches = Vec::new();
        while let Some(change) = changes.next() {
            self.raw_bytes = self.raw_bytes.saturating_add(change.bytes.len());
            self.fixed_bytes = self.fixed_bytes.saturating_add(SIGNATURE_BYTES);
            let mark = if changes.peek().is_none() {
                mark.take()
            } else {
                None
            };
            self.pending.push_back(Pending {
                key: key.clone(),
                change,
                mark,
            });
            while self.is_full() {
                match self.cut()? {
                    Some(batch) => batches.push(batch),
                    None => break,
                }
            }
        }
        Ok(batches)
    }

    /// Encodes what is left.
    ///
    /// # Errors
    /// As [`BatchEncoder::push`].
    pub fn finish(mut self) -> Result<Vec<Batch<T>>, CodecError> {
        let mut batches = Vec::new();
        while let Some(batch) = self.cut()? {
            batches.push(batch);
        }
        Ok(batches)
    }

    fn is_full(&self) -> bool {
        let compressed = self.raw_bytes.saturating_mul(self.ratio_per_1024) / 1_024;
        compressed.saturating_add(self.fixed_bytes) >= self.bytes_max
            || self.raw_bytes >= BLOCK_RAW_BYTES_MAX / 2
            || self.pending.len() >= BLOCK_CHANGES_MAX
    }

    /// Encodes as many pending changes as fit, at least one.
    fn cut(&mut self) -> Result<Option<Batch<T>>, CodecError> {
        let mut take = self.fitting_raw();
        while take > 0 {
            let bytes = self.encode_first(take)?;
            if bytes.len() <= self.bytes_max || take == 1 {
                return Ok(Some(self.take_first(take, bytes)));
            }
            // A little less than the proportional share, so this ends soon.
            let share = take.saturating_mul(self.bytes_max) / bytes.len();
            take = (share.saturating_mul(15) / 16).clamp(1, take.saturating_sub(1));
        }
        Ok(None)
    }

    /// How many of the first changes stay below the block's raw bound.
    fn fitting_raw(&self) -> usize {
        let mut raw_bytes = 0_usize;
        let within = self.pending.iter().take(BLOCK_CHANGES_MAX).take_while(|pending| {
            raw_bytes = raw_bytes
                .saturating_add(pending.change.bytes.len())
                .saturating_add(256);
            raw_bytes <= BLOCK_RAW_BYTES_MAX
        });
        within.count().max(1).min(self.pending.len())
    }

    fn encode_first(&self, take: usize) -> Result<Vec<u8>, CodecError> {
        let mut records: Vec<(&str, Vec<&SignedChange>)> = Vec::new();
        for pending in self.pending.iter().take(take) {
            match records.last_mut() {
                Some((key, changes)) if *key == pending.key => changes.push(&pending.change),
                _ => records.push((&pending.key, vec![&pending.change])),
            }
        }
        encode(records.iter().map(|(key, changes)| (*key, changes.as_slice())))
    }

    fn take_first(&mut self, take: usize, bytes: Vec<u8>) -> Batch<T> {
        let taken: Vec<Pending<T>> = self.pending.drain(..take.min(self.pending.len())).collect();
        let raw: usize = taken.iter().map(|pending| pending.change.bytes.len()).sum();
        let fixed = taken.len().saturating_mul(SIGNATURE_BYTES);
        self.raw_bytes = self.raw_bytes.saturating_sub(raw);
        self.fixed_bytes = self.fixed_bytes.saturating_sub(fixed);
        if raw > 16 * 1024 {
            let seen = bytes.len().saturating_sub(fixed).saturating_mul(1_024) / raw;
            // Move a quarter of the way, and never to nothing.
            self.ratio_per_1024 =
                (self.ratio_per_1024.saturating_mul(3).saturating_add(seen) / 4).clamp(16, 1_024);
        }
        let changes = taken.len();
        Batch {
            bytes,
            done: taken.into_iter().filter_map(|pending| pending.mark).collect(),
            changes,
        }
    }
}
