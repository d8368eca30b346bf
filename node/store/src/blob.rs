//! Named documents: trust, tokens, settings of the node.
//!
//! Shape: BLOB prf(name) ‖ chunk → `name ‖ bytes`, sealed under the node's key.
//!
//! Invariants: durable on return; a swap happens only if the value is still the one
//! expected; at most [`BLOB_BYTES_MAX`] bytes each; one that is not as it was last written, as the list
//! of documents has it ([`crate::blob_list`]), is damage and is neither given out nor written over.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use crate::{
    blob_list, chunk,
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    kv::KeyRange,
    seal::{KeyId, Prf},
    store::Store,
    tables::Table,
    tx::Tx,
};

/// Largest document, in bytes.
pub const BLOB_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Longest name, in bytes.
pub const BLOB_NAME_BYTES_MAX: usize = 200;
/// Most documents listed at once.
const BLOBS_MAX: usize = 100_000;

/// How often a reader that may have met a write half-way tries again without holding the writer still.
const READS_MAX: usize = 8;

fn name_prf(core: &Core, name: &str) -> Prf {
    core.sealer.prf("blob", &[name.as_bytes()])
}

fn prefix(prf: &Prf) -> Vec<u8> {
    Table::Blob.key(&[prf])
}

pub(crate) fn decode(bytes: &[u8]) -> Result<(String, Vec<u8>), StoreError> {
    let mut dec = Dec::new(bytes, "document");
    let name = dec.text()?.to_owned();
    Ok((name, dec.bytes()?.to_vec()))
}

/// A document as it was found, if it is in the writing that the list says.
fn as_listed(found: Option<chunk::Head>, generation: u64) -> Result<Option<chunk::Head>, StoreError> {
    match found.as_ref().map_or(0, |found| found.generation) == generation {
        true => Ok(found),
        false => Err(StoreError::Damaged(Table::Blob.name())),
    }
}

/// What `read` finds. A document and the list are several rows, between the reading of which another
/// batch may have come: what seems damaged is read again, and at last with the writer held still.
fn settled<T>(core: &Core, read: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 0..READS_MAX {
        match read() {
            Err(StoreError::Damaged(_)) => {}
            done => return done,
        }
    }
    let _writer = core.hold();
    read()
}

/// The document called `name`.
fn read(core: &Core, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let prf = name_prf(core, name);
    let found = settled(core, || {
        let found = chunk::read_whole(core, &prefix(&prf))?;
        as_listed(found, blob_list::generation(core, &prf)?)
    })?;
    found
        .map(|found| decode(&found.bytes).map(|(_, value)| value))
        .transpose()
}

/// The documents whose names begin with `start`, by name.
fn list(core: &Core, start: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    settled(core, || {
        let mut listed = BTreeMap::new();
        for part in blob_list::parts(core)? {
            listed.extend(part?);
        }
        let mut out = Vec::new();
        let rows = core
            .kv
            .scan(&KeyRange::prefix(&Table::Blob.prefix()), BLOBS_MAX)?;
        for (row, _) in rows {
            let Some(prf) = first_of(&row) else { continue };
            let found = chunk::read_whole(core, &prefix(&prf))?;
            if let Some(found) = as_listed(found, listed.remove(&prf).unwrap_or_default())? {
                let (name, value) = decode(&found.bytes)?;
                if name.starts_with(start) {
                    out.push((name, value));
                }
            }
        }
        if !listed.is_empty() {
            return Err(StoreError::Damaged(Table::Blob.name()));
        }
        out.sort();
        Ok(out)
    })
}

/// The document that a row is the first piece of.
pub(crate) fn first_of(row: &[u8]) -> Option<Prf> {
    row.strip_suffix(&[0, 0])?.get(1..)?.try_into().ok()
}

fn current(tx: &mut Tx<'_>, name: &str) -> Result<(Option<Vec<u8>>, u16), StoreError> {
    let prf = name_prf(tx.core, name);
    let found = chunk::read_whole_tx(tx, &prefix(&prf))?;
    match as_listed(found, blob_list::generation_tx(tx, &prf)?)? {
        Some(found) => Ok((Some(decode(&found.bytes)?.1), found.count)),
        None => Ok((None, 0)),
    }
}

