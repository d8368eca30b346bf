use super::*;
use crate::roles::Role;
use crate::testing::{caller, clinic, clinic_with, clinician, parsed, patient, put};
use crate::{Clinic, RecordKey, Settings};
use chaski_json::{Json, json};

const UUID: &str = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";

fn key(text: &str) -> RecordKey {
    text.parse().expect("a key")
}

fn read(clinic: &Clinic, text: &str) -> Json {
    clinic
        .record_read(&clinician(), &key(text))
        .expect("the record")
        .json
}

fn update(clinic: &Clinic, kind: &str, id: &str, json: Json) -> Result<chaski_store::Written, RecordError> {
    clinic.record_update(&clinician(), kind, id, json, &UpdateOptions::default())
}

#[test]
fn a_created_record_gets_a_uuid_and_reads_back() {
    let clinic = clinic();
    let id = patient(&clinic);
    assert!(chaski_fhir::id::is_uuid(&id));
    let json = read(&clinic, &format!("Patient/{id}"));
    assert_eq!(
        json.pointer("/name/0/family").and_then(Json::as_str),
        Some("Quispe")
    );
    assert!(json.pointer("/meta/versionId").is_some());
}

#[test]
fn ids_of_other_systems_are_refused_unless_accepted() {
    let json = json!({"resourceType": "Patient", "id": "1042"});
    let refused = update(&clinic(), "Patient", "1042", json.clone());
    assert!(matches!(refused, Err(RecordError::ForeignId(_))), "{refused:?}");
    let accepting = clinic_with(Settings {
        accept_ids: true,
        ..Settings::default()
    });
    assert!(
        update(&accepting, "Patient", "1042", json)
            .expect("accepted")
            .created
    );
    let odd = update(
        &clinic(),
        "Patient",
        "a_b",
        json!({"resourceType": "Patient", "id": "a_b"}),
    );
    assert!(matches!(odd, Err(RecordError::BadId)), "{odd:?}");
}

#[test]
fn putting_back_what_was_read_changes_nothing() {
    let clinic = clinic();
    let id = patient(&clinic);
    let json = read(&clinic, &format!("Patient/{id}"));
    let written = update(&clinic, "Patient", &id, json).expect("written");
    assert!(written.unchanged);
}

#[test]
fn a_stale_if_match_is_refused_and_merges_on_request() {
    let clinic = clinic();
    let id = patient(&clinic);
    let mut first = read(&clinic, &format!("Patient/{id}"));
    let stale = first
        .pointer("/meta/versionId")
        .and_then(Json::as_str)
        .expect("a version")
        .to_owned();
    let mut second = first.clone();
    crate::fhir_json::set(&mut second, "gender", Json::from("other"));
    update(&clinic, "Patient", &id, second).expect("written");
    crate::fhir_json::set(&mut first, "maritalStatus", json!({"text": "married"}));
    let mut options = UpdateOptions {
        if_match: Some(stale),
        ..UpdateOptions::default()
    };
    let refused = clinic.record_update(&clinician(), "Patient", &id, first.clone(), &options);
    assert!(matches!(refused, Err(RecordError::Stale { .. })), "{refused:?}");
    options.merge = true;
    clinic
        .record_update(&clinician(), "Patient", &id, first, &options)
        .expect("merged");
    let merged = read(&clinic, &format!("Patient/{id}"));
    assert_eq!(
        merged.get("gender").and_then(Json::as_str),
        Some("other"),
        "the edit between stays"
    );
    assert_eq!(
        merged.pointer("/maritalStatus/text").and_then(Json::as_str),
        Some("married")
    );
}

#[test]
fn a_version_of_another_server_in_the_body_is_no_base() {
    let clinic = clinic();
    let id = patient(&clinic);
    let json =
        json!({"resourceType": "Patient", "id": id.as_str(), "meta": {"versionId": "1"}, "gender": "other"});
    assert!(update(&clinic, "Patient", &id, json).is_ok());
}

