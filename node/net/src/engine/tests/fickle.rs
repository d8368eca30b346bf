//! A store that fails when it is told to.

use super::*;
use crate::replica::{CommitError, Documents, Replica, ReplicaError, ReplicaResult};
use chaski_crdt::author::{AuthorId, SignedChange, VerifiedChange};
use chaski_crdt::change::ChangeHash;
use chaski_crdt::fingerprint::Fingerprint;
use chaski_crdt::reconcile::ItemId;
use chaski_store::{ApplyReport, CursorUpdate, FeedEntry, Filing, ScopeFilter, Staged};
use std::sync::atomic::AtomicBool;

/// A store whose documents or batches cannot be written, or in which changes stand aside.
pub(crate) struct Fickle {
    inner: StoreReplica,
    /// No document is kept any more.
    pub(super) documents_fail: AtomicBool,
    /// Batches that can still be taken in.
    pub(super) commits_left: AtomicU64,
    /// The disk has no room.
    pub(super) is_full: AtomicBool,
    /// As much waits for its author as may.
    pub(super) is_waiting_full: AtomicBool,
    /// Changes said to stand in quarantine.
    pub(super) set_aside: AtomicU64,
    /// Records whose changes were read.
    pub(super) records_read: AtomicU64,
    /// How often all records were told.
    pub(super) items_read: AtomicU64,
    /// Pages of the log that were read.
    pub(super) pages_read: AtomicU64,
    /// Records of which it was looked up what is known, each with how often documents had been kept by then.
    pub(crate) looked_up: Mutex<Vec<(String, u64)>>,
    /// How often documents were kept.
    pub(crate) saves: AtomicU64,
    /// The next time documents are to be kept waits until this is told.
    pub(crate) save_waits: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
    /// What somebody does meanwhile, after so many more looks at the sum of the records.
    pub(super) meanwhile: Mutex<Option<(u64, Meanwhile)>>,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

impl Fickle {
    pub(crate) fn of(store: &Store) -> Arc<Fickle> {
        Arc::new(Fickle {
            inner: StoreReplica::new(store.clone()).unwrap(),
            documents_fail: AtomicBool::new(false),
            commits_left: AtomicU64::new(u64::MAX),
            is_full: AtomicBool::new(false),
            is_waiting_full: AtomicBool::new(false),
            set_aside: AtomicU64::new(0),
            records_read: AtomicU64::new(0),
            items_read: AtomicU64::new(0),
            pages_read: AtomicU64::new(0),
            looked_up: Mutex::default(),
            saves: AtomicU64::new(0),
            save_waits: Mutex::default(),
            meanwhile: Mutex::new(None),
        })
    }

    /// A store in which no more may wait.
    pub(super) fn waiting_full(store: &Store) -> Arc<Fickle> {
        let fickle = Fickle::of(store);
        fickle.is_waiting_full.store(true, Ordering::SeqCst);
        fickle
    }
}

fn broken<T>() -> ReplicaResult<T> {
    Err(ReplicaError("the disk is broken".to_owned()))
}

impl Documents for Fickle {
    fn document(&self, name: &str) -> ReplicaResult<Option<Vec<u8>>> {
        self.inner.document(name)
    }

    fn documents_save(&self, changes: &[(String, Option<Vec<u8>>)]) -> ReplicaResult<()> {
        let waits = self.save_waits.lock().unwrap().take();
        if let Some(waits) = waits {
            let _ = waits.recv();
        }
        match self.documents_fail.load(Ordering::SeqCst) {
            true => broken(),
            false => {
                self.inner.documents_save(changes)?;
                self.saves.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        }
    }
}

impl Replica for Fickle {
    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }

    fn feed(&self, after: u64, limit: usize) -> ReplicaResult<Vec<FeedEntry>> {
        self.pages_read.fetch_add(1, Ordering::SeqCst);
        self.inner.feed(after, limit)
    }

    fn feed_count(&self, after: u64, to: u64) -> ReplicaResult<u64> {
        self.inner.feed_count(after, to)
    }

