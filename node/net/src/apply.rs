//! Taking in a batch, away from the engine: decode and verify on any thread,
//! merge on another while the batch before is committed, commit in order of
//! arrival.
//!
//! Invariants: nothing reaches the store that is not signed by a member for
//! the record it is filed under; a refused change is named and blocks nothing
//! else; once a batch of a session could not be committed, none after it is,
//! so a cursor never jumps over what was lost.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chaski_crdt::author::{NetworkId, NodeId, SignedChange, VerifiedChange};
use chaski_crdt::key::RecordKey;
use chaski_store::{ApplyReport, CursorUpdate, Staged};

use crate::engine::SessionId;
use crate::limits::REFUSED_MAX;
use crate::replica::Replica;
use crate::report::Refused;
use crate::wire::{Class, Cursor};

/// A batch on its way into the store. Run [`ApplyJob::prepare`] and
/// [`Prepared::stage`] anywhere, then [`Merged::commit`] strictly in the order
/// the engine gave the jobs.
#[derive(Debug)]
pub struct ApplyJob {
    pub(crate) session: SessionId,
    pub(crate) peer: NodeId,
    pub(crate) network: NetworkId,
    pub(crate) class: Class,
    pub(crate) id: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) authors: Arc<BTreeSet<NodeId>>,
    pub(crate) cursor: Cursor,
    /// Put the cursor only: there is no payload.
    pub(crate) cursor_only: bool,
    /// Leave the cursor as it is: a bundle's is put once its end is known to be the sender's.
    pub(crate) cursor_kept: bool,
    pub(crate) failed: Arc<AtomicBool>,
    /// Length of the payload as it came.
    pub(crate) payload_bytes: usize,
}

/// A verified batch.
#[derive(Debug)]
pub struct Prepared {
    job: ApplyJob,
    changes: Vec<(RecordKey, Vec<VerifiedChange>)>,
    refused: Vec<Refused>,
    refused_count: u64,
    malformed: Option<String>,
    /// Records and changes in the payload.
    read: (u64, u64),
    verify_us: u64,
}

/// A batch merged with the records as they stood.
#[derive(Debug)]
pub struct Merged {
    job: ApplyJob,
    staged: Result<Staged, Failure>,
    refused: Vec<Refused>,
    refused_count: u64,
    read: (u64, u64),
    verify_us: u64,
    merge_us: u64,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Applied {
    pub(crate) session: SessionId,
    pub(crate) class: Class,
    pub(crate) id: u32,
    pub(crate) cursor: Cursor,
    pub(crate) cursor_only: bool,
    pub(crate) report: ApplyReport,
    pub(crate) refused: Vec<Refused>,
    pub(crate) refused_count: u64,
    /// Records and changes in the payload.
    pub(crate) read: (u64, u64),
    pub(crate) failure: Option<Failure>,
    pub(crate) payload_bytes: usize,
    pub(crate) verify_us: u64,
    pub(crate) commit_us: u64,
}

/// Why a batch was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It could not be read at all.
    Malformed(String),
    /// The store failed, or an earlier batch of the session did.
    Store(String),
    /// The disk has no room for records; what is to be sent can still be sent.
    Full(String),
}

impl ApplyJob {
    /// A batch that came in a bundle: no session waits for it and no cursor goes with it.
    pub(crate) fn of_bundle(
        peer: NodeId,
        network: NetworkId,
        payload: Vec<u8>,
        authors: Arc<BTreeSet<NodeId>>,
    ) -> ApplyJob {
        ApplyJob {
            session: 0,
            peer,
            network,
            class: Class::Repair,
            id: 0,
            payload_bytes: payload.len(),
            payload,
            authors,
            cursor: Cursor::default(),
            cursor_only: false,
            cursor_kept: true,
            failed: Arc::default(),
        }
    }

    /// Decodes and verifies.
    #[must_use]
    pub fn prepare(mut self) -> Prepared {
        let start = Instant::now();
        let payload = std::mem::take(&mut self.payload);
        let mut prepared = Prepared {
            job: self,
            changes: Vec::new(),
            refused: Vec::new(),
            refused_count: 0,
            malformed: None,
            read: (0, 0),
            verify_us: 0,
        };
        if !prepared.job.cursor_only {
            // A panic here must not pass for a batch that was never sent: the cursor of the next
            // one would jump over it.
            let checked = catch_unwind(AssertUnwindSafe(|| prepared.check(&payload)));
            let failure = checked.unwrap_or_else(|_| Err("it could not be checked".to_owned()));
            prepared.malformed = failure.err();
        }
        prepared.verify_us = micros(start);
        prepared
    }

