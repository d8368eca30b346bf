//! Whatever does not agree in a store, a doctor tells, in its words.

use std::sync::Arc;

use crate::{doctor::Report, index, row, scope::scope_row, seal::KeyId, tables::Table, testing::*, *};

use super::seal::furnish;

#[test]
fn problems_are_counted_beyond_those_that_are_listed() {
    let mut report = Report::default();
    assert!(report.is_whole());
    for n in 1..=1_003u64 {
        report.problem("record", Some(&key("Basic/a")), format!("{n}"));
        assert_eq!((report.problems, report.is_whole()), (n, false));
        assert_eq!(report.listed.len() as u64, n.min(1_000));
    }
    assert_eq!(report.listed[999].what, "1000");
    assert_eq!(report.listed[0].record, Some(key("Basic/a")));
}

pub(super) type Tx<'a, 'b> = &'a mut crate::tx::Tx<'b>;

pub(super) fn forge(row: &mut row::Row) {
    let mut changes = row.tail.changes().unwrap();
    changes[0].signature[0] ^= 1;
    row.tail.changes_z = row::pack_changes(changes.iter()).unwrap();
}

/// Puts the row of `of`, changed, in the place of `at`.
pub(super) fn change(
    tx: Tx<'_, '_>,
    of: &RecordKey,
    at: &RecordKey,
    change: impl FnOnce(&mut row::Row),
) -> Result<(), StoreError> {
    let from = row::record_prf(&tx.core.sealer, of);
    let to = row::record_prf(&tx.core.sealer, at);
    let mut row = row::read_tx(tx, &from)?.unwrap();
    let id = tx.scope(&first_scope(&row.head))?.id;
    change(&mut row);
    let old = if of == at { row.pieces } else { 0 };
    row::put(tx, id, &to, &row.head, &row.tail, old)
}

fn o5(tx: Tx<'_, '_>, with: impl FnOnce(&mut row::Row)) -> Result<(), StoreError> {
    change(tx, &key("Observation/o5"), &key("Observation/o5"), with)
}

/// Puts the posting of those called Quispe anew.
fn quispe(tx: Tx<'_, '_>, with: impl FnOnce(&mut Vec<u8>)) -> Result<(), StoreError> {
    let kind = index::kind_tag(&tx.core.sealer, "Patient");
    let row = index::posting_row(tx.core, &kind, &tx.core.sealer.token("family", "^qui"));
    let mut block = tx.row(&row)?.unwrap().to_vec();
    with(&mut block);
    tx.put(KeyId::NODE, row, block);
    Ok(())
}

/// What is sealed rightly and wrong, and the place and words in which it is told.
type Wrong = (
    &'static str,
    &'static str,
    fn(Tx<'_, '_>) -> Result<(), StoreError>,
);

const WRONG: &[Wrong] = &[
    ("table", "rows of an unknown table 7f", |tx| {
        tx.put(KeyId::NODE, vec![0x7f, 1], vec![1]);
        Ok(())
    }),
    ("record", "it lies under another record's key", |tx| {
        change(tx, &key("Observation/o5"), &key("Observation/none"), |_| {})
    }),
    ("record", "its changes cannot be read", |tx| {
        o5(tx, |row| row.tail.changes_z = vec![1, 2, 3])
    }),
    ("record", "it cannot be read", |tx| {
        let mut row = row::record_row(&row::record_prf(&tx.core.sealer, &key("Observation/o5")));
        row.extend([0, 0]);
        tx.put(KeyId::NODE, row, vec![9; 40]);
        Ok(())
    }),
    ("index block", "the record's entries are not all known", |tx| {
        o5(tx, |row| row.head.blocks.push(0))
    }),
    ("index block", "the record's entries are not all known", |tx| {
        o5(tx, |row| row.head.blocks.clear())
    }),
    (
        "index block",
        "the record's entry is not what it should be",
        |tx| o5(tx, |row| row.head.blocks[0] += 1),
    ),
    (
        "index block",
        "the record's entry is not what it should be",
        |tx| o5(tx, |row| row.head.last_updated_ms += 1),
    ),
    (
        "index block",
        "the record's entry is not what it should be",
        |tx| {
            let sealer = &tx.core.sealer;
            let kind = index::kind_tag(sealer, "Observation");
            let scope = Compartment::Patient("p2".into()).into();
            let empty = index::build(sealer, "o5", 1, &[], false);
            let prf = row::record_prf(sealer, &key("Observation/o5"));
            let chain = index::Chain { kind, scope };
            index::place(tx, &chain, &prf, "o5", Some(0), &empty, false).map(drop)
        },
    ),
    ("posting block", "the record is not in it", |tx| {
        quispe(tx, |block| block.truncate(1 + 16 * 5))
    }),
    ("posting block", "entries without a record", |tx| {
        quispe(tx, |block| block.extend([7; 16]))
    }),
    ("list of classes", "a scope is not listed", |tx| {
        let rows = tx
            .core
            .kv
            .scan(&crate::kv::KeyRange::prefix(&Table::Classes.prefix()), 1)?;
        tx.remove(rows[0].0.clone());
        Ok(())
    }),
    (
        "list of classes",
        "the list does not agree with the scopes",
        |tx| {
            let scope = Scope {
                compartment: Compartment::Patient("none".into()),
                classes: Classes::from_iter(["HIV"]),
            };
            let (row, plain) = crate::scope::listing(&tx.core.sealer, &scope).unwrap();
            tx.put(KeyId::NODE, row, plain);
            Ok(())
        },
    ),
    ("scope", "it cannot be read", |tx| {
        let (row, _) = scope_row(&tx.core.sealer, &Compartment::Patient("none".into()).into());
        tx.put(KeyId::NODE, row, vec![9]);
        Ok(())
    }),
    ("conflict", "the list does not agree with the records", |tx| {
        tx.put(KeyId::NODE, Table::Conflict.key(&[&[5; 16]]), vec![1]);
        Ok(())
    }),
    ("feed entry", "entries and records do not agree", |tx| {
        tx.put(KeyId::NODE, Table::Feed.key_u64(9_999), vec![1]);
        Ok(())
    }),
    ("past version", "entries and records do not agree", |tx| {
        tx.put(KeyId::NODE, Table::Past.key_u64(9_999), vec![1]);
        Ok(())
    }),
    ("audit entry", "entries are missing", |tx| {
        tx.put(KeyId::NODE, Table::Audit.key_u64(9_999), vec![1]);
        Ok(())
    }),
    ("quarantine entry", "the number of entries does not agree", |tx| {
        tx.put(KeyId::NODE, Table::Quarantine.key(&[&[5; 16]]), vec![1]);
        Ok(())
    }),
];

#[test]
fn whatever_does_not_agree_is_told_in_its_words() {
    for (at, (place, what, wrong)) in WRONG.iter().enumerate() {
        let store = furnish(Arc::new(MemoryKv::new()), 7, 1);
        assert!(store.verify().unwrap().is_whole());
        store.core.transact::<_, StoreError>(1, *wrong).unwrap();
        let report = store.verify().unwrap();
        let told = report
            .listed
            .iter()
            .any(|problem| problem.place == *place && problem.what == *what);
        assert!(told, "{at}, {place}: {what}: {:?}", report.listed);
        assert!(!report.is_whole());
    }
}
