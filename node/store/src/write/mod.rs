//! Writing records: prepare beside the writer, install inside it.
//!
//! Invariants: what is costly (merging, signing, compressing, indexing) is prepared
//! against the row as last applied; the writer checks that the row is still that one and
//! prepares again if it is not; a commit is all or nothing.

mod apart;
mod beside;
mod commit;
mod derived;
mod hand;
mod install;
mod kinds;
mod local;
mod prepare;

#[cfg(test)]
pub(crate) use apart::own_ids;
pub(crate) use install::{Stale, install};
pub(crate) use prepare::{Prepared, entry_of, prepared};

/// Most writes in one commit.
pub const COMMIT_WRITES_MAX: usize = 2_000;
/// Changes of one record beyond which local writes are refused.
pub const HISTORY_CHANGES_MAX: usize = 5_000;
/// Largest resource written here, in bytes of canonical JSON.
pub const RESOURCE_BYTES_MAX: usize = 8 * 1024 * 1024;
