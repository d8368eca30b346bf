//! A search leaves out nothing, however many compartments there are, however long a text is, however an id is
//! spelled.

use chaski_fhir::search::Total;

use crate::{testing::*, *};

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
