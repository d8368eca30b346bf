//! What came of payloads whose link was cut, kept so that the next session
//! with the same peer goes on where this one ended.
//!
//! Shape: one document lists them (version byte, epoch of this node's log,
//! rows of [`Partial`]); the bytes lie in documents of their own, in segments
//! as they were kept.
//!
//! Invariants: by peer, so that nobody spoils what another has begun; bounded
//! in number and bytes, for each peer and in all: of the peer that holds most
//! the one that has rested longest gives way; list and
//! bytes change in one batch of the store, some time after they do here. Nothing here is believed before the
//! whole payload has its name.

use std::collections::BTreeMap;

use chaski_crdt::author::NodeId;
use serde::{Deserialize, Serialize};

use crate::keep::Changes;
use crate::limits::{
    DATA_FRAME_BYTES_MAX, PARTIAL_SEGMENT_BYTES_MAX, PARTIALS_BYTES_MAX, PARTIALS_MAX,
    PARTIALS_PEER_BYTES_MAX, PARTIALS_PEER_MAX,
};
use crate::replica::{Documents, ReplicaResult};
use crate::wire::{Held, PayloadId};

/// Name of the store's document that lists them.
const LIST_DOCUMENT: &str = "net/partials";
/// Version of that document.
const LIST_VERSION: u8 = 1;

/// A payload that has come in part, or in full while its record has not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Partial {
    peer: NodeId,
    payload: PayloadId,
    total: u32,
    /// First bytes of it that are held.
    held: u32,
    segments: u32,
    /// Its changes are in the store, though the peer's feed cannot be marked as read up to the
    /// record before the others of it have come. The priority it came in.
    taken: Option<u8>,
    /// When it was last added to, in ms since 1970 by the clock as it stood: to be read by people.
    touched_ms: u64,
}

impl Partial {
    fn segment(&self, number: u32) -> String {
        let payload = data_encoding::HEXLOWER.encode(&self.payload);
        format!("net/partial/{}/{payload}/{number}", self.peer)
    }

    fn segments_gone(&self) -> impl Iterator<Item = (String, Option<Vec<u8>>)> + '_ {
        (0..self.segments).map(|number| (self.segment(number), None))
    }

    fn is_of(&self, peer: &NodeId, payload: &PayloadId) -> bool {
        self.peer == *peer && self.payload == *payload
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partials {
    known: Vec<Partial>,
    epoch: u64,
}

/// What a payload has come to.
pub(crate) struct Came<'a> {
    pub(crate) peer: &'a NodeId,
    pub(crate) payload: &'a PayloadId,
    pub(crate) total: usize,
    /// Its first bytes.
    pub(crate) bytes: &'a [u8],
}

impl Partials {
    /// `epoch` is that of this node's log: after a rebuild nothing of it counts as taken.
    pub(crate) fn load(replica: &dyn Documents, epoch: u64) -> ReplicaResult<Partials> {
        let read = |bytes: Vec<u8>| {
            let (version, rest) = bytes.split_first()?;
            let known = (*version == LIST_VERSION).then(|| postcard::from_bytes::<(u64, Vec<Partial>)>(rest));
            known?.ok()
        };
        // What cannot be read is sent again.
        let listed = replica.document(LIST_DOCUMENT)?.and_then(read);
        let (of_epoch, mut known) = listed.unwrap_or_default();
        if of_epoch != epoch {
            known.retain(|partial| partial.taken.is_none());
        }
        Ok(Partials { known, epoch })
    }

    /// Whether nothing is known of any.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What is held of a peer's payloads.
    pub(crate) fn held(&self, peer: &NodeId) -> Vec<Held> {
        let of_peer = self.known.iter().filter(|partial| partial.peer == *peer);
        of_peer
            .map(|partial| Held {
                payload: partial.payload,
                bytes: partial.held,
            })
            .take(PARTIALS_MAX)
            .collect()
    }