#[test]
fn a_deleted_record_is_gone_and_its_history_stays() {
    let clinic = clinic();
    let id = patient(&clinic);
    let key = key(&format!("Patient/{id}"));
    clinic.record_delete(&clinician(), &key, None).expect("deleted");
    assert!(matches!(
        clinic.record_read(&clinician(), &key),
        Err(RecordError::Gone { .. })
    ));
    let page = clinic
        .record_history(&clinician(), &HistoryOf::Record(key.clone()), None, None, None)
        .expect("history");
    assert_eq!(page.entries.len(), 2);
    assert!(page.entries[0].deleted && page.entries[1].created);
    let first = page.entries[1].version.to_string();
    assert!(clinic.record_vread(&clinician(), &key, &first).is_ok());
    assert!(matches!(
        clinic.record_vread(&clinician(), &key, "000000000000"),
        Err(RecordError::VersionNotFound(_))
    ));
}

#[test]
fn references_must_be_known_but_old_holes_can_be_edited_around() {
    let clinic = clinic();
    let json = json!({"resourceType": "Observation", "status": "final", "code": {"text": "weight"},
        "subject": {"reference": format!("Patient/{UUID}")}});
    let refused = clinic.record_create(&clinician(), json.clone(), &CreateOptions::default());
    assert!(
        matches!(refused, Err(RecordError::ReferenceMissing { .. })),
        "{refused:?}"
    );
    let subject = patient(&clinic);
    let mut good = json;
    crate::fhir_json::set(
        &mut good,
        "subject",
        json!({"reference": format!("Patient/{subject}")}),
    );
    let id = put(&clinic, good);
    clinic
        .record_delete(&clinician(), &key(&format!("Patient/{subject}")), None)
        .expect("deleted");
    let mut again = read(&clinic, &format!("Observation/{id}"));
    crate::fhir_json::set(&mut again, "status", Json::from("amended"));
    assert!(update(&clinic, "Observation", &id, again).is_ok());
}

#[test]
fn own_base_urls_become_relative() {
    let clinic = clinic_with(Settings {
        base_urls: vec!["https://clinic.example/fhir".to_owned()],
        ..Settings::default()
    });
    let subject = patient(&clinic);
    let id = put(
        &clinic,
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "weight"},
            "subject": {"reference": format!("https://clinic.example/fhir/Patient/{subject}")}}),
    );
    let json = read(&clinic, &format!("Observation/{id}"));
    assert_eq!(
        json.pointer("/subject/reference").and_then(Json::as_str),
        Some(format!("Patient/{subject}").as_str())
    );
}

fn transaction(entries: Json) -> Json {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": entries})
}

#[test]
fn a_transaction_rewrites_references_and_is_all_or_nothing() {
    let clinic = clinic();
    let good = parsed(
        r#"[{"fullUrl":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a","resource":{"resourceType":"Patient","gender":"male"},
             "request":{"method":"POST","url":"Patient"}},
            {"fullUrl":"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059","resource":{"resourceType":"Observation",
             "status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"}},
             "request":{"method":"POST","url":"Observation"}}]"#,
    );
    let result = clinic
        .bundle_process(&clinician(), transaction(good))
        .expect("processed");
    let keys: Vec<RecordKey> = result
        .entries
        .iter()
        .map(|entry| match entry {
            Ok(EntryOutcome::Written(written)) => written.key.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let observation = read(&clinic, &keys[1].to_string());
    assert_eq!(
        observation.pointer("/subject/reference").and_then(Json::as_str),
        Some(keys[0].to_string().as_str())
    );
    let half = parsed(
        r#"[{"resource":{"resourceType":"Patient","gender":"female"},"request":{"method":"POST","url":"Patient"}},
            {"resource":{"resourceType":"Observation","status":"no such status","code":{"text":"x"}},
             "request":{"method":"POST","url":"Observation"}}]"#,
    );
    let before = clinic.store().stats().expect("stats").records;
    let refused = clinic.bundle_process(&clinician(), transaction(half.clone()));
    assert!(
        matches!(&refused, Err(RecordError::Entry { index: 1, .. })),
        "{refused:?}"
    );
    assert_eq!(clinic.store().stats().expect("stats").records, before);
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": half});
    let result = clinic.bundle_process(&clinician(), batch).expect("processed");
    assert!(result.entries[0].is_ok() && result.entries[1].is_err());
}

