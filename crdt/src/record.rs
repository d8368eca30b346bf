//! One record: its signed changes, its document, and what both say.
//!
//! Invariants:
//! - the document holds exactly the accepted changes ([`crate::accept`]);
//! - reading never fails and never depends on order of arrival: a [`View`] is a
//!   value and its issues;
//! - writes ([`write`]) are puts at the heads the writer read; a write that
//!   fails leaves the record as it was.

mod resolve;
mod write;

pub use resolve::Choice;
pub use write::{HISTORY_CHANGES_MAX, WriteError, with_labels};

use crate::accept::{Entry, Log};
use crate::author::{AuthorId, SignedChange};
use crate::change::{ACTOR_BYTES, ChangeHash, Chunk};
use crate::conflict::Conflict;
use crate::decode::Issue;
use crate::first::First;
use crate::hlc::{Hlc, Message};
use crate::key::RecordKey;
use crate::merge::{apply, barrier, decode_bytes, survives};
use crate::policy::Policy;
use crate::state::{Origin, Source, State};
use crate::tree::Tree;
use crate::version::{VersionId, begins};
use automerge::{Automerge, Change};
use chaski_json::Json;
use std::collections::BTreeSet;
use std::sync::Arc;
use thiserror::Error;

/// What a record's accepted changes come to.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Document(Box<Automerge>),
    /// The log holds one change, and this is it; or none, and this says nothing.
    First(First),
}

/// A record. Cheap to hold for a moment (≈ 18 KB), never for a population.
#[derive(Debug, Clone)]
pub struct Record {
    pub(crate) key: RecordKey,
    pub(crate) body: Body,
    pub(crate) log: Log,
}

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

/// A record as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The record with the safer readings applied. Of a deleted record, what
    /// it last said.
    pub json: Json,
    /// Whether the record is deleted (and nobody edited it meanwhile).
    pub deleted: bool,
    /// What waits for a person, by path.
    pub conflicts: Vec<Conflict>,
    /// Ordinary registers with concurrent values: the newest is shown, nobody
    /// needs to act.
    pub concurrent: Vec<Conflict>,
    /// What could not be read.
    pub issues: Vec<Issue>,
}

/// One change in a record's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeInfo {
    /// Its hash.
    pub hash: ChangeHash,
    /// The changes it directly follows.
    pub deps: Vec<ChangeHash>,
    /// Who wrote it.
    pub author: AuthorId,
    /// Its number among its author's changes.
    pub author_seq: u64,
    /// When, by the author's clock.
    pub hlc: Hlc,
    /// User, role, purpose, transaction.
    pub message: Message,
    /// Whether it stands outside the document as evidence of a fork.
    pub evidence: bool,
}

impl Record {
    /// A record of which nothing is known yet: what [`Record::merge`] starts
    /// from when a key arrives for the first time.
    pub fn empty(key: RecordKey) -> Record {
        Record {
            key,
            body: Body::First(First::none()),
            log: Log::default(),
        }
    }

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
            let entry = entry_of(signed, &change).ok_or(LoadError::Decode(at))?;
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

    /// A record of one change, which is what `first` says.
    pub(crate) fn of_first(key: RecordKey, first: First, entry: Entry) -> Record {
        let mut log = Log::default();
        log.push(Arc::new(entry));
        let record = Record {
            key,
            body: Body::First(first),
            log,
        };
        debug_assert!(
            record.is_as_automerge_says(),
            "a first change that Automerge reads otherwise"
        );
        record
    }

    /// Whether Automerge takes in, and reads, what is held as a first change alone.
    fn is_as_automerge_says(&self) -> bool {
        let Body::First(first) = &self.body else {
            return true;
        };
        barrier(|| {
            let doc = self.document()?;
            let told = Tree::read(&doc, None, &|_| Hlc::default());
            (survives(&doc, &self.heads()) && told == first.tree()).then_some(())
        })
        .flatten()
        .is_some()
    }

    /// The document, made for the purpose if there was no need of one yet.
    /// Runs Automerge: to be called behind the barrier.
    pub(crate) fn document(&self) -> Option<Automerge> {
        match &self.body {
            Body::Document(doc) => Some(doc.as_ref().clone()),
            Body::First(_) => {
                let mut doc = Automerge::new();
                let changes = self
                    .log
                    .accepted()
                    .map(|entry| decode_bytes(&entry.signed.bytes))
                    .collect::<Option<Vec<Change>>>()?;
                apply(&mut doc, changes).map(|()| doc)
            }
        }
    }

    /// Its key.
    pub fn key(&self) -> &RecordKey {
        &self.key
    }

    /// Whether nothing is known of it.
    pub fn is_empty(&self) -> bool {
        self.log.len() == 0
    }

    /// The hashes that no accepted change follows, ascending.
    pub fn heads(&self) -> Vec<ChangeHash> {
        match &self.body {
            Body::Document(doc) => doc.get_heads(),
            Body::First(_) => self.log.heads(),
        }
    }

    /// The current version.
    pub fn version(&self) -> VersionId {
        VersionId::of(&self.heads())
    }

