use super::*;
use crate::RecordKey;
use crate::medication::DoseChange;
use crate::record::UpdateOptions;
use crate::testing::{caller, clinic, clinician, parsed, patient, put};
use chaski_json::Json;

mod alike;
mod decides;
mod listed;
mod reasons;

/// Two people change one prescription from the same version: dose here, status
/// there. Both members are one group, so both whole groups stand.
fn disputed() -> (crate::Clinic, RecordKey) {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = put(
        &clinic,
        parsed(&format!(
            r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{{"reference":"Patient/{patient}"}},
            "medicationCodeableConcept":{{"text":"Morphine"}},"dosageInstruction":[{{"text":"5 mg",
            "doseAndRate":[{{"doseQuantity":{{"value":5,"unit":"mg"}}}}]}}]}}"#
        )),
    );
    let key: RecordKey = format!("MedicationRequest/{id}").parse().expect("a key");
    let shown = clinic.record_read(&clinician(), &key).expect("the record");
    let change = DoseChange {
        id: id.clone(),
        base_version: shown.version.to_string(),
        dose_value: "10".to_owned(),
        dose_unit: "mg".to_owned(),
        ..DoseChange::default()
    };
    clinic
        .medication_dose_change(&clinician(), &change)
        .expect("dose changed");
    let mut stopped = shown.json;
    crate::fhir_json::set(&mut stopped, "status", Json::from("stopped"));
    let options = UpdateOptions {
        if_match: Some(shown.version.to_string()),
        merge: true,
        ..UpdateOptions::default()
    };
    clinic
        .record_update(&caller("clinician"), "MedicationRequest", &id, stopped, &options)
        .expect("stopped");
    (clinic, key)
}

#[test]
fn a_conflict_is_listed_with_both_values_and_resolved() {
    let (clinic, key) = disputed();
    let page = clinic.conflict_list(&clinician(), None, 10).expect("a page");
    assert!(!page.rows.is_empty(), "the conflict is listed");
    let row = page
        .rows
        .iter()
        .find(|row| row.path.starts_with("!group/"))
        .expect("the group");
    assert_eq!(row.record, key.to_string());
    assert_eq!(row.title, "Morphine");
    assert!(row.critical && row.values.len() == 2);
    assert!(
        row.values
            .iter()
            .all(|value| value.author.user == "ana" && !value.lines.is_empty())
    );
    assert!(
        row.values.iter().all(|value| !value.is_safer),
        "a dose stands in dispute too"
    );
    assert_eq!(row.ranked, [("status".to_owned(), Json::from("active"))]);
    assert_eq!(
        row.patient.as_ref().map(|(_, name)| name.as_str()),
        Some("Rosa Quispe")
    );
    let chart = clinic
        .chart_view(&clinician(), &row.patient.as_ref().expect("a patient").0)
        .expect("a chart");
    assert!(
        chart.rows::<crate::medication::MedicationRow>()[0].disputed
            && chart.rows::<crate::medication::MedicationRow>()[0].active,
        "the safer reading: still active"
    );
    let path = row.path.clone();
    let beyond = clinic.conflict_resolve(&clinician(), &key, &path, Choice::Pick(3), None);
    assert!(matches!(beyond, Err(ConflictError::NoSuchValue(2))), "{beyond:?}");
    let denied = clinic.conflict_resolve(&caller("reader"), &key, &path, Choice::Pick(1), None);
    assert!(matches!(denied, Err(ConflictError::Denied(_))));
    for row in clinic.conflict_view(&clinician(), &key).expect("rows") {
        clinic
            .conflict_resolve(&clinician(), &key, &row.path, Choice::Pick(1), None)
            .expect("resolved");
    }
    assert!(clinic.conflict_view(&clinician(), &key).expect("rows").is_empty());
    assert!(
        clinic
            .conflict_list(&clinician(), None, 10)
            .expect("a page")
            .rows
            .is_empty()
    );
}

#[test]
fn what_changed_since_it_was_listed_is_not_decided() {
    let (clinic, key) = disputed();
    let path = clinic.conflict_view(&clinician(), &key).expect("rows")[0]
        .path
        .clone();
    let stale = clinic.conflict_resolve(&clinician(), &key, &path, Choice::Pick(1), Some("000000000000"));
    assert!(matches!(stale, Err(ConflictError::Changed)), "{stale:?}");
    let none = clinic.conflict_resolve(&clinician(), &key, "gender", Choice::Pick(1), None);
    assert!(matches!(none, Err(ConflictError::NotOpen)), "{none:?}");
}

/// Held here for one reason, stopped there for another.
fn two_reasons(held: &str, stopped: &str) -> (crate::Clinic, String, RecordKey) {
    use crate::medication::MedicationStatusChange;
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = put(
        &clinic,
        parsed(&format!(
            r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{{"reference":"Patient/{patient}"}},
            "medicationCodeableConcept":{{"text":"Morphine"}},"dosageInstruction":[{{"text":"5 mg"}}]}}"#
        )),
    );
    let key: RecordKey = format!("MedicationRequest/{id}").parse().expect("a key");
    let shown = clinic
        .record_read(&clinician(), &key)
        .expect("the record")
        .version;
    for (status, reason) in [("on-hold", held), ("stopped", stopped)] {
        let change = MedicationStatusChange {
            id: id.clone(),
            base_version: shown.to_string(),
            status: status.to_owned(),
            reason: reason.to_owned(),
        };
        clinic
            .medication_status_change(&clinician(), &change)
            .expect("changed");
    }
    (clinic, patient, key)
}

#[test]
fn a_picked_status_brings_its_own_reason() {
    for picked in ["on-hold", "stopped"] {
        let (clinic, patient, key) = two_reasons("surgery", "rash");
        let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
        let row = &chart.rows::<crate::medication::MedicationRow>()[0];
        assert!(
            row.disputed && row.status_reason.is_empty(),
            "whose would it be? {row:?}"
        );
        let rows = clinic.conflict_view(&clinician(), &key).expect("rows");
        let row = rows
            .iter()
            .find(|row| row.path == "!group/medication")
            .expect("the group");
        let is_picked = |value: &ConflictValueRow| {
            let status = value.value.as_ref().and_then(|value| value.get("status"));
            status.and_then(Json::as_str) == Some(picked)
        };
        let number = row.values.iter().position(is_picked).expect("the value") + 1;
        let version = clinic
            .conflict_resolve(
                &clinician(),
                &key,
                &row.path,
                Choice::Pick(number),
                Some(&row.version),
            )
            .expect("resolved");
        let now = clinic.record_read(&clinician(), &key).expect("the record");
        assert_eq!((now.version.to_string(), now.conflicts), (version.version, 0));
        let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
        let row = &chart.rows::<crate::medication::MedicationRow>()[0];
        let reason = if picked == "stopped" { "rash" } else { "surgery" };
        assert_eq!(
            (row.status.as_str(), row.status_reason.as_str()),
            (picked, reason)
        );
    }
}
