//! A doctor tells all it finds, and a rebuilt store has all that was whole, in its order, and nothing else.

use std::{fs, path::Path};

use crate::{
    doctor::{Problem, Report},
    kv::{Batch, KeyRange},
    row,
    tables::Table,
    testing::*,
    *,
};

use super::{
    peers::{apply, basic},
    told::{change, forge},
};

fn unlock() -> Unlock {
    Unlock::Raw([4; 32])
}

fn create(dir: &Path) -> Store {
    let made = Store::create(dir, &unlock(), TestEnv::new(1), options()).unwrap();
    made.store.identity_set(&identity(1)).unwrap();
    made.store.clone()
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &unlock(), TestEnv::new(2), options()).unwrap()
}

fn rebuild(dir: &Path) -> Report {
    doctor::rebuild(dir, &unlock(), TestEnv::new(3), options()).unwrap()
}

fn examine(dir: &Path) -> Report {
    doctor::examine(dir, &unlock(), TestEnv::new(4), options()).unwrap()
}

fn rows(store: &Store, table: Table) -> Vec<Vec<u8>> {
    let found = store.core.kv.scan(&KeyRange::prefix(&table.prefix()), 10_000);
    found.unwrap().into_iter().map(|(row, _)| row).collect()
}

/// As a bad sector would, below the seal.
fn spoil(store: &Store, row: &[u8]) {
    let mut sealed = store.core.kv.get(row).unwrap().unwrap();
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    let mut batch = Batch::default();
    batch.put(row.to_vec(), sealed);
    store.core.kv.apply(&batch).unwrap();
}

fn read_entry(store: &Store, id: &str) {
    let event = AuditEvent {
        action: "record_read".into(),
        target: Some(key(id)),
        outcome: Outcome::Ok,
        durable: false,
    };
    store.audit(&ctx(), &event).unwrap();
}

