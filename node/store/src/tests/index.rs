//! The index as it grows: blocks that fill up, postings that fill up, records that stand in several places.

use chaski_fhir::search::Total;

use crate::{
    index::{EntryView, build},
    testing::*,
    *,
};

/// All ids that a search finds, page by page, in its order; each page tells their number.
pub(super) fn found(store: &Store, kind: &str, text: &str, count: u32) -> Vec<String> {
    let mut query = query(kind, text);
    (query.total, query.count) = (Total::Accurate, Some(count));
    let (mut ids, mut totals) = (Vec::new(), Vec::new());
    for _ in 0..1_000 {
        let page = store.search(&ctx(), &query).unwrap();
        totals.extend(page.total);
        ids.extend(page.entries.iter().map(|entry| entry.key.id().to_owned()));
        query.cursor = page.next;
        if query.cursor.is_none() {
            let number = ids.len() as u64;
            assert!(
                totals.iter().all(|total| *total == number),
                "{kind}?{text}: {totals:?}"
            );
            return ids;
        }
    }
    panic!("it never ends");
}

pub(super) fn whole(store: &Store, what: &str) {
    let report = store.verify().unwrap();
    assert!(report.is_whole(), "{what}: {report:?}");
}

#[test]
fn a_record_of_several_patients_is_told_once_to_who_asks_for_all_of_them() {
    let (store, _) = memory_store(1);
    let about = |subject: &str, value: usize| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"o","status":"final","subject":{{"reference":"Patient/{subject}"}},
                "performer":[{{"reference":"Patient/q"}},{{"reference":"Patient/r"}}],"valueQuantity":{{"value":{value}}}}}"#
        )))
    };
    store.commit(&ctx(), vec![about("p", 1)]).unwrap();
    let check = |subject: &str| {
        for text in [
            format!("patient={subject},q,r"),
            format!("patient={subject},{subject}"),
            format!("subject=Patient/{subject},Patient/q"),
            format!("patient={subject},q&value-quantity=gt0"),
            "performer=Patient/q,Patient/r".to_owned(),
            "status=final".to_owned(),
            "value-quantity=gt0".to_owned(),
            "status:not=cancelled&_sort=-_lastUpdated".to_owned(),
            "status=final&_sort=status".to_owned(),
            "_id=o,o".to_owned(),
            String::new(),
        ] {
            for count in [1, 2, 50] {
                assert_eq!(
                    found(&store, "Observation", &text, count),
                    ["o"],
                    "{text} by {count}"
                );
            }
        }
        assert!(found(&store, "Observation", "patient=q,r", 5).is_empty());
    };
    check("p");
    // It stays with whom it was filed under; the index tells what it says now.
    store.commit(&ctx(), vec![about("s", 2)]).unwrap();
    check("s");
    assert!(found(&store, "Observation", "patient=p", 5).is_empty());
    let once = Write::Create {
        json: json(r#"{"resourceType":"Observation","id":"new"}"#),
        if_none_exist: Some(query("Observation", "patient=s,p,q").into()),
    };
    assert_eq!(
        store.commit(&ctx(), vec![once]).unwrap()[0].key,
        key("Observation/o")
    );
    // Somebody with two names that begin alike, and two numbers, is one.
    let patient = r#"{"resourceType":"Patient","id":"p","name":[{"family":"Quispe"},{"family":"Quisbert"}],
        "identifier":[{"system":"urn:a","value":"1"},{"system":"urn:b","value":"2"}]}"#;
    store.commit(&ctx(), vec![put(json(patient))]).unwrap();
    for text in [
        "family=quis,quispe,qui",
        "name=quisbert,quispe",
        "identifier=1,urn:b|2",
        "_id=p,p,q",
    ] {
        assert_eq!(found(&store, "Patient", text, 5), ["p"], "{text}");
    }
    whole(&store, "at the end");
}

