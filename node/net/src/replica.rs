//! What replication needs of a store, as a trait: the real one is
//! [`chaski_store::Store`], tests and the simulator may bring their own.
//!
//! Invariants: `commit` is one durable batch, the cursor with its data;
//! everything else only reads, except the named documents of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use chaski_crdt::author::{AuthorId, NodeId, SignedChange, VerifiedChange};
use chaski_crdt::change::ChangeHash;
use chaski_crdt::fingerprint::Fingerprint;
use chaski_crdt::key::RecordKey;
use chaski_crdt::reconcile::ItemId;
use chaski_store::{
    ApplyReport, Context, CursorUpdate, FeedEntry, Filing, Identity, ScopeFilter, Staged, Store, StoreError,
};

/// A store that failed, in words for a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReplicaError(pub String);

/// Result of a replica's operation.
pub type ReplicaResult<T> = Result<T, ReplicaError>;

/// Why a batch was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// More of its changes than may wait are by authors not known as members.
    #[error("more changes than may wait are by authors not known here as members")]
    Awaiting,
    /// The store failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

/// Named documents of a store.
pub trait Documents {
    /// A document kept by name.
    ///
    /// # Errors
    /// When the store fails.
    fn document(&self, name: &str) -> ReplicaResult<Option<Vec<u8>>>;
    /// Keeps and removes documents, all or none; durable on return.
    ///
    /// # Errors
    /// When the store fails.
    fn documents_save(&self, changes: &[(String, Option<Vec<u8>>)]) -> ReplicaResult<()>;
    /// Keeps a document; durable on return.
    ///
    /// # Errors
    /// When the store fails.
    fn document_save(&self, name: &str, bytes: &[u8]) -> ReplicaResult<()> {
        self.documents_save(&[(name.to_owned(), Some(bytes.to_vec()))])
    }
}

impl Documents for Store {
    fn document(&self, name: &str) -> ReplicaResult<Option<Vec<u8>>> {
        self.blob(name).map_err(failed)
    }

    fn documents_save(&self, changes: &[(String, Option<Vec<u8>>)]) -> ReplicaResult<()> {
        self.blobs_put(changes).map_err(failed)
    }
}

/// How much a node holds, what waits in it for a person, and its room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Records held, deleted ones not counted.
    pub records: u64,
    /// Conflicts that wait for a decision.
    pub conflicts: u64,
    /// Bytes free on the disk, if that can be told.
    pub disk_free_bytes: Option<u64>,
}

