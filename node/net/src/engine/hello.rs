//! The first messages of a session and everything checked on them.
//!
//! Invariants: the key of the handshake is the identity; it must be a member's,
//! anchored in the root, not revoked, before anything else is said to it; an
//! accepting node says nothing before it knows that.

use std::sync::Arc;

use chaski_crdt::author::NodeId;

use super::close::CloseReason;
use super::directory::FEATURE_DIRECTORY;
use super::flow::{Flow, SessionId};
use super::health::FEATURE_HEALTH;
use super::peer_state::FirstMeeting;
use super::session::{Phase, Session, Walk};
use super::state::{Core, Engine};
use crate::keep::{Changes, Keep, Kept};
use crate::limits::{CLOCK_SKEW_MS, REPLACE_MS};
use crate::read::{Length, Meet, Met, Read, Sum};
use crate::trust::TrustError;
use crate::wire::{Cursor, Hello, Message, Priority, Status};

/// The sender can be dialled at the address it dials from.
const FEATURE_LISTENING: u32 = 1;
/// A feed longer than this is not sent to a peer that seems to hold most of it.
const REPAIR_FIRST_RECORDS: u64 = 200;

impl Engine {
    pub(super) fn on_hello(&mut self, id: SessionId, hello: Hello) -> Result<(), CloseReason> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        if session.phase != Phase::Unknown || session.hello.is_some() {
            // A repeated datagram of a lossy link; a second hello says nothing new.
            return Ok(());
        }
        let core = &mut self.core;
        if hello.network != core.network.0 {
            return Err(CloseReason::OtherNetwork);
        }
        let peer = session.peer;
        core.chain_take(&peer, &hello.chain)?;
        if core.trust.is_revoked(&peer) {
            return Err(CloseReason::Revoked);
        }
        if core.trust.member(&peer).is_none() {
            return Err(CloseReason::Stranger);
        }
        // An issuer whose own is over as well would else be given nothing until the next tick.
        for node in [peer, core.me] {
            core.grant_renew(&node);
        }
        // Before anything is read: a session that this one replaces keeps what has come on it.
        self.pair_check(id)?;
        let core = &mut self.core;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        session.progress_ms = core.now_ms;
        if session.send.last_status.is_none() {
            session.flow = Arc::new(core.flow_with(&peer));
        }
        session.hello = Some(Box::new(hello));
        session.meet(core);
        Ok(())
    }

    /// What meeting a peer takes has been read: it is greeted, or its hello is taken up.
    pub(super) fn on_met(&mut self, id: SessionId, met: Met) -> Result<(), CloseReason> {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        if session.phase != Phase::Unknown {
            return Ok(());
        }
        if !met.is_greeted {
            if session.send.last_status.is_none() && *met.flow == *session.flow {
                session.greet(&mut self.core, met);
            }
            return Ok(());
        }
        // What was checked when the hello came may have changed since.
        if self.core.trust.is_revoked(&session.peer) {
            return Err(CloseReason::Revoked);
        }
        let flow = self.core.flow_with(&session.peer);
        if session.send.last_status.is_none() && flow != *met.flow {
            session.flow = Arc::new(flow);
            session.meet(&mut self.core);
            return Ok(());
        }
        let Some(hello) = session.hello.take() else {
            return Ok(());
        };
        self.pair_check(id)?;
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        session.hello_accept(&mut self.core, *hello, met)?;
        let early: Vec<_> = std::mem::take(&mut session.early).into();
        for (priority, bytes) in early {
            // Decoded once already; counted once already.
            if let Ok((hop, message)) = crate::wire::decode(&bytes) {
                session.hop = session.hop.max(hop);
                session.on_live(&mut self.core, priority, message)?;
            }
        }
        Ok(())
    }

    /// One session a pair: a newer one replaces one without progress; of two
    /// made at the same time, the one dialled by the smaller key stays.
    fn pair_check(&mut self, id: SessionId) -> Result<(), CloseReason> {
        let Some(new) = self.sessions.get(&id) else {
            return Ok(());
        };
        let now = self.core.now_ms;
        let me = self.core.me;
        let (peer, new_outbound, explicit) = (new.peer, new.outbound, !new.requests.is_empty());
        let old = self
            .sessions
            .values()
            .find(|s| s.peer == peer && s.id != id && s.is_met());
        let Some(old) = old else { return Ok(()) };
        let idle_ms = now.saturating_sub(old.progress_ms);
        // Two that were dialled at about the same time, one by each: both sides keep the same of them.
        let crossed = old.outbound != new_outbound && old.opened_ms.abs_diff(new.opened_ms) < REPLACE_MS;
        let dialled_by_smaller = |outbound: bool| outbound == (me < peer);
        let replace = match crossed {
            _ if old.awaits_link => true,
            true => dialled_by_smaller(new_outbound),
            false => idle_ms >= REPLACE_MS || !old.is_busy(),
        };
        let old_id = old.id;
        if replace {
            self.requests_move(old_id, id);
            self.close(old_id, CloseReason::Replaced);
            return Ok(());
        }
        if explicit {
            self.requests_move(id, old_id);
        }
        Err(CloseReason::Duplicate)
    }

    /// After new statements: sessions with the newly revoked end, the others
    /// are told, grants are looked up again.
    pub(super) fn authority_recheck(&mut self) {
        self.core.directory_recheck();
        let mut ended = Vec::new();
        for session in self.sessions.values_mut() {
            if self.core.trust.is_revoked(&session.peer) {
                ended.push((session.id, CloseReason::Revoked));
                continue;
            }
            if session.phase != Phase::Live {
                continue;
            }
            if self.core.flow_with(&session.peer) != *session.flow {
                ended.push((session.id, CloseReason::GrantChanged));
                continue;
            }
            session.withheld = self.core.is_withheld(&session.peer);
            if !session.is_answering {
                session.authority_send(&mut self.core);
            }
        }
        for (id, reason) in ended {
            self.close(id, reason);
        }
    }
}

