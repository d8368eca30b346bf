//! What is known of the network's authority, kept away from the engine's thread, and what waits for that.
//!
//! Invariants: of its states the latest is kept, one at a time; whoever a change is by is judged by what is
//! durable; what waited for an author is taken in once its certificate is.

use std::sync::Arc;

use super::event::Effect;
use super::session::Phase;
use super::state::{Core, Engine};
use crate::keep::{Keep, KeepDone, KeepJob, Kept};
use crate::limits::{ADMIT_AGAIN_MS, TRUST_AGAIN_MS};
use crate::trust::{Trust, TrustError};

impl Engine {
    /// What was to be kept is, or could not be.
    pub(super) fn on_kept(&mut self, done: KeepDone) {
        self.core.keeping_bytes = self.core.keeping_bytes.saturating_sub(done.bytes);
        if let Kept::Trust(_) = done.what {
            self.core.is_trust_keeping = false;
        }
        let Some(error) = done.failed else {
            self.core.kept(done.what);
            if let Kept::Trust(_) = done.what {
                for session in self.sessions.values_mut().filter(|s| s.phase == Phase::Live) {
                    session.authority_kept(&mut self.core);
                }
            }
            return;
        };
        match done.what {
            Kept::Peers => self.core.peers.save_failed(),
            Kept::Trust(_) => {
                self.core.trust_again_ms = self.core.now_ms.saturating_add(TRUST_AGAIN_MS);
                let text = format!("what was heard of the network's members could not be kept: {error}");
                self.core.notice(self.core.me, text);
            }
            Kept::Authors => {
                self.core.admit_ms = Some(self.core.now_ms.saturating_add(ADMIT_AGAIN_MS));
                let text = format!("changes whose author has become known could not be taken in: {error}");
                self.core.notice(self.core.me, text);
            }
            Kept::Partials(peer) => {
                let text = format!("what came of a large record could not be kept: {error}");
                self.core.notice(peer, text);
            }
        }
    }
}

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
                self.logs.forget();
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
