//! The replication engine: events in, effects out, no sockets, no clock.
//!
//! Architecture invariants:
//! - [`Engine::handle`] is deterministic given its inputs and the replica, so a
//!   simulator drives many engines in virtual time;
//! - the engine never waits: taking in a batch is an [`Effect::Apply`] whose
//!   result comes back as an [`Event::Applied`], those of a peer in the order
//!   given out;
//! - nothing is believed of a peer before its key is known as a member's,
//!   anchored in the root and not revoked, and a revocation learned later ends
//!   its sessions;
//! - "in sync" is said only on equal fingerprints at exchanged positions, with
//!   nothing in quarantine.

mod again;
mod anew;
mod authority;
mod book;
mod close;
mod contacts;
mod directory;
mod directory_flow;
mod event;
mod flow;
mod ground;
mod health;
mod hello;
mod join;
mod keeping;
mod key_queue;
mod links;
mod mesh;
mod mesh_flow;
mod neighbours;
mod options;
mod parcel;
mod partials;
mod peer_state;
mod peers;
mod pieces;
mod proof;
mod rates;
mod receive;
mod repair;
mod room;
mod say;
mod send;
mod session;
mod sketch;
mod state;
mod sync;
#[cfg(test)]
mod tests;
mod turns;
mod wants;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_store::Identity;
use ed25519_dalek::SigningKey;

pub use again::Again;
pub(crate) use book::Origin;
pub use close::{CloseReason, Problem};
pub use event::{Effect, Event};
pub(crate) use flow::Flow;
pub use flow::SessionId;
pub(crate) use ground::{Ground, TakenIn};
pub use options::{Now, Options};
pub(crate) use partials::Partials;
pub use peer_state::PeerState;
pub(crate) use peers::Peers;
pub(crate) use session::frame_bytes;
pub(crate) use state::Core;
pub use state::{Engine, EngineError};
pub use sync::KnownPeer;
pub(crate) use sync::peer_info;
#[cfg(test)]
pub(crate) use tests::{Fickle, test_store};

use mesh_flow::Logs;
use session::{Phase, Session};
use state::Neighbours;
use turns::Turns;

use crate::apply::Applied;
use crate::limits::{
    EARLY_BYTES_MAX, EARLY_DIALLED_MESSAGES_MAX, EARLY_MESSAGES_MAX, HELD_BYTES_MAX, SESSIONS_MAX,
};
use crate::read::{Found, ItemsShelf, ReadDone, SharedBatches};
use crate::replica::SharedReplica;
use crate::trust::{Newest, Trust};
use crate::wire::{self, Message, Priority, WireError};

impl Engine {
    /// An engine for the node with this key in this network.
    ///
    /// # Errors
    /// When the store fails or what it holds of trust cannot be read.
    pub fn new(replica: SharedReplica, identity: &Identity, options: Options) -> Result<Engine, EngineError> {
        let key = SigningKey::from_bytes(&identity.signing_seed);
        let network = identity.network;
        let trust = Trust::load(replica.as_ref(), network)?;
        let mut peers = Peers::load(replica.as_ref(), replica.epoch())?;
        let me = NodeId::of(&key);
        peers.own(me);
        let partials = Partials::load(replica.as_ref(), replica.epoch())?;
        let mut core = Core {
            me,
            key,
            network,
            secret: identity.fingerprint_key,
            options,
            trust_kept: trust.heard(),
            is_trust_keeping: false,
            trust_again_ms: 0,
            newest: Newest::default(),
            // What waited when the node was stopped may wait no longer.
            admitted: Arc::default(),
            admit_ms: None,
            authors_kept: trust.authors(),
            renew_again: BTreeMap::new(),
            shared: SharedBatches::default(),
            items: ItemsShelf::default(),
            figures: None,
            contacts_ms: 0,
            trust: Arc::new(trust),
            peers,
            turns: Turns::default(),
            partials,
            effects: Vec::new(),
            now_ms: 0,
            wall_ms: 0,
            position: 0,
            moved: false,
            stirs_all: false,
            keeping_bytes: 0,
            stirred: BTreeSet::new(),
            logs: Logs::default(),
            nearby_moved: false,
            authority_moved: false,
            replica,
        };
        core.authors_admit();
        core.directory_recheck();
        Ok(Engine {
            core,
            sessions: BTreeMap::new(),
            disabled: BTreeSet::new(),
            neighbours: Neighbours::default(),
        })
    }