impl Core {
    /// What may flow between us and a peer.
    pub(super) fn flow_with(&self, peer: &NodeId) -> Flow {
        let shared = self.trust.filter_between(&self.me, peer);
        let (out, out_scope) = self.trust.filter_for(peer);
        let (into, in_scope) = self.trust.filter_for(&self.me);
        Flow {
            is_out_wider: out != shared,
            is_in_wider: into != shared,
            shared,
            out,
            out_scope,
            in_scope,
        }
    }

    pub(super) fn is_withheld(&self, peer: &NodeId) -> bool {
        self.trust.is_grant_over(peer, self.wall_ms)
    }

    /// Adds a member's statements.
    pub(super) fn authority_add(&mut self, statements: &[Vec<u8>]) -> Result<(), CloseReason> {
        if let Some(next) = self.trust.with(statements).map_err(forged)? {
            self.trust_set(next);
        }
        Ok(())
    }

    /// Adds what somebody shows to be known as a member, if it makes one of it: a stranger has nothing kept.
    fn chain_take(&mut self, node: &NodeId, chain: &[Vec<u8>]) -> Result<(), CloseReason> {
        let shown = self.trust.with(chain).map_err(forged)?;
        if let Some(next) = shown
            && next.member(node).is_some()
        {
            self.trust_set(next);
        }
        Ok(())
    }
}

fn forged(error: TrustError) -> CloseReason {
    CloseReason::Malformed(error.to_string())
}

impl Session {
    /// Has read what meeting the peer takes: to greet it, or to take up its hello.
    pub(super) fn meet(&self, core: &mut Core) {
        let meet = Meet {
            peer: self.peer,
            flow: Arc::clone(&self.flow),
            incarnation: self
                .hello
                .as_ref()
                .and_then(|hello| hello.incarnation)
                .map(|(incarnation, _)| incarnation),
            partials: core.partials.of(&self.peer),
            is_greeted: self.hello.is_some(),
        };
        self.read(core, Length::Small, Read::Meet(meet));
    }

    /// The dialling side speaks first.
    fn greet(&mut self, core: &mut Core, met: Met) {
        let (fingerprint, position) = met.sum;
        self.cursor_load(&met);
        self.receive.held_bytes = met.held;
        let status = Status {
            position,
            sum: fingerprint.sum,
            count: fingerprint.count,
            received: self.receive.complete,
            quarantined: core.quarantined(),
            authority: core.trust.digest(),
            statements: core.trust.count(),
            ..Status::default()
        };
        self.hello_say(core, status);
        let is_met = self.receive.cursor.positions.iter().any(|at| *at > 0);
        if !is_met && fingerprint.count > REPAIR_FIRST_RECORDS {
            // Two that have never met may hold much in common, from others: what finds that out
            // travels with the hello.
            self.sketch_ahead(core);
        }
    }