#[test]
fn a_record_that_outgrew_its_block_is_found_by_what_it_says_now_alone() {
    let codes = |count: usize| {
        let one = |n| format!(r#"{{"system":"urn:c","code":"c{n}"}}"#);
        (0..count).map(one).collect::<Vec<_>>().join(",")
    };
    let observation = |n: usize, status: &str, count: usize| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"r{n:03}","status":"{status}","subject":{{"reference":"Patient/p"}},"code":{{"coding":[{}]}}}}"#,
            codes(count)
        )))
    };
    let patient = |n: usize, status: &str, count: usize| {
        put(json(&format!(
            r#"{{"resourceType":"Patient","id":"r{n:03}","gender":"{}","name":[{{"family":"Quispe"}}],"maritalStatus":{{"coding":[{}]}},"communication":[{{"language":{{"coding":[{}]}}}}]}}"#,
            if status == "final" { "male" } else { "female" },
            codes(count),
            codes(count)
        )))
    };
    type Make<'a> = &'a dyn Fn(usize, &str, usize) -> Write;
    let rows: [(&str, Make<'_>, [&str; 2]); 3] = [
        (
            "Observation",
            &observation,
            ["status=preliminary", "status=final"],
        ),
        (
            "Observation",
            &observation,
            ["patient=p&status=preliminary", "patient=p&status=final"],
        ),
        ("Patient", &patient, ["gender=female", "gender=male"]),
    ];
    let many = 90;
    for (kind, make, [before, after]) in rows {
        // In the first block, within, in the last one, and all.
        for grown in [vec![0], vec![45], vec![many - 1], (0..many).collect()] {
            let (store, _) = memory_store(1);
            let all = (0..many).map(|n| make(n, "preliminary", 1)).collect();
            store.commit(&ctx(), all).unwrap();
            for n in &grown {
                store.commit(&ctx(), vec![make(*n, "final", 60)]).unwrap();
            }
            let what = format!("{kind}?{after}, {} of {many}", grown.len());
            let ids = |wanted: bool| {
                let of = (0..many).filter(|n| grown.contains(n) == wanted);
                of.map(|n| format!("r{n:03}")).collect::<Vec<_>>()
            };
            assert_eq!(found(&store, kind, before, 40), ids(false), "{what}");
            assert_eq!(found(&store, kind, after, 40), ids(true), "{what}");
            assert_eq!(found(&store, kind, "", 1_000).len(), many, "{what}");
            whole(&store, &what);
            // And it shrinks again, and goes.
            for n in &grown {
                store.commit(&ctx(), vec![make(*n, "preliminary", 0)]).unwrap();
            }
            assert!(found(&store, kind, after, 40).is_empty(), "{what}");
            assert_eq!(found(&store, kind, before, 40).len(), many, "{what}");
            let gone = grown.iter().map(|n| Write::Delete {
                key: key(&format!("{kind}/r{n:03}")),
                base: Base::Current,
            });
            store.commit(&ctx(), gone.collect()).unwrap();
            assert_eq!(found(&store, kind, before, 40), ids(false), "{what}");
            whole(&store, &what);
        }
    }
}

#[test]
fn each_of_those_who_fill_up_a_posting_is_registered_and_found() {
    let (store, _) = memory_store(1);
    let patient = |n: usize| {
        put(json(&format!(
            r#"{{"resourceType":"Patient","id":"p{n:03}","name":[{{"family":"Quispe"}}],"identifier":[{{"system":"urn:shared","value":"0"}},{{"system":"urn:dni","value":"{n}"}}]}}"#
        )))
    };
    let first = 248;
    store.commit(&ctx(), (0..first).map(patient).collect()).unwrap();
    // Around what one block holds, and what is looked at one by one: each in a commit of its own.
    for n in first..258 {
        store
            .commit(&ctx(), vec![patient(n)])
            .unwrap_or_else(|error| panic!("the patient {n} cannot be registered: {error}"));
        for text in ["family=quispe", "identifier=urn:shared|0", "name=qui"] {
            assert_eq!(found(&store, "Patient", text, 1_000).len(), n + 1, "{text}");
        }
        assert_eq!(
            found(&store, "Patient", &format!("identifier={n}"), 5),
            [format!("p{n:03}")]
        );
    }
    whole(&store, "with as many as there are");
}

#[test]
fn an_entry_is_of_one_id_and_tells_it_as_it_is_spelled() {
    let sealer = &memory_store(1).0;
    let sealer = &sealer.core.sealer;
    let uuid = "0190a1b2-c3d4-7000-8000-0123456789ab";
    let ids = [
        "a".to_owned(),
        "A".to_owned(),
        "a.b-c".to_owned(),
        "1".repeat(16),
        "x".repeat(17),
        "y".repeat(63),
        "z".repeat(64),
        uuid.to_owned(),
        uuid.to_uppercase(),
        uuid.replace('-', ""),
        uuid.replace("ab", "ac"),
    ];
    let mut block = Vec::new();
    for (n, id) in ids.iter().enumerate() {
        let mut built = build(sealer, id, 1, &[], false);
        built.stamp(1_000 + n as u64);
        block.extend(built.bytes);
    }
    let mut rest = block.as_slice();
    for (n, id) in ids.iter().enumerate() {
        let (entry, after) = EntryView::next(rest).unwrap();
        assert_eq!(
            (entry.id(), entry.last_updated_ms()),
            (id.clone(), 1_000 + n as i64)
        );
        let of: Vec<&String> = ids.iter().filter(|other| entry.is_of(other)).collect();
        assert_eq!(of, [id]);
        rest = after;
    }
    assert!(EntryView::next(rest).is_none());
}
