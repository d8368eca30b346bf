//! Values in pieces that no record answers for, and what is counted of them.
//!
//! Invariants: each document is the one last written, and none is missing or new; of each value all pieces are there, and no others; what waits is as much as the state
//! says, and of what waits for its author each peer delivered as much as its count says.

use std::collections::{BTreeMap, BTreeSet};

use chaski_crdt::author::NodeId;

use super::{report::Report, rows::each_row};
use crate::{
    blob, blob_list, chunk,
    core::Core,
    error::StoreError,
    remote::{self, AwaitingCount, Waiting},
    row,
    seal::Prf,
    tables::Table,
};

/// The value that a row is a piece of, if all of its pieces are there and open.
pub(super) fn value_of(core: &Core, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let value = row.get(..row.len().saturating_sub(2)).unwrap_or_default();
    match chunk::read(core, value, |_| Ok(usize::MAX)) {
        Err(StoreError::Damaged(_)) => Ok(None),
        found => found,
    }
}

/// The values of a table that are whole, by their keys; the others are told.
pub(super) fn whole(core: &Core, table: Table, report: &mut Report) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut pieces: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    each_row(core, table, &mut |row, _| {
        let value = row.get(..row.len().saturating_sub(2)).unwrap_or_default();
        *pieces.entry(value.to_vec()).or_default() += 1;
        Ok(())
    })?;
    let mut found = Vec::new();
    for (value, count) in pieces {
        let bytes = value_of(core, &chunk::chunk_key(&value, 0))?;
        let is_whole = |bytes: Vec<u8>| bytes.len().div_ceil(chunk::PIECE_BYTES).max(1) == count;
        match bytes.is_some_and(is_whole) {
            true => found.push(value),
            false => report.problem(table.name(), None, "not all of its pieces are there"),
        }
    }
    Ok(found)
}

pub(super) fn prf_of(value: &[u8]) -> Option<Prf> {
    value.get(1..)?.try_into().ok()
}

/// Changes that wait for their predecessors.
pub(super) fn pending(core: &Core, report: &mut Report) -> Result<(), StoreError> {
    let mut waiting = (0, 0);
    for value in whole(core, Table::Pending, report)? {
        if let Some(prf) = prf_of(&value)
            && let Ok((count, bytes)) = remote::pending_count(core, &prf)
        {
            waiting = (waiting.0 + count, waiting.1 + bytes);
        }
    }
    let state = core.state();
    if waiting != (state.pending, state.pending_bytes) {
        report.problem(
            Table::Pending.name(),
            None,
            "the number of those that wait does not agree",
        );
    }
    Ok(())
}

/// Changes that wait for their author to be known, by record.
pub(super) fn each_awaiting(
    core: &Core,
    report: &mut Report,
    with: &mut dyn FnMut(Waiting, &mut Report) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let place = Table::Awaiting.name();
    for value in whole(core, Table::Awaiting, report)? {
        let bytes = value_of(core, &chunk::chunk_key(&value, 0))?.unwrap_or_default();
        let Ok(waiting) = Waiting::decode(&bytes) else {
            report.problem(place, None, "those of a record cannot be read");
            continue;
        };
        if prf_of(&value) != Some(row::record_prf(&core.sealer, &waiting.key)) {
            report.problem(place, None, "those of a record lie under another record's key");
            continue;
        }
        with(waiting, report)?;
    }
    Ok(())
}

/// Compares what waits for its author to be known with what is counted of it.
pub(super) fn awaiting(core: &Core, report: &mut Report) -> Result<(), StoreError> {
    let mut all = AwaitingCount::default();
    let mut by_peer: BTreeMap<NodeId, AwaitingCount> = BTreeMap::new();
    each_awaiting(core, report, &mut |waiting, _| {
        for (peer, change) in &waiting.changes {
            all.add(change);
            by_peer.entry(*peer).or_default().add(change);
        }
        Ok(())
    })?;
    let state = core.state();
    if (all.changes, all.bytes) != (state.awaiting, state.awaiting_bytes) {
        report.problem(
            Table::Awaiting.name(),
            None,
            "the number of those that wait does not agree",
        );
    }
    let mut counted = BTreeMap::new();
    each_row(core, Table::AwaitingPeer, &mut |_, plain| {
        counted.extend(plain.ok().and_then(|plain| remote::awaiting_count(&plain).ok()));
        Ok(())
    })?;
    if counted != by_peer {
        report.problem(
            Table::AwaitingPeer.name(),
            None,
            "it does not agree with what a peer delivered",
        );
    }
    Ok(())
}

/// Of each document all pieces are there, and no others.
pub(super) fn documents_whole(core: &Core, report: &mut Report) -> Result<(), StoreError> {
    whole(core, Table::Blob, report).map(drop)
}

/// Compares the documents with their list, and tells which are not as they were last written.
pub(super) fn documents(core: &Core, report: &mut Report) -> Result<(), StoreError> {
    let place = Table::Blob.name();
    let parts = match blob_list::parts(core) {
        Ok(parts) => parts,
        Err(StoreError::Damaged(_)) => {
            report.problem(Table::BlobList.name(), None, "it is not as it was last written");
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let mut there: BTreeSet<Prf> = BTreeSet::new();
    each_row(core, Table::Blob, &mut |row, _| {
        there.extend(row.get(1..17).and_then(|prf| Prf::try_from(prf).ok()));
        Ok(())
    })?;
    for (number, part) in (0..=u8::MAX).zip(parts) {
        let Ok(mut part) = part else {
            report.problem(
                Table::BlobList.name(),
                None,
                "a part of it is not as it was last written",
            );
            continue;
        };
        for prf in there.iter().filter(|prf| prf[0] == number) {
            let listed = part.remove(prf);
            // One that does not open, or of which pieces are missing, is told with those.
            let Ok(Some(found)) = chunk::read_whole(core, &Table::Blob.key(&[prf])) else {
                continue;
            };
            let name = blob::decode(&found.bytes).map_or_else(|_| "a document".to_owned(), |(name, _)| name);
            match listed {
                Some(generation) if generation == found.generation => {}
                Some(_) => report.problem(place, None, format!("{name}: it is not as it was last written")),
                None => report.problem(
                    place,
                    None,
                    format!("{name}: it was removed, or never written here"),
                ),
            }
        }
        for _ in part {
            report.problem(place, None, "one that was written is missing");
        }
    }
    Ok(())
}
