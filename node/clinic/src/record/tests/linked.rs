//! Where references of what is brought lead, and that each which leads nowhere is told.

use super::brought::told;
use super::*;
use crate::record::{ImportNote, NoteKind};

const CONDITION: &str = "12121212-1212-4121-8121-000000000002";

fn prefixed() -> ImportOptions {
    ImportOptions {
        id_prefix: Some("old-".to_owned()),
        ..ImportOptions::default()
    }
}

fn entry(full_url: &str, resource: Json) -> Json {
    json!({"fullUrl": full_url, "resource": resource})
}

fn bundle(entries: Vec<Json>) -> String {
    json!({"resourceType": "Bundle", "type": "collection", "entry": (Json::Array(entries))}).canonical()
}

fn patient_of(id: &str) -> Json {
    json!({"resourceType": "Patient", "id": id, "gender": "female"})
}

fn condition(id: &str, subject: &str) -> Json {
    json!({"resourceType": "Condition", "id": id, "code": {"text": "x"}, "subject": {"reference": subject}})
}

/// Whom the only condition is about, and the only patient.
fn subject_and_patient(clinic: &Clinic) -> (Option<String>, String) {
    let only = |kind: &str| clinic.find(&clinician(), kind, &[]).expect("found").remove(0);
    let subject = only("Condition")
        .json
        .pointer("/subject/reference")
        .and_then(Json::as_str)
        .map(str::to_owned);
    (subject, only("Patient").key.to_string())
}

fn dangling(notes: &[ImportNote]) -> Vec<(&str, &str)> {
    let of_kind = notes.iter().filter(|note| note.what == NoteKind::Dangling);
    of_kind
        .map(|note| (note.path.as_str(), note.reason.as_str()))
        .collect()
}

#[test]
fn a_reference_leads_to_its_record_in_whatever_form_and_file_it_stands() {
    let http = "http://hapi.example.org/baseR4/Patient/123";
    let small = "urn:uuid:aaaaaaaa-aaaa-4aaa-8aaa-00000000000a";
    let big = "urn:uuid:AAAAAAAA-AAAA-4AAA-8AAA-00000000000A";
    let there = "urn:uuid:bbbbbbbb-bbbb-4bbb-8bbb-00000000000b";
    let none = || ImportOptions::default();
    let no_id = |kind: Json| {
        let mut json = kind;
        if let Some(members) = json.as_object_mut() {
            members.remove("id");
        }
        json
    };
    let lines = |one: &Json, two: &Json| vec![format!("{}\n{}", one.canonical(), two.canonical())];
    let pages = |one: &Json, two: &Json| vec![bundle(vec![one.clone()]), bundle(vec![two.clone()])];
    let patient = patient_of("123");
    let wanted: Vec<(&str, ImportOptions, Vec<String>)> = vec![
        (
            "re-keyed",
            none(),
            vec![bundle(vec![
                entry(small, patient.clone()),
                entry(there, condition("77", "Patient/123")),
            ])],
        ),
        (
            "re-keyed, across files",
            none(),
            pages(
                &entry(small, patient.clone()),
                &entry(there, condition("77", "Patient/123")),
            ),
        ),
        (
            "absolute under a prefix",
            prefixed(),
            lines(&patient, &condition("77", http)),
        ),
        (
            "absolute under a prefix, in pages",
            prefixed(),
            pages(
                &entry(http, patient.clone()),
                &entry(
                    "http://hapi.example.org/baseR4/Condition/77",
                    condition("77", http),
                ),
            ),
        ),
        (
            "relative under a prefix",
            prefixed(),
            lines(&condition("77", "Patient/123"), &patient),
        ),
        (
            "a urn in capitals, named in small letters",
            none(),
            vec![bundle(vec![
                entry(big, no_id(patient.clone())),
                entry(there, no_id(condition("", small))),
            ])],
        ),
        (
            "a urn in small letters, named in capitals",
            none(),
            vec![bundle(vec![
                entry(small, no_id(patient.clone())),
                entry(there, no_id(condition("", &big.replace("urn:uuid", "URN:UUID")))),
            ])],
        ),
        (
            "a urn of another file",
            none(),
            pages(
                &entry(there, no_id(condition("", small))),
                &entry(small, patient.clone()),
            ),
        ),
        (
            "absolute by UUID",
            none(),
            lines(
                &patient_of(UUID),
                &condition(CONDITION, &format!("http://h.example/fhir/Patient/{UUID}")),
            ),
        ),
        (
            "a version",
            none(),
            lines(
                &patient_of(UUID),
                &condition(CONDITION, &format!("Patient/{UUID}/_history/3")),
            ),
        ),
    ];
    for (what, options, files) in wanted {
        let clinic = clinic();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let (report, notes) = told(&clinic, &options, &files);
        assert_eq!(
            (report.created, report.links, report.dangling),
            (2, 1, 0),
            "{what}: {report:?} {notes:?}"
        );
        let (subject, patient) = subject_and_patient(&clinic);
        let subject = subject.unwrap_or_default();
        assert_eq!(
            subject.split("/_history").next(),
            Some(patient.as_str()),
            "{what}"
        );
        let again = told(&clinic, &options, &files).0;
        assert_eq!(
            (again.unchanged, again.updated, again.created),
            (2, 0, 0),
            "{what}: {again:?}"
        );
        // The second page in a run of its own.
        if files.len() == 2 && !what.contains("urn") && !what.contains("re-keyed") {
            let apart = crate::testing::clinic();
            for file in &files {
                assert_eq!(told(&apart, &options, &[file]).0.dangling, 0, "{what}");
            }
        }
    }
}

