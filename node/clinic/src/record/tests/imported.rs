//! What an import calls a record, and that it doesn't go on over a disk that takes no more.

use std::sync::Arc;

use chaski_store::FaultKv;

use super::*;
use crate::testing::{SteeredEnv, store_on};

fn bundle(kind: &str, entries: &[&str]) -> String {
    format!(
        r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#,
        entries.join(",")
    )
}

#[test]
fn a_file_without_ids_makes_the_same_records_once_here_and_elsewhere() {
    let one = r#"{"resourceType":"Patient","gender":"male","name":[{"family":"Quispe"}]}"#;
    let same = r#"{"name":[{"family":"Quispe"}],"gender":"male","resourceType":"Patient"}"#;
    let other = r#"{"resourceType":"Patient","gender":"female","name":[{"family":"Quispe"}]}"#;
    let kind = r#"{"resourceType":"Person","gender":"male","name":[{"family":"Quispe"}]}"#;
    let posted = |json: &str| {
        let kind = if json.contains("Person") {
            "Person"
        } else {
            "Patient"
        };
        format!(r#"{{"resource":{json},"request":{{"method":"POST","url":"{kind}"}}}}"#)
    };
    let listed = |json: &str| format!(r#"{{"fullUrl":"http://elsewhere.example/1","resource":{json}}}"#);
    let lines = [one, other, kind].join("\n");
    let turned = [kind, same, other].join("\n");
    for (first, again) in [
        (lines.clone(), lines.clone()),
        (lines.clone(), turned.clone()),
        (
            bundle("transaction", &[&posted(one), &posted(other), &posted(kind)]),
            bundle("transaction", &[&posted(other), &posted(kind), &posted(same)]),
        ),
        (
            bundle("collection", &[&listed(one), &listed(other), &listed(kind)]),
            lines,
        ),
        (
            turned,
            bundle("searchset", &[&listed(kind), &listed(same), &listed(other)]),
        ),
    ] {
        let (here, elsewhere) = (clinic(), clinic());
        // Whatever was made there before: the ids come from the content alone.
        patient(&elsewhere);
        let report = import(&here, &ImportOptions::default(), &[&first]);
        assert_eq!((report.created, report.refused), (3, 0), "{first}: {report:?}");
        for file in [&first, &again] {
            let report = import(&here, &ImportOptions::default(), &[file]);
            assert_eq!(
                (report.created, report.updated, report.unchanged),
                (0, 0, 3),
                "{file}"
            );
        }
        import(&elsewhere, &ImportOptions::default(), &[&again]);
        for kind in ["Patient", "Person"] {
            for found in here.find(&clinician(), kind, &[]).expect("found") {
                assert!(chaski_fhir::id::is_uuid(found.key.id()));
                let there = elsewhere.store().contains(&found.key).expect("read");
                assert!(there, "{} is another record elsewhere", found.key);
            }
        }
    }
}

#[test]
fn an_imported_record_is_called_by_what_it_is_known_by_elsewhere() {
    const OTHER: &str = "118f428e-34f6-4707-8009-5ad742f901e7";
    let prefixed = || ImportOptions {
        id_prefix: Some("north-".to_owned()),
        accept_ids: false,
        ..ImportOptions::default()
    };
    let accepted = || ImportOptions {
        id_prefix: None,
        accept_ids: true,
        ..ImportOptions::default()
    };
    let urn = format!("urn:uuid:{OTHER}");
    let url = "http://elsewhere.example/fhir/Patient/7";
    // Its own id, its bundle's name for it, how ids are taken, and what it is called.
    for (own, full_url, options, wanted) in [
        (Some(UUID), None, ImportOptions::default(), Some(UUID)),
        (
            Some(UUID),
            Some(urn.as_str()),
            ImportOptions::default(),
            Some(UUID),
        ),
        (Some(UUID), Some(&urn), prefixed(), Some(UUID)),
        (Some(UUID), Some(&urn), accepted(), Some(UUID)),
        (None, Some(&urn), ImportOptions::default(), Some(OTHER)),
        (None, Some(&urn), prefixed(), Some(OTHER)),
        (Some("7"), Some(&urn), ImportOptions::default(), Some(OTHER)),
        (Some("7"), Some(&urn), prefixed(), Some("north-7")),
        (Some("7"), Some(&urn), accepted(), Some("7")),
        (Some("7"), None, prefixed(), Some("north-7")),
        (Some("7"), Some(url), prefixed(), Some("north-7")),
        (Some("7"), Some(url), accepted(), Some("7")),
        (Some("7"), None, ImportOptions::default(), None),
        (Some("7"), Some(url), ImportOptions::default(), None),
        (Some("7"), Some("urn:uuid:7"), ImportOptions::default(), None),
        (Some("a_b"), None, accepted(), None),
        (Some("a_b"), None, prefixed(), None),
    ] {
        let clinic = clinic();
        let mut entry = json!({"resource": {"resourceType": "Patient", "gender": "male"}});
        if let (Some(id), Some(resource)) = (own, entry.get_mut("resource")) {
            crate::fhir_json::set(resource, "id", Json::from(id));
        }
        if let Some(url) = full_url {
            crate::fhir_json::set(&mut entry, "fullUrl", Json::from(url));
        }
        let report = import(&clinic, &options, &[&bundle("collection", &[&entry.canonical()])]);
        let found = clinic.find(&clinician(), "Patient", &[]).expect("found");
        let ids: Vec<&str> = found.iter().map(|one| one.key.id()).collect();
        assert_eq!(
            ids,
            wanted.into_iter().collect::<Vec<_>>(),
            "{entry:?} {options:?}"
        );
        assert_eq!(
            report.refused,
            u64::from(wanted.is_none()),
            "{entry:?}: {report:?}"
        );
    }
}

#[test]
fn an_import_onto_a_disk_that_takes_no_more_ends_and_says_so() {
    type Fault = fn(&FaultKv);
    let line = |number: usize| {
        format!(r#"{{"resourceType":"Patient","gender":"male","multipleBirthInteger":{number}}}"#)
    };
    let lines = |numbers: std::ops::Range<usize>| numbers.map(line).collect::<Vec<_>>().join("\n");
    let faults: [(&str, Fault); 3] = [
        ("full", |kv| kv.full(true)),
        ("not kept", |kv| kv.sync_error_after(Some(0))),
        ("not read", |kv| kv.read_error_after(Some(0))),
    ];
    for (what, fault) in faults {
        for earlier in [0, 3] {
            let kv = Arc::new(FaultKv::new());
            let clinic =
                Clinic::new(store_on(kv.clone(), SteeredEnv::new()), Settings::default()).expect("a clinic");
            import(&clinic, &ImportOptions::default(), &[&lines(0..earlier)]);
            assert_eq!(clinic.store().stats().expect("stats").records, earlier as u64);
            let session = clinic.record_import(&caller("operator"), ImportOptions::default());
            let mut session = session.expect("allowed");
            fault(&kv);
            let file = lines(earlier..earlier + 5);
            let taken = session.file("file", &mut file.as_bytes(), &mut |_| {});
            let done = taken.and_then(|()| session.finish(&mut |_| {}));
            let is_told = match what {
                "full" => matches!(done, Err(ImportError::Record(RecordError::DiskFull))),
                _ => matches!(done, Err(ImportError::Record(RecordError::Store(_)))),
            };
            assert!(is_told, "{what} after {earlier}: {done:?}");
        }
    }
}

#[test]
fn an_import_undoes_nothing_however_often_a_record_was_changed_since() {
    let file = format!(r#"{{"resourceType":"Patient","id":"{UUID}","gender":"male"}}"#);
    let key = format!("Patient/{UUID}");
    for edits in [1, 2, 3, 30, 31, 32, 33, 70] {
        let clinic = clinic();
        assert_eq!(import(&clinic, &ImportOptions::default(), &[&file]).created, 1);
        for number in 0..edits {
            let mut json = read(&clinic, &key);
            crate::fhir_json::set(&mut json, "gender", Json::from("other"));
            crate::fhir_json::set(&mut json, "multipleBirthInteger", json!(i64::from(number)));
            update(&clinic, "Patient", UUID, json).expect("edited");
        }
        let before = read(&clinic, &key).canonical();
        let again = import(&clinic, &ImportOptions::default(), &[&file]);
        assert_eq!(
            (again.updated, again.unchanged, again.kept),
            (0, 0, 1),
            "after {edits}: {again:?}"
        );
        assert_eq!(read(&clinic, &key).canonical(), before, "after {edits}");
        // What comes new does not undo them either: it is told, and a person decides.
        let new = file.replace("\"male\"", "\"female\"");
        let other = import(&clinic, &ImportOptions::default(), &[&new]);
        assert_eq!(
            (other.updated, other.unchanged, other.kept),
            (0, 0, 1),
            "after {edits}: {other:?}"
        );
        assert_eq!(read(&clinic, &key).canonical(), before, "after {edits}");
    }
}

#[test]
fn a_prefix_is_put_before_ids_that_are_no_uuids_and_before_nothing_else() {
    let options = ImportOptions {
        id_prefix: Some("north-".to_owned()),
        accept_ids: false,
        ..ImportOptions::default()
    };
    for (reference, wanted) in [
        ("Patient/7", "Patient/north-7"),
        (&format!("Patient/{UUID}"), &format!("Patient/{UUID}")),
        (&format!("urn:uuid:{UUID}"), &format!("Patient/{UUID}")),
        // The prefix says whose ids they are, whether or not the address of that system stands before them.
        ("http://elsewhere.example/Patient/7", "Patient/north-7"),
        (
            "http://elsewhere.example/Patient/6",
            "http://elsewhere.example/Patient/6",
        ),
        ("Patient/7/_history/2", "Patient/north-7/_history/2"),
        ("Patient?identifier=urn:n|7", "Patient/north-7"),
        ("#own", "#own"),
    ] {
        let clinic = clinic();
        let lines = [
            r#"{"resourceType":"Patient","id":"7","identifier":[{"system":"urn:n","value":"7"}]}"#.to_owned(),
            format!(r#"{{"resourceType":"Patient","id":"{UUID}"}}"#),
            format!(
                r##"{{"resourceType":"Condition","id":"8","contained":[{{"resourceType":"Patient","id":"own"}}],
                "subject":{{"reference":"{reference}"}},"code":{{"text":"x"}}}}"##
            )
            .replace('\n', " "),
        ];
        let report = import(&clinic, &options, &[&lines.join("\n")]);
        assert_eq!(
            (report.created, report.refused),
            (3, 0),
            "{reference}: {report:?}"
        );
        let condition = read(&clinic, "Condition/north-8");
        let subject = condition.pointer("/subject/reference").and_then(Json::as_str);
        assert_eq!(subject, Some(wanted), "{reference}");
    }
}

#[test]
fn who_is_here_already_stays_as_they_are_when_a_file_brings_them_only_if_there_is_none() {
    let person = |kind: &str, gender: &str| json!({"resourceType": kind, "gender": gender, "identifier": [{"system": "urn:n", "value": "7"}]});
    let entry = |json: &Json| {
        let kind = crate::fhir_json::text(json, "resourceType");
        let request = json!({"method": "POST", "url": kind, "ifNoneExist": "identifier=urn:n|7"});
        json!({"resource": (json.clone()), "request": request}).canonical()
    };
    // Of a practitioner the id derives from the number, and two sites make one.
    for kind in ["Patient", "Practitioner"] {
        for file in ["batch", "transaction", "collection"] {
            let clinic = clinic();
            let mut known = person(kind, "female");
            crate::fhir_json::set(
                &mut known,
                "telecom",
                json!([{"system": "phone", "value": "555-0101"}]),
            );
            put(&clinic, known);
            let found = || clinic.find(&clinician(), kind, &[]).expect("found");
            let before = found()[0].json.canonical();
            let brought = bundle(file, &[&entry(&person(kind, "male"))]);
            let report = import(&clinic, &ImportOptions::default(), &[&brought]);
            assert_eq!(
                (report.created, report.updated, report.kept),
                (0, 0, 1),
                "{kind}: {report:?}"
            );
            assert_eq!(found().len(), 1, "{kind} in a {file}");
            assert_eq!(found()[0].json.canonical(), before, "{kind} in a {file}");
        }
    }
    // Of several in the files the first is made, whether they come together or one by one.
    let (first, second) = (
        entry(&person("Practitioner", "male")),
        entry(&person("Practitioner", "female")),
    );
    let together = bundle("batch", &[&first, &second]);
    let apart = [bundle("batch", &[&first]), bundle("batch", &[&second])];
    for files in [
        vec![together.as_str()],
        apart.iter().map(String::as_str).collect(),
    ] {
        let clinic = clinic();
        let report = import(&clinic, &ImportOptions::default(), &files);
        assert_eq!(
            (report.created, report.updated, report.kept),
            (1, 0, 1),
            "{report:?}"
        );
        let made = clinic
            .find(&clinician(), "Practitioner", &[])
            .expect("found")
            .remove(0);
        assert_eq!(crate::fhir_json::text(&made.json, "gender"), "male");
        // So too where what comes before it in the file was made without any condition.
        let id = made.key.id();
        let mut plain = person("Practitioner", "other");
        crate::fhir_json::set(&mut plain, "id", Json::from(id));
        let plain = json!({"resource": plain}).canonical();
        let clinic = crate::testing::clinic();
        let file = bundle("collection", &[&plain, &first]);
        let report = import(&clinic, &ImportOptions::default(), &[&file]);
        assert_eq!(
            (report.created, report.updated, report.kept),
            (1, 0, 1),
            "{report:?}"
        );
        let kept = read(&clinic, &format!("Practitioner/{id}"));
        assert_eq!(crate::fhir_json::text(&kept, "gender"), "other");
    }
}

#[test]
fn what_a_file_calls_its_records_by_leads_to_them_whatever_they_are_called_here() {
    let options = |prefix: Option<&str>| ImportOptions {
        id_prefix: prefix.map(str::to_owned),
        accept_ids: false,
        ..ImportOptions::default()
    };
    let urn = format!("urn:uuid:{UUID}");
    let http = "http://elsewhere.example/fhir/Patient/7";
    // The name of the patient in the file, their own id there, and how ids are taken.
    for (full_url, id, prefix) in [
        (urn.as_str(), Some(UUID), None),
        (&urn, None, None),
        (&urn, Some("7"), None),
        (&urn, Some("7"), Some("north-")),
        (http, Some("7"), Some("north-")),
        (http, Some(UUID), None),
        (http, None, None),
    ] {
        for kind in ["collection", "batch", "transaction", "searchset"] {
            for is_before in [true, false] {
                let clinic = clinic();
                let mut patient = json!({"resourceType": "Patient", "gender": "male"});
                if let Some(id) = id {
                    crate::fhir_json::set(&mut patient, "id", Json::from(id));
                }
                let patient = json!({"fullUrl": full_url, "resource": patient}).canonical();
                let condition = json!({"resource": {"resourceType": "Condition", "code": {"text": "x"},
                    "subject": {"reference": full_url}}})
                .canonical();
                let entries = match is_before {
                    true => [patient.as_str(), &condition],
                    false => [condition.as_str(), &patient],
                };
                let said = format!("{full_url} {id:?} {prefix:?} in a {kind}");
                let report = import(&clinic, &options(prefix), &[&bundle(kind, &entries)]);
                assert_eq!(
                    (report.created, report.refused, report.dangling),
                    (2, 0, 0),
                    "{said}: {report:?}"
                );
                let patient = clinic
                    .find(&clinician(), "Patient", &[])
                    .expect("found")
                    .remove(0);
                let condition = clinic
                    .find(&clinician(), "Condition", &[])
                    .expect("found")
                    .remove(0);
                let subject = condition
                    .json
                    .pointer("/subject/reference")
                    .and_then(Json::as_str);
                assert_eq!(subject, Some(patient.key.to_string().as_str()), "{said}");
            }
        }
    }
}

/// A number that a practitioner and an organization of the file both have names the one that was asked for.
#[test]
fn a_reference_by_number_leads_to_the_kind_it_asks_for() {
    let who = |kind: &str, id: &str| {
        format!(
            r#"{{"resource":{{"resourceType":"{kind}","id":"0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b{id}",
            "identifier":[{{"system":"urn:n","value":"7"}}]}}}}"#
        )
    };
    let (person, place) = (who("Practitioner", "10"), who("Organization", "20"));
    let role = format!(
        r#"{{"resource":{{"resourceType":"PractitionerRole","id":"{UUID}",
        "practitioner":{{"reference":"Practitioner?identifier=urn:n|7"}},
        "organization":{{"reference":"Organization?identifier=urn:n|7"}}}}}}"#
    );
    for order in [[&person, &place], [&place, &person]] {
        let clinic = clinic();
        let entries = [order[0].as_str(), order[1].as_str(), role.as_str()];
        let report = import(
            &clinic,
            &ImportOptions::default(),
            &[&bundle("collection", &entries)],
        );
        assert_eq!(report.refused, 0, "{report:?}");
        let key = RecordKey::new("PractitionerRole", UUID).expect("a key");
        let json = clinic.record_read(&clinician(), &key).expect("the role").json;
        for (member, kind) in [("practitioner", "Practitioner"), ("organization", "Organization")] {
            let led = json
                .pointer(&format!("/{member}/reference"))
                .and_then(Json::as_str);
            let led = led.unwrap_or_default();
            assert!(led.starts_with(&format!("{kind}/")), "{member} is {led}");
        }
    }
}
