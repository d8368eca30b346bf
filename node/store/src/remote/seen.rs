//! Numbers seen of authors, and peers' cursors.

use std::collections::BTreeMap;

use chaski_crdt::author::{AuthorId, NodeId};

use super::{
    bounds::CURSOR_BYTES_MAX,
    numbers::{self, BLOCK, Numbers},
};
use crate::{
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    kv::KeyRange,
    seal::KeyId,
    store::Store,
    tables::Table,
    tx::Tx,
    types::CursorUpdate,
};

/// Most rows of authors looked through.
const AUTHORS_MAX: usize = 1_000_000;
/// Numbers of an incarnation that may be missing here below the last one that counts as its last: what is still on
/// its way elsewhere. Whoever leaves numbers out to use them later, once it is revoked, has no more.
const MISSING_MAX: u64 = 1_024;

/// Where an author's highest number stands, or one of its block.
fn author_row(core: &Core, author: &AuthorId) -> Vec<u8> {
    let incarnation = author.incarnation.to_be_bytes();
    Table::Author.key(&[&core.sealer.prf("author", &[&author.node.0, &incarnation])])
}

/// Where the numbers of a block stand.
fn block_row(core: &Core, author: &AuthorId, block: u64) -> Vec<u8> {
    let (incarnation, block) = (author.incarnation.to_be_bytes(), block.to_be_bytes());
    let parts: [&[u8]; 3] = [&author.node.0, &incarnation, &block];
    Table::Author.key(&[&core.sealer.prf("author numbers", &parts)])
}

/// A row: of a block, or of where the highest number is.
fn encode(author: &AuthorId, at: u64, numbers: Option<&Numbers>) -> Vec<u8> {
    let mut enc = Enc::new();
    enc.raw(&author.node.0)
        .raw(&author.incarnation.to_be_bytes())
        .varint(at);
    if let Some(numbers) = numbers {
        numbers.encode(&mut enc);
    }
    enc.out
}

fn decode(plain: &[u8]) -> Result<(AuthorId, u64, Option<Numbers>), StoreError> {
    let mut dec = Dec::new(plain, "author sequence");
    let author = AuthorId {
        node: NodeId(dec.array()?),
        incarnation: u64::from_be_bytes(dec.array()?),
    };
    let at = dec.varint()?;
    let numbers = match dec.is_empty() {
        true => None,
        false => Some(Numbers::decode(&mut dec)?),
    };
    Ok((author, at, numbers))
}

fn top(plain: Option<&[u8]>) -> Result<u64, StoreError> {
    plain.map_or(Ok(0), |plain| decode(plain).map(|(_, seq, _)| seq))
}

fn block(plain: Option<&[u8]>) -> Result<Numbers, StoreError> {
    let numbers = plain.map(|plain| decode(plain).map(|(_, _, numbers)| numbers));
    Ok(numbers.transpose()?.flatten().unwrap_or_default())
}

/// Notes that a change of this author was accepted.
pub(crate) fn author_seen(tx: &mut Tx<'_>, author: &AuthorId, seq: u64) -> Result<(), StoreError> {
    let row = block_row(tx.core, author, seq / BLOCK);
    let mut numbers = block(tx.row(&row)?)?;
    if !numbers.add(seq) {
        return Ok(());
    }
    tx.put(KeyId::NODE, row, encode(author, seq / BLOCK, Some(&numbers)));
    let row = author_row(tx.core, author);
    let before = tx.row(&row)?.map(|plain| top(Some(plain))).transpose()?;
    if before.is_none_or(|before| seq / BLOCK > before / BLOCK) {
        tx.put(KeyId::NODE, row, encode(author, seq, None));
    }
    Ok(())
}

fn cursor_row(core: &Core, peer: &NodeId) -> Vec<u8> {
    Table::Cursor.key(&[&core.sealer.prf("cursor", &[&peer.0])])
}

/// Puts a peer's cursor within a group.
pub(crate) fn cursor_put(tx: &mut Tx<'_>, update: &CursorUpdate) -> Result<(), StoreError> {
    if update.value.len() > CURSOR_BYTES_MAX {
        return Err(StoreError::TooLarge("a cursor"));
    }
    let row = cursor_row(tx.core, &update.peer);
    tx.put(KeyId::NODE, row, update.value.clone());
    Ok(())
}

impl Store {
    /// Highest author sequence accepted here of a node's incarnation; 0 if none.
    ///
    /// # Errors
    /// The store's.
    pub fn author_seq_seen(&self, node: &NodeId, incarnation: u64) -> Result<u64, StoreError> {
        let author = AuthorId {
            node: *node,
            incarnation,
        };
        let top = top(self.core.row(&author_row(&self.core, &author))?.as_deref())?;
        let of_block = block_row(&self.core, &author, top / BLOCK);
        let highest = block(self.core.row(&of_block)?.as_deref())?.highest();
        let highest = highest.map_or(0, |at| (top / BLOCK).saturating_mul(BLOCK).saturating_add(at));
        Ok(top.max(highest))
    }

    /// A node's incarnations of which changes were accepted here, each with the author sequence up to which at most
    /// a thousand or so are missing here: an author uses them one after the other, and one that stands far beyond
    /// the others is not its last. An incarnation that begins so is left out.
    ///
    /// # Errors
    /// The store's.
    pub fn incarnations_of(&self, node: &NodeId) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows = self
            .core
            .kv
            .scan(&KeyRange::prefix(&Table::Author.prefix()), AUTHORS_MAX)?;
        let mut blocks: BTreeMap<(u64, u64), Numbers> = BTreeMap::new();
        for (row, sealed) in rows {
            let (author, at, numbers) = decode(&self.core.open(&row, &sealed)?)?;
            if let Some(numbers) = numbers.filter(|_| author.node == *node) {
                blocks.insert((author.incarnation, at), numbers);
            }
        }
        let mut runs: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        for ((incarnation, at), numbers) in blocks {
            let base = at.saturating_mul(BLOCK);
            let of_block = numbers.runs().into_iter();
            let placed =
                of_block.map(|(first, last)| (base.saturating_add(first), base.saturating_add(last)));
            runs.entry(incarnation).or_default().extend(placed);
        }
        let reached = runs
            .into_iter()
            .map(|(incarnation, runs)| (incarnation, numbers::reach(runs, MISSING_MAX)));
        Ok(reached.filter(|(_, last)| *last > 0).collect())
    }

    /// A peer's cursor.
    ///
    /// # Errors
    /// The store's.
    pub fn cursor(&self, peer: &NodeId) -> Result<Option<Vec<u8>>, StoreError> {
        self.core.row(&cursor_row(&self.core, peer))
    }

    /// Puts a peer's cursor; durable on return.
    ///
    /// # Errors
    /// The store's.
    pub fn cursor_put(&self, update: CursorUpdate) -> Result<(), StoreError> {
        self.core.transact_upkeep(1, move |tx| cursor_put(tx, &update))
    }
}
