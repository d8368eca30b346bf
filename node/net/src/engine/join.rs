//! Answering a newcomer with a ticket; its own side is [`crate::join`].
//!
//! Invariants: a ticket is marked used, durably, before the certificate it buys
//! is signed and sent; the same ticket and key get the same certificate again;
//! another key, an expired or unknown ticket get a reason and nothing else.

use chaski_crdt::authority::{Grant, Member, Scopes, Statement, Ticket};

use super::session::Phase;
use super::{CloseReason, Engine, SessionId};
use crate::limits::{STATEMENTS_MAX, STATEMENTS_MESSAGE_BYTES};
use crate::trust::{self, GRANT_MS, TicketUse};
use crate::wire::{Class, JoinRequest, Joined, Message};

impl Engine {
    pub(super) fn on_join(&mut self, id: SessionId, request: &JoinRequest) -> Result<(), CloseReason> {
        let Some(session) = self.sessions.get_mut(&id) else { return Ok(()) };
        if session.phase != Phase::Unknown {
            return Ok(());
        }
        let core = &mut self.core;
        if request.network != Ticket::network_of(&core.network) {
            return Err(CloseReason::OtherNetwork);
        }
        let peer = session.peer;
        if core.trust.is_revoked(&peer) {
            return Err(CloseReason::Revoked);
        }
        let replica = core.replica.clone();
        let store = |error: trust::TrustError| CloseReason::Store(error.to_string());
        let (outcome, role) =
            trust::ticket_use(replica.as_ref(), &request.secret, &peer, core.now_ms).map_err(store)?;
        match outcome {
            TicketUse::Accepted => {}
            TicketUse::Used => return Err(CloseReason::TicketUsed),
            TicketUse::Expired => return Err(CloseReason::TicketExpired),
            TicketUse::Unknown => return Err(CloseReason::TicketUnknown),
        }
        if core.trust.member(&peer).is_none() {
            let member = Member { node: peer, name: request.name.clone(), role, site: request.site.clone() };
            core.trust.issue(replica.as_ref(), &core.key, Statement::Member(member)).map_err(store)?;
        }
        if core.trust.authority().grant(&peer).is_none() {
            let expires_ms = Some(core.now_ms.saturating_add(GRANT_MS));
            let grant = Grant { node: peer, scopes: Scopes::All, expires_ms };
            core.trust.issue(replica.as_ref(), &core.key, Statement::Grant(grant)).map_err(store)?;
        }
        core.authority_moved = true;
        core.peers.seen(&peer, "", false, core.now_ms);
        // Its own chain and ours first: what does not fit comes with the first sync.
        let mut bytes = 0_usize;
        let first = core.trust.chain_of(&peer).into_iter().chain(core.trust.chain_of(&core.me));
        let statements: Vec<Vec<u8>> = first
            .chain(core.trust.statements_from(0).cloned())
            .take(STATEMENTS_MAX)
            .take_while(|statement| {
                bytes = bytes.saturating_add(statement.len());
                bytes <= STATEMENTS_MESSAGE_BYTES
            })
            .collect();
        let joined = Joined {
            root: core.trust.root().0,
            statements,
            secret: core.secret,
            addresses: core.options.advertise.clone(),
        };
        session.phase = Phase::Leaving;
        session.progress_ms = core.now_ms;
        session.say(core, Class::Control, &Message::Joined(joined));
        core.notice(peer, "a new member has joined with a ticket".to_owned());
        Ok(())
    }
}
