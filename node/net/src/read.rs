//! Reading for the engine, away from its thread: what meeting a peer takes, the
//! next batches of the arrival log for it, answers to its wants, sums and items
//! for proof and repair.
//!
//! Invariants: a job only reads; its result says what it was asked for, so that
//! the engine can tell what is still wanted; of a record whose row is at `seq`,
//! all changes that arrived after the pass's base are taken, so a row that
//! moves during a pass loses nothing; what the peer itself gave is left out,
//! of a record that it added to what it added last;
//! nothing is taken that the peer may not be given.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use chaski_crdt::author::{AuthorId, NodeId};
use chaski_crdt::change::ChangeHash;
use chaski_crdt::fingerprint::Fingerprint;
use chaski_crdt::key::RecordKey;

use crate::batch::{RAW_BYTES_MAX, part_bytes, split};
use crate::engine::{Flow, Partials, SessionId};
use crate::limits::{GIVE_READ_CHANGES_MAX, WANT_HASHES_MAX, WANT_HAVE_MAX};
use crate::replica::{Replica, ReplicaError, ReplicaResult};
use crate::wire::{Cursor, PayloadId, WantKey};

mod differ;
mod feed;
mod shared;
mod walk;

#[cfg(test)]
pub(crate) use differ::keys_at;
pub(crate) use differ::{Compared, Differ, DifferFound, DifferRead, DifferStep, ItemsShelf, Located};
use feed::{Filling, Reading, large};
pub(crate) use shared::SharedBatches;
pub(crate) use walk::{Elsewhere, FeedWalk, Filled, Payload, Relay, Size};

/// A read for a session. Run it anywhere, in any order.
#[derive(Debug)]
pub struct ReadJob {
    pub(crate) session: SessionId,
    /// The session has ended: nobody waits for it.
    pub(crate) is_over: Arc<AtomicBool>,
    pub(crate) length: Length,
    /// It reads documents that are about to be kept: it takes its turn behind those.
    pub(crate) is_after_kept: bool,
    pub(crate) size: Size,
    pub(crate) read: Read,
}

/// How long a read takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Little is to be read, or somebody waits for it.
    Small,
    /// A batch of what may be anywhere in the log.
    Long,
    /// As long as the store is large.
    Whole,
}

/// What is to be read.
#[derive(Debug)]
pub(crate) enum Read {
    /// The next batch of each of these priorities.
    Feed {
        peer: NodeId,
        flow: Arc<Flow>,
        /// Own position up to which the peer has all that both may hold.
        proven: u64,
        walks: Vec<FeedWalk>,
        /// What others are sent as well.
        shared: SharedBatches,
    },
    /// What meeting a peer takes.
    Meet(Meet),
    /// The sum of what both may hold.
    Sum(Arc<Flow>),
    /// What differs, for a round of repair.
    Differ(DifferRead),
    /// The records at these positions of our log, for a round of repair.
    Located(Vec<u64>),
    /// What is known here of records that are to be asked for.
    Known {
        flow: Arc<Flow>,
        /// The peer may be given nothing, and is told of nothing either.
        withheld: bool,
        keys: Vec<RecordKey>,
    },
    /// Which of these changes have come.
    Come(Vec<(RecordKey, ChangeHash)>),
    /// Records that the peer asked for, with what it has of them.
    Give {
        flow: Arc<Flow>,
        /// The peer may be given nothing: only what it has beyond us is looked up.
        withheld: bool,
        wanted: Vec<Wanted>,
    },
}

/// Whom a session is about to meet.
#[derive(Debug)]
pub(crate) struct Meet {
    pub(crate) peer: NodeId,
    pub(crate) flow: Arc<Flow>,
    /// What the peer says it writes as; not known yet where we greet it first.
    pub(crate) incarnation: Option<u64>,
    /// What is held of payloads that came in part.
    pub(crate) partials: Partials,
    /// The peer has said hello.
    pub(crate) is_greeted: bool,
}

/// What is known of a peer and with it when it is met.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) is_greeted: bool,
    /// The grants it was read under.
    pub(crate) flow: Arc<Flow>,
    pub(crate) cursor: Cursor,
    pub(crate) sum: Sum,
    /// Highest author sequence seen of its incarnation.
    pub(crate) seen: Option<(u64, u64)>,
    /// The bytes that are held of payloads.
    pub(crate) held: BTreeMap<PayloadId, Vec<u8>>,
}

