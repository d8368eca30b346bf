//! Changes whose predecessors are not here yet.
//!
//! Shape: PENDING prf(record) ‖ chunk → all waiting changes of one record, encoded.
//!
//! Invariants: bounded in number and bytes over all records; what does not fit is dropped
//! and comes again with its predecessors, because the record stays different.

use chaski_crdt::{
    author::SignedChange,
    change::ChangeHash,
    codec::{decode_changes, encode_changes},
};

use super::bounds::{PENDING_BYTES_MAX, PENDING_MAX};
use crate::{
    chunk,
    core::Core,
    error::StoreError,
    seal::{KeyId, Prf},
    tables::Table,
    tx::Tx,
};

fn prefix(prf: &Prf) -> Vec<u8> {
    Table::Pending.key(&[prf])
}

fn decode(bytes: &[u8]) -> Result<Vec<SignedChange>, StoreError> {
    decode_changes(bytes).map_err(|_| StoreError::Damaged("pending change"))
}

/// A record's waiting changes, as last applied.
pub(crate) fn read(core: &Core, prf: &Prf) -> Result<Vec<SignedChange>, StoreError> {
    match chunk::read(core, &prefix(prf), |_| Ok(usize::MAX))? {
        Some(bytes) => decode(&bytes),
        None => Ok(Vec::new()),
    }
}

/// A record's waiting changes, as the group sees them.
pub(crate) fn read_tx(tx: &mut Tx<'_>, prf: &Prf) -> Result<Vec<SignedChange>, StoreError> {
    match chunk::read_tx(tx, &prefix(prf))? {
        Some((bytes, _)) => decode(&bytes),
        None => Ok(Vec::new()),
    }
}

/// Their hashes.
pub(crate) fn hashes(core: &Core, prf: &Prf) -> Result<Vec<ChangeHash>, StoreError> {
    Ok(read(core, prf)?
        .iter()
        .filter_map(|change| change.hash().ok())
        .collect())
}

fn bytes_of(changes: &[SignedChange]) -> u64 {
    changes.iter().map(|change| change.bytes.len() as u64).sum()
}

/// How many of a record's changes wait, and their bytes.
pub(crate) fn count(core: &Core, prf: &Prf) -> Result<(u64, u64), StoreError> {
    let waiting = read(core, prf)?;
    Ok((waiting.len() as u64, bytes_of(&waiting)))
}

/// Sets a record's waiting changes; those beyond the bounds are dropped.
pub(crate) fn put(tx: &mut Tx<'_>, prf: &Prf, changes: &[SignedChange]) -> Result<(), StoreError> {
    let prefix = prefix(prf);
    let (before, pieces) = match chunk::read_tx(tx, &prefix)? {
        Some((bytes, pieces)) => (decode(&bytes)?, pieces),
        None if changes.is_empty() => return Ok(()),
        None => (Vec::new(), 0),
    };
    tx.state.pending = tx.state.pending.saturating_sub(before.len() as u64);
    tx.state.pending_bytes = tx.state.pending_bytes.saturating_sub(bytes_of(&before));
    let mut kept: Vec<SignedChange> = Vec::new();
    let mut kept_bytes = 0;
    for change in changes {
        let bytes = change.bytes.len() as u64;
        if tx.state.pending + kept.len() as u64 >= PENDING_MAX
            || tx.state.pending_bytes + kept_bytes + bytes > PENDING_BYTES_MAX
        {
            continue;
        }
        kept_bytes += bytes;
        kept.push(change.clone());
    }
    if kept.is_empty() {
        chunk::remove(tx, &prefix, pieces);
        return Ok(());
    }
    tx.state.pending += kept.len() as u64;
    tx.state.pending_bytes += kept_bytes;
    let bytes = encode_changes(&kept).map_err(|_| StoreError::TooLarge("pending changes"))?;
    let generation = u64::from_be_bytes(crate::env::random_array(&*tx.core.env));
    chunk::put(tx, KeyId::NODE, &prefix, generation, &bytes, pieces)
}
