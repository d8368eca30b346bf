use super::*;
use crate::form::FormError;
use crate::testing::{clinic, clinician, parsed, patient, put};
use crate::{Clinic, RecordKey};
use chaski_json::Json;

fn prescription(clinic: &Clinic, patient: &str) -> String {
    let text = format!(
        r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",
        "medicationCodeableConcept":{{"text":"Amoxicillin 250 mg capsule"}},
        "subject":{{"reference":"Patient/{patient}"}},"authoredOn":"2025-12-01",
        "dosageInstruction":[{{"text":"250 mg","route":{{"text":"oral"}},
        "timing":{{"repeat":{{"frequency":3,"period":1,"periodUnit":"d"}}}},
        "doseAndRate":[{{"doseQuantity":{{"value":250,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}}}]}}]}}"#
    );
    put(clinic, parsed(&text))
}

#[test]
fn a_dose_changes_as_one() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = prescription(&clinic, &patient);
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    let row = &chart.rows::<MedicationRow>()[0];
    assert_eq!(
        (
            row.dose_value.as_str(),
            row.times_per_day.as_str(),
            row.route.as_str()
        ),
        ("250", "3", "oral")
    );
    let change = DoseChange {
        id: id.clone(),
        base_version: row.meta.version.clone(),
        dose_value: "500".to_owned(),
        dose_unit: "mg".to_owned(),
        times_per_day: "2".to_owned(),
        words: "500 mg 2 times a day".to_owned(),
        dose_text: String::new(),
    };
    clinic
        .medication_dose_change(&clinician(), &change)
        .expect("changed");
    let key: RecordKey = format!("MedicationRequest/{id}").parse().expect("a key");
    let json = clinic.record_read(&clinician(), &key).expect("the record").json;
    let dosage = json.pointer("/dosageInstruction/0").expect("a dosage");
    assert_eq!(
        dosage
            .pointer("/doseAndRate/0/doseQuantity/code")
            .and_then(Json::as_str),
        Some("mg")
    );
    assert_eq!(
        dosage.get("text").and_then(Json::as_str),
        Some("500 mg 2 times a day")
    );
    assert_eq!(
        dosage.pointer("/route/text").and_then(Json::as_str),
        Some("oral"),
        "what was not changed stays"
    );
}

#[test]
fn a_dose_must_be_a_number_greater_than_zero_with_a_unit() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = prescription(&clinic, &patient);
    for (value, unit, times) in [
        ("0", "mg", ""),
        ("-1", "mg", ""),
        ("much", "mg", ""),
        ("5", "", ""),
        ("5", "mg", "99"),
    ] {
        let change = DoseChange {
            id: id.clone(),
            dose_value: value.to_owned(),
            dose_unit: unit.to_owned(),
            times_per_day: times.to_owned(),
            ..DoseChange::default()
        };
        let refused = clinic.medication_dose_change(&clinician(), &change);
        assert!(
            matches!(refused, Err(FormError::Invalid(_))),
            "{value} {unit} {times}"
        );
    }
}

#[test]
fn a_stopped_medicine_is_no_longer_active() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = prescription(&clinic, &patient);
    let change = MedicationStatusChange {
        id,
        status: "stopped".to_owned(),
        reason: "rash".to_owned(),
        ..Default::default()
    };
    clinic
        .medication_status_change(&clinician(), &change)
        .expect("changed");
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    assert!(!chart.rows::<MedicationRow>()[0].active);
}

fn status_change(id: &str, base_version: &str, status: &str, reason: &str) -> MedicationStatusChange {
    MedicationStatusChange {
        id: id.to_owned(),
        base_version: base_version.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
    }
}

#[test]
fn holding_and_stopping_need_a_reason_that_the_chart_shows() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = prescription(&clinic, &patient);
    for status in ["on-hold", "stopped"] {
        let refused = clinic.medication_status_change(&clinician(), &status_change(&id, "", status, " "));
        let Err(FormError::Invalid(errors)) = refused else {
            panic!("{status} without a reason: {refused:?}");
        };
        assert_eq!(
            (errors.0[0].field, errors.0[0].reason),
            ("reason", crate::form::Reason::Required)
        );
    }
    let version = clinic
        .medication_status_change(&clinician(), &status_change(&id, "", "on-hold", "surgery"))
        .expect("held");
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    let row = &chart.rows::<MedicationRow>()[0];
    assert!(row.active, "a held medicine still counts in checks");
    assert_eq!(
        (row.status.as_str(), row.status_reason.as_str()),
        ("on-hold", "surgery")
    );
    clinic
        .medication_status_change(&clinician(), &status_change(&id, &version, "active", ""))
        .expect("given again");
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    assert_eq!(
        (
            chart.rows::<MedicationRow>()[0].status.as_str(),
            chart.rows::<MedicationRow>()[0].status_reason.as_str()
        ),
        ("active", ""),
        "the reason of the hold went with it"
    );
}

