//! What was signed by somebody who is not known here as a member: it waits, is seen nowhere, and is taken in
//! once its author is known.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use crate::{
    kv::{FaultKv, Kv},
    remote::{AWAITING_RECORD_BYTES_MAX, AWAITING_RESERVE_BYTES, AwaitingCount, awaiting_count_put},
    testing::*,
    *,
};

use super::{
    crash::Watched,
    peers::{apply, basic, known, write},
};

pub(crate) const PEER: NodeId = NodeId([6; 32]);
const OTHER: NodeId = NodeId([8; 32]);

fn node(store: &Store) -> NodeId {
    store.identity().unwrap().node
}

fn changes(store: &Store, id: &str) -> Vec<SignedChange> {
    store.signed_changes(&key(id)).unwrap()
}

fn verified(store: &Store, id: &str, changes: &[SignedChange]) -> (RecordKey, Vec<VerifiedChange>) {
    let network = store.identity().unwrap().network;
    let verify = |change: &SignedChange| change.verify(&network, &key(id)).unwrap();
    (key(id), changes.iter().map(verify).collect())
}

fn cursor(peer: NodeId, value: &[u8]) -> CursorUpdate {
    let value = value.to_vec();
    CursorUpdate { peer, value }
}

/// Brings changes that `peer` delivers and whose author is not known.
pub(crate) fn bring(
    store: &Store,
    peer: NodeId,
    id: &str,
    changes: &[SignedChange],
) -> Result<ApplyReport, StoreError> {
    let staged = store.stage(&peer, Vec::new(), Vec::new(), Some(cursor(peer, id.as_bytes())))?;
    store.commit_staged(&ctx(), staged.with_awaiting(vec![verified(store, id, changes)]))
}

fn admit(store: &Store, authors: &[&Store]) -> ApplyReport {
    let authors: BTreeSet<NodeId> = authors.iter().map(|store| node(store)).collect();
    store.authors_admit(&ctx(), &authors).unwrap()
}

fn by(rows: &[(NodeId, u64)]) -> BTreeMap<NodeId, u64> {
    rows.iter().copied().collect()
}

fn is_whole(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
}

fn sum(store: &Store) -> Fingerprint {
    store.fingerprint(&ScopeFilter::all()).unwrap().0
}

#[test]
fn what_a_stranger_signed_waits_unseen_and_is_taken_in_once_its_author_is_known() {
    let (stranger, _) = memory_store(3);
    for (id, language) in [("r", "one"), ("r", "two"), ("s", "one")] {
        write(&stranger, id, language);
    }
    let kv = Arc::new(MemoryKv::new());
    let store = store_on(kv.clone(), 2, TestEnv::new(2));
    write(&store, "own", "one");
    let (before, position) = (sum(&store), store.position());
    for (id, count) in [("Basic/r", 2), ("Basic/s", 1)] {
        let report = bring(&store, PEER, id, &changes(&stranger, id)).unwrap();
        assert_eq!((report.awaiting, report.records, report.changes), (count, 0, 0));
        assert_eq!(store.cursor(&PEER).unwrap().unwrap(), id.as_bytes());
    }
    drop(store);
    let store = Store::open_on(kv, &[7; 32], TestEnv::new(4), options()).unwrap();
    assert_eq!((store.awaiting_count(), store.stats().unwrap().awaiting), (3, 3));
    assert_eq!(store.awaiting_by().unwrap(), by(&[(PEER, 3)]));
    assert!(store.read(&ctx(), &key("Basic/r")).unwrap().is_none());
    assert!(!store.contains(&key("Basic/r")).unwrap());
    assert_eq!(
        store.search(&ctx(), &query("Basic", "")).unwrap().entries.len(),
        1
    );
    assert_eq!((sum(&store), store.position()), (before, position));
    // It need not be sent again.
    let all = changes(&stranger, "Basic/r");
    assert_eq!(known(&store, "Basic/r", &all), [true, true]);
    is_whole(&store);
    // Somebody else is known now: that lets in nothing of theirs.
    let (else_, _) = memory_store(5);
    assert_eq!(admit(&store, &[&else_]).records, 0);
    assert_eq!(admit(&store, &[]).records, 0);
    assert_eq!(store.awaiting_count(), 3);

    let report = admit(&store, &[&stranger]);
    assert_eq!((report.records, report.changes, report.awaiting), (2, 3, 0));
    assert_eq!(report.position, store.position());
    assert_eq!(
        (store.awaiting_count(), store.awaiting_by().unwrap()),
        (0, by(&[]))
    );
    is_whole(&store);
    // As if it had come after its author was known.
    let (plain, _) = memory_store(6);
    sync(&stranger, &plain);
    for id in ["Basic/r", "Basic/s"] {
        assert_eq!(
            store.read_raw(&key(id)).unwrap(),
            plain.read_raw(&key(id)).unwrap()
        );
        assert_eq!(changes(&store, id), changes(&plain, id));
    }
    let entries = |store: &Store| {
        let feed = store.feed(0, 100).unwrap().into_iter();
        let theirs = feed.filter(|entry| entry.key != key("Basic/own"));
        let tell = |entry: FeedEntry| (entry.key, entry.filing, entry.heads);
        theirs.map(tell).collect::<BTreeSet<_>>()
    };
    assert_eq!(entries(&store), entries(&plain));
    let mut wanted = sum(&plain);
    wanted.merge(&before);
    assert_eq!(sum(&store), wanted);
    // Nobody is said to have sent it, so it is passed on to whoever brought it, too.
    let feed = store.feed(0, 100).unwrap();
    assert!(
        feed.iter()
            .all(|entry| entry.source.is_none() && entry.brought_by.is_none())
    );
    let (life, seq) = stranger.incarnation().unwrap();
    assert_eq!(store.author_seq_seen(&node(&stranger), life).unwrap(), seq);
    assert_eq!(
        store.search(&ctx(), &query("Basic", "")).unwrap().entries.len(),
        3
    );
    store.audit_flush().unwrap();
    let log = store.audit_list(None, 100).unwrap().entries;
    assert!(log.iter().any(|entry| entry.action == "records_receive"));
    assert_eq!(admit(&store, &[&stranger]).records, 0);
}