/// A node's records as replication sees them.
pub trait Replica: Documents + Send + Sync {
    /// Random number of the arrival log.
    fn epoch(&self) -> u64;
    /// Last position of the arrival log.
    fn position(&self) -> u64;
    /// Entries after a position, in order, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    fn feed(&self, after: u64, limit: usize) -> ReplicaResult<Vec<FeedEntry>>;
    /// Number of entries after one position up to and with another.
    ///
    /// # Errors
    /// When the store fails.
    fn feed_count(&self, after: u64, to: u64) -> ReplicaResult<u64>;
    /// Changes of a record that arrived after one position and before another, predecessors first, as far as
    /// one may be given them to whom this filter lets flow.
    ///
    /// # Errors
    /// When the store fails.
    fn changes_between(
        &self,
        key: &RecordKey,
        after: u64,
        before: u64,
        filter: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>>;
    /// As [`Replica::changes_between`], of the one record that an entry of the feed is of.
    ///
    /// # Errors
    /// When the store fails.
    fn changes_of(
        &self,
        entry: &FeedEntry,
        after: u64,
        before: u64,
        filter: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>>;
    /// Where the records of a key (one, as a rule) are filed; none if it is not held.
    ///
    /// # Errors
    /// When the store fails.
    fn filings(&self, key: &RecordKey) -> ReplicaResult<Vec<Filing>>;
    /// Hashes that need not be sent here: accepted, set aside, waiting.
    ///
    /// # Errors
    /// When the store fails.
    fn known(&self, key: &RecordKey) -> ReplicaResult<Vec<ChangeHash>>;
    /// Fingerprint of what a filter admits and the position it holds at.
    ///
    /// # Errors
    /// When the store fails.
    fn fingerprint(&self, filter: &ScopeFilter) -> ReplicaResult<(Fingerprint, u64)>;
    /// Tells every admitted record in the order of the log: its position, its value and its key. One that
    /// moves up meanwhile is told again where it stands then.
    ///
    /// # Errors
    /// When the store fails.
    fn items_each(
        &self,
        filter: &ScopeFilter,
        with: &mut dyn FnMut(u64, ItemId, RecordKey),
    ) -> ReplicaResult<()>;
    /// Merges verified changes of a peer with the records as they stand; writes nothing.
    ///
    /// # Errors
    /// When the store fails.
    fn stage(
        &self,
        peer: &NodeId,
        changes: Vec<(RecordKey, Vec<VerifiedChange>)>,
        cursor: Option<CursorUpdate>,
    ) -> ReplicaResult<Staged>;
    /// Takes in what was staged and its cursor, if any, durably, in one batch.
    ///
    /// # Errors
    /// When the store fails, or more would wait for its author than may: then nothing of it has been
    /// taken in.
    fn commit(&self, staged: Staged) -> Result<ApplyReport, CommitError>;
    /// Changes that wait for their author's certificate.
    fn awaiting(&self) -> u64;
    /// Takes in what waits by these authors, durably.
    ///
    /// # Errors
    /// When the store fails: what it had not come to waits on.
    fn authors_admit(&self, authors: &BTreeSet<NodeId>) -> ReplicaResult<ApplyReport>;
    /// Whether records are refused for want of room on the disk.
    fn is_full(&self) -> bool {
        false
    }
    /// How much is held, as of now; nothing of the records is read for it.
    fn figures(&self) -> Figures;
    /// What was last kept of a peer's cursor.
    ///
    /// # Errors
    /// When the store fails.
    fn cursor(&self, peer: &NodeId) -> ReplicaResult<Option<Vec<u8>>>;
    /// Changes standing in quarantine.
    fn quarantined(&self) -> u64;
    /// The same by the peer they came from.
    ///
    /// # Errors
    /// When the store fails.
    fn quarantined_by(&self) -> ReplicaResult<BTreeMap<NodeId, u64>>;
    /// Highest author sequence accepted of an author; 0 for none.
    fn seen(&self, author: &AuthorId) -> u64;
    /// Highest author sequence accepted of each incarnation of a node.
    ///
    /// # Errors
    /// When the store fails.
    fn incarnations(&self, node: &NodeId) -> ReplicaResult<Vec<(u64, u64)>>;
    /// This node's incarnation and its last author sequence, once it has written.
    fn incarnation(&self) -> Option<(u64, u64)>;
    /// A peer has seen this sequence of this node's incarnation: if that is ahead
    /// of what was written here, the next write takes a new one.
    fn author_seq_heard(&self, incarnation: u64, seq: u64);
    /// Random bytes.
    fn random(&self, out: &mut [u8]);
}

/// A replica shared by the engine and its jobs.
pub type SharedReplica = Arc<dyn Replica>;

/// A [`Store`] as a replica.
pub struct StoreReplica {
    store: Store,
    identity: Identity,
    context: Context,
    /// What [`quarantined_by`] found when so many changes stood aside.
    set_aside: Mutex<(u64, BTreeMap<NodeId, u64>)>,
}

impl StoreReplica {
    /// A store that has an identity.
    ///
    /// # Errors
    /// When it has none yet.
    pub fn new(store: Store) -> ReplicaResult<StoreReplica> {
        let missing = || ReplicaError("the node has no identity yet".to_owned());
        let identity = Identity {
            signing_seed: store.signing_key().ok_or_else(missing)?.to_bytes(),
            network: store.identity().ok_or_else(missing)?.network,
            fingerprint_key: store.fingerprint_secret().ok_or_else(missing)?,
        };
        Ok(StoreReplica {
            store,
            identity,
            context: Context::system("sync"),
            set_aside: Mutex::default(),
        })
    }

    /// Who the store's node is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity.clone()
    }
}

/// Changes of a store that stand in quarantine, by the peer they came from.
pub(crate) fn quarantined_by(store: &Store) -> ReplicaResult<BTreeMap<NodeId, u64>> {
    let mut by = BTreeMap::new();
    // Asked for each page shown: nothing is read where nothing stands aside.
    let standing = usize::try_from(store.quarantined_count()).unwrap_or(usize::MAX);
    if standing == 0 {
        return Ok(by);
    }
    for item in store.quarantine(standing).map_err(failed)? {
        if let Some(peer) = item.peer {
            *by.entry(peer).or_default() += 1;
        }
    }
    Ok(by)
}

pub(crate) fn failed(error: StoreError) -> ReplicaError {
    ReplicaError(error.to_string())
}

impl Replica for StoreReplica {
    fn epoch(&self) -> u64 {
        self.store.log_epoch()
    }

