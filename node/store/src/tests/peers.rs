//! What others send: what counts as known, what waits, what is told to whom, and what is told apart.

use std::sync::Arc;

use chaski_crdt::{author::Writer, hlc::Stamp, record::Record};

use crate::{
    remote::{PENDING_BYTES_MAX, PENDING_MAX, QUARANTINE_MAX},
    testing::*,
    *,
};

pub(super) fn basic(id: &str, language: &str) -> chaski_json::Json {
    json(&format!(
        r#"{{"resourceType":"Basic","id":"{id}","language":"{language}"}}"#
    ))
}

pub(crate) fn write(store: &Store, id: &str, language: &str) {
    store.commit(&ctx(), vec![put(basic(id, language))]).unwrap();
}

pub(super) fn apply(store: &Store, id: &str, changes: Vec<SignedChange>) -> ApplyReport {
    let records = vec![(key(id), changes)];
    store
        .apply_remote(&ctx(), &NodeId([6; 32]), records, None)
        .unwrap()
}

/// Whether each of these changes need not be sent any more.
pub(super) fn known(store: &Store, id: &str, changes: &[SignedChange]) -> Vec<bool> {
    let known = store.known_hashes(&key(id)).unwrap();
    let is_known = |change: &SignedChange| known.contains(&change.hash().unwrap());
    changes.iter().map(is_known).collect()
}

#[test]
fn what_came_with_a_bad_signature_is_not_known_and_is_asked_for_again() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    write(&a, "r", "one");
    write(&a, "r", "two");
    let good = a.signed_changes(&key("Basic/r")).unwrap();
    for at in 0..2 {
        let mut forged = good[at].clone();
        forged.signature[7] ^= 1;
        let report = apply(&b, "Basic/r", vec![forged.clone()]);
        assert_eq!((report.quarantined.len(), report.changes), (1, 0));
        assert_eq!(known(&b, "Basic/r", &good), [false, false]);
        // It is set aside once, however often it comes.
        apply(&b, "Basic/r", vec![forged]);
        assert_eq!(b.quarantined_count(), at as u64 + 1);
    }
    let aside = b.quarantine(10).unwrap();
    assert_eq!(aside.len(), 2);
    assert!(
        aside
            .iter()
            .all(|item| item.peer == Some(NodeId([6; 32])) && item.key == key("Basic/r"))
    );
    // What waits for what it follows is known, and so is what was taken in.
    apply(&b, "Basic/r", vec![good[1].clone()]);
    assert_eq!(known(&b, "Basic/r", &good), [false, true]);
    apply(&b, "Basic/r", vec![good[0].clone()]);
    assert_eq!(known(&b, "Basic/r", &good), [true, true]);
    assert_eq!(known(&b, "Basic/other", &good), [false, false]);
    assert_eq!(
        a.read_raw(&key("Basic/r")).unwrap(),
        b.read_raw(&key("Basic/r")).unwrap()
    );
}

#[test]
fn what_was_signed_well_and_cannot_be_taken_is_known_until_someone_says_so() {
    let signer = chaski_crdt::author::NetworkId(NETWORK);
    let seed = identity(5).signing_seed;
    let signing = ed25519_dalek::SigningKey::from_bytes(&seed);
    let mut next_seq = 1;
    let mut writer = Writer {
        signer: &signing,
        network: signer,
        incarnation: 5,
        next_seq: &mut next_seq,
    };
    // A document that says it is another record, as a modified node can sign it.
    let stamp = Stamp::default();
    let (_, own) = Record::create(
        key("Basic/own"),
        &basic("own", "x"),
        record_policy(),
        &mut writer,
        &stamp,
    )
    .unwrap();
    let refiled = writer.sign(&key("Basic/r"), own.bytes).unwrap();
    let (b, _) = memory_store(2);
    for _ in 0..2 {
        let report = apply(&b, "Basic/r", vec![refiled.clone()]);
        assert_eq!((report.quarantined.len(), report.records), (1, 0));
    }
    assert_eq!((b.quarantined_count(), b.quarantine(10).unwrap().len()), (1, 1));
    assert_eq!(known(&b, "Basic/r", std::slice::from_ref(&refiled)), [true]);
    assert_eq!(known(&b, "Basic/own", std::slice::from_ref(&refiled)), [false]);
    assert!(!b.contains(&key("Basic/r")).unwrap());
    assert!(b.verify().unwrap().is_whole());
    b.quarantine_forget().unwrap();
    assert_eq!(known(&b, "Basic/r", &[refiled]), [false]);
}