#[test]
fn what_has_ended_is_prescribed_anew_and_never_begun_again() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = prescription(&clinic, &patient);
    let version = clinic
        .medication_status_change(&clinician(), &status_change(&id, "", "completed", ""))
        .expect("completed needs no reason");
    let refused = clinic.medication_status_change(&clinician(), &status_change(&id, &version, "active", ""));
    assert!(matches!(refused, Err(FormError::Invalid(_))), "{refused:?}");
}

#[test]
fn stopped_here_and_dosed_there_is_a_conflict_of_the_prescription() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = prescription(&clinic, &patient);
    let shown = clinic
        .chart_view(&clinician(), &patient)
        .expect("a chart")
        .rows::<MedicationRow>()[0]
        .meta
        .version
        .clone();
    clinic
        .medication_status_change(&clinician(), &status_change(&id, &shown, "stopped", "rash"))
        .expect("stopped");
    let dose = DoseChange {
        id,
        base_version: shown,
        dose_value: "500".to_owned(),
        dose_unit: "mg".to_owned(),
        ..DoseChange::default()
    };
    clinic
        .medication_dose_change(&clinician(), &dose)
        .expect("from the same form's version");
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    let row = &chart.rows::<MedicationRow>()[0];
    assert!(
        row.disputed && row.active,
        "until somebody decides it counts: {row:?}"
    );
}

#[test]
fn every_dosage_is_shown_and_one_of_several_is_not_changed_by_a_form_of_one() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let text = format!(
        r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",
        "medicationCodeableConcept":{{"text":"Insulin"}},"subject":{{"reference":"Patient/{patient}"}},
        "dosageInstruction":[{{"text":"10 units in the morning"}},{{"text":"20 units at night"}}]}}"#
    );
    let id = put(&clinic, parsed(&text));
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    assert_eq!(
        chart.rows::<MedicationRow>()[0].dose_text,
        "10 units in the morning; 20 units at night"
    );
    let change = DoseChange {
        id,
        base_version: chart.rows::<MedicationRow>()[0].meta.version.clone(),
        dose_value: "12".to_owned(),
        dose_unit: "units".to_owned(),
        ..DoseChange::default()
    };
    let refused = clinic.medication_dose_change(&clinician(), &change);
    assert!(matches!(refused, Err(FormError::Invalid(_))), "{refused:?}");
}

#[test]
fn a_new_dose_is_read_with_the_timing_that_stays() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = prescription(&clinic, &patient);
    let change = DoseChange {
        id,
        dose_value: "500".to_owned(),
        dose_unit: "mg".to_owned(),
        ..DoseChange::default()
    };
    clinic
        .medication_dose_change(&clinician(), &change)
        .expect("changed");
    let chart = clinic.chart_view(&clinician(), &patient).expect("a chart");
    assert_eq!(chart.rows::<MedicationRow>()[0].dose_text, "500 mg, 3 × / 1 d");
}

/// A prescription with this dosage, of 10 mg.
fn dosed(clinic: &Clinic, patient: &str, text: &str, timing: &str) -> String {
    let json = format!(
        r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order",
        "medicationCodeableConcept":{{"text":"Methotrexate"}},"subject":{{"reference":"Patient/{patient}"}},
        "dosageInstruction":[{{"text":"{text}","timing":{timing},
        "doseAndRate":[{{"doseQuantity":{{"value":10,"unit":"mg"}}}}]}}]}}"#
    );
    put(clinic, parsed(&json))
}

fn dosage(clinic: &Clinic, id: &str) -> Json {
    let key: RecordKey = format!("MedicationRequest/{id}").parse().expect("a key");
    let json = clinic.record_read(&clinician(), &key).expect("the record").json;
    json.pointer("/dosageInstruction/0").cloned().expect("a dosage")
}

