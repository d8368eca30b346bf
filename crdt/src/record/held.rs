//! The record as it is held: its signed changes and what they come to, with its heads, versions and history.

use crate::accept::{Entry, Log};
use crate::author::{AuthorId, SignedChange};
use crate::barrier::{apply, barrier, decode_bytes, survives};
use crate::body::Body;
use crate::change::ChangeHash;
use crate::first::First;
use crate::hlc::{Hlc, Message};
use crate::key::RecordKey;
use crate::tree::Tree;
use crate::version::{VersionId, begins};
use automerge::{Automerge, Change};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A record. Cheap to hold for a moment (≈ 18 KB), never for a population.
#[derive(Debug, Clone)]
pub struct Record {
    pub(crate) key: RecordKey,
    pub(crate) body: Body,
    pub(crate) log: Log,
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

    /// Sorted and without doubles; `None` if any is not in the document.
    pub(super) fn checked_heads(&self, heads: &[ChangeHash]) -> Option<Vec<ChangeHash>> {
        let heads: BTreeSet<ChangeHash> = heads.iter().copied().collect();
        let known = !heads.is_empty() && heads.iter().all(|head| self.log.is_accepted(head));
        known.then(|| heads.into_iter().collect())
    }
}