#[test]
fn what_waits_and_what_is_set_aside_is_bounded() {
    let (a, _) = memory_store(1);
    write(&a, "r", "one");
    write(&a, "r", "two");
    let changes = a.signed_changes(&key("Basic/r")).unwrap();
    let mut forged = changes[0].clone();
    forged.signature[7] ^= 1;
    let offer = |set: fn(&mut crate::state::State)| {
        let (b, _) = memory_store(2);
        let limit = move |tx: &mut crate::tx::Tx<'_>| {
            set(&mut tx.state);
            Ok::<_, StoreError>(())
        };
        b.core.transact(1, limit).unwrap();
        let before = (b.pending_count(), b.quarantined_count());
        let report = apply(&b, "Basic/r", vec![changes[1].clone(), forged.clone()]);
        assert_eq!((report.orphans.len(), report.quarantined.len()), (1, 1));
        let kept = (b.pending_count() - before.0, b.quarantined_count() - before.1);
        assert_eq!(kept.1, b.quarantine(10).unwrap().len() as u64);
        // What was dropped is not known: it comes again with what it follows.
        assert_eq!(known(&b, "Basic/r", &changes), [false, kept.0 == 1]);
        apply(&b, "Basic/r", changes.clone());
        assert_eq!(
            a.read_raw(&key("Basic/r")).unwrap(),
            b.read_raw(&key("Basic/r")).unwrap()
        );
        kept
    };
    assert_eq!(offer(|_| {}), (1, 1));
    assert_eq!(offer(|state| state.pending = PENDING_MAX - 1), (1, 1));
    assert_eq!(offer(|state| state.pending = PENDING_MAX), (0, 1));
    assert_eq!(offer(|state| state.pending_bytes = PENDING_BYTES_MAX), (0, 1));
    assert_eq!(offer(|state| state.quarantined = QUARANTINE_MAX - 1), (1, 1));
    assert_eq!(offer(|state| state.quarantined = QUARANTINE_MAX), (1, 0));
}

#[test]
fn the_log_names_a_source_only_where_it_sent_all_there_is() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    write(&a, "r", "one");
    sync(&a, &b);
    let peer = a.identity().unwrap().node;
    let source = |store: &Store| store.feed(0, 10).unwrap().pop().unwrap().source;
    assert_eq!(source(&b), Some(peer));
    assert_eq!(source(&a), None, "what was written here came from nobody");
    write(&a, "r", "two");
    write(&b, "r", "three");
    assert_eq!(source(&b), None);
    sync(&a, &b);
    assert_eq!(source(&b), None, "the peer lacks what was written here");
    let brought_by = |store: &Store| store.feed(0, 10).unwrap().pop().unwrap().brought_by;
    assert_eq!(brought_by(&b), Some(peer), "what arrived last came from it");
    let (one, at) = (b.feed(0, 10).unwrap().pop().unwrap().key, b.position());
    let all = b.signed_changes(&one).unwrap().len();
    // Only what it sent last stands at the newest position.
    assert_eq!(b.signed_changes_between(&one, 0, at).unwrap().len(), all - 1);
    assert_eq!(b.signed_changes_between(&one, at - 1, u64::MAX).unwrap().len(), 1);
    assert!(b.signed_changes_between(&one, at, u64::MAX).unwrap().is_empty());
    let position = b.position();
    let report = sync(&a, &b);
    assert_eq!(
        (report.records, report.position, b.position()),
        (0, position, position)
    );
    // A later answer is of the records that moved since, each once, at its newest place.
    write(&b, "s", "one");
    write(&b, "r", "four");
    let feed = b.feed(position, 10).unwrap();
    let ids: Vec<_> = feed.iter().map(|entry| entry.key.id()).collect();
    assert_eq!(ids, ["s", "r"]);
    assert!(feed.iter().all(|entry| entry.seq > position));
    assert_eq!(b.feed(position, 1).unwrap().len(), 1);
    assert!(b.feed(b.position(), 10).unwrap().is_empty());
    let new = b.signed_changes_since(&key("Basic/r"), position).unwrap();
    assert_eq!(new.len(), 1);
}