/// What the log says, oldest first.
fn log(store: &Store) -> Vec<(String, Vec<RecordKey>, u64)> {
    let mut entries = store.audit_list(None, 10_000).unwrap().entries;
    entries.reverse();
    let tell = |entry: AuditEntry| (entry.action, entry.targets, entry.time_ms);
    entries.into_iter().map(tell).collect()
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy_dir(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// A store with more of each than is copied at once.
fn large(dir: &Path) -> Store {
    let store = create(dir);
    let all = (0..450).map(|n| put(basic(&format!("b{n:03}"), "one"))).collect();
    for result in store.commit_bulk(&ctx(), all) {
        result.unwrap();
    }
    for n in 0..450 {
        read_entry(&store, &format!("Basic/b{n:03}"));
    }
    store.audit_flush().unwrap();
    for n in 0..4 {
        let mut forged = store.signed_changes(&key(&format!("Basic/b00{n}"))).unwrap();
        forged[0].signature[0] ^= 1;
        apply(&store, &format!("Basic/b00{n}"), forged);
    }
    for n in 0..230 {
        store.blob_put(&format!("token/{n:03}"), &[n as u8; 10]).unwrap();
    }
    store.blob_put("trust/set", &vec![7; 9_000]).unwrap();
    store
}

#[test]
fn a_rebuild_tells_what_it_could_not_save_and_keeps_all_else_in_its_order() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let store = large(&dir);
    let (mut entries, mut documents) = (log(&store), store.blobs("").unwrap());
    let audit = rows(&store, Table::Audit);
    // One in the middle, and two that follow one another.
    for at in [100, 300, 301] {
        spoil(&store, &audit[at]);
    }
    for at in [301, 300, 100] {
        entries.remove(at);
    }
    let token = Table::Blob.key(&[&store.core.sealer.prf("blob", &[b"token/007"]), &[0, 0]]);
    spoil(&store, &token);
    // Of a document in three pieces one is lost, and with it the others.
    let piece = Table::Blob.key(&[&store.core.sealer.prf("blob", &[b"trust/set"]), &[0, 1]]);
    spoil(&store, &piece);
    documents.retain(|(name, _)| name != "token/007" && name != "trust/set");
    spoil(&store, &rows(&store, Table::Quarantine)[1]);
    let mut record = row::record_row(&row::record_prf(&store.core.sealer, &key("Basic/b123")));
    record.extend([0, 0]);
    spoil(&store, &record);
    drop(store);
    assert!(!examine(&dir).is_whole());
    let report = rebuild(&dir);
    assert_eq!(
        (report.rebuilt, report.records, report.damaged),
        (Some(449), 450, 1)
    );
    let told = |problem: &Problem| (problem.place.clone(), problem.what.clone());
    let mut told: Vec<_> = report.listed.iter().map(told).collect();
    told.sort();
    let row = |place: &str| (place.to_owned(), "a row could not be saved".to_owned());
    let lost = ("record".to_owned(), "it could not be saved".to_owned());
    let wanted = [
        row("audit entry"),
        row("audit entry"),
        row("audit entry"),
        row("document"),
        row("document"),
        row("document"),
        row("document"),
        row("quarantine entry"),
        lost,
    ];
    assert_eq!(told, wanted);
    assert_eq!(report.problems, 9);
    assert!(!report.is_whole());
    let store = open(&dir);
    let whole = store.verify().unwrap();
    assert!(whole.is_whole(), "{whole:?}");
    assert_eq!(store.blobs("").unwrap(), documents);
    assert_eq!(
        (store.quarantined_count(), store.quarantine(10).unwrap().len()),
        (3, 3)
    );
    assert_eq!(store.keys().unwrap().len(), 449);
    // What is entered from now on stands behind all that is there, and over none of it.
    let before = log(&store);
    assert_eq!(before[..entries.len()], entries);
    for n in 0..3 {
        store
            .commit(&ctx(), vec![put(basic(&format!("new{n}"), "one"))])
            .unwrap();
        let after = log(&store);
        assert_eq!(after.len(), before.len() + n + 1);
        assert_eq!(after[..before.len()], before);
    }
    assert!(store.verify().unwrap().is_whole());
}

#[test]
fn a_record_that_is_not_whole_is_told_as_not_saved_whatever_is_wrong_with_it() {
    type Break = fn(&Store, &RecordKey, &[u8]);
    let ways: [(&str, Break); 4] = [
        ("a piece does not open", |store, _, row| {
            spoil(store, &[row, &[0, 1]].concat())
        }),
        ("a piece is gone", |store, _, row| {
            let mut batch = Batch::default();
            batch.remove([row, &[0, 1]].concat());
            store.core.kv.apply(&batch).unwrap();
        }),
        ("a signature is not good", |store, of, _| {
            let of = of.clone();
            let work = move |tx: &mut crate::tx::Tx<'_>| change(tx, &of, &of, forge);
            store.core.transact(1, work).unwrap();
        }),
        ("it lies in another's place", |store, of, _| {
            let of = of.clone();
            let work = move |tx: &mut crate::tx::Tx<'_>| change(tx, &of, &key("Basic/none"), |_| {});
            store.core.transact(1, work).unwrap();
        }),
    ];
    for (what, spoil) in ways {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        let store = create(&dir);
        let mut text = String::new();
        for n in 0..3_000u32 {
            text.push_str(&crate::hex::encode(&n.wrapping_mul(2_654_435_761).to_be_bytes()));
        }
        let all = vec![
            put(basic("a", "x")),
            put(basic("long", &text)),
            put(basic("z", "x")),
        ];
        store.commit(&ctx(), all).unwrap();
        let of = key("Basic/long");
        let row = row::record_row(&row::record_prf(&store.core.sealer, &of));
        spoil(&store, &of, &row);
        drop(store);
        assert!(!examine(&dir).is_whole(), "{what}");
        let report = rebuild(&dir);
        let is_untold = !report
            .listed
            .iter()
            .any(|problem| problem.what == "it could not be saved");
        assert!(!report.is_whole() && !is_untold, "{what}: {report:?}");
        assert_eq!(report.damaged, 1, "{what}: {report:?}");
        let store = open(&dir);
        // Its row in its own place may be whole beside another one.
        let saved = store.keys().unwrap().len() as u64;
        assert_eq!(report.rebuilt, Some(saved), "{what}");
        assert!(saved == 2 || what == "it lies in another's place", "{what}");
        assert!(store.verify().unwrap().is_whole(), "{what}");
    }
}

#[test]
fn what_a_rebuild_that_was_cut_off_left_is_no_part_of_the_next() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let store = create(&dir);
    store.commit(&ctx(), vec![put(basic("old", "x"))]).unwrap();
    drop(store);
    copy_dir(&dir.join("db"), &dir.join("chaski.rebuilding"));
    let store = open(&dir);
    store.commit(&ctx(), vec![put(basic("new", "x"))]).unwrap();
    let entries = log(&store);
    drop(store);
    let report = rebuild(&dir);
    assert_eq!((report.rebuilt, report.problems), (Some(2), 0), "{report:?}");
    assert!(!dir.join("chaski.rebuilding").exists());
    let store = open(&dir);
    assert_eq!(store.keys().unwrap(), [key("Basic/new"), key("Basic/old")]);
    assert_eq!(log(&store)[..entries.len()], entries);
    assert_eq!(log(&store).len(), entries.len() + 1, "the rebuild itself");
}