    fn find(&self, peer: &NodeId, payload: &PayloadId) -> Option<&Partial> {
        self.known.iter().find(|partial| partial.is_of(peer, payload))
    }

    /// Whether the changes of this payload are in the store already.
    pub(crate) fn is_taken(&self, peer: &NodeId, payload: &PayloadId) -> bool {
        self.find(peer, payload)
            .is_some_and(|partial| partial.taken.is_some())
    }

    /// The bytes held of a payload; none if they do not fit what is listed of them.
    pub(crate) fn bytes(
        &self,
        replica: &dyn Documents,
        peer: &NodeId,
        payload: &PayloadId,
    ) -> ReplicaResult<Vec<u8>> {
        let Some(partial) = self.find(peer, payload).filter(|p| p.taken.is_none()) else {
            return Ok(Vec::new());
        };
        let mut bytes = Vec::new();
        for number in 0..partial.segments {
            bytes.extend(replica.document(&partial.segment(number))?.unwrap_or_default());
            if bytes.len() > DATA_FRAME_BYTES_MAX {
                break;
            }
        }
        if bytes.len() == usize::try_from(partial.held).unwrap_or(usize::MAX) {
            Ok(bytes)
        } else {
            Ok(Vec::new())
        }
    }

    /// Those of one peer.
    pub(crate) fn of(&self, peer: &NodeId) -> Partials {
        let known = self.known.iter().filter(|partial| partial.peer == *peer);
        Partials {
            known: known.cloned().collect(),
            epoch: self.epoch,
        }
    }

    /// Keeps what has come of a payload: what is new of it is to be written.
    pub(crate) fn keep(&mut self, came: &Came<'_>, now_ms: u64) -> Changes {
        let known = self.find(came.peer, came.payload).cloned();
        let mut partial = known.unwrap_or_else(|| Partial {
            peer: *came.peer,
            payload: *came.payload,
            total: u32::try_from(came.total).unwrap_or(u32::MAX),
            held: 0,
            segments: 0,
            taken: None,
            touched_ms: 0,
        });
        let mut changes = Vec::new();
        if usize::try_from(partial.held).is_ok_and(|held| held > came.bytes.len()) {
            // The peer began anew, before what was held.
            changes.extend(partial.segments_gone());
            (partial.held, partial.segments) = (0, 0);
        }
        let from = usize::try_from(partial.held).unwrap_or(usize::MAX);
        let news = came.bytes.get(from..).unwrap_or_default();
        for segment in news.chunks(PARTIAL_SEGMENT_BYTES_MAX) {
            let name = partial.segment(partial.segments);
            // It may have been one of those that were to go.
            changes.retain(|(gone, _)| *gone != name);
            changes.push((name, Some(segment.to_vec())));
            partial.segments = partial.segments.saturating_add(1);
        }
        partial.held = u32::try_from(came.bytes.len()).unwrap_or(u32::MAX);
        partial.touched_ms = now_ms;
        let mut next = self.known.clone();
        next.retain(|other| !other.is_of(came.peer, came.payload));
        next.push(partial);
        changes.extend(make_room(&mut next));
        self.listed(next, changes)
    }

    /// The changes of a payload are in the store; the others of its record are still to come.
    pub(crate) fn taken(&mut self, came: &Came<'_>, priority: u8, now_ms: u64) -> Changes {
        let mut next = self.known.clone();
        let old = position(&next, came.peer, came.payload).map(|at| next.remove(at));
        let mut changes: Vec<_> = old
            .iter()
            .flat_map(|partial| partial.segments_gone().collect::<Vec<_>>())
            .collect();
        let total = u32::try_from(came.total).unwrap_or(u32::MAX);
        next.push(Partial {
            peer: *came.peer,
            payload: *came.payload,
            total,
            held: total,
            segments: 0,
            taken: Some(priority),
            touched_ms: now_ms,
        });
        changes.extend(make_room(&mut next));
        self.listed(next, changes)
    }