#[test]
fn a_number_alone_leads_to_the_one_who_bears_it() {
    let bearer = |id: &str, kind: &str| {
        json!({"resourceType": kind, "id": id, "identifier": [{"system": "http://ex.org/mrn", "value": "7,8"}]}).canonical()
    };
    let named = |of_type: Option<&str>, value: &str| {
        let mut subject = json!({"identifier": {"system": "http://ex.org/mrn", "value": value}});
        if let Some(of_type) = of_type {
            crate::fhir_json::set(&mut subject, "type", Json::from(of_type));
        }
        json!({"resourceType": "Condition", "id": CONDITION, "code": {"text": "x"}, "subject": subject})
            .canonical()
    };
    let second = "44444444-4444-4444-8444-000000000007";
    for (lines, links, lost) in [
        (vec![bearer(UUID, "Patient"), named(None, "7,8")], 1, 0),
        (
            vec![
                named(Some("Patient"), "7,8"),
                bearer(UUID, "Patient"),
                bearer(second, "Person"),
            ],
            1,
            0,
        ),
        (vec![bearer(UUID, "Patient"), named(None, "9")], 0, 1),
        (
            vec![
                bearer(UUID, "Patient"),
                bearer(second, "Patient"),
                named(None, "7,8"),
            ],
            0,
            1,
        ),
    ] {
        let clinic = clinic();
        let (report, notes) = told(&clinic, &ImportOptions::default(), &[&lines.join("\n")]);
        assert_eq!(
            (report.links, report.dangling, report.refused),
            (links, lost, 0),
            "{lines:?}: {notes:?}"
        );
        let subject = read(&clinic, &format!("Condition/{CONDITION}"));
        let reference = subject
            .pointer("/subject/reference")
            .and_then(Json::as_str)
            .map(str::to_owned);
        assert_eq!(
            reference,
            (links == 1).then(|| format!("Patient/{UUID}")),
            "{lines:?}"
        );
    }
}

/// Whatever names nobody is left as it came, told with its place, and counted.
#[test]
fn every_reference_that_names_nobody_is_told() {
    let file = json!({"resourceType": "Condition", "id": CONDITION, "code": {"text": "x"},
        "subject": {"reference": format!("Patient/{UUID}")},
        "encounter": {"reference": "http://h.example/fhir/Encounter/5/_history/2"},
        "recorder": {"reference": "urn:uuid:DEADBEEF-aaaa-4aaa-8aaa-00000000000a"},
        "asserter": {"reference": "urn:oid:1.2.3"},
        "evidence": [{"detail": [{"reference": "#own"}, {"reference": "Observation/9"}]}],
        "contained": [{"resourceType": "Observation", "id": "own", "status": "final", "code": {"text": "x"}, "subject": {"reference": "Patient/8"}}]});
    let clinic = clinic();
    let (report, notes) = told(&clinic, &ImportOptions::default(), &[&file.canonical()]);
    assert_eq!(
        (report.created, report.links, report.dangling),
        (1, 0, 6),
        "{notes:?}"
    );
    let mut paths: Vec<&str> = dangling(&notes).into_iter().map(|(path, _)| path).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "Condition.asserter.reference",
            "Condition.contained[0].subject.reference",
            "Condition.encounter.reference",
            "Condition.evidence[0].detail[1].reference",
            "Condition.recorder.reference",
            "Condition.subject.reference",
        ]
    );
    let mut held = read(&clinic, &format!("Condition/{CONDITION}"));
    chaski_store::strip(&mut held);
    assert_eq!(held.canonical(), file.canonical());
}

