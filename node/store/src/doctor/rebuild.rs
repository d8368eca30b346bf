//! Examining a closed store, and building a whole one from what is whole.
//!
//! Invariants: the damaged database is kept beside the new one until someone removes it; a
//! record is taken over only with all its signatures; the new arrival log has another
//! epoch, so that peers compare anew and send what was lost.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use chaski_crdt::author::{NodeId, VerifiedChange};

use super::{
    closing::{self, Closing},
    pieces::{documents, each_awaiting, value_of},
    report::Report,
    rows::each_row,
    verify::whole_records,
};
use crate::{
    blob,
    context::Context,
    core::{Core, writer::Writer},
    env::Env,
    error::{OpenError, StoreError, engine_error},
    file_names::{DB, REBUILDING},
    files, format,
    identity::{self, Signer},
    kv::SledKv,
    options::OpenOptions,
    remote::awaiting_add,
    seal::{KeyId, keyring::Keyring, slots, slots::Unlock},
    store::{Store, make_core},
    tables::{Table, meta},
};

/// Records taken over at once.
const RECORDS_AT_ONCE: usize = 200;
/// Rows copied at once.
const ROWS_AT_ONCE: usize = 200;
/// Bytes of documents from which they are written.
const DOCUMENT_BYTES_AT_ONCE: usize = 1024 * 1024;

/// Checks the store in `dir`, which must not be open elsewhere. Damage is in the report.
///
/// # Errors
/// When it cannot be looked at: no key, in use, foreign, newer.
pub fn examine(
    dir: &Path,
    unlock: &Unlock,
    env: Arc<dyn Env>,
    options: OpenOptions,
) -> Result<Report, OpenError> {
    let mut report = match Store::open(
        dir,
        unlock,
        env,
        OpenOptions {
            background: false,
            ..options
        },
    ) {
        Ok(store) => store
            .verify()
            .map_err(|error| OpenError::Damaged(error.to_string()))?,
        Err(OpenError::Damaged(what)) => one(&what),
        Err(error) => return Err(error),
    };
    differing_told(dir, &mut report)?;
    Ok(report)
}

fn differing_told(dir: &Path, report: &mut Report) -> Result<(), OpenError> {
    for name in closing::differing(dir).map_err(|error| files::io_error(&error))? {
        report.problem(&name, None, "it is not as it was when the store was closed");
    }
    Ok(())
}

fn one(what: &str) -> Report {
    let mut report = Report::default();
    report.problem("store", None, what);
    report
}

/// Builds a whole store from what is whole of the one in `dir`, and puts it in its place.
///
/// # Errors
/// When nothing can be read of it.
pub fn rebuild(
    dir: &Path,
    unlock: &Unlock,
    env: Arc<dyn Env>,
    options: OpenOptions,
) -> Result<Report, OpenError> {
    let options = OpenOptions {
        background: false,
        ..options
    };
    let lock = files::check(dir, options.lock_wait)?;
    let keyring = slots::open(dir, unlock)?;
    let mut report = Report::default();
    let fresh = dir.join(REBUILDING);
    if fresh.exists() {
        fs::remove_dir_all(&fresh).map_err(|error| files::io_error(&error))?;
    }
    let saved = {
        let old = open_core(&dir.join(DB), &keyring, &env, &options, dir)?;
        let key = &keyring.file_key;
        let sealed_state = old.sealed_state().unwrap_or_default();
        closing::retire(dir, key, Closing::of(key, &sealed_state))
            .map_err(|error| files::io_error(&error))?;
        differing_told(dir, &mut report)?;
        let new = open_core(&fresh, &keyring, &env, &options, dir)?;
        format::create(&new).map_err(damaged)?;
        carry(&old, new, &mut report)?
    };
    report.rebuilt = Some(saved);
    let aside = dir.join(format!("chaski.damaged-{}", env.now_ms()));
    fs::rename(dir.join(DB), aside).map_err(|error| files::io_error(&error))?;
    fs::rename(&fresh, dir.join(DB)).map_err(|error| files::io_error(&error))?;
    closing::clear(dir).map_err(|error| files::io_error(&error))?;
    drop(lock);
    Ok(report)
}

fn damaged(error: StoreError) -> OpenError {
    OpenError::Damaged(error.to_string())
}

fn open_core(
    path: &Path,
    keyring: &Keyring,
    env: &Arc<dyn Env>,
    options: &OpenOptions,
    dir: &Path,
) -> Result<Writer, OpenError> {
    let kv = SledKv::open(path).map_err(engine_error)?;
    make_core(Arc::new(kv), keyring, Arc::clone(env), options.clone(), Some(dir))
}

