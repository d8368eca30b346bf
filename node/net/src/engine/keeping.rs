//! What is known of the network's authority, kept away from the engine's thread, and what waits for that.
//!
//! Invariants: of its states the latest is kept, one at a time; whoever a change is by is judged by what is
//! durable; what waited for an author is taken in once its certificate is.

use std::sync::Arc;

use super::{Core, Effect};
use crate::keep::{Keep, KeepJob, Kept};
use crate::trust::{Trust, TrustError};

impl Core {
    /// Something was kept; what waited for it goes on.
    pub(super) fn kept(&mut self, what: Kept) {
        match what {
            Kept::Trust(heard) => {
                self.trust_is_kept(heard);
                self.trust_keep();
            }
            Kept::Authors => {
                self.moved = true;
                // What has come in now stands elsewhere in the logs of those who brought it.
                self.origins.forget();
            }
            Kept::Peers | Kept::Partials(_) => {}
        }
    }

    /// What is known of the network's authority is something else: it is kept and told.
    pub(crate) fn trust_set(&mut self, trust: Trust) {
        self.trust = Arc::new(trust);
        self.authority_moved = true;
        self.trust_keep();
    }

    /// The same, durable on return: for what somebody waits for.
    ///
    /// # Errors
    /// When the store fails: then nothing has changed.
    pub(crate) fn trust_save(&mut self, trust: Trust) -> Result<(), TrustError> {
        let (name, bytes) = trust.stored()?;
        let replica = &self.replica;
        self.newest
            .keep(trust.heard(), || replica.document_save(name, &bytes))?;
        let heard = trust.heard();
        self.trust = Arc::new(trust);
        self.authority_moved = true;
        self.trust_is_kept(heard);
        Ok(())
    }

    fn trust_is_kept(&mut self, heard: u64) {
        self.trust_kept = self.trust_kept.max(heard);
        if self.is_trust_kept() {
            self.authors_kept = self.trust.authors();
            self.authors_admit();
        }
    }

    /// Whether all that was heard of the network's authority is durable.
    pub(crate) fn is_trust_kept(&self) -> bool {
        self.trust_kept >= self.trust.heard()
    }

    /// Has statements kept that are not yet; one state at a time, the latest.
    pub(crate) fn trust_keep(&mut self) {
        let heard = self.trust.heard();
        if self.is_trust_keeping || heard <= self.trust_kept {
            return;
        }
        if let Ok((name, bytes)) = self.trust.stored() {
            self.is_trust_keeping = true;
            self.keep_give(Kept::Trust(heard), Keep::Newest(self.newest.clone(), name, bytes));
        }
    }

    /// Has what waits for authors that have become known taken in.
    pub(crate) fn authors_admit(&mut self) {
        if Arc::ptr_eq(&self.authors_kept, &self.admitted) {
            return;
        }
        self.admitted = Arc::clone(&self.authors_kept);
        if self.replica.awaiting() > 0 {
            let keep = Keep::Admit(Arc::clone(&self.admitted));
            self.keep_give(Kept::Authors, keep);
        }
    }

    /// Tries again what could not be kept.
    pub(crate) fn keep_again(&mut self) {
        if self.trust_again_ms <= self.now_ms {
            self.trust_keep();
        }
        if self.admit_ms.is_some_and(|at| at <= self.now_ms) {
            self.admit_ms = None;
            self.admitted = Arc::default();
            self.authors_admit();
        }
    }

    /// Changes wait for authors who may have become known meanwhile.
    pub(crate) fn authors_admit_again(&mut self) {
        self.admitted = Arc::default();
        self.authors_admit();
    }

    pub(crate) fn keep_give(&mut self, what: Kept, keep: Keep) {
        let job = KeepJob { what, keep };
        self.keeping_bytes = self.keeping_bytes.saturating_add(job.bytes());
        self.effects.push(Effect::Keep(Box::new(job)));
    }
}
