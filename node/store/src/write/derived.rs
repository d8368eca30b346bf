//! What follows from a record's row: its index entries, its place in the feed, its conflict, the counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    codec::Enc,
    error::StoreError,
    feed::{self, Moment, Source},
    index::{self, Chain, chains_of, is_posted_kind},
    lineage, row,
    seal::KeyId,
    tables::Table,
    tx::Tx,
};

/// The key a record's rows are sealed under: that of its first scope.
pub(crate) fn key_of(tx: &mut Tx<'_>, head: &row::RowHead) -> Result<KeyId, StoreError> {
    let first = head.filing.scopes().next();
    match first {
        Some(scope) => Ok(tx.scope(&scope)?.id),
        None => Ok(KeyId::NODE),
    }
}

pub(super) fn index_entry(
    tx: &mut Tx<'_>,
    prf: &crate::seal::Prf,
    old: Option<&row::RowHead>,
    head: &mut row::RowHead,
    entry: Option<index::Built>,
) -> Result<(), StoreError> {
    let (kind, id) = (head.key.kind().to_owned(), lineage::handle(head));
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

pub(super) fn feed_rows(
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

pub(super) fn conflict_row(tx: &mut Tx<'_>, prf: &crate::seal::Prf, before: u16, head: &row::RowHead) {
    let row = Table::Conflict.key(&[prf]);
    if head.open() > 0 {
        let mut enc = Enc::new();
        enc.key(&head.key);
        tx.put(KeyId::NODE, row, enc.out);
    } else if before > 0 {
        tx.remove(row);
    }
}

pub(super) fn count(tx: &mut Tx<'_>, old: Option<&row::RowHead>, head: &row::RowHead) {
    let state = &mut tx.state;
    if let Some(old) = old {
        let held = if old.deleted {
            &mut state.deleted
        } else {
            &mut state.records
        };
        *held = held.saturating_sub(1);
        state.conflicts = state.conflicts.saturating_sub(u64::from(old.open()));
        state.conflicted_records = state.conflicted_records.saturating_sub(u64::from(old.open() > 0));
    }
    let held = if head.deleted {
        &mut state.deleted
    } else {
        &mut state.records
    };
    *held += 1;
    state.conflicts += u64::from(head.open());
    state.conflicted_records += u64::from(head.open() > 0);
}
