//! What is known of peers between sessions.
//!
//! Invariants: bounded; nothing here decides trust; kept in the store so that a
//! restart without DNS or mDNS finds its peers again.

use std::collections::BTreeMap;

use chaski_crdt::author::NodeId;

mod first_sync;
mod kept;

use super::book::{Book, Origin};
use super::close::Problem;
use super::contacts::{CONTACTS_DOCUMENT, Contacts};
use super::peer_state::PeerState;
use crate::keep::Changes;
use crate::limits::{
    DIAL_MS_MAX, DIAL_UNASKED_MS, DIALS_A_TICK_MAX, HEARD_ADDRESSES_MAX, HEARD_AGAIN_MS, KNOCK_MS,
    KNOCK_PART, KNOCK_SELDOM_MS, NAME_BYTES_MAX, PEER_ADDRESSES_MAX, PEERS_MAX, PEERS_SAVE_MS, REDIAL_MS_MAX,
    REDIAL_MS_MIN, REDIAL_SWITCHED_MS_MAX, RETELL_AGAIN_MS, RETURN_LINK_MEMBER_MS, RETURN_MEMBER_MS,
    RETURN_MS_MAX, SEEN_CLAIM_MS, TICK_MS, YIELD_MS_MAX,
};
use crate::replica::{Documents, ReplicaError};

/// Name of the store's document that holds what is known of peers: a version
/// byte, the epoch of the log whose positions it names, then rows of node,
/// [`PeerState`], [`PeerState::heard_position`], which version 1 lacks, [`PeerState::trip_ms`], which
/// version 2 lacks, and [`PeerState::clock_ms`] with [`PeerState::file_ms`], which version 3 lacks.
/// Before version 5 [`PeerState::problem`] was a sentence.
const PEERS_DOCUMENT: &str = "net/peers-known";
/// Its predecessor, without version or epoch: rows of [`OldState`].
const OLD_DOCUMENT: &str = "net/peers";
/// Name of the document with what was handed to peers that may be given more than this node may
/// hold: a version byte, then the epoch of this node's log and positions of it by node.
const HANDED_DOCUMENT: &str = "net/peers-handed";
/// Version of that document.
const HANDED_VERSION: u8 = 1;

/// Clocks this close to what is known of them are not told again, in milliseconds.
const CLOCK_NEWS_MS: u64 = 1_000;

/// What [`HANDED_DOCUMENT`] holds.
type Handed = (u64, Vec<(NodeId, u64)>);

/// Digests of the statements held here and there.
type Digests = ([u8; 16], [u8; 16]);

/// All peers that a node knows of, and how the contact with each is.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    /// Where they are reached by their own word, and from where addresses are known.
    pub(crate) book: Book,
    known: BTreeMap<NodeId, PeerState>,
    pub(super) contacts: Contacts,
    /// Position of our log up to which a peer has taken all that it may be given.
    handed: BTreeMap<NodeId, u64>,
    /// Configured addresses whose node is not known yet: next dialling and wait, in ms.
    places: BTreeMap<String, (u64, u64)>,
    /// Between which statements and when a peer was last told all of them anew.
    retold: BTreeMap<NodeId, (Digests, u64)>,
    epoch: u64,
    /// This node, as it is told apart from others that dial the same peer.
    me: Option<NodeId>,
    dirty: bool,
    saved_ms: u64,
    revision: u64,
}

impl Peers {
    /// `epoch` is that of this node's log: what was equal at positions of
    /// another, before a rebuild, says nothing now.
    pub(crate) fn load(replica: &dyn Documents, epoch: u64) -> Result<Peers, ReplicaError> {
        // What cannot be read is begun anew.
        let known = match replica.document(PEERS_DOCUMENT)? {
            Some(bytes) => kept::current(&bytes, epoch).unwrap_or_default(),
            None => replica
                .document(OLD_DOCUMENT)?
                .map(|bytes| kept::old(&bytes))
                .unwrap_or_default(),
        };
        let handed = replica.document(HANDED_DOCUMENT)?.and_then(|bytes| {
            let (version, rest) = bytes.split_first()?;
            let read = (*version == HANDED_VERSION).then(|| postcard::from_bytes::<Handed>(rest).ok());
            read?.filter(|(of_epoch, _)| *of_epoch == epoch)
        });
        let contacts = replica.document(CONTACTS_DOCUMENT)?;
        Ok(Peers {
            book: Book::load(replica)?,
            known,
            contacts: contacts.map_or_else(Contacts::default, |bytes| Contacts::read(&bytes, epoch)),
            // What is not known to have been taken is sent again.
            handed: handed
                .map(|(_, rows)| rows.into_iter().collect())
                .unwrap_or_default(),
            epoch,
            ..Peers::default()
        })
    }

