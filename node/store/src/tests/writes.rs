use crate::{testing::*, *};

fn patient(id: &str, family: &str) -> chaski_json::Json {
    json(&format!(
        r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}","given":["Ana"]}}],"gender":"female","birthDate":"1980-02-03"}}"#
    ))
}

#[test]
fn a_record_is_written_read_and_put_back_unchanged() {
    let (store, env) = memory_store(1);
    let written = store.commit(&ctx(), vec![put(patient("a", "Quispe"))]).unwrap();
    assert!(written[0].created && !written[0].unchanged);
    env.advance(10);
    let read = store.read(&ctx(), &key("Patient/a")).unwrap().unwrap();
    assert_eq!(
        read.json.pointer("/name/0/family").and_then(|j| j.as_str()),
        Some("Quispe")
    );
    assert_eq!(
        read.json.pointer("/meta/versionId").and_then(|j| j.as_str()),
        Some(written[0].version.as_str())
    );
    let again = store.commit(&ctx(), vec![put(read.json)]).unwrap();
    assert!(again[0].unchanged);
    assert_eq!(again[0].version, written[0].version);
}

#[test]
fn if_match_is_checked_and_base_versions_merge() {
    let (store, env) = memory_store(1);
    let first = store.commit(&ctx(), vec![put(patient("a", "Quispe"))]).unwrap()[0]
        .version
        .clone();
    env.advance(5);
    let mut changed = patient("a", "Quispe");
    changed
        .as_object_mut()
        .unwrap()
        .insert("language".into(), "qu".into());
    let write = |json, base| Write::Put {
        key: key("Patient/a"),
        json,
        base,
        resolution: false,
    };
    let second = store
        .commit(&ctx(), vec![write(changed, Base::IfMatch(first.clone()))])
        .unwrap();
    assert_ne!(second[0].version, first);
    let stale = store.commit(
        &ctx(),
        vec![write(patient("a", "Mamani"), Base::IfMatch(first.clone()))],
    );
    assert!(matches!(
        stale,
        Err(CommitError::Refused {
            refusal: Refusal::VersionMismatch { .. },
            ..
        })
    ));
    store
        .commit(
            &ctx(),
            vec![write(patient("a", "Mamani"), Base::Version(first.clone()))],
        )
        .unwrap();
    let now = store.read(&ctx(), &key("Patient/a")).unwrap().unwrap();
    assert_eq!(now.json.get("language").and_then(|j| j.as_str()), Some("qu"));
    assert_eq!(
        now.json.pointer("/name/0/family").and_then(|j| j.as_str()),
        Some("Mamani")
    );
    let old = store
        .read_version(&ctx(), &key("Patient/a"), &first)
        .unwrap()
        .unwrap();
    assert_eq!(
        old.json.pointer("/name/0/family").and_then(|j| j.as_str()),
        Some("Quispe")
    );
}

#[test]
fn a_commit_is_all_or_nothing() {
    let (store, _) = memory_store(1);
    let bad = Write::Delete {
        key: key("Patient/none"),
        base: Base::Current,
    };
    let error = store
        .commit(&ctx(), vec![put(patient("a", "Quispe")), bad])
        .unwrap_err();
    assert!(matches!(
        error,
        CommitError::Refused {
            index: 1,
            refusal: Refusal::NotFound,
            ..
        }
    ));
    assert!(store.read(&ctx(), &key("Patient/a")).unwrap().is_none());
    assert_eq!(store.stats().unwrap().records, 0);
    assert_eq!(store.position(), 0);
}

#[test]
fn deletion_leaves_a_history() {
    let (store, env) = memory_store(1);
    store.commit(&ctx(), vec![put(patient("a", "Quispe"))]).unwrap();
    env.advance(5);
    store
        .commit(
            &ctx(),
            vec![put(patient("a", "Mamani")), put(patient("b", "Flores"))],
        )
        .unwrap();
    store
        .commit(
            &ctx(),
            vec![Write::Delete {
                key: key("Patient/a"),
                base: Base::Current,
            }],
        )
        .unwrap();
    let read = store.read(&ctx(), &key("Patient/a")).unwrap().unwrap();
    assert!(read.deleted);
    let page = store
        .history(&ctx(), &HistoryOf::Record(key("Patient/a")), None, None, 2)
        .unwrap();
    assert_eq!(
        page.entries.iter().map(|e| e.deleted).collect::<Vec<_>>(),
        vec![true, false]
    );
    let rest = store
        .history(
            &ctx(),
            &HistoryOf::Record(key("Patient/a")),
            None,
            page.next.as_deref(),
            2,
        )
        .unwrap();
    assert_eq!(rest.entries.len(), 1);
    assert!(rest.entries[0].created && rest.next.is_none());
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let page = store
            .history(
                &ctx(),
                &HistoryOf::Kind("Patient".into()),
                None,
                cursor.as_deref(),
                1,
            )
            .unwrap();
        all.extend(page.entries);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(all.len(), 4);
    assert!(
        all.windows(2)
            .all(|pair| pair[0].last_updated_ms >= pair[1].last_updated_ms)
    );
    assert_eq!(
        all[3]
            .json
            .as_ref()
            .unwrap()
            .pointer("/name/0/family")
            .and_then(|j| j.as_str()),
        Some("Quispe")
    );
    assert_eq!(
        (store.stats().unwrap().records, store.stats().unwrap().deleted),
        (1, 1)
    );
}

