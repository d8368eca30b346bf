//! What a bundle is and what became of it.

use chaski_fhir::search::Query;
use chaski_store::{Current, Written};

use crate::record::RecordError;
use crate::record::read::{HistoryPage, SearchPage};

/// Entries a bundle may have.
pub const BUNDLE_ENTRIES_MAX: usize = 20_000;

/// What kind of bundle was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleKind {
    /// All or nothing.
    Transaction,
    /// Each entry for itself.
    Batch,
}

/// What became of one entry.
#[derive(Debug)]
pub enum EntryOutcome {
    /// A record was written, or was there already.
    Written(Written),
    /// A record was deleted, or there was none.
    Deleted(Option<Written>),
    /// A record was read.
    Read(Current),
    /// A version was read.
    Version(Current),
    /// A history was read.
    History(HistoryPage),
    /// A search was done.
    Search(Box<Query>, SearchPage),
}

/// What became of a bundle.
#[derive(Debug)]
pub struct BundleResult {
    /// Whether the bundle was a batch or a transaction.
    pub kind: BundleKind,
    /// One for each entry, in the bundle's order.
    pub entries: Vec<Result<EntryOutcome, RecordError>>,
}