/// A patient and an observation of them, as a device that knows only their number would send it.
fn numbered(number: &str) -> Json {
    parsed(&format!(
        r#"[{{"fullUrl":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
              "resource":{{"resourceType":"Patient","gender":"male","identifier":[{{"system":"urn:n","value":"{number}"}}]}},
              "request":{{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:n|{number}"}}}},
            {{"resource":{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},
              "subject":{{"reference":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"}}}},
              "request":{{"method":"POST","url":"Observation"}}}}]"#
    ))
}

fn written(result: &BundleResult) -> Vec<chaski_store::Written> {
    let entry = |entry: &Result<EntryOutcome, RecordError>| match entry {
        Ok(EntryOutcome::Written(written)) => written.clone(),
        other => panic!("{other:?}"),
    };
    result.entries.iter().map(entry).collect()
}

#[test]
fn of_transactions_that_race_on_one_condition_one_creates() {
    let clinic = clinic();
    for number in 0..8 {
        let barrier = std::sync::Barrier::new(2);
        let process = || {
            barrier.wait();
            let bundle = transaction(numbered(&number.to_string()));
            written(&clinic.bundle_process(&clinician(), bundle).expect("processed"))
        };
        let (one, other) = std::thread::scope(|scope| {
            let one = scope.spawn(process);
            (process(), one.join().expect("no panic"))
        });
        assert_eq!(one[0].key, other[0].key);
        assert_eq!([&one, &other].iter().filter(|all| all[0].created).count(), 1);
        for all in [one, other] {
            // What refers to the patient refers to the one that was made.
            let observation = read(&clinic, &all[1].key.to_string());
            assert_eq!(
                observation.pointer("/subject/reference").and_then(Json::as_str),
                Some(all[0].key.to_string().as_str())
            );
        }
    }
    assert_eq!(clinic.store().stats().expect("stats").records, 8 + 16);
}

#[test]
fn one_condition_twice_in_a_transaction_is_one_record() {
    let clinic = clinic();
    let mut entries = numbered("7");
    let mut more = numbered("7");
    for entry in more.as_array_mut().expect("entries") {
        let text = entry.canonical().replace("61ebe359", "71ebe359");
        entries.as_array_mut().expect("entries").push(parsed(&text));
    }
    let result = clinic
        .bundle_process(&clinician(), transaction(entries))
        .expect("processed");
    let all = written(&result);
    assert_eq!(all[0].key, all[2].key);
    assert!(all[0].created && all[2].unchanged && !all[2].created);
    for observation in [&all[1], &all[3]] {
        let json = read(&clinic, &observation.key.to_string());
        assert_eq!(
            json.pointer("/subject/reference").and_then(Json::as_str),
            Some(all[0].key.to_string().as_str())
        );
    }
}

#[test]
fn of_two_puts_that_must_create_one_does() {
    let clinic = clinic();
    let id = |number: usize| format!("0f2a7a52-9c1e-4b7e-8a43-0000000000{number:02}");
    for number in 0..8 {
        let id = id(number);
        let barrier = std::sync::Barrier::new(2);
        let put = |gender: &str| {
            let json = json!({"resourceType": "Patient", "id": id.as_str(), "gender": gender});
            let options = UpdateOptions {
                must_not_exist: true,
                ..UpdateOptions::default()
            };
            barrier.wait();
            clinic.record_update(&clinician(), "Patient", &id, json, &options)
        };
        let raced = std::thread::scope(|scope| {
            let one = scope.spawn(|| put("female"));
            [put("male"), one.join().expect("no panic")]
        });
        assert_eq!(raced.iter().filter(|one| one.is_ok()).count(), 1, "{raced:?}");
        let refused = raced
            .iter()
            .filter(|one| matches!(one, Err(RecordError::Exists(_))));
        assert_eq!(refused.count(), 1, "{raced:?}");
    }
}

#[test]
fn a_version_to_match_is_matched_by_nothing_where_nothing_is() {
    let clinic = clinic();
    let version = {
        let id = patient(&clinic);
        let json = read(&clinic, &format!("Patient/{id}"));
        let version = json.pointer("/meta/versionId").and_then(Json::as_str);
        version.expect("a version").to_owned()
    };
    let stale = |done: &Result<_, RecordError>| matches!(done, Err(RecordError::Stale { .. }));
    let missing = key(&format!("Patient/{UUID}"));
    let deleted = clinic.record_delete(&clinician(), &missing, Some(&version));
    assert!(stale(&deleted), "{deleted:?}");
    assert!(deleted.expect_err("stale").to_string().contains("no such record"));
    let plain = clinic.record_delete(&clinician(), &missing, None);
    assert!(matches!(plain, Err(RecordError::NotFound(_))), "{plain:?}");

    let entry = |request: Json| json!([{ "request": request }]);
    let url = format!("Patient/{UUID}");
    let tag = format!("W/\"{version}\"");
    let request = json!({"method": "DELETE", "url": url.as_str(), "ifMatch": tag.as_str()});
    let refused = clinic.bundle_process(&clinician(), transaction(entry(request.clone())));
    assert!(
        matches!(&refused, Err(RecordError::Entry { index: 0, source }) if matches!(**source, RecordError::Stale { .. })),
        "{refused:?}"
    );
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": entry(request)});
    let result = clinic.bundle_process(&clinician(), batch).expect("processed");
    assert!(matches!(result.entries[0], Err(RecordError::Stale { .. })));
    let request = json!({"method": "DELETE", "url": url.as_str()});
    let result = clinic.bundle_process(&clinician(), transaction(entry(request)));
    assert!(matches!(
        result.expect("processed").entries[0],
        Ok(EntryOutcome::Deleted(None))
    ));
}

#[test]
fn a_shared_record_created_on_condition_gets_the_same_id_everywhere() {
    let entry = r#"[{"resource":{"resourceType":"Organization","name":"Post of Health",
        "identifier":[{"system":"urn:registry","value":"77"}]},
        "request":{"method":"POST","url":"Organization","ifNoneExist":"identifier=urn:registry|77"}}]"#;
    let ids: Vec<String> = (0..2)
        .map(|_| {
            let clinic = clinic();
            let mut found = Vec::new();
            for _ in 0..2 {
                let result = clinic
                    .bundle_process(&clinician(), transaction(parsed(entry)))
                    .expect("processed");
                match &result.entries[0] {
                    Ok(EntryOutcome::Written(written)) => found.push(written.key.to_string()),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(found[0], found[1], "created once");
            found.remove(0)
        })
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn conditional_references_resolve_in_the_store_and_in_the_bundle() {
    let clinic = clinic();
    let doctor = put(
        &clinic,
        json!({"resourceType": "Practitioner", "identifier": [{"system": "urn:npi", "value": "9"}]}),
    );
    let bundle = parsed(
        r#"[{"fullUrl":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a","resource":{"resourceType":"Patient",
              "identifier":[{"system":"urn:mrn","value":"5"}],"generalPractitioner":[{"reference":"Practitioner?identifier=urn:npi|9"}]},
              "request":{"method":"POST","url":"Patient"}},
            {"resource":{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"},
              "subject":{"reference":"Patient?identifier=urn:mrn|5"}},"request":{"method":"POST","url":"Encounter"}}]"#,
    );
    let result = clinic
        .bundle_process(&clinician(), transaction(bundle))
        .expect("processed");
    let keys: Vec<String> = result
        .entries
        .iter()
        .map(|entry| match entry {
            Ok(EntryOutcome::Written(written)) => written.key.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let patient = read(&clinic, &keys[0]);
    let gp = patient
        .pointer("/generalPractitioner/0/reference")
        .and_then(Json::as_str);
    assert_eq!(gp, Some(format!("Practitioner/{doctor}").as_str()));
    let encounter = read(&clinic, &keys[1]);
    assert_eq!(
        encounter.pointer("/subject/reference").and_then(Json::as_str),
        Some(keys[0].as_str())
    );
    let unknown = parsed(
        r#"[{"resource":{"resourceType":"Patient","generalPractitioner":[{"reference":"Practitioner?identifier=urn:npi|none"}]},
            "request":{"method":"POST","url":"Patient"}}]"#,
    );
    assert!(clinic.bundle_process(&clinician(), transaction(unknown)).is_err());
}

