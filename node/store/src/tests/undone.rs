//! Work that breaks half-way leaves nothing: whichever read fails, or panics, under whichever write.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use crate::{
    kv::{Batch, KeyRange, Kv, KvError, Pair},
    testing::*,
    *,
};

/// An engine of which one read fails, or panics, when it is told to.
#[derive(Default)]
struct Breaking {
    inner: MemoryKv,
    /// Reads until the one that breaks; nothing breaks at 0.
    reads: AtomicUsize,
    panics: AtomicBool,
}

impl Breaking {
    fn read(&self) -> Result<(), KvError> {
        let left = self
            .reads
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if left != Ok(1) {
            return Ok(());
        }
        if self.panics.load(SeqCst) {
            panic!("a page broke");
        }
        Err(KvError::Io("a page broke".to_owned()))
    }
}

impl Kv for Breaking {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.read()?;
        self.inner.get(key)
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        self.read()?;
        self.inner.scan(range, limit)
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        self.inner.apply(batch)
    }

    fn sync(&self) -> Result<(), KvError> {
        self.inner.sync()
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }
}

fn patient(id: &str, family: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}]}}"#
    )))
}

fn observation(id: &str, patient: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/{patient}"}}}}"#
    )))
}

/// Made anew, changed, filed under another, deleted.
fn writes() -> Vec<Write> {
    vec![
        patient("new", "Mamani"),
        patient("held", "Flores"),
        observation("held", "other"),
        Write::Delete {
            key: key("Patient/gone"),
            base: Base::Current,
        },
        observation("new", "held"),
    ]
}

fn store(panics: bool) -> (Arc<Breaking>, Store) {
    let kv = Arc::new(Breaking::default());
    kv.panics.store(panics, SeqCst);
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    let all = vec![
        patient("held", "Quispe"),
        patient("gone", "Quispe"),
        observation("held", "held"),
    ];
    store.commit(&ctx(), all).unwrap();
    (kv, store)
}

/// What is seen of each of [`writes`], as it was and as it should be.
fn seen(store: &Store) -> Vec<bool> {
    let read = |id: &str| store.read(&ctx(), &key(id)).unwrap();
    let family = |id: &str| {
        let json = read(id)?.json;
        Some(json.pointer("/name/0/family")?.as_str()?.to_owned())
    };
    let subject = read("Observation/held").unwrap().json;
    let subject = subject.pointer("/subject/reference").unwrap().as_str();
    vec![
        family("Patient/new").as_deref() == Some("Mamani"),
        family("Patient/held").as_deref() == Some("Flores"),
        subject == Some("Patient/other"),
        read("Patient/gone").unwrap().deleted,
        read("Observation/new").is_some(),
    ]
}

fn assert_whole(store: &Store, what: &str) {
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{what}: {report:?}");
}

