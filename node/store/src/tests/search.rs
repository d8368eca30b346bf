use std::sync::Arc;

use crate::{testing::*, *};
use chaski_fhir::search::{Total, extract};

fn populate(store: &Store, patients: u32) -> Vec<chaski_json::Json> {
    let all: Vec<_> = chaski_fhir::sample::population(7, patients).take(3_000).collect();
    for result in store.commit_bulk(&ctx(), all.iter().cloned().map(put).collect()) {
        result.unwrap();
    }
    all
}

/// What a search must find, by looking at every record.
fn expected(all: &[chaski_json::Json], query: &chaski_fhir::search::Query) -> Vec<String> {
    let mut ids: Vec<String> = all
        .iter()
        .filter(|json| json.get("resourceType").and_then(|kind| kind.as_str()) == Some(query.kind.as_str()))
        .filter(|json| query.matches(&extract(json)))
        .filter_map(|json| json.get("id").and_then(|id| id.as_str()).map(str::to_owned))
        .collect();
    ids.sort();
    ids
}

fn text_at(json: &chaski_json::Json, pointer: &str) -> String {
    json.pointer(pointer)
        .and_then(|text| text.as_str())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn searches_find_exactly_what_a_scan_finds() {
    let (store, _) = memory_store(1);
    let all = populate(&store, 6);
    let patient = all
        .iter()
        .find(|json| text_at(json, "/resourceType") == "Patient")
        .unwrap();
    let observation = all
        .iter()
        .find(|json| text_at(json, "/resourceType") == "Observation")
        .unwrap();
    let (id, family) = (text_at(patient, "/id"), text_at(patient, "/name/0/family"));
    let code = text_at(observation, "/code/coding/0/code");
    let subject = text_at(observation, "/subject/reference");
    let system = text_at(patient, "/identifier/0/system");
    let value = text_at(patient, "/identifier/0/value");
    let prefix: String = family.chars().take(4).collect();
    let searches = [
        ("Patient", format!("_id={id}")),
        ("Patient", format!("family={family}")),
        ("Patient", format!("name={prefix}")),
        ("Patient", format!("identifier={system}|{value}")),
        ("Patient", format!("identifier={value}")),
        ("Patient", "gender=female&birthdate=ge1950".to_owned()),
        ("Patient", "gender:not=female".to_owned()),
        ("Patient", "family:contains=a".to_owned()),
        ("Observation", format!("patient={id}")),
        ("Observation", format!("subject={subject}&code={code}")),
        ("Observation", format!("code=http://loinc.org|{code}")),
        ("Observation", "status=final&date=lt2015".to_owned()),
        ("Observation", "value-quantity=gt50".to_owned()),
        ("Encounter", "date=ge2010&_sort=date".to_owned()),
        ("Condition", "clinical-status=active".to_owned()),
        (
            "MedicationRequest",
            format!("patient=Patient/{id}&status=active,stopped,completed"),
        ),
    ];
    for (kind, text) in searches {
        let mut query = query(kind, &text);
        query.total = Total::Accurate;
        query.count = Some(7);
        let wanted = expected(&all, &query);
        let mut found = Vec::new();
        loop {
            let page = store.search(&ctx(), &query).unwrap();
            assert_eq!(page.total, Some(wanted.len() as u64), "{kind}?{text}");
            found.extend(page.entries.iter().map(|entry| entry.key.id().to_owned()));
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
        found.sort();
        assert_eq!(found, wanted, "{kind}?{text}");
    }
}

#[test]
fn what_is_about_a_group_or_a_device_is_found_by_its_subject_too() {
    let (store, _) = memory_store(1);
    let subjects = ["Patient/x", "Group/x", "Patient/y", "Device/x", "Location/x"];
    // Conditions and procedures are about people alone.
    for (kind, own) in [
        ("Observation", &subjects[..]),
        ("ServiceRequest", &subjects),
        ("Condition", &subjects[..3]),
        ("Procedure", &subjects[..3]),
        // May be about anything at all.
        ("QuestionnaireResponse", &subjects),
        ("Composition", &subjects),
    ] {
        for (at, subject) in own.iter().enumerate() {
            let text = format!(
                r#"{{"resourceType":"{kind}","id":"r{at}","status":"final","subject":{{"reference":"{subject}"}}}}"#
            );
            store.commit(&ctx(), vec![put(json(&text))]).unwrap();
        }
        for (text, wanted) in [
            ("subject=x", &[0, 1, 3, 4][..]),
            ("subject=x,y", &[0, 1, 2, 3, 4]),
            ("subject=y", &[2]),
            ("subject=Patient/x", &[0]),
            ("subject=Group/x", &[1]),
            ("subject=Patient/x,Group/x", &[0, 1]),
            ("subject=Patient/x,x", &[0, 1, 3, 4]),
            ("subject:Group=x", &[1]),
            ("subject:Patient=x", &[0]),
            ("patient=x", &[0]),
            ("patient=x,Patient/y", &[0, 2]),
            ("patient=x&subject=x", &[0]),
            ("subject=x&patient=y", &[]),
        ] {
            let page = store.search(&ctx(), &query(kind, text)).unwrap();
            let mut found: Vec<&str> = page.entries.iter().map(|entry| entry.key.id()).collect();
            found.sort_unstable();
            let there = wanted.iter().filter(|at| **at < own.len());
            let wanted: Vec<String> = there.map(|at| format!("r{at}")).collect();
            assert_eq!(found, wanted, "{kind}?{text}");
        }
    }
}

#[test]
fn sorting_and_paging_hold_while_records_arrive() {
    let (store, env) = memory_store(1);
    let all = populate(&store, 3);
    env.advance(10);
    let mut query = query("Observation", "_sort=-date&_count=5");
    let mut dates = Vec::new();
    let mut ids = Vec::new();
    for round in 0..10_000 {
        let page = store.search(&ctx(), &query).unwrap();
        for entry in &page.entries {
            dates.push(text_at(&entry.json, "/effectiveDateTime"));
            ids.push(entry.key.id().to_owned());
        }
        if round % 10 == 0 {
            let mut new = all
                .iter()
                .find(|json| text_at(json, "/resourceType") == "Observation")
                .unwrap()
                .clone();
            let object = new.as_object_mut().unwrap();
            object.insert("id".into(), format!("new-{round}").into());
            object.insert("effectiveDateTime".into(), "2099-01-01T00:00:00Z".into());
            store.commit(&ctx(), vec![put(new)]).unwrap();
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    let wanted = all
        .iter()
        .filter(|json| text_at(json, "/resourceType") == "Observation")
        .count();
    assert_eq!(ids.len(), wanted);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), wanted);
    assert!(!dates.is_empty());
}

#[test]
fn a_foreign_cursor_is_refused() {
    let (store, _) = memory_store(1);
    populate(&store, 2);
    let mut first = query("Observation", "_count=1");
    let next = store.search(&ctx(), &first).unwrap().next;
    let mut other = query("Observation", "status=final&_count=1");
    other.cursor = next.clone();
    assert_eq!(store.search(&ctx(), &other), Err(SearchError::Cursor));
    first.cursor = Some("00".into());
    assert_eq!(store.search(&ctx(), &first), Err(SearchError::Cursor));
}

/// A store whose searches have no time at all, beyond one walk and one record.
fn store_without_time() -> Store {
    let options = OpenOptions {
        search_ms_max: 0,
        ..options()
    };
    store_with(Arc::new(MemoryKv::new()), 1, TestEnv::new(1), options)
}

/// Follows the links from page to page; gives what was found and how many pages ended early.
fn walk(store: &Store, mut query: chaski_fhir::search::Query) -> (Vec<String>, usize) {
    let (mut found, mut early) = (Vec::new(), 0);
    for _ in 0..2_000 {
        let page = store.search(&ctx(), &query).unwrap();
        assert!(!page.partial || page.next.is_some(), "no end without the end");
        early += usize::from(page.partial);
        found.extend(page.entries.iter().map(|entry| entry.key.id().to_owned()));
        query.cursor = page.next;
        if query.cursor.is_none() {
            return (found, early);
        }
    }
    panic!("it never ends");
}

#[test]
fn a_search_that_runs_out_of_time_goes_on_where_it_stopped() {
    let store = store_without_time();
    let all = populate(&store, 2);
    for (kind, text) in [
        ("Observation", "value-quantity=gt50"),
        ("Observation", "value-quantity=gt50&_sort=-date"),
        ("Observation", "category:missing=true"),
        ("Observation", "value-quantity=gt50&_total=accurate"),
        ("Encounter", "class:missing=false&_sort=date"),
    ] {
        let mut query = query(kind, text);
        query.count = Some(7);
        let wanted = expected(&all, &query);
        let dated = query.sort.iter().any(|sort| sort.param.code == "date");
        let (mut found, early) = walk(&store, query);
        assert!(early > 0, "{kind}?{text}: the time was no limit");
        if dated {
            let date = |id: &String| {
                let own = all.iter().find(|json| text_at(json, "/id") == *id).unwrap();
                format!(
                    "{}{}",
                    text_at(own, "/effectiveDateTime"),
                    text_at(own, "/period/start")
                )
            };
            let dates: Vec<String> = found.iter().map(date).collect();
            let descending = text.contains("-date");
            assert!(
                dates.is_sorted_by(|a, b| if descending { a >= b } else { a <= b }),
                "{text}"
            );
        }
        found.sort();
        assert_eq!(found, wanted, "{kind}?{text}");
    }
    // A count cannot be given in parts.
    let count = query("Observation", "value-quantity=gt50&_count=0");
    assert_eq!(store.search(&ctx(), &count), Err(SearchError::TooCostly));
}

#[test]
fn what_entries_say_needs_no_look_at_records() {
    let store = store_without_time();
    let all = populate(&store, 2);
    for (kind, text) in [
        ("Observation", "status:not=final"),
        ("Observation", "code:not=http://loinc.org|8302-2"),
        ("Observation", "date:missing=true"),
        ("Encounter", "status:not=planned,cancelled&date:missing=false"),
    ] {
        let mut query = query(kind, text);
        query.total = Total::Accurate;
        let wanted = expected(&all, &query);
        let page = store.search(&ctx(), &query).unwrap();
        assert_eq!(page.total, Some(wanted.len() as u64), "{kind}?{text}");
        let (mut found, early) = walk(&store, query);
        found.sort();
        assert_eq!((found, early), (wanted, 0), "{kind}?{text}");
    }
}

#[test]
fn a_reference_without_its_type_is_one_of_the_types_the_parameter_names() {
    let (store, _) = memory_store(1);
    // A condition is of a patient or a group; what is no such thing may have the same id.
    let kinds = ["Patient", "Group", "Location", "Device"];
    for kind in kinds {
        let text = format!(
            r#"{{"resourceType":"Condition","id":"{}","subject":{{"reference":"{kind}/x"}},
                "encounter":{{"reference":"{kind}/y"}}}}"#,
            kind.to_lowercase()
        );
        store.commit(&ctx(), vec![put(json(&text))]).unwrap();
    }
    for (text, wanted) in [
        ("subject=x", &["group", "patient"][..]),
        ("subject=x,z", &["group", "patient"]),
        ("subject=Location/x", &["location"]),
        ("subject:Device=x", &["device"]),
        ("subject=y", &[]),
        ("patient=x", &["patient"]),
        ("encounter=y", &[]),
    ] {
        for total in [Total::None, Total::Accurate] {
            let mut query = query("Condition", text);
            query.total = total;
            let page = store.search(&ctx(), &query).unwrap();
            let found: Vec<&str> = page.entries.iter().map(|entry| entry.key.id()).collect();
            assert_eq!(found, wanted, "{text}");
            let count = (total == Total::Accurate).then_some(wanted.len() as u64);
            assert_eq!(page.total, count, "{text}");
        }
    }
}

