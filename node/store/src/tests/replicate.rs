use crate::{testing::*, *};

fn observation(id: &str, patient: &str, value: &str) -> chaski_json::Json {
    json(&format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4"}}]}},"subject":{{"reference":"Patient/{patient}"}},"effectiveDateTime":"2026-01-02T03:04:05Z","valueQuantity":{{"value":{value},"unit":"/min"}}}}"#
    ))
}

#[test]
fn two_stores_meet_and_are_equal() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    for n in 0..30 {
        a.commit(&ctx(), vec![put(observation(&format!("a{n}"), "p1", "60"))])
            .unwrap();
        b.commit(&ctx(), vec![put(observation(&format!("b{n}"), "p2", "61"))])
            .unwrap();
    }
    sync(&a, &b);
    let report = sync(&b, &a);
    assert_eq!((report.records, report.duplicates), (30, 30));
    assert_eq!(
        a.fingerprint(&ScopeFilter::all()).unwrap().0,
        b.fingerprint(&ScopeFilter::all()).unwrap().0
    );
    let only = ScopeFilter::only([Compartment::Patient("p2".into())].into());
    assert_eq!(a.fingerprint(&only).unwrap().0, b.fingerprint(&only).unwrap().0);
    assert_eq!(a.fingerprint(&only).unwrap().0.count, 30);
    assert_eq!(a.keys().unwrap(), b.keys().unwrap());
    for key in a.keys().unwrap() {
        assert_eq!(a.read_raw(&key).unwrap(), b.read_raw(&key).unwrap());
    }
    assert!(a.verify().unwrap().is_whole() && b.verify().unwrap().is_whole());
    // Again: nothing new.
    assert_eq!(sync(&b, &a).records, 0);
}

#[test]
fn a_conflict_is_listed_marked_and_resolved_everywhere() {
    let (a, _) = memory_store(1);
    let (b, env) = memory_store(2);
    a.commit(&ctx(), vec![put(observation("o", "p", "60"))]).unwrap();
    sync(&a, &b);
    env.advance(50);
    a.commit(&ctx(), vec![put(observation("o", "p", "70"))]).unwrap();
    b.commit(&ctx(), vec![put(observation("o", "p", "80"))]).unwrap();
    sync(&a, &b);
    sync(&b, &a);
    for store in [&a, &b] {
        assert_eq!(store.stats().unwrap().conflicted_records, 1);
        let page = store.conflicts(&ctx(), None, 10).unwrap();
        assert_eq!(page.entries.len(), 1);
        let read = store.read(&ctx(), &key("Observation/o")).unwrap().unwrap();
        assert!(read.conflicts > 0);
        let tag = read
            .json
            .pointer("/meta/tag/0/code")
            .and_then(|j| j.as_str())
            .map(str::to_owned);
        assert_eq!(tag.as_deref(), Some("conflict"));
        let found = store.search(
            &ctx(),
            &query("Observation", "_tag=https://chaski.health/fhir/tags|conflict"),
        );
        assert_eq!(found.unwrap().entries.len(), 1);
    }
    assert_eq!(
        a.conflict(&ctx(), &key("Observation/o")).unwrap(),
        b.conflict(&ctx(), &key("Observation/o")).unwrap()
    );
    let entry = a.conflict(&ctx(), &key("Observation/o")).unwrap().unwrap();
    let resolve = |listed| Write::Resolve {
        key: key("Observation/o"),
        path: entry.items[0].path.clone(),
        listed,
        choice: Choice::Pick(0),
    };
    // Decided from a list that is no longer true: refused, and nothing is overwritten.
    let old = a
        .history(&ctx(), &HistoryOf::Record(key("Observation/o")), None, None, 10)
        .unwrap();
    let old = old.entries.last().unwrap().version.clone();
    assert_ne!(old, entry.version);
    let refused = a.commit(&ctx(), vec![resolve(old)]).unwrap_err();
    assert!(format!("{refused:?}").contains("VersionMismatch"), "{refused:?}");
    assert_eq!(a.stats().unwrap().conflicts, 1);
    a.commit(&ctx(), vec![resolve(entry.version.clone())]).unwrap();
    sync(&a, &b);
    for store in [&a, &b] {
        assert_eq!(store.stats().unwrap().conflicts, 0);
        assert!(store.conflicts(&ctx(), None, 10).unwrap().entries.is_empty());
        assert!(store.verify().unwrap().is_whole());
    }
}

