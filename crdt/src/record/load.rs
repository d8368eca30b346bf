//! A record from changes that are stored.

use super::held::Record;
use crate::accept::{Entry, Log};
use crate::author::SignedChange;
use crate::barrier::{apply, barrier, decode_bytes};
use crate::body::Body;
use crate::change::Chunk;
use crate::first::First;
use crate::key::RecordKey;
use automerge::{Automerge, Change};
use std::sync::Arc;
use thiserror::Error;

/// Why stored changes make no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum LoadError {
    /// No change at all.
    #[error("the record has no changes")]
    Empty,
    /// A change cannot be decoded.
    #[error("change {0} of the record cannot be decoded")]
    Decode(usize),
    /// A change follows one that is not there.
    #[error("a change of the record follows one that is missing")]
    Missing,
    /// Automerge cannot apply them.
    #[error("the record's changes cannot be applied")]
    Document,
}

impl Record {
    /// Loads a record from this node's own store: the changes were verified
    /// before they were stored and are not verified again.
    ///
    /// # Errors
    /// [`LoadError`] if they do not make a record.
    pub fn load(
        key: RecordKey,
        changes: impl IntoIterator<Item = SignedChange>,
    ) -> Result<Record, LoadError> {
        let mut changes = changes.into_iter().peekable();
        let Some(first) = changes.next() else {
            return Err(LoadError::Empty);
        };
        let first = if changes.peek().is_none() {
            match Record::load_first(&key, first) {
                Ok(record) => return Ok(record),
                Err(first) => first,
            }
        } else {
            first
        };
        let mut waiting: Vec<(Arc<Entry>, Change)> = Vec::new();
        for (at, signed) in std::iter::once(first).chain(changes).enumerate() {
            let change = barrier(|| decode_bytes(&signed.bytes));
            let change = change.flatten().ok_or(LoadError::Decode(at))?;
            let entry = Entry::of_change(signed, &change).ok_or(LoadError::Decode(at))?;
            waiting.push((Arc::new(entry), change));
        }
        let mut log = Log::default();
        let mut decoded = Vec::with_capacity(waiting.len());
        // Stores keep them in order, so one round is the rule.
        while !waiting.is_empty() {
            let before = waiting.len();
            for (entry, change) in std::mem::take(&mut waiting) {
                if entry.deps.iter().all(|dep| log.contains(dep)) {
                    log.push(entry);
                    decoded.push(change);
                } else {
                    waiting.push((entry, change));
                }
            }
            if waiting.len() == before {
                return Err(LoadError::Missing);
            }
        }
        log.decide();
        let doc = barrier(|| {
            let mut doc = Automerge::new();
            decoded.retain(|change| log.is_accepted(&change.hash()));
            apply(&mut doc, decoded).map(|()| doc)
        });
        let body = Body::Document(Box::new(doc.flatten().ok_or(LoadError::Document)?));
        Ok(Record { key, body, log })
    }

    /// A record of one change that is plain to read; else the change is given back.
    #[expect(
        clippy::result_large_err,
        reason = "the change is handed back, not copied; the caller takes it apart at once"
    )]
    fn load_first(key: &RecordKey, signed: SignedChange) -> Result<Record, SignedChange> {
        let Ok(chunk) = Chunk::parse(&signed.bytes) else {
            return Err(signed);
        };
        match First::read(&signed.bytes, &chunk) {
            Some(first) => Ok(Record::of_first(
                key.clone(),
                first,
                Entry::of_chunk(signed, chunk),
            )),
            None => Err(signed),
        }
    }
}
