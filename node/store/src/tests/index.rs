//! The index as it grows: blocks that fill up, postings that fill up, records with more or less of a thing
//! than an entry holds. Whatever it says, a search finds what looking at every record finds.

use chaski_fhir::search::{SortKey, Total, extract};
use chaski_json::Json;

use crate::{
    index::{EntryView, build},
    testing::*,
    *,
};

/// All ids that a search finds, page by page, in its order; each page tells their number.
fn found(store: &Store, kind: &str, text: &str, count: u32) -> Vec<String> {
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

fn whole(store: &Store, what: &str) {
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
        if_none_exist: Some(query("Observation", "patient=s,p,q")),
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

/// A name or several, of an index entry's point of view.
const NAMES: &[&str] = &[
    "Li",
    "Ng",
    "Lima",
    "Limachi",
    "Quispe Mamani",
    "de la Cruz",
    "O'Neil",
    "Ñahui",
    "Álvarez",
    "Xi",
    "Y",
];

/// Records with more or fewer of what entries keep than they keep.
fn records() -> Vec<Json> {
    let mut out = Vec::new();
    let mut add = |kind: &str, id: String, members: String| {
        out.push(json(&format!(
            r#"{{"resourceType":"{kind}","id":"{id}"{members}}}"#
        )));
    };
    for kind in ["Patient", "Practitioner", "Person", "RelatedPerson"] {
        for (n, name) in NAMES.iter().enumerate() {
            let given = NAMES[(n * 3 + 1) % NAMES.len()];
            add(
                kind,
                format!("n{n}"),
                format!(
                    r#","name":[{{"family":"{name}","given":["{given}"]}}],"telecom":[{{"system":"email","value":"{n}@posta.pe"}},{{"system":"phone","value":"555-010{n}"}}]"#
                ),
            );
        }
        for (n, count) in [0, 1, 23, 24, 25, 40].into_iter().enumerate() {
            let city = |at| format!(r#"{{"city":"c{at:02}town{}"}}"#, "x".repeat(n * 13));
            let cities: Vec<String> = (0..count).map(city).collect();
            add(
                kind,
                format!("c{n}"),
                format!(r#","address":[{}]"#, cities.join(",")),
            );
        }
    }
    for kind in ["PractitionerRole", "OrganizationAffiliation"] {
        for n in 0..3 {
            let telecom = format!(
                r#","telecom":[{{"system":"email","value":"{n}@posta.pe"}},{{"system":"phone","value":"555-010{n}"}}],"identifier":[{{"system":"urn:x","value":"{n}"}}]"#
            );
            add(kind, format!("r{n}"), telecom);
        }
    }
    for (n, count) in [0, 1, 11, 12, 13, 30].into_iter().enumerate() {
        let day = |at| format!(r#"{{"date":"2020-{:02}-{:02}"}}"#, 1 + at / 28, 1 + at % 28);
        let days: Vec<String> = (0..count).map(day).collect();
        let rest = format!(
            r#","status":"completed","patient":{{"reference":"Patient/n0"}},"occurrenceDateTime":"2019-0{}-01","reaction":[{}]"#,
            n + 1,
            days.join(",")
        );
        add("Immunization", format!("i{n}"), rest);
    }
    let periods = [
        r#","period":{"start":"2020-01-10"}"#,
        r#","period":{"end":"2020-01-20"}"#,
        r#","period":{"start":"2020-01-10","end":"2020-01-20"}"#,
        r#","period":{"start":"1900-01-01"}"#,
        r#","period":{"start":"9000-01-01T00:00:00Z"}"#,
        "",
    ];
    for (n, period) in periods.iter().enumerate() {
        add(
            "Encounter",
            format!("e{n}"),
            format!(r#","status":"planned"{period}"#),
        );
    }
    for (n, count) in [0, 1, 95, 96, 97, 200].into_iter().enumerate() {
        let code = |at| format!(r#"{{"system":"urn:c","code":"c{at}"}}"#);
        let codes: Vec<String> = (0..count).map(code).collect();
        let rest = format!(r#","status":"final","code":{{"coding":[{}]}}"#, codes.join(","));
        add("Observation", format!("o{n}"), rest);
    }
    out
}

fn searches() -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    for kind in ["Patient", "Practitioner", "Person", "RelatedPerson"] {
        let starts = [
            "l", "li", "lim", "lima", "n", "ng", "qui", "mam", "cru", "de", "nah", "alv", "x", "y", "xyz",
        ];
        for start in starts {
            out.push((kind, format!("name={start}")));
            out.push((kind, format!("name:contains={start}&_sort=-name")));
            if matches!(kind, "Patient" | "Practitioner") {
                out.push((kind, format!("family={start}&_sort=family")));
                out.push((kind, format!("given={start},zzz")));
            }
        }
        out.push((kind, "name:exact=Li".to_owned()));
        for city in ["c00", "c00town", "c22town", "c24town", "c39town", "c40town"] {
            out.push((kind, format!("address-city={city}&_sort=address-city")));
            out.push((kind, format!("address-city:contains={}x", &city[1..])));
        }
    }
    for kind in [
        "Patient",
        "Practitioner",
        "Person",
        "RelatedPerson",
        "PractitionerRole",
        "OrganizationAffiliation",
    ] {
        for n in 0..3 {
            out.push((kind, format!("email={n}@posta.pe")));
            out.push((kind, format!("phone=555-010{n}")));
            out.push((kind, format!("telecom={n}@posta.pe")));
            out.push((kind, format!("email={n}@posta.pe,9@posta.pe&phone=555-010{n}")));
            out.push((kind, format!("email:not={n}@posta.pe")));
        }
    }
    for day in [
        "2020-01-01",
        "2020-01-11",
        "2020-01-12",
        "2020-01-13",
        "2020-02-02",
        "2020-03-01",
    ] {
        for prefix in ["", "gt", "lt", "ge", "le", "ne", "sa", "eb"] {
            out.push((
                "Immunization",
                format!("reaction-date={prefix}{day}&_sort=reaction-date"),
            ));
            out.push(("Encounter", format!("date={prefix}{day}&_sort=-date")));
        }
    }
    for text in [
        "reaction-date:missing=true",
        "reaction-date:missing=false&_sort=-reaction-date",
        "patient=n0&_sort=date",
    ] {
        out.push(("Immunization", text.to_owned()));
    }
    for text in [
        "date:missing=true",
        "date=9000",
        "date=lt1900",
        "date=1900",
        "_sort=date",
    ] {
        out.push(("Encounter", text.to_owned()));
    }
    for at in [0, 1, 94, 95, 96, 97, 199, 200] {
        out.push(("Observation", format!("code=urn:c|c{at}")));
        out.push(("Observation", format!("code=c{at},zzz&status=final")));
        out.push(("Observation", format!("code:not=urn:c|c{at}")));
        out.push(("Observation", format!("code:not=urn:c|c{at}&_sort=-status")));
    }
    // By what is there at all, of every kind and parameter.
    for kind in [
        "Patient",
        "Practitioner",
        "Person",
        "RelatedPerson",
        "PractitionerRole",
        "Observation",
        "Encounter",
    ] {
        for param in chaski_fhir::search::params(kind) {
            let is_own = param.is_supported() && !param.code.starts_with('_');
            for missing in [true, false].into_iter().filter(|_| is_own) {
                out.push((kind, format!("{}:missing={missing}", param.code)));
            }
        }
    }
    out
}

#[test]
fn a_search_finds_what_looking_at_every_record_finds_and_in_that_order() {
    let (store, _) = memory_store(1);
    let all = records();
    for result in store.commit_bulk(&ctx(), all.iter().cloned().map(put).collect()) {
        result.unwrap();
    }
    let text_of = |json: &Json, name: &str| json.get(name).and_then(Json::as_str).unwrap().to_owned();
    for (kind, text) in searches() {
        let query = query(kind, &text);
        let own = all.iter().filter(|json| text_of(json, "resourceType") == kind);
        let mut wanted: Vec<(Vec<SortKey>, String)> = own
            .map(|json| (extract(json), text_of(json, "id")))
            .filter(|(values, _)| query.matches(values))
            .map(|(values, id)| (query.sort_keys(&values), id))
            .collect();
        wanted.sort();
        let wanted: Vec<String> = wanted.into_iter().map(|(_, id)| id).collect();
        for count in [2, 50] {
            assert_eq!(
                found(&store, kind, &text, count),
                wanted,
                "{kind}?{text} by {count}"
            );
        }
    }
    whole(&store, "at the end");
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