    /// This node's key.
    #[must_use]
    pub fn node(&self) -> NodeId {
        self.core.me
    }

    /// Authority as known here.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.core.trust
    }

    /// Takes an event in.
    pub fn handle(&mut self, now: impl Into<Now>, event: Event) -> Vec<Effect> {
        let now = now.into();
        self.core.wall_ms = now.wall_ms;
        self.core.now_ms = self.core.now_ms.max(now.steady_ms);
        let position = self.core.replica.position();
        self.core.moved |= std::mem::replace(&mut self.core.position, position) != position;
        match event.session() {
            Some(session) => {
                self.core.stirred.insert(session);
            }
            None => self.core.stirs_all = true,
        }
        match event {
            Event::Moved { session } => {
                // Nothing follows from it: it comes with each tick of a slow link.
                self.on_moved(session);
                return Vec::new();
            }
            Event::Paced { session, pace } => {
                self.on_paced(session, pace);
                return Vec::new();
            }
            Event::Silent { session } => {
                self.silence_note(session);
                self.on_silent(session);
            }
            Event::Knocked { peer, address } => self.on_knocked(peer, address),
            Event::Opened {
                session,
                peer,
                outbound,
                address,
                request,
            } => {
                self.on_opened(session, peer, outbound, address, request);
            }
            Event::Message {
                session,
                priority,
                bytes,
            } => self.on_message(session, priority, bytes),
            Event::Closed { session, reason } => self.on_closed(session, &reason),
            Event::Anew { session } => self.on_anew(session),
            Event::Again { session, again } => self.on_again(session, *again),
            Event::DialFailed {
                peer,
                request,
                address,
            } => {
                self.on_dial_failed(peer, request, CloseReason::Unreachable(address));
            }
            Event::DialRefused {
                peer,
                request,
                reason,
            } => self.on_dial_failed(peer, request, reason),
            Event::Applied(applied) => self.on_applied(*applied),
            Event::Read(done) => self.on_read(*done),
            Event::Kept(done) => self.on_kept(*done),
            Event::LocalChange => self.core.moved = true,
            Event::Tick => self.on_tick(),
            Event::LinkEnabled { peer, enabled } => self.on_link_enabled(peer, enabled),
            Event::Sync {
                request,
                peer,
                address,
            } => self.on_sync(request, peer, address),
            Event::Finish { peer } => self.on_finish(peer),
        }
        self.settle();
        std::mem::take(&mut self.core.effects)
    }

    /// Like [`Engine::handle`], with jobs run at once: for drivers without threads.
    pub fn handle_inline(&mut self, now: impl Into<Now>, event: Event) -> Vec<Effect> {
        let now = now.into();
        let effects = self.handle(now, event);
        self.run_inline(now, effects)
    }

    /// Runs the jobs among these effects, and those that follow from them; gives the other effects.
    pub fn run_inline(&mut self, now: impl Into<Now>, effects: Vec<Effect>) -> Vec<Effect> {
        let now = now.into();
        let mut out = Vec::new();
        let mut pending = std::collections::VecDeque::from(effects);
        while let Some(effect) = pending.pop_front() {
            let replica = self.core.replica.as_ref();
            let event = match effect {
                Effect::Apply(job) => Event::Applied(Box::new(job.run(replica))),
                Effect::Read(job) => Event::Read(Box::new(job.run(replica))),
                Effect::Keep(job) => Event::Kept(Box::new(job.run(replica))),
                other => {
                    out.push(other);
                    continue;
                }
            };
            pending.extend(self.handle(now, event));
        }
        out
    }

    /// Work that follows from any event: checks after new authority, sending
    /// what is due, proofs, settled requests.
    fn settle(&mut self) {
        if std::mem::take(&mut self.core.authority_moved) {
            self.core.stirs_all = true;
            self.authority_recheck();
        }
        let moved = std::mem::take(&mut self.core.moved);
        let all = std::mem::take(&mut self.core.stirs_all) || moved;
        let stirred = std::mem::take(&mut self.core.stirred);
        let mut ended = Vec::new();
        let live = self.sessions.values_mut().filter(|s| s.phase == Phase::Live);
        for session in live.filter(|s| all || stirred.contains(&s.id)) {
            if moved {
                session
                    .send
                    .walks
                    .iter_mut()
                    .for_each(|walk| walk.exhausted = None);
            }
            if let Err(reason) = session.advance(&mut self.core) {
                ended.push((session.id, reason));
            }
        }
        for (id, reason) in ended {
            self.close(id, reason);
        }
        self.nearby_tell();
        self.reports_settle();
    }

    fn on_opened(
        &mut self,
        id: SessionId,
        peer: NodeId,
        outbound: bool,
        address: String,
        request: Option<u64>,
    ) {
        let refuse = if peer == self.core.me {
            Some(CloseReason::Oneself)
        } else if self.disabled.contains(&peer) {
            Some(CloseReason::Disabled)
        } else if self.core.trust.is_revoked(&peer) {
            Some(CloseReason::Revoked)
        } else if outbound {
            (self.sessions.len() >= SESSIONS_MAX).then_some(CloseReason::Busy)
        } else {
            self.turn_check(&peer, &address).err()
        };
        let mut session = Session::new(id, peer, outbound, address, self.core.now_ms);
        session.requests.extend(request);
        if refuse.is_none() && outbound {
            session.flow = Arc::new(self.core.flow_with(&peer));
            session.meet(&mut self.core);
        }
        self.sessions.insert(id, session);
        if let Some(reason) = refuse {
            self.close(id, reason);
        }
    }

    fn on_message(&mut self, id: SessionId, priority: Priority, bytes: Vec<u8>) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.stats.bytes_in = session.stats.bytes_in.saturating_add(frame_bytes(bytes.len()));
        session.contact.heard_ms = self.core.now_ms;
        if session.is_flooding(priority, self.core.now_ms) {
            self.close(id, CloseReason::Flooding);
            return;
        }
        let (hop, message) = match wire::decode(&bytes) {
            Ok(decoded) => decoded,
            Err(WireError::Version(version)) => return self.close(id, CloseReason::Version(version)),
            Err(error) => return self.close(id, CloseReason::Malformed(error.to_string())),
        };
        let early = session.phase == Phase::Unknown
            && !matches!(message, Message::Hello(_) | Message::Join(_) | Message::Bye);
        if early {
            session.early_bytes = session.early_bytes.saturating_add(bytes.len());
            session.early.push_back((priority, bytes));
            let (bytes_max, messages_max) = if session.outbound {
                (HELD_BYTES_MAX, EARLY_DIALLED_MESSAGES_MAX)
            } else {
                (EARLY_BYTES_MAX, EARLY_MESSAGES_MAX)
            };
            if session.early_bytes > bytes_max || session.early.len() > messages_max {
                self.close(id, CloseReason::Flooding);
            }
            return;
        }
        session.hop = session.hop.max(hop);
        let outcome = match message {
            Message::Hello(hello) => self.on_hello(id, *hello),
            Message::Join(request) => self.on_join(id, &request),
            Message::Bye => {
                self.on_bye(id);
                Ok(())
            }
            other if session.phase == Phase::Live => session.on_live(&mut self.core, priority, other),
            Message::Health(said) if session.phase == Phase::Leaving => {
                session.on_health(&mut self.core, said)
            }
            _ if session.phase == Phase::Leaving => Ok(()),
            _ => Err(CloseReason::Malformed("a message out of turn".to_owned())),
        };
        if let Err(reason) = outcome {
            self.close(id, reason);
        }
    }

    fn on_read(&mut self, done: ReadDone) {
        let id = done.session;
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.stats.timing.send_us = session.stats.timing.send_us.saturating_add(done.read_us);
        let outcome = match done.found {
            Err(error) => Err(CloseReason::Store(error.to_string())),
            Ok(Found::Meet(met)) => self.on_met(id, *met),
            Ok(found) => session.on_found(&mut self.core, found, done.ratio),
        };
        if let Err(reason) = outcome {
            self.close(id, reason);
        }
    }

    fn on_applied(&mut self, applied: Applied) {
        // What was set aside moves no position, and is news all the same.
        self.core.moved |= !applied.cursor_only;
        self.core.nearby_moved = true;
        if !applied.cursor_only {
            self.core.logs.came(&applied.peer);
        }
        if applied.report.records > 0 {
            self.carried_note(applied.session, |peer| applied.brought.contains(peer));
        }
        // A certificate may have come while it was on its way, whether or not its session is still there.
        if applied.report.awaiting > 0 && !Arc::ptr_eq(&applied.authors, &self.core.authors_kept) {
            self.core.authors_admit_again();
        }
        let Some(session) = self.sessions.get_mut(&applied.session) else {
            return;
        };
        if let Err(reason) = session.on_applied(&mut self.core, applied) {
            let id = session.id;
            self.close(id, reason);
        }
    }
}

