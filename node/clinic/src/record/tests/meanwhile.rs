//! Somebody else writes in the midst of a conditional write: one record comes of it, and nothing that was
//! said is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::testing::{SteeredEnv, store_with};

const QUERY: &str = "identifier=urn:n|7";

fn said(number: &str, gender: &str) -> Json {
    json!({"resourceType": "Patient", "gender": gender, "identifier": [{"system": "urn:n", "value": number}]})
}

type Act = fn(&Clinic) -> Result<(), RecordError>;

fn in_transaction(clinic: &Clinic, entries: Json) -> Result<(), RecordError> {
    clinic
        .bundle_process(&clinician(), transaction(entries))
        .map(|_| ())
}

fn create(clinic: &Clinic) -> Result<(), RecordError> {
    let options = CreateOptions {
        if_none_exist: Some(QUERY.to_owned()),
    };
    clinic
        .record_create(&clinician(), said("7", "male"), &options)
        .map(|_| ())
}

fn create_in_bundle(clinic: &Clinic) -> Result<(), RecordError> {
    let entries = json!([
        {"fullUrl": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a", "resource": (said("7", "male")),
            "request": {"method": "POST", "url": "Patient", "ifNoneExist": QUERY}},
        {"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"}},
            "request": {"method": "POST", "url": "Observation"}}
    ]);
    in_transaction(clinic, entries)
}

fn put(clinic: &Clinic) -> Result<(), RecordError> {
    let options = UpdateOptions::default();
    clinic
        .record_update_where(&clinician(), "Patient", QUERY, said("7", "male"), &options)
        .map(|_| ())
}

fn put_in_bundle(clinic: &Clinic) -> Result<(), RecordError> {
    let url = format!("Patient?{QUERY}");
    let entries = json!([
        {"resource": (said("7", "male")), "request": {"method": "PUT", "url": url.as_str()}},
        {"resource": {"resourceType": "Location", "name": "x"}, "request": {"method": "POST", "url": "Location"}}
    ]);
    in_transaction(clinic, entries)
}

fn patients(clinic: &Clinic) -> Vec<Json> {
    let found = clinic.find(&clinician(), "Patient", &[]).expect("found");
    found.into_iter().map(|current| current.json).collect()
}

/// Runs `act`, with somebody else making the same patient at the `look`th time that it looks at the clock.
fn with_another_at(look: usize, act: Act) -> Clinic {
    let env = SteeredEnv::new();
    let clinic = Clinic::new(store_with(env.clone()), Settings::default()).expect("a clinic");
    let (there, (tell, told)) = (clinic.clone(), channel());
    let made = Arc::new(AtomicBool::new(false));
    let is_made = made.clone();
    env.at_look(look, move || {
        std::thread::spawn(move || {
            super::put(&there, said("7", "female"));
            tell.send(())
        });
        is_made.store(
            told.recv_timeout(Duration::from_secs(20)).is_ok(),
            Ordering::Relaxed,
        );
    });
    act(&clinic).unwrap_or_else(|error| panic!("at look {look}: {error}"));
    assert!(!env.disarm(), "there is no such look any more: {look}");
    assert!(made.load(Ordering::Relaxed), "at look {look}");
    clinic
}

/// The first looks are those before it is looked for whom the condition is about, the last the one after.
const LOOKS: [(Act, usize, &str); 4] = [
    (create, 2, "female"),
    (create_in_bundle, 3, "female"),
    (put, 2, "male"),
    (put_in_bundle, 2, "male"),
];

#[test]
fn of_a_write_on_condition_and_the_same_made_meanwhile_one_record_comes_and_nothing_is_lost() {
    for (nth, (act, looks, gender)) in LOOKS.into_iter().enumerate() {
        for look in 0..looks {
            let said = format!("{nth} at look {look}");
            let clinic = with_another_at(look, act);
            let found = patients(&clinic);
            assert_eq!(found.len(), 1, "{said}");
            // A create keeps who is there; an update is written to them.
            assert_eq!(crate::fhir_json::text(&found[0], "gender"), gender, "{said}");
            for observation in clinic.find(&clinician(), "Observation", &[]).expect("found") {
                let subject = observation.json.pointer("/subject/reference");
                let own = format!("Patient/{}", crate::fhir_json::text(&found[0], "id"));
                assert_eq!(subject.and_then(Json::as_str), Some(own.as_str()), "{said}");
            }
        }
    }
}