/// Runs `work` with every read broken in turn, until it needs no more reads than that. `check` looks
/// at what it answered.
fn each_read(
    panics: bool,
    work: impl Fn(&Store) -> Option<Vec<bool>>,
    check: impl Fn(&Store, &[bool], &str),
) {
    let mut broke = 0;
    for at in 1..500 {
        let (kv, store) = store(panics);
        let what = format!("read {at}, panics: {panics}");
        kv.reads.store(at, SeqCst);
        let results = catch_unwind(AssertUnwindSafe(|| work(&store))).unwrap_or(None);
        let untouched = kv.reads.swap(0, SeqCst) > 0;
        let done = seen(&store);
        let results = results.unwrap_or(vec![false; done.len()]);
        assert_eq!(done, results, "{what}: what was answered is not what is there");
        check(&store, &results, &what);
        broke += usize::from(results.contains(&false));
        assert_whole(&store, &what);
        // And the store goes on.
        store.commit(&ctx(), vec![patient("later", "Rojas")]).unwrap();
        assert_whole(&store, &what);
        if untouched {
            assert!(broke > 1, "only {broke} reads mattered");
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_commit_of_which_a_read_fails_leaves_nothing() {
    for panics in [false, true] {
        let commit = |store: &Store| {
            let done = store.commit(&ctx(), writes());
            done.ok().map(|written| vec![true; written.len()])
        };
        each_read(panics, commit, |_, _, _| {});
    }
}

#[test]
fn a_bulk_write_of_which_a_read_fails_leaves_nothing_and_the_others_are_there() {
    for panics in [false, true] {
        let bulk = |store: &Store| {
            let results = store.commit_bulk(&ctx(), writes());
            Some(results.iter().map(Result::is_ok).collect())
        };
        each_read(panics, bulk, |store, done, what| {
            assert!(
                done.iter().filter(|done| !**done).count() <= 1,
                "{what}: {done:?}"
            );
            // Entered is what was done, and no more.
            let entered = store.audit_list(None, 100).unwrap().entries;
            let entered: usize = entered.iter().map(|entry| entry.targets.len()).sum();
            assert_eq!(entered, 3 + done.iter().filter(|done| **done).count(), "{what}");
        });
    }
}

#[test]
fn a_peer_s_batch_of_which_a_read_fails_leaves_nothing_and_its_cursor_stays() {
    let (other, _) = memory_store(2);
    sync(&store(false).1, &other);
    other.commit(&ctx(), writes()).unwrap();
    let peer = other.identity().unwrap().node;
    let feed = other.feed(0, 1_000).unwrap().into_iter();
    let batch: Vec<_> = feed
        .map(|entry| (entry.key.clone(), other.signed_changes(&entry.key).unwrap()))
        .collect();
    for panics in [false, true] {
        let apply = |store: &Store| {
            let cursor = CursorUpdate {
                peer,
                value: b"beyond".to_vec(),
            };
            let applied = store.apply_remote(&ctx(), &peer, batch.clone(), Some(cursor));
            applied.ok().map(|_| vec![true; 5])
        };
        each_read(panics, apply, |store, done, what| {
            let stands = store.cursor(&peer).unwrap().is_some();
            assert_eq!(stands, done[0], "{what}: cursor and data are one");
        });
    }
}

#[test]
fn of_a_refused_bulk_write_nothing_stays_in_what_is_derived() {
    let (store, _) = memory_store(1);
    let all = |value: &str| {
        vec![
            observation("a", value),
            observation("b", value),
            observation("c", value),
        ]
    };
    store.commit(&ctx(), all("p")).unwrap();
    let refused = [
        Write::Delete {
            key: key("Observation/none"),
            base: Base::Current,
        },
        Write::Put {
            key: key("Observation/a"),
            json: json(r#"{"resourceType":"Observation","id":"another"}"#),
            base: Base::Current,
            resolution: false,
        },
        Write::Put {
            key: key("Observation/a"),
            json: json(r#"{"resourceType":"Observation","id":"a"}"#),
            base: Base::Absent,
            resolution: false,
        },
    ];
    let before = (store.position(), store.stats().unwrap());
    for write in refused {
        let results = store.commit_bulk(&ctx(), vec![write]);
        assert!(
            matches!(results[0], Err(CommitError::Refused { .. })),
            "{results:?}"
        );
    }
    let after = store.stats().unwrap();
    assert_eq!(before.0, store.position());
    assert_eq!(
        (before.1.records, before.1.deleted),
        (after.records, after.deleted)
    );
    assert_whole(&store, "after refusals");
}

#[test]
fn what_was_refused_of_a_bulk_is_seen_by_none_that_follow_in_it() {
    let (store, _) = memory_store(1);
    let conditional = |id: &str| Write::Create {
        json: json(&format!(
            r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"Quispe"}}]}}"#
        )),
        if_none_exist: Some(query("Patient", "family=Quispe").into()),
    };
    let results = store.commit_bulk(
        &ctx(),
        vec![
            Write::Put {
                key: key("Patient/a"),
                json: json(r#"{"resourceType":"Patient","id":"a","name":[{"family":"Quispe"}]}"#),
                base: Base::Present,
                resolution: false,
            },
            conditional("b"),
            conditional("c"),
        ],
    );
    assert!(results[0].is_err());
    assert!(results[1].as_ref().unwrap().created);
    assert_eq!(results[2].as_ref().unwrap().key, key("Patient/b"));
    assert!(results[2].as_ref().unwrap().unchanged);
}

#[test]
fn a_panic_of_one_takes_none_with_it_that_is_written_together_with_it() {
    let (kv, store) = store(true);
    std::thread::scope(|scope| {
        let writer = store.core.hold();
        let store = &store;
        let breaking = scope.spawn(move || {
            store.core.transact(1, |tx| -> Result<(), StoreError> {
                tx.put(crate::seal::KeyId::NODE, b"\x50half".to_vec(), b"half".to_vec());
                tx.state.records += 7;
                tx.written.push((key("Basic/half"), [0; 16]));
                panic!("half-way")
            })
        });
        let wait_for = |count: usize| {
            let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while store.core.waiting_count() < count {
                assert!(std::time::Instant::now() < until);
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        };
        wait_for(1);
        let good = scope.spawn(move || store.commit(&ctx(), vec![patient("good", "Rojas")]));
        wait_for(2);
        drop(writer);
        assert_eq!(breaking.join().unwrap(), Err(StoreError::Damaged("operation")));
        good.join().unwrap().unwrap();
    });
    assert_eq!(kv.inner.get(b"\x50half").unwrap(), None);
    assert!(store.contains(&key("Patient/good")).unwrap());
    assert_whole(&store, "beside a panic");
}

/// What stands when a group begins is no answer to a write that comes later in it.
#[test]
fn a_write_that_puts_back_what_an_earlier_one_of_its_group_changed_is_made() {
    let (store, _) = memory_store(1);
    let basic = |language: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Basic","id":"b","language":"{language}"}}"#
        )))
    };
    store.commit(&ctx(), vec![basic("one")]).unwrap();
    let written = store.commit_bulk(&ctx(), ["two", "one", "one", "two", "one"].map(basic).into());
    let unchanged: Vec<bool> = written
        .iter()
        .map(|one| one.as_ref().unwrap().unchanged)
        .collect();
    assert_eq!(unchanged, [false, false, true, false, false]);
    let shown = store.read_raw(&key("Basic/b")).unwrap().unwrap();
    assert_eq!(
        shown.get("language").and_then(chaski_json::Json::as_str),
        Some("one")
    );
    assert_eq!(store.signed_changes(&key("Basic/b")).unwrap().len(), 5);
    assert!(store.verify().unwrap().is_whole());
}