impl Session {
    fn on_live(&mut self, core: &mut Core, priority: Priority, message: Message) -> Result<(), CloseReason> {
        let is_changes = matches!(
            message,
            Message::Batch(_) | Message::Piece(_) | Message::Pieced(_)
        );
        if priority != Priority::Control && !is_changes {
            // What asks for work is counted on the control stream alone.
            return Err(CloseReason::Malformed(
                "no changes on a stream of changes".to_owned(),
            ));
        }
        if !matches!(message, Message::Ask(_) | Message::Nearby(_)) {
            self.asks = 0;
        }
        match message {
            Message::Authority(authority) => self.on_authority(core, authority),
            Message::Batch(batch) => self.on_batch(core, priority, batch),
            Message::Piece(piece) => self.on_piece(core, priority, piece),
            Message::Pieced(batch) => self.on_pieced(core, priority, batch),
            Message::Held(held) => {
                self.on_held(held);
                Ok(())
            }
            Message::Ack(ack) => self.on_ack(core, &ack),
            Message::Nearby(contacts) => {
                self.on_nearby(core, contacts);
                Ok(())
            }
            Message::Status(status) => {
                core.peers
                    .acked_raise(&self.peer, status.received.min(core.position));
                self.on_status(core, status);
                Ok(())
            }
            Message::Health(said) => self.on_health(core, said),
            Message::Want(want) => self.on_want(core, want),
            Message::Given(want, last) => {
                self.on_given(core, want, last);
                Ok(())
            }
            Message::Repair(step) => self.on_repair(core, step),
            Message::Directory(directory) => self.on_directory(core, directory),
            Message::Ask(number) => {
                self.proof.heard = self.proof.heard.max(number);
                Ok(())
            }
            Message::Hello(_) | Message::Join(_) | Message::Joined(_) | Message::Bye => {
                Err(CloseReason::Malformed("a message out of turn".to_owned()))
            }
        }
    }

