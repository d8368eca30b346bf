//! Changes whose author is not known here as a member yet.
//!
//! Shape: AWAITING prf(record) ‖ chunk → version, the record's key, and of each change the peer that
//! delivered it and the signed change, encoded. AWAITING_PEER prf(peer) → the peer, how many changes
//! that it delivered wait, and their bytes.
//!
//! Invariants: kept apart from PENDING, which every merge of the record takes along: nothing here is
//! merged before [`Store::authors_admit`] is told its author; a batch that does not fit is refused
//! whole, so that its cursor stands and it comes again; what waits already is counted once, for the
//! peer that brought it first.

use std::collections::{BTreeMap, BTreeSet};

use chaski_crdt::{
    author::{NodeId, SignedChange, VerifiedChange},
    change::ChangeHash,
    codec::{decode_changes, encode_changes},
    key::RecordKey,
};

use super::{
    bounds::{
        AWAITING_BYTES_MAX, AWAITING_MAX, AWAITING_PEER_BYTES_MAX, AWAITING_PEER_MAX,
        AWAITING_RECORD_BYTES_MAX, AWAITING_RESERVE_BYTES,
    },
    pending,
};
use crate::{
    chunk,
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    kv::KeyRange,
    lineage, row,
    seal::{KeyId, Prf},
    store::Store,
    tables::Table,
    tx::Tx,
};

const VERSION: u8 = 1;
/// Rows read at once in search of what an author has waiting.
const ROWS_AT_ONCE: usize = 256;

/// What waits of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) key: RecordKey,
    /// Each with the peer that delivered it.
    pub(crate) changes: Vec<(NodeId, SignedChange)>,
}

impl Waiting {
    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        let mut enc = Enc::new();
        enc.u8(VERSION).key(&self.key).varint(self.changes.len() as u64);
        for (peer, change) in &self.changes {
            let change = encode_changes(&[change]).map_err(|_| StoreError::TooLarge("a waiting change"))?;
            enc.raw(&peer.0).bytes(&change);
        }
        Ok(enc.out)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Waiting, StoreError> {
        let mut dec = Dec::new(bytes, Table::Awaiting.name());
        dec.form(VERSION)?;
        let key = dec.key()?;
        let mut changes = Vec::new();
        for _ in 0..dec.count()? {
            let peer = NodeId(dec.array()?);
            let change = decode_changes(dec.bytes()?).map_err(|_| dec.damaged())?;
            let change = <[SignedChange; 1]>::try_from(change).map_err(|_| dec.damaged())?;
            changes.extend(change.map(|change| (peer, change)));
        }
        Ok(Waiting { key, changes })
    }
}

/// How many changes wait, and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) changes: u64,
    pub(crate) bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, change: &SignedChange) {
        self.changes += 1;
        self.bytes += change.bytes.len() as u64;
    }

    fn remove(&mut self, change: &SignedChange) {
        self.changes = self.changes.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(change.bytes.len() as u64);
    }
}

fn prefix(prf: &Prf) -> Vec<u8> {
    Table::Awaiting.key(&[prf])
}

fn peer_row(core: &Core, peer: &NodeId) -> Vec<u8> {
    Table::AwaitingPeer.key(&[&core.sealer.prf("awaiting peer", &[&peer.0])])
}

/// A row that counts what a peer delivered.
pub(crate) fn decode_count(plain: &[u8]) -> Result<(NodeId, Count), StoreError> {
    let mut dec = Dec::new(plain, Table::AwaitingPeer.name());
    let peer = NodeId(dec.array()?);
    let (changes, bytes) = (dec.varint()?, dec.varint()?);
    Ok((peer, Count { changes, bytes }))
}

fn count_of(tx: &mut Tx<'_>, peer: &NodeId) -> Result<Count, StoreError> {
    let row = peer_row(tx.core, peer);
    match tx.row(&row)? {
        Some(plain) => decode_count(plain).map(|(_, count)| count),
        None => Ok(Count::default()),
    }
}

pub(crate) fn count_put(tx: &mut Tx<'_>, peer: &NodeId, count: Count) {
    let row = peer_row(tx.core, peer);
    if count.changes == 0 {
        tx.remove(row);
        return;
    }
    let mut enc = Enc::new();
    enc.raw(&peer.0).varint(count.changes).varint(count.bytes);
    tx.put(KeyId::NODE, row, enc.out);
}