#[test]
fn of_two_strangers_in_one_record_only_the_one_who_is_known_is_let_in() {
    let [one, two] = [3, 4].map(|seed| memory_store(seed).0);
    write(&one, "r", "one");
    sync(&one, &two);
    write(&two, "r", "two");
    let all = changes(&two, "Basic/r");
    for (first, after_first) in [(&one, (1, 1, 0)), (&two, (0, 1, 1))] {
        let (store, _) = memory_store(2);
        bring(&store, PEER, "Basic/r", &all).unwrap();
        let (records, awaiting, pending) = after_first;
        assert_eq!(admit(&store, &[first]).records, records);
        assert_eq!(
            (store.awaiting_count(), store.pending_count()),
            (awaiting, pending)
        );
        let heads = store.heads(&key("Basic/r")).unwrap();
        let theirs = one.heads(&key("Basic/r")).unwrap();
        assert_eq!(heads, if records > 0 { theirs } else { Default::default() });
        is_whole(&store);
        // Together they are what they are anywhere.
        assert_eq!(admit(&store, &[&one, &two]).records, 1);
        assert_eq!((store.awaiting_count(), store.pending_count()), (0, 0));
        assert_eq!(sum(&store), sum(&two));
        is_whole(&store);
    }
}

#[test]
fn what_a_member_wrote_upon_a_strangers_change_comes_in_with_it() {
    let [stranger, member] = [3, 4].map(|seed| memory_store(seed).0);
    write(&stranger, "r", "one");
    sync(&stranger, &member);
    write(&member, "r", "two");
    let all = changes(&member, "Basic/r");
    let (store, _) = memory_store(2);
    bring(&store, PEER, "Basic/r", &all[..1]).unwrap();
    // It waits for what it follows, and does not bring that in.
    let report = apply(&store, "Basic/r", all[1..].to_vec());
    assert_eq!((report.records, report.orphans.len()), (0, 1));
    assert_eq!((store.awaiting_count(), store.pending_count()), (1, 1));
    let report = apply(&store, "Basic/r", all[1..].to_vec());
    assert_eq!((report.records, store.awaiting_count()), (0, 1));
    assert!(!store.contains(&key("Basic/r")).unwrap());
    is_whole(&store);
    let report = admit(&store, &[&stranger]);
    assert_eq!((report.records, report.changes), (1, 2));
    assert_eq!((store.awaiting_count(), store.pending_count()), (0, 0));
    assert_eq!(sum(&store), sum(&member));
    is_whole(&store);
}