    /// Saves when something changed and the last save is a while ago, or now.
    pub(crate) fn save(
        &mut self,
        replica: &dyn Documents,
        now_ms: u64,
        force: bool,
    ) -> Result<(), ReplicaError> {
        let before = self.saved_ms;
        let Some(changes) = self.unsaved(now_ms, force) else {
            return Ok(());
        };
        let saved = replica.documents_save(&changes);
        if saved.is_err() {
            self.save_failed();
            self.saved_ms = before;
        }
        saved
    }

    /// What is to be saved: something changed, and the last save is a while ago or this is to be
    /// kept now. It counts as saved.
    pub(crate) fn unsaved(&mut self, now_ms: u64, force: bool) -> Option<Changes> {
        let is_dirty = self.dirty || self.book.is_dirty();
        if !is_dirty || (!force && now_ms.saturating_sub(self.saved_ms) < PEERS_SAVE_MS) {
            return None;
        }
        let mut changes = Changes::new();
        let bytes = kept::write(&self.known, self.epoch)?;
        changes.push((PEERS_DOCUMENT.to_owned(), Some(bytes)));
        if !self.handed.is_empty() {
            let rows: Vec<_> = self.handed.iter().collect();
            let bytes = postcard::to_extend(&(self.epoch, rows), vec![HANDED_VERSION]).ok()?;
            changes.push((HANDED_DOCUMENT.to_owned(), Some(bytes)));
        }
        if let Some(bytes) = self.contacts.write(self.epoch) {
            changes.push((CONTACTS_DOCUMENT.to_owned(), Some(bytes)));
        }
        changes.extend(self.book.unsaved());
        (self.dirty, self.saved_ms) = (false, now_ms);
        Some(changes)
    }

    /// What counted as saved was not.
    pub(crate) fn save_failed(&mut self) {
        self.dirty = true;
        self.book.save_failed();
    }

    /// Something changed that is told to whoever watches.
    pub(crate) fn touch(&mut self) {
        self.dirty = true;
        self.revision = self.revision.wrapping_add(1);
    }

