//! A search leaves out nothing, however many compartments there are, however long a text is, however an id is
//! spelled.

use std::sync::Arc;

use chaski_fhir::search::Total;

use crate::{
    kv::{Batch, KeyRange, Kv, KvError, Pair},
    tables::Table,
    testing::*,
    *,
};

/// All ids that a search finds, page by page; the total it tells is their number.
fn found(store: &Store, kind: &str, text: &str, count: u32) -> Vec<String> {
    let mut query = query(kind, text);
    query.total = Total::Accurate;
    query.count = Some(count);
    let (mut ids, mut total) = (Vec::new(), None);
    loop {
        let page = store.search(&ctx(), &query).unwrap();
        total = total.or(page.total);
        ids.extend(page.entries.iter().map(|entry| entry.key.id().to_owned()));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(total, Some(ids.len() as u64), "{kind}?{text}");
    ids.sort();
    ids
}

#[test]
fn a_search_over_all_patients_reaches_the_last_of_them() {
    let (store, _) = memory_store(1);
    let mut held = 0;
    // Around what is read at once, and around twice that.
    for patients in [255, 256, 257, 511, 512, 513, 600] {
        let writes: Vec<Write> = (held..patients)
            .map(|n| {
                put(json(&format!(
                    r#"{{"resourceType":"Observation","id":"o{n:03}","status":"final","code":{{"text":"pulse"}},"subject":{{"reference":"Patient/p{n}"}},"valueQuantity":{{"value":{n}}}}}"#
                )))
            })
            .collect();
        for written in store.commit_bulk(&ctx(), writes) {
            written.unwrap();
        }
        held = patients;
        let wanted: Vec<String> = (0..patients).map(|n| format!("o{n:03}")).collect();
        for (text, count) in [("status=final", 1_000), ("_sort=-_lastUpdated", 200), ("", 300)] {
            assert_eq!(
                found(&store, "Observation", text, count),
                wanted,
                "{patients} patients, {text}"
            );
        }
        for n in [0, patients / 2, patients - 1] {
            let one = found(&store, "Observation", &format!("value-quantity={n}"), 10);
            assert_eq!(one, [format!("o{n:03}")], "of {patients} patients");
        }
    }
}

/// What holds the text, and how it is searched for.
const TEXTS: &[(&str, &str, &[&str])] = &[
    ("Patient", r#""name":[{"family":"TEXT"}]"#, &["family", "name"]),
    ("Patient", r#""name":[{"given":["TEXT"]}]"#, &["given", "name"]),
    ("Patient", r#""name":[{"text":"TEXT"}]"#, &["name"]),
    (
        "Patient",
        r#""address":[{"city":"TEXT"}]"#,
        &["address-city", "address"],
    ),
    ("Patient", r#""address":[{"line":["TEXT"]}]"#, &["address"]),
    (
        "Practitioner",
        r#""name":[{"family":"TEXT"}]"#,
        &["family", "name"],
    ),
    ("Organization", r#""name":"TEXT""#, &["name"]),
    ("Location", r#""name":"TEXT""#, &["name"]),
    (
        "Observation",
        r#""status":"final","valueString":"TEXT""#,
        &["value-string"],
    ),
];

#[test]
fn a_long_text_is_found_by_all_of_it() {
    for (kind, members, params) in TEXTS {
        for bytes in [62, 63, 64, 65, 66, 90, 120, 240] {
            let (store, _) = memory_store(1);
            let text = format!("start{}finish", "m".repeat(bytes - 11));
            let members = members.replace("TEXT", &text);
            store
                .commit(
                    &ctx(),
                    vec![
                        put(json(&format!(
                            r#"{{"resourceType":"{kind}","id":"long",{members}}}"#
                        ))),
                        put(json(&format!(
                            r#"{{"resourceType":"{kind}","id":"other",{}}}"#,
                            members.replace(&text, "short")
                        ))),
                    ],
                )
                .unwrap();
            for param in *params {
                for search in [
                    format!("{param}:contains=finish"),
                    format!("{param}:contains=mfin"),
                    format!("{param}={text}"),
                    format!("{param}:exact={text}"),
                    format!("{param}=start"),
                ] {
                    assert_eq!(
                        found(&store, kind, &search, 10),
                        ["long"],
                        "{kind}?{search} of {bytes} bytes"
                    );
                }
                let longer = format!("{param}={text}x");
                assert!(found(&store, kind, &longer, 10).is_empty(), "{kind}?{longer}");
            }
        }
    }
}

#[test]
fn records_whose_ids_differ_in_case_alone_are_two() {
    let (store, _) = memory_store(1);
    let (peer, _) = memory_store(2);
    let lower = "0190a1b2-c3d4-7000-8000-0123456789ab";
    let ids = [lower.to_owned(), lower.to_uppercase(), lower.replace('a', "A")];
    for id in &ids {
        let patient = format!(r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"F{id}"}}]}}"#);
        let about = format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final","code":{{"text":"x"}},"subject":{{"reference":"Patient/{id}"}}}}"#
        );
        store
            .commit(&ctx(), vec![put(json(&patient)), put(json(&about))])
            .unwrap();
    }
    sync(&store, &peer);
    for store in [&store, &peer] {
        for id in &ids {
            let of = key(&format!("Patient/{id}"));
            let read = store.read(&ctx(), &of).unwrap().unwrap();
            assert_eq!(read.key, of);
            let told = read.json.get("id").and_then(chaski_json::Json::as_str);
            assert_eq!(told, Some(id.as_str()));
            assert!(store.keys().unwrap().contains(&of));
            for (kind, text) in [
                ("Patient", format!("_id={id}")),
                ("Patient", format!("family=F{id}")),
                ("Observation", format!("patient={id}")),
                ("Observation", format!("subject=Patient/{id}")),
            ] {
                let found = found(store, kind, &text, 10);
                let is_cased = text.starts_with("family");
                // Names are found whatever their case, ids are not.
                let wanted: usize = if is_cased { 3 } else { 1 };
                assert_eq!(found.len(), wanted, "{kind}?{text}: {found:?}");
                assert!(found.contains(id), "{kind}?{text}: {found:?}");
            }
        }
        assert_eq!(store.keys().unwrap().len(), 6);
        assert!(store.verify().unwrap().is_whole());
    }
}

#[test]
fn an_entry_that_does_not_hold_all_of_a_record_says_so() {
    use chaski_fhir::search::{IndexValue, IndexValueKind};
    let (store, _) = memory_store(1);
    let text = |n: usize, bytes: usize| IndexValue {
        param: "address-city",
        value: IndexValueKind::String {
            folded: format!("{n:03}{}", "m".repeat(bytes - 3)),
            exact: String::new(),
        },
    };
    let date = |n: usize| IndexValue {
        param: "date",
        value: IndexValueKind::Date {
            lo_ms: n as i64,
            hi_ms: n as i64 + 1,
        },
    };
    let token = |n: usize| IndexValue {
        param: "status",
        value: IndexValueKind::Token {
            system: None,
            code: Some(format!("c{n}")),
            text: None,
        },
    };
    let texts = |count: usize, bytes: usize| (0..count).map(|n| text(n, bytes)).collect::<Vec<_>>();
    // Whether all dates, all texts and all that is hashed is there.
    let rows: [(&str, Vec<IndexValue>, [bool; 3]); 9] = [
        ("nothing", Vec::new(), [true; 3]),
        ("twelve dates", (0..12).map(date).collect(), [true; 3]),
        ("more dates", (0..13).map(date).collect(), [false, true, true]),
        ("a text that fits", texts(1, 64), [true; 3]),
        ("a longer one", texts(1, 65), [true, false, true]),
        ("as many texts as fit", texts(24, 5), [true; 3]),
        ("more texts", texts(25, 5), [true, false, true]),
        ("too much text in all", texts(20, 64), [true, false, true]),
        ("many codes", (0..200).map(token).collect(), [true, true, false]),
    ];
    for (what, values, wanted) in rows {
        for post in [false, true] {
            let built = crate::index::build(&store.core.sealer, "r", 1, &values, post);
            let (entry, _) = crate::index::EntryView::next(&built.bytes).unwrap();
            let has = [entry.has_all(true), entry.has_all(false), entry.has_all_hashes()];
            assert_eq!(has, wanted, "{what}");
        }
    }
}

/// An engine on which something happens after the first look into the log of arrivals.
struct Busy {
    inner: MemoryKv,
    then: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Kv for Busy {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        self.inner.get(key)
    }

    fn scan(&self, range: &KeyRange, limit: usize) -> Result<Vec<Pair>, KvError> {
        let found = self.inner.scan(range, limit);
        if range.start.starts_with(&Table::Feed.prefix()) {
            let then = self.then.lock().unwrap().take();
            if let Some(then) = then {
                then();
            }
        }
        found
    }

    fn apply(&self, batch: &Batch) -> Result<(), KvError> {
        self.inner.apply(batch)
    }

    fn sync(&self) -> Result<(), KvError> {
        self.inner.sync()
    }

    fn disk_bytes(&self) -> u64 {
        self.inner.disk_bytes()
    }
}

#[test]
fn a_record_that_is_written_while_all_are_listed_is_listed_once_and_as_it_is_now() {
    let kv = Arc::new(Busy {
        inner: MemoryKv::new(),
        then: std::sync::Mutex::default(),
    });
    let store = store_on(kv.clone(), 1, TestEnv::new(1));
    let basic = |n: usize, language: &str| {
        put(json(&format!(
            r#"{{"resourceType":"Basic","id":"r{n}","language":"{language}"}}"#
        )))
    };
    // More than are read at once, so that the last ones are still to come.
    let count = 600;
    for result in store.commit_bulk(&ctx(), (0..count).map(|n| basic(n, "one")).collect()) {
        result.unwrap();
    }
    let meanwhile = |what: Vec<Write>| {
        let other = store.clone();
        let then = move || {
            other.commit(&ctx(), what).unwrap();
        };
        *kv.then.lock().unwrap() = Some(Box::new(then));
    };
    // Of those that were told, that were not and of new ones.
    meanwhile(vec![
        basic(0, "two"),
        basic(count - 1, "two"),
        basic(count, "one"),
    ]);
    let keys = store.keys().unwrap();
    assert_eq!(keys.len(), count + 1);
    assert!(keys.is_sorted_by(|a, b| a < b));
    meanwhile(vec![
        basic(1, "two"),
        basic(count - 2, "two"),
        basic(count + 1, "one"),
    ]);
    let items = items_of(&store, &ScopeFilter::all());
    assert_eq!(items.len(), count + 2);
    assert_eq!(items, items_of(&store, &ScopeFilter::all()));
    let gone = [2, count - 3].map(|n| Write::Delete {
        key: key(&format!("Basic/r{n}")),
        base: Base::Current,
    });
    meanwhile(gone.into());
    let keys = store.keys().unwrap();
    assert_eq!(keys.len(), count);
    assert!(!keys.contains(&key("Basic/r2")));
    assert_eq!(items_of(&store, &ScopeFilter::all()).len(), count + 2);
}