/// What waits of a record, as last applied.
pub(crate) fn read(core: &Core, prf: &Prf) -> Result<Option<Waiting>, StoreError> {
    let bytes = chunk::read(core, &prefix(prf), |_| Ok(usize::MAX))?;
    bytes.map(|bytes| Waiting::decode(&bytes)).transpose()
}

fn read_tx(tx: &mut Tx<'_>, prf: &Prf) -> Result<Option<(Waiting, u16)>, StoreError> {
    match chunk::read_tx(tx, &prefix(prf))? {
        Some((bytes, pieces)) => Ok(Some((Waiting::decode(&bytes)?, pieces))),
        None => Ok(None),
    }
}

fn put(tx: &mut Tx<'_>, prf: &Prf, waiting: &Waiting, pieces: u16) -> Result<(), StoreError> {
    if waiting.changes.is_empty() {
        chunk::remove(tx, &prefix(prf), pieces);
        return Ok(());
    }
    let generation = u64::from_be_bytes(crate::env::random_array(&*tx.core.env));
    let bytes = waiting.encode()?;
    chunk::put(tx, KeyId::NODE, &prefix(prf), generation, &bytes, pieces)
}

/// Hashes of a record's changes that wait here.
pub(crate) fn hashes(core: &Core, prf: &Prf) -> Result<Vec<ChangeHash>, StoreError> {
    if core.state().awaiting == 0 {
        return Ok(Vec::new());
    }
    let waiting = read(core, prf)?.map(|waiting| waiting.changes);
    let changes = waiting.iter().flatten();
    Ok(changes.filter_map(|(_, change)| change.hash().ok()).collect())
}

/// Hashes of a record's changes that were taken in, or wait for others, as the group sees them.
fn taken_in(tx: &mut Tx<'_>, key: &RecordKey) -> Result<BTreeSet<ChangeHash>, StoreError> {
    let prf = row::record_prf(&tx.core.sealer, key);
    let mut changes = pending::read_tx(tx, &prf)?;
    for row in lineage::rows_tx(tx, key)? {
        changes.extend(row.tail.changes()?);
    }
    Ok(changes.iter().filter_map(|change| change.hash().ok()).collect())
}

/// Keeps changes of one record, which `peer` delivered, until their author is known; gives how many
/// of them were not here in any way.
///
/// # Errors
/// [`StoreError::AwaitingFull`], upon which the whole group's work must be undone.
pub(crate) fn add(
    tx: &mut Tx<'_>,
    peer: &NodeId,
    key: &RecordKey,
    changes: &[VerifiedChange],
) -> Result<u64, StoreError> {
    let prf = row::record_prf(&tx.core.sealer, key);
    let mut known = taken_in(tx, key)?;
    let (mut waiting, pieces) = match read_tx(tx, &prf)? {
        Some(found) => found,
        None => {
            let (key, changes) = (key.clone(), Vec::new());
            (Waiting { key, changes }, 0)
        }
    };
    known.extend(
        waiting
            .changes
            .iter()
            .filter_map(|(_, change)| change.hash().ok()),
    );
    let new: Vec<_> = changes
        .iter()
        .filter(|change| known.insert(change.hash()))
        .collect();
    if new.is_empty() {
        return Ok(0);
    }
    let mut of_peer = count_of(tx, peer)?;
    let mut all = Count {
        changes: tx.state.awaiting,
        bytes: tx.state.awaiting_bytes,
    };
    for change in &new {
        of_peer.add(change.signed());
        all.add(change.signed());
        waiting.changes.push((*peer, change.signed().clone()));
    }
    let of_record: u64 = waiting
        .changes
        .iter()
        .map(|(_, change)| change.bytes.len() as u64)
        .sum();
    let is_crowded = all.changes > AWAITING_MAX || all.bytes > AWAITING_BYTES_MAX;
    let is_over = of_peer.changes > AWAITING_PEER_MAX
        || of_peer.bytes > AWAITING_PEER_BYTES_MAX
        || (of_record > AWAITING_RECORD_BYTES_MAX && waiting.changes.len() > 1)
        || (is_crowded && of_peer.bytes > AWAITING_RESERVE_BYTES);
    if is_over {
        return Err(StoreError::AwaitingFull);
    }
    (tx.state.awaiting, tx.state.awaiting_bytes) = (all.changes, all.bytes);
    count_put(tx, peer, of_peer);
    put(tx, &prf, &waiting, pieces)?;
    Ok(new.len() as u64)
}

