//! What is kept is kept as it was given, up to its bound; what is beyond is refused, cut or let go, and takes
//! nothing with it.

use std::sync::{Arc, atomic::Ordering};

use crate::{
    codec::{Dec, Enc},
    kv::{FaultKv, KvError},
    scope::ScopeRow,
    seal::KeyId,
    state::State,
    testing::*,
    *,
};

use super::peers::{apply, known, write};

#[test]
fn a_group_takes_so_much_and_leaves_the_rest_to_the_next() {
    // Weights of what waits together, and how many groups that makes.
    for (weights, groups) in [
        (vec![1, 1, 1, 1], 1),
        (vec![100, 99, 1, 1], 2),
        (vec![100, 100, 100, 100], 2),
        (vec![99, 100, 100, 100], 2),
        (vec![199, 1, 199, 1], 2),
        (vec![200, 200, 200], 3),
        (vec![1_000, 1_000], 2),
    ] {
        let kv = Arc::new(FaultKv::new());
        let store = store_on(kv.clone(), 1, TestEnv::new(1));
        let before = kv.counts();
        std::thread::scope(|scope| {
            let writer = store.core.hold();
            for (at, weight) in weights.iter().enumerate() {
                let (store, weight) = (&store, *weight);
                scope.spawn(move || {
                    let row = vec![0x50, at as u8];
                    store.core.transact::<_, StoreError>(weight, move |tx| {
                        tx.put(KeyId::NODE, row, vec![1]);
                        Ok(())
                    })
                });
                // One after the other, so that they stand in this order.
                let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
                while store.core.waiting_count() <= at {
                    assert!(std::time::Instant::now() < until);
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
            }
            drop(writer);
        });
        let after = kv.counts();
        assert_eq!(
            (after.0 - before.0, after.1 - before.1),
            (groups, groups),
            "{weights:?}"
        );
    }
}

#[test]
fn all_that_the_state_counts_is_read_back_in_its_place() {
    let numbers: Vec<u64> = (1..=15).map(|n| n * 1_000_003).collect();
    let state = State {
        seq: numbers[0],
        audit_seq: numbers[1],
        clock_ms: numbers[2],
        hlc: numbers[3],
        fingerprint: Fingerprint::EMPTY,
        records: numbers[4],
        deleted: numbers[5],
        conflicted_records: numbers[6],
        conflicts: numbers[7],
        quarantined: numbers[8],
        pending: numbers[9],
        pending_bytes: numbers[10],
        awaiting: numbers[11],
        awaiting_bytes: numbers[12],
        documents: numbers[13],
        beside: numbers[14],
    };
    assert_eq!(State::from_bytes(&state.to_bytes()).unwrap(), state);
    // As it was written before: a store that was made then is read in the same places.
    let bytes = state.to_bytes();
    let mut dec = Dec::new(&bytes[1 + 40..], "state");
    let written: Vec<u64> = (0..15).map(|_| dec.varint().unwrap()).collect();
    assert_eq!(written, numbers);
    let mut newer = state.to_bytes();
    newer[0] += 1;
    let form = StoreError::Form {
        what: "state",
        found: 5,
        known: 4,
    };
    assert_eq!(State::from_bytes(&newer), Err(form));
}

#[test]
fn a_compartment_knows_so_many_kinds_and_the_last_block_of_each() {
    let mut row = ScopeRow::new(
        Compartment::Patient("p".into()).into(),
        KeyId([3; 8]),
        vec![1, 2, 3],
    );
    let tag = |n: u32| n.to_be_bytes();
    for n in 0..400 {
        assert_eq!(row.chain(tag(n)), None);
        row.chain_set(tag(n), n * 7).unwrap();
    }
    let refused = Err(StoreError::TooLarge("the number of record kinds"));
    assert_eq!(row.chain_set(tag(400), 1), refused);
    // Those that are there grow on.
    row.chain_set(tag(399), u32::MAX).unwrap();
    row.chain_set(tag(0), 5).unwrap();
    let back = ScopeRow::from_bytes(&row.to_bytes()).unwrap();
    assert_eq!(back, row);
    let last = |n: u32| back.chain(tag(n));
    assert_eq!(
        [last(0), last(1), last(399), last(400)],
        [Some(5), Some(7), Some(u32::MAX), None]
    );
    assert!(row.to_bytes().len() <= crate::seal::PLAIN_BYTES_MAX);
}

#[test]
fn numbers_and_texts_of_every_length_are_read_back() {
    let mut enc = Enc::new();
    let mut numbers = vec![0, 1, u64::MAX];
    for bits in 1..64 {
        numbers.extend([(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1]);
    }
    for number in &numbers {
        enc.varint(*number);
    }
    let mut dec = Dec::new(&enc.out, "row");
    assert!(numbers.iter().all(|number| dec.varint().unwrap() == *number));
    // What never ends, or asks for more than is there, is damage.
    let never = [0xff; 11];
    assert_eq!(Dec::new(&never, "row").varint(), Err(StoreError::Damaged("row")));
    let short = [5, 1, 2, 3, 4];
    assert!(Dec::new(&short, "row").bytes().is_err());
    assert!(Dec::new(&short, "row").count().is_err());
    assert_eq!(Dec::new(&short[1..], "row").bytes().unwrap(), [2]);
    assert!(Dec::new(&[2, 0xff, 0xff], "row").text().is_err());
}

#[test]
fn a_document_of_any_length_comes_back_whole_and_is_listed_once() {
    let (store, _) = memory_store(1);
    let piece = crate::chunk::PIECE_BYTES;
    let mut wanted = Vec::new();
    for pieces in [0, 1, 2, 3] {
        for less in 0..12 {
            let length = (pieces * piece + 6usize).saturating_sub(less);
            let bytes: Vec<u8> = (0..length).map(|at| (at * 31 % 251) as u8).collect();
            let name = format!("d/{pieces}/{less:02}");
            store.blob_put(&name, &bytes).unwrap();
            assert_eq!(store.blob(&name).unwrap().as_ref(), Some(&bytes), "{length}");
            // As a group sees it: else it would not be what is expected.
            store.blob_swap(&name, Some(&bytes), Some(&bytes)).unwrap();
            wanted.push((name, bytes));
        }
    }
    store.blob_put("e", b"other").unwrap();
    wanted.sort();
    assert_eq!(store.blobs("d/").unwrap(), wanted);
    assert_eq!(store.blobs("d/2").unwrap().len(), 12);
    assert_eq!(store.blobs("").unwrap().len(), 49);
    assert_eq!(store.blobs("/").unwrap(), []);
    assert_eq!(store.blob("d/").unwrap(), None);
}

#[test]
fn what_was_set_aside_tells_all_of_it_and_a_long_reason_is_cut_between_letters() {
    let (store, _) = memory_store(2);
    let item = |hash: Option<u8>, peer: u8, reason: &str| Quarantined {
        key: key("Basic/r"),
        hash: hash.map(|byte| ChangeHash([byte; 32])),
        reason: reason.to_owned(),
        peer: Some(NodeId([peer; 32])),
        received_ms: 1_234_567,
    };
    let items = vec![
        item(Some(1), 1, "one"),
        item(Some(2), 1, "one"),
        item(Some(1), 2, "one"),
        item(Some(1), 1, "two"),
        item(None, 1, "one"),
        item(Some(9), 9, &"x".repeat(200)),
        item(Some(8), 9, &"x".repeat(201)),
        item(Some(7), 9, &format!("{}語", "x".repeat(198))),
    ];
    let from = NodeId([1; 32]);
    for _ in 0..2 {
        // Each once, however often it comes.
        let report = store
            .apply_verified(&ctx(), &from, Vec::new(), items.clone(), None)
            .unwrap();
        assert_eq!(report.quarantined, items);
        assert_eq!(store.quarantined_count(), items.len() as u64);
    }
    let mut found = store.quarantine(100).unwrap();
    let mut wanted = items.clone();
    wanted[6].reason = "x".repeat(200);
    wanted[7].reason = "x".repeat(198);
    let order = |item: &Quarantined| (item.hash, item.peer, item.reason.clone());
    found.sort_by_key(order);
    wanted.sort_by_key(order);
    assert_eq!(found, wanted);
    assert_eq!(store.quarantine(3).unwrap().len(), 3);
    // The word of who says a signature is bad makes no change known.
    assert_eq!(store.known_hashes(&key("Basic/r")).unwrap(), []);
}

#[test]
fn a_clock_that_is_years_ahead_is_not_followed_after_a_restart_either() {
    let day_ms = 86_400_000;
    for (ahead_ms, follows) in [
        (day_ms / 2, true),
        (day_ms + day_ms / 4, false),
        (2 * 365 * day_ms, false),
    ] {
        let kv = Arc::new(MemoryKv::new());
        let store = store_on(kv.clone(), 1, TestEnv::new(1));
        write(&store, "first", "x");
        let authored = |store: &Store, id: &str| {
            let of = key(&format!("Basic/{id}"));
            store.newest_by(&of).unwrap().unwrap().time_ms
        };
        let first = authored(&store, "first");
        let (peer, far) = memory_store(2);
        far.advance(ahead_ms);
        write(&peer, "far", "x");
        sync(&peer, &store);
        write(&store, "at-once", "x");
        let mut store = store;
        // Opened again and again: each time it knows what it knew.
        for round in 0..3 {
            drop(store);
            store = Store::open_on(kv.clone(), &[7; 32], TestEnv::new(5 + round), options()).unwrap();
            let id = format!("later{round}");
            write(&store, &id, "x");
            sync(&peer, &store);
            for id in ["at-once", &id] {
                let own = authored(&store, id);
                assert!(
                    own < first + 2 * day_ms,
                    "{id} of round {round}: dragged {}",
                    own - first
                );
                assert_eq!(own >= authored(&store, "far"), follows, "{id} of round {round}");
            }
        }
    }
}

#[test]
fn evidence_of_a_fork_that_comes_later_makes_no_new_version() {
    let kv = Arc::new(MemoryKv::new());
    let first = store_on(kv.clone(), 1, TestEnv::new(1));
    write(&first, "r", "one");
    drop(first);
    let copies = ["two", "three"].map(|language| {
        let copy = Arc::new(kv.duplicate());
        let store = Store::open_on(copy, &[7; 32], TestEnv::new(10), options()).unwrap();
        write(&store, "r", language);
        store
    });
    let of = key("Basic/r");
    let (third, env) = memory_store(2);
    let other = memory_store(3).0;
    copies.iter().for_each(|copy| drop(sync(copy, &other)));
    let same = copies
        .iter()
        .find(|copy| copy.heads(&of).unwrap() == other.heads(&of).unwrap());
    sync(same.unwrap(), &third);
    let told = |store: &Store| {
        let now = store.read(&ctx(), &of).unwrap().unwrap();
        let history = store
            .history(&ctx(), &HistoryOf::Record(of.clone()), None, None, 10)
            .unwrap();
        (now.json, now.last_updated_ms, now.version, history.entries)
    };
    let (before, position) = (told(&third), third.position());
    env.advance(60_000);
    sync(&other, &third);
    assert_eq!(told(&third), before);
    // But it is news to those it must be sent on to.
    assert!(third.position() > position);
    assert_eq!(third.signed_changes(&of).unwrap().len(), 3);
    assert_eq!(
        third.fingerprint(&ScopeFilter::all()).unwrap().0,
        other.fingerprint(&ScopeFilter::all()).unwrap().0
    );
    assert!(third.verify().unwrap().is_whole());
}

#[test]
fn what_peers_were_told_is_kept_apart_for_each() {
    let (store, _) = memory_store(1);
    let peer = |n: u8| NodeId([n; 32]);
    for n in 0..3 {
        assert_eq!(store.cursor(&peer(n)).unwrap(), None);
        let value = vec![n; 10];
        store.cursor_put(CursorUpdate { peer: peer(n), value }).unwrap();
    }
    for n in 0..3 {
        assert_eq!(store.cursor(&peer(n)).unwrap(), Some(vec![n; 10]));
    }
    let others = [2, 3].map(|seed| memory_store(seed).0);
    for (at, other) in others.iter().enumerate() {
        for n in 0..=at {
            write(other, &format!("r{at}{n}"), "x");
        }
        sync(other, &store);
    }
    for (at, other) in others.iter().enumerate() {
        let node = other.identity().unwrap().node;
        let (life, seq) = other.incarnation().unwrap();
        assert_eq!(seq, at as u64 + 1);
        assert_eq!(store.incarnations_of(&node).unwrap(), [(life, seq)]);
        assert_eq!(store.author_seq_seen(&node, life).unwrap(), seq);
        assert_eq!(store.author_seq_seen(&node, life ^ 1).unwrap(), 0);
    }
    let all = store.signed_changes(&key("Basic/r00")).unwrap();
    assert_eq!(known(&store, "Basic/r00", &all), [true]);
    assert_eq!(apply(&store, "Basic/r00", all).duplicates, 1);
}

#[test]
fn a_commit_takes_as_many_writes_as_it_says_and_an_id_where_there_is_none() {
    let (store, _) = memory_store(1);
    let none = || Write::Delete {
        key: key("Basic/none"),
        base: Base::Current,
    };
    assert_eq!(COMMIT_WRITES_MAX, 2_000);
    let all = |count: usize| (0..count).map(|_| none()).collect::<Vec<_>>();
    let refused = store.commit(&ctx(), all(2_000)).unwrap_err();
    let is_missing = matches!(
        refused,
        CommitError::Refused {
            index: 0,
            refusal: Refusal::NotFound,
            ..
        }
    );
    assert!(is_missing, "{refused:?}");
    assert_eq!(
        store.commit(&ctx(), all(2_001)),
        Err(CommitError::TooMany { max: 2_000 })
    );
    assert_eq!(store.commit(&ctx(), Vec::new()), Ok(Vec::new()));
    let create = |text: &str| Write::Create {
        json: json(text),
        if_none_exist: None,
    };
    let unnamed = || create(r#"{"resourceType":"Basic","language":"qu"}"#);
    let written = store.commit(&ctx(), vec![unnamed(), unnamed()]).unwrap();
    assert_ne!(written[0].key, written[1].key);
    for one in &written {
        let read = store.read(&ctx(), &one.key).unwrap().unwrap();
        assert_eq!(read.json.get("id").and_then(|id| id.as_str()), Some(one.key.id()));
        assert!(one.created && uuid::Uuid::try_parse(one.key.id()).is_ok());
    }
    for text in [
        r#"{"id":"a"}"#,
        r#"{"resourceType":"Basic","id":7}"#,
        r#"{"resourceType":"Basic","id":""}"#,
        "[]",
    ] {
        let refused = store.commit(&ctx(), vec![create(text)]).unwrap_err();
        let is_invalid = matches!(
            refused,
            CommitError::Refused {
                refusal: Refusal::Invalid(_),
                ..
            }
        );
        assert!(is_invalid, "{text}: {refused:?}");
    }
}

#[test]
fn each_failure_of_the_engine_is_told_as_what_it_is() {
    let told = |error: KvError| crate::error::engine_error(error);
    assert!(matches!(told(KvError::NoSpace), OpenError::DiskFull));
    assert!(matches!(told(KvError::InUse), OpenError::InUse));
    assert!(matches!(told(KvError::Io("x".into())), OpenError::Io(text) if text == "x"));
    assert!(matches!(
        told(KvError::Damaged("x".into())),
        OpenError::Damaged(_)
    ));
    assert!(matches!(told(KvError::Precondition), OpenError::Damaged(_)));
}

#[test]
fn records_in_bulk_are_written_with_threads_as_without() {
    let told = |background: bool| {
        let kv = Arc::new(MemoryKv::new());
        let threads = OpenOptions {
            background,
            ..options()
        };
        let store = store_with(kv, 1, TestEnv::new(1), threads);
        let one = |n: usize| {
            put(json(&format!(
                r#"{{"resourceType":"Observation","id":"o{n:03}","status":"final","subject":{{"reference":"Patient/p{n}"}}}}"#
            )))
        };
        let results = store.commit_bulk(&ctx(), (0..450).map(one).collect());
        for (n, result) in results.iter().enumerate() {
            assert_eq!(result.as_ref().unwrap().key, key(&format!("Observation/o{n:03}")));
        }
        let report = store.verify().unwrap();
        assert!(report.is_whole(), "{report:?}");
        let stats = store.stats().unwrap();
        assert!(stats.disk_bytes > 0 && !stats.disk_full);
        assert_eq!((stats.records, stats.position), (450, 450));
        let one = store.signed_changes(&key("Observation/o000")).unwrap();
        assert_eq!(
            store.authored(&key("Observation/o000")).unwrap()[0].transaction,
            None
        );
        (store.keys().unwrap(), one.len())
    };
    assert_eq!(told(true), told(false));
}

#[test]
fn the_machine_s_clock_and_randomness_are_what_they_say() {
    let (one, other): ([u8; 32], [u8; 32]) = (
        crate::env::random_array(&SystemEnv),
        crate::env::random_array(&SystemEnv),
    );
    assert_ne!(one, other);
    for half in [&one[..16], &one[16..]] {
        assert_ne!(half, [0; 16]);
    }
    // Milliseconds: of no year before this was written, nor of one far beyond.
    let ms = SystemEnv.now_ms();
    assert!((1_700_000_000_000..10_000_000_000_000).contains(&ms), "{ms}");
    let env = TestEnv::new(1);
    env.now_ms.store(5, Ordering::SeqCst);
    assert_eq!(env.now_ms(), 5);
}