#[test]
fn a_database_put_back_to_an_earlier_moment_is_told_until_it_is_rebuilt() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    drop(create(&dir));
    let earlier = root.path().join("earlier");
    copy_dir(&dir.join("db"), &earlier);
    // One document more and no record: each row of the earlier one is as it once was.
    let store = open(&dir);
    store.blob_put("trust/set", b"revoked").unwrap();
    drop(store);
    assert!(examine(&dir).is_whole());
    fs::remove_dir_all(dir.join("db")).unwrap();
    copy_dir(&earlier, &dir.join("db"));
    let told = |report: Report| {
        let named: Vec<_> = report
            .listed
            .iter()
            .map(|problem| problem.place.clone())
            .collect();
        assert_eq!((named, report.problems), (vec!["db".to_owned()], 1));
    };
    told(examine(&dir));
    // Once more: it stays on record, is told once however often it is done, and a rebuild tells it too.
    told(examine(&dir));
    fs::remove_dir_all(dir.join("db")).unwrap();
    copy_dir(&earlier, &dir.join("db"));
    told(examine(&dir));
    told(rebuild(&dir));
    assert!(examine(&dir).is_whole());
}

#[test]
fn a_rebuild_that_is_the_first_to_look_tells_that_a_database_was_put_back() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    drop(create(&dir));
    let earlier = root.path().join("earlier");
    copy_dir(&dir.join("db"), &earlier);
    let store = open(&dir);
    store.blob_put("trust/set", b"revoked").unwrap();
    drop(store);
    fs::remove_dir_all(dir.join("db")).unwrap();
    copy_dir(&earlier, &dir.join("db"));
    let report = rebuild(&dir);
    assert_eq!(
        (report.listed[0].place.as_str(), report.problems),
        ("db", 1),
        "{report:?}"
    );
    assert!(examine(&dir).is_whole());
}

#[test]
fn what_a_closing_left_that_cannot_be_read_does_not_pass_for_nothing() {
    for name in ["closing", "closing.differs", "manifest.mismatch", "manifest"] {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        drop(create(&dir));
        // As a damaged directory entry: it is there and is no file.
        let _ = fs::remove_file(dir.join(name));
        fs::create_dir(dir.join(name)).unwrap();
        let opened = Store::open(&dir, &unlock(), TestEnv::new(2), options());
        assert!(matches!(opened, Err(OpenError::Io(_))), "{name}: {opened:?}");
        assert!(dir.join(name).exists());
    }
}