/// Copies rows that stand alone, then takes over the records by their changes.
fn carry(old: &Core, new: Writer, report: &mut Report) -> Result<u64, OpenError> {
    documents(old, report).map_err(damaged)?;
    documents_kept(old, &new, report).map_err(damaged)?;
    for table in [Table::Audit, Table::Quarantine] {
        copy(old, &new, table, report).map_err(damaged)?;
    }
    let row = Table::Meta.key(&[meta::IDENTITY]);
    let plain = old.row(&row).map_err(damaged)?;
    let Some(plain) = plain else { return Ok(0) };
    let signer = Signer::new(&identity::from_bytes(&plain).map_err(damaged)?);
    let state = old.state();
    new.transact(1, move |tx| {
        tx.put(KeyId::NODE, row, plain);
        tx.state.clock_ms = state.clock_ms;
        tx.state.hlc = state.hlc;
        Ok::<_, StoreError>(())
    })
    .map_err(damaged)?;
    let store = Store::finish(new, None)?;
    let mut saved = 0;
    let mut group = Vec::new();
    let mut take = |group: Vec<_>| -> Result<(), StoreError> {
        let applied = store.apply_remote(&Context::system("rebuild"), &store.node()?, group, None)?;
        saved += applied.records;
        Ok(())
    };
    whole_records(old, &signer, report, &mut |key, changes| {
        group.push((key, changes));
        if group.len() >= RECORDS_AT_ONCE {
            take(std::mem::take(&mut group))
        } else {
            Ok(())
        }
    })
    .map_err(damaged)?;
    take(group).map_err(damaged)?;
    awaiting_kept(old, &store.core, &signer, report).map_err(damaged)?;
    store.close();
    Ok(saved)
}

/// Keeps what waits for its author to be known waiting, as far as it is whole and signed.
fn awaiting_kept(old: &Core, new: &Writer, signer: &Signer, report: &mut Report) -> Result<(), StoreError> {
    each_awaiting(old, report, &mut |waiting, report| {
        let key = waiting.key;
        let mut by_peer: BTreeMap<NodeId, Vec<VerifiedChange>> = BTreeMap::new();
        for (peer, change) in waiting.changes {
            match change.into_verified(&signer.network, &key) {
                Ok(change) => by_peer.entry(peer).or_default().push(change),
                Err((_, error)) => report.problem(Table::Awaiting.name(), Some(&key), error.to_string()),
            }
        }
        new.transact(1, move |tx| {
            by_peer
                .iter()
                .try_for_each(|(peer, changes)| awaiting_add(tx, peer, &key, changes).map(drop))
        })
    })
}

/// Writes the documents that are whole. One that was put back to what it once was is told with the others
/// that are not as they were last written, and taken over as it is: there is no other, and without its
/// statements a node is nobody.
fn documents_kept(old: &Core, new: &Writer, report: &mut Report) -> Result<(), StoreError> {
    let write = |group: Vec<(String, Vec<u8>)>| {
        new.transact(1, move |tx| {
            group
                .iter()
                .try_for_each(|(name, value)| blob::put(tx, name, Some(value)))
        })
    };
    let (mut group, mut bytes) = (Vec::new(), 0);
    each_row(old, Table::Blob, &mut |row, plain| {
        let value = value_of(old, row)?.filter(|_| plain.is_ok());
        let Some((name, value)) = value.and_then(|value| blob::decode(&value).ok()) else {
            report.problem(Table::Blob.name(), None, "a row could not be saved");
            return Ok(());
        };
        if blob::first_of(row).is_none() {
            // Saved with the first piece.
            return Ok(());
        }
        bytes += value.len();
        group.push((name, value));
        if group.len() < ROWS_AT_ONCE && bytes < DOCUMENT_BYTES_AT_ONCE {
            return Ok(());
        }
        bytes = 0;
        write(std::mem::take(&mut group))
    })?;
    write(group)
}

/// Copies the rows that open.
fn copy(old: &Core, new: &Writer, table: Table, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = Vec::new();
    each_row(old, table, &mut |row, plain| {
        match plain {
            Ok(plain) => rows.push((row.to_vec(), plain)),
            Err(_) => report.problem(table.name(), None, "a row could not be saved"),
        }
        if rows.len() >= ROWS_AT_ONCE {
            put(new, table, std::mem::take(&mut rows))
        } else {
            Ok(())
        }
    })?;
    put(new, table, rows)
}

fn put(new: &Writer, table: Table, rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError> {
    new.transact(1, move |tx| {
        for (mut row, plain) in rows {
            match table {
                Table::Audit => {
                    tx.state.audit_seq += 1;
                    row = Table::Audit.key_u64(tx.state.audit_seq);
                }
                Table::Quarantine => tx.state.quarantined += 1,
                _ => {}
            }
            tx.put(KeyId::NODE, row, plain);
        }
        Ok(())
    })
}