#[test]
fn what_all_shared_stays_theirs_and_what_was_a_patients_never_becomes_everybodys() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    let device = |id: &str, of: Option<&str>| {
        let patient = of.map_or(String::new(), |of| {
            format!(r#","patient":{{"reference":"Patient/{of}"}}"#)
        });
        put(json(&format!(
            r#"{{"resourceType":"Device","id":"{id}"{patient}}}"#
        )))
    };
    a.commit(&ctx(), vec![device("house", None), device("implant", Some("p"))])
        .unwrap();
    a.commit(&ctx(), vec![device("house", Some("p")), device("implant", None)])
        .unwrap();
    sync(&a, &b);
    for store in [&a, &b] {
        let scopes = |id: &str| {
            store
                .filing_of(&key(&format!("Device/{id}")))
                .unwrap()
                .unwrap()
                .compartments
        };
        assert_eq!(
            scopes("house"),
            [Compartment::Patient("p".into()), Compartment::Shared]
        );
        assert_eq!(scopes("implant"), [Compartment::Patient("p".into())]);
        let found = store.search(&ctx(), &query("Device", "")).unwrap();
        assert_eq!(found.entries.len(), 2);
        assert!(store.verify().unwrap().is_whole());
    }
}

#[test]
fn a_record_stays_in_every_compartment_it_was_filed_under() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    a.commit(&ctx(), vec![put(observation("o", "wrong", "60"))])
        .unwrap();
    a.commit(&ctx(), vec![put(observation("o", "right", "60"))])
        .unwrap();
    sync(&a, &b);
    for store in [&a, &b] {
        let entry = store.feed(0, 10).unwrap().pop().unwrap();
        assert_eq!(
            entry.filing.compartments,
            vec![
                Compartment::Patient("right".into()),
                Compartment::Patient("wrong".into())
            ]
        );
        let wrong = store
            .search(&ctx(), &query("Observation", "patient=wrong"))
            .unwrap();
        assert!(wrong.entries.is_empty());
        assert_eq!(
            store
                .search(&ctx(), &query("Observation", "patient=right"))
                .unwrap()
                .entries
                .len(),
            1
        );
    }
}

#[test]
fn orphans_wait_and_bad_signatures_are_set_aside() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    a.commit(&ctx(), vec![put(observation("o", "p", "60"))]).unwrap();
    a.commit(&ctx(), vec![put(observation("o", "p", "61"))]).unwrap();
    let changes = a.signed_changes(&key("Observation/o")).unwrap();
    assert_eq!(
        a.signed_changes_since(&key("Observation/o"), 1).unwrap(),
        changes[1..].to_vec()
    );
    let peer = a.identity().unwrap().node;
    let apply = |changes: Vec<SignedChange>| {
        b.apply_remote(&ctx(), &peer, vec![(key("Observation/o"), changes)], None)
            .unwrap()
    };
    let report = apply(vec![changes[1].clone()]);
    assert_eq!(
        (report.records, report.orphans.len(), b.pending_count()),
        (0, 1, 1)
    );
    let mut forged = changes[0].clone();
    forged.signature[3] ^= 1;
    let report = apply(vec![forged]);
    assert_eq!(report.quarantined.len(), 1);
    assert_eq!(b.quarantined_count(), 1);
    // The forgery does not keep the good one out.
    let report = apply(vec![changes[0].clone()]);
    assert_eq!((report.records, report.changes, b.pending_count()), (1, 2, 0));
    assert_eq!(
        a.heads(&key("Observation/o")).unwrap(),
        b.heads(&key("Observation/o")).unwrap()
    );
    b.quarantine_forget().unwrap();
    assert_eq!(b.quarantined_count(), 0);
}

#[test]
fn what_is_staged_beside_one_another_is_merged_again_when_committed() {
    let (a, _) = memory_store(1);
    for value in ["60", "61"] {
        a.commit(&ctx(), vec![put(observation("o", "p", value))]).unwrap();
    }
    let identity = a.identity().unwrap();
    let of = key("Observation/o");
    let changes = a.signed_changes(&of).unwrap();
    // Both orders, and in both the later is staged before the earlier is committed.
    for order in [[0, 1], [1, 0]] {
        let (b, _) = memory_store(2);
        let staged = order.map(|at: usize| {
            let change = changes[at].verify(&identity.network, &of).unwrap();
            let records = vec![(of.clone(), vec![change])];
            b.stage(&identity.node, records, Vec::new(), None).unwrap()
        });
        let reports = staged.map(|staged| b.commit_staged(&ctx(), staged).unwrap());
        assert_eq!(reports[0].orphans.len(), order[0]);
        assert!(reports[1].orphans.is_empty());
        assert_eq!(a.read_raw(&of).unwrap(), b.read_raw(&of).unwrap());
        assert_eq!(b.core.state().pending, 0);
        assert!(b.verify().unwrap().is_whole());
    }
}