#[test]
fn a_conditional_create_finds_what_is_there() {
    let (store, _) = memory_store(1);
    let org = |id: &str| {
        json(&format!(
            r#"{{"resourceType":"Organization","id":"{id}","identifier":[{{"system":"urn:x","value":"7"}}],"name":"Posta"}}"#
        ))
    };
    let create = |id: &str| Write::Create {
        json: org(id),
        if_none_exist: Some(query("Organization", "identifier=urn:x|7").into()),
    };
    assert!(store.commit(&ctx(), vec![create("a")]).unwrap()[0].created);
    let later = store.commit(&ctx(), vec![create("b")]).unwrap();
    assert!(later[0].unchanged);
    assert_eq!(later[0].key, key("Organization/a"));
    // Under the id it names it is the same record; under another one, what is written with it may
    // refer to a record that will never be.
    let again = vec![create("a"), put(patient("p", "Quispe"))];
    assert!(store.commit(&ctx(), again).unwrap()[0].unchanged);
    let other = vec![create("c"), put(patient("q", "Quispe"))];
    assert!(matches!(
        store.commit(&ctx(), other).unwrap_err(),
        CommitError::Refused {
            index: 0,
            refusal: Refusal::Matched,
            ..
        }
    ));
    assert!(!store.contains(&key("Patient/q")).unwrap());
    store.commit(&ctx(), vec![put(org("d"))]).unwrap();
    let many = store.commit(&ctx(), vec![create("e")]).unwrap_err();
    assert!(matches!(
        many,
        CommitError::Refused {
            refusal: Refusal::MultipleMatches,
            ..
        }
    ));
}