/// A sum, and the position of our log at which it holds.
pub(crate) type Sum = (Fingerprint, u64);

/// A record asked for, and the beginnings of the hashes the asker holds.
pub(crate) type Wanted = (RecordKey, BTreeSet<[u8; 8]>);

/// What a job found.
#[derive(Debug)]
pub struct ReadDone {
    pub(crate) session: SessionId,
    pub(crate) found: ReplicaResult<Found>,
    /// Ratio of the session's next batch.
    pub(crate) ratio: usize,
    pub(crate) read_us: u64,
}

/// By what was asked for.
#[derive(Debug)]
pub(crate) enum Found {
    Feed(Vec<Filled>),
    Meet(Box<Met>),
    Sum(Sum),
    Differ(Box<Differ>),
    /// Records to be asked for.
    Located(Vec<RecordKey>),
    /// What a want says of keys, and keys for which it has no room.
    Known(Vec<WantKey>, Vec<RecordKey>),
    Give(Answer),
    Come(Vec<(RecordKey, ChangeHash)>),
}

/// What is given of wanted records.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) payloads: Vec<Payload>,
    /// What a later read has to take up.
    pub(crate) left: Vec<Wanted>,
    /// Records of which the asker holds changes that are not known here.
    pub(crate) lacked: Vec<RecordKey>,
}

impl ReadJob {
    /// Whether it must take its turn behind documents that were to be kept before it.
    #[must_use]
    pub fn is_after_kept(&self) -> bool {
        self.is_after_kept
    }

    /// Does the read that was asked for; a panic in it is told as a failure.
    #[must_use]
    pub fn run(self, replica: &dyn Replica) -> ReadDone {
        let start = Instant::now();
        let mut size = self.size;
        let (session, read) = (self.session, self.read);
        // A panic must not leave the session waiting for what never comes.
        let found = catch_unwind(AssertUnwindSafe(|| match self.is_over.load(Ordering::Acquire) {
            true => Err(ReplicaError("the session is over".to_owned())),
            false => read.run(replica, &mut size),
        }));
        ReadDone {
            session,
            found: found
                .unwrap_or_else(|_| Err(ReplicaError("what is to be sent could not be read".to_owned()))),
            ratio: size.ratio,
            read_us: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
        }
    }
}

impl Read {
    fn run(self, replica: &dyn Replica, size: &mut Size) -> ReplicaResult<Found> {
        match self {
            Read::Feed {
                peer,
                flow,
                proven,
                walks,
                shared,
            } => {
                let reading = Reading {
                    replica,
                    peer,
                    flow,
                    proven,
                    shared,
                };
                let filled = walks.into_iter().map(|walk| reading.fill(walk, size));
                filled.collect::<ReplicaResult<Vec<_>>>().map(Found::Feed)
            }
            Read::Meet(meet) => meet.run(replica).map(|met| Found::Meet(Box::new(met))),
            Read::Sum(flow) => replica.fingerprint(&flow.shared).map(Found::Sum),
            Read::Differ(read) => read.run(replica).map(|found| Found::Differ(Box::new(found))),
            Read::Located(at) => differ::keys_at(replica, &at).map(Found::Located),
            Read::Known { flow, withheld, keys } => known(replica, &flow, withheld, keys),
            Read::Come(changes) => come(replica, changes).map(Found::Come),
            Read::Give {
                flow,
                withheld,
                wanted,
            } => give(replica, &flow, withheld, wanted, size).map(Found::Give),
        }
    }
}

impl Meet {
    fn run(self, replica: &dyn Replica) -> ReplicaResult<Met> {
        let stored = replica.cursor(&self.peer)?;
        let cursor = stored.and_then(|bytes| postcard::from_bytes::<Cursor>(&bytes).ok());
        let seen = self.incarnation.map(|incarnation| {
            let author = AuthorId {
                node: self.peer,
                incarnation,
            };
            (incarnation, replica.seen(&author))
        });
        let mut held = BTreeMap::new();
        for known in self.partials.held(&self.peer) {
            let bytes = self.partials.bytes(replica, &self.peer, &known.payload)?;
            if !bytes.is_empty() {
                held.insert(known.payload, bytes);
            }
        }
        Ok(Met {
            is_greeted: self.is_greeted,
            cursor: cursor.unwrap_or_default(),
            sum: replica.fingerprint(&self.flow.shared)?,
            seen,
            held,
            flow: self.flow,
        })
    }
}