/// Takes what waits of a record by `authors` out of the table.
pub(crate) fn take(
    tx: &mut Tx<'_>,
    prf: &Prf,
    authors: &BTreeSet<NodeId>,
) -> Result<Vec<SignedChange>, StoreError> {
    let Some((mut waiting, pieces)) = read_tx(tx, prf)? else {
        return Ok(Vec::new());
    };
    let (taken, left): (Vec<_>, Vec<_>) = waiting
        .changes
        .into_iter()
        .partition(|(_, change)| authors.contains(&change.author.node));
    if taken.is_empty() {
        return Ok(Vec::new());
    }
    waiting.changes = left;
    put(tx, prf, &waiting, pieces)?;
    let mut all = Count {
        changes: tx.state.awaiting,
        bytes: tx.state.awaiting_bytes,
    };
    let mut out = Vec::with_capacity(taken.len());
    for (peer, change) in taken {
        let mut of_peer = count_of(tx, &peer)?;
        of_peer.remove(&change);
        count_put(tx, &peer, of_peer);
        all.remove(&change);
        out.push(change);
    }
    (tx.state.awaiting, tx.state.awaiting_bytes) = (all.changes, all.bytes);
    Ok(out)
}

/// Records of which something waits, from a row on, and the row at which to go on.
pub(crate) struct Found {
    pub(crate) records: Vec<Waiting>,
    pub(crate) next: Option<Vec<u8>>,
    /// Whether some could not be read.
    pub(crate) is_damaged: bool,
}

/// Where the table begins.
pub(crate) fn start() -> Vec<u8> {
    Table::Awaiting.prefix().to_vec()
}

/// The record that a row is the first piece of.
fn record_of(row: &[u8]) -> Option<Prf> {
    row.strip_suffix(&[0, 0])?.get(1..)?.try_into().ok()
}

/// Up to `max` records of which something waits that is `wanted`, from the row `from` on.
pub(crate) fn find(
    core: &Core,
    from: Vec<u8>,
    max: usize,
    wanted: impl Fn(&SignedChange) -> bool,
) -> Result<Found, StoreError> {
    let mut found = Found {
        records: Vec::new(),
        next: None,
        is_damaged: false,
    };
    let mut range = KeyRange::prefix_from(&Table::Awaiting.prefix(), from);
    loop {
        let rows = core.kv.scan(&range, ROWS_AT_ONCE)?;
        let Some((last, _)) = rows.last() else {
            return Ok(found);
        };
        let after = |row: &[u8]| row.iter().copied().chain([0]).collect::<Vec<u8>>();
        range.start = after(last);
        for (row, _) in &rows {
            let Some(prf) = record_of(row) else { continue };
            match read(core, &prf) {
                Ok(Some(mut waiting)) => {
                    waiting.changes.retain(|(_, change)| wanted(change));
                    if !waiting.changes.is_empty() {
                        found.records.push(waiting);
                    }
                }
                Ok(None) => {}
                Err(StoreError::Damaged(_)) => found.is_damaged = true,
                Err(error) => return Err(error),
            }
            if found.records.len() >= max {
                found.next = Some(after(row));
                return Ok(found);
            }
        }
    }
}

impl Store {
    /// How many changes wait until their author is known here as a member.
    pub fn awaiting_count(&self) -> u64 {
        self.core.state().awaiting
    }

    /// How many of them each peer delivered.
    ///
    /// # Errors
    /// The store's.
    pub fn awaiting_by(&self) -> Result<BTreeMap<NodeId, u64>, StoreError> {
        let range = KeyRange::prefix(&Table::AwaitingPeer.prefix());
        let rows = self.core.kv.scan(&range, AWAITING_MAX as usize)?;
        let counts = rows.iter().map(|(row, sealed)| {
            let (peer, count) = decode_count(&self.core.open(row, sealed)?)?;
            Ok((peer, count.changes))
        });
        counts.collect()
    }
}
