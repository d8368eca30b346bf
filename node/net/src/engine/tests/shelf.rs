//! A log that is made up, so that the length of each change in it is known.

use super::*;
use crate::batch::decode;
use crate::engine::flow::Flow;
use crate::read::{Answer, FeedWalk, Filled, Found, Length, Read, ReadDone, ReadJob, SharedBatches, Size};
use crate::replica::{CommitError, Documents, Replica, ReplicaResult};
use chaski_crdt::author::{AuthorId, SignedChange, VerifiedChange};
use chaski_crdt::change::ChangeHash;
use chaski_crdt::fingerprint::Fingerprint;
use chaski_crdt::reconcile::ItemId;
use chaski_store::{ApplyReport, CursorUpdate, FeedEntry, Filing, ScopeFilter, Staged};

/// Who reads are for.
pub(super) const PEER: NodeId = NodeId([9; 32]);
/// Bytes that a change takes in a batch beside its own.
const OVERHEAD_BYTES: usize = 128;

/// A record of a made-up log: its changes with the positions at which they came.
pub(super) struct Shelved {
    pub(super) key: RecordKey,
    pub(super) changes: Vec<(u64, SignedChange)>,
    pub(super) source: Option<NodeId>,
}

/// A log that is made up, so that each length is known.
#[derive(Default)]
pub(super) struct Shelf {
    pub(super) records: Vec<Shelved>,
    /// How many hashes are known of a record that is not among them.
    pub(super) made_up_hashes: u64,
    /// How often changes of a record were read.
    pub(super) reads: AtomicU64,
}

/// A change that takes this much of a batch, of bytes that compress to next to nothing or hardly at all.
pub(super) fn change(number: u64, in_batch_bytes: usize, is_noise: bool) -> SignedChange {
    // What begins a chunk: how long its body is takes one to four bytes.
    let chunk = in_batch_bytes - OVERHEAD_BYTES;
    let length_bytes = |body: usize| {
        1 + [1 << 7, 1 << 14, 1 << 21]
            .iter()
            .filter(|at| body >= **at)
            .count()
    };
    let body_bytes = (1..=4)
        .map(|bytes| chunk - 9 - bytes)
        .find(|body| 9 + length_bytes(*body) + body == chunk)
        .unwrap();
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    let mut left = body_bytes;
    while left >= 128 {
        bytes.push((left % 128) as u8 | 128);
        left /= 128;
    }
    bytes.push(left as u8);
    let mut body = vec![7; body_bytes];
    if is_noise {
        ChaCha8Rng::seed_from_u64(number).fill_bytes(&mut body);
    }
    body[..2].copy_from_slice(&[1, number as u8]);
    bytes.extend(body);
    let change = SignedChange {
        author: AuthorId {
            node: NodeId([1; 32]),
            incarnation: 1,
        },
        author_seq: number,
        signature: [0; 64],
        bytes,
    };
    // The codec puts the right checksum in.
    let sent = crate::batch::encode(&[(patient_key(number), vec![change])]).unwrap();
    let change = decode(&sent).unwrap().remove(0).1.remove(0);
    assert_eq!(change.bytes.len() + OVERHEAD_BYTES, in_batch_bytes);
    change
}

pub(super) fn patient_key(number: u64) -> RecordKey {
    RecordKey::new("Patient", &format!("p{number}")).unwrap()
}

/// A log of records of one change each, each of which takes this much of a batch.
pub(super) fn shelf(lengths: &[usize], is_noise: bool) -> Shelf {
    let records = (1..).zip(lengths).map(|(seq, bytes)| Shelved {
        key: patient_key(seq),
        changes: vec![(seq, change(seq, *bytes, is_noise))],
        source: None,
    });
    Shelf {
        records: records.collect(),
        ..Shelf::default()
    }
}

impl Shelf {
    fn of(&self, key: &RecordKey) -> Option<&Shelved> {
        self.records.iter().find(|record| record.key == *key)
    }

