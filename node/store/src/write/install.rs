//! Putting a prepared row in its place, with everything that follows from it.
//!
//! Invariants: the row it was prepared against is still there, or nothing happens; record,
//! index, fingerprints, feed, versions and counters change in the one group.

use std::collections::{BTreeMap, BTreeSet};

use super::prepare::{Prepared, is_posted_kind};
use crate::{
    codec::Enc,
    error::StoreError,
    feed::{self, Moment, Source},
    fingerprint,
    index::{self, Chain, chains_of},
    remote::author_seen,
    row::{self, Past, RowTail},
    seal::KeyId,
    tables::Table,
    tx::Tx,
};

/// The row has changed since it was prepared against.
pub(crate) struct Stale;

/// Puts a row; gives its feed position and `meta.lastUpdated`.
pub(crate) fn install(
    tx: &mut Tx<'_>,
    prepared: Prepared,
    source: Option<Source>,
) -> Result<Result<(u64, u64), Stale>, StoreError> {
    if row::seq_tx(tx, &prepared.prf)? != prepared.base_seq() {
        return Ok(Err(Stale));
    }
    let Prepared {
        prf,
        old,
        mut head,
        changes_z,
        arrivals,
        authors,
        entry,
        hlc,
        ..
    } = prepared;
    let same_version = old.as_ref().is_some_and(|old| old.head.heads == head.heads);
    let old_ms = old.as_ref().map_or(0, |old| old.head.last_updated_ms);
    head.seq = tx.next_seq();
    head.last_updated_ms = if same_version { old_ms } else { tx.stamp_ms(old_ms) };
    tx.state.hlc = tx.state.hlc.max(hlc);

    let mut past = Vec::new();
    if let Some(old) = &old {
        past.clone_from(&old.tail.past);
        if !same_version {
            past.push(Past {
                seq: old.head.seq,
                ms: old.head.last_updated_ms,
                deleted: old.head.deleted,
                heads: old.head.heads.clone(),
            });
        }
    }
    let tail = RowTail {
        changes_z,
        arrivals: arrivals
            .into_iter()
            .map(|arrival| arrival.unwrap_or(head.seq))
            .collect(),
        past,
    };

    fingerprint::change(tx, old.as_ref().map(|old| &old.head), &head)?;
    index_entry(tx, &prf, old.as_ref().map(|old| &old.head), &mut head, entry)?;
    let id = key_of(tx, &head)?;
    feed_rows(tx, id, old.as_ref(), &head, same_version, source);
    conflict_row(tx, &prf, old.as_ref().map_or(0, |old| old.head.conflicts), &head);
    count(tx, old.as_ref().map(|old| &old.head), &head);
    for (author, seq) in authors {
        author_seen(tx, &author, seq)?;
    }
    row::put(
        tx,
        id,
        &prf,
        &head,
        &tail,
        old.as_ref().map_or(0, |old| old.pieces),
    )?;
    tx.written.push(head.key.clone());
    Ok(Ok((head.seq, head.last_updated_ms)))
}

/// The key a record's rows are sealed under: that of its first scope.
pub(crate) fn key_of(tx: &mut Tx<'_>, head: &row::RowHead) -> Result<KeyId, StoreError> {
    let first = head.filing.scopes().next();
    match first {
        Some(scope) => Ok(tx.scope(&scope)?.id),
        None => Ok(KeyId::NODE),
    }
}

fn index_entry(
    tx: &mut Tx<'_>,
    prf: &crate::seal::Prf,
    old: Option<&row::RowHead>,
    head: &mut row::RowHead,
    entry: Option<index::Built>,
) -> Result<(), StoreError> {
    let (kind, id) = (head.key.kind().to_owned(), head.key.id().to_owned());
    let post = is_posted_kind(&kind);
    let old_chains = match old {
        Some(old) if !old.deleted => chains_of(&tx.core.sealer, &kind, &old.filing),
        _ => Vec::new(),
    };
    let old_blocks = old.map(|old| old.blocks.clone()).unwrap_or_default();
    let chains = match &entry {
        Some(_) => chains_of(&tx.core.sealer, &kind, &head.filing),
        None => Vec::new(),
    };
    let stays: BTreeSet<&Chain> = chains.iter().collect();
    let old_places: BTreeMap<&Chain, u32> = old_chains.iter().zip(old_blocks).collect();
    for (chain, block) in &old_places {
        if !stays.contains(chain) {
            index::withdraw(tx, chain, prf, &id, *block, post)?;
        }
    }
    head.blocks.clear();
    if let Some(mut built) = entry {
        built.stamp(head.last_updated_ms);
        for chain in &chains {
            let before = old_places.get(chain).copied();
            let block = index::place(tx, chain, prf, &id, before, &built, post)?;
            head.blocks.push(block);
        }
    }
    Ok(())
}

fn feed_rows(
    tx: &mut Tx<'_>,
    id: KeyId,
    old: Option<&row::Row>,
    head: &row::RowHead,
    same_version: bool,
    source: Option<Source>,
) {
    if let Some(old) = old {
        tx.remove(Table::Feed.key_u64(old.head.seq));
        if !same_version {
            let moment = Moment::of(&old.head, old.tail.past.is_empty(), None);
            tx.put(id, Table::Past.key_u64(old.head.seq), feed::encode(&moment));
        }
    }
    let moment = Moment::of(head, old.is_none(), source);
    tx.put(id, Table::Feed.key_u64(head.seq), feed::encode(&moment));
}

fn conflict_row(tx: &mut Tx<'_>, prf: &crate::seal::Prf, before: u16, head: &row::RowHead) {
    let row = Table::Conflict.key(&[prf]);
    if head.conflicts > 0 {
        let mut enc = Enc::new();
        enc.key(&head.key);
        tx.put(KeyId::NODE, row, enc.out);
    } else if before > 0 {
        tx.remove(row);
    }
}

fn count(tx: &mut Tx<'_>, old: Option<&row::RowHead>, head: &row::RowHead) {
    let state = &mut tx.state;
    if let Some(old) = old {
        let held = if old.deleted {
            &mut state.deleted
        } else {
            &mut state.records
        };
        *held = held.saturating_sub(1);
        state.conflicts = state.conflicts.saturating_sub(u64::from(old.conflicts));
        state.conflicted_records = state
            .conflicted_records
            .saturating_sub(u64::from(old.conflicts > 0));
    }
    let held = if head.deleted {
        &mut state.deleted
    } else {
        &mut state.records
    };
    *held += 1;
    state.conflicts += u64::from(head.conflicts);
    state.conflicted_records += u64::from(head.conflicts > 0);
}
