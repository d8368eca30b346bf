//! Taking in a batch, away from the engine: decode and verify on any thread,
//! merge on another while the batch before is committed, commit in order of
//! arrival.
//!
//! Invariants: nothing is merged that is not signed by a member for the record
//! it is filed under; what is signed rightly by somebody not known as one waits,
//! durably, until he is; a refused change is named and blocks nothing else; once a batch of a session could not be committed, none after it is,
//! so a cursor never jumps over what was lost.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use chaski_crdt::author::{NetworkId, NodeId, SignedChange, VerifiedChange};
use chaski_crdt::change::ChangeHash;
use chaski_crdt::key::RecordKey;
use chaski_store::{ApplyReport, CursorUpdate, Staged};

use crate::engine::SessionId;
use crate::limits::{REFUSED_CHANGES_MAX, REFUSED_MAX};
use crate::replica::{CommitError, Replica};
use crate::report::Refused;
use crate::wire::{Cursor, Priority};

/// A batch on its way into the store. Run [`ApplyJob::prepare`] and
/// [`Prepared::stage`] anywhere, then [`Merged::commit`] strictly in the order
/// the engine gave the jobs.
#[derive(Debug)]
pub struct ApplyJob {
    pub(crate) session: SessionId,
    pub(crate) peer: NodeId,
    pub(crate) network: NetworkId,
    pub(crate) priority: Priority,
    pub(crate) id: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) authors: Arc<BTreeSet<NodeId>>,
    pub(crate) cursor: Cursor,
    /// Put the cursor only: there is no payload.
    pub(crate) cursor_only: bool,
    /// Leave the cursor as it is: a parcel's is put once its end is known to be the sender's.
    pub(crate) cursor_kept: bool,
    /// Why an earlier batch of the session was not taken in.
    pub(crate) failed: Arc<OnceLock<Failure>>,
    /// The session is over: nobody waits to be told that it is taken in.
    pub(crate) is_over: Arc<AtomicBool>,
    /// Length of the payload as it came.
    pub(crate) payload_bytes: usize,
    /// Whose changes it brought, filled as it is checked.
    pub(crate) brought: BTreeSet<NodeId>,
}

/// Changes that were refused.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    pub(crate) count: u64,
    /// The first of them, for people.
    pub(crate) told: Vec<Refused>,
    /// Which they are, as far as they have a hash and there is room.
    pub(crate) changes: BTreeSet<(RecordKey, ChangeHash)>,
}

impl Refusals {
    /// Adds one; the same again is the same.
    pub(crate) fn add(&mut self, key: &RecordKey, hash: Option<ChangeHash>, reason: String) {
        if hash.is_some_and(|hash| self.changes.contains(&(key.clone(), hash))) {
            return;
        }
        self.count = self.count.saturating_add(1);
        if self.told.len() < REFUSED_MAX {
            self.told.push(Refused {
                record: key.to_string(),
                change: hash.map(|hash| hash.to_string()).unwrap_or_default(),
                reason,
            });
        }
        if let Some(hash) = hash
            && self.changes.len() < REFUSED_CHANGES_MAX
        {
            self.changes.insert((key.clone(), hash));
        }
    }

    /// Adds those of another batch; one that was refused before counts once.
    pub(crate) fn extend(&mut self, more: Refusals) {
        let again = more.changes.intersection(&self.changes).count();
        let again = u64::try_from(again).unwrap_or(u64::MAX);
        self.count = self.count.saturating_add(more.count.saturating_sub(again));
        let room = REFUSED_MAX.saturating_sub(self.told.len());
        let is_new = |one: &Refused| {
            !self
                .told
                .iter()
                .any(|told| told.change == one.change && told.record == one.record)
        };
        let told: Vec<_> = more.told.into_iter().filter(is_new).take(room).collect();
        self.told.extend(told);
        let room = REFUSED_CHANGES_MAX.saturating_sub(self.changes.len());
        self.changes.extend(more.changes.into_iter().take(room));
    }

    /// These have come rightly after all.
    pub(crate) fn heal(&mut self, come: &[(RecordKey, ChangeHash)]) {
        for change in come {
            if self.changes.remove(change) {
                self.count = self.count.saturating_sub(1);
                let (record, hash) = (change.0.to_string(), change.1.to_string());
                self.told.retain(|one| one.record != record || one.change != hash);
            }
        }
    }
}

/// A verified batch.
#[derive(Debug)]
pub struct Prepared {
    job: ApplyJob,
    changes: Vec<(RecordKey, Vec<VerifiedChange>)>,
    /// Rightly signed, by authors not known as members.
    awaiting: Vec<(RecordKey, Vec<VerifiedChange>)>,
    refused: Refusals,
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
    refused: Refusals,
    read: (u64, u64),
    verify_us: u64,
    merge_us: u64,
}