    /// A record has come in full: what was held of the payload that ended it, and what is known of
    /// those before it in its priority, is of no more use.
    pub(crate) fn finish(&mut self, peer: &NodeId, priority: u8, payload: Option<&PayloadId>) -> Changes {
        self.remove(|partial| {
            partial.peer == *peer && (partial.taken == Some(priority) || payload == Some(&partial.payload))
        })
    }

    /// Nothing of a peer's is of use any more.
    pub(crate) fn forget(&mut self, peer: &NodeId) -> Changes {
        self.remove(|partial| partial.peer == *peer)
    }

    fn remove(&mut self, is_over: impl Fn(&Partial) -> bool) -> Changes {
        if !self.known.iter().any(&is_over) {
            return Changes::new();
        }
        let (over, next): (Vec<_>, Vec<_>) = self.known.iter().cloned().partition(&is_over);
        let changes = over
            .iter()
            .flat_map(|partial| partial.segments_gone().collect::<Vec<_>>())
            .collect();
        self.listed(next, changes)
    }

    fn listed(&mut self, next: Vec<Partial>, mut changes: Changes) -> Changes {
        // Nothing of it is a value that could not be written.
        if let Ok(list) = postcard::to_extend(&(self.epoch, &next), vec![LIST_VERSION]) {
            changes.push((LIST_DOCUMENT.to_owned(), Some(list)));
        }
        self.known = next;
        changes
    }
}

fn position(known: &[Partial], peer: &NodeId, payload: &PayloadId) -> Option<usize> {
    known.iter().position(|partial| partial.is_of(peer, payload))
}

/// Lets go of one after the other until the others fit. Whatever is added to moves to the end, so they
/// stand in the order in which they have rested, and a clock that was set back drops nothing new.
fn make_room(known: &mut Vec<Partial>) -> Changes {
    let mut gone = Vec::new();
    while let Some(at) = surplus(known) {
        gone.extend(known.remove(at).segments_gone());
    }
    gone
}

/// What is listed of a peer's, or of all.
#[derive(Clone, Copy, Default)]
struct Share {
    rows: usize,
    /// Rows whose bytes are held.
    unfinished: usize,
    bytes: u64,
}

impl Share {
    fn add(&mut self, partial: &Partial) {
        self.rows += 1;
        if partial.taken.is_none() {
            self.unfinished += 1;
            self.bytes += u64::from(partial.held);
        }
    }

    fn is_too_much_of_one(&self) -> bool {
        let bytes_max = u64::try_from(PARTIALS_PEER_BYTES_MAX).unwrap_or(u64::MAX);
        self.unfinished > PARTIALS_PEER_MAX || (self.unfinished > 1 && self.bytes > bytes_max)
    }
}

/// The one that gives way, if they do not fit: of a peer with more than its share, or else of the one that
/// holds most, so that nobody's payloads are pushed out by one that sends many.
fn surplus(known: &[Partial]) -> Option<usize> {
    let mut all = Share::default();
    let mut shares: BTreeMap<NodeId, Share> = BTreeMap::new();
    for partial in known {
        all.add(partial);
        shares.entry(partial.peer).or_default().add(partial);
    }
    let share = |partial: &Partial| shares.get(&partial.peer).copied().unwrap_or_default();
    let first = |is_over: &dyn Fn(&Partial) -> bool| known.iter().position(is_over);
    let greedy = first(&|p| p.taken.is_none() && share(p).is_too_much_of_one());
    if greedy.is_some() {
        return greedy;
    }
    if all.rows > PARTIALS_MAX {
        let most = shares.values().map(|share| share.rows).max();
        return first(&|p| Some(share(p).rows) == most);
    }
    if all.bytes > u64::try_from(PARTIALS_BYTES_MAX).unwrap_or(u64::MAX) && all.unfinished > 1 {
        let most = shares.values().map(|share| share.bytes).max();
        return first(&|p| p.taken.is_none() && Some(share(p).bytes) == most);
    }
    None
}