    fn run(&self, read: Read, size: Size) -> ReadDone {
        let job = ReadJob {
            session: 1,
            is_over: Arc::default(),
            length: Length::Small,
            is_after_kept: false,
            size,
            read,
        };
        job.run(self)
    }

    /// One read of the log.
    pub(super) fn feed(&self, from: u64, base: u64, size: Size) -> (Filled, usize) {
        self.feed_for(PEER, &SharedBatches::default(), (from, base, 0), size)
    }

    /// One read of the log for a peer beside others, from a position in a pass, of which the peer has all
    /// up to another.
    pub(super) fn feed_for(
        &self,
        peer: NodeId,
        shared: &SharedBatches,
        (from, base, proven): (u64, u64, u64),
        size: Size,
    ) -> (Filled, usize) {
        let walk = FeedWalk {
            priority: Priority::Critical,
            from,
            base,
            relay: crate::read::Relay::default(),
        };
        let read = Read::Feed {
            peer,
            flow: Arc::new(all()),
            proven,
            walks: vec![walk],
            shared: shared.clone(),
        };
        let done = self.run(read, size);
        match done.found.unwrap() {
            Found::Feed(mut filled) => (filled.remove(0), done.ratio),
            other => panic!("{other:?}"),
        }
    }

    /// One read of what was asked for, by whom holds nothing of it.
    pub(super) fn give(&self, wanted: impl IntoIterator<Item = u64>, size: Size) -> Answer {
        let wanted = wanted.into_iter().map(|n| (patient_key(n), BTreeSet::new()));
        self.give_with(&all(), false, wanted.collect(), size)
    }

