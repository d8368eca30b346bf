//! Highest author sequences and peers' cursors.

use chaski_crdt::author::{AuthorId, NodeId};

use super::CURSOR_BYTES_MAX;
use crate::{
    core::Core, error::StoreError, seal::KeyId, store::Store, tables::Table, tx::Tx, types::CursorUpdate,
};

fn author_row(core: &Core, author: &AuthorId) -> Vec<u8> {
    let incarnation = author.incarnation.to_be_bytes();
    Table::Author.key(&[&core.sealer.prf("author", &[&author.node.0, &incarnation])])
}

fn number(plain: Option<Vec<u8>>) -> u64 {
    plain.and_then(|plain| <[u8; 8]>::try_from(plain).ok()).map_or(0, u64::from_be_bytes)
}

/// Notes that a change of this author was accepted.
pub(crate) fn author_seen(tx: &mut Tx<'_>, author: &AuthorId, seq: u64) -> Result<(), StoreError> {
    let row = author_row(tx.core, author);
    if seq > number(tx.row(&row)?) {
        tx.put(KeyId::NODE, row, seq.to_be_bytes().to_vec());
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
        let author = AuthorId { node: *node, incarnation };
        Ok(number(self.core.row(&author_row(&self.core, &author))?))
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
        self.core.transact(1, move |tx| cursor_put(tx, &update))
    }
}
