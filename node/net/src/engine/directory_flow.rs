//! What a session knows of what the peer knows where nodes are reached.

use std::collections::BTreeSet;

/// What a session knows of the other's book.
#[derive(Debug, Default)]
pub(crate) struct DirectoryFlow {
    /// The other understands it.
    pub(super) is_spoken: bool,
    /// The other has, or is being sent, all that was taken in up to `index`.
    pub(super) is_level: bool,
    pub(super) index: u64,
    /// Numbers of what the other has told itself.
    pub(super) theirs: BTreeSet<u64>,
    /// Our sums are said.
    pub(super) has_said_sums: bool,
    /// The other's sums are answered: once a session.
    pub(super) has_answered: bool,
    /// Messages of the other.
    pub(super) heard: u64,
    pub(super) told_ms: Option<u64>,
}