    /// All steps at once, for drivers without threads.
    #[must_use]
    pub fn run(self, replica: &dyn Replica) -> Applied {
        self.prepare().stage(replica).commit(replica)
    }
}

impl Prepared {
    /// Records in the payload.
    pub(crate) fn records(&self) -> u64 {
        self.read.0
    }

    fn check(&mut self, payload: &[u8]) -> Result<(), String> {
        for (key, changes) in crate::batch::decode(payload)? {
            let count = u64::try_from(changes.len()).unwrap_or(u64::MAX);
            self.read = (self.read.0.saturating_add(1), self.read.1.saturating_add(count));
            self.verify(key, changes);
        }
        Ok(())
    }

    fn verify(&mut self, key: RecordKey, changes: Vec<SignedChange>) {
        let mut verified = Vec::with_capacity(changes.len());
        for change in changes {
            if !self.job.authors.contains(&change.author.node) {
                let hash = change.hash().map(|h| h.to_string()).unwrap_or_default();
                self.refuse(
                    &key,
                    hash,
                    "its author is not a member of this network".to_owned(),
                );
                continue;
            }
            match change.into_verified(&self.job.network, &key) {
                Ok(change) => verified.push(change),
                Err((change, error)) => {
                    let hash = change.hash().map(|h| h.to_string()).unwrap_or_default();
                    self.refuse(&key, hash, error.to_string());
                }
            }
        }
        if !verified.is_empty() {
            self.changes.push((key, verified));
        }
    }

    fn refuse(&mut self, key: &RecordKey, change: String, reason: String) {
        self.refused_count = self.refused_count.saturating_add(1);
        if self.refused.len() < REFUSED_MAX {
            self.refused.push(Refused {
                record: key.to_string(),
                change,
                reason,
            });
        }
    }

    /// Merges.
    #[must_use]
    pub fn stage(self, replica: &dyn Replica) -> Merged {
        let start = Instant::now();
        let job = self.job;
        let staged = if job.failed.load(Ordering::Acquire) {
            Err(after_failure(replica))
        } else if let Some(reason) = self.malformed {
            Err(Failure::Malformed(reason))
        } else {
            let cursor = (!job.cursor_kept).then(|| CursorUpdate {
                peer: job.peer,
                value: postcard::to_stdvec(&job.cursor).unwrap_or_default(),
            });
            replica
                .stage(&job.peer, self.changes, cursor)
                .map_err(|error| Failure::Store(error.to_string()))
        };
        Merged {
            job,
            staged,
            refused: self.refused,
            refused_count: self.refused_count,
            read: self.read,
            verify_us: self.verify_us,
            merge_us: micros(start),
        }
    }
}

impl Merged {
    /// Commits, with the cursor, in one durable batch.
    #[must_use]
    pub fn commit(self, replica: &dyn Replica) -> Applied {
        let start = Instant::now();
        let job = self.job;
        // One before it may have failed since it was merged.
        let outcome = if job.failed.load(Ordering::Acquire) {
            Err(after_failure(replica))
        } else {
            self.staged.and_then(|staged| {
                replica.commit(staged).map_err(|error| match replica.is_full() {
                    true => Failure::Full(error.to_string()),
                    false => Failure::Store(error.to_string()),
                })
            })
        };
        let (report, failure) = match outcome {
            Ok(report) => (report, None),
            Err(failure) => {
                job.failed.store(true, Ordering::Release);
                (ApplyReport::default(), Some(failure))
            }
        };
        Applied {
            session: job.session,
            class: job.class,
            id: job.id,
            cursor: job.cursor,
            cursor_only: job.cursor_only,
            report,
            refused: self.refused,
            refused_count: self.refused_count,
            read: self.read,
            failure,
            payload_bytes: job.payload_bytes,
            verify_us: self.verify_us,
            commit_us: self.merge_us.saturating_add(micros(start)),
        }
    }
}

fn after_failure(replica: &dyn Replica) -> Failure {
    let text = "an earlier batch was not taken in".to_owned();
    if replica.is_full() {
        Failure::Full(text)
    } else {
        Failure::Store(text)
    }
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
