//! Requests, time, switches: what starts and ends sessions.
//!
//! Invariants: each request gets exactly one report; a session that owes
//! something and makes no progress ends with a reason; single flight a peer.

use std::collections::BTreeMap;

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::{Member, Statement};
use chaski_store::ScopeFilter;

use super::close::{CloseReason, Problem};
use super::event::{Effect, Event};
use super::flow::SessionId;
use super::options::Now;
use super::peer_state::FirstMeeting;
use super::peers::Peers;
use super::session::{Phase, Session};
use super::state::{Core, Engine};
use crate::health::Contact;
use crate::limits::{
    DIAL_MS_MAX, HELLO_MS_MAX, KNOCKS_A_TICK_MAX, REFUSED_MAX, RENEW_AGAIN_MS, REPLACE_MS, REQUESTS_MAX,
    SILENT_MS_MAX, TURN_AGAIN_MS,
};
use crate::replica::{Replica, ReplicaResult};
use crate::report::{PeerInfo, SyncReport};
use crate::trust::{Trust, TrustError, vouched_most};
use crate::wire::{Message, Priority};

/// Why two that hold the same records are not in sync.
const OTHER_STATEMENTS: &str = "the two nodes do not know the same of the network's members";

impl Engine {
    pub(super) fn on_sync(&mut self, request: u64, peer: Option<NodeId>, address: Option<String>) {
        if let Some(peer) = peer {
            if self.disabled.contains(&peer) {
                return self.report(request, None, Err(CloseReason::Disabled));
            }
            if self.core.trust.is_revoked(&peer) {
                return self.report(request, None, Err(CloseReason::Revoked));
            }
            let now = self.core.now_ms;
            let at_work = self.sessions.values_mut().find(|s| {
                s.peer == peer
                    && matches!(s.phase, Phase::Live | Phase::Unknown)
                    && s.is_busy()
                    && now.saturating_sub(s.progress_ms) < REPLACE_MS
                    && s.requests.len() < REQUESTS_MAX
            });
            if let Some(session) = at_work {
                session.requests.push(request);
                session.proof.ask_due = true;
                return;
            }
        }
        let mut addresses: Vec<String> = address.into_iter().collect();
        if let Some(peer) = peer {
            addresses.extend(self.core.dial_addresses(&peer));
        }
        if addresses.is_empty() {
            // It may be one that dials us: use its session as it is.
            let session = self
                .sessions
                .values_mut()
                .find(|s| Some(s.peer) == peer && s.phase == Phase::Live);
            match session {
                Some(session) => {
                    session.requests.push(request);
                    session.proof.ask_due = true;
                }
                None => self.report(
                    request,
                    None,
                    Err(CloseReason::Unreachable("no known address".to_owned())),
                ),
            }
            return;
        }
        self.core.effects.push(Effect::Connect {
            peer,
            addresses,
            request: Some(request),
        });
    }

    pub(super) fn on_dial_failed(&mut self, peer: Option<NodeId>, request: Option<u64>, reason: CloseReason) {
        if let Some(peer) = peer {
            self.core.place_lost(&peer, &reason);
            let is_met = |s: &Session| s.peer == peer && s.phase == Phase::Live;
            // It may have been dialled beside a session that goes on.
            if !self.sessions.values().any(is_met) {
                self.core.peers.failed(
                    &peer,
                    Some(Problem::Own(reason.code())),
                    reason.is_gone(),
                    self.core.now_ms,
                );
                self.core.again_later(&peer, &reason);
            }
        }
        let Some(request) = request else { return };
        // Whoever was dialled may have come by itself meanwhile.
        let now = self.core.now_ms;
        let is_met = |s: &&mut Session| Some(s.peer) == peer && s.phase == Phase::Live && reason.is_gone();
        if let Some(session) = self.sessions.values_mut().find(is_met) {
            let is_heard = now.saturating_sub(session.contact.heard_ms) < DIAL_MS_MAX;
            if is_heard && !session.is_silent && session.requests.len() < REQUESTS_MAX {
                session.requests.push(request);
                session.proof.ask_due = true;
                self.core.stirred.insert(session.id);
                return;
            }
            // It is asked on its session as well, so that nobody goes on saying that it is there.
            session.say(
                &mut self.core,
                Priority::Control,
                &Message::Ask(session.proof.ask),
            );
        }
        self.report(request, None, Err(reason));
    }