/// Sets or removes a document within a group.
pub(crate) fn put(tx: &mut Tx<'_>, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
    if name.len() > BLOB_NAME_BYTES_MAX || value.is_some_and(|value| value.len() > BLOB_BYTES_MAX) {
        return Err(StoreError::TooLarge("a document"));
    }
    let (_, count) = current(tx, name)?;
    let prf = name_prf(tx.core, name);
    // Not 0, which stands for nothing.
    let generation = u64::from_be_bytes(crate::env::random_array(&*tx.core.env)).max(1);
    blob_list::set(tx, &prf, generation, value.is_some())?;
    match value {
        Some(value) => {
            let mut enc = Enc::new();
            enc.text(name).bytes(value);
            chunk::put(tx, KeyId::NODE, &prefix(&prf), generation, &enc.out, count)
        }
        None => {
            chunk::remove(tx, &prefix(&prf), count);
            Ok(())
        }
    }
}

/// Sets a document if it is still `expected`.
fn swap(
    tx: &mut Tx<'_>,
    name: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<(), StoreError> {
    if current(tx, name)?.0.as_deref() != expected {
        return Err(StoreError::Changed);
    }
    put(tx, name, value)
}

impl Store {
    /// A document by name.
    ///
    /// # Errors
    /// The store's.
    pub fn blob(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        read(&self.core, name)
    }

    /// What `make` makes of a document, kept in memory until the document is written anew, by whichever
    /// way: for what is read with every row and dear to make, as verified signatures are. What fails is
    /// not kept.
    ///
    /// # Errors
    /// The store's, and those of `make`.
    pub fn blob_made<T, E>(
        &self,
        name: &str,
        make: impl FnOnce(Option<Vec<u8>>) -> Result<T, E>,
    ) -> Result<Arc<T>, E>
    where
        T: Any + Send + Sync,
        E: From<StoreError>,
    {
        let core = &self.core;
        let row = chunk::chunk_key(&prefix(&name_prf(core, name)), 0);
        // Before the document itself: what is written in between is made anew next time.
        let sealed = core.kv.get(&row).map_err(StoreError::from)?;
        let key = (name.to_owned(), TypeId::of::<T>());
        let hold = || core.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, made)) = hold().get(&key)
            && *of == sealed
            && let Ok(made) = Arc::clone(made).downcast::<T>()
        {
            return Ok(made);
        }
        let made = Arc::new(make(read(core, name)?)?);
        hold().insert(key, (sealed, made.clone()));
        Ok(made)
    }

    /// All documents whose names begin with `prefix`, by name.
    ///
    /// # Errors
    /// The store's.
    pub fn blobs(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        list(&self.core, prefix)
    }

    /// Sets a document; durable on return.
    ///
    /// # Errors
    /// The store's.
    pub fn blob_put(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.blobs_put(&[(name.to_owned(), Some(value.to_vec()))])
    }

    /// Removes a document; durable on return.
    ///
    /// # Errors
    /// The store's.
    pub fn blob_remove(&self, name: &str) -> Result<(), StoreError> {
        self.blobs_put(&[(name.to_owned(), None)])
    }

    /// Sets and removes documents together; durable on return.
    ///
    /// # Errors
    /// The store's.
    pub fn blobs_put(&self, changes: &[(String, Option<Vec<u8>>)]) -> Result<(), StoreError> {
        let changes = changes.to_vec();
        self.core.transact_upkeep(1, move |tx| {
            changes
                .iter()
                .try_for_each(|(name, value)| put(tx, name, value.as_deref()))
        })
    }

    /// Sets (or removes) a document if it still is `expected`; durable on return.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it is not, or the store's.
    pub fn blob_swap(
        &self,
        name: &str,
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let name = name.to_owned();
        let (expected, value) = (expected.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        self.core.transact_upkeep(1, move |tx| {
            swap(tx, &name, expected.as_deref(), value.as_deref())
        })
    }

    /// A trust document.
    ///
    /// # Errors
    /// The store's.
    pub fn trust_load(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.blob(&format!("trust/{name}"))
    }

    /// Sets a trust document; durable on return.
    ///
    /// # Errors
    /// The store's.
    pub fn trust_save(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.blob_put(&format!("trust/{name}"), value)
    }
}