#[test]
fn searches_answer_and_refuse_what_they_do_not_know() {
    let clinic = clinic();
    let id = patient(&clinic);
    let found = clinic
        .find(&clinician(), "Patient", &[("name", "qui")])
        .expect("found");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key.id(), id);
    let unknown = clinic.find(&clinician(), "Patient", &[("shoe-size", "42")]);
    assert!(matches!(unknown, Err(RecordError::Search(_))), "{unknown:?}");
    let refused = clinic.find(&caller("administrator"), "Patient", &[]);
    assert!(matches!(refused, Err(RecordError::Denied(_))));
}

fn import(clinic: &Clinic, options: &ImportOptions, files: &[&str]) -> ImportReport {
    let operator = caller(Role::Operator.name());
    let mut session = clinic.record_import(&operator, options.clone()).expect("allowed");
    for (index, file) in files.iter().enumerate() {
        session
            .file(&format!("file {index}"), &mut file.as_bytes(), &mut |_| {})
            .expect("taken");
    }
    session.finish(&mut |_| {}).expect("finished")
}

const PATIENT_FILE: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[
    {"fullUrl":"urn:uuid:018f428e-34f6-4707-8009-5ad742f901e7","resource":{"resourceType":"Patient",
     "id":"018f428e-34f6-4707-8009-5ad742f901e7","gender":"male"},"request":{"method":"POST","url":"Patient"}},
    {"fullUrl":"urn:uuid:118f428e-34f6-4707-8009-5ad742f901e7","resource":{"resourceType":"Encounter",
     "id":"118f428e-34f6-4707-8009-5ad742f901e7","status":"finished","class":{"code":"AMB"},
     "subject":{"reference":"urn:uuid:018f428e-34f6-4707-8009-5ad742f901e7"},
     "serviceProvider":{"reference":"urn:uuid:218f428e-34f6-4707-8009-5ad742f901e7"},
     "participant":[{"individual":{"reference":"Practitioner?identifier=urn:npi|9"}}]},
     "request":{"method":"POST","url":"Encounter"}}]}"#;