    pub(super) fn on_closed(&mut self, id: SessionId, reason: &CloseReason) {
        if matches!(reason, CloseReason::Duplicate | CloseReason::Replaced) {
            // The peer keeps another session of the pair: that one answers what was asked on this.
            let peer = self.sessions.get(&id).map(|session| session.peer);
            let others = || {
                self.sessions
                    .values()
                    .filter(|s| Some(s.peer) == peer && s.id != id)
            };
            let kept = others()
                .find(|s| s.phase == Phase::Live)
                .or_else(|| others().find(|s| s.phase == Phase::Unknown));
            if let Some(kept) = kept.map(|session| session.id) {
                self.requests_move(id, kept);
            }
        }
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        if matches!(reason, CloseReason::StrangerHere | CloseReason::AwaitingThere) {
            // It knows less than it had acknowledged: its disk may be an older one. It is told all again.
            self.core.peers.authority_ack(&session.peer, 0);
        }
        if matches!(reason, CloseReason::FullThere | CloseReason::AwaitingThere) {
            // It takes nothing in for now: what is sent again at once is sent in vain.
            self.core.peers.patience(&session.peer);
        }
        session.pieces_keep(&mut self.core);
        let requests = std::mem::take(&mut session.requests);
        // Whoever asked may ask again as if for the first time.
        let is_unmet = session.phase == Phase::Unknown && !session.is_again;
        let told = match reason {
            CloseReason::Lost(text) if is_unmet => CloseReason::Unmet(text.clone()),
            CloseReason::Reset if is_unmet => CloseReason::Unmet(reason.to_string()),
            other => other.clone(),
        };
        for request in requests {
            self.report(request, Some(id), Err(told.clone()));
        }
        let told = Problem::Told(reason.code());
        self.left(&mut session, Some(told), reason.is_gone());
        if *reason == CloseReason::Disabled {
            self.core.peers.switched(&session.peer, self.core.now_ms);
        }
        self.core.again_later(&session.peer, reason);
    }

    /// Closes a session from our side.
    pub(super) fn close(&mut self, id: SessionId, reason: CloseReason) {
        let Some(mut session) = self.sessions.remove(&id) else {
            return;
        };
        session.pieces_keep(&mut self.core);
        let requests = std::mem::take(&mut session.requests);
        for request in requests {
            if reason == CloseReason::GrantChanged {
                // Asked under what was known before: ask again.
                self.on_sync(request, Some(session.peer), Some(session.address.clone()));
            } else {
                self.report(request, Some(id), Err(reason.clone()));
            }
        }
        let is_news = reason != CloseReason::Done;
        if is_news {
            self.core.notice(session.peer, format!("session ended: {reason}"));
        }
        let own = Problem::Own(reason.code());
        self.left(&mut session, is_news.then_some(own), reason.is_gone());
        // Of the two, the one that had dialled begins anew.
        if reason == CloseReason::GrantChanged {
            self.core.peers.hurry(&session.peer);
        }
        if let CloseReason::Wait(seconds) = reason
            && self.core.trust.member(&session.peer).is_some()
        {
            // It comes by itself, and is not dialled from here before that.
            let wait_ms = u64::from(seconds).saturating_mul(2_000);
            self.core.peers.turn(&session.peer, wait_ms, self.core.now_ms);
        }
        self.core.effects.push(Effect::Close { session: id, reason });
    }

    /// The peer has said its last. What it said before may still be looked at: whether both hold the same is to be
    /// known here as well.
    pub(super) fn on_bye(&mut self, id: SessionId) {
        match self.sessions.get_mut(&id) {
            Some(session) if session.phase == Phase::Live && session.proof.pending.is_some() => {
                session.says_bye = true;
            }
            _ => self.close(id, CloseReason::Done),
        }
    }

    fn left(&mut self, session: &mut Session, problem: Option<Problem>, is_gone: bool) {
        let other = self
            .sessions
            .values()
            .any(|s| s.peer == session.peer && s.phase == Phase::Live);
        let member = self.core.trust.member(&session.peer).is_some();
        if !other && (member || session.phase == Phase::Live) {
            let problem = problem.filter(|_| session.phase != Phase::Leaving);
            self.core
                .peers
                .failed(&session.peer, problem, is_gone, self.core.now_ms);
        }
        session.contact_note(&mut self.core);
        self.core.peers_keep(false);
    }