#[test]
fn what_stands_behind_many_that_only_the_record_can_rule_out_is_found_once() {
    let many = |system: &str| -> Vec<String> {
        let one = |n| format!(r#"{{"system":"{system}","code":"c{n}"}}"#);
        (0..200).map(one).collect()
    };
    let coded = |id: String, codes: &[String]| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"final",
                "subject":{{"reference":"Patient/p"}},"code":{{"coding":[{}]}}}}"#,
            codes.join(",")
        )))
    };
    let named = |id: &str, family: &str, doctors: &[String]| {
        put(json(&format!(
            r#"{{"resourceType":"Patient","id":"{id}","name":[{{"family":"{family}"}}],
                "generalPractitioner":[{}]}}"#,
            doctors.join(",")
        )))
    };
    let doctor = |id: &str| format!(r#"{{"reference":"Practitioner/{id}"}}"#);
    let wanted = [r#"{"system":"urn:w","code":"w"}"#.to_owned()];
    let mut writes: Vec<Write> = (0..9).map(|n| coded(format!("a{n}"), &many("urn:c"))).collect();
    writes.extend(["z1", "z2", "z3"].map(|id| coded(id.to_owned(), &wanted)));
    let doctors: Vec<String> = (0..200).map(|n| doctor(&format!("d{n}"))).collect();
    for n in 0..9 {
        writes.push(named(&format!("p{n}"), &format!("f{n}"), &doctors));
    }
    // Names too long for an entry, before, between and behind the others.
    for (id, family) in [("q1", "a"), ("q2", "f5x"), ("q3", "z")] {
        writes.push(named(id, &family.repeat(70), &[doctor("w")]));
    }
    for time in [true, false] {
        let store = if time {
            memory_store(1).0
        } else {
            store_without_time()
        };
        for result in store.commit_bulk(&ctx(), writes.clone()) {
            result.unwrap();
        }
        for (kind, text, wanted) in [
            ("Observation", "code=urn:w|w", ["z1", "z2", "z3"]),
            ("Observation", "patient=p&code=w", ["z1", "z2", "z3"]),
            ("Observation", "code=w&_sort=-_lastUpdated", ["z1", "z2", "z3"]),
            (
                "Patient",
                "general-practitioner=Practitioner/w&_sort=family",
                ["q1", "q2", "q3"],
            ),
            (
                "Patient",
                "general-practitioner=w&_sort=-family",
                ["q3", "q2", "q1"],
            ),
        ] {
            for count in [1, 2, 3, 50] {
                let mut query = query(kind, text);
                query.count = Some(count);
                assert_eq!(walk(&store, query).0, wanted, "{kind}?{text} by {count}, {time}");
            }
        }
    }
}