    /// The heads of a version; `None` if it is not of this record, or has more
    /// than five heads and is not the current one.
    pub fn heads_of(&self, version: &VersionId) -> Option<Vec<ChangeHash>> {
        let current = self.heads();
        if VersionId::of(&current) == *version {
            return Some(current);
        }
        let mut heads = Vec::new();
        for prefix in version.prefixes()? {
            let mut found = self.log.accepted().filter(|entry| begins(&entry.hash, prefix));
            heads.push(found.next()?.hash);
            if found.next().is_some() {
                return None;
            }
        }
        Some(heads)
    }

    /// Whether a change is here, evidence included.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.log.contains(hash)
    }

    /// Evidence of forks, ascending: with the heads, what makes two copies of a
    /// record equal.
    pub fn evidence(&self) -> Vec<ChangeHash> {
        self.log.evidence().iter().copied().collect()
    }

    /// All signed changes, evidence included, each after those it follows.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &SignedChange> {
        self.log.entries().map(|entry| &entry.signed)
    }

    /// Number of changes, evidence included.
    pub fn change_count(&self) -> usize {
        self.log.len()
    }

    /// The changes that whoever has `heads` lacks, ancestors first, evidence
    /// included.
    pub fn changes_since(&self, heads: &[ChangeHash]) -> Vec<&SignedChange> {
        let known: BTreeSet<ChangeHash> = heads
            .iter()
            .flat_map(|head| self.log.closure(head))
            .map(|entry| entry.hash)
            .collect();
        self.log
            .entries()
            .filter(|entry| !known.contains(&entry.hash))
            .map(|entry| &entry.signed)
            .collect()
    }

    /// The history, ancestors first.
    pub fn history(&self) -> Vec<ChangeInfo> {
        self.log.entries().map(|entry| self.info(entry)).collect()
    }

    /// One change of the history.
    pub fn change(&self, hash: &ChangeHash) -> Option<ChangeInfo> {
        self.log.entry(hash).map(|entry| self.info(entry))
    }

    fn info(&self, entry: &Entry) -> ChangeInfo {
        ChangeInfo {
            hash: entry.hash,
            deps: entry.deps.clone(),
            author: entry.signed.author,
            author_seq: entry.signed.author_seq,
            hlc: entry.hlc,
            message: Message::parse(&entry.message),
            evidence: self.log.evidence().contains(&entry.hash),
        }
    }

    /// The accepted change with the greatest (hybrid time, hash).
    pub fn newest(&self) -> Option<ChangeInfo> {
        self.log
            .accepted()
            .max_by_key(|entry| (entry.hlc, entry.hash))
            .map(|entry| self.info(entry))
    }

    /// The record as it stands.
    pub fn view(&self, policy: &dyn Policy) -> View {
        self.with_source(policy, |source| {
            let state = source.state(None);
            view_of(source, state, &self.heads())
        })
    }

    /// The record as it stood at `heads`; `None` if they are not all here.
    pub fn view_at(&self, heads: &[ChangeHash], policy: &dyn Policy) -> Option<View> {
        let heads = self.checked_heads(heads)?;
        Some(self.with_source(policy, |source| {
            let state = source.state(Some(&heads));
            view_of(source, state, &heads)
        }))
    }

    /// Sorted and without doubles; `None` if any is not in the document.
    fn checked_heads(&self, heads: &[ChangeHash]) -> Option<Vec<ChangeHash>> {
        let heads: BTreeSet<ChangeHash> = heads.iter().copied().collect();
        let known = !heads.is_empty() && heads.iter().all(|head| self.log.is_accepted(head));
        known.then(|| heads.into_iter().collect())
    }

    fn with_source<T>(&self, policy: &dyn Policy, read: impl FnOnce(&Source<'_>) -> T) -> T {
        let time_of = |hash: &ChangeHash| self.log.entry(hash).map(|entry| entry.hlc).unwrap_or_default();
        let origin_of = |hash: &ChangeHash| {
            let entry = self.log.entry(hash)?;
            let Message { user, role, .. } = Message::parse(&entry.message);
            Some(Origin {
                author: entry.signed.author,
                user,
                role,
            })
        };
        let source = Source {
            body: &self.body,
            kind: self.key.kind(),
            policy,
            time_of: &time_of,
            origin_of: &origin_of,
        };
        read(&source)
    }
}

fn view_of(source: &Source<'_>, mut state: State, heads: &[ChangeHash]) -> View {
    let json = source.json(&mut state, heads);
    View {
        json,
        deleted: !state.tree.is_live(),
        conflicts: state.conflicts,
        concurrent: state.concurrent,
        issues: state.issues,
    }
}

fn entry_of(signed: SignedChange, change: &Change) -> Option<Entry> {
    Some(Entry {
        hash: change.hash(),
        deps: change.deps().to_vec(),
        actor: <[u8; ACTOR_BYTES]>::try_from(change.actor_id().to_bytes()).ok()?,
        seq: change.seq(),
        hlc: Hlc::from_time(change.timestamp()),
        message: change.message().unwrap_or_default().to_owned(),
        signed,
    })
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