    pub(super) fn requests_move(&mut self, from: SessionId, to: SessionId) {
        let Some(old) = self.sessions.get_mut(&from) else {
            return;
        };
        let requests = std::mem::take(&mut old.requests);
        if let Some(new) = self.sessions.get_mut(&to) {
            self.core.stirred.insert(to);
            new.proof.ask_due |= !requests.is_empty();
            new.requests.extend(requests);
        }
    }

    fn report(
        &mut self,
        request: u64,
        session: Option<SessionId>,
        outcome: Result<Box<SyncReport>, CloseReason>,
    ) {
        self.core.effects.push(Effect::Report {
            request,
            session,
            outcome,
        });
    }

    /// Answers the requests of sessions that have come to an end.
    pub(super) fn reports_settle(&mut self) {
        let mut settled = Vec::new();
        for session in self.sessions.values_mut().filter(|s| !s.requests.is_empty()) {
            if let Some((in_sync, reason)) = session.outcome(&self.core) {
                let report = session.report(&self.core, in_sync, reason);
                let requests = std::mem::take(&mut session.requests);
                settled.extend(
                    requests
                        .into_iter()
                        .map(|request| (request, session.id, report.clone())),
                );
            }
        }
        for (request, id, report) in settled {
            self.report(request, Some(id), Ok(Box::new(report)));
        }
    }