    pub(super) fn give_with(
        &self,
        flow: &Flow,
        withheld: bool,
        wanted: Vec<(RecordKey, BTreeSet<[u8; 8]>)>,
        size: Size,
    ) -> Answer {
        let flow = Arc::new(flow.clone());
        let read = Read::Give {
            flow,
            withheld,
            wanted,
        };
        match self.run(read, size).found.unwrap() {
            Found::Give(answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn known(&self, keys: Vec<RecordKey>) -> (Vec<usize>, usize) {
        self.known_to(&all(), false, keys)
    }

    /// How many hashes are named of each record to this peer, and how many records are left for the next want.
    pub(super) fn known_to(&self, flow: &Flow, withheld: bool, keys: Vec<RecordKey>) -> (Vec<usize>, usize) {
        let read = Read::Known {
            flow: Arc::new(flow.clone()),
            withheld,
            keys,
        };
        match self.run(read, small(1)).found.unwrap() {
            Found::Known(named, left) => (named.iter().map(|key| key.have.len()).collect(), left.len()),
            other => panic!("{other:?}"),
        }
    }
}

/// All may be given, all of it is compared.
pub(super) fn all() -> Flow {
    Flow {
        shared: ScopeFilter::all(),
        out: ScopeFilter::all(),
        ..Flow::default()
    }
}

/// Batches of so many bytes, of what is not expected to shrink.
pub(super) fn small(bytes: usize) -> Size {
    Size { bytes, ratio: 1 }
}

impl Documents for Shelf {
    fn document(&self, _: &str) -> ReplicaResult<Option<Vec<u8>>> {
        unreachable!("not read")
    }

    fn documents_save(&self, _: &[(String, Option<Vec<u8>>)]) -> ReplicaResult<()> {
        unreachable!("a read keeps nothing")
    }
}

impl Replica for Shelf {
    fn position(&self) -> u64 {
        let all = self.records.iter().flat_map(|record| &record.changes);
        all.map(|(seq, _)| *seq).max().unwrap_or(0)
    }

    fn feed(&self, after: u64, limit: usize) -> ReplicaResult<Vec<FeedEntry>> {
        let entries = self.records.iter().map(|record| {
            let seq = record.changes.last().unwrap().0;
            let mut entry = FeedEntry::new(seq, record.key.clone(), Filing::default(), Vec::new());
            (entry.source, entry.brought_by) = (record.source, record.source);
            entry
        });
        Ok(entries.filter(|entry| entry.seq > after).take(limit).collect())
    }

    fn feed_count(&self, after: u64, to: u64) -> ReplicaResult<u64> {
        Ok(self
            .records
            .iter()
            .filter(|record| {
                record
                    .changes
                    .last()
                    .is_some_and(|(seq, _)| *seq > after && *seq <= to)
            })
            .count() as u64)
    }

    fn changes_between(
        &self,
        key: &RecordKey,
        after: u64,
        before: u64,
        _: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let changes = &self.of(key).unwrap().changes;
        let between = changes.iter().filter(|(seq, _)| *seq > after && *seq < before);
        Ok(between.map(|(_, change)| change.clone()).collect())
    }

    fn changes_of(
        &self,
        entry: &FeedEntry,
        after: u64,
        before: u64,
        filter: &ScopeFilter,
    ) -> ReplicaResult<Vec<SignedChange>> {
        self.changes_between(&entry.key, after, before, filter)
    }

    fn filings(&self, key: &RecordKey) -> ReplicaResult<Vec<Filing>> {
        let is_here = self.of(key).is_some() || self.made_up_hashes > 0;
        Ok(is_here.then(Filing::default).into_iter().collect())
    }

    fn known(&self, key: &RecordKey) -> ReplicaResult<Vec<ChangeHash>> {
        let made_up = (0..self.made_up_hashes).map(|n| {
            let mut hash = [0; 32];
            hash[..8].copy_from_slice(&n.to_be_bytes());
            ChangeHash(hash)
        });
        Ok(match self.of(key) {
            Some(record) => record
                .changes
                .iter()
                .map(|(_, one)| one.hash().unwrap())
                .collect(),
            None => made_up.collect(),
        })
    }

    fn epoch(&self) -> u64 {
        unreachable!("not read")
    }

    fn fingerprint(&self, _: &ScopeFilter) -> ReplicaResult<(Fingerprint, u64)> {
        unreachable!("not read")
    }

    fn items_each(&self, _: &ScopeFilter, _: &mut dyn FnMut(u64, ItemId, RecordKey)) -> ReplicaResult<()> {
        unreachable!("not read")
    }

    fn stage(
        &self,
        _: &NodeId,
        _: Vec<(RecordKey, Vec<VerifiedChange>)>,
        _: Option<CursorUpdate>,
    ) -> ReplicaResult<Staged> {
        unreachable!("a read takes nothing in")
    }

    fn commit(&self, _: Staged) -> Result<ApplyReport, CommitError> {
        unreachable!("a read takes nothing in")
    }

    fn figures(&self) -> crate::replica::Figures {
        unreachable!("not read")
    }

    fn awaiting(&self) -> u64 {
        unreachable!("not read")
    }

    fn authors_admit(&self, _: &BTreeSet<NodeId>) -> ReplicaResult<ApplyReport> {
        unreachable!("a read takes nothing in")
    }

    fn cursor(&self, _: &NodeId) -> ReplicaResult<Option<Vec<u8>>> {
        unreachable!("not read")
    }

    fn quarantined(&self) -> u64 {
        unreachable!("not read")
    }

    fn quarantined_by(&self) -> ReplicaResult<BTreeMap<NodeId, u64>> {
        unreachable!("not read")
    }

    fn seen(&self, _: &AuthorId) -> u64 {
        unreachable!("not read")
    }

    fn incarnations(&self, _: &NodeId) -> ReplicaResult<Vec<(u64, u64)>> {
        unreachable!("not read")
    }

    fn incarnation(&self) -> Option<(u64, u64)> {
        unreachable!("not read")
    }

    fn author_seq_heard(&self, _: u64, _: u64) {
        unreachable!("a read notes nothing")
    }

    fn random(&self, _: &mut [u8]) {
        unreachable!("not read")
    }
}