#[test]
fn what_an_earlier_version_had_found_is_told_until_the_store_is_rebuilt() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    drop(create(&dir));
    // Hashes of files that changed since are worth nothing; what was found to differ is.
    fs::write(dir.join("manifest"), "hashes").unwrap();
    drop(open(&dir));
    assert!(!dir.join("manifest").exists());
    assert!(examine(&dir).is_whole());
    fs::write(dir.join("manifest.mismatch"), "db/db").unwrap();
    for _ in 0..2 {
        let report = examine(&dir);
        assert_eq!(report.listed[0].place, "db/db", "{report:?}");
        assert!(!dir.join("manifest.mismatch").exists());
    }
    rebuild(&dir);
    assert!(examine(&dir).is_whole());
}

#[test]
fn a_power_cut_is_not_taken_for_an_edit() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    drop(create(&dir));
    assert!(dir.join("closing").exists());
    let store = open(&dir);
    assert!(!dir.join("closing").exists(), "what it tells is true no more");
    store.commit(&ctx(), vec![put(basic("a", "x"))]).unwrap();
    let copy = root.path().join("copy");
    copy_dir(&dir, &copy);
    let report = examine(&copy);
    assert!(report.is_whole(), "{report:?}");
    assert!(open(&copy).contains(&key("Basic/a")).unwrap());
    assert!(!copy.join("closing.differs").exists());
}

#[test]
fn a_store_that_does_not_open_for_damage_is_told_in_the_report() {
    for what in ["format", "epoch", "state", "identity", "slots"] {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("data");
        let store = create(&dir);
        store.commit(&ctx(), vec![put(basic("a", "x"))]).unwrap();
        if what != "slots" {
            spoil(&store, &Table::Meta.key(&[what.as_bytes()]));
        }
        drop(store);
        if what == "slots" {
            let mut text = fs::read_to_string(dir.join("slots.json")).unwrap();
            text.push('\n');
            fs::write(dir.join("slots.json"), text).unwrap();
        }
        let report = examine(&dir);
        assert_eq!(
            (report.problems, report.is_whole()),
            (1, false),
            "{what}: {report:?}"
        );
        assert_eq!(report.listed[0].place, "store", "{what}");
    }
}

#[test]
fn a_store_that_is_open_or_whose_key_is_another_is_neither_looked_at_nor_rebuilt() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let store = create(&dir);
    store.commit(&ctx(), vec![put(basic("a", "x"))]).unwrap();
    let both = |unlock: &Unlock| {
        let env = TestEnv::new(5);
        [
            doctor::examine(&dir, unlock, env.clone(), options()).unwrap_err(),
            doctor::rebuild(&dir, unlock, env, options()).unwrap_err(),
        ]
    };
    for refused in both(&unlock()) {
        assert!(matches!(refused, OpenError::InUse), "{refused:?}");
    }
    store.commit(&ctx(), vec![put(basic("b", "x"))]).unwrap();
    drop(store);
    for refused in both(&Unlock::Raw([5; 32])) {
        assert!(matches!(refused, OpenError::WrongKey), "{refused:?}");
    }
    // Without who it is, nothing of it could be verified: it is left as it is.
    let store = open(&dir);
    let row = Table::Meta.key(&[crate::tables::meta::IDENTITY]);
    let sealed = store.core.kv.get(&row).unwrap().unwrap();
    spoil(&store, &row);
    drop(store);
    let refused = doctor::rebuild(&dir, &unlock(), TestEnv::new(6), options());
    assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
    let names = fs::read_dir(&dir).unwrap().flatten();
    let aside = names.filter(|name| name.file_name().to_string_lossy().contains("damaged"));
    assert_eq!(aside.count(), 0);
    let kv = SledKv::open(&dir.join("db")).unwrap();
    let mut mend = Batch::default();
    mend.put(row, sealed);
    kv::Kv::apply(&kv, &mend).unwrap();
    kv::Kv::sync(&kv).unwrap();
    drop(kv);
    assert_eq!(open(&dir).keys().unwrap(), [key("Basic/a"), key("Basic/b")]);
}