    /// A message may be large and a link slow: what counts is that it moves. A
    /// peer that has not said who it is gets no more time by it.
    pub(super) fn on_moved(&mut self, id: SessionId) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.phase == Phase::Live
        {
            session.progress_ms = self.core.now_ms;
            session.answered_ms = None;
        }
    }

    pub(super) fn on_tick(&mut self) {
        let now = self.core.now_ms;
        let mut ended = Vec::new();
        for session in self.sessions.values() {
            let idle_ms = now.saturating_sub(session.progress_ms);
            match session.phase {
                Phase::Unknown if session.awaits_link && idle_ms > self.core.options.stall_ms => {
                    ended.push((session.id, CloseReason::Stalled));
                }
                Phase::Unknown | Phase::Leaving if !session.awaits_link && idle_ms > HELLO_MS_MAX => {
                    ended.push((session.id, CloseReason::Silent));
                }
                // A command waits for no link that is down for longer than somebody would.
                Phase::Live | Phase::Unknown
                    if !self.core.options.daemon
                        && session.is_silent
                        && !session.requests.is_empty()
                        && now.saturating_sub(session.contact.heard_ms) > SILENT_MS_MAX =>
                {
                    ended.push((session.id, CloseReason::Stalled));
                }
                Phase::Live if session.says_bye && idle_ms > HELLO_MS_MAX => {
                    ended.push((session.id, CloseReason::Done));
                }
                Phase::Live if session.is_full_over(now) => {
                    let full = session.receive.full.clone();
                    ended.extend(full.map(|reason| (session.id, reason)));
                }
                Phase::Live
                    if idle_ms > self.core.options.stall_ms
                        && (session.is_busy() || !session.requests.is_empty()) =>
                {
                    ended.push((session.id, CloseReason::Stalled));
                }
                _ => {}
            }
        }
        for (id, reason) in ended {
            self.close(id, reason);
        }
        self.grants_renew();
        self.core.keep_again();
        self.contacts_tick();
        // A grant may end, by the clock alone, while a session stays open.
        for session in self.sessions.values_mut().filter(|s| s.phase == Phase::Live) {
            session.withheld = self.core.is_withheld(&session.peer);
        }
        self.core.directory_own();
        if self.core.options.daemon {
            self.dial_due();
            self.returns_due();
            self.knocks_due();
            self.neighbours_dial();
        }
        self.silences_ask();
        self.core.nearby_moved = true;
        self.core.peers_keep(false);
    }

    fn dial_due(&mut self) {
        let now = self.core.now_ms;
        let mut knocks = Vec::new();
        for (peer, _) in self.core.peers.due(now) {
            let connected = self.sessions.values().any(|s| s.peer == peer);
            if connected || self.is_barred(&peer) {
                continue;
            }
            let addresses = self.core.dial_addresses(&peer);
            if !self.core.peers.is_knocked_first(&peer, now) {
                self.core.effects.push(Effect::Connect {
                    peer: Some(peer),
                    addresses,
                    request: None,
                });
                continue;
            }
            // At the first of them it is knocked more often.
            let others = addresses.into_iter().skip(1).map(|address| (peer, address));
            knocks.extend(others);
            self.core.peers.failed(&peer, None, true, now);
        }
        for (peer, address) in knocks.into_iter().take(KNOCKS_A_TICK_MAX) {
            self.core.effects.push(Effect::Knock { peer, address });
        }
        for address in self.core.places_due() {
            if !self.sessions.values().any(|s| s.address == address) {
                self.core.effects.push(Effect::Connect {
                    peer: None,
                    addresses: vec![address],
                    request: None,
                });
            }
        }
    }

    /// An issuer renews the grants of those it is in touch with.
    fn grants_renew(&mut self) {
        let live = self
            .sessions
            .values()
            .filter(|s| s.phase == Phase::Live)
            .map(|s| s.peer);
        let due: Vec<NodeId> = live.chain([self.core.me]).collect();
        due.iter().for_each(|node| self.core.grant_renew(node));
    }

    pub(super) fn on_link_enabled(&mut self, peer: NodeId, enabled: bool) {
        if enabled {
            self.disabled.remove(&peer);
            self.core.peers.hurry(&peer);
            if self.core.options.daemon {
                self.dial_due();
            }
            return;
        }
        self.disabled.insert(peer);
        let ids: Vec<SessionId> = self
            .sessions
            .values()
            .filter(|s| s.peer == peer)
            .map(|s| s.id)
            .collect();
        for id in ids {
            self.close(id, CloseReason::Disabled);
        }
    }

    pub(super) fn on_finish(&mut self, peer: NodeId) {
        for session in self
            .sessions
            .values_mut()
            .filter(|s| s.peer == peer && s.phase == Phase::Live)
        {
            session.phase = Phase::Leaving;
            session.health_say(&mut self.core);
            session.say(&mut self.core, Priority::Control, &Message::Bye);
            session.progress_ms = self.core.now_ms;
        }
    }

    /// Saves what is known of peers and what has come of large payloads: before the driver ends, when
    /// all that was to be kept before is.
    pub fn flush(&mut self) {
        for session in self.sessions.values_mut() {
            session.pieces_keep(&mut self.core);
        }
        self.contacts_note();
        // Whether all that was to be kept was is not heard any more.
        self.core.is_trust_keeping = false;
        self.core.trust_keep();
        self.core.peers.save_failed();
        self.core.peers_keep(true);
        for effect in std::mem::take(&mut self.core.effects) {
            if let Effect::Keep(job) = effect {
                let _ = job.run(self.core.replica.as_ref());
            }
        }
    }

    /// Makes a statement as an issuer; sessions are told and checked at once.
    ///
    /// # Errors
    /// When this node may not say that, or the store fails.
    pub fn issue(&mut self, now: impl Into<Now>, statement: Statement) -> Result<Vec<Effect>, TrustError> {
        let next = self.core.trust.saying(&self.core.key, statement)?;
        self.core.trust_save(next)?;
        Ok(self.handle(now, Event::Tick))
    }

    /// Last author sequence known here of the incarnations of a node that a revocation can vouch for: as many
    /// as it may name, of those that wrote most.
    ///
    /// # Errors
    /// When the store fails.
    pub fn incarnations_of(&self, node: &NodeId) -> Result<BTreeMap<u64, u64>, TrustError> {
        Ok(vouched_most(self.core.replica.incarnations(node)?))
    }

    /// Whether no session has anything under way.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.sessions
            .values()
            .all(|s| s.phase != Phase::Live || (!s.is_busy() && s.requests.is_empty()))
    }

    /// Whether the peer of a session has said who it is and was accepted.
    #[must_use]
    pub fn is_live(&self, session: SessionId) -> bool {
        self.sessions
            .get(&session)
            .is_some_and(|s| s.phase == Phase::Live)
    }

    /// Numbers of the open sessions.
    pub fn session_ids(&self) -> impl Iterator<Item = SessionId> + '_ {
        self.sessions.keys().copied()
    }

    /// Remembers an address of a member, as discovery found it.
    pub fn address_learned(&mut self, peer: &NodeId, address: &str) -> bool {
        if *peer == self.core.me || self.core.trust.member(peer).is_none() {
            return false;
        }
        let is_news = self.core.peers.announced(peer, address, self.core.now_ms);
        if is_news && !self.sessions.values().any(|s| s.peer == *peer) {
            self.core.peers.hurry(peer);
        }
        true
    }

    /// All members and what is known of them here.
    #[must_use]
    pub fn peers_known(&self) -> Vec<KnownPeer> {
        let members = self.core.trust.authority().members();
        members
            .filter(|member| member.node != self.core.me)
            .map(|member| self.peer_known(member))
            .collect()
    }

    fn peer_known(&self, member: &Member) -> KnownPeer {
        let node = member.node;
        let session = self
            .sessions
            .values()
            .find(|s| s.peer == node && s.phase == Phase::Live);
        let position = self.core.replica.position();
        let mut info = peer_info(&self.core.trust, &self.core.peers, position, member);
        info.connected = session.is_some();
        if let Some(session) = session {
            info.last_seen_ms = info.last_seen_ms.max(self.core.wall_of(session.contact.heard_ms));
            info.is_silent = session.is_unanswered(self.core.now_ms);
            if info.in_sync {
                info.contact.in_sync_ms = info.last_seen_ms;
            }
            let (out, into) = session.uncounted();
            info.contact.bytes_out = info.contact.bytes_out.saturating_add(out);
            info.contact.bytes_in = info.contact.bytes_in.saturating_add(into);
        }
        info.enabled = !self.disabled.contains(&node);
        info.quarantined = session.map_or(0, |s| s.stats.refused.count);
        let first = self.core.peers.first_meeting(&node);
        KnownPeer {
            info,
            first: first.map(|met| (met, self.core.flow_with(&node).shared)),
        }
    }

    /// Rises with each change of what is known of peers and of the network's members.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.core.peers.revision().wrapping_add(self.core.trust.heard())
    }
}

