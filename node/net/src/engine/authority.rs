//! Telling each other the statements of the network's authority.
//!
//! Invariants: each side tells what the other has not been told by this node or
//! has told it itself; where both hold that they have told all and yet differ, all is
//! told anew, so that a node restored from an older copy learns again what it
//! had acknowledged; "in sync" is said only where both hold the same statements;
//! changes are taken in on the strength of statements that are durable. What the
//! root has said here is durable before anyone is told of it.

use ed25519_dalek::SigningKey;

use super::close::CloseReason;
use super::event::{Effect, Event};
use super::options::Now;
use super::session::Session;
use super::state::{Core, Engine};
use crate::issuers::{IssuerChange, IssuerError};
use crate::limits::{AUTHORITY_IN_VAIN_MAX, STATEMENTS_MAX, STATEMENTS_MESSAGE_BYTES};
use crate::wire::{Authority, Message, Priority, Status};

impl Engine {
    /// Has the root make or end an issuer; sessions are told at once. Whether anything changed, and what is to be
    /// done then.
    ///
    /// # Errors
    /// [`IssuerError`]: then nothing has changed.
    pub fn issuer_change(
        &mut self,
        now: impl Into<Now>,
        root: &SigningKey,
        change: &IssuerChange,
    ) -> Result<(bool, Vec<Effect>), IssuerError> {
        let Some(next) = self.core.trust.issuer_change(root, change)? else {
            return Ok((false, Vec::new()));
        };
        self.core.trust_save(next)?;
        // Whom it could not renew so far it may be able to now.
        self.core.renew_again.clear();
        Ok((true, self.handle(now, Event::Tick)))
    }
}

impl Session {
    /// Begins with what the peer holds by its hello.
    pub(super) fn authority_start(&mut self, core: &mut Core, status: &Status) {
        self.authority.index = core.peers.authority_acked(&self.peer).min(core.trust.heard());
        let is_told_all = self.authority.index >= core.trust.heard();
        self.authority_compare(core, status.authority);
        if is_told_all && !self.is_authority_same(core) && status.statements < core.trust.count() {
            // It has acknowledged all and holds less: a revocation may be among what it has lost.
            self.authority.index = 0;
        }
        if self.send.last_status.is_some() {
            self.authority_send(core);
        }
    }

    /// Sends the statements the peer has not been sent.
    pub(super) fn authority_send(&mut self, core: &mut Core) {
        loop {
            let mut bytes = 0;
            let mut statements = Vec::new();
            let mut index = self.authority.index;
            for (number, statement) in core.trust.numbered_after(index) {
                if !self.authority.theirs.contains(&number) {
                    bytes += statement.len();
                    let is_full = bytes > STATEMENTS_MESSAGE_BYTES || statements.len() >= STATEMENTS_MAX;
                    if is_full && !statements.is_empty() {
                        break;
                    }
                    statements.push(statement.clone());
                }
                index = number;
            }
            self.authority.index = index;
            if statements.is_empty() {
                self.authority.index = core.trust.heard();
                return;
            }
            self.authority.sent = self.authority.sent.saturating_add(1);
            let message = Authority {
                statements,
                digest: core.trust.digest(),
                sent: self.authority.sent,
            };
            self.say(core, Priority::Control, &Message::Authority(message));
        }
    }

    pub(super) fn on_authority(&mut self, core: &mut Core, authority: Authority) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        let before = core.trust.heard();
        core.authority_add(&authority.statements)?;
        if core.trust.heard() == before && !authority.statements.is_empty() {
            // All of it known, or not to be held: of that each message costs more than it brings.
            self.authority.in_vain += 1;
            if self.authority.in_vain > AUTHORITY_IN_VAIN_MAX {
                return Err(CloseReason::Flooding);
            }
        }
        if core.trust.heard() > before {
            self.authority.needs = core.trust.heard();
            // What the peer has just told us need not go back to it.
            self.authority.theirs.extend(before + 1..=core.trust.heard());
        }
        self.authority.received = self.authority.received.max(authority.sent);
        self.authority_compare(core, authority.digest);
        Ok(())
    }

    /// Takes up what the peer said it holds once all that it had told before is here.
    pub(super) fn authority_prove(&mut self, core: &mut Core, status: &Status) {
        self.authority_compare(core, status.authority);
        let is_over = status.drained && self.is_authority_told(core, status);
        let pair = (core.trust.digest(), status.authority);
        if is_over && !self.is_authority_same(core) && core.peers.retells(&self.peer, pair, core.now_ms) {
            self.authority.index = 0;
            self.authority.theirs.clear();
            self.authority_send(core);
        }
    }

    fn authority_compare(&mut self, core: &mut Core, digest: [u8; 16]) {
        self.authority.peer_digest = digest;
        if self.is_authority_same(core) {
            self.authority.index = core.trust.heard();
            self.authority.theirs.clear();
            if core.is_trust_kept() {
                core.peers.authority_ack(&self.peer, core.trust.heard());
            }
        }
    }

    /// What was heard is durable now: what waited for that is so.
    pub(super) fn authority_kept(&mut self, core: &mut Core) {
        self.authority_compare(core, self.authority.peer_digest);
        self.in_sync_again(core);
    }

    fn is_authority_same(&self, core: &Core) -> bool {
        self.authority.peer_digest == core.trust.digest()
    }

    /// Whether both hold the same statements, as far as is known, durably.
    pub(super) fn is_authority_equal(&self, core: &Core) -> bool {
        self.is_authority_same(core) && core.is_trust_kept()
    }

    /// Whether the peer had taken in all statements that are to be told to it when it said this.
    pub(super) fn is_authority_told(&self, core: &Core, status: &Status) -> bool {
        self.authority.index >= core.trust.heard() && status.heard >= self.authority.sent
    }

    /// Whether what the peer has told is durable here.
    pub(super) fn is_authority_kept(&self, core: &Core) -> bool {
        core.trust_kept >= self.authority.needs
    }
}