#[test]
fn one_batch_holds_what_is_taken_in_and_what_waits() {
    let [stranger, member] = [3, 4].map(|seed| memory_store(seed).0);
    write(&stranger, "r", "one");
    write(&member, "m", "one");
    let (store, _) = memory_store(2);
    let records = vec![verified(&store, "Basic/m", &changes(&member, "Basic/m"))];
    let waiting = vec![
        verified(&store, "Basic/r", &changes(&stranger, "Basic/r")),
        verified(&store, "Basic/none", &[]),
    ];
    let staged = store.stage(&PEER, records, Vec::new(), Some(cursor(PEER, b"1")));
    let report = store
        .commit_staged(&ctx(), staged.unwrap().with_awaiting(waiting))
        .unwrap();
    assert_eq!((report.records, report.awaiting), (1, 1));
    assert!(store.contains(&key("Basic/m")).unwrap());
    assert!(!store.contains(&key("Basic/r")).unwrap());
    assert_eq!(store.cursor(&PEER).unwrap().unwrap(), b"1");
    is_whole(&store);
}

#[test]
fn the_same_change_counts_once_whoever_brings_it_however_often() {
    let (stranger, _) = memory_store(3);
    write(&stranger, "r", "one");
    write(&stranger, "r", "two");
    let all = changes(&stranger, "Basic/r");
    let (store, _) = memory_store(2);
    let twice = [all[0].clone(), all[0].clone()];
    assert_eq!(bring(&store, PEER, "Basic/r", &twice).unwrap().awaiting, 1);
    assert_eq!(bring(&store, PEER, "Basic/r", &all[..1]).unwrap().awaiting, 0);
    assert_eq!(bring(&store, OTHER, "Basic/r", &all).unwrap().awaiting, 1);
    assert_eq!(bring(&store, PEER, "Basic/r", &all).unwrap().awaiting, 0);
    assert_eq!(store.awaiting_count(), 2);
    assert_eq!(store.awaiting_by().unwrap(), by(&[(PEER, 1), (OTHER, 1)]));
    is_whole(&store);
    // Its author became known, and somebody sends it before what waits has been taken in.
    let report = apply(&store, "Basic/r", all[..1].to_vec());
    assert_eq!((report.records, store.awaiting_count()), (1, 2));
    let report = admit(&store, &[&stranger]);
    assert_eq!((report.records, report.changes, report.duplicates), (1, 1, 1));
    assert_eq!(
        (store.awaiting_count(), store.awaiting_by().unwrap()),
        (0, by(&[]))
    );
    // What is here already does not wait, even where its author were not known any more.
    assert_eq!(bring(&store, PEER, "Basic/r", &all).unwrap().awaiting, 0);
    assert_eq!(sum(&store), sum(&stranger));
    is_whole(&store);
}

#[test]
fn a_batch_that_one_peer_may_not_leave_waiting_leaves_nothing_and_keeps_no_other_out() {
    let (stranger, _) = memory_store(3);
    write(&stranger, "r", "one");
    write(&stranger, "s", "one");
    let of = |id: &str| changes(&stranger, id);
    let bytes = of("Basic/r")[0].bytes.len() as u64;
    for (what, count) in [
        ("in number", (AWAITING_PEER_MAX - 1, 0)),
        ("in bytes", (1, AWAITING_PEER_BYTES_MAX - bytes)),
    ] {
        let (store, _) = memory_store(2);
        let (changes, bytes) = count;
        let full = move |tx: &mut crate::tx::Tx<'_>| {
            awaiting_count_put(tx, &PEER, AwaitingCount { changes, bytes });
            Ok::<_, StoreError>(())
        };
        store.core.transact(1, full).unwrap();
        // Two do not fit, and neither stays; nor does what else is in the batch.
        let (member, _) = memory_store(4);
        write(&member, "m", "one");
        let record = verified(
            &store,
            "Basic/m",
            &member.signed_changes(&key("Basic/m")).unwrap(),
        );
        let waiting = ["Basic/r", "Basic/s"]
            .map(|id| verified(&store, id, &of(id)))
            .to_vec();
        let batch = |peer: NodeId| {
            let staged = store.stage(&peer, vec![record.clone()], Vec::new(), Some(cursor(peer, b"1")));
            store.commit_staged(&ctx(), staged.unwrap().with_awaiting(waiting.clone()))
        };
        assert_eq!(batch(PEER), Err(StoreError::AwaitingFull), "{what}");
        assert_eq!(store.awaiting_count(), 0, "{what}");
        assert_eq!(store.cursor(&PEER).unwrap(), None, "{what}");
        assert!(!store.contains(&key("Basic/m")).unwrap(), "{what}");
        assert_eq!(known(&store, "Basic/r", &of("Basic/r")), [false], "{what}");
        // One does, and one more does not; what waits already is no more.
        assert_eq!(
            bring(&store, PEER, "Basic/r", &of("Basic/r")).unwrap().awaiting,
            1
        );
        let refused = bring(&store, PEER, "Basic/s", &of("Basic/s"));
        assert_eq!(refused, Err(StoreError::AwaitingFull), "{what}");
        assert_eq!(
            bring(&store, PEER, "Basic/r", &of("Basic/r")).unwrap().awaiting,
            0
        );
        // Another peer's go.
        assert_eq!(batch(OTHER).unwrap().awaiting, 1, "{what}");
        assert_eq!(store.cursor(&OTHER).unwrap().unwrap(), b"1");
        // What was taken in makes room.
        assert_eq!(admit(&store, &[&stranger]).records, 2);
        write(&stranger, "t", "one");
        assert_eq!(
            bring(&store, PEER, "Basic/t", &of("Basic/t")).unwrap().awaiting,
            1
        );
    }
}

