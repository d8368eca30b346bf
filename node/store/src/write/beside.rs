//! Rows that lie beside another of their key: their list, and the marks of those that collide.
//!
//! Invariants: a row that lies beside another is listed in the batch that puts it there; a record is marked in the
//! batch that makes it collide, or that makes it collide no more.

use super::{
    derived::{conflict_row, count, index_entry, key_of},
    prepare::entry_of,
};
use crate::{
    chunk,
    codec::Enc,
    error::StoreError,
    lineage::{Listed, list_row, listed},
    row::{self, RowHead},
    seal::{KeyId, Prf},
    tx::Tx,
};

fn list_put(tx: &mut Tx<'_>, main: &Prf, list: &[Listed], old_pieces: u16) -> Result<(), StoreError> {
    let mut enc = Enc::new();
    enc.u8(1).varint(list.len() as u64);
    for (prf, deleted) in list {
        enc.raw(prf).flag(*deleted);
    }
    let generation = u64::from_be_bytes(crate::env::random_array(&*tx.core.env));
    chunk::put(tx, KeyId::NODE, &list_row(main), generation, &enc.out, old_pieces)
}

/// Follows a record whose row was put: lists it with the others of its key, and marks those that collide.
pub(super) fn follow(tx: &mut Tx<'_>, head: &RowHead, is_new: bool) -> Result<(), StoreError> {
    if tx.state.beside == 0 && head.beside.is_none() {
        return Ok(());
    }
    let main = row::record_prf(&tx.core.sealer, &head.key);
    let found = chunk::read_tx(tx, &list_row(&main))?;
    let (mut list, pieces) = match (&found, head.beside) {
        (Some((list, pieces)), _) => (listed(list)?, *pieces),
        (None, None) => return Ok(()),
        (None, Some(_)) => {
            let first = row::read_tx(tx, &main)?.ok_or(StoreError::Damaged("record"))?;
            (vec![(main, first.head.deleted)], 0)
        }
    };
    let own = head.prf(&tx.core.sealer);
    let living = |list: &[Listed]| list.iter().filter(|(_, deleted)| !deleted).count() as u64;
    let living_before = found.as_ref().map_or(0, |_| living(&list));
    let before = list.iter().position(|(prf, _)| *prf == own);
    match before.and_then(|at| list.get_mut(at)) {
        Some(entry) if entry.1 != head.deleted => entry.1 = head.deleted,
        Some(_) => {}
        None => list.push((own, head.deleted)),
    }
    if found.is_none_or(|(old, _)| listed(&old).ok().as_ref() != Some(&list)) {
        list_put(tx, &main, &list, pieces)?;
    }
    if is_new && head.beside.is_some() {
        tx.state.beside += 1;
    }
    let living: Vec<Prf> = list
        .iter()
        .filter(|(_, deleted)| !deleted)
        .map(|(prf, _)| *prf)
        .collect();
    let collide = living.len() > 1;
    // Each of them is counted as in conflict; a person has one thing to decide.
    let more = |living: u64| living.saturating_sub(1);
    tx.state.conflicted_records += more(living_before);
    mark(tx, &own, collide && !head.deleted)?;
    // With three and more nothing changes for the others.
    if living.len() <= 2 {
        for prf in living.iter().filter(|prf| **prf != own) {
            mark(tx, prf, collide)?;
        }
    }
    let counted = &mut tx.state.conflicted_records;
    *counted = counted.saturating_sub(more(living.len() as u64));
    Ok(())
}

fn mark(tx: &mut Tx<'_>, prf: &Prf, collides: bool) -> Result<(), StoreError> {
    let row = row::read_tx(tx, prf)?.ok_or(StoreError::Damaged("record"))?;
    if row.head.collides == collides {
        return Ok(());
    }
    let mut head = row.head.clone();
    head.collides = collides;
    put_marked(tx, prf, &row, head)
}

/// Puts a row again whose mark of colliding has changed, and nothing else of it: no version, no place in the feed.
fn put_marked(tx: &mut Tx<'_>, prf: &Prf, row: &row::Row, mut head: RowHead) -> Result<(), StoreError> {
    let entry = match head.deleted {
        true => None,
        false => Some(entry_of(&tx.core.sealer, &head, head.json()?)?),
    };
    index_entry(tx, prf, Some(&row.head), &mut head, entry)?;
    let id = key_of(tx, &head)?;
    conflict_row(tx, prf, row.head.open(), &head);
    count(tx, Some(&row.head), &head);
    row::put(tx, id, prf, &head, &row.tail, row.pieces)
}
