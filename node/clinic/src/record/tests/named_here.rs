//! What the entries of a transaction call each other and what is here: a reference goes to the one record
//! that it means, or the bundle is refused.

use super::*;

fn numbered_patient(number: &str) -> Json {
    json!({"resourceType": "Patient", "identifier": [{"system": "urn:n", "value": number}]})
}

fn post(resource: Json) -> Json {
    let kind = resource
        .get("resourceType")
        .and_then(Json::as_str)
        .expect("a type");
    json!({"request": {"method": "POST", "url": kind}, "resource": (resource.clone())})
}

fn put_under(id: &str, mut resource: Json) -> Json {
    crate::fhir_json::set(&mut resource, "id", Json::from(id));
    let kind = resource
        .get("resourceType")
        .and_then(Json::as_str)
        .expect("a type");
    let url = format!("{kind}/{id}");
    json!({"request": {"method": "PUT", "url": url.as_str()}, "resource": (resource.clone())})
}

fn delete(url: &str) -> Json {
    json!({"request": {"method": "DELETE", "url": url}})
}

/// An observation of whom this refers to.
fn of(reference: &str) -> Json {
    post(
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": reference}}),
    )
}

fn process(clinic: &Clinic, entries: Vec<Json>) -> Result<BundleResult, RecordError> {
    clinic.bundle_process(&clinician(), transaction(Json::Array(entries)))
}

/// The identifier of the patient that the only observation here is of.
fn subject_number(clinic: &Clinic) -> String {
    let found = clinic.find(&clinician(), "Observation", &[]).expect("found");
    assert_eq!(found.len(), 1);
    let subject = found[0].json.pointer("/subject/reference").and_then(Json::as_str);
    let patient = read(clinic, subject.expect("a subject"));
    let number = patient.pointer("/identifier/0/value").and_then(Json::as_str);
    number.expect("a number").to_owned()
}

fn sum(clinic: &Clinic) -> chaski_store::Fingerprint {
    let all = clinic.store().fingerprint(&chaski_store::ScopeFilter::all());
    all.expect("a sum").0
}

#[test]
fn a_condition_goes_to_the_new_record_that_meets_it_and_to_no_other_of_its_kind() {
    let new = |number: &str| post(numbered_patient(number));
    let kept = |number: &str| put_under(UUID, numbered_patient(number));
    let wanted = || of("Patient?identifier=urn:n|2");
    // What the bundle brings beside the observation, in every order, and whether there is a patient 2 before.
    let bundles: Vec<(bool, Vec<Json>)> = vec![
        (false, vec![new("1"), new("2"), wanted()]),
        (false, vec![new("2"), new("1"), wanted()]),
        (false, vec![wanted(), new("1"), new("2")]),
        (false, vec![new("1"), wanted(), kept("2")]),
        (false, vec![kept("1"), wanted(), new("2")]),
        (false, vec![new("2"), wanted()]),
        (true, vec![new("1"), wanted()]),
        (true, vec![wanted(), kept("1")]),
        (true, vec![new("1"), new("3"), wanted()]),
        (true, vec![wanted()]),
    ];
    for (is_there, entries) in bundles {
        let clinic = clinic();
        if is_there {
            put(&clinic, numbered_patient("2"));
        }
        let shown = Json::Array(entries.clone()).canonical();
        process(&clinic, entries).unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(subject_number(&clinic), "2", "{shown}");
    }
}

#[test]
fn a_condition_that_meets_none_or_several_new_records_is_refused_whole() {
    let new = |number: &str| post(numbered_patient(number));
    let kept = |number: &str| put_under(UUID, numbered_patient(number));
    let wanted = || of("Patient?identifier=urn:n|2");
    for (entries, at, is_several) in [
        (vec![new("2"), new("2"), wanted()], 2, true),
        (vec![wanted(), new("2"), new("1"), new("2")], 0, true),
        (vec![new("2"), kept("2"), wanted()], 2, true),
        (
            vec![new("2"), of("Patient?identifier=urn:n|2,urn:n|3"), new("3")],
            1,
            true,
        ),
        (vec![new("1"), wanted()], 1, false),
        (vec![wanted(), new("1"), new("3")], 0, false),
        (vec![new("2"), of("Practitioner?identifier=urn:n|2")], 1, false),
        (vec![new("2"), of("Patient?identifier=urn:m|2")], 1, false),
    ] {
        let clinic = clinic();
        let before = sum(&clinic);
        let shown = Json::Array(entries.clone()).canonical();
        let Err(RecordError::Entry { index, source }) = process(&clinic, entries) else {
            panic!("{shown}");
        };
        assert_eq!(index, at, "{shown}");
        let is_it = match is_several {
            true => matches!(*source, RecordError::MultipleMatches(_)),
            false => matches!(*source, RecordError::NoMatch(_)),
        };
        assert!(is_it, "{shown}: {source:?}");
        assert_eq!(sum(&clinic), before, "nothing was written");
    }
}

