//! Chains of index blocks: putting entries in, taking them out, walking them.
//!
//! Invariants: blocks are numbered from 0 without gaps; entries are appended to the last
//! block and only ever move to it, so a reader that goes up and stops at the first missing
//! block misses nothing.

use super::{
    chain::Chain,
    entry::{Built, EntryView, TokenHash},
    posting,
};
use crate::{
    core::Core, error::StoreError, kv::KeyRange, scope::KindTag, seal::PLAIN_BYTES_MAX, tables::Table, tx::Tx,
};

/// Blocks read at a time when a whole kind is walked.
const BLOCKS_AT_ONCE: usize = 256;

/// Splits a block without the entry of `id`; gives that entry's posted hashes.
fn without(block: &[u8], id: &str) -> Option<(Vec<u8>, Vec<TokenHash>)> {
    let mut rest = block;
    let mut at = 0;
    while let Some((entry, after)) = EntryView::next(rest) {
        if entry.is_of(id) {
            let mut kept = block.get(..at)?.to_vec();
            kept.extend_from_slice(after);
            return Some((kept, entry.posted().collect()));
        }
        at += entry.bytes.len();
        rest = after;
    }
    None
}

/// Puts a record's entry into a chain, replacing the one in block `old`; gives the block
/// it stands in now. With `post`, its postings follow.
pub(crate) fn place(
    tx: &mut Tx<'_>,
    chain: &Chain,
    record: &crate::seal::Prf,
    id: &str,
    old: Option<u32>,
    built: &Built,
    post: bool,
) -> Result<u32, StoreError> {
    let prefix = chain.prefix(&tx.core.sealer);
    let mut scope = tx.scope(&chain.scope)?;
    let mut posted_before = Vec::new();
    if let Some(number) = old {
        let row = Chain::block(&prefix, number);
        let block = tx.row(&row)?.ok_or(StoreError::Damaged("index block"))?;
        let (mut kept, posted) = without(block, id).ok_or(StoreError::Damaged("index block"))?;
        posted_before = posted;
        if kept.len() + built.bytes.len() <= PLAIN_BYTES_MAX {
            kept.extend_from_slice(&built.bytes);
            tx.put(scope.id, row, kept);
            if post {
                posting::change(tx, chain, record, &posted_before, &built.posted)?;
            }
            return Ok(number);
        }
        tx.put(scope.id, row, kept);
    }
    if post {
        posting::change(tx, chain, record, &posted_before, &built.posted)?;
    }
    let last = scope.chain(chain.kind);
    if let Some(number) = last {
        let row = Chain::block(&prefix, number);
        let block = tx.row(&row)?.ok_or(StoreError::Damaged("index block"))?;
        if block.len() + built.bytes.len() <= PLAIN_BYTES_MAX {
            tx.append(scope.id, row, &built.bytes)?;
            return Ok(number);
        }
    }
    let number = match last {
        Some(last) => last
            .checked_add(1)
            .ok_or(StoreError::TooLarge("an index chain"))?,
        None => 0,
    };
    scope.chain_set(chain.kind, number)?;
    tx.scope_put(&scope);
    tx.put(scope.id, Chain::block(&prefix, number), built.bytes.clone());
    Ok(number)
}

/// Takes a record's entry out of a chain.
pub(crate) fn withdraw(
    tx: &mut Tx<'_>,
    chain: &Chain,
    record: &crate::seal::Prf,
    id: &str,
    number: u32,
    post: bool,
) -> Result<(), StoreError> {
    let prefix = chain.prefix(&tx.core.sealer);
    let scope = tx.scope(&chain.scope)?;
    let row = Chain::block(&prefix, number);
    let block = tx.row(&row)?.ok_or(StoreError::Damaged("index block"))?;
    let (kept, posted) = without(block, id).ok_or(StoreError::Damaged("index block"))?;
    tx.put(scope.id, row, kept);
    if post {
        posting::change(tx, chain, record, &posted, &[])?;
    }
    Ok(())
}

/// One block of a chain, as last applied.
pub(crate) fn block_of(core: &Core, chain: &Chain, number: u32) -> Result<Option<Vec<u8>>, StoreError> {
    core.row(&Chain::block(&chain.prefix(&core.sealer), number))
}

/// Calls `with` for each block of the chain, lowest first, until it returns `false`.
pub(crate) fn entries_of(
    core: &Core,
    chain: &Chain,
    with: &mut dyn FnMut(&[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let prefix = chain.prefix(&core.sealer);
    for number in 0..=u32::MAX {
        let Some(block) = core.row(&Chain::block(&prefix, number))? else {
            return Ok(());
        };
        if !with(&block)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Calls `with` for each block of a kind, in all its scopes, until it returns
/// `false`.
pub(crate) fn walk_kind(
    core: &Core,
    kind: KindTag,
    with: &mut dyn FnMut(&[u8]) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let prefix = Table::Chain.key(&[&kind]);
    let mut range = KeyRange::prefix(&prefix);
    loop {
        let rows = core.kv.scan(&range, BLOCKS_AT_ONCE)?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        range.start = last.iter().copied().chain([0]).collect();
        for (row, sealed) in &rows {
            if !with(&core.open(row, sealed)?)? {
                return Ok(());
            }
        }
        // A chain that ends at the edge of what was read may have grown since.
        if rows.len() < BLOCKS_AT_ONCE {
            return Ok(());
        }
    }
}