    fn on_found(&mut self, core: &mut Core, found: Found, ratio: usize) -> Result<(), CloseReason> {
        match found {
            Found::Feed(filled) => self.feed_take(filled, ratio),
            Found::Give(answer) => self.answer_take(answer, ratio),
            Found::Sum(sum) => self.sum_take(sum),
            Found::Known(keys, left) => self.want_send(core, keys, left),
            Found::Come(changes) => self.refusals_heal(core, &changes),
            Found::Differ(found) => return self.differ_take(core, *found),
            Found::Located(keys) => self.located_take(keys),
            // What comes before the session is the engine's.
            Found::Meet(_) => {}
        }
        Ok(())
    }

    /// Does whatever is due on a live session.
    fn advance(&mut self, core: &mut Core) -> Result<(), CloseReason> {
        if self.is_answering {
            self.answer(core);
        } else {
            self.ask_send(core);
            self.directory_advance(core);
            self.receive_ready(core);
            self.proof_advance(core);
            self.located_read(core);
            self.wants_read(core);
            self.pump(core);
            self.handing_advance(core);
            self.status_send(core);
            self.repair_advance(core);
        }
        self.sums.is_new = false;
        if self.says_bye && self.proof.pending.is_none() {
            return Err(CloseReason::Done);
        }
        self.full_check()
    }
}
