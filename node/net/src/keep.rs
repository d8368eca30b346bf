//! Keeping for the engine, away from its thread: named documents, what is known
//! of the network's authority, and changes that waited for their authors.
//!
//! Invariants: it is done in the order the engine gave it, durably, and all of
//! one job or none of it; an author's changes are taken in after its certificate
//! is durable; what fails is told, and nothing that was exchanged depends on it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use chaski_crdt::author::NodeId;

use crate::replica::{Replica, ReplicaResult};
use crate::trust::Newest;

/// Documents by name: new bytes, or gone.
pub(crate) type Changes = Vec<(String, Option<Vec<u8>>)>;

/// Something to keep.
#[derive(Debug)]
pub struct KeepJob {
    pub(crate) what: Kept,
    pub(crate) keep: Keep,
}

/// How it is kept.
#[derive(Debug)]
pub(crate) enum Keep {
    /// These documents, changed as they say.
    Documents(Changes),
    /// As a document, unless a later state of it is kept already.
    Newest(Newest, &'static str, Vec<u8>),
    /// By taking in what waits for these authors.
    Admit(Arc<BTreeSet<NodeId>>),
}

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// What is known of peers.
    Peers,
    /// What has come of payloads of a peer.
    Partials(NodeId),
    /// Authority statements, up to the number they were heard under.
    Trust(u64),
    /// Changes whose authors have become known.
    Authors,
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
        match &self.keep {
            Keep::Documents(changes) => {
                let lengths = changes
                    .iter()
                    .map(|(_, bytes)| bytes.as_ref().map_or(0, Vec::len));
                lengths.sum()
            }
            Keep::Newest(_, _, bytes) => bytes.len(),
            Keep::Admit(_) => 0,
        }
    }

    /// Keeps what the job is about.
    #[must_use]
    pub fn run(self, replica: &dyn Replica) -> KeepDone {
        // A panic must not end the thread that keeps: what is given to it later would be lost.
        let saved = catch_unwind(AssertUnwindSafe(|| self.keep(replica)));
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

    fn keep(&self, replica: &dyn Replica) -> ReplicaResult<()> {
        match (&self.keep, self.what) {
            (Keep::Documents(changes), _) => replica.documents_save(changes),
            (Keep::Newest(newest, name, bytes), Kept::Trust(heard)) => {
                newest.keep(heard, || replica.document_save(name, bytes))
            }
            (Keep::Newest(_, name, bytes), _) => replica.document_save(name, bytes),
            (Keep::Admit(authors), _) => replica.authors_admit(authors).map(|_| ()),
        }
    }
}