#[test]
fn what_an_earlier_bundle_brought_under_a_uuid_is_called_by_it() {
    for kind in [
        "Organization",
        "Practitioner",
        "Location",
        "PractitionerRole",
        "Patient",
        "Encounter",
        "Condition",
        "MedicationRequest",
        "Claim",
        "Coverage",
        "Device",
        "Medication",
    ] {
        let clinic = clinic();
        let brought = chaski_store::Write::Put {
            key: key(&format!("{kind}/{UUID}")),
            json: json!({"resourceType": kind, "id": UUID}),
            base: chaski_store::Base::Absent,
            resolution: false,
        };
        clinic
            .store()
            .commit(clinician().context(), vec![brought])
            .expect("written");
        let urn = format!("urn:uuid:{UUID}");
        let basic =
            json!({"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": urn.as_str()}});
        let made = written(&process(&clinic, vec![post(basic)]).expect("processed"));
        let read = read(&clinic, &made[0].key.to_string());
        let subject = read.pointer("/subject/reference").and_then(Json::as_str);
        assert_eq!(subject, Some(format!("{kind}/{UUID}").as_str()));
    }
}

#[test]
fn nothing_new_refers_to_what_the_same_transaction_deletes() {
    let by_number = "Patient?identifier=urn:n|1";
    let by_id = format!("Patient/{UUID}");
    let found = json!({"request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:n|1"},
        "resource": (numbered_patient("1"))});
    for entries in [
        vec![delete(&by_id), of(&by_id)],
        vec![of(&by_id), delete(&by_id)],
        vec![delete(by_number), of(&by_id)],
        vec![of(by_number), delete(&by_id)],
        vec![found.clone(), of(&by_id), delete(&by_id)],
        vec![delete(&by_id), of(&by_id), found],
    ] {
        let clinic = clinic();
        let mut patient = numbered_patient("1");
        crate::fhir_json::set(&mut patient, "id", Json::from(UUID));
        update(&clinic, "Patient", UUID, patient).expect("written");
        let before = sum(&clinic);
        let shown = Json::Array(entries.clone()).canonical();
        let refused = process(&clinic, entries);
        assert!(
            matches!(&refused, Err(RecordError::Entry { source, .. })
                if matches!(**source, RecordError::ReferenceMissing { .. } | RecordError::Bundle(_))),
            "{shown}: {refused:?}"
        );
        assert_eq!(sum(&clinic), before, "{shown}");
    }
    // Deleted together is no reference left over, and what is gone is not referred to anew either.
    let clinic = clinic();
    let mut patient = numbered_patient("1");
    crate::fhir_json::set(&mut patient, "id", Json::from(UUID));
    update(&clinic, "Patient", UUID, patient).expect("written");
    let made = written(&process(&clinic, vec![of(&by_id)]).expect("processed"));
    process(&clinic, vec![delete(&by_id), delete(&made[0].key.to_string())]).expect("both are deleted");
    assert_eq!(clinic.store().stats().expect("stats").records, 0);
    for entries in [vec![of(&by_id)], vec![of(&by_id), delete(&by_id)]] {
        assert!(process(&clinic, entries).is_err());
    }
}

#[test]
fn an_id_that_means_something_else_elsewhere_is_written_through_no_door() {
    let body = |id: &str| json!({"resourceType": "Patient", "id": id, "gender": "male"});
    let send = |clinic: &Clinic, bundle: &str, entry: Json| {
        let bundle = json!({"resourceType": "Bundle", "type": bundle, "entry": [(entry)]});
        match clinic.bundle_process(&clinician(), bundle) {
            Ok(mut done) => done.entries.remove(0).map(|_| ()),
            Err(RecordError::Entry { source, .. }) => Err(*source),
            Err(other) => Err(other),
        }
    };
    type Door<'a> = Box<dyn Fn(&Clinic, &str) -> Result<(), RecordError> + 'a>;
    let doors: Vec<(&str, Door<'_>)> = vec![
        (
            "update",
            Box::new(|clinic, id| update(clinic, "Patient", id, body(id)).map(|_| ())),
        ),
        (
            "batch",
            Box::new(|clinic, id| send(clinic, "batch", put_under(id, body(id)))),
        ),
        (
            "transaction",
            Box::new(|clinic, id| send(clinic, "transaction", put_under(id, body(id)))),
        ),
        (
            "transaction of two",
            Box::new(|clinic, id| {
                let entries = vec![post(numbered_patient("1")), put_under(id, body(id))];
                match process(clinic, entries) {
                    Err(RecordError::Entry { index: 1, source }) => Err(*source),
                    done => done.map(|_| ()),
                }
            }),
        ),
    ];
    for (door, write) in doors {
        for id in [
            "1042",
            "a",
            "patient-1",
            "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b1",
            UUID,
        ] {
            let clinic = clinic();
            let done = write(&clinic, id);
            let records = clinic.store().stats().expect("stats").records;
            if id == UUID {
                assert!(done.is_ok() && records > 0, "{door} {id}: {done:?}");
                continue;
            }
            assert!(
                matches!(done, Err(RecordError::ForeignId(_))),
                "{door} {id}: {done:?}"
            );
            assert_eq!(records, 0, "{door} {id}");
            let accepting = clinic_with(Settings {
                accept_ids: true,
                ..Settings::default()
            });
            write(&accepting, id).expect("the network has agreed");
            // What is here already under such an id can still be edited.
            let holding = self::clinic();
            let options = ImportOptions {
                accept_ids: true,
                ..ImportOptions::default()
            };
            let held = json!({"resourceType": "Patient", "id": id, "gender": "female"}).canonical();
            assert_eq!(import(&holding, &options, &[&held]).created, 1);
            write(&holding, id).expect("edited");
            let gender = read(&holding, &format!("Patient/{id}"));
            assert_eq!(
                gender.get("gender").and_then(Json::as_str),
                Some("male"),
                "{door}"
            );
        }
    }
}