const SHARED_FILE: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[
    {"fullUrl":"urn:uuid:218f428e-34f6-4707-8009-5ad742f901e7","resource":{"resourceType":"Organization",
     "id":"218f428e-34f6-4707-8009-5ad742f901e7","name":"Post"},"request":{"method":"POST","url":"Organization"}},
    {"fullUrl":"urn:uuid:318f428e-34f6-4707-8009-5ad742f901e7","resource":{"resourceType":"Practitioner",
     "id":"318f428e-34f6-4707-8009-5ad742f901e7","identifier":[{"system":"urn:npi","value":"9"}]},
     "request":{"method":"POST","url":"Practitioner"}}]}"#;

#[test]
fn an_import_keeps_ids_resolves_across_files_and_twice_is_once() {
    let clinic = clinic();
    let report = import(&clinic, &ImportOptions::default(), &[PATIENT_FILE, SHARED_FILE]);
    assert_eq!(
        (report.records, report.created, report.refused, report.dangling),
        (4, 4, 0, 0),
        "{report:?}"
    );
    let encounter = read(&clinic, "Encounter/118f428e-34f6-4707-8009-5ad742f901e7");
    let at = |pointer: &str| {
        encounter
            .pointer(pointer)
            .and_then(Json::as_str)
            .map(str::to_owned)
    };
    assert_eq!(
        at("/subject/reference").as_deref(),
        Some("Patient/018f428e-34f6-4707-8009-5ad742f901e7")
    );
    assert_eq!(
        at("/serviceProvider/reference").as_deref(),
        Some("Organization/218f428e-34f6-4707-8009-5ad742f901e7")
    );
    assert_eq!(
        at("/participant/0/individual/reference").as_deref(),
        Some("Practitioner/318f428e-34f6-4707-8009-5ad742f901e7")
    );
    let again = import(&clinic, &ImportOptions::default(), &[PATIENT_FILE, SHARED_FILE]);
    assert_eq!(
        (again.created, again.updated, again.unchanged),
        (0, 0, 4),
        "{again:?}"
    );
}

#[test]
fn what_a_server_said_about_its_search_is_no_record() {
    let clinic = clinic();
    let page = r#"{"resourceType":"Bundle","type":"searchset","entry":[
        {"resource":{"resourceType":"Patient","id":"3a0c5a0e-7f0a-4f4e-8f7d-0a4f3a1e9b11"},"search":{"mode":"match"}},
        {"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"informational"}]},
         "search":{"mode":"outcome"}}]}"#;
    let report = import(&clinic, &ImportOptions::default(), &[page]);
    assert_eq!((report.records, report.created), (1, 1), "{report:?}");
}

#[test]
fn an_import_never_undoes_an_edit() {
    let clinic = clinic();
    import(&clinic, &ImportOptions::default(), &[PATIENT_FILE, SHARED_FILE]);
    let id = "018f428e-34f6-4707-8009-5ad742f901e7";
    let mut json = read(&clinic, &format!("Patient/{id}"));
    crate::fhir_json::set(&mut json, "gender", Json::from("other"));
    update(&clinic, "Patient", id, json).expect("edited");
    let again = import(&clinic, &ImportOptions::default(), &[PATIENT_FILE]);
    assert_eq!(again.updated, 0, "{again:?}");
    assert_eq!(
        read(&clinic, &format!("Patient/{id}"))
            .get("gender")
            .and_then(Json::as_str),
        Some("other")
    );
}

