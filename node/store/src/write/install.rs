//! Putting a prepared row in its place, with everything that follows from it.
//!
//! Invariants: the row it was prepared against is still there, or nothing happens; record,
//! index, fingerprints, feed, versions and counters change in the one group.

use super::{
    beside,
    derived::{conflict_row, count, feed_rows, index_entry, key_of},
    prepare::Prepared,
};
use crate::{
    error::StoreError,
    feed::Source,
    fingerprint,
    remote::author_seen,
    row::{self, Past, RowTail},
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
        mut old,
        mut head,
        changes_z,
        arrivals,
        authors,
        entry,
        hlc,
        ..
    } = prepared;
    if tx.state.beside > 0 {
        // A mark may have moved its entries meanwhile, and nothing else.
        old = row::read_tx(tx, &prf)?;
    }
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
    conflict_row(tx, &prf, old.as_ref().map_or(0, |old| old.head.open()), &head);
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
    beside::follow(tx, &head, old.is_none())?;
    tx.written.push((head.key.clone(), prf));
    Ok(Ok((head.seq, head.last_updated_ms)))
}