/// Two commits that wait for the writer together and so are written in one group.
fn race(store: &Store, one: Vec<Write>, other: Vec<Write>) -> Vec<Result<Vec<Written>, CommitError>> {
    std::thread::scope(|scope| {
        let writer = store.core.hold();
        let both = [one, other].map(|writes| scope.spawn(move || store.commit(&ctx(), writes)));
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while store.core.waiting_count() < 2 {
            assert!(std::time::Instant::now() < until, "the two never waited together");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        drop(writer);
        both.map(|commit| commit.join().unwrap()).into()
    })
}

#[test]
fn of_two_that_race_for_an_absent_record_one_creates_it() {
    let (store, _) = memory_store(1);
    let absent = |family: &str| {
        vec![Write::Put {
            key: key("Patient/a"),
            json: patient("a", family),
            base: Base::Absent,
            resolution: false,
        }]
    };
    for _ in 0..2 {
        let raced = race(&store, absent("Quispe"), absent("Mamani"));
        let created = raced
            .iter()
            .filter(|one| one.as_ref().is_ok_and(|done| done[0].created));
        assert_eq!(created.count(), 1, "{raced:?}");
        let refused = raced.iter().filter(|one| {
            matches!(
                one,
                Err(CommitError::Refused {
                    refusal: Refusal::Exists,
                    ..
                })
            )
        });
        assert_eq!(refused.count(), 1, "{raced:?}");
        // A deleted record is none.
        let delete = Write::Delete {
            key: key("Patient/a"),
            base: Base::Current,
        };
        store.commit(&ctx(), vec![delete]).unwrap();
    }
}

#[test]
fn of_two_that_race_on_one_condition_one_creates() {
    let (store, _) = memory_store(1);
    let create = |id: &str| {
        vec![Write::Create {
            json: patient(id, "Quispe"),
            if_none_exist: Some(query("Patient", "family=Quispe").into()),
        }]
    };
    let raced = race(&store, create("a"), create("b"));
    let keys: std::collections::BTreeSet<_> = raced
        .iter()
        .map(|one| one.as_ref().unwrap()[0].key.clone())
        .collect();
    assert_eq!(keys.len(), 1, "{raced:?}");
    assert_eq!(store.stats().unwrap().records, 1);
}

/// A clock that panics while it is told to, but only off the thread it was made on.
struct PanickingEnv {
    inner: std::sync::Arc<TestEnv>,
    home: std::thread::ThreadId,
    panics: std::sync::atomic::AtomicUsize,
}

impl Env for PanickingEnv {
    fn now_ms(&self) -> u64 {
        use std::sync::atomic::Ordering::SeqCst;
        let left = |left: usize| left.checked_sub(1);
        if std::thread::current().id() != self.home && self.panics.fetch_update(SeqCst, SeqCst, left).is_ok()
        {
            panic!("the clock fell off the wall");
        }
        self.inner.now_ms()
    }

    fn random(&self, out: &mut [u8]) {
        self.inner.random(out);
    }
}

#[test]
fn a_bulk_commit_answers_every_write_whatever_breaks() {
    let env = std::sync::Arc::new(PanickingEnv {
        inner: TestEnv::new(1),
        home: std::thread::current().id(),
        panics: std::sync::atomic::AtomicUsize::new(0),
    });
    let options = OpenOptions {
        background: true,
        ..options()
    };
    let kv = std::sync::Arc::new(MemoryKv::new());
    let store = Store::create_on(kv, &[7; 32], env.clone(), options).unwrap();
    store.identity_set(&identity(1)).unwrap();
    // Groups of 200; the second and third are prepared on a thread of their own.
    let writes: Vec<Write> = (0..500)
        .map(|n| put(patient(&format!("p{n}"), "Quispe")))
        .collect();
    env.panics.store(3, std::sync::atomic::Ordering::SeqCst);
    let results = store.commit_bulk(&ctx(), writes);
    assert_eq!(results.len(), 500);
    assert_eq!(env.panics.load(std::sync::atomic::Ordering::SeqCst), 0);
    for (n, result) in results.iter().enumerate() {
        let written = result.as_ref().unwrap();
        assert_eq!(written.key, key(&format!("Patient/p{n}")));
    }
    assert_eq!(store.stats().unwrap().records, 500);
}

#[test]
fn more_compartments_than_keys_at_hand_are_written_and_read() {
    // In tests 64 ciphers are kept. One commit makes more compartments than that, and readers look at
    // others meanwhile.
    let (store, _) = memory_store(1);
    let id = |n: usize| format!("p{n}");
    let all = |from: usize| {
        (from..from + 300)
            .map(|n| put(patient(&id(n), "Q")))
            .collect::<Vec<_>>()
    };
    store.commit(&ctx(), all(0)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in (0..300).cycle().take(1_200) {
                    let found = store.read(&ctx(), &key(&format!("Patient/{}", id(n))));
                    assert!(found.unwrap().is_some(), "{n}");
                }
            });
        }
        for result in store.commit_bulk(&ctx(), all(300)) {
            result.unwrap();
        }
    });
    assert_eq!(store.stats().unwrap().records, 600);
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn writers_on_many_threads_all_succeed() {
    let (store, _) = memory_store(1);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let store = &store;
            scope.spawn(move || {
                for n in 0..10 {
                    store
                        .commit(&ctx(), vec![put(patient(&format!("p{thread}-{n}"), "Q"))])
                        .unwrap();
                    let mut shared = patient("shared", "S");
                    shared
                        .as_object_mut()
                        .unwrap()
                        .insert("language".into(), format!("l{thread}-{n}").into());
                    store.commit(&ctx(), vec![put(shared)]).unwrap();
                }
            });
        }
    });
    assert_eq!(store.stats().unwrap().records, 81);
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn audit_joins_the_write_and_repeats_coalesce() {
    let (store, env) = memory_store(1);
    store.commit(&ctx(), vec![put(patient("a", "Quispe"))]).unwrap();
    let event = AuditEvent {
        action: "record_read".into(),
        target: Some(key("Patient/a")),
        outcome: Outcome::Ok,
        durable: false,
    };
    for _ in 0..3 {
        store.audit(&ctx(), &event).unwrap();
    }
    assert_eq!(store.audit_list(None, 10).unwrap().entries.len(), 1);
    store.audit_flush().unwrap();
    env.advance(1000);
    store.audit(&ctx(), &event).unwrap();
    store.audit_flush().unwrap();
    let log = store.audit_list(None, 10).unwrap().entries;
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].action.as_str(), log[0].repeats), ("record_read", 4));
    assert_eq!(log[1].targets, vec![key("Patient/a")]);
    env.advance(6 * 60 * 1000);
    store
        .audit(
            &ctx(),
            &AuditEvent {
                durable: true,
                ..event
            },
        )
        .unwrap();
    assert_eq!(store.audit_list(None, 10).unwrap().entries.len(), 3);
}

#[test]
fn documents_swap_only_when_unchanged() {
    let (store, _) = memory_store(1);
    store.blob_swap("ticket/1", None, Some(b"used")).unwrap();
    assert_eq!(
        store.blob_swap("ticket/1", None, Some(b"again")),
        Err(StoreError::Changed)
    );
    let long = vec![5; 20_000];
    store.blob_put("trust/set", &long).unwrap();
    store.blob_put("trust/set", &long[..10]).unwrap();
    assert_eq!(store.blob("trust/set").unwrap(), Some(long[..10].to_vec()));
    assert_eq!(store.blobs("t").unwrap().len(), 2);
    store.blob_remove("ticket/1").unwrap();
    assert_eq!(store.blob("ticket/1").unwrap(), None);
}
