//! What goes out: in the order that was asked for, with who wrote it and what stands against it.

use chaski_fhir::search::Total;

use crate::{testing::*, *};

fn text_at<'a>(json: &'a chaski_json::Json, pointer: &str) -> &'a str {
    json.pointer(pointer)
        .and_then(|text| text.as_str())
        .unwrap_or_default()
}

/// All pages of a search, in their order.
fn all(store: &Store, kind: &str, text: &str, count: u32, total: bool) -> Vec<Current> {
    let mut query = query(kind, text);
    query.count = Some(count);
    if total {
        query.total = Total::Accurate;
    }
    let mut out = Vec::new();
    for _ in 0..1_000 {
        let page = store.search(&ctx(), &query).unwrap();
        assert!(page.entries.len() <= count as usize);
        out.extend(page.entries);
        query.cursor = page.next;
        if query.cursor.is_none() {
            return out;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_search_is_given_in_the_order_that_was_asked_for() {
    let (store, env) = memory_store(1);
    let families = ["Quispe", "mamani", "Flores", "", "Álvarez", "Zapata", "Flores"];
    for (n, family) in families.into_iter().enumerate() {
        env.advance(10);
        let name = match family {
            "" => String::new(),
            family => format!(r#","name":[{{"family":"{family}"}}]"#),
        };
        let born = if n == 4 {
            String::new()
        } else {
            format!(r#","birthDate":"19{}-05-05""#, 90 - n * 7)
        };
        let patient = format!(r#"{{"resourceType":"Patient","id":"p{n}"{name}{born}}}"#);
        store.commit(&ctx(), vec![put(json(&patient))]).unwrap();
    }
    let table: [(&str, [usize; 7]); 7] = [
        ("_sort=family", [4, 2, 6, 1, 0, 5, 3]),
        ("_sort=-family", [5, 0, 1, 2, 6, 4, 3]),
        ("_sort=birthdate", [6, 5, 3, 2, 1, 0, 4]),
        ("_sort=-birthdate", [0, 1, 2, 3, 5, 6, 4]),
        ("_sort=family,-birthdate", [4, 2, 6, 1, 0, 5, 3]),
        ("_sort=family,birthdate", [4, 6, 2, 1, 0, 5, 3]),
        ("_sort=-_lastUpdated", [6, 5, 4, 3, 2, 1, 0]),
    ];
    for (text, wanted) in table {
        let wanted: Vec<String> = wanted.iter().map(|n| format!("p{n}")).collect();
        for (count, total) in [(1, false), (2, true), (3, false), (50, false), (50, true)] {
            let found = all(&store, "Patient", text, count, total);
            let ids: Vec<_> = found.iter().map(|entry| entry.key.id().to_owned()).collect();
            assert_eq!(ids, wanted, "{text} in pages of {count}, total: {total}");
        }
    }
}

#[test]
fn a_search_by_the_time_of_arrival_finds_what_arrived_then() {
    let (store, env) = memory_store(1);
    let mut times = Vec::new();
    for n in 0..4 {
        env.advance(60_000);
        let basic = json(&format!(r#"{{"resourceType":"Basic","id":"b{n}"}}"#));
        times.push(store.commit(&ctx(), vec![put(basic)]).unwrap()[0].last_updated_ms);
    }
    for (n, ms) in times.iter().enumerate() {
        let time = chaski_fhir::date::instant(*ms);
        for (prefix, wanted) in [
            ("gt", (n + 1..4).collect::<Vec<_>>()),
            ("ge", (n..4).collect()),
            ("lt", (0..n).collect()),
            ("le", (0..=n).collect()),
            ("eq", vec![n]),
        ] {
            let text = format!("_lastUpdated={prefix}{time}");
            let mut ids: Vec<_> = all(&store, "Basic", &text, 2, true)
                .into_iter()
                .map(|entry| entry.key.id().to_owned())
                .collect();
            ids.sort();
            let wanted: Vec<_> = wanted.iter().map(|n| format!("b{n}")).collect();
            assert_eq!(ids, wanted, "{text}");
        }
    }
}

#[test]
fn a_conflict_goes_out_with_each_side_who_said_it_and_which_is_shown() {
    let (a, _) = memory_store(1);
    let (b, env) = memory_store(2);
    let told = |value: &str| {
        put(json(&format!(
            r#"{{"resourceType":"AllergyIntolerance","id":"r","criticality":"{value}"}}"#
        )))
    };
    a.commit(&ctx(), vec![told("unable-to-assess")]).unwrap();
    sync(&a, &b);
    env.advance(5_000);
    let doctor = Context {
        user: "doctor".into(),
        role: "physician".into(),
        ..ctx()
    };
    // The newer is the less grave, so that it is not by its age that one of them is shown.
    a.commit(&ctx(), vec![told("high")]).unwrap();
    b.commit(&doctor, vec![told("low")]).unwrap();
    sync(&a, &b);
    sync(&b, &a);
    let of = key("AllergyIntolerance/r");
    for store in [&a, &b] {
        let entry = store.conflict(&ctx(), &of).unwrap().unwrap();
        assert_eq!(entry.items.len(), 1);
        let item = &entry.items[0];
        assert_eq!(item.values.len(), 2);
        let nodes = [&a, &b].map(|store| store.identity().unwrap().node);
        for side in &item.values {
            let value = side.value.as_ref().unwrap().canonical();
            let (user, role, node) = if value.contains("high") {
                ("nurse", "clinician", nodes[0])
            } else {
                ("doctor", "physician", nodes[1])
            };
            assert_eq!(
                (side.user.as_str(), side.role.as_str(), side.author),
                (user, role, node)
            );
        }
        let safer = item.values[item.safer_index].value.as_ref().unwrap().canonical();
        assert!(safer.contains("high"), "{item:?}");
        let shown = store.read(&ctx(), &of).unwrap().unwrap();
        let raw = store.read_raw(&of).unwrap().unwrap();
        let found = store.search(&ctx(), &query("AllergyIntolerance", "")).unwrap();
        let history = store
            .history(&ctx(), &HistoryOf::Record(of.clone()), None, None, 1)
            .unwrap();
        let versions = [
            &shown.json,
            &raw,
            &found.entries[0].json,
            history.entries[0].json.as_ref().unwrap(),
        ];
        for json in versions {
            assert_eq!(text_at(json, "/criticality"), "high");
            assert_eq!(text_at(json, "/meta/tag/0/code"), CONFLICT_CODE);
            let extensions = json
                .pointer("/meta/extension")
                .and_then(|all| all.as_array())
                .unwrap();
            let conflict = extensions
                .iter()
                .find(|one| text_at(one, "/url") == CONFLICT_URL)
                .unwrap();
            assert_eq!(text_at(conflict, "/extension/0/valueString"), item.path);
            for (at, side) in item.values.iter().enumerate() {
                let base = format!("/extension/{}/extension", at + 1);
                let content = side.value.as_ref().unwrap().canonical();
                assert_eq!(text_at(conflict, &format!("{base}/0/valueString")), content);
                let is_shown = conflict
                    .pointer(&format!("{base}/1/valueBoolean"))
                    .and_then(|is| is.as_bool());
                assert_eq!(is_shown, Some(at == item.safer_index));
                let time = chaski_fhir::date::instant(side.time_ms);
                assert_eq!(text_at(conflict, &format!("{base}/2/valueInstant")), time);
                assert_eq!(text_at(conflict, &format!("{base}/3/valueString")), side.user);
                let node = side.author.to_string();
                assert_eq!(text_at(conflict, &format!("{base}/4/valueString")), node);
            }
        }
        // Read and put back, nothing was said anew.
        let position = store.position();
        assert!(store.commit(&ctx(), vec![put(shown.json)]).unwrap()[0].unchanged);
        assert_eq!(store.position(), position);
    }
    assert_eq!(a.read_raw(&of).unwrap(), b.read_raw(&of).unwrap());
    // A choice that is not there decides nothing.
    let entry = a.conflict(&ctx(), &of).unwrap().unwrap();
    let resolve = |path: &str, choice: Choice| Write::Resolve {
        key: of.clone(),
        path: path.to_owned(),
        listed: entry.version.clone(),
        choice,
    };
    let path = entry.items[0].path.as_str();
    for (path, choice) in [(path, Choice::Pick(2)), ("onsetString", Choice::Pick(0))] {
        assert!(a.commit(&ctx(), vec![resolve(path, choice)]).is_err());
        assert_eq!(a.stats().unwrap().conflicts, 1);
    }
    // Picking a side makes it that side.
    let low = entry.items[0]
        .values
        .iter()
        .position(|side| side.user == "doctor")
        .unwrap();
    a.commit(&ctx(), vec![resolve(path, Choice::Pick(low))]).unwrap();
    let read = a.read(&ctx(), &of).unwrap().unwrap();
    assert_eq!((text_at(&read.json, "/criticality"), read.conflicts), ("low", 0));
    assert!(read.json.pointer("/meta/tag").is_none());
}

#[test]
fn a_record_tells_who_wrote_each_change_of_it_and_when() {
    let (store, env) = memory_store(1);
    let node = store.identity().unwrap().node;
    let write = |user: &str, value: &str| {
        let context = Context {
            user: user.to_owned(),
            role: format!("{user}-role"),
            purpose: format!("{user}-purpose"),
            ..ctx()
        };
        let basic = |id: &str| {
            json(&format!(
                r#"{{"resourceType":"Basic","id":"{id}","language":"{value}"}}"#
            ))
        };
        store
            .commit(&context, vec![put(basic("r")), put(basic("s"))])
            .unwrap();
        env.now_ms()
    };
    let first = write("nurse", "one");
    env.advance(90_000);
    let second = write("doctor", "two");
    let authored = store.authored(&key("Basic/r")).unwrap();
    let told: Vec<_> = authored
        .iter()
        .map(|one| {
            (
                one.user.as_str(),
                one.role.as_str(),
                one.purpose.as_str(),
                one.time_ms,
                one.node,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("nurse", "nurse-role", "nurse-purpose", first, node),
            ("doctor", "doctor-role", "doctor-purpose", second, node)
        ]
    );
    let newest = store.newest_by(&key("Basic/r")).unwrap().unwrap();
    assert_eq!(
        (newest.user.as_str(), newest.role.as_str()),
        ("doctor", "doctor-role")
    );
    assert_eq!((newest.time_ms, newest.node), (second, node));
    assert_eq!(store.newest_by(&key("Basic/none")).unwrap(), None);
    // What was written together says so.
    let other = store.authored(&key("Basic/s")).unwrap();
    for (one, other) in authored.iter().zip(&other) {
        assert_eq!(one.transaction, other.transaction);
        assert_eq!(one.transaction.unwrap().1, 2);
    }
    assert_ne!(authored[0].transaction, authored[1].transaction);
    let time = chaski_fhir::date::instant(second);
    let read = store.read(&ctx(), &key("Basic/r")).unwrap().unwrap().json;
    let extensions = read
        .pointer("/meta/extension")
        .and_then(|all| all.as_array())
        .unwrap();
    assert_eq!(text_at(&extensions[0], "/url"), AUTHORED_URL);
    assert_eq!(text_at(&extensions[0], "/valueInstant"), time);
}

#[test]
fn of_a_deleted_record_its_labels_stay_in_sight_and_nothing_else() {
    let store = store_with(
        std::sync::Arc::new(MemoryKv::new()),
        1,
        TestEnv::new(1),
        options(),
    );
    let record = json(
        r#"{"resourceType":"Basic","id":"r","code":{"text":"secret"},
        "meta":{"security":[{"system":"urn:s","code":"HIV"}],"tag":[{"code":"t"}]}}"#,
    );
    store.commit(&ctx(), vec![put(record)]).unwrap();
    let delete = Write::Delete {
        key: key("Basic/r"),
        base: Base::Current,
    };
    store.commit(&ctx(), vec![delete]).unwrap();
    let gone = store.read(&ctx(), &key("Basic/r")).unwrap().unwrap();
    assert!(gone.deleted);
    assert_eq!(text_at(&gone.json, "/meta/security/0/code"), "HIV");
    assert_eq!(
        (gone.json.get("code"), gone.json.pointer("/meta/tag/0/code")),
        (None, None)
    );
}
