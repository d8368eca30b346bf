//! A document that somebody with an older copy of the disk put back is not given out, and is told by name.

use std::{
    path::Path,
    sync::{Arc, Mutex, atomic::AtomicBool, atomic::Ordering::SeqCst},
};

use crate::{
    kv::{Batch, FaultKv, KeyRange, Kv},
    seal::Prf,
    tables::{Table, meta},
    testing::*,
    *,
};

use super::crash::Watched;

const NAME: &str = "trust/statements";
const DAMAGED: StoreError = StoreError::Damaged("document");

fn open(kv: Arc<dyn Kv>) -> Store {
    Store::open_on(kv, &[7; 32], TestEnv::new(5), options()).unwrap()
}

fn prf(store: &Store, name: &str) -> Prf {
    store.core.sealer.prf("blob", &[name.as_bytes()])
}

fn document(store: &Store, name: &str) -> Vec<u8> {
    Table::Blob.key(&[&prf(store, name)])
}

fn part(store: &Store, name: &str) -> Vec<u8> {
    Table::BlobList.key(&[&prf(store, name)[..1]])
}

fn head() -> Vec<u8> {
    Table::Meta.key(&[meta::DOCUMENTS])
}

/// Puts all rows with one of these prefixes back to what they are in `older`.
fn put_back(kv: &dyn Kv, older: &dyn Kv, prefixes: &[Vec<u8>]) {
    let mut batch = Batch::default();
    for prefix in prefixes {
        let range = KeyRange::prefix(prefix);
        for (row, _) in kv.scan(&range, 1_000).unwrap() {
            batch.remove(row);
        }
        for (row, sealed) in older.scan(&range, 1_000).unwrap() {
            batch.put(row, sealed);
        }
    }
    kv.apply(&batch).unwrap();
}

fn told(store: &Store) -> Vec<String> {
    let report = store.verify().unwrap();
    let tell = |problem: &doctor::Problem| format!("{}: {}", problem.place, problem.what);
    report.listed.iter().map(tell).collect()
}

/// What each document was at two moments: changed, grown, shrunk, gone, new, the same.
fn moments() -> (MemoryKv, Arc<MemoryKv>) {
    let kv = Arc::new(MemoryKv::new());
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    let put = |name: &str, bytes: &[u8]| store.blob_put(name, bytes).unwrap();
    put(NAME, b"one");
    put("grown", b"one");
    put("shrunk", &[1; 9_000]);
    put("token/gone", b"one");
    put("same", b"one");
    put("written again", b"one");
    let older = kv.duplicate();
    put(NAME, b"two");
    put("grown", &[2; 9_000]);
    put("shrunk", b"two");
    store.blob_remove("token/gone").unwrap();
    put("token/new", b"two");
    put("written again", b"one");
    assert_eq!(told(&store), Vec::<String>::new());
    (older, kv)
}

#[test]
fn each_document_put_back_alone_is_refused_and_told_and_no_other() {
    let (older, kv) = moments();
    let names = open(kv.clone()).blobs("").unwrap();
    assert_eq!(names.len(), 6);
    let again = |name: &str| format!("document: {name}: it is not as it was last written");
    for (name, sentence) in [
        (NAME, again(NAME)),
        ("grown", again("grown")),
        ("shrunk", again("shrunk")),
        ("written again", again("written again")),
        (
            "token/gone",
            "document: token/gone: it was removed, or never written here".to_owned(),
        ),
        (
            "token/new",
            "document: one that was written is missing".to_owned(),
        ),
    ] {
        let copy = Arc::new(kv.duplicate());
        let store = open(copy.clone());
        put_back(&*copy, &older, &[document(&store, name)]);
        let store = open(copy);
        assert_eq!(told(&store), [sentence]);
        assert_eq!(store.blob(name), Err(DAMAGED), "{name}");
        assert_eq!(store.blobs(""), Err(DAMAGED), "{name}");
        let made = store.blob_made(name, Ok::<_, StoreError>);
        assert_eq!(made, Err(DAMAGED), "{name}");
        // It is not written over either: that would make it look whole.
        assert_eq!(store.blob_put(name, b"three"), Err(DAMAGED), "{name}");
        assert_eq!(store.blob_remove(name), Err(DAMAGED), "{name}");
        assert_eq!(store.blob_swap(name, Some(b"one"), None), Err(DAMAGED), "{name}");
        // All others are read and written.
        for (other, value) in names.iter().filter(|(other, _)| other != name) {
            assert_eq!(store.blob(other).unwrap().as_ref(), Some(value), "{name}");
            store.blob_put(other, b"three").unwrap();
        }
        store.blob_put("another", b"three").unwrap();
        assert_eq!(told(&store).len(), 1, "{name}");
    }
    // One that is as it was is as it was.
    let store = open(kv.clone());
    put_back(&*kv, &older, &[document(&store, "same")]);
    assert_eq!(told(&open(kv)), Vec::<String>::new());
}

