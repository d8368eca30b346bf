//! Named documents: trust, tokens, settings of the node.
//!
//! Shape: BLOB prf(name) ‖ chunk → `name ‖ bytes`, sealed under the node's key.
//!
//! Invariants: durable on return; a swap happens only if the value is still the one
//! expected; at most [`BLOB_BYTES_MAX`] bytes each.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use crate::{
    chunk,
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    kv::KeyRange,
    seal::KeyId,
    store::Store,
    tables::Table,
    tx::Tx,
};

/// Largest document, in bytes.
pub const BLOB_BYTES_MAX: usize = 1024 * 1024;
/// Longest name, in bytes.
pub const BLOB_NAME_BYTES_MAX: usize = 200;
/// Most documents listed at once.
const BLOBS_MAX: usize = 100_000;

/// What was made of documents, each with the sealed row that its document began with then: any writing
/// of the document seals that row anew, under a nonce of its own.
pub(crate) type Made = HashMap<(String, TypeId), (Option<Vec<u8>>, Arc<dyn Any + Send + Sync>)>;

fn prefix(core: &Core, name: &str) -> Vec<u8> {
    Table::Blob.key(&[&core.sealer.prf("blob", &[name.as_bytes()])])
}

fn decode(bytes: &[u8]) -> Result<(String, Vec<u8>), StoreError> {
    let mut dec = Dec::new(bytes, "document");
    let name = dec.text()?.to_owned();
    Ok((name, dec.bytes()?.to_vec()))
}

/// The document called `name`.
fn read(core: &Core, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    match chunk::read(core, &prefix(core, name), |_| Ok(usize::MAX))? {
        Some(bytes) => decode(&bytes).map(|(_, value)| Some(value)),
        None => Ok(None),
    }
}

/// The documents whose names begin with `start`, by name.
fn list(core: &Core, start: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let mut out = Vec::new();
    let rows = core
        .kv
        .scan(&KeyRange::prefix(&Table::Blob.prefix()), BLOBS_MAX)?;
    for (row, _) in rows {
        let Some(prefix) = row.strip_suffix(&[0, 0]) else {
            continue;
        };
        if row.len() != 19 {
            continue;
        }
        if let Some(bytes) = chunk::read(core, prefix, |_| Ok(usize::MAX))? {
            let (name, value) = decode(&bytes)?;
            if name.starts_with(start) {
                out.push((name, value));
            }
        }
    }
    out.sort();
    Ok(out)
}

fn current(tx: &mut Tx<'_>, name: &str) -> Result<(Option<Vec<u8>>, u16), StoreError> {
    let prefix = prefix(tx.core, name);
    match chunk::read_tx(tx, &prefix)? {
        Some((bytes, count)) => Ok((Some(decode(&bytes)?.1), count)),
        None => Ok((None, 0)),
    }
}

/// Sets or removes a document within a group.
fn put(tx: &mut Tx<'_>, name: &str, value: Option<&[u8]>) -> Result<(), StoreError> {
    if name.len() > BLOB_NAME_BYTES_MAX || value.is_some_and(|value| value.len() > BLOB_BYTES_MAX) {
        return Err(StoreError::TooLarge("a document"));
    }
    let (_, count) = current(tx, name)?;
    let prefix = prefix(tx.core, name);
    match value {
        Some(value) => {
            let mut enc = Enc::new();
            enc.text(name).bytes(value);
            let generation = u64::from_be_bytes(crate::env::random_array(&*tx.core.env));
            chunk::put(tx, KeyId::NODE, &prefix, generation, &enc.out, count)
        }
        None => {
            chunk::remove(tx, &prefix, count);
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
        let row = chunk::chunk_key(&prefix(core, name), 0);
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