#[test]
fn cursors_travel_with_their_batch() {
    let (a, _) = memory_store(1);
    let (b, _) = memory_store(2);
    a.commit(&ctx(), vec![put(observation("o", "p", "60"))]).unwrap();
    let peer = a.identity().unwrap().node;
    let records = vec![(
        key("Observation/o"),
        a.signed_changes(&key("Observation/o")).unwrap(),
    )];
    let cursor = CursorUpdate {
        peer,
        value: b"at 1".to_vec(),
    };
    b.apply_remote(&ctx(), &peer, records, Some(cursor)).unwrap();
    assert_eq!(b.cursor(&peer).unwrap(), Some(b"at 1".to_vec()));
    let entry = b.feed(0, 1).unwrap().pop().unwrap();
    assert_eq!(entry.source, Some(peer));
    let (incarnation, seq) = a.incarnation().unwrap();
    assert_eq!(b.author_seq_seen(&peer, incarnation).unwrap(), seq);
    a.author_seq_heard(incarnation, seq + 1);
    assert!(a.incarnation().is_none());
}

#[test]
fn a_cloned_store_started_twice_forks_nothing() {
    use std::sync::Arc;
    let kv = Arc::new(MemoryKv::new());
    let first = store_on(kv.clone(), 1, TestEnv::new(1));
    first
        .commit(&ctx(), vec![put(observation("o", "p", "60"))])
        .unwrap();
    let clone = |seed| {
        let kv = Arc::new(kv.duplicate());
        Store::open_on(kv, &[7; 32], TestEnv::new(seed), options()).unwrap()
    };
    let (a, b) = (clone(10), clone(11));
    a.commit(&ctx(), vec![put(observation("o", "p", "70"))]).unwrap();
    b.commit(&ctx(), vec![put(observation("o", "p", "80"))]).unwrap();
    assert_ne!(a.incarnation().unwrap().0, b.incarnation().unwrap().0);
    sync(&a, &b);
    sync(&b, &a);
    assert_eq!(
        a.fingerprint(&ScopeFilter::all()).unwrap().0,
        b.fingerprint(&ScopeFilter::all()).unwrap().0
    );
    for store in [&a, &b] {
        assert_eq!(
            (
                store.quarantined_count(),
                store.stats().unwrap().conflicted_records
            ),
            (0, 1)
        );
        assert_eq!(store.signed_changes(&key("Observation/o")).unwrap().len(), 3);
        assert!(store.verify().unwrap().is_whole());
    }
    let node = a.identity().unwrap().node;
    assert_eq!(a.incarnations_of(&node).unwrap().len(), 3);
}

#[test]
fn narrative_older_than_the_newest_change_is_left_out() {
    let (store, _) = memory_store(1);
    let mut told = observation("o", "p", "60");
    let text = json(r#"{"status":"generated","div":"<div>sixty</div>"}"#);
    told.as_object_mut().unwrap().insert("text".into(), text);
    store.commit(&ctx(), vec![put(told.clone())]).unwrap();
    let read = |store: &Store| store.read(&ctx(), &key("Observation/o")).unwrap().unwrap().json;
    assert!(read(&store).get("text").is_some());
    let mut later = observation("o", "p", "61");
    later
        .as_object_mut()
        .unwrap()
        .insert("text".into(), told.get("text").unwrap().clone());
    store.commit(&ctx(), vec![put(later)]).unwrap();
    assert!(read(&store).get("text").is_none());
}

/// What each write keeps to, all of them together may exceed; and a merge is
/// not refused.
#[test]
fn a_record_that_grew_beyond_any_one_write_can_be_read() {
    let stores = [1, 2, 3].map(|seed| memory_store(seed).0);
    let [one, others @ ..] = &stores;
    let text = r#"{"resourceType":"Patient","id":"a"}"#;
    one.commit(&ctx(), vec![put(json(text))]).unwrap();
    others.iter().for_each(|other| drop(sync(one, other)));
    let long = "x".repeat(6 * 1024 * 1024);
    for (store, field) in stores.iter().zip(["language", "gender", "implicitRules"]) {
        let mut grown = json(text);
        let members = grown.as_object_mut().unwrap();
        members.insert(field.to_owned(), chaski_json::Json::from(long.as_str()));
        store.commit(&ctx(), vec![put(grown)]).unwrap();
    }
    others.iter().for_each(|other| drop(sync(other, one)));
    let read = one.read(&ctx(), &key("Patient/a")).unwrap().unwrap();
    assert!(read.json.canonical().len() > 3 * long.len());
}