#[test]
fn all_peers_together_may_leave_only_so_much_waiting() {
    let (stranger, _) = memory_store(3);
    write(&stranger, "r", "one");
    write(&stranger, "r", "two");
    let all = changes(&stranger, "Basic/r");
    let lengths = all.iter().map(|change| change.bytes.len() as u64);
    let longest = lengths.max().unwrap();
    for (awaiting, bytes) in [(AWAITING_MAX - 1, 0), (1, AWAITING_BYTES_MAX - longest)] {
        let (store, _) = memory_store(2);
        let full = move |tx: &mut crate::tx::Tx<'_>| {
            (tx.state.awaiting, tx.state.awaiting_bytes) = (awaiting, bytes);
            for peer in [PEER, OTHER] {
                let (changes, bytes) = (1, AWAITING_RESERVE_BYTES);
                awaiting_count_put(tx, &peer, AwaitingCount { changes, bytes });
            }
            Ok::<_, StoreError>(())
        };
        store.core.transact(1, full).unwrap();
        assert_eq!(
            bring(&store, PEER, "Basic/r", &all),
            Err(StoreError::AwaitingFull)
        );
        assert_eq!(bring(&store, PEER, "Basic/r", &all[..1]).unwrap().awaiting, 1);
        let refused = bring(&store, OTHER, "Basic/r", &all[1..]);
        assert_eq!(refused, Err(StoreError::AwaitingFull));
        assert_eq!(store.awaiting_by().unwrap(), by(&[(PEER, 2), (OTHER, 1)]));
        // A little of each peer's has room whatever others have left.
        let third = NodeId([9; 32]);
        assert_eq!(bring(&store, third, "Basic/r", &all[1..]).unwrap().awaiting, 1);
    }
}

/// Each change that comes to a record's others has them written again: a peer that brings them one by one is stopped early.
#[test]
fn of_one_record_only_so_much_waits_unless_it_is_one_large_change() {
    let (stranger, _) = memory_store(3);
    let large = "x".repeat(100_000);
    for n in 0..5 {
        // Not to be made smaller.
        let mut bytes = [0; 96_000];
        crate::env::Env::random(&*TestEnv::new(50 + n), &mut bytes);
        let text: String = bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        write(&stranger, "r", &format!("{n}{text}"));
    }
    let all = changes(&stranger, "Basic/r");
    let (store, _) = memory_store(2);
    let mut taken = 0;
    for change in &all {
        match bring(&store, PEER, "Basic/r", std::slice::from_ref(change)) {
            Ok(report) => taken += report.awaiting,
            Err(error) => assert_eq!(error, StoreError::AwaitingFull),
        }
    }
    let bytes: u64 = all.iter().map(|change| change.bytes.len() as u64).sum();
    assert!(
        bytes > AWAITING_RECORD_BYTES_MAX && taken < all.len() as u64 && taken > 0,
        "{taken} {bytes}"
    );
    assert_eq!(store.awaiting_count(), taken);
    write(&stranger, "s", &large.repeat(4));
    let one = changes(&stranger, "Basic/s");
    assert_eq!(bring(&store, PEER, "Basic/s", &one).unwrap().awaiting, 1);
}

/// Records a stranger wrote: more than two transactions take.
const MANY: usize = 150;

fn many(stranger: &Store) -> Vec<String> {
    let all = (0..MANY)
        .map(|n| put(basic(&format!("r{n:03}"), "one")))
        .collect();
    for result in stranger.commit_bulk(&ctx(), all) {
        result.unwrap();
    }
    (0..MANY).map(|n| format!("Basic/r{n:03}")).collect()
}

