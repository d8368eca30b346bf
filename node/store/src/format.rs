//! The format of a store and the way from older ones.
//!
//! Invariants: a store of a newer format is not touched; every change of a stored format
//! is a named migration that runs once, in one batch with the note that it has run, and
//! may be interrupted and run again.

use crate::{
    codec::{Dec, Enc},
    core::{Core, writer::Writer},
    error::{OpenError, StoreError, open_error},
    seal::{KeyId, slots::FORMAT},
    tables::{Table, meta},
    tx::Tx,
};

/// One step from an older form.
pub(crate) struct Migration {
    /// Its name; never changes.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) run: fn(&mut Tx<'_>) -> Result<(), StoreError>,
}

/// All migrations, in the order they run. The first of them stands for the form stores
/// are made in today.
pub(crate) const MIGRATIONS: &[Migration] = &[Migration {
    name: "0001-first-format",
    run: |_| Ok(()),
}];

fn format_row() -> Vec<u8> {
    Table::Meta.key(&[meta::FORMAT])
}

/// Writes the rows of a new store.
pub(crate) fn create(core: &Writer) -> Result<(), StoreError> {
    let epoch = u64::from_be_bytes(crate::env::random_array(&*core.env));
    core.transact(1, move |tx| {
        tx.put(KeyId::NODE, format_row(), FORMAT.to_be_bytes().to_vec());
        tx.put(
            KeyId::NODE,
            Table::Meta.key(&[meta::EPOCH]),
            epoch.to_be_bytes().to_vec(),
        );
        let names: Vec<_> = MIGRATIONS
            .iter()
            .map(|migration| migration.name.to_owned())
            .collect();
        put_names(tx, &names);
        Ok::<_, StoreError>(())
    })
}

/// Checks the format and runs the migrations that have not run.
pub(crate) fn open(core: &Writer) -> Result<u64, OpenError> {
    let damaged = |error: StoreError| match error {
        StoreError::Form { .. } => open_error(error),
        other => OpenError::Damaged(other.to_string()),
    };
    let plain = core.row(&format_row()).map_err(damaged)?;
    let found = plain
        .and_then(|plain| <[u8; 4]>::try_from(plain).ok())
        .map(u32::from_be_bytes);
    match found {
        None => return Err(OpenError::Damaged("the format row is missing".to_owned())),
        Some(found) if found > FORMAT => return Err(OpenError::Newer { found, known: FORMAT }),
        Some(_) => {}
    }
    let done = names(core).map_err(damaged)?;
    for migration in MIGRATIONS
        .iter()
        .filter(|migration| !done.iter().any(|name| name == migration.name))
    {
        let mut names = names(core).map_err(damaged)?;
        names.push(migration.name.to_owned());
        core.transact_upkeep(1, move |tx| {
            (migration.run)(tx)?;
            put_names(tx, &names);
            Ok::<_, StoreError>(())
        })
        .map_err(damaged)?;
    }
    let epoch = core.row(&Table::Meta.key(&[meta::EPOCH])).map_err(damaged)?;
    let epoch = epoch
        .and_then(|plain| <[u8; 8]>::try_from(plain).ok())
        .map(u64::from_be_bytes);
    epoch.ok_or_else(|| OpenError::Damaged("the log's epoch is missing".to_owned()))
}

fn names(core: &Core) -> Result<Vec<String>, StoreError> {
    let Some(plain) = core.row(&Table::Meta.key(&[meta::MIGRATIONS]))? else {
        return Ok(Vec::new());
    };
    let mut dec = Dec::new(&plain, "migrations");
    let count = dec.count()?;
    (0..count).map(|_| dec.text().map(str::to_owned)).collect()
}

fn put_names(tx: &mut Tx<'_>, names: &[String]) {
    let mut enc = Enc::new();
    enc.varint(names.len() as u64);
    for name in names {
        enc.text(name);
    }
    tx.put(KeyId::NODE, Table::Meta.key(&[meta::MIGRATIONS]), enc.out);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{MemoryKv, Store, testing};

    #[test]
    fn a_migration_that_has_not_run_runs_once() {
        let kv = Arc::new(MemoryKv::new());
        let store = testing::store_on(kv.clone(), 1, testing::TestEnv::new(1));
        let forget = |tx: &mut Tx<'_>| {
            put_names(tx, &[]);
            Ok::<_, StoreError>(())
        };
        store.core.transact(1, forget).unwrap();
        drop(store);
        for _ in 0..2 {
            let env = testing::TestEnv::new(2);
            let store = Store::open_on(kv.clone(), &[7; 32], env, testing::options()).unwrap();
            assert_eq!(names(&store.core).unwrap(), vec![MIGRATIONS[0].name]);
        }
    }

    #[test]
    fn a_newer_format_is_not_touched() {
        let kv = Arc::new(MemoryKv::new());
        let store = testing::store_on(kv.clone(), 1, testing::TestEnv::new(1));
        let newer = |tx: &mut Tx<'_>| {
            tx.put(KeyId::NODE, format_row(), (FORMAT + 1).to_be_bytes().to_vec());
            Ok::<_, StoreError>(())
        };
        store.core.transact(1, newer).unwrap();
        drop(store);
        let opened = Store::open_on(kv, &[7; 32], testing::TestEnv::new(2), testing::options());
        assert!(matches!(opened, Err(OpenError::Newer { found: 2, known: 1 })));
    }
}