#[test]
fn what_waited_for_what_a_peer_sent_is_not_taken_to_be_with_it() {
    let (a, _) = memory_store(1);
    write(&a, "r", "one");
    write(&a, "r", "two");
    let [first, second]: [SignedChange; 2] = a.signed_changes(&key("Basic/r")).unwrap().try_into().unwrap();
    // The later one came by another and waits; the earlier one comes from a peer that knows of no other.
    let (b, _) = memory_store(2);
    let [other, peer] = [NodeId([5; 32]), NodeId([6; 32])];
    let take = |from: &NodeId, change: &SignedChange| {
        let records = vec![(key("Basic/r"), vec![change.clone()])];
        b.apply_remote(&ctx(), from, records, None).unwrap()
    };
    take(&other, &second);
    assert!(b.feed(0, 10).unwrap().is_empty());
    take(&peer, &first);
    let entry = b.feed(0, 10).unwrap().pop().unwrap();
    assert_eq!(b.signed_changes(&key("Basic/r")).unwrap().len(), 2);
    assert_eq!(
        (entry.source, entry.brought_by),
        (None, None),
        "it lacks what waited"
    );
}

/// Of two that a life signed under one number only one stands; the other is kept and handed on as evidence. The
/// record is of the patients of both: else who holds it would hand on what it is not known to be of.
#[test]
fn a_record_is_of_each_patient_whom_a_change_of_a_fork_named() {
    let kv = Arc::new(MemoryKv::new());
    let about = |store: &Store, patient: &str| {
        store
            .commit(
                &ctx(),
                vec![put(json(&format!(
                    r#"{{"resourceType":"Condition","id":"c","subject":{{"reference":"Patient/{patient}"}}}}"#
                )))],
            )
            .unwrap();
    };
    let first = store_on(kv.clone(), 1, TestEnv::new(1));
    about(&first, "p1");
    drop(first);
    let copies = ["p2", "p3"].map(|patient| {
        let copy = Arc::new(kv.duplicate());
        let store = Store::open_on(copy, &[7; 32], TestEnv::new(10), options()).unwrap();
        about(&store, patient);
        store
    });
    assert_eq!(copies[0].incarnation(), copies[1].incarnation());
    let scopes = |store: &Store| store.feed(0, 10).unwrap().pop().unwrap().filing.compartments;
    for order in [[0, 1], [1, 0]] {
        let third = memory_store(2).0;
        for at in order {
            sync(&copies[at], &third);
        }
        let patient = |id: &str| Compartment::Patient(id.to_owned());
        assert_eq!(scopes(&third), ["p1", "p2", "p3"].map(patient), "{order:?}");
        for id in ["p2", "p3"] {
            let only = ScopeFilter::only([patient(id)].into());
            assert_eq!(items_of(&third, &only).len(), 1, "{order:?}");
        }
        assert!(third.verify().unwrap().is_whole(), "{order:?}");
    }
}

#[test]
fn two_copies_that_differ_in_the_evidence_of_a_fork_are_not_equal() {
    let kv = Arc::new(MemoryKv::new());
    let first = store_on(kv.clone(), 1, TestEnv::new(1));
    write(&first, "r", "one");
    drop(first);
    // Two that draw the same life, as if randomness had failed them.
    let [one, other] = ["two", "three"].map(|language| {
        let copy = Arc::new(kv.duplicate());
        let store = Store::open_on(copy, &[7; 32], TestEnv::new(10), options()).unwrap();
        write(&store, "r", language);
        store
    });
    assert_eq!(one.incarnation(), other.incarnation());
    let both = memory_store(2).0;
    sync(&one, &both);
    sync(&other, &both);
    let of = key("Basic/r");
    let same = [&one, &other]
        .into_iter()
        .find(|store| store.heads(&of).unwrap() == both.heads(&of).unwrap());
    let same = same.expect("one of the two is what is shown");
    let sum = |store: &Store| store.fingerprint(&ScopeFilter::all()).unwrap().0;
    assert_ne!(sum(same), sum(&both), "who has not seen the fork must hear of it");
    assert_ne!(
        items_of(same, &ScopeFilter::all()),
        items_of(&both, &ScopeFilter::all())
    );
    sync(&both, same);
    assert_eq!(sum(same), sum(&both));
    assert_eq!(
        both.signed_changes(&of).unwrap().len(),
        3,
        "evidence is kept and sent on"
    );
    assert!(same.verify().unwrap().is_whole() && both.verify().unwrap().is_whole());
}

