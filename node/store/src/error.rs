//! What can go wrong, one enum per group of operations.
//!
//! Invariants: no text here carries content of a record; `Display` never prints its
//! source.

use chaski_crdt::key::RecordKey;
use chaski_crdt::version::VersionId;

use crate::kv::KvError;

/// Why a store could not be opened or made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nothing is there.
    #[error("no store in this directory")]
    Missing,
    /// The directory already holds a store.
    #[error("the directory already holds a store")]
    Exists,
    /// The directory holds something else.
    #[error("the directory holds files that are not a store's")]
    Foreign,
    /// One of the store's own files is a symbolic link.
    #[error("{0} is a symbolic link")]
    Linked(&'static str),
    /// Another process has it open.
    #[error("the directory is in use by another process")]
    InUse,
    /// The directory cannot be written to.
    #[error("the directory is read-only")]
    ReadOnly,
    /// The store was written by a newer version.
    #[error("the store has format {found}, this version reads up to {known}")]
    Newer {
        /// The format found.
        found: u32,
        /// The newest format known.
        known: u32,
    },
    /// A part of the store was written by another version, in a form that this one does not read.
    #[error("a stored {what} has form {found}, and this version reads form {known}")]
    Form {
        /// What is stored there.
        what: &'static str,
        /// The number of its form.
        found: u8,
        /// The number that is read.
        known: u8,
    },
    /// No passphrase, words or key file were given.
    #[error("the store is locked: a passphrase, recovery words or key file is needed")]
    NoKey,
    /// What was given opens none of its slots.
    #[error("the key does not open this store")]
    WrongKey,
    /// The key file cannot be read or is no key file: its path and why.
    #[error("the key file cannot be used: {0}")]
    KeyFile(String),
    /// What is there has been damaged.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The disk is full.
    #[error("no space left on the device")]
    DiskFull,
    /// The file system failed.
    #[error("the file system failed: {0}")]
    Io(String),
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The engine below failed.
    #[error("the storage engine failed")]
    Storage(#[source] KvError),
    /// A stored value does not decrypt, decode or agree with the others.
    #[error("a stored {0} is damaged")]
    Damaged(&'static str),
    /// A stored value was written by another version, in a form that this one does not read.
    #[error(
        "a stored {what} has form {found}, and this version reads form {known}: another version wrote it"
    )]
    Form {
        /// What is stored there.
        what: &'static str,
        /// The number of its form.
        found: u8,
        /// The number that is read.
        known: u8,
    },
    /// The disk is full, or below its floor: reading and sending go on.
    #[error("the disk is too full to write")]
    DiskFull,
    /// A cursor is not one of this store.
    #[error("the page cursor is not valid")]
    Cursor,
    /// The node has no identity yet: it was neither initialised nor joined.
    #[error("the node has no identity yet")]
    NoIdentity,
    /// A value is beyond its bound.
    #[error("{0} is beyond its bound")]
    TooLarge(&'static str),
    /// An earlier write failed half-way; the store must be opened again.
    #[error("an earlier write failed: open the store again")]
    Stopped,
    /// Of the changes that wait for their author to be known, one peer, or all of them together, may
    /// deliver only so many: the batch comes again when some have been taken in.
    #[error("as many changes by authors who are not known here wait already as may")]
    AwaitingFull,
    /// A compare-and-set found another value.
    #[error("the value has changed meanwhile")]
    Changed,
}

impl From<KvError> for StoreError {
    fn from(error: KvError) -> StoreError {
        match error {
            KvError::NoSpace => StoreError::DiskFull,
            other => StoreError::Storage(other),
        }
    }
}

/// Why the engine could not be opened.
pub(crate) fn engine_error(error: KvError) -> OpenError {
    open_error(error.into())
}

/// What of the store kept it from being opened.
pub(crate) fn open_error(error: StoreError) -> OpenError {
    match error {
        StoreError::Form { what, found, known } => OpenError::Form { what, found, known },
        StoreError::DiskFull => OpenError::DiskFull,
        StoreError::Storage(KvError::Io(text)) => OpenError::Io(text),
        StoreError::Storage(KvError::InUse) => OpenError::InUse,
        StoreError::Storage(inner) => OpenError::Damaged(inner.to_string()),
        other => OpenError::Damaged(other.to_string()),
    }
}

/// Why a search was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// Reading failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The search would take longer than its time limit.
    #[error("the search is too costly: narrow it, for example by patient")]
    TooCostly,
    /// The sort parameter is not one that can be sorted by.
    #[error("sorting by '{0}' is not supported")]
    Sort(String),
    /// The page cursor is not of this search.
    #[error("the page cursor is not valid")]
    Cursor,
    /// A condition on other records is in the query, and has not been looked up.
    #[error("the condition '{0}' on other records has not been looked up")]
    Chain(String),
}

/// Why one write of a commit was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such record.
    #[error("the record does not exist")]
    NotFound,
    /// The record already exists.
    #[error("the record already exists")]
    Exists,
    /// The record is deleted.
    #[error("the record is deleted")]
    Deleted,
    /// If-Match does not name the current version.
    #[error("the record has changed since")]
    VersionMismatch {
        /// The current one.
        current: Option<VersionId>,
    },
    /// The base version is not one this node has.
    #[error("the base version is not known here")]
    UnknownVersion,
    /// The write would change an element in conflict without resolving it.
    #[error("the element {path} is in conflict: resolve it first")]
    Conflicted {
        /// The element.
        path: String,
    },
    /// A condition matches several records.
    #[error("the condition matches more than one record")]
    MultipleMatches,
    /// A condition matches a record by now, and other writes of the commit may refer to
    /// the one that was to be made.
    #[error("a record that meets the condition was made meanwhile")]
    Matched,
    /// The record's history has reached its bound for local writes.
    #[error("the record's history is full")]
    HistoryFull,
    /// The record is beyond its size bound.
    #[error("the record is too large")]
    TooLarge,
    /// The content cannot be a record, for the reason given (paths only).
    #[error("{0}")]
    Invalid(String),
    /// The condition could not be evaluated.
    #[error("the condition could not be evaluated: {0}")]
    Condition(SearchError),
}

/// Why a commit failed; nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// One of its writes was refused.
    #[error("{refusal}")]
    Refused {
        /// Position of the write in the commit, from 0.
        index: usize,
        /// Its record, when it has a key.
        key: Option<RecordKey>,
        /// Why.
        refusal: Refusal,
    },
    /// More writes than one commit takes.
    #[error("a commit takes at most {max} writes")]
    TooMany {
        /// The bound.
        max: usize,
    },
    /// The store failed or refuses writes.
    #[error(transparent)]
    Store(#[from] StoreError),
}
