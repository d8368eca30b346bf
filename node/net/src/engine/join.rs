//! Answering a newcomer with a ticket; its own side is [`crate::join`].
//!
//! Invariants: a ticket is marked used, durably, before the certificate it buys
//! is signed and sent; the same ticket and key get the same certificate again;
//! another key, an expired or unknown ticket get a reason and nothing else.

use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::{Grant, Member, NodeRole, Scopes, Statement, Ticket};

use super::close::CloseReason;
use super::flow::SessionId;
use super::session::Phase;
use super::state::{Core, Engine};
use crate::limits::WELCOME_BYTES;
use crate::report::is_harmless;
use crate::trust::{self, GRANT_MS, TicketUse};
use crate::wire::{JoinRequest, Joined, Message, Priority};

impl Engine {
    pub(super) fn on_join(&mut self, id: SessionId, request: &JoinRequest) -> Result<(), CloseReason> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        if session.phase != Phase::Unknown {
            return Ok(());
        }
        let core = &mut self.core;
        if request.network != Ticket::network_of(&core.network) || request.demo != core.trust.is_demo() {
            return Err(CloseReason::OtherNetwork);
        }
        // `join` refuses these itself: whoever sends them is another program.
        if !is_harmless(&request.name) || !is_harmless(&request.site) {
            let why = "a name or site code must hold no character that controls or turns the text around it";
            return Err(CloseReason::Malformed(why.to_owned()));
        }
        let peer = session.peer;
        if core.trust.is_revoked(&peer) {
            return Err(CloseReason::Revoked);
        }
        let replica = core.replica.clone();
        let store = |error: trust::TrustError| CloseReason::Store(error.to_string());
        let (outcome, role) =
            trust::ticket_use(replica.as_ref(), &request.secret, &peer, core.wall_ms).map_err(store)?;
        match outcome {
            TicketUse::Accepted => {}
            TicketUse::Used => return Err(CloseReason::TicketUsed),
            TicketUse::Expired => return Err(CloseReason::TicketExpired),
            TicketUse::Unknown => return Err(CloseReason::TicketUnknown),
        }
        core.member_certify(&peer, role, request).map_err(store)?;
        core.peers.seen(&peer, "", false, core.wall_ms);
        let joined = core.welcome(&peer);
        session.phase = Phase::Leaving;
        session.progress_ms = core.now_ms;
        session.say(core, Priority::Control, &Message::Joined(joined));
        core.notice(peer, "a new member has joined with a ticket".to_owned());
        Ok(())
    }
}

impl Core {
    /// Certificate and grant for a newcomer that has none yet.
    fn member_certify(
        &mut self,
        node: &NodeId,
        role: NodeRole,
        request: &JoinRequest,
    ) -> Result<(), trust::TrustError> {
        let node = *node;
        let mut next = Arc::clone(&self.trust);
        if next.member(&node).is_none() {
            let (name, site) = (request.name.clone(), request.site.clone());
            let member = Statement::Member(Member {
                node,
                name,
                role,
                site,
            });
            next = Arc::new(next.saying(&self.key, member)?);
        }
        if next.authority().grant(&node).is_none() {
            let expires_ms = Some(self.wall_ms.saturating_add(GRANT_MS));
            let grant = Statement::Grant(Grant {
                node,
                scopes: Scopes::All,
                expires_ms,
            });
            next = Arc::new(next.saying(&self.key, grant)?);
        }
        self.trust_save(Arc::unwrap_or_clone(next))
    }

    /// What a new member is told: its own chain and ours, who is revoked, and then others; what does not fit
    /// comes with the first sync.
    fn welcome(&self, node: &NodeId) -> Joined {
        // What proves both of us always goes.
        let proof = self
            .trust
            .chain_of(node)
            .into_iter()
            .chain(self.trust.chain_of(&self.me));
        let mut statements: Vec<Vec<u8>> = Vec::new();
        for statement in proof {
            if !statements.contains(&statement) {
                statements.push(statement);
            }
        }
        let mut bytes: usize = statements.iter().map(Vec::len).sum();
        let rest = self
            .trust
            .revocations()
            .chain(self.trust.statements_after(0).cloned());
        for statement in rest {
            let with = bytes.saturating_add(statement.len());
            if with <= WELCOME_BYTES && !statements.contains(&statement) {
                bytes = with;
                statements.push(statement);
            }
        }
        Joined {
            root: self.trust.root().0,
            statements,
            secret: self.secret,
            addresses: self.options.advertise.clone(),
        }
    }
}