const WEEKLY: &str = r#"{"repeat":{"boundsPeriod":{"end":"2027-01-01"},"frequency":1,"period":1,"periodUnit":"wk","dayOfWeek":["mon"]}}"#;

#[test]
fn a_weekly_timing_is_words_and_stays_until_times_a_day_replace_it_whole() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = dosed(&clinic, &patient, "10 mg", WEEKLY);
    let row = clinic
        .chart_view(&clinician(), &patient)
        .expect("a chart")
        .rows::<MedicationRow>()[0]
        .clone();
    assert_eq!(
        (row.times_per_day.as_str(), row.timing.as_str()),
        ("", "1 × / 1 wk, mon")
    );
    let mut change = DoseChange {
        id: id.clone(),
        dose_value: "15".to_owned(),
        dose_unit: "mg".to_owned(),
        words: "15 mg".to_owned(),
        ..DoseChange::default()
    };
    clinic
        .medication_dose_change(&clinician(), &change)
        .expect("changed");
    let after = dosage(&clinic, &id);
    assert_eq!(after.get("timing"), Some(&parsed(WEEKLY)), "kept");
    assert_eq!(
        after.get("text").and_then(Json::as_str),
        Some("15 mg, 1 × / 1 wk, mon")
    );
    change.times_per_day = "1".to_owned();
    clinic
        .medication_dose_change(&clinician(), &change)
        .expect("changed");
    let daily =
        r#"{"repeat":{"boundsPeriod":{"end":"2027-01-01"},"frequency":1,"period":1,"periodUnit":"d"}}"#;
    assert_eq!(
        dosage(&clinic, &id).get("timing"),
        Some(&parsed(daily)),
        "nothing of the week is left"
    );
}

#[test]
fn only_what_is_plainly_so_many_times_a_day_is_a_number() {
    let clinic = clinic();
    for (timing, times, words) in [
        (
            r#"{"repeat":{"frequency":2,"period":1.0,"periodUnit":"d"}}"#,
            "2",
            "",
        ),
        (
            r#"{"repeat":{"frequency":1,"period":2,"periodUnit":"d"}}"#,
            "",
            "1 × / 2 d",
        ),
        (
            r#"{"repeat":{"frequency":1,"frequencyMax":2,"period":1,"periodUnit":"d"}}"#,
            "",
            "1–2 × / 1 d",
        ),
        (
            r#"{"code":{"text":"every other day"},"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}"#,
            "",
            "every other day",
        ),
        (r#"{"event":["2026-01-02"]}"#, "", "2026-01-02"),
        (r#"{"repeat":{"offset":30}}"#, "", "?"),
    ] {
        let patient = patient(&clinic);
        dosed(&clinic, &patient, "as told", timing);
        let row = clinic
            .chart_view(&clinician(), &patient)
            .expect("a chart")
            .rows::<MedicationRow>()[0]
            .clone();
        assert_eq!(
            (row.times_per_day.as_str(), row.timing.as_str()),
            (times, words),
            "{timing}"
        );
    }
}

#[test]
fn a_prescribers_words_are_never_replaced_in_silence() {
    let clinic = clinic();
    let patient = patient(&clinic);
    let id = dosed(&clinic, &patient, "10 mg on Mondays", WEEKLY);
    let mut change = DoseChange {
        id: id.clone(),
        dose_value: "15".to_owned(),
        dose_unit: "mg".to_owned(),
        dose_text: "10 mg on Mondays".to_owned(),
        ..DoseChange::default()
    };
    let refused = clinic.medication_dose_change(&clinician(), &change);
    let Err(FormError::Invalid(errors)) = refused else {
        panic!("the words still say the old dose: {refused:?}");
    };
    assert_eq!(
        (errors.0[0].field, errors.0[0].reason),
        ("dose_text", crate::form::Reason::Outdated)
    );
    change.dose_text = "15 mg on Mondays".to_owned();
    clinic
        .medication_dose_change(&clinician(), &change)
        .expect("changed");
    assert_eq!(
        dosage(&clinic, &id).get("text").and_then(Json::as_str),
        Some("15 mg on Mondays")
    );
    // The same again: nothing is new, so nothing is outdated.
    clinic
        .medication_dose_change(&clinician(), &change)
        .expect("unchanged");
}