    fn position(&self) -> u64 {
        self.store.position()
    }

    fn feed(&self, after: u64, limit: usize) -> ReplicaResult<Vec<FeedEntry>> {
        self.store.feed(after, limit).map_err(failed)
    }

    fn feed_count(&self, after: u64, to: u64) -> ReplicaResult<u64> {
        self.store.feed_count(after, to).map_err(failed)
    }

    fn changes_between(
        &self,
        key: &RecordKey,
        after: u64,
        before: u64,
        filter: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>> {
        self.store
            .signed_changes_given(key, after, before, filter)
            .map_err(failed)
    }

    fn changes_of(
        &self,
        entry: &FeedEntry,
        after: u64,
        before: u64,
        filter: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>> {
        self.store
            .signed_changes_of(entry, after, before, filter)
            .map_err(failed)
    }

    fn filings(&self, key: &RecordKey) -> ReplicaResult<Vec<Filing>> {
        self.store.filings_of(key).map_err(failed)
    }

    fn known(&self, key: &RecordKey) -> ReplicaResult<Vec<ChangeHash>> {
        self.store.known_hashes(key).map_err(failed)
    }

    fn fingerprint(&self, filter: &ScopeFilter) -> ReplicaResult<(Fingerprint, u64)> {
        self.store.fingerprint(filter).map_err(failed)
    }

    fn items_each(
        &self,
        filter: &ScopeFilter,
        with: &mut dyn FnMut(u64, ItemId, RecordKey),
    ) -> ReplicaResult<()> {
        self.store.fingerprint_each(filter, with).map_err(failed)
    }

    fn stage(
        &self,
        peer: &NodeId,
        changes: Vec<(RecordKey, Vec<VerifiedChange>)>,
        cursor: Option<CursorUpdate>,
    ) -> ReplicaResult<Staged> {
        self.store
            .stage(peer, changes, Vec::new(), cursor)
            .map_err(failed)
    }

    fn commit(&self, staged: Staged) -> Result<ApplyReport, CommitError> {
        let committed = self.store.commit_staged(&self.context, staged);
        committed.map_err(|error| match error {
            StoreError::AwaitingFull => CommitError::Awaiting,
            other => CommitError::Replica(failed(other)),
        })
    }

    fn awaiting(&self) -> u64 {
        self.store.awaiting_count()
    }

    fn authors_admit(&self, authors: &BTreeSet<NodeId>) -> ReplicaResult<ApplyReport> {
        self.store.authors_admit(&self.context, authors).map_err(failed)
    }

    fn is_full(&self) -> bool {
        !self.store.disk_writable()
    }

    fn figures(&self) -> Figures {
        Figures {
            records: self.store.records_count(),
            conflicts: self.store.conflicts_count(),
            disk_free_bytes: self.store.disk_free_bytes(),
        }
    }

    fn cursor(&self, peer: &NodeId) -> ReplicaResult<Option<Vec<u8>>> {
        self.store.cursor(peer).map_err(failed)
    }

    fn quarantined(&self) -> u64 {
        self.store.quarantined_count()
    }

    fn quarantined_by(&self) -> ReplicaResult<BTreeMap<NodeId, u64>> {
        // Asked for each page shown, on the engine's thread: read anew only when it changed.
        let standing = self.store.quarantined_count();
        let mut known = self.set_aside.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != standing {
            *known = (standing, quarantined_by(&self.store)?);
        }
        Ok(known.1.clone())
    }

    fn seen(&self, author: &AuthorId) -> u64 {
        // Unknown counts as nothing seen: the author's own check only looks ahead.
        self.store
            .author_seq_seen(&author.node, author.incarnation)
            .unwrap_or(0)
    }

    fn incarnations(&self, node: &NodeId) -> ReplicaResult<Vec<(u64, u64)>> {
        self.store.incarnations_of(node).map_err(failed)
    }

    fn incarnation(&self) -> Option<(u64, u64)> {
        self.store.incarnation()
    }

    fn author_seq_heard(&self, incarnation: u64, seq: u64) {
        self.store.author_seq_heard(incarnation, seq);
    }

    fn random(&self, out: &mut [u8]) {
        self.store.env().random(out);
    }
}

impl Documents for StoreReplica {
    fn document(&self, name: &str) -> ReplicaResult<Option<Vec<u8>>> {
        self.store.document(name)
    }

    fn documents_save(&self, changes: &[(String, Option<Vec<u8>>)]) -> ReplicaResult<()> {
        self.store.documents_save(changes)
    }
}