/// A record about a refused patient is refused with him, unless he is here; what merely mentions him is taken and told.
#[test]
fn who_is_refused_takes_what_is_about_him_along() {
    let bad = |id: &str| json!({"resourceType": "Patient", "id": id, "gender": "f"});
    let list = json!({"resourceType": "Provenance", "id": "12121212-1212-4121-8121-00000000000f", "recorded": "2026-01-01T00:00:00Z",
        "target": [{"reference": format!("Condition/{CONDITION}")}], "agent": [{"who": {"reference": "Organization/x"}}]});
    let urn = format!("urn:uuid:{UUID}");
    let lines = |some: &[Json]| some.iter().map(Json::canonical).collect::<Vec<_>>().join("\n");
    let about = condition(CONDITION, &format!("Patient/{UUID}"));
    for (what, file) in [
        ("before", lines(&[bad(UUID), about.clone()])),
        ("after", lines(&[about.clone(), bad(UUID)])),
        (
            "by urn",
            bundle(vec![
                entry(&urn, bad(UUID)),
                entry("urn:uuid:x", condition(CONDITION, &urn)),
            ]),
        ),
        (
            "a foreign id",
            lines(&[patient_of("12345"), condition(CONDITION, "Patient/12345")]),
        ),
        (
            "by a foreign URL",
            lines(&[
                patient_of("12345"),
                condition(CONDITION, "http://h.example/Patient/12345"),
            ]),
        ),
    ] {
        let clinic = clinic();
        let (report, notes) = told(&clinic, &ImportOptions::default(), &[&file]);
        assert_eq!(
            (report.created, report.refused, report.dangling),
            (0, 2, 1),
            "{what}: {report:?} {notes:?}"
        );
        let because = notes
            .iter()
            .filter(|note| note.reason.contains("refused because of Patient"));
        assert_eq!(
            because.map(|note| note.id.as_str()).collect::<Vec<_>>(),
            [CONDITION],
            "{what}: {notes:?}"
        );
    }
    // He is here already: his records are taken.
    let known = clinic();
    told(
        &known,
        &ImportOptions::default(),
        &[&patient_of(UUID).canonical()],
    );
    let (report, _) = told(
        &known,
        &ImportOptions::default(),
        &[&lines(&[bad(UUID), about.clone()])],
    );
    assert_eq!(
        (report.created, report.refused, report.dangling),
        (1, 1, 0),
        "{report:?}"
    );
    // What mentions a record that was refused with him is taken, and the mention told.
    let (report, notes) = told(
        &clinic(),
        &ImportOptions::default(),
        &[&lines(&[list, about, bad(UUID)])],
    );
    assert_eq!((report.created, report.refused), (1, 2), "{notes:?}");
    assert_eq!((report.dangling, report.links), (3, 0), "{notes:?}");
}

/// A patient whom the store refuses takes his records along as well.
#[test]
fn who_is_too_large_takes_what_is_about_him_along() {
    let mut large = patient_of(UUID);
    let photo = json!({"contentType": "image/png", "data": ("QUJD".repeat(2_500_000))});
    crate::fhir_json::set(&mut large, "photo", json!([(photo)]));
    let about = condition(CONDITION, &format!("Patient/{UUID}"));
    let file = format!("{}\n{}", about.canonical(), large.canonical());
    let (report, notes) = told(&clinic(), &ImportOptions::default(), &[&file]);
    assert_eq!(
        (report.created, report.refused, report.dangling),
        (0, 2, 1),
        "{notes:?}"
    );
}