#[test]
fn a_power_cut_while_much_is_taken_in_loses_nothing_of_it() {
    let (stranger, _) = memory_store(3);
    let ids = many(&stranger);
    let watched = Arc::new(Watched {
        kv: FaultKv::new(),
        shots: Mutex::default(),
        acknowledged: Mutex::new(0),
        seed: Mutex::new(17),
    });
    let store = store_on(watched.clone(), 2, TestEnv::new(2));
    let of = |id: &String| verified(&store, id, &changes(&stranger, id));
    let staged = store.stage(&PEER, Vec::new(), Vec::new(), None).unwrap();
    let waiting = ids.iter().map(of).collect();
    let report = store
        .commit_staged(&ctx(), staged.with_awaiting(waiting))
        .unwrap();
    assert_eq!(report.awaiting, MANY as u64);
    watched.shots.lock().unwrap().clear();
    let report = admit(&store, &[&stranger]);
    assert_eq!((report.records, report.changes), (MANY as u64, MANY as u64));
    let shots = std::mem::take(&mut *watched.shots.lock().unwrap());
    let mut stages = BTreeSet::new();
    for (at, (kv, _)) in shots.into_iter().enumerate() {
        let store = Store::open_on(Arc::new(kv), &[7; 32], TestEnv::new(at as u64), options()).unwrap();
        let (taken, waiting) = (store.stats().unwrap().records, store.awaiting_count());
        assert_eq!(taken + waiting, MANY as u64, "shot {at}");
        stages.insert(taken);
        is_whole(&store);
        admit(&store, &[&stranger]);
        assert_eq!(
            (store.awaiting_count(), sum(&store)),
            (0, sum(&stranger)),
            "shot {at}"
        );
        is_whole(&store);
    }
    // Each transaction is there whole or not at all.
    assert_eq!(stages, [0, 64, 128, MANY as u64].into());
}

#[test]
fn what_waits_survives_a_failing_disk_and_one_damaged_row_keeps_back_only_its_own() {
    let (stranger, _) = memory_store(3);
    let ids = many(&stranger);
    let kv = Arc::new(FaultKv::new());
    let store = store_on(kv.clone(), 2, TestEnv::new(2));
    for id in &ids {
        bring(&store, PEER, id, &changes(&stranger, id)).unwrap();
    }
    kv.full(true);
    let authors = BTreeSet::from([node(&stranger)]);
    let refused = store.authors_admit(&ctx(), &authors);
    assert_eq!(refused, Err(StoreError::DiskFull));
    assert_eq!(store.awaiting_count(), MANY as u64);
    kv.full(false);
    let prf = crate::row::record_prf(&store.core.sealer, &key("Basic/r007"));
    let row = crate::tables::Table::Awaiting.key(&[&prf, &[0, 0]]);
    let mut sealed = kv.get(&row).unwrap().unwrap();
    sealed[60] ^= 1;
    let mut batch = kv::Batch::default();
    batch.put(row, sealed);
    kv.apply(&batch).unwrap();
    let told = store.authors_admit(&ctx(), &authors);
    assert_eq!(told, Err(StoreError::Damaged("waiting change")));
    assert_eq!(
        (store.awaiting_count(), store.stats().unwrap().records),
        (1, MANY as u64 - 1)
    );
    assert!(!store.verify().unwrap().is_whole());
}

#[test]
fn a_store_built_anew_keeps_waiting_what_waited() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("data");
    let unlock = Unlock::Raw([4; 32]);
    let made = Store::create(&dir, &unlock, TestEnv::new(1), options()).unwrap();
    let store = made.store.clone();
    drop(made);
    store.identity_set(&identity(1)).unwrap();
    let (stranger, _) = memory_store(3);
    for id in ["r", "s"] {
        write(&stranger, id, "one");
        write(&stranger, id, "two");
    }
    let of = |id: &str| changes(&stranger, id);
    bring(&store, PEER, "Basic/r", &of("Basic/r")[..1]).unwrap();
    bring(&store, OTHER, "Basic/r", &of("Basic/r")).unwrap();
    bring(&store, PEER, "Basic/s", &of("Basic/s")).unwrap();
    let (count, of_each) = (store.awaiting_count(), store.awaiting_by().unwrap());
    assert_eq!(of_each, by(&[(PEER, 3), (OTHER, 1)]));
    drop(store);
    let report = doctor::rebuild(&dir, &unlock, TestEnv::new(2), options()).unwrap();
    assert_eq!((report.rebuilt, report.problems), (Some(0), 0), "{report:?}");
    let store = Store::open(&dir, &unlock, TestEnv::new(3), options()).unwrap();
    assert_eq!(
        (store.awaiting_count(), store.awaiting_by().unwrap()),
        (count, of_each)
    );
    is_whole(&store);
    assert_eq!(admit(&store, &[&stranger]).records, 2);
    assert_eq!(sum(&store), sum(&stranger));
}
