//! Highest author sequences and peers' cursors.

use chaski_crdt::author::{AuthorId, NodeId};

use super::CURSOR_BYTES_MAX;
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

/// Most incarnations looked through.
const AUTHORS_MAX: usize = 1_000_000;

fn author_row(core: &Core, author: &AuthorId) -> Vec<u8> {
    let incarnation = author.incarnation.to_be_bytes();
    Table::Author.key(&[&core.sealer.prf("author", &[&author.node.0, &incarnation])])
}

fn encode(author: &AuthorId, seq: u64) -> Vec<u8> {
    let mut enc = Enc::new();
    enc.raw(&author.node.0)
        .raw(&author.incarnation.to_be_bytes())
        .varint(seq);
    enc.out
}

fn decode(plain: &[u8]) -> Result<(AuthorId, u64), StoreError> {
    let mut dec = Dec::new(plain, "author sequence");
    let author = AuthorId {
        node: NodeId(dec.array()?),
        incarnation: u64::from_be_bytes(dec.array()?),
    };
    Ok((author, dec.varint()?))
}

fn number(plain: Option<&[u8]>) -> Result<u64, StoreError> {
    plain.map_or(Ok(0), |plain| decode(plain).map(|(_, seq)| seq))
}

/// Notes that a change of this author was accepted.
pub(crate) fn author_seen(tx: &mut Tx<'_>, author: &AuthorId, seq: u64) -> Result<(), StoreError> {
    let row = author_row(tx.core, author);
    if seq > number(tx.row(&row)?)? {
        tx.put(KeyId::NODE, row, encode(author, seq));
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
        number(self.core.row(&author_row(&self.core, &author))?.as_deref())
    }

    /// A node's incarnations of which changes were accepted here, each with the highest
    /// author sequence.
    ///
    /// # Errors
    /// The store's.
    pub fn incarnations_of(&self, node: &NodeId) -> Result<Vec<(u64, u64)>, StoreError> {
        let rows = self
            .core
            .kv
            .scan(&KeyRange::prefix(&Table::Author.prefix()), AUTHORS_MAX)?;
        let mut out = Vec::new();
        for (row, sealed) in rows {
            let (author, seq) = decode(&self.core.open(&row, &sealed)?)?;
            if author.node == *node {
                out.push((author.incarnation, seq));
            }
        }
        out.sort_unstable();
        Ok(out)
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