#[test]
fn sums_of_chosen_compartments_tell_of_those_and_no_others() {
    let (store, _) = memory_store(1);
    let pulse = |id: &str, patient: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","subject":{{"reference":"Patient/{patient}"}}}}"#
        )))
    };
    let only = |id: &str| ScopeFilter::only([Compartment::Patient(id.into())].into());
    let sums = |store: &Store| ["p", "q"].map(|id| store.fingerprint(&only(id)).unwrap().0);
    store
        .commit(&ctx(), vec![pulse("a", "p"), pulse("b", "q")])
        .unwrap();
    let before = sums(&store);
    assert_ne!(before[0], before[1]);
    store.commit(&ctx(), vec![pulse("c", "q")]).unwrap();
    let after = sums(&store);
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1]);
    assert_eq!(after.map(|sum| sum.count), [1, 2]);
    for id in ["p", "q"] {
        let items = items_of(&store, &only(id));
        assert_eq!(items.len() as u64, store.fingerprint(&only(id)).unwrap().0.count);
        for (key, _) in items {
            assert_eq!(
                store.filing_of(&key).unwrap().unwrap().compartments,
                [Compartment::Patient(id.into())]
            );
        }
    }
    assert_eq!(store.fingerprint(&only("none")).unwrap().0.count, 0);
}

#[test]
fn what_was_signed_under_a_life_that_was_left_meanwhile_is_signed_anew() {
    let (store, _) = memory_store(1);
    let node = store.identity().unwrap().node;
    write(&store, "r", "one");
    let (life, seq) = store.incarnation().unwrap();
    std::thread::scope(|scope| {
        let writer = store.core.hold();
        let store = &store;
        let commit = scope.spawn(move || store.commit(&ctx(), vec![put(basic("s", "two"))]));
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while store.core.waiting_count() < 1 {
            assert!(std::time::Instant::now() < until);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        // A peer tells that this directory is a copy of another that has gone on.
        store.author_seq_heard(life, seq + 100);
        drop(writer);
        commit.join().unwrap().unwrap();
    });
    let lives = store.incarnations_of(&node).unwrap();
    assert_eq!(lives.len(), 2, "{lives:?}");
    assert!(lives.contains(&(life, seq)), "{lives:?}");
    assert_ne!(store.incarnation().unwrap().0, life);
}

#[test]
fn the_highest_number_of_an_author_stays_whatever_arrives_after_it() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    write(&a, "r", "one");
    write(&a, "s", "one");
    let (life, seq) = a.incarnation().unwrap();
    let node = a.identity().unwrap().node;
    for id in ["Basic/s", "Basic/r"] {
        apply(&b, id, a.signed_changes(&key(id)).unwrap());
        assert_eq!(b.author_seq_seen(&node, life).unwrap(), seq, "{id}");
    }
}

#[test]
fn what_was_nobodys_and_became_a_patients_counts_with_the_patient_alone() {
    let (store, _) = memory_store(1);
    let only = |compartment: Compartment| {
        let filter = ScopeFilter::only([compartment].into());
        store.fingerprint(&filter).unwrap().0.count
    };
    let pulse = |subject: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"o","status":"final"{subject}}}"#
        )))
    };
    store.commit(&ctx(), vec![pulse("")]).unwrap();
    assert_eq!(
        (only(Compartment::Unfiled), only(Compartment::Patient("p".into()))),
        (1, 0)
    );
    let filed = pulse(r#","subject":{"reference":"Patient/p"}"#);
    store.commit(&ctx(), vec![filed]).unwrap();
    assert_eq!(
        (only(Compartment::Unfiled), only(Compartment::Patient("p".into()))),
        (0, 1)
    );
    assert!(store.verify().unwrap().is_whole());
}
