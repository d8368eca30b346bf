//! A bundle of another server calls its entries by that server's ids: what refers to them there means them,
//! and never whoever has the same id here.

use super::*;

const ELSEWHERE: &str = "http://elsewhere.example/fhir";

fn numbered_patient(id: &str, number: &str) -> Json {
    json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:n", "value": number}]})
}

fn entry(full_url: &str, resource: Json, more: &str) -> Json {
    let kind = crate::fhir_json::text(&resource, "resourceType").to_owned();
    let mut request = parsed(&format!("{{{more}}}"));
    crate::fhir_json::set(&mut request, "method", Json::from("POST"));
    crate::fhir_json::set(&mut request, "url", Json::from(&kind));
    let mut entry = json!({"resource": resource, "request": request});
    if !full_url.is_empty() {
        crate::fhir_json::set(&mut entry, "fullUrl", Json::from(full_url));
    }
    entry
}

fn of(reference: &str) -> Json {
    let json = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": reference}});
    entry("", json, "")
}

/// Whom the one observation here is of: by number, or by reference where that is nobody's.
fn subject(clinic: &Clinic) -> String {
    let found = clinic.find(&clinician(), "Observation", &[]).expect("found");
    assert_eq!(found.len(), 1);
    let subject = found[0].json.pointer("/subject/reference").and_then(Json::as_str);
    let subject = subject.expect("a subject");
    match clinic.record_read(&clinician(), &key(subject)) {
        Ok(patient) => crate::fhir_json::text(
            &patient.json.pointer("/identifier/0").expect("a number").clone(),
            "value",
        )
        .to_owned(),
        Err(_) => subject.to_owned(),
    }
}

#[test]
fn a_reference_by_the_id_of_another_server_goes_to_the_entry_that_had_it_there() {
    let urn = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a";
    // The entry's fullUrl and own id, the reference beside it, and whom that means.
    let http = format!("{ELSEWHERE}/Patient/{UUID}");
    let https = http.replace("http:", "https:");
    let by_id = format!("Patient/{UUID}");
    for (full_url, id, reference, whom) in [
        (http.as_str(), UUID, by_id.as_str(), "new"),
        (&https, UUID, &by_id, "new"),
        (&http, UUID, &http, "new"),
        (urn, UUID, urn, "new"),
        // Within a bundle that names its entries otherwise, an id is one of here.
        (urn, UUID, &by_id, "here"),
        ("", UUID, &by_id, "here"),
    ] {
        for is_before in [true, false] {
            let clinic = clinic();
            update(&clinic, "Patient", UUID, numbered_patient(UUID, "here")).expect("written");
            let mut entries = vec![entry(full_url, numbered_patient(id, "new"), ""), of(reference)];
            if is_before {
                entries.reverse();
            }
            let said = format!("{full_url} {id}: {reference}");
            let done = clinic.bundle_process(&clinician(), transaction(Json::Array(entries)));
            done.unwrap_or_else(|error| panic!("{said}: {error}"));
            assert_eq!(subject(&clinic), whom, "{said}");
            let here = read(&clinic, &by_id);
            let number = here.pointer("/identifier/0/value").and_then(Json::as_str);
            assert_eq!(number, Some("here"), "{said}: nobody here is written over");
        }
    }
}

#[test]
fn where_nobody_here_has_the_id_the_entry_is_meant_or_the_bundle_is_refused() {
    let urn = "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a";
    let http = |id: &str| format!("{ELSEWHERE}/Patient/{id}");
    for (full_url, id, reference, is_taken) in [
        (http("7"), "7", "Patient/7", true),
        (http("7"), "7", "Practitioner/7", false),
        (http("7"), "7", "Patient/8", false),
        (http(UUID), UUID, &format!("Patient/{UUID}"), true),
        (urn.to_owned(), UUID, &format!("Patient/{UUID}"), false),
        (String::new(), "7", "Patient/7", false),
    ] {
        let clinic = clinic();
        let entries = vec![entry(&full_url, numbered_patient(id, "new"), ""), of(reference)];
        let said = format!("{full_url} {id}: {reference}");
        let done = clinic.bundle_process(&clinician(), transaction(Json::Array(entries)));
        assert_eq!(done.is_ok(), is_taken, "{said}: {done:?}");
        match is_taken {
            true => assert_eq!(subject(&clinic), "new", "{said}"),
            false => assert_eq!(clinic.store().stats().expect("stats").records, 0, "{said}"),
        }
    }
}