impl Core {
    /// A member that many dial is dialled again when there is room for this node.
    fn again_later(&mut self, peer: &NodeId, reason: &CloseReason) {
        if self.trust.member(peer).is_none() {
            return;
        }
        match reason {
            CloseReason::Wait(seconds) => {
                let wait_ms = u64::from(*seconds).saturating_mul(1_000);
                self.peers.turn(peer, wait_ms.min(TURN_AGAIN_MS), self.now_ms);
            }
            CloseReason::Busy => self.peers.busy(peer, self.now_ms),
            reason if reason.is_restart() => {
                let members = self.trust.authority().members().count();
                self.peers.restarted(peer, members, self.now_ms);
            }
            _ => {}
        }
    }

    /// Renews a member's grant if that is ours to do and due.
    pub(super) fn grant_renew(&mut self, node: &NodeId) {
        if self.renew_again.get(node).is_some_and(|at| *at > self.now_ms) {
            return;
        }
        let renewed = self.trust.grant_renew(&self.key, node, self.wall_ms);
        if let Ok(None) = renewed {
            return;
        }
        // What did not become the grant in force would be renewed with each tick.
        if let Ok(Some(next)) = renewed {
            let is_in_force = !next.is_renewal_due(node, self.wall_ms);
            self.trust_set(next);
            if is_in_force {
                return;
            }
        }
        self.renew_again
            .insert(*node, self.now_ms.saturating_add(RENEW_AGAIN_MS));
    }
}

/// What the engine knows of a member; the rest stands in the store.
#[derive(Debug)]
pub struct KnownPeer {
    info: PeerInfo,
    /// Where the first sync with it began, while it lasts, and what both may hold.
    first: Option<(FirstMeeting, ScopeFilter)>,
}

impl KnownPeer {
    /// Reads the rest.
    ///
    /// # Errors
    /// When the store fails: what it could not say must not pass for "none".
    pub fn complete(known: Vec<KnownPeer>, replica: &dyn Replica) -> ReplicaResult<Vec<PeerInfo>> {
        let set_aside = replica.quarantined_by()?;
        let complete = |known: KnownPeer| {
            let KnownPeer { mut info, first } = known;
            if let Some((met, shared)) = first {
                let (sum, _) = replica.fingerprint(&shared)?;
                info.first_sync = Some(met.progress(sum.count));
            }
            let aside = set_aside.get(&info.node).copied().unwrap_or(0);
            info.quarantined = info.quarantined.saturating_add(aside);
            Ok(info)
        };
        known.into_iter().map(complete).collect()
    }
}

