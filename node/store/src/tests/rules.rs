//! What must hold before anything is written, what is taken on a disk that is nearly full, and what a
//! clock that lost its time may not do.

use std::sync::{Arc, atomic::Ordering};

use crate::{
    kv::{Batch, FaultKv, Kv, KvError, Precondition},
    testing::*,
    *,
};

fn basic(id: &str, language: &str) -> chaski_json::Json {
    json(&format!(
        r#"{{"resourceType":"Basic","id":"{id}","language":"{language}"}}"#
    ))
}

fn delete(text: &str) -> Write {
    Write::Delete {
        key: key(text),
        base: Base::Current,
    }
}

/// What became of a write, in a word.
fn became(result: Result<Vec<Written>, CommitError>) -> &'static str {
    match result {
        Ok(written) if written[0].unchanged => "unchanged",
        Ok(written) if written[0].created => "created",
        Ok(_) => "changed",
        Err(CommitError::Refused { refusal, .. }) => match refusal {
            Refusal::NotFound => "not found",
            Refusal::Exists => "exists",
            Refusal::VersionMismatch { .. } => "mismatch",
            Refusal::UnknownVersion => "unknown version",
            other => panic!("{other:?}"),
        },
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_write_is_made_only_against_what_it_says_it_read() {
    let absent = VersionId::of(&[]);
    // Of a record that never was, is there, is there in its second version, and is deleted.
    let states = |at: usize| {
        let (store, _) = memory_store(1);
        let mut versions = vec![absent.clone()];
        let write = |write| store.commit(&ctx(), vec![write]).unwrap()[0].version.clone();
        if at > 0 {
            versions.push(write(put(basic("a", "one"))));
        }
        if at > 1 {
            versions.push(write(put(basic("a", "two"))));
        }
        if at > 2 {
            versions.push(write(delete("Basic/a")));
        }
        (store, versions)
    };
    let table = [
        ("put current", ["created", "changed", "changed", "created"]),
        ("put absent", ["created", "exists", "exists", "created"]),
        ("put present", ["mismatch", "changed", "changed", "mismatch"]),
        ("put if last", ["mismatch", "changed", "changed", "created"]),
        ("put if first", ["mismatch", "changed", "mismatch", "mismatch"]),
        ("put if other", ["mismatch", "mismatch", "mismatch", "mismatch"]),
        (
            "put on other",
            [
                "unknown version",
                "unknown version",
                "unknown version",
                "unknown version",
            ],
        ),
        (
            "put on first",
            ["unknown version", "changed", "changed", "created"],
        ),
        ("create", ["created", "exists", "exists", "created"]),
        ("delete current", ["not found", "changed", "changed", "unchanged"]),
        ("delete if last", ["not found", "changed", "changed", "unchanged"]),
        (
            "delete if first",
            ["not found", "changed", "mismatch", "mismatch"],
        ),
        (
            "delete if other",
            ["not found", "mismatch", "mismatch", "mismatch"],
        ),
        ("delete present", ["not found", "changed", "changed", "unchanged"]),
    ];
    let other = VersionId::of(&[chaski_crdt::change::ChangeHash([1; 32])]);
    for (what, wanted) in table {
        for (at, wanted) in wanted.into_iter().enumerate() {
            let (store, versions) = states(at);
            let first = versions.get(1).unwrap_or(&other).clone();
            let (verb, base) = what.split_once(' ').unwrap_or((what, "current"));
            let base = match base {
                "current" => Base::Current,
                "absent" => Base::Absent,
                "present" => Base::Present,
                "if last" => Base::IfMatch(versions.last().unwrap().clone()),
                "if first" => Base::IfMatch(first),
                "if other" => Base::IfMatch(other.clone()),
                "on other" => Base::Version(other.clone()),
                "on first" => Base::Version(first),
                base => panic!("{base}"),
            };
            let write = match verb {
                "put" => Write::Put {
                    key: key("Basic/a"),
                    json: basic("a", "three"),
                    base,
                    resolution: false,
                },
                "create" => Write::Create {
                    json: basic("a", "three"),
                    if_none_exist: None,
                },
                _ => Write::Delete {
                    key: key("Basic/a"),
                    base,
                },
            };
            let before = (store.position(), store.read(&ctx(), &key("Basic/a")).unwrap());
            let became = became(store.commit(&ctx(), vec![write]));
            assert_eq!(became, wanted, "{what} in state {at}");
            if !matches!(became, "created" | "changed") {
                let after = (store.position(), store.read(&ctx(), &key("Basic/a")).unwrap());
                assert_eq!(before, after, "{what} in state {at}");
            }
        }
    }
}

#[test]
fn engines_apply_a_batch_only_if_all_it_asks_for_holds() {
    let dir = tempfile::tempdir().unwrap();
    let engines: [Box<dyn Kv>; 3] = [
        Box::new(MemoryKv::new()),
        Box::new(FaultKv::new()),
        Box::new(SledKv::open(dir.path()).unwrap()),
    ];
    let holds = |key: &str, value: Option<&str>| Precondition {
        key: key.as_bytes().to_vec(),
        value: value.map(|value| value.as_bytes().to_vec()),
    };
    for kv in engines {
        let mut first = Batch::default();
        first.put(b"held".to_vec(), b"a".to_vec());
        kv.apply(&first).unwrap();
        let mut round = 0u32;
        let mut applied = |preconditions: Vec<Precondition>| {
            round += 1;
            let mut batch = Batch {
                preconditions,
                ..Batch::default()
            };
            batch.put(round.to_be_bytes().to_vec(), b"x".to_vec());
            let result = kv.apply(&batch);
            let is_there = kv.get(&round.to_be_bytes()).unwrap().is_some();
            assert_eq!(is_there, result.is_ok());
            assert!(matches!(result, Ok(()) | Err(KvError::Precondition)));
            is_there
        };
        assert!(applied(vec![holds("held", Some("a")), holds("none", None)]));
        assert!(!applied(vec![holds("held", Some("b"))]));
        assert!(!applied(vec![holds("held", None)]));
        assert!(!applied(vec![holds("none", Some("a"))]));
        assert!(!applied(vec![holds("held", Some("a")), holds("none", Some(""))]));
        assert!(!applied(vec![holds("none", None), holds("held", Some("aa"))]));
    }
}

#[test]
fn two_that_have_one_database_open_do_not_write_over_one_another() {
    let kv = Arc::new(MemoryKv::new());
    let one = store_on(kv.clone(), 1, TestEnv::new(1));
    let other = Store::open_on(kv.clone(), &[7; 32], TestEnv::new(2), options()).unwrap();
    one.commit(&ctx(), vec![put(basic("a", "one"))]).unwrap();
    // It does not know of that, so it must not count on from what it knows.
    let refused = other.commit(&ctx(), vec![put(basic("b", "two"))]);
    assert_eq!(
        refused,
        Err(CommitError::Store(StoreError::Storage(KvError::Precondition)))
    );
    assert!(other.blob_put("a", b"b").is_err());
    one.commit(&ctx(), vec![put(basic("c", "one"))]).unwrap();
    let after = Store::open_on(kv, &[7; 32], TestEnv::new(3), options()).unwrap();
    assert_eq!(after.keys().unwrap().len(), 2);
    assert!(after.verify().unwrap().is_whole());
}

#[test]
fn of_many_who_race_for_one_ticket_one_gets_it() {
    let (store, _) = memory_store(1);
    store.blob_put("ticket", b"unused").unwrap();
    let results = std::thread::scope(|scope| {
        let writer = store.core.hold();
        let all = [0u8, 1, 2, 3, 4].map(|n| {
            let store = &store;
            scope.spawn(move || (n, store.blob_swap("ticket", Some(b"unused"), Some(&[n]))))
        });
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while store.core.waiting_count() < all.len() {
            assert!(std::time::Instant::now() < until, "they never waited together");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        drop(writer);
        all.map(|one| one.join().unwrap())
    });
    let won: Vec<_> = results.iter().filter(|(_, result)| result.is_ok()).collect();
    assert_eq!(won.len(), 1, "{results:?}");
    assert_eq!(store.blob("ticket").unwrap(), Some(vec![won[0].0]));
    let lost = |result: &Result<(), StoreError>| *result == Err(StoreError::Changed);
    assert_eq!(results.iter().filter(|(_, result)| lost(result)).count(), 4);
    assert_eq!(
        store.blob_swap("none", Some(b"x"), Some(b"y")),
        Err(StoreError::Changed)
    );
    assert_eq!(
        store.blob_swap("ticket", None, Some(b"y")),
        Err(StoreError::Changed)
    );
    assert_eq!(store.blob("none").unwrap(), None);
}

#[test]
fn what_is_beyond_its_bound_is_refused_whole() {
    let (store, _) = memory_store(1);
    let too_large = Err(StoreError::TooLarge("a document"));
    store.blob_put("large", &vec![1; BLOB_BYTES_MAX]).unwrap();
    assert_eq!(store.blob_put("larger", &vec![1; BLOB_BYTES_MAX + 1]), too_large);
    assert_eq!(
        store.blob_put(&"n".repeat(BLOB_NAME_BYTES_MAX + 1), b"x"),
        too_large
    );
    store.blob_put(&"n".repeat(BLOB_NAME_BYTES_MAX), b"x").unwrap();
    let both = [
        ("one".to_owned(), Some(vec![1])),
        ("two".to_owned(), Some(vec![1; BLOB_BYTES_MAX + 1])),
    ];
    assert_eq!(store.blobs_put(&both), too_large);
    assert_eq!(store.blob("one").unwrap(), None, "half of what belongs together");
    let many = (0..=COMMIT_WRITES_MAX)
        .map(|n| put(basic(&format!("b{n}"), "x")))
        .collect();
    assert!(matches!(
        store.commit(&ctx(), many),
        Err(CommitError::TooMany { .. })
    ));
    let long = put(basic("long", &"x".repeat(9 * 1024 * 1024)));
    assert!(matches!(
        store.commit(&ctx(), vec![long]),
        Err(CommitError::Refused {
            refusal: Refusal::TooLarge,
            ..
        })
    ));
    // A cursor that cannot be kept keeps the batch out it stands for.
    let (peer, _) = memory_store(2);
    peer.commit(&ctx(), vec![put(basic("sent", "x"))]).unwrap();
    let node = peer.identity().unwrap().node;
    let batch = vec![(
        key("Basic/sent"),
        peer.signed_changes(&key("Basic/sent")).unwrap(),
    )];
    let cursor = |len: usize| CursorUpdate {
        peer: node,
        value: vec![1; len],
    };
    let refused = store.apply_remote(&ctx(), &node, batch.clone(), Some(cursor(CURSOR_BYTES_MAX + 1)));
    assert_eq!(refused, Err(StoreError::TooLarge("a cursor")));
    assert!(!store.contains(&key("Basic/sent")).unwrap());
    store
        .apply_remote(&ctx(), &node, batch, Some(cursor(CURSOR_BYTES_MAX)))
        .unwrap();
    assert!(store.verify().unwrap().is_whole());
}

#[test]
fn a_document_that_shrank_or_went_leaves_no_piece_of_itself() {
    let (store, _) = memory_store(1);
    let rows = || {
        let range = crate::kv::KeyRange::prefix(&crate::tables::Table::Blob.prefix());
        store.core.kv.scan(&range, 1_000).unwrap().len()
    };
    let long = vec![7; 20_000];
    store.blob_put("words", &long).unwrap();
    assert_eq!(rows(), 5);
    store.blob_put("words", &long[..5_000]).unwrap();
    assert_eq!(
        (rows(), store.blob("words").unwrap()),
        (2, Some(long[..5_000].to_vec()))
    );
    store.blob_put("words", &long).unwrap();
    store.blob_swap("words", Some(&long), Some(b"x")).unwrap();
    assert_eq!(rows(), 1);
    store.blob_put("words", &long).unwrap();
    store.blob_remove("words").unwrap();
    assert_eq!(rows(), 0);
    // Of a record that became smaller, too: no more pieces than it needs.
    let texts = |len: usize| {
        let mut text = String::new();
        let mut draw = 1u64;
        while text.len() < len {
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(&format!("{draw:016x}"));
        }
        text
    };
    store
        .commit(&ctx(), vec![put(basic("a", &texts(30_000)))])
        .unwrap();
    assert!(store.verify().unwrap().is_whole());
    store.commit(&ctx(), vec![put(basic("a", "x"))]).unwrap();
    assert!(store.verify().unwrap().is_whole());
}

/// A directory's store whose disk has half of the floor free, or an eighth of it.
fn nearly_full(dir: &std::path::Path, times: u64) -> Store {
    let unlock = Unlock::Raw([4; 32]);
    if !dir.exists() {
        let made = Store::create(dir, &unlock, TestEnv::new(1), options()).unwrap();
        made.store.identity_set(&identity(1)).unwrap();
        made.store
            .commit(&ctx(), vec![put(basic("held", "one"))])
            .unwrap();
    }
    let stat = rustix::fs::statvfs(dir).unwrap();
    let full = OpenOptions {
        disk_floor_bytes: (stat.f_bavail * stat.f_frsize).saturating_mul(times),
        ..options()
    };
    Store::open(dir, &unlock, TestEnv::new(2), full).unwrap()
}

#[test]
fn below_the_floor_records_are_refused_and_what_keeps_the_node_usable_is_not() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let (peer, _) = memory_store(2);
    peer.commit(&ctx(), vec![put(basic("sent", "x"))]).unwrap();
    let node = peer.identity().unwrap().node;
    let batch = || {
        vec![(
            key("Basic/sent"),
            peer.signed_changes(&key("Basic/sent")).unwrap(),
        )]
    };
    let cursor = || CursorUpdate {
        peer: node,
        value: b"here".to_vec(),
    };
    let event = |durable: bool| AuditEvent {
        action: "record_read".into(),
        target: None,
        outcome: Outcome::Ok,
        durable,
    };
    let full = StoreError::DiskFull;
    let records_refused = |store: &Store| {
        let refused = store.commit(&ctx(), vec![put(basic("new", "x"))]);
        assert_eq!(refused, Err(CommitError::Store(full.clone())));
        let refused = store.commit_bulk(&ctx(), vec![put(basic("new", "x")), delete("Basic/held")]);
        assert!(
            refused
                .iter()
                .all(|one| *one == Err(CommitError::Store(full.clone())))
        );
        let refused = store.apply_remote(&ctx(), &node, batch(), Some(cursor()));
        assert_eq!(refused, Err(full.clone()));
        // What would only wait until its author is known takes room as well.
        let (id, changes) = ("Basic/sent", &batch()[0].1);
        let refused = super::awaiting::bring(store, node, id, changes);
        assert_eq!((refused, store.awaiting_count()), (Err(full.clone()), 0));
        assert_eq!(store.cursor(&node).unwrap(), None);
        assert!(!store.disk_writable() && store.stats().unwrap().disk_full);
        assert!(store.read(&ctx(), &key("Basic/held")).unwrap().is_some());
        assert_eq!(store.feed(0, 10).unwrap().len(), 1);
    };
    // Nothing at all fits any more: reading goes on.
    let store = nearly_full(&dir, 8);
    records_refused(&store);
    assert_eq!(store.blob_put("session/1", b"x"), Err(full.clone()));
    assert_eq!(store.audit(&ctx(), &event(true)), Err(full.clone()));
    drop(store);
    let store = nearly_full(&dir, 2);
    records_refused(&store);
    store.audit(&ctx(), &event(true)).unwrap();
    store.audit(&ctx(), &event(false)).unwrap();
    store.audit_flush().unwrap();
    store.blob_put("session/1", b"x").unwrap();
    store.blob_swap("session/1", Some(b"x"), Some(b"y")).unwrap();
    store.blob_remove("session/1").unwrap();
    store.cursor_put(cursor()).unwrap();
    store
        .apply_remote(&ctx(), &node, Vec::new(), Some(cursor()))
        .unwrap();
    store.quarantine_forget().unwrap();
    assert!(store.verify().unwrap().is_whole());
    drop(store);
    // By a share of the disk as well.
    let by_share = OpenOptions {
        disk_floor_percent: 100,
        ..options()
    };
    let store = Store::open(&dir, &Unlock::Raw([4; 32]), TestEnv::new(2), by_share).unwrap();
    let refused = store.commit(&ctx(), vec![put(basic("new", "x"))]);
    assert_eq!(refused, Err(CommitError::Store(full)));
    drop(store);
    let store = Store::open(&dir, &Unlock::Raw([4; 32]), TestEnv::new(2), options()).unwrap();
    store.commit(&ctx(), vec![put(basic("new", "x"))]).unwrap();
    assert!(OpenOptions::default().disk_floor_bytes > 0 && OpenOptions::default().disk_floor_percent > 0);
}

#[test]
fn a_clock_that_lost_its_time_does_not_take_the_store_back_with_it() {
    let env = TestEnv::new(1);
    let kv = Arc::new(MemoryKv::new());
    let store = store_on(kv.clone(), 1, env.clone());
    let updated = |store: &Store, id: &str| {
        let read = store.read(&ctx(), &key(&format!("Basic/{id}"))).unwrap().unwrap();
        read.last_updated_ms
    };
    let authored = |store: &Store, id: &str| {
        let last = store.newest_by(&key(&format!("Basic/{id}"))).unwrap().unwrap();
        last.time_ms
    };
    let write = |store: &Store, id: &str| {
        store.commit(&ctx(), vec![put(basic(id, "x"))]).unwrap();
        (updated(store, id), authored(store, id))
    };
    let first = write(&store, "a");
    // While it runs, and after it was opened again: always another record, which has no time of its own.
    env.now_ms.store(1_000, Ordering::SeqCst);
    let second = write(&store, "b");
    drop(store);
    let env = TestEnv::new(2);
    env.now_ms.store(1_000, Ordering::SeqCst);
    let store = Store::open_on(kv, &[7; 32], env.clone(), options()).unwrap();
    let third = write(&store, "c");
    assert!(
        first.0 < second.0 && second.0 < third.0,
        "{first:?} {second:?} {third:?}"
    );
    assert!(
        first.1 <= second.1 && second.1 <= third.1,
        "{first:?} {second:?} {third:?}"
    );
    // A peer whose clock is right is followed: what is written next comes after what it wrote.
    let (peer, right) = memory_store(2);
    right.advance(3_600_000);
    peer.commit(&ctx(), vec![put(basic("theirs", "x"))]).unwrap();
    sync(&peer, &store);
    let own = write(&store, "d");
    assert!(
        own.1 >= authored(&store, "theirs"),
        "a later change counts as older"
    );
    // And what was heard is remembered.
    assert!(updated(&store, "theirs") > third.0);
    let (_, changes) = {
        let key = key("Basic/elsewhere");
        (key, peer.signed_changes(&self::key("Basic/theirs")).unwrap())
    };
    let node = peer.identity().unwrap().node;
    store
        .apply_remote(&ctx(), &node, vec![(key("Basic/elsewhere"), changes)], None)
        .unwrap();
    assert!(store.quarantine(10).unwrap()[0].received_ms >= first.0);
    let theirs = authored(&store, "theirs");
    let kv = Arc::clone(&store.core.kv);
    drop(store);
    let env = TestEnv::new(3);
    env.now_ms.store(1_000, Ordering::SeqCst);
    let store = Store::open_on(kv, &[7; 32], env, options()).unwrap();
    assert!(
        write(&store, "e").1 >= theirs,
        "what was heard is forgotten with a restart"
    );
}