    fn changes_between(
        &self,
        key: &RecordKey,
        after: u64,
        before: u64,
        filter: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>> {
        self.records_read.fetch_add(1, Ordering::SeqCst);
        self.inner.changes_between(key, after, before, filter)
    }

    fn changes_of(
        &self,
        entry: &FeedEntry,
        after: u64,
        before: u64,
        filter: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>> {
        self.records_read.fetch_add(1, Ordering::SeqCst);
        self.inner.changes_of(entry, after, before, filter)
    }

    fn filings(&self, key: &RecordKey) -> ReplicaResult<Vec<Filing>> {
        self.inner.filings(key)
    }

    fn known(&self, key: &RecordKey) -> ReplicaResult<Vec<ChangeHash>> {
        let saves = self.saves.load(Ordering::SeqCst);
        self.looked_up.lock().unwrap().push((key.to_string(), saves));
        self.inner.known(key)
    }

    fn fingerprint(&self, filter: &ScopeFilter) -> ReplicaResult<(Fingerprint, u64)> {
        let waiting = self.meanwhile.lock().unwrap().take();
        match waiting {
            Some((0, act)) => act(),
            Some((left, act)) => *self.meanwhile.lock().unwrap() = Some((left - 1, act)),
            None => {}
        }
        self.inner.fingerprint(filter)
    }

    fn items_each(
        &self,
        filter: &ScopeFilter,
        with: &mut dyn FnMut(u64, ItemId, RecordKey),
    ) -> ReplicaResult<()> {
        self.items_read.fetch_add(1, Ordering::SeqCst);
        self.inner.items_each(filter, with)
    }

    fn stage(
        &self,
        peer: &NodeId,
        changes: Vec<(RecordKey, Vec<VerifiedChange>)>,
        cursor: Option<CursorUpdate>,
    ) -> ReplicaResult<Staged> {
        self.inner.stage(peer, changes, cursor)
    }

    fn commit(&self, staged: Staged) -> Result<ApplyReport, CommitError> {
        if self.is_waiting_full.load(Ordering::SeqCst) && staged.awaiting() > 0 {
            return Err(CommitError::Awaiting);
        }
        match self.commits_left.load(Ordering::SeqCst) {
            _ if self.is_full.load(Ordering::SeqCst) => Ok(broken()?),
            0 => Ok(broken()?),
            left => {
                self.commits_left.store(left - 1, Ordering::SeqCst);
                self.inner.commit(staged)
            }
        }
    }

    fn is_full(&self) -> bool {
        self.is_full.load(Ordering::SeqCst)
    }

    fn awaiting(&self) -> u64 {
        self.inner.awaiting()
    }

    fn authors_admit(&self, authors: &BTreeSet<NodeId>) -> ReplicaResult<ApplyReport> {
        match self.documents_fail.load(Ordering::SeqCst) {
            true => broken(),
            false => self.inner.authors_admit(authors),
        }
    }

    fn figures(&self) -> crate::replica::Figures {
        self.inner.figures()
    }

    fn cursor(&self, peer: &NodeId) -> ReplicaResult<Option<Vec<u8>>> {
        self.inner.cursor(peer)
    }

    fn quarantined(&self) -> u64 {
        self.inner.quarantined() + self.set_aside.load(Ordering::SeqCst)
    }

    fn quarantined_by(&self) -> ReplicaResult<BTreeMap<NodeId, u64>> {
        self.inner.quarantined_by()
    }

    fn seen(&self, author: &AuthorId) -> u64 {
        self.inner.seen(author)
    }

    fn incarnations(&self, node: &NodeId) -> ReplicaResult<Vec<(u64, u64)>> {
        self.inner.incarnations(node)
    }

    fn incarnation(&self) -> Option<(u64, u64)> {
        self.inner.incarnation()
    }

    fn author_seq_heard(&self, incarnation: u64, seq: u64) {
        self.inner.author_seq_heard(incarnation, seq);
    }

    fn random(&self, out: &mut [u8]) {
        self.inner.random(out);
    }
}