#[test]
fn an_entry_that_was_here_already_is_meant_by_its_id_elsewhere_too() {
    // A conditional create finds the patient here under another id; one sent twice is one record.
    let condition = r#""ifNoneExist":"identifier=urn:n|known""#;
    for copies in [1, 2] {
        for is_here in [true, false] {
            let clinic = clinic();
            update(&clinic, "Patient", UUID, numbered_patient(UUID, "somebody else")).expect("written");
            if is_here {
                put(
                    &clinic,
                    json!({"resourceType": "Patient", "identifier": [{"system": "urn:n", "value": "known"}]}),
                );
            }
            let entries = (0..copies).map(|copy| {
                let full_url = format!("{ELSEWHERE}/{copy}/Patient/{UUID}");
                entry(&full_url, numbered_patient(UUID, "known"), condition)
            });
            let entries: Vec<Json> = entries.chain([of(&format!("Patient/{UUID}"))]).collect();
            let done = clinic.bundle_process(&clinician(), transaction(Json::Array(entries)));
            done.expect("processed");
            assert_eq!(subject(&clinic), "known", "{copies} {is_here}");
            assert_eq!(clinic.find(&clinician(), "Patient", &[]).expect("found").len(), 2);
        }
    }
}

#[test]
fn an_entry_keeps_the_uuid_its_bundle_calls_it_by_only_while_nobody_has_had_it() {
    const OTHER: &str = "71ebe359-bfdc-4613-8bf2-c5e300945f0a";
    let urn = |id: &str| format!("urn:uuid:{id}");
    // The fullUrl, the own id, what has become of that id here, and whether it is kept.
    for (full_url, id, here, is_kept) in [
        (urn(UUID), UUID, "free", true),
        (urn(UUID), UUID, "taken", false),
        (urn(UUID), UUID, "deleted", false),
        (urn(OTHER), UUID, "free", false),
        (format!("{ELSEWHERE}/Patient/{UUID}"), UUID, "free", false),
        (String::new(), UUID, "free", false),
        (urn("7"), "7", "free", false),
    ] {
        let clinic = clinic();
        if here != "free" {
            update(&clinic, "Patient", UUID, numbered_patient(UUID, "here")).expect("written");
        }
        if here == "deleted" {
            let key = key(&format!("Patient/{UUID}"));
            clinic.record_delete(&clinician(), &key, None).expect("deleted");
        }
        let said = format!("{full_url} {id} {here}");
        let entries = vec![
            entry(&full_url, numbered_patient(id, "new"), ""),
            of("Patient?identifier=urn:n|new"),
        ];
        let done = clinic.bundle_process(&clinician(), transaction(Json::Array(entries)));
        let made = written(&done.unwrap_or_else(|error| panic!("{said}: {error}")));
        assert!(made[0].created, "{said}");
        assert_eq!(made[0].key.id() == id, is_kept, "{said}: {}", made[0].key);
        assert!(
            chaski_fhir::id::is_uuid(made[0].key.id()) && made[0].key.id() != OTHER,
            "{said}"
        );
        assert_eq!(subject(&clinic), "new", "{said}");
        let old = clinic.record_read(&clinician(), &key(&format!("Patient/{UUID}")));
        match here {
            "taken" => {
                let json = old.expect("still here").json;
                let number = json.pointer("/identifier/0/value").and_then(Json::as_str);
                assert_eq!(number, Some("here"), "{said}");
            }
            "deleted" => assert!(matches!(old, Err(RecordError::Gone { .. })), "{said}"),
            _ => assert_eq!(old.is_ok(), is_kept && id == UUID, "{said}"),
        }
    }
}
