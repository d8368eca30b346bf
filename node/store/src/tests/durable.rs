//! What was answered is on the disk: an engine that forgets all it was not told to sync, taken away
//! the moment the answer is there, and one that cannot sync and so must answer no.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{kv::FaultKv, testing::*, *};

const PEER: NodeId = NodeId([6; 32]);

/// Something a store is asked to do and to have done for good.
struct Case {
    what: &'static str,
    act: fn(&Store) -> Result<(), String>,
    done: fn(&Store) -> bool,
}

fn said<T, E: std::fmt::Debug>(result: Result<T, E>) -> Result<(), String> {
    result.map(|_| ()).map_err(|error| format!("{error:?}"))
}

fn observation(id: &str, value: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"pulse"}},"valueString":"{value}"}}"#
    )))
}

fn value(store: &Store, id: &str) -> Option<String> {
    let read = store.read(&ctx(), &key(&format!("Observation/{id}"))).unwrap()?;
    let value = read.json.get("valueString")?.as_str()?.to_owned();
    Some(value)
}

fn deleted(store: &Store, id: &str) -> bool {
    let read = store.read(&ctx(), &key(&format!("Observation/{id}"))).unwrap();
    read.is_some_and(|read| read.deleted)
}

/// What a peer sends: the same each time.
fn from_peer() -> (RecordKey, Vec<SignedChange>) {
    let (peer, _) = memory_store(2);
    peer.commit(&ctx(), vec![observation("sent", "peer")]).unwrap();
    let key = key("Observation/sent");
    let changes = peer.signed_changes(&key).unwrap();
    (key, changes)
}

fn cursor() -> CursorUpdate {
    CursorUpdate {
        peer: PEER,
        value: b"here".to_vec(),
    }
}

fn event(action: &str, durable: bool) -> AuditEvent {
    AuditEvent {
        action: action.to_owned(),
        target: Some(key("Observation/held")),
        outcome: Outcome::Denied,
        durable,
    }
}

fn audited(store: &Store, action: &str) -> bool {
    let log = store.audit_list(None, 1_000).unwrap().entries;
    log.iter().any(|entry| entry.action == action)
}

/// A store with something to change, on an engine that can forget.
fn store() -> (Arc<FaultKv>, Store) {
    let kv = Arc::new(FaultKv::new());
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    let tagged = json(
        r#"{"resourceType":"Observation","id":"tagged","meta":{"tag":[{"system":"urn:x","code":"a"}]},"valueString":"t"}"#,
    );
    let all = vec![
        observation("held", "first"),
        observation("torn", "0"),
        put(tagged),
    ];
    store.commit(&ctx(), all).unwrap();
    let (peer, _) = memory_store(3);
    sync(&store, &peer);
    peer.commit(&ctx(), vec![observation("torn", "theirs")]).unwrap();
    store.commit(&ctx(), vec![observation("torn", "ours")]).unwrap();
    sync(&peer, &store);
    let (key, mut forged) = from_peer();
    forged[0].signature[0] ^= 1;
    store
        .apply_remote(&ctx(), &PEER, vec![(key, forged)], None)
        .unwrap();
    assert_eq!(store.stats().unwrap().conflicts, 1);
    store.blob_put("old", b"there").unwrap();
    store.audit_flush().unwrap();
    (kv, store)
}