/// What is known of a member without a session.
pub(crate) fn peer_info(trust: &Trust, peers: &Peers, position: u64, member: &Member) -> PeerInfo {
    let state = peers.state(&member.node).cloned().unwrap_or_default();
    PeerInfo {
        node: member.node,
        name: member.name.clone(),
        site: member.site.clone(),
        role: member.role.as_str().to_owned(),
        last_seen_ms: state.last_seen_ms,
        // What was written or received since is not known to be there.
        in_sync: state.in_sync && state.equal_position >= position,
        connected: false,
        is_silent: false,
        enabled: true,
        revoked: trust.is_revoked(&member.node),
        first_sync: None,
        records: state.records,
        known: peers.addresses_known(trust, &member.node),
        addresses: state.addresses,
        problem: state.problem,
        clock_skew_ms: state.clock_skew_ms,
        quarantined: 0,
        grant_ends_ms: trust.grant_ends_ms(&member.node),
        contact: Contact {
            in_sync_ms: state.equal_ms,
            clock_ms: state.clock_ms,
            file_ms: state.file_ms,
            statements: state.authority_acked,
            ..peers.contacts.contact(&member.node, position)
        },
    }
}

impl Session {
    /// Whether the exchange has come to an end, and which.
    fn outcome(&self, core: &Core) -> Option<(bool, String)> {
        if self.phase != Phase::Live
            || !self.is_answered()
            || self.proof.pending.is_some()
            || !self.is_receive_idle()
            || self.stats.is_heal_read
        {
            return None;
        }
        let peer = self.proof.peer?;
        if let Some((position, _)) = self.proof.equal
            && self.is_handed_over()
        {
            // The peer is told so before anybody else: whoever asked may leave as soon as it knows.
            if self.send.last_status.is_none_or(|told| told.position < position) {
                return None;
            }
            if !self.is_authority_equal(core) {
                // What is told of the network's members is on its way or being kept, or has been in vain.
                let is_over = core.is_trust_kept() && peer.drained && self.is_authority_told(core, &peer);
                return is_over.then(|| (false, OTHER_STATEMENTS.to_owned()));
            }
            let clean = self.is_clean(core);
            let reason = if clean {
                String::new()
            } else {
                "changes stand in quarantine or were refused".to_owned()
            };
            return Some((clean, reason));
        }
        let mine = self.send.last_status?;
        let over = mine.drained && peer.drained && self.send.in_flight.is_empty() && !self.is_busy();
        if !over {
            return None;
        }
        if peer.withheld {
            return Some((
                false,
                "by what the peer knows and its clock this node's grant is over: it takes, and gives nothing until that \
                 is renewed"
                    .to_owned(),
            ));
        }
        if mine.withheld {
            return Some((
                false,
                "the peer's grant is over by this node's clock: nothing is sent to it until it is renewed"
                    .to_owned(),
            ));
        }
        if self.repair.exhausted {
            let reason = if self.stats.refused.count > 0 {
                "changes were refused, so the records differ"
            } else if core.replica.awaiting() > 0 {
                "changes wait here until it is known that their author is a member"
            } else {
                "the records still differ after repair"
            };
            return Some((false, reason.to_owned()));
        }
        None
    }

    fn report(&self, core: &Core, in_sync: bool, reason: String) -> SyncReport {
        let elapsed_ms = core.now_ms.saturating_sub(self.opened_ms);
        SyncReport {
            peer: self.peer.to_string(),
            in_sync,
            sent_records: self.stats.sent_records,
            received_records: self.stats.received_records,
            bytes_out: self.stats.bytes_out,
            bytes_in: self.stats.bytes_in,
            wire_bytes: 0,
            round_trips: self.hop.div_ceil(2),
            seconds: elapsed_ms as f64 / 1_000.0,
            waited_seconds: 0.0,
            quarantined: u64::from(core.quarantined()).saturating_add(self.stats.refused.count),
            awaiting: core.replica.awaiting(),
            reason,
            refused: {
                let told = self.stats.refused.told.iter().chain(&self.stats.set_aside);
                told.take(REFUSED_MAX).cloned().collect()
            },
            timing: self.stats.timing,
        }
    }
}