/// What became of a batch.
#[derive(Debug)]
pub struct Applied {
    pub(crate) session: SessionId,
    pub(crate) peer: NodeId,
    pub(crate) priority: Priority,
    pub(crate) id: u32,
    pub(crate) cursor: Cursor,
    pub(crate) cursor_only: bool,
    /// The authors that were known.
    pub(crate) authors: Arc<BTreeSet<NodeId>>,
    pub(crate) report: ApplyReport,
    pub(crate) refused: Refusals,
    /// Records and changes in the payload.
    pub(crate) read: (u64, u64),
    pub(crate) failure: Option<Failure>,
    pub(crate) payload_bytes: usize,
    pub(crate) verify_us: u64,
    pub(crate) commit_us: u64,
    /// Whose changes it held, members' alone.
    pub(crate) brought: BTreeSet<NodeId>,
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
    /// More changes than may wait are by authors not known as members: it was not taken in, and comes again.
    Awaiting,
}

impl Failure {
    fn of(error: CommitError, replica: &dyn Replica) -> Failure {
        match error {
            CommitError::Awaiting => Failure::Awaiting,
            CommitError::Replica(error) if replica.is_full() => Failure::Full(error.to_string()),
            CommitError::Replica(error) => Failure::Store(error.to_string()),
        }
    }
}

impl ApplyJob {
    /// A batch that came in a parcel: no session waits for it and no cursor goes with it.
    pub(crate) fn of_parcel(
        peer: NodeId,
        network: NetworkId,
        payload: Vec<u8>,
        authors: Arc<BTreeSet<NodeId>>,
    ) -> ApplyJob {
        ApplyJob {
            session: 0,
            peer,
            network,
            priority: Priority::Repair,
            id: 0,
            payload_bytes: payload.len(),
            payload,
            authors,
            cursor: Cursor::default(),
            cursor_only: false,
            cursor_kept: true,
            failed: Arc::default(),
            is_over: Arc::default(),
            brought: BTreeSet::new(),
        }
    }

    /// It is not taken in.
    #[must_use]
    pub(crate) fn leave(self) -> Applied {
        Applied {
            session: self.session,
            peer: self.peer,
            priority: self.priority,
            id: self.id,
            cursor: self.cursor,
            cursor_only: self.cursor_only,
            authors: self.authors,
            report: ApplyReport::default(),
            refused: Refusals::default(),
            read: (0, 0),
            failure: Some(Failure::Store("its session is over".to_owned())),
            brought: BTreeSet::new(),
            payload_bytes: self.payload_bytes,
            verify_us: 0,
            commit_us: 0,
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
            awaiting: Vec::new(),
            refused: Refusals::default(),
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
        let mut awaiting = Vec::new();
        for change in changes {
            let author = change.author.node;
            let is_member = self.job.authors.contains(&author);
            match change.into_verified(&self.job.network, &key) {
                Ok(change) if is_member => {
                    self.job.brought.insert(author);
                    verified.push(change);
                }
                Ok(change) => awaiting.push(change),
                Err((change, error)) => self.refused.add(&key, change.hash().ok(), error.to_string()),
            }
        }
        if !awaiting.is_empty() {
            self.awaiting.push((key.clone(), awaiting));
        }
        if !verified.is_empty() {
            self.changes.push((key, verified));
        }
    }

    /// Merges the batch with the records as they stand, and writes nothing.
    #[must_use]
    pub fn stage(self, replica: &dyn Replica) -> Merged {
        let start = Instant::now();
        let job = self.job;
        let staged = if let Some(earlier) = job.failed.get() {
            Err(earlier.clone())
        } else if let Some(reason) = self.malformed {
            Err(Failure::Malformed(reason))
        } else {
            let cursor = (!job.cursor_kept).then(|| CursorUpdate {
                peer: job.peer,
                value: postcard::to_stdvec(&job.cursor).unwrap_or_default(),
            });
            replica
                .stage(&job.peer, self.changes, cursor)
                .map(|staged| staged.with_awaiting(self.awaiting))
                .map_err(|error| Failure::Store(error.to_string()))
        };
        Merged {
            job,
            staged,
            refused: self.refused,
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
        let outcome = if let Some(earlier) = job.failed.get() {
            Err(earlier.clone())
        } else {
            self.staged.and_then(|staged| {
                let committed = replica.commit(staged);
                committed.map_err(|error| Failure::of(error, replica))
            })
        };
        let (report, failure) = match outcome {
            Ok(report) => (report, None),
            Err(failure) => {
                let _ = job.failed.set(failure.clone());
                (ApplyReport::default(), Some(failure))
            }
        };
        Applied {
            session: job.session,
            peer: job.peer,
            priority: job.priority,
            id: job.id,
            cursor: job.cursor,
            cursor_only: job.cursor_only,
            authors: job.authors,
            report,
            refused: self.refused,
            read: self.read,
            failure,
            brought: job.brought,
            payload_bytes: job.payload_bytes,
            verify_us: self.verify_us,
            commit_us: self.merge_us.saturating_add(micros(start)),
        }
    }
}

fn micros(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}
