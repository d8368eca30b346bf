//! What replication needs of a store, as a trait: the real one is
//! [`chaski_store::Store`], tests and the simulator may bring their own.
//!
//! Invariants: `apply` is one durable batch, the cursor with its data;
//! everything else only reads, except the named documents of this crate.

use std::sync::Arc;

use chaski_crdt::author::{AuthorId, VerifiedChange};
use chaski_crdt::change::ChangeHash;
use chaski_crdt::fingerprint::Fingerprint;
use chaski_crdt::key::RecordKey;
use chaski_crdt::reconcile::ItemId;
use chaski_store::types::{ApplyReport, Arrived, CursorUpdate, FeedEntry, ScopeFilter};

/// A store that failed, in words for a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ReplicaError(pub String);

/// Result of a replica's operation.
pub type ReplicaResult<T> = Result<T, ReplicaError>;

/// A node's records as replication sees them.
pub trait Replica: Send + Sync {
    /// Random number of the arrival log.
    fn epoch(&self) -> u64;
    /// Last position of the arrival log.
    fn position(&self) -> u64;
    /// Entries after a position, in order, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    fn feed(&self, after: u64, limit: usize) -> ReplicaResult<Vec<FeedEntry>>;
    /// All accepted changes of a record with the position at which each arrived.
    ///
    /// # Errors
    /// When the store fails.
    fn changes(&self, key: &RecordKey) -> ReplicaResult<Vec<Arrived>>;
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
    /// Every admitted record with its value, in any order.
    ///
    /// # Errors
    /// When the store fails.
    fn items(&self, filter: &ScopeFilter) -> ReplicaResult<Vec<(ItemId, RecordKey)>>;
    /// Takes in verified changes and the cursor, durably, in one batch.
    ///
    /// # Errors
    /// When the store fails: then nothing of it has been taken in.
    fn apply(
        &self,
        changes: Vec<(RecordKey, Vec<VerifiedChange>)>,
        cursor: CursorUpdate,
    ) -> ReplicaResult<ApplyReport>;
    /// What was last kept of a peer's cursor.
    ///
    /// # Errors
    /// When the store fails.
    fn cursor(&self, peer: &chaski_crdt::author::NodeId) -> ReplicaResult<Option<Vec<u8>>>;
    /// Changes standing in quarantine.
    fn quarantined(&self) -> u64;
    /// Highest author sequence accepted of an author; 0 for none.
    fn seen(&self, author: &AuthorId) -> u64;
    /// This node's incarnation and its last author sequence, once it has written.
    fn incarnation(&self) -> Option<(u64, u64)>;
    /// Takes a new incarnation with the next write.
    fn incarnation_renew(&self);
    /// A document kept by name.
    ///
    /// # Errors
    /// When the store fails.
    fn document(&self, name: &str) -> ReplicaResult<Option<Vec<u8>>>;
    /// Keeps a document; durable on return.
    ///
    /// # Errors
    /// When the store fails.
    fn document_save(&self, name: &str, bytes: &[u8]) -> ReplicaResult<()>;
    /// Random bytes.
    fn random(&self, out: &mut [u8]);
}

/// A replica shared by the engine and its jobs.
pub type SharedReplica = Arc<dyn Replica>;