    /// Rises with each change.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    pub(crate) fn state(&self, peer: &NodeId) -> Option<&PeerState> {
        self.known.get(peer)
    }

    /// Notes when a peer was heard, and that both still held the same then if they did at our position.
    /// A time that was noted while this clock stood ahead gives way.
    pub(super) fn heard(&mut self, peer: &NodeId, heard_ms: u64, now_ms: u64, position: u64) {
        let later = |noted_ms: u64| match noted_ms > now_ms {
            true => heard_ms,
            false => noted_ms.max(heard_ms),
        };
        let state = self.entry(peer);
        state.last_seen_ms = later(state.last_seen_ms);
        if state.in_sync && state.equal_position >= position {
            state.equal_ms = later(state.equal_ms);
        }
    }

    /// Whether a peer holds the same as this node does at a position of its log.
    pub(super) fn is_equal_at(&self, peer: &NodeId, position: u64) -> bool {
        let state = self.known.get(peer);
        state.is_some_and(|state| state.in_sync && state.equal_position >= position)
    }

    fn entry(&mut self, peer: &NodeId) -> &mut PeerState {
        self.touch();
        if self.known.len() >= PEERS_MAX && !self.known.contains_key(peer) {
            let oldest = self
                .known
                .iter()
                .min_by_key(|(_, state)| state.last_seen_ms)
                .map(|(node, _)| *node);
            if let Some(oldest) = oldest {
                self.known.remove(&oldest);
                self.contacts.forget(&oldest);
            }
        }
        self.known.entry(*peer).or_default()
    }

    pub(crate) fn seen(&mut self, peer: &NodeId, address: &str, dialled: bool, now_ms: u64) {
        let state = self.entry(peer);
        state.last_seen_ms = now_ms;
        state.backoff_ms = 0;
        state.problem = None;
        (state.lost_ms, state.knock_ms, state.answered_ms) = (None, 0, 0);
        (state.is_restarted, state.returns) = (false, None);
        if dialled {
            self.learn(peer, address);
        }
    }

    /// Remembers an address at which a peer may be reached.
    pub(crate) fn learn(&mut self, peer: &NodeId, address: &str) {
        if address.is_empty() || address.len() > NAME_BYTES_MAX {
            return;
        }
        self.entry(peer);
        let Some(state) = self.known.get_mut(peer) else {
            return;
        };
        state.addresses.retain(|known| known != address);
        state.addresses.insert(0, address.to_owned());
        if state.addresses.len() > PEER_ADDRESSES_MAX {
            // Where somebody told this node to look is kept longest.
            let is_met = |known: &String| self.book.origin(peer, known).is_some_and(|from| !from.is_named());
            let last_met = state.addresses.iter().rposition(is_met).filter(|at| *at > 0);
            state.addresses.remove(last_met.unwrap_or(PEER_ADDRESSES_MAX));
        }
    }

    /// As [`Peers::learn`], with from where it is known.
    pub(crate) fn learn_from(&mut self, peer: &NodeId, address: &str, origin: Origin) {
        self.learn(peer, address);
        if let Some(state) = self.known.get(peer)
            && state.addresses.iter().any(|known| known == address)
        {
            self.book.originate(peer, address, origin, &state.addresses);
        }
    }

    /// Remembers an address at which a peer was announced on the local network; whether it is to be dialled
    /// at once. Anybody can announce anything: it takes the place of none that was reached.
    pub(crate) fn announced(&mut self, peer: &NodeId, address: &str, now_ms: u64) -> bool {
        if address.is_empty() || address.len() > NAME_BYTES_MAX {
            return false;
        }
        self.entry(peer);
        let Some(state) = self.known.get_mut(peer) else {
            return false;
        };
        let is_known = state.addresses.iter().any(|known| known == address);
        if !is_known {
            let is_heard = |known: &String| self.book.origin(peer, known) == Some(Origin::Heard);
            let heard = state.addresses.iter().filter(|known| is_heard(known)).count();
            let is_full = state.addresses.len() >= PEER_ADDRESSES_MAX;
            if heard >= HEARD_ADDRESSES_MAX || is_full {
                match state.addresses.iter().rposition(is_heard) {
                    Some(last) => drop(state.addresses.remove(last)),
                    None => return false,
                }
            }
            state.addresses.push(address.to_owned());
            let known = state.addresses.clone();
            self.book.originate(peer, address, Origin::Heard, &known);
        }
        let is_late = |heard_ms: u64| now_ms.saturating_sub(heard_ms) >= HEARD_AGAIN_MS;
        let is_due = state.heard_ms.is_none_or(is_late);
        if is_due {
            state.heard_ms = Some(now_ms);
        }
        is_due
    }

    /// What it was reached at turned out to be another's.
    pub(crate) fn forget(&mut self, peer: &NodeId, address: &str) {
        if self
            .known
            .get(peer)
            .is_some_and(|state| state.addresses.iter().any(|a| a == address))
        {
            self.entry(peer).addresses.retain(|known| known != address);
        }
    }

    /// All peers that something is remembered of.
    pub(crate) fn states(&self) -> impl Iterator<Item = (&NodeId, &PeerState)> {
        self.known.iter()
    }

    /// Notes what it says of its clock, and when that was.
    pub(crate) fn clocked(&mut self, peer: &NodeId, skew_ms: i64, now_ms: u64) {
        // Less than a second is the link's delay, not news.
        let known = self.known.get(peer).and_then(|state| state.clock_skew_ms);
        if known.is_none_or(|known| known.abs_diff(skew_ms) >= CLOCK_NEWS_MS) {
            self.entry(peer).clock_skew_ms = Some(skew_ms);
        }
        // Saved with the next news.
        if let Some(state) = self.known.get_mut(peer) {
            state.clock_ms = now_ms;
        }
    }

    /// Whether a peer is believed that this node was restored from an older copy: each is once in [`SEEN_CLAIM_MS`], so
    /// that none by saying so keeps another from being heard.
    pub(crate) fn claim(&mut self, peer: &NodeId, now_ms: u64) -> bool {
        let state = self.entry(peer);
        let is_told = |at: u64| now_ms.saturating_sub(at) < SEEN_CLAIM_MS;
        if state.claimed_ms.is_some_and(is_told) {
            return false;
        }
        state.claimed_ms = Some(now_ms);
        true
    }

    /// Notes how long a round trip to it takes; a little more or less is no news.
    pub(crate) fn paced(&mut self, peer: &NodeId, trip_ms: u64) {
        let Some(state) = self.known.get_mut(peer) else {
            return;
        };
        if state.trip_ms.abs_diff(trip_ms) > state.trip_ms / 4 {
            state.trip_ms = trip_ms;
            self.dirty = true;
        }
    }

    pub(crate) fn counted(&mut self, peer: &NodeId, records: u64) {
        if self.known.get(peer).is_none_or(|state| state.records != records) {
            self.entry(peer).records = records;
        }
    }

    /// Notes whether both were equal at a position of our feed, of which the peer says to have come as far
    /// as `heard`.
    pub(crate) fn in_sync(&mut self, peer: &NodeId, in_sync: bool, position: u64, heard: u64, now_ms: u64) {
        if !in_sync && self.known.get(peer).is_some_and(|state| !state.in_sync) {
            return;
        }
        let state = self.entry(peer);
        state.in_sync = in_sync;
        state.last_seen_ms = now_ms;
        if in_sync {
            state.equal_ms = now_ms;
            state.equal_position = position;
            state.heard_position = heard.min(position);
            self.acked_raise(peer, position);
        }
    }

    /// Notes that a peer has what this node does not hold. When both last were equal stays known.
    pub(crate) fn differs(&mut self, peer: &NodeId) {
        if self.known.get(peer).is_some_and(|state| state.in_sync) {
            self.entry(peer).in_sync = false;
        }
    }

    /// Notes that a peer, when it wrote a parcel, held what is held here now.
    pub(crate) fn in_sync_then(&mut self, peer: &NodeId, position: u64, then_ms: u64) {
        let state = self.entry(peer);
        state.in_sync = true;
        state.equal_ms = state.equal_ms.max(then_ms);
        state.equal_position = position;
        if then_ms > state.last_seen_ms {
            (state.last_seen_ms, state.file_ms) = (then_ms, then_ms);
        }
        self.acked_raise(peer, position);
    }

    /// Position of our log up to which a peer has taken all that it may be given, as far as this
    /// node knows of itself. The peer's own word is of a log with this epoch, which a copy of this
    /// node's disk may have written otherwise.
    pub(crate) fn handed(&self, peer: &NodeId) -> u64 {
        self.handed.get(peer).copied().unwrap_or(0)
    }

    pub(crate) fn hand(&mut self, peer: &NodeId, position: u64) {
        let has_room = self.handed.len() < PEERS_MAX || self.handed.contains_key(peer);
        if position > self.handed(peer) && has_room {
            self.handed.insert(*peer, position);
            self.acked_raise(peer, position);
            self.dirty = true;
        }
    }

    pub(crate) fn authority_acked(&self, peer: &NodeId) -> u64 {
        self.known.get(peer).map_or(0, |state| state.authority_acked)
    }

    pub(crate) fn authority_ack(&mut self, peer: &NodeId, heard: u64) {
        if self.authority_acked(peer) != heard || !self.known.contains_key(peer) {
            self.entry(peer).authority_acked = heard;
        }
    }

    /// Whether a peer is to be told all statements anew where it holds those and this node these: once, and
    /// with time again.
    pub(crate) fn retells(&mut self, peer: &NodeId, pair: Digests, now_ms: u64) -> bool {
        let told = self.retold.get(peer);
        let is_late = |told: &(Digests, u64)| now_ms.saturating_sub(told.1) >= RETELL_AGAIN_MS;
        let is_due = told.is_none_or(|told| told.0 != pair || is_late(told));
        if !is_due || (self.retold.len() >= PEERS_MAX && told.is_none()) {
            return false;
        }
        self.retold.insert(*peer, (pair, now_ms));
        true
    }

    /// Notes that a peer could not be reached or was left, and when to try again. One that is gone is knocked at
    /// meanwhile; one that is there and refuses has its reason to, and is let alone until then.
    pub(crate) fn failed(&mut self, peer: &NodeId, problem: Option<Problem>, is_gone: bool, now_ms: u64) {
        let (place, phase_ms) = (self.place(peer), self.part(peer, KNOCK_MS));
        let state = self.entry(peer);
        if problem.is_some() {
            state.problem = problem;
        }
        if is_gone && state.lost_ms.is_none() {
            // All who lost it with this one knock at other moments.
            state.knock_ms = state.knock_ms.max(now_ms.saturating_add(phase_ms));
            state.unasked_ms = Some(now_ms);
        }
        state.lost_ms = is_gone.then(|| state.lost_ms.unwrap_or(now_ms));
        state.backoff_ms = state
            .backoff_ms
            .saturating_mul(2)
            .clamp(REDIAL_MS_MIN, REDIAL_MS_MAX);
        if state.answered_ms > now_ms {
            // Whoever answers knocks there is another, or the link is gone again.
            state.answered_ms = now_ms.saturating_add(state.backoff_ms);
        }
        let spread = state.backoff_ms.saturating_mul(u64::from(place)) / 1024;
        state.dial_ms = now_ms.saturating_add(state.backoff_ms).saturating_add(spread);
    }

    /// Whose peers these are: each node has waits of its own, so that a hub that comes back is not met by
    /// all at once.
    pub(crate) fn own(&mut self, me: NodeId) {
        self.me = Some(me);
    }

    /// A peer's node was started anew: each of the members that dial it again does so at a time of its own.
    pub(crate) fn restarted(&mut self, peer: &NodeId, members: usize, now_ms: u64) {
        self.entry(peer).is_restarted = true;
        let part_ms = self.part(peer, self.return_ms(peer, members));
        let state = self.entry(peer);
        let dial_ms = now_ms.saturating_add(state.backoff_ms).saturating_add(part_ms);
        state.dial_ms = state.dial_ms.max(dial_ms);
    }

    /// Time over which the members spread their dialling of one that is there again, in ms. A link that is up
    /// again may be so for seconds only, and it may be this node's own.
    fn return_ms(&self, peer: &NodeId, members: usize) -> u64 {
        let is_restarted = self.known.get(peer).is_some_and(|state| state.is_restarted);
        let member_ms = if is_restarted {
            RETURN_MEMBER_MS
        } else {
            RETURN_LINK_MEMBER_MS
        };
        let members = u64::try_from(members).unwrap_or(u64::MAX);
        members.saturating_mul(member_ms).min(RETURN_MS_MAX)
    }

    /// Two that have lost each other knock at each other, and hear each other at once when the link is back. One
    /// connection is enough: the one with the greater key gives the other the time to dial it.
    fn yield_ms(&self, peer: &NodeId) -> u64 {
        let trip_ms = self.known.get(peer).map_or(0, |state| state.trip_ms);
        match self.me.is_some_and(|me| me > *peer) {
            true => TICK_MS
                .saturating_add(trip_ms.saturating_mul(2))
                .min(YIELD_MS_MAX),
            false => 0,
        }
    }

    /// Whether one that has answered a knock is dialled at once: else it is when its time has come.
    pub(crate) fn returns(&mut self, peer: &NodeId, address: &str, members: usize, now_ms: u64) -> bool {
        let part_ms = self
            .part(peer, self.return_ms(peer, members))
            .saturating_add(self.yield_ms(peer));
        let Some(state) = self.known.get_mut(peer).filter(|_| part_ms >= TICK_MS) else {
            return true;
        };
        let until = now_ms.saturating_add(part_ms);
        state.returns = Some((until, address.to_owned()));
        for at in [&mut state.answered_ms, &mut state.knock_ms, &mut state.dial_ms] {
            *at = until.saturating_add(DIAL_MS_MAX).max(*at);
        }
        false
    }

    /// Those whose time has come, and where they have answered.
    pub(crate) fn returning(&mut self, now_ms: u64) -> Vec<(NodeId, String)> {
        let mut due = Vec::new();
        for (node, state) in &mut self.known {
            if state.returns.as_ref().is_some_and(|(at, _)| *at <= now_ms) {
                due.extend(state.returns.take().map(|(_, address)| (*node, address)));
            }
        }
        due
    }

    /// A peer has no room before so long: it is dialled then, by each node at a time of its own.
    pub(crate) fn turn(&mut self, peer: &NodeId, wait_ms: u64, now_ms: u64) {
        let part_ms = self.part(peer, (wait_ms / 4).saturating_add(REDIAL_MS_MIN));
        let state = self.entry(peer);
        state.backoff_ms = 0;
        state.dial_ms = now_ms.saturating_add(wait_ms).saturating_add(part_ms);
    }

    /// A peer has no room, and does not say for how long.
    pub(crate) fn busy(&mut self, peer: &NodeId, now_ms: u64) {
        let backoff_ms = self.entry(peer).backoff_ms;
        let part_ms = self.part(peer, backoff_ms);
        let state = self.entry(peer);
        state.dial_ms = now_ms.saturating_add(backoff_ms).saturating_add(part_ms);
    }

    /// This node's part of a time, by which it comes later to a peer than others do.
    fn part(&self, peer: &NodeId, of_ms: u64) -> u64 {
        let [high, low, ..] = *self.digest(peer).as_bytes();
        let place = u64::from(u16::from_be_bytes([high, low]));
        of_ms.saturating_mul(place) >> u16::BITS
    }

    fn digest(&self, peer: &NodeId) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.me.map_or([0; 32], |me| me.0)).update(&peer.0);
        hasher.finalize()
    }

    /// This node's place, of 256, among those that dial a peer.
    pub(super) fn place(&self, peer: &NodeId) -> u8 {
        self.digest(peer).as_bytes().first().copied().unwrap_or(0)
    }

    /// This node can take nothing in for now: a peer that is met at once again would only send the
    /// same again.
    pub(crate) fn patience(&mut self, peer: &NodeId) {
        self.entry(peer).backoff_ms = REDIAL_MS_MAX;
    }

    /// The other's switch is off: ask again before long, it may be on again.
    pub(crate) fn switched(&mut self, peer: &NodeId, now_ms: u64) {
        let state = self.entry(peer);
        state.backoff_ms = state.backoff_ms.min(REDIAL_SWITCHED_MS_MAX);
        state.dial_ms = state.dial_ms.min(now_ms.saturating_add(REDIAL_SWITCHED_MS_MAX));
    }

    /// Whether a peer may be knocked at: then it is, and again only after a while.
    pub(crate) fn knocks(&mut self, peer: &NodeId, now_ms: u64) -> bool {
        let Some(state) = self.known.get_mut(peer).filter(|state| state.knock_ms <= now_ms) else {
            return false;
        };
        let lost = state.lost_ms.map_or(0, |since| now_ms.saturating_sub(since));
        let wait = (lost / KNOCK_PART).clamp(KNOCK_MS, KNOCK_SELDOM_MS);
        state.knock_ms = now_ms.saturating_add(wait);
        true
    }

    /// This node is reached elsewhere now: whoever was lost may be found from there, and is knocked at as one that
    /// has just been lost.
    pub(crate) fn moved(&mut self, now_ms: u64) {
        for state in self.known.values_mut().filter(|state| state.lost_ms.is_some()) {
            (state.lost_ms, state.knock_ms) = (Some(now_ms), now_ms);
        }
    }

    /// Peers that were lost, whose time to be knocked at has come, the one that has waited longest first.
    pub(crate) fn knocks_due(&self, now_ms: u64) -> Vec<(NodeId, String)> {
        let lost = self.known.iter().filter(|(_, state)| state.lost_ms.is_some());
        let mut due: Vec<_> = lost
            .filter(|(_, state)| state.knock_ms <= now_ms)
            .filter_map(|(node, state)| Some((state.knock_ms, *node, state.addresses.first()?.clone())))
            .collect();
        due.sort_by_key(|(since, node, _)| (*since, *node));
        due.into_iter()
            .map(|(_, node, address)| (node, address))
            .collect()
    }

    /// Whether a peer whose time to be dialled has come is knocked at instead: one that was lost is dialled when it
    /// answers, for the packets that begin a connection cost thirty times what a knock does. Now and then it is
    /// dialled all the same: something between may let no knock through.
    pub(crate) fn is_knocked_first(&mut self, peer: &NodeId, now_ms: u64) -> bool {
        let state = self.entry(peer);
        let is_late = |at_ms| now_ms.saturating_sub(at_ms) >= DIAL_UNASKED_MS;
        let is_first = state.lost_ms.is_some() && !state.unasked_ms.is_none_or(is_late);
        if !is_first {
            state.unasked_ms = Some(now_ms);
        }
        is_first
    }

    /// Whether a peer that has answered may be dialled: then it is, and knocked at and dialled again only
    /// when that has ended.
    pub(crate) fn dials(&mut self, peer: &NodeId, now_ms: u64, for_ms: u64) -> bool {
        let Some(state) = self
            .known
            .get_mut(peer)
            .filter(|state| state.answered_ms <= now_ms)
        else {
            return false;
        };
        let until = now_ms.saturating_add(for_ms);
        (state.answered_ms, state.knock_ms) = (until, until);
        state.dial_ms = state.dial_ms.max(until);
        true
    }

    /// Makes a peer be dialled at the next tick, however long it was to wait.
    pub(crate) fn hurry(&mut self, peer: &NodeId) {
        let state = self.entry(peer);
        (state.backoff_ms, state.dial_ms, state.unasked_ms) = (0, 0, None);
    }

    /// Configured addresses that nobody in the network is known to have, whose time has come.
    pub(crate) fn places_due(
        &mut self,
        configured: &[String],
        now_ms: u64,
        is_in_network: impl Fn(&NodeId) -> bool,
    ) -> Vec<String> {
        let mut due = Vec::new();
        for address in configured.iter().take(PEERS_MAX) {
            let mut known = self.known.iter();
            if known.any(|(node, state)| state.addresses.contains(address) && is_in_network(node)) {
                continue;
            }
            let (next_ms, wait_ms) = self.places.entry(address.clone()).or_default();
            if *next_ms <= now_ms {
                *wait_ms = wait_ms.saturating_mul(2).clamp(REDIAL_MS_MIN, REDIAL_MS_MAX);
                *next_ms = now_ms.saturating_add(*wait_ms);
                due.push(address.clone());
            }
        }
        due
    }

    /// Peers whose time to be dialled has come, so many at once: those that have waited longest.
    pub(crate) fn due(&mut self, now_ms: u64) -> Vec<(NodeId, Vec<String>)> {
        let is_due =
            |(_, state): &(&NodeId, &PeerState)| !state.addresses.is_empty() && state.dial_ms <= now_ms;
        let mut nodes: Vec<(u64, NodeId)> = self
            .known
            .iter()
            .filter(is_due)
            .map(|(node, state)| (state.dial_ms, *node))
            .collect();
        nodes.sort_unstable();
        nodes.truncate(DIALS_A_TICK_MAX);
        let mut due = Vec::with_capacity(nodes.len());
        for (_, node) in nodes {
            let state = self.entry(&node);
            // Until the dialling has ended one way or the other.
            state.dial_ms = now_ms.saturating_add(30_000);
            due.push((node, state.addresses.clone()));
        }
        due
    }
}
