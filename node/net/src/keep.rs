//! Keeping named documents for the engine, away from its thread.
//!
//! Invariants: they are kept in the order the engine gave them, durably, and
//! all of one job or none of it; what fails is told, and nothing that was
//! exchanged depends on it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chaski_crdt::author::NodeId;

use crate::replica::Documents;

/// Documents by name: new bytes, or gone.
pub(crate) type Changes = Vec<(String, Option<Vec<u8>>)>;

/// Documents to keep.
#[derive(Debug)]
pub struct KeepJob {
    pub(crate) what: Kept,
    pub(crate) changes: Changes,
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// What is known of peers.
    Peers,
    /// What has come of payloads of a peer.
    Partials(NodeId),
}

/// What became of a job.
#[derive(Debug)]
pub struct KeepDone {
    pub(crate) what: Kept,
    /// Length of the documents.
    pub(crate) bytes: usize,
    pub(crate) failed: Option<String>,
}

impl KeepJob {
    /// Length of the documents.
    pub(crate) fn bytes(&self) -> usize {
        let lengths = self
            .changes
            .iter()
            .map(|(_, bytes)| bytes.as_ref().map_or(0, Vec::len));
        lengths.sum()
    }

    /// Keeps them.
    #[must_use]
    pub fn run(self, documents: &dyn Documents) -> KeepDone {
        // A panic must not end the thread that keeps: what is given to it later would be lost.
        let saved = catch_unwind(AssertUnwindSafe(|| documents.documents_save(&self.changes)));
        let failed = match saved {
            Ok(saved) => saved.err().map(|error| error.to_string()),
            Err(_) => Some("it could not be written".to_owned()),
        };
        KeepDone {
            what: self.what,
            bytes: self.bytes(),
            failed,
        }
    }
}