/// Over REST a UUID that names nobody is refused as a type and id are, in one write and in a transaction.
#[test]
fn a_urn_of_nothing_is_refused_over_rest_as_an_unknown_id_is() {
    let clinic = clinic();
    let here = patient(&clinic);
    let body = |reference: &str| json!({"resourceType": "AllergyIntolerance", "code": {"text": "x"}, "patient": {"reference": reference}});
    let put = |mut json: Json| {
        crate::fhir_json::set(&mut json, "id", Json::from(UUID));
        update(&clinic, "AllergyIntolerance", UUID, json).map(|_| ())
    };
    let transaction = |json: Json| {
        let bundle = json!({"resourceType": "Bundle", "type": "transaction",
            "entry": [{"resource": json, "request": {"method": "POST", "url": "AllergyIntolerance"}}]});
        clinic
            .bundle_process(&clinician(), bundle)
            .map(|_| ())
            .map_err(|error| match error {
                RecordError::Entry { source, .. } => *source,
                other => other,
            })
    };
    for nobody in [
        "urn:uuid:deadbeef-aaaa-4aaa-8aaa-00000000000a",
        "urn:uuid:DEADBEEF-AAAA-4AAA-8AAA-00000000000A",
        "Patient/deadbeef-aaaa-4aaa-8aaa-00000000000a",
    ] {
        let create = clinic.record_create(&clinician(), body(nobody), &CreateOptions::default());
        for (what, done) in [
            ("create", create.map(|_| ())),
            ("put", put(body(nobody))),
            ("transaction", transaction(body(nobody))),
        ] {
            assert!(
                matches!(done, Err(RecordError::ReferenceMissing { .. })),
                "{what} {nobody}: {done:?}"
            );
        }
    }
    for somebody in [
        format!("urn:uuid:{here}"),
        format!("urn:uuid:{}", here.to_uppercase()),
    ] {
        put(body(&somebody)).expect("it names a patient");
        let held = read(&clinic, &format!("AllergyIntolerance/{UUID}"));
        let reference = held.pointer("/patient/reference").and_then(Json::as_str);
        assert_eq!(reference, Some(format!("Patient/{here}").as_str()));
    }
    // What a transaction calls its own in capitals it may refer to in small letters, and the other way round.
    let small = "urn:uuid:deadbeef-aaaa-4aaa-8aaa-00000000000d";
    let big = small.to_uppercase().replace("URN:UUID", "urn:uuid");
    for (called, named) in [(&big, small), (&small.to_owned(), big.as_str())] {
        let made = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"fullUrl": called.as_str(), "resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}},
            {"resource": (body(named)), "request": {"method": "POST", "url": "AllergyIntolerance"}}]});
        let done = clinic.bundle_process(&clinician(), made).expect("made").entries;
        let keys: Vec<RecordKey> = done
            .into_iter()
            .map(|one| match one {
                Ok(EntryOutcome::Written(written)) => written.key,
                other => panic!("{other:?}"),
            })
            .collect();
        let held = read(&clinic, &keys[1].to_string());
        let reference = held.pointer("/patient/reference").and_then(Json::as_str);
        assert_eq!(reference, Some(keys[0].to_string().as_str()));
    }
    // A Bundle that is stored as one names what it carries itself.
    let own = "urn:uuid:deadbeef-aaaa-4aaa-8aaa-00000000000b";
    let document = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        {"fullUrl": own, "resource": {"resourceType": "Patient"}},
        {"fullUrl": "urn:uuid:deadbeef-aaaa-4aaa-8aaa-00000000000c", "resource": (body(&own.to_uppercase().replace("URN:UUID", "urn:uuid")))}]});
    clinic
        .record_create(&clinician(), document, &CreateOptions::default())
        .expect("it names itself");
}

/// A transaction's links and pictures lead to what it made.
#[test]
fn narratives_and_attachments_follow_what_a_bundle_names() {
    let urn = format!("urn:uuid:{UUID}");
    let document = json!({"resourceType": "DocumentReference", "id": CONDITION, "status": "current",
        "text": {"status": "generated", "div": format!("<div xmlns=\"http://www.w3.org/1999/xhtml\"><a href=\"{}\">x</a> {urn}</div>", urn.to_uppercase().replace("URN:UUID", "urn:uuid"))},
        "content": [{"attachment": {"url": urn.as_str()}}]});
    let clinic = clinic();
    let binary = json!({"resourceType": "Binary", "contentType": "text/plain", "data": "QUJD"});
    let file = bundle(vec![entry(&urn, binary), entry("urn:uuid:x", document)]);
    let (report, notes) = told(&clinic, &ImportOptions::default(), &[&file]);
    assert_eq!(
        (report.created, report.links, report.dangling),
        (2, 2, 0),
        "{notes:?}"
    );
    let held = read(&clinic, &format!("DocumentReference/{CONDITION}"));
    let at = |pointer: &str| {
        held.pointer(pointer)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(at("/content/0/attachment/url"), format!("Binary/{UUID}"));
    assert!(
        at("/text/div").contains(&format!("href=\"Binary/{UUID}\">x</a> {urn}<")),
        "{}",
        at("/text/div")
    );
}