/// Every way to change what a store holds.
const CASES: &[Case] = &[
    Case {
        what: "a record made, and the entry of it",
        act: |store| said(store.commit(&ctx(), vec![observation("new", "1")])),
        done: |store| value(store, "new").as_deref() == Some("1") && audited(store, "record_create"),
    },
    Case {
        what: "a record changed",
        act: |store| said(store.commit(&ctx(), vec![observation("held", "second")])),
        done: |store| value(store, "held").as_deref() == Some("second"),
    },
    Case {
        what: "records in bulk",
        act: |store| {
            let all = (0..3).map(|n| observation(&format!("bulk{n}"), "1")).collect();
            let results = store.commit_bulk(&ctx(), all).into_iter();
            said(results.collect::<Result<Vec<_>, _>>())
        },
        done: |store| (0..3).all(|n| value(store, &format!("bulk{n}")).is_some()),
    },
    Case {
        what: "a deletion",
        act: |store| {
            let key = key("Observation/held");
            let base = Base::Current;
            said(store.commit(&ctx(), vec![Write::Delete { key, base }]))
        },
        done: |store| deleted(store, "held"),
    },
    Case {
        what: "a decision",
        act: |store| {
            let Some(entry) = store.conflict(&ctx(), &key("Observation/torn")).unwrap() else {
                return Err("no conflict".to_owned());
            };
            let resolve = Write::Resolve {
                key: entry.key,
                path: entry.items[0].path.clone(),
                listed: entry.version,
                choice: Choice::Pick(0),
            };
            said(store.commit(&ctx(), vec![resolve]))
        },
        done: |store| store.stats().unwrap().conflicts == 0,
    },
    Case {
        what: "a value taken out of a set",
        act: |store| {
            let remove = Write::SetRemove {
                key: key("Observation/tagged"),
                path: "meta.tag".into(),
                value: json(r#"{"system":"urn:x","code":"a"}"#),
            };
            said(store.commit(&ctx(), vec![remove]))
        },
        done: |store| {
            let read = store.read(&ctx(), &key("Observation/tagged")).unwrap().unwrap();
            read.json.pointer("/meta/tag").is_none()
        },
    },
    Case {
        what: "a peer's changes and its cursor",
        act: |store| said(store.apply_remote(&ctx(), &PEER, vec![from_peer()], Some(cursor()))),
        done: |store| {
            value(store, "sent").as_deref() == Some("peer")
                && store.cursor(&PEER).unwrap().as_deref() == Some(b"here")
        },
    },
    Case {
        what: "a change set aside",
        act: |store| {
            let (_, changes) = from_peer();
            let elsewhere = vec![(key("Observation/elsewhere"), changes)];
            said(store.apply_remote(&ctx(), &PEER, elsewhere, None))
        },
        done: |store| store.quarantined_count() == 2,
    },
    Case {
        what: "a peer's cursor alone",
        act: |store| said(store.apply_remote(&ctx(), &PEER, Vec::new(), Some(cursor()))),
        done: |store| store.cursor(&PEER).unwrap().as_deref() == Some(b"here"),
    },
    Case {
        what: "a cursor put",
        act: |store| said(store.cursor_put(cursor())),
        done: |store| store.cursor(&PEER).unwrap().as_deref() == Some(b"here"),
    },
    Case {
        what: "a document",
        act: |store| said(store.blob_put("trust/set", &[7; 9_000])),
        done: |store| store.blob("trust/set").unwrap() == Some(vec![7; 9_000]),
    },
    Case {
        what: "documents together",
        act: |store| {
            let both = [("a".to_owned(), Some(vec![1])), ("old".to_owned(), None)];
            said(store.blobs_put(&both))
        },
        done: |store| store.blob("a").unwrap().is_some() && store.blob("old").unwrap().is_none(),
    },
    Case {
        what: "a document removed",
        act: |store| said(store.blob_remove("old")),
        done: |store| store.blob("old").unwrap().is_none(),
    },
    Case {
        what: "a ticket used up",
        act: |store| said(store.blob_swap("old", Some(b"there"), Some(b"used"))),
        done: |store| store.blob("old").unwrap().as_deref() == Some(b"used"),
    },
    Case {
        what: "an entry that must stand before the act",
        act: |store| said(store.audit(&ctx(), &event("break_glass", true))),
        done: |store| audited(store, "break_glass"),
    },
    Case {
        what: "entries that waited",
        act: |store| {
            said(store.audit(&ctx(), &event("record_read", false)))?;
            said(store.audit_flush())
        },
        done: |store| audited(store, "record_read"),
    },
    Case {
        what: "what was set aside, forgotten",
        act: |store| said(store.quarantine_forget()),
        done: |store| store.quarantined_count() == 0 && store.quarantine(10).unwrap().is_empty(),
    },
];

fn after_a_power_cut(kv: &FaultKv, seed: u64) -> Store {
    Store::open_on(
        Arc::new(kv.crash(0, false)),
        &[7; 32],
        TestEnv::new(seed),
        options(),
    )
    .unwrap()
}

#[test]
fn what_was_answered_is_there_after_a_power_cut() {
    for Case { what, act, done } in CASES {
        let (kv, store) = store();
        assert!(!done(&after_a_power_cut(&kv, 2)), "{what}: nothing was asked yet");
        act(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(kv.unsynced_bytes(), 0, "{what}: not all is synced");
        let found = after_a_power_cut(&kv, 2);
        assert!(done(&found), "{what} was lost");
        assert!(found.verify().unwrap().is_whole(), "{what}");
    }
}

#[test]
fn what_cannot_be_made_durable_is_answered_with_an_error() {
    for Case { what, act, done } in CASES {
        let (kv, store) = store();
        kv.sync_error_after(Some(0));
        assert!(act(&store).is_err(), "{what} was answered, and not synced");
        kv.sync_error_after(None);
        assert!(act(&store).is_err(), "{what}: what the disk holds is unknown now");
        let found = after_a_power_cut(&kv, 2);
        assert!(!done(&found), "{what} was refused and is there");
        assert!(found.verify().unwrap().is_whole(), "{what}");
    }
}

#[test]
fn what_a_full_disk_refused_was_not_done_and_can_be_done_later() {
    for Case { what, act, done } in CASES {
        let (kv, store) = store();
        kv.full(true);
        let refused = act(&store).unwrap_err();
        assert!(refused.contains("DiskFull"), "{what}: {refused}");
        assert!(!done(&store), "{what} was refused and is there");
        kv.full(false);
        act(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(done(&store), "{what}");
        let report = store.verify().unwrap();
        assert!(report.is_whole(), "{what}: {report:?}");
    }
}

#[test]
fn nothing_is_announced_before_it_is_durable() {
    let (kv, store) = store();
    let heard = Arc::new(AtomicUsize::new(0));
    let subscription = {
        let (kv, heard) = (kv.clone(), heard.clone());
        store.subscribe(Box::new(move |position| {
            assert_eq!(kv.unsynced_bytes(), 0, "told before it was synced");
            heard.store(position as usize, Ordering::SeqCst);
        }))
    };
    store.commit(&ctx(), vec![observation("one", "1")]).unwrap();
    assert_eq!(heard.load(Ordering::SeqCst) as u64, store.position());
    let before = store.position();
    kv.full(true);
    store.commit(&ctx(), vec![observation("two", "1")]).unwrap_err();
    assert_eq!(
        (heard.load(Ordering::SeqCst) as u64, store.position()),
        (before, before)
    );
    kv.full(false);
    drop(subscription);
    store.commit(&ctx(), vec![observation("two", "1")]).unwrap();
    assert_eq!(
        heard.load(Ordering::SeqCst) as u64,
        before,
        "told who asked no more"
    );
}

#[test]
fn each_life_signs_under_an_incarnation_of_its_own() {
    let (mut kv, mut store) = store();
    let node = store.identity().unwrap().node;
    let mut lives = std::collections::BTreeSet::new();
    let mut live = |store: &Store, value: &str| {
        store.commit(&ctx(), vec![observation("held", value)]).unwrap();
        let (life, seq) = store.incarnation().unwrap();
        assert!(lives.insert(life), "a life was lived twice");
        (life, seq)
    };
    for round in 0..4 {
        let (life, seq) = live(&store, &format!("v{round}"));
        // The number that was used last is on the disk, beside what it signed.
        kv = Arc::new(kv.crash(0, false));
        store = Store::open_on(kv.clone(), &[7; 32], TestEnv::new(round + 10), options()).unwrap();
        assert_eq!(store.author_seq_seen(&node, life).unwrap(), seq);
        assert!(store.incarnation().is_none());
    }
    live(&store, "before");
    let (life, seq) = store.incarnation().unwrap();
    store.author_seq_heard(life, seq + 1);
    let (life, seq) = live(&store, "renewed");
    // What it wrote itself is no news; one more than that, another wrote.
    store.author_seq_heard(life, seq);
    store.author_seq_heard(life ^ 1, seq + 1);
    assert_eq!(store.incarnation(), Some((life, seq)));
    store.author_seq_heard(life, seq + 1);
    assert!(store.incarnation().is_none());
    live(&store, "after");
}

#[test]
fn a_store_that_was_just_made_is_there_after_a_power_cut() {
    let kv = Arc::new(FaultKv::new());
    let store = Store::create_on(kv.clone(), &[7; 32], TestEnv::new(1), options()).unwrap();
    assert_eq!(after_a_power_cut(&kv, 2).log_epoch(), store.log_epoch());
    store.identity_set(&identity(5)).unwrap();
    assert_eq!(after_a_power_cut(&kv, 2).identity(), store.identity());
    assert_eq!(store.identity_set(&identity(6)), Err(StoreError::Changed));
    store.identity_set(&identity(5)).unwrap();
    assert_eq!(after_a_power_cut(&kv, 2).identity(), store.identity());
}

#[test]
fn closing_writes_what_waits_and_takes_nothing_more() {
    let (kv, store) = store();
    store.audit(&ctx(), &event("record_read", false)).unwrap();
    assert!(!audited(&store, "record_read"));
    store.close();
    assert!(audited(&after_a_power_cut(&kv, 2), "record_read"));
    for Case { what, act, .. } in CASES {
        assert!(act(&store).unwrap_err().contains("Stopped"), "{what}");
    }
    assert!(value(&store, "held").is_some(), "reading goes on");
    // Without a close, the last handle writes it.
    let (kv, store) = self::store();
    store.audit(&ctx(), &event("record_read", false)).unwrap();
    let second = store.clone();
    drop(store);
    assert!(!audited(&after_a_power_cut(&kv, 2), "record_read"));
    drop(second);
    assert!(audited(&after_a_power_cut(&kv, 2), "record_read"));
}

#[test]
fn entries_that_wait_are_written_within_the_second_by_themselves() {
    let kv = Arc::new(FaultKv::new());
    let threads = OpenOptions {
        background: true,
        ..options()
    };
    let store = store_with(kv.clone(), 1, TestEnv::new(1), threads);
    store.audit(&ctx(), &event("record_read", false)).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !audited(&store, "record_read") {
        assert!(std::time::Instant::now() < until, "nobody writes them");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(store);
    assert_eq!(Arc::strong_count(&kv), 1, "the thread that wrote them has ended");
}