    /// What we keep of the peer's log, if it is still of use.
    fn cursor_load(&mut self, met: &Met) {
        let cursor = met.cursor;
        if cursor.scope == self.flow.in_scope {
            self.receive.cursor = cursor;
            self.receive.durable = cursor;
            self.receive.complete = cursor.positions.iter().copied().min().unwrap_or(0);
        }
    }

    fn hello_say(&mut self, core: &mut Core, status: Status) {
        let acked = core.peers.authority_acked(&self.peer);
        let cursor = self
            .receive
            .cursor
            .positions
            .iter()
            .any(|at| *at > 0)
            .then_some(self.receive.cursor);
        let hello = Hello {
            network: core.network.0,
            now_ms: core.wall_ms,
            epoch: core.replica.epoch(),
            incarnation: core.replica.incarnation(),
            chain: core.trust.chain_unless_known(&core.me, acked),
            cursor,
            scope: self.flow.in_scope,
            status,
            features: FEATURE_HEALTH
                | FEATURE_DIRECTORY
                | self.pieces_features(core)
                | if core.options.listening && !self.is_neighbour(core) {
                    FEATURE_LISTENING
                } else {
                    0
                },
        };
        self.send.last_status = Some(status);
        self.say(core, Priority::Control, &Message::Hello(Box::new(hello)));
        self.held_say(core);
    }