#[test]
fn an_import_twice_is_once_where_files_hold_one_record_differently() {
    let clinic = clinic();
    let patient = |gender: &str, meta: &str| {
        format!(
            r#"{{"resourceType":"Patient","id":"018f428e-34f6-4707-8009-5ad742f901e7","gender":"{gender}"{meta}}}"#
        )
    };
    let tagged = patient("male", r#","meta":{"tag":[{"system":"urn:t","code":"HTEST"}]}"#);
    let plain = patient("other", "");
    // In one import: what comes later in a batch is not in the history yet.
    let files = [tagged.as_str(), &plain, &tagged];
    import(&clinic, &ImportOptions::default(), &files);
    let before = read(&clinic, "Patient/018f428e-34f6-4707-8009-5ad742f901e7").canonical();
    let again = import(&clinic, &ImportOptions::default(), &files);
    assert_eq!((again.updated, again.unchanged), (0, 3), "{again:?}");
    assert_eq!(
        read(&clinic, "Patient/018f428e-34f6-4707-8009-5ad742f901e7").canonical(),
        before
    );
    // A tag that the record has never had is still added.
    let more = tagged.replace("HTEST", "MORE");
    assert_eq!(import(&clinic, &ImportOptions::default(), &[&more]).updated, 1);
}

#[test]
fn an_import_never_undoes_a_deletion() {
    let clinic = clinic();
    import(&clinic, &ImportOptions::default(), &[PATIENT_FILE, SHARED_FILE]);
    let key = key("Encounter/118f428e-34f6-4707-8009-5ad742f901e7");
    clinic.record_delete(&clinician(), &key, None).expect("deleted");
    let again = import(&clinic, &ImportOptions::default(), &[PATIENT_FILE, SHARED_FILE]);
    assert_eq!((again.created, again.updated), (0, 0), "{again:?}");
    assert!(matches!(
        clinic.record_read(&clinician(), &key),
        Err(RecordError::Gone { .. })
    ));
}

#[test]
fn what_stays_unknown_is_left_and_counted() {
    let clinic = clinic();
    let lone = r#"{"resourceType":"Encounter","id":"118f428e-34f6-4707-8009-5ad742f901e7","status":"finished",
        "class":{"code":"AMB"},"serviceProvider":{"reference":"urn:uuid:218f428e-34f6-4707-8009-5ad742f901e7"}}"#;
    let report = import(&clinic, &ImportOptions::default(), &[&lone.replace('\n', " ")]);
    assert_eq!((report.created, report.dangling), (1, 1), "{report:?}");
}

#[test]
fn foreign_ids_are_imported_with_a_prefix_or_when_accepted() {
    let lines = "{\"resourceType\":\"Patient\",\"id\":\"7\"}\n\n{\"resourceType\":\"Condition\",\"id\":\"8\",\"subject\":{\"reference\":\"Patient/7\"}}\n";
    let refused = import(&clinic(), &ImportOptions::default(), &[lines]);
    assert_eq!((refused.created, refused.refused), (0, 2), "{refused:?}");
    let prefixed = clinic();
    let options = ImportOptions {
        id_prefix: Some("north-".to_owned()),
        accept_ids: false,
        ..ImportOptions::default()
    };
    assert_eq!(import(&prefixed, &options, &[lines]).created, 2);
    let condition = read(&prefixed, "Condition/north-8");
    assert_eq!(
        condition.pointer("/subject/reference").and_then(Json::as_str),
        Some("Patient/north-7")
    );
    let accepted = clinic();
    let options = ImportOptions {
        id_prefix: None,
        accept_ids: true,
        ..ImportOptions::default()
    };
    assert_eq!(import(&accepted, &options, &[lines]).created, 2);
    read(&accepted, "Patient/7");
}

