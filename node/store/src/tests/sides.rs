//! A dispute in which one side took something away, or took all of it away; and what else is told of a write
//! that came to nothing.

use crate::{seal::Sealer, seal::keyring::Keyring, testing::*, *};

fn patient(members: &str) -> Write {
    put(json(&format!(
        r#"{{"resourceType":"Patient","id":"r","gender":"female"{members}}}"#
    )))
}

fn of() -> RecordKey {
    key("Patient/r")
}

/// Two sites, of which the first changed what the other took away.
fn apart(other: Write) -> [Store; 2] {
    let ((a, _), (b, env)) = (memory_store(1), memory_store(2));
    a.commit(&ctx(), vec![patient(r#","birthDate":"1980-01-01""#)])
        .unwrap();
    sync(&a, &b);
    env.advance(5_000);
    a.commit(&ctx(), vec![patient(r#","birthDate":"1980-02-02""#)])
        .unwrap();
    let nobody = Context {
        user: String::new(),
        ..ctx()
    };
    b.commit(&nobody, vec![other]).unwrap();
    sync(&a, &b);
    sync(&b, &a);
    assert_eq!(a.read_raw(&of()).unwrap(), b.read_raw(&of()).unwrap());
    [a, b]
}

#[test]
fn a_side_that_took_a_value_away_is_told_as_such_and_can_be_chosen() {
    type Choose = fn(&ConflictItem) -> Choice;
    let choices: [(Choose, Option<&str>); 5] = [
        (
            |item| Choice::Pick(usize::from(item.values[0].value.is_some())),
            None,
        ),
        (
            |item| Choice::Pick(usize::from(item.values[0].value.is_none())),
            Some("1980-02-02"),
        ),
        (|_| Choice::Remove, None),
        (
            |_| Choice::Value(chaski_json::Json::from("1980-01-01")),
            Some("1980-01-01"),
        ),
        (
            |_| Choice::Value(chaski_json::Json::from("1980-03-03")),
            Some("1980-03-03"),
        ),
    ];
    for (choice, wanted) in choices {
        let [a, b] = apart(patient(""));
        let entry = a.conflict(&ctx(), &of()).unwrap().unwrap();
        assert_eq!(b.conflict(&ctx(), &of()).unwrap().as_ref(), Some(&entry));
        let item = &entry.items[0];
        assert_eq!((entry.items.len(), item.values.len()), (1, 2));
        let read = a.read(&ctx(), &of()).unwrap().unwrap().json;
        let extensions = read.pointer("/meta/extension").unwrap().as_array().unwrap();
        let url = |part: &chaski_json::Json| part.get("url").and_then(|url| url.as_str()).map(str::to_owned);
        let conflict = extensions
            .iter()
            .find(|one| url(one).as_deref() == Some(CONFLICT_URL));
        for (at, side) in item.values.iter().enumerate() {
            let parts = conflict
                .unwrap()
                .pointer(&format!("/extension/{}/extension", at + 1));
            let parts = parts.unwrap().as_array().unwrap();
            let urls: Vec<String> = parts.iter().filter_map(url).collect();
            let wanted: &[&str] = match side.value {
                // Nobody who is named.
                None => &["removed", "shown", "time", "node", "version"],
                Some(_) => &["content", "shown", "time", "user", "node", "version"],
            };
            assert_eq!(urls, wanted);
            let last = parts
                .last()
                .unwrap()
                .get("valueString")
                .and_then(|text| text.as_str());
            assert_eq!(last, Some(crate::hex::encode(&side.change.0).as_str()));
            if side.value.is_none() {
                assert_eq!(
                    parts[0].get("valueBoolean").and_then(|is| is.as_bool()),
                    Some(true)
                );
            }
        }
        let resolve = Write::Resolve {
            key: of(),
            path: item.path.clone(),
            listed: entry.version.clone(),
            choice: choice(item),
        };
        a.commit(&ctx(), vec![resolve]).unwrap();
        sync(&a, &b);
        for store in [&a, &b] {
            let read = store.read(&ctx(), &of()).unwrap().unwrap();
            let shown = read.json.get("birthDate").and_then(|text| text.as_str());
            assert_eq!((shown, read.conflicts), (wanted, 0));
            assert!(store.conflict(&ctx(), &of()).unwrap().is_none());
            let found = store.search(&ctx(), &query("Patient", "birthdate=1980-02-02"));
            assert_eq!(
                found.unwrap().entries.len(),
                usize::from(wanted == Some("1980-02-02"))
            );
            assert!(store.verify().unwrap().is_whole());
        }
    }
}

#[test]
fn a_record_that_one_site_deleted_and_another_changed_is_lost_at_neither() {
    let delete = Write::Delete {
        key: of(),
        base: Base::Current,
    };
    for store in apart(delete) {
        let read = store.read(&ctx(), &of()).unwrap().unwrap();
        assert!(!read.deleted && read.conflicts > 0, "{read:?}");
        assert_eq!(
            read.json.get("birthDate").and_then(|text| text.as_str()),
            Some("1980-02-02")
        );
        assert_eq!(store.keys().unwrap(), [of()]);
        assert!(store.contains(&of()).unwrap());
        let stats = store.stats().unwrap();
        assert_eq!(
            (stats.records, stats.deleted, stats.conflicted_records),
            (1, 0, 1)
        );
        for text in ["", "birthdate=1980-02-02", "_id=r", "_tag=conflict"] {
            let page = store.search(&ctx(), &query("Patient", text)).unwrap();
            assert_eq!(page.entries.len(), 1, "{text}");
        }
        assert!(store.verify().unwrap().is_whole());
    }
}

#[test]
fn a_write_that_is_refused_is_named_by_its_place_and_its_record() {
    let (store, _) = memory_store(1);
    let basic = |id: &str| json(&format!(r#"{{"resourceType":"Basic","id":"{id}"}}"#));
    let listed = VersionId::of(&[ChangeHash([1; 32])]);
    store.commit(&ctx(), vec![put(basic("held"))]).unwrap();
    let bad = [
        Write::Create {
            json: basic("held"),
            if_none_exist: None,
        },
        Write::Put {
            key: key("Basic/none"),
            json: basic("none"),
            base: Base::Present,
            resolution: false,
        },
        Write::Delete {
            key: key("Basic/none"),
            base: Base::Current,
        },
        Write::Resolve {
            key: key("Basic/none"),
            path: "language".into(),
            listed,
            choice: Choice::Remove,
        },
        Write::SetRemove {
            key: key("Basic/none"),
            path: "meta.tag".into(),
            value: json("{}"),
        },
    ];
    for write in bad {
        let wanted = match &write {
            Write::Create { .. } => key("Basic/held"),
            _ => key("Basic/none"),
        };
        for at in 0..3 {
            let mut all: Vec<Write> = (0..3).map(|n| put(basic(&format!("n{n}")))).collect();
            all[at] = write.clone();
            let told = |error: CommitError| match error {
                CommitError::Refused { index, key, .. } => (index, key),
                other => panic!("{other:?}"),
            };
            let refused = told(store.commit(&ctx(), all.clone()).unwrap_err());
            assert_eq!(refused, (at, Some(wanted.clone())), "{write:?}");
            assert_eq!(store.stats().unwrap().records, 1, "{write:?}");
            let (bulk, _) = memory_store(2);
            bulk.commit(&ctx(), vec![put(basic("held"))]).unwrap();
            for (n, result) in bulk.commit_bulk(&ctx(), all).into_iter().enumerate() {
                match result {
                    Ok(written) => assert!(n != at && written.created),
                    Err(error) => assert_eq!((n, told(error)), (at, (0, Some(wanted.clone())))),
                }
            }
            assert_eq!(bulk.stats().unwrap().records, 3);
        }
    }
}

#[test]
fn so_many_keys_are_at_hand_and_the_newest_of_them() {
    let sealer = Sealer::new(&Keyring::derived(&[1; 32]));
    let env = TestEnv::new(1);
    let id = |n: u64| crate::seal::KeyId(n.to_be_bytes());
    let row = b"\x10row".to_vec();
    let at_hand = |until: u64| {
        (1..=until)
            .filter(|n| sealer.cipher(id(*n)).is_some())
            .collect::<Vec<_>>()
    };
    for n in 1..=1_000u64 {
        sealer.learn(id(n), &[n as u8; 32]);
        let all = at_hand(n);
        // In tests 64 are kept, and of those that were learned last none of half of that is missing.
        assert!(all.len() <= 64, "{}", all.len());
        assert!(
            (n.saturating_sub(31).max(1)..=n).all(|newest| all.contains(&newest)),
            "{n}: {all:?}"
        );
    }
    // A key that was learned anew takes the place of the old one, wherever that stood.
    for n in [1_000, 980, 960, 945] {
        let cipher = sealer.learn(id(n), &[200; 32]);
        let sealed = sealer.seal_under(&cipher, id(n), &*env, &row, b"value").unwrap();
        for more in 0..31 {
            sealer.learn(id(5_000 + n * 100 + more), &[7; 32]);
            if let Some(known) = sealer.cipher(id(n)) {
                assert_eq!(sealer.open_under(&known, &row, &sealed).unwrap(), b"value");
            }
        }
    }
}

#[test]
fn each_log_of_arrivals_is_told_from_every_other() {
    let made = [1, 2, 3].map(|seed| memory_store(seed).0.log_epoch());
    assert!(made[0] != made[1] && made[1] != made[2] && made[0] != made[2]);
    let kv = std::sync::Arc::new(MemoryKv::new());
    let epoch = store_on(kv.clone(), 1, TestEnv::new(1)).log_epoch();
    let again = Store::open_on(kv, &[7; 32], TestEnv::new(2), options()).unwrap();
    assert_eq!(again.log_epoch(), epoch);
}