    fn hello_accept(&mut self, core: &mut Core, hello: Hello, met: Met) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        self.phase = Phase::Live;
        self.withheld = core.is_withheld(&self.peer);
        self.met(core, hello.features & FEATURE_LISTENING != 0);
        self.directory_start(&hello);
        core.peers.counted(&self.peer, hello.status.count);
        self.clock_check(core, &hello);
        self.seen_check(core, hello.status.seen);
        let flow = core.flow_with(&self.peer);
        let answered = self.send.last_status.is_some();
        if answered && flow != *self.flow {
            // We spoke under what we knew then; start again under what we know now.
            return Err(CloseReason::GrantChanged);
        }
        self.sums.known = Some(met.sum);
        if !answered {
            self.cursor_load(&met);
            self.receive.held_bytes = met.held;
        }
        if self.receive.cursor.epoch != hello.epoch
            || self
                .receive
                .cursor
                .positions
                .iter()
                .any(|p| *p > hello.status.position)
        {
            self.receive.cursor = Cursor {
                epoch: hello.epoch,
                scope: self.flow.in_scope,
                ..Cursor::default()
            };
            self.receive.complete = 0;
        }
        self.authority_start(core, &hello.status);
        self.pieces_start(&hello);
        self.contact_start(core, &hello);
        self.seen = met.seen;
        self.walks_start(core, &hello, met.sum);
        self.first_meeting(core, &hello, met.sum);
        // What meeting takes was read after the peer had said this, and nothing has come of it yet.
        (self.proof.pending, self.proof.is_due) = (Some(hello.status), true);
        if answered {
            if self.repair.is_ahead && !self.send.suspended {
                // Each sends its log.
                self.sketch_withdraw();
            }
            let ahead = self
                .seen
                .zip(hello.incarnation)
                .is_some_and(|((_, at), (_, last))| at > last);
            if ahead {
                self.send.last_status = None;
            }
            if core.replica.is_full() {
                // Before it is brought what it can't take in.
                self.health_join(core);
            }
            return Ok(());
        }
        self.is_answering = true;
        self.proof_advance(core);
        self.pump(core);
        self.answer(core);
        Ok(())
    }

    /// Replies to the peer's hello once what goes along with it has been read. The reply goes first,
    /// yet speaks of what is sent along; each batch names the statements that are sent before it,
    /// since it may overtake them on its own stream.
    pub(super) fn answer(&mut self, core: &mut Core) {
        if self.send.is_feed_read || self.sum(core).is_none() {
            return;
        }
        let at = core.effects.len();
        self.authority_send(core);
        self.pump(core);
        let Some(status) = self.status_now(core) else {
            return;
        };
        self.is_answering = false;
        let after = core.effects.split_off(at);
        self.hello_say(core, status);
        core.effects.extend(after);
        self.directory_greet(core);
        // Nothing more may be said before the peer's goodbye, or before it brings what can't be taken in.
        if self.proof.equal.is_some() || core.replica.is_full() {
            self.health_join(core);
        }
    }

    /// Until a node has once held all that a peer held, it says how far it is.
    fn first_meeting(&mut self, core: &mut Core, hello: &Hello, sum: Sum) {
        if core.peers.is_first_sync_over(hello.status.count) {
            return;
        }
        let met = FirstMeeting {
            held: sum.0.count,
            announced: hello.status.count,
        };
        if core.peers.first_met(&self.peer, met) {
            // At once: after a power cut it must not begin to count anew. It is only told, so
            // a failure to keep it ends nothing.
            core.peers_keep(true);
        }
    }

    /// A peer that has seen more of our incarnation than we have written: this
    /// directory is a copy, and takes a new one.
    pub(super) fn seen_check(&mut self, core: &mut Core, seen: Option<(u64, u64)>) {
        let (Some((incarnation, last)), Some((of, seen))) = (core.replica.incarnation(), seen) else {
            return;
        };
        if of == incarnation && seen > last {
            // Nobody has shown that it is so; a change of this node's own that it does not hold would.
            if !core.peers.claim(&self.peer, core.now_ms) {
                return;
            }
            core.replica.author_seq_heard(of, seen);
            core.notice(
                self.peer,
                "this node was restored from an older copy: new incarnation".to_owned(),
            );
        }
    }

    fn clock_check(&mut self, core: &mut Core, hello: &Hello) {
        let apart_ms = hello.now_ms.abs_diff(core.wall_ms);
        let skew_ms = i64::try_from(apart_ms).unwrap_or(i64::MAX);
        let ahead = hello.now_ms >= core.wall_ms;
        core.peers
            .clocked(&self.peer, if ahead { skew_ms } else { -skew_ms }, core.wall_ms);
        if apart_ms > CLOCK_SKEW_MS {
            let hours = apart_ms / 3_600_000;
            core.notice(
                self.peer,
                format!("the clocks of the two nodes are {hours} hours apart"),
            );
        }
    }

    /// From where on the peer is sent our feed.
    fn walks_start(&mut self, core: &Core, hello: &Hello, sum: Sum) {
        let epoch = core.replica.epoch();
        let (mine, position) = sum;
        let usable = hello.cursor.filter(|cursor| {
            cursor.epoch == epoch
                && cursor.scope == self.flow.out_scope
                && cursor.positions.iter().all(|p| *p <= position)
        });
        if let Some(cursor) = usable {
            let handed = if self.flow.is_out_wider {
                core.peers.handed(&self.peer)
            } else {
                u64::MAX
            };
            for ((walk, at), base) in self.send.walks.iter_mut().zip(cursor.positions).zip(cursor.bases) {
                let at = at.min(handed);
                *walk = Walk {
                    position: at,
                    base: base.min(at),
                    ..Walk::default()
                };
            }
            return;
        }
        let theirs = hello.status.count;
        self.send.suspended =
            mine.count > REPAIR_FIRST_RECORDS && theirs > REPAIR_FIRST_RECORDS && theirs >= mine.count / 2;
    }
}

impl Core {
    pub(super) fn quarantined(&self) -> u32 {
        u32::try_from(self.replica.quarantined()).unwrap_or(u32::MAX)
    }

    /// Has kept what is known of peers: if something changed and the last time is a while ago, or now.
    pub(super) fn peers_keep(&mut self, now: bool) {
        if let Some(changes) = self.peers.unsaved(self.now_ms, now) {
            self.keep(Kept::Peers, changes);
        }
    }

    /// Has documents kept, if there are any.
    pub(super) fn keep(&mut self, what: Kept, changes: Changes) {
        if !changes.is_empty() {
            self.keep_give(what, Keep::Documents(changes));
        }
    }
}