#[test]
fn a_document_put_back_with_its_part_of_the_list_or_all_of_it_is_told() {
    let (older, kv) = moments();
    let store = open(kv.clone());
    let (rows, list) = (document(&store, NAME), Table::BlobList.prefix().to_vec());
    let of_list = |what: &str| format!("list of documents: {what} is not as it was last written");
    for (prefixes, sentence) in [
        (vec![rows.clone(), part(&store, NAME)], "a part of it"),
        (vec![rows, part(&store, NAME), head()], "it"),
        (vec![Table::Blob.prefix().to_vec(), list.clone(), head()], "it"),
        (vec![head()], "it"),
    ] {
        let copy = Arc::new(kv.duplicate());
        put_back(&*copy, &older, &prefixes);
        let store = open(copy);
        assert!(told(&store).contains(&of_list(sentence)), "{:?}", told(&store));
        let refused = Err(StoreError::Damaged("list of documents"));
        assert_eq!(store.blob(NAME), refused);
        assert_eq!(
            store.blob_put(NAME, b"three"),
            refused.map(|_: Option<Vec<u8>>| ())
        );
    }
    // Gone altogether.
    let copy = Arc::new(kv.duplicate());
    let all = [Table::Blob.prefix().to_vec(), list, head()];
    put_back(&*copy, &MemoryKv::new(), &all);
    let store = open(copy);
    assert_eq!(told(&store), [of_list("it")]);
    assert!(store.blob(NAME).is_err() && store.blob("none").is_err());
}

#[test]
fn nothing_seems_damaged_while_others_write() {
    let (store, _) = memory_store(1);
    let names: Vec<String> = (0..20).map(|n| format!("n{n}")).collect();
    for name in &names {
        store.blob_put(name, b"begun").unwrap();
    }
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(SeqCst) {
                    for name in &names {
                        assert!(store.blob(name).unwrap().is_some());
                    }
                    assert_eq!(store.blobs("n").unwrap().len(), names.len());
                }
            });
        }
        for round in 0..100_usize {
            let value = vec![1; round * 100];
            let both = [0, 7].map(|by| (names[(round + by) % 20].clone(), Some(value.clone())));
            store.blobs_put(&both).unwrap();
            store.blob_put("other", &value).unwrap();
            store.blob_remove("other").unwrap();
        }
        is_done.store(true, SeqCst);
    });
    assert_eq!(told(&store), Vec::<String>::new());
}

#[test]
fn documents_and_their_list_agree_after_any_power_cut_and_any_failed_write() {
    let watched = Arc::new(Watched {
        kv: FaultKv::new(),
        shots: Mutex::default(),
        acknowledged: Mutex::new(0),
        seed: Mutex::new(11),
    });
    let store = store_on(watched.clone(), 1, TestEnv::new(1));
    watched.shots.lock().unwrap().clear();
    for round in 0..12_usize {
        let name = format!("n{}", round % 5);
        match round % 4 {
            3 => store.blob_remove(&name).unwrap(),
            _ => store.blob_put(&name, &vec![1; round * 1_000]).unwrap(),
        }
    }
    let shots = std::mem::take(&mut *watched.shots.lock().unwrap());
    for (at, (kv, _)) in shots.into_iter().enumerate() {
        let store = open(Arc::new(kv));
        assert_eq!(told(&store), Vec::<String>::new(), "shot {at}");
        for (name, value) in store.blobs("").unwrap() {
            assert_eq!(store.blob(&name).unwrap(), Some(value), "shot {at}");
        }
    }
    let before = store.blobs("").unwrap();
    watched.kv.full(true);
    assert_eq!(store.blob_put("n1", b"x"), Err(StoreError::DiskFull));
    assert_eq!(store.blobs("").unwrap(), before);
    watched.kv.full(false);
    store.blob_put("n1", b"x").unwrap();
    assert_eq!(store.blob("n1").unwrap().as_deref(), Some(b"x".as_slice()));
    // What became of the last one nobody knows; what is there is read.
    watched.kv.sync_error_after(Some(0));
    assert!(store.blob_put("n1", b"y").is_err());
    watched.kv.sync_error_after(None);
    assert!(store.blob("n1").unwrap().is_some());
}

#[test]
fn a_rebuild_tells_of_what_was_put_back_and_makes_the_list_anew() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let unlock = Unlock::Raw([4; 32]);
    let made = Store::create(&dir, &unlock, TestEnv::new(1), options()).unwrap();
    let store = made.store.clone();
    drop(made);
    store.identity_set(&identity(1)).unwrap();
    store.blob_put(NAME, b"one").unwrap();
    store.blob_put("token/gone", b"one").unwrap();
    let rows = |store: &Store| [NAME, "token/gone"].map(|name| document(store, name));
    let older = MemoryKv::new();
    let mut batch = Batch::default();
    for prefix in rows(&store) {
        for (row, sealed) in store.core.kv.scan(&KeyRange::prefix(&prefix), 10).unwrap() {
            batch.put(row, sealed);
        }
    }
    older.apply(&batch).unwrap();
    store.blob_put(NAME, b"two").unwrap();
    store.blob_remove("token/gone").unwrap();
    put_back(&*store.core.kv, &older, &rows(&store));
    drop(store);
    let examine = |dir: &Path| doctor::examine(dir, &unlock, TestEnv::new(2), options()).unwrap();
    assert_eq!(examine(&dir).problems, 2);
    let report = doctor::rebuild(&dir, &unlock, TestEnv::new(3), options()).unwrap();
    assert_eq!(report.problems, 2, "{report:?}");
    let named = |name: &str| report.listed.iter().any(|problem| problem.what.starts_with(name));
    assert!(named(NAME) && named("token/gone"), "{report:?}");
    assert!(examine(&dir).is_whole());
    let store = Store::open(&dir, &unlock, TestEnv::new(4), options()).unwrap();
    assert_eq!(store.blob(NAME).unwrap().as_deref(), Some(b"one".as_slice()));
}
