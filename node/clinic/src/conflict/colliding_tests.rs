//! Records of one id that began for different patients, as the inbox, charts and lists tell of them.

use chaski_json::{Json, json};
use chaski_store::{Base, RecordKey, Write};

use super::*;
use crate::Clinic;
use crate::fhir_json::set;
use crate::medication::MedicationRow;
use crate::record::{RecordError, UpdateOptions};
use crate::testing::{clinic, clinician, patient, put};

const ID: &str = "0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2aa";

fn begin(clinic: &Clinic, json: Json) -> RecordKey {
    let key = RecordKey::new(crate::fhir_json::text(&json, "resourceType"), ID).expect("a key");
    let write = Write::Put {
        key: key.clone(),
        json,
        base: Base::OneOfSeveral,
        resolution: false,
    };
    clinic
        .store()
        .commit(clinician().context(), vec![write])
        .expect("begun");
    key
}

fn order(patient: &str, drug: &str) -> Json {
    json!({"resourceType": "MedicationRequest", "id": ID, "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": drug}, "subject": {"reference": format!("Patient/{patient}")}})
}

/// Two patients who have a medicine each under one id.
fn collided(clinic: &Clinic) -> ([String; 2], RecordKey) {
    let people = [patient(clinic), patient(clinic)];
    begin(clinic, order(&people[0], "Enalapril"));
    let key = begin(clinic, order(&people[1], "Losartan"));
    (people, key)
}

#[test]
fn the_inbox_names_whose_they_are_and_favours_none() {
    let clinic = clinic();
    let (people, key) = collided(&clinic);
    let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
    let [row] = rows.as_slice() else {
        panic!("{rows:?}")
    };
    assert_eq!((row.part(), row.values.len()), (ConflictPart::Collision, 2));
    assert!(people.iter().all(|id| row.concerns(id)) && !row.concerns("another"));
    let mut named: Vec<&str> = Vec::new();
    for value in &row.values {
        let (id, name) = value.patient.as_ref().expect("whose it is");
        assert_eq!(name, "Rosa Quispe");
        named.push(id);
        assert!(!value.is_safer);
        let labels: Vec<&str> = value.lines.iter().map(|(label, _)| label.as_str()).collect();
        // Whose it is stands above; all else is told.
        assert_eq!(labels, ["intent", "medicationCodeableConcept", "status"]);
    }
    named.sort_unstable();
    let mut expected: Vec<&str> = people.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(named, expected);
}

#[test]
fn of_somebody_who_is_not_here_the_reference_is_told() {
    let clinic = clinic();
    let here = patient(&clinic);
    begin(&clinic, order(&here, "Enalapril"));
    let key = begin(&clinic, order("0190b4a2-6f3e-7c1d-8a55-3f0c9be1d2ff", "Losartan"));
    let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
    let unknown = rows[0].values.iter().find(|value| value.patient.is_none());
    let lines = &unknown.expect("one of nobody here").lines;
    let subject = lines.iter().find(|(label, _)| label == "subject");
    assert!(
        subject.is_some_and(|(_, text)| text.ends_with("d2ff")),
        "{lines:?}"
    );
}

#[test]
fn charts_and_lists_count_it_once_for_each_whose_it_is() {
    let clinic = clinic();
    let (people, _) = collided(&clinic);
    for id in &people {
        let chart = clinic.chart_view(&clinician(), id).expect("a chart");
        assert_eq!((chart.conflicts, chart.patient.conflicts), (1, 0));
        let rows = chart.rows::<MedicationRow>();
        assert_eq!(rows.len(), 1);
        assert!(rows[0].meta.collides && rows[0].meta.conflicts == 0);
    }
    // Two people of one id: each is marked where people are listed, and the one who names nobody is read.
    let other = patient(&clinic);
    let person = |linked: Option<&str>| {
        let mut json = json!({"resourceType": "Patient", "id": ID, "name": [{"family": "Ccapac"}]});
        if let Some(id) = linked {
            let link = json!([{"other": {"reference": format!("Patient/{id}")}, "type": "seealso"}]);
            set(&mut json, "link", link);
        }
        json
    };
    begin(&clinic, person(None));
    begin(&clinic, person(Some(&other)));
    let page = clinic.patient_search(&clinician(), "Ccapac", 10).expect("a page");
    let told: Vec<usize> = page.rows.iter().map(|row| row.conflicts).collect();
    assert!(
        !told.is_empty() && told.iter().all(|count| *count == 1),
        "{told:?}"
    );
    let chart = clinic.chart_view(&clinician(), ID).expect("a chart");
    assert_eq!((chart.patient.conflicts, chart.conflicts), (1, 1));
}

#[test]
fn by_its_id_alone_nothing_is_read_written_or_deleted() {
    let clinic = clinic();
    let (people, key) = collided(&clinic);
    let is_refused = |done: Result<(), RecordError>| {
        assert!(
            matches!(&done, Err(RecordError::Collision(of)) if *of == key),
            "{done:?}"
        );
    };
    is_refused(clinic.record_read(&clinician(), &key).map(drop));
    is_refused(clinic.record_delete(&clinician(), &key, None).map(drop));
    let body = order(&people[0], "Enalapril, more");
    let options = UpdateOptions::default();
    is_refused(
        clinic
            .record_update(&clinician(), "MedicationRequest", ID, body, &options)
            .map(drop),
    );
    let third = put(&clinic, json!({"resourceType": "Patient", "gender": "male"}));
    is_refused(
        clinic
            .record_update(
                &clinician(),
                "MedicationRequest",
                ID,
                order(&third, "Aspirin"),
                &options,
            )
            .map(drop),
    );
}

#[test]
fn what_stands_for_other_parts_is_not_taken_for_a_collision() {
    let row = |path: &str| ConflictRow {
        path: path.to_owned(),
        ..of_nothing()
    };
    for (path, part) in [
        ("!collision", ConflictPart::Collision),
        ("!group/medication", ConflictPart::Group),
        ("!record", ConflictPart::Record),
        ("status", ConflictPart::Element),
    ] {
        assert_eq!(row(path).part(), part, "{path}");
    }
}

fn of_nothing() -> ConflictRow {
    let clinic = clinic();
    let (_, key) = collided(&clinic);
    let mut rows = clinic.conflict_view(&clinician(), &key).expect("rows");
    rows.remove(0)
}