#[test]
fn bad_files_say_where_and_the_rest_goes_on() {
    let clinic = clinic();
    let lines = "{\"resourceType\":\"Patient\",\"id\":\"0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10\"}\n{\"resourceType\":\n{\"resourceType\":\"Nonsense\"}\n";
    let report = import(&clinic, &ImportOptions::default(), &[lines]);
    assert_eq!((report.created, report.refused), (1, 2), "{report:?}");
    assert!(report.refusals[0].0.ends_with(":2"), "{report:?}");
    let operator = caller("operator");
    let mut session = clinic
        .record_import(&operator, ImportOptions::default())
        .expect("allowed");
    assert!(matches!(
        session.file("x", &mut &b"{\n\"a\": 1, \"a\": 2}"[..], &mut |_| {}),
        Err(ImportError::Format { .. })
    ));
    let whole = PATIENT_FILE.replace("\"gender\":\"male\"", "\"gender\":17");
    session
        .file("y", &mut whole.as_bytes(), &mut |_| {})
        .expect("a transaction that is refused whole costs itself");
    session
        .file("z", &mut SHARED_FILE.as_bytes(), &mut |_| {})
        .expect("the next file is taken");
    let report = session.finish(&mut |_| {}).expect("finished");
    assert_eq!((report.created, report.refused), (2, 2), "{report:?}");
    assert_eq!(report.refusals[0].0, "y entry 0");
    assert!(report.refusals[1].1.contains("entry 0"), "{report:?}");
}

#[test]
fn equal_stores_export_equal_bytes() {
    let export = |files: &[&str]| {
        let clinic = clinic();
        import(&clinic, &ImportOptions::default(), files);
        let mut out = Vec::new();
        let report = clinic
            .record_export(&caller("operator"), &mut out, &mut |_, _| {})
            .expect("exported");
        assert_eq!(report.records, 4);
        String::from_utf8(out).expect("UTF-8")
    };
    let text = export(&[SHARED_FILE, PATIENT_FILE]);
    let kinds: Vec<Json> = text.lines().map(parsed).collect();
    let order: Vec<&str> = kinds
        .iter()
        .filter_map(|json| json.get("resourceType").and_then(Json::as_str))
        .collect();
    assert_eq!(order, ["Encounter", "Organization", "Patient", "Practitioner"]);
    assert!(
        clinic()
            .record_export(&caller("reader"), &mut Vec::new(), &mut |_, _| {})
            .is_err()
    );
}

#[test]
fn part_of_a_record_is_not_taken_for_the_whole() {
    let clinic = clinic();
    let id = patient(&clinic);
    let key: RecordKey = format!("Patient/{id}").parse().expect("a key");
    let mut part = clinic.record_read(&clinician(), &key).expect("the record").json;
    if let Some(meta) = part.get_mut("meta").and_then(Json::as_object_mut) {
        let tag = parsed(r#"[{"code":"SUBSETTED"}]"#);
        meta.insert("tag".to_owned(), tag);
    }
    let refused = clinic.record_update(&clinician(), "Patient", &id, part, &UpdateOptions::default());
    assert!(matches!(refused, Err(RecordError::Refused(_))), "{refused:?}");
}

#[test]
fn a_read_that_fails_in_a_transaction_does_not_deny_its_writes() {
    let clinic = clinic();
    let missing = "0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa";
    let bundle = parsed(&format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[
        {{"resource":{{"resourceType":"Organization","name":"North clinic"}},"request":{{"method":"POST","url":"Organization"}}}},
        {{"request":{{"method":"GET","url":"Patient/{missing}"}}}}]}}"#
    ));
    let done = clinic.bundle_process(&clinician(), bundle).expect("written");
    assert!(matches!(done.entries[0], Ok(EntryOutcome::Written(_))));
    assert!(matches!(done.entries[1], Err(RecordError::NotFound(_))));
}

#[test]
fn a_conditional_reference_tells_no_more_than_a_search() {
    let clinic = clinic();
    patient(&clinic);
    let organization = parsed(
        r#"{"resourceType":"Organization","name":"x",
        "extension":[{"url":"http://example.org/x","valueReference":{"reference":"Patient?name=Rosa"}}]}"#,
    );
    let refused = clinic.record_create(&caller("administrator"), organization, &CreateOptions::default());
    assert!(matches!(refused, Err(RecordError::Denied(_))), "{refused:?}");
}

mod brought;
mod carried;
mod chains;
mod conditions;
mod imported;
mod leaves;
mod linked;
mod meanwhile;
mod named_here;
mod partial;
mod reads;
mod requests;
mod rest_names;
mod same_record;
mod twice;
mod updates;