/// What is known of these records, as much as one want may name. Of a record that the peer may not be given it
/// is not even told whether it is here: that one is asked for as if nothing of it were known.
fn known(replica: &dyn Replica, flow: &Flow, withheld: bool, keys: Vec<RecordKey>) -> ReplicaResult<Found> {
    let mut named = Vec::new();
    let mut hashes = 0;
    let mut keys = keys.into_iter();
    while hashes < WANT_HASHES_MAX
        && let Some(key) = keys.next()
    {
        let mut known = replica.known(&key)?;
        if !known.is_empty() && (withheld || !is_admitted(replica, flow, &key)?) {
            known.clear();
        }
        let have: Vec<_> = known.iter().map(short).take(WANT_HAVE_MAX).collect();
        hashes += have.len();
        named.push(WantKey {
            key: key.to_string(),
            have,
        });
    }
    Ok(Found::Known(named, keys.collect()))
}

/// Whether the peer may be given all that is here under a key.
fn is_admitted(replica: &dyn Replica, flow: &Flow, key: &RecordKey) -> ReplicaResult<bool> {
    let filings = replica.filings(key)?;
    Ok(!filings.is_empty() && filings.iter().all(|filing| flow.out.admits(filing)))
}

/// Whether the peer may be given of what is here under a key, or of that part of it which it is cleared for.
fn is_reached(replica: &dyn Replica, flow: &Flow, key: &RecordKey) -> ReplicaResult<bool> {
    let filings = replica.filings(key)?;
    Ok(filings.iter().any(|filing| flow.out.reaches(filing)))
}

/// Those of these changes that are known here, in order of their records.
fn come(
    replica: &dyn Replica,
    changes: Vec<(RecordKey, ChangeHash)>,
) -> ReplicaResult<Vec<(RecordKey, ChangeHash)>> {
    let mut come = Vec::new();
    for of_record in changes.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((key, _)) = of_record.first() else {
            continue;
        };
        let known = replica.known(key)?;
        let is_known = |(_, hash): &&(RecordKey, ChangeHash)| known.binary_search(hash).is_ok();
        come.extend(of_record.iter().filter(is_known).cloned());
    }
    Ok(come)
}

/// What of the wanted records is not with the asker, up to a batch, or until so much has been read that others
/// get their turn.
fn give(
    replica: &dyn Replica,
    flow: &Flow,
    withheld: bool,
    wanted: Vec<Wanted>,
    size: &mut Size,
) -> ReplicaResult<Answer> {
    let mut answer = Answer::default();
    let mut filling = Filling::default();
    let mut wanted = wanted.into_iter();
    let mut read = 0_usize;
    while read < GIVE_READ_CHANGES_MAX
        && let Some((key, have)) = wanted.next()
    {
        let known: BTreeSet<[u8; 8]> = replica.known(&key)?.iter().map(short).collect();
        read = read.saturating_add(known.len());
        if have.iter().any(|hash| !known.contains(hash)) {
            answer.lacked.push(key.clone());
        }
        let is_asked = !withheld && known.iter().any(|hash| !have.contains(hash));
        if !is_asked || !is_reached(replica, flow, &key)? {
            continue;
        }
        let mut changes = replica.changes_between(&key, 0, u64::MAX, &flow.out)?;
        read = read.saturating_add(changes.len());
        changes.retain(|c| c.hash().is_ok_and(|hash| !have.contains(&short(&hash))));
        let mut parts = split(&key, changes);
        if parts.len() > 1 {
            // It goes alone, after what was found before it.
            while !filling.is_empty() {
                answer.payloads.push(filling.encode(size, 0)?);
            }
            answer.payloads.extend(large(parts, 0, 0, size)?);
            break;
        }
        let Some(part) = parts.pop() else { continue };
        if !filling.is_empty() && filling.raw_bytes + part_bytes(&part) > RAW_BYTES_MAX {
            answer.left.push((key, have));
            break;
        }
        filling.add(part, 0);
        if filling.is_full(size.raw_target()) {
            break;
        }
    }
    answer.left.extend(wanted);
    while !filling.is_empty() {
        answer.payloads.push(filling.encode(size, 0)?);
    }
    Ok(answer)
}

/// First 8 bytes of a hash.
pub(crate) fn short(hash: &ChangeHash) -> [u8; 8] {
    hash.0.first_chunk::<8>().copied().unwrap_or_default()
}
