//! What is typed into a form arrives in the record, each field in its own place, and is read again on
//! the chart.

use chaski_clinic::RecordKey;
use chaski_json::Json;

use super::Real;

fn at(json: &Json, pointer: &str) -> String {
    let found = json.pointer(pointer);
    found
        .map(|found| found.as_str().map_or_else(|| found.canonical(), str::to_owned))
        .unwrap_or_default()
}

/// Posts a form of a clinician's and expects it to be taken.
async fn send(real: &Real, path: &str, fields: &[(&str, &str)]) {
    let mut browser = real.signed_in("clinician").await;
    let csrf = browser.get("/").await.hidden("csrf");
    let mut all = vec![("csrf", csrf.as_str())];
    all.extend(fields);
    let answer = browser.post(&real.fill(path), &all).await;
    assert_eq!(answer.status.as_u16(), 303, "{path}: {}", answer.text);
}

#[tokio::test]
async fn each_vital_sign_goes_under_its_own_code() {
    // Field, value, LOINC code. No two values are equal, so that none can stand for another.
    let signs = [
        ("heart_rate", "71", "8867-4"),
        ("respiratory_rate", "17", "9279-1"),
        ("temperature", "36.7", "8310-5"),
        ("systolic", "121", "8480-6"),
        ("diastolic", "79", "8462-4"),
        ("oxygen_saturation", "97", "2708-6"),
        ("weight", "61.5", "29463-7"),
        ("height", "163", "8302-2"),
    ];
    let real = Real::new();
    let fields: Vec<(&str, &str)> = signs.iter().map(|(name, value, _)| (*name, *value)).collect();
    send(&real, "/patients/{id}/vitals", &fields).await;
    let mut found = Vec::new();
    for json in real.of_patient("Observation") {
        let mut parts = vec![json.clone()];
        parts.extend(
            json.get("component")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
                .cloned(),
        );
        for part in parts {
            found.push((
                at(&part, "/code/coding/0/code"),
                at(&part, "/valueQuantity/value"),
            ));
        }
    }
    for (field, value, loinc) in signs {
        assert!(
            found.contains(&(loinc.to_owned(), value.to_owned())),
            "{field} in {found:?}"
        );
    }
    let mut browser = real.signed_in("reader").await;
    let chart = browser.get(&real.fill("/patients/{id}")).await.text;
    for shown in ["71", "17", "36.7", "121/79", "97", "61.5", "163"] {
        assert!(chart.contains(&format!(">{shown}</bdi>")), "{shown}");
    }
}

#[tokio::test]
async fn each_field_of_a_registration_goes_where_it_belongs() {
    let real = Real::new();
    let fields = [
        ("given", "Luz María"),
        ("family", "Mamani"),
        ("name_local", "لوز"),
        ("sex", "female"),
        ("birth_date", "1991-02-03"),
        ("phone", "555-0177"),
        ("village", "Ayaviri"),
        ("mother_name", "Condori"),
        ("identifier_value", "40118223"),
        ("draft_id", "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10"),
        ("accept_duplicates", "1"),
    ];
    send(&real, "/patients", &fields).await;
    let key: RecordKey = "Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10".parse().unwrap();
    let json = real.read(&key);
    for (pointer, value) in [
        ("/name/0/given/0", "Luz"),
        ("/name/0/given/1", "María"),
        ("/name/0/family", "Mamani"),
        ("/name/1/text", "لوز"),
        ("/gender", "female"),
        ("/birthDate", "1991-02-03"),
        ("/telecom/0/value", "555-0177"),
        ("/address/0/city", "Ayaviri"),
        ("/extension/0/valueString", "Condori"),
        ("/identifier/0/value", "40118223"),
    ] {
        assert_eq!(at(&json, pointer), value, "{pointer} of {}", json.canonical());
    }
    let aged = [
        ("family", "Condori"),
        ("sex", "male"),
        ("age_years", "40"),
        ("accept_duplicates", "1"),
    ];
    send(&real, "/patients", &aged).await;
    let pairs = vec![("family".to_owned(), "Condori".to_owned())];
    let query = real
        .clinic
        .record_query("Patient", &pairs, Default::default())
        .unwrap();
    let page = real.clinic.record_search(&super::ana(), &query).unwrap();
    assert_eq!(page.entries.len(), 1);
    let json = &page.entries[0].json;
    assert_eq!(
        (at(json, "/birthDate"), at(json, "/gender")),
        ("1986".into(), "male".into())
    );
    assert!(json.get("_birthDate").is_some(), "an age is an estimate");
}

#[tokio::test]
async fn an_allergy_is_recorded_and_changed_as_typed() {
    let real = Real::new();
    let fields = [
        ("substance", "Penicillin"),
        ("criticality", "high"),
        ("reaction", "hives"),
        ("draft_id", "1f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10"),
    ];
    send(&real, "/patients/{id}/allergies/new", &fields).await;
    let key: RecordKey = "AllergyIntolerance/1f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10"
        .parse()
        .unwrap();
    let json = real.read(&key);
    assert_eq!(at(&json, "/code/text"), "Penicillin");
    assert_eq!(at(&json, "/criticality"), "high");
    assert_eq!(at(&json, "/reaction/0/manifestation/0/text"), "hives");
    assert_eq!(at(&json, "/patient/reference"), real.fill("Patient/{id}"));
    let path = format!("/patients/{}/allergies/{}", real.patient, key.id());
    send(&real, &path, &[("criticality", "low"), ("status", "resolved")]).await;
    let json = real.read(&key);
    assert_eq!(at(&json, "/criticality"), "low");
    assert_eq!(at(&json, "/clinicalStatus/coding/0/code"), "resolved");
}

#[tokio::test]
async fn none_known_is_a_statement_of_its_own() {
    let real = Real::new();
    let path = real.fill("/patients/{id}/allergies/{allergy}");
    send(&real, &path, &[("criticality", "high"), ("status", "resolved")]).await;
    let draft = ("draft_id", "2f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10");
    send(
        &real,
        "/patients/{id}/allergies/new",
        &[("none_known", "1"), draft],
    )
    .await;
    let key: RecordKey = "AllergyIntolerance/2f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10"
        .parse()
        .unwrap();
    assert_eq!(at(&real.read(&key), "/code/coding/0/code"), "716186003");
}

#[tokio::test]
async fn a_phone_is_added_changed_and_taken_out() {
    let real = Real::new();
    let key = RecordKey::new("Patient", &real.patient).unwrap();
    let numbers = || -> Vec<String> {
        let json = real.read(&key);
        let all = json
            .get("telecom")
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default();
        all.iter().map(|one| at(one, "/value")).collect()
    };
    let path = "/patients/{id}/phone";
    let first = super::mark(4);
    send(&real, path, &[("phone", "555-0111")]).await;
    assert_eq!(numbers(), [first.as_str(), "555-0111"]);
    send(&real, path, &[("old_phone", "555-0111"), ("phone", "555-0122")]).await;
    assert_eq!(numbers(), [first.as_str(), "555-0122"]);
    send(&real, path, &[("old_phone", "555-0122"), ("phone", "")]).await;
    assert_eq!(numbers(), [first.as_str()]);
}

#[tokio::test]
async fn a_dose_and_a_status_are_changed_as_typed() {
    let real = Real::new();
    let key = RecordKey::new("MedicationRequest", &real.medicine).unwrap();
    let fields = [
        ("dose_value", "7.5"),
        ("dose_unit", "mL"),
        ("times_per_day", "3"),
        ("dose_text", "after meals"),
    ];
    send(&real, "/patients/{id}/medicines/{medicine}/dose", &fields).await;
    let json = real.read(&key);
    assert_eq!(
        at(&json, "/dosageInstruction/0/doseAndRate/0/doseQuantity/value"),
        "7.5"
    );
    assert_eq!(
        at(&json, "/dosageInstruction/0/doseAndRate/0/doseQuantity/unit"),
        "mL"
    );
    assert_eq!(at(&json, "/dosageInstruction/0/timing/repeat/frequency"), "3");
    assert_eq!(at(&json, "/dosageInstruction/0/text"), "after meals");
    let fields = [("status", "stopped"), ("reason", "rash")];
    send(&real, "/patients/{id}/medicines/{medicine}/status", &fields).await;
    let json = real.read(&key);
    assert_eq!(
        (at(&json, "/status"), at(&json, "/statusReason/text")),
        ("stopped".into(), "rash".into())
    );
}

#[tokio::test]
async fn the_side_that_was_tapped_is_the_one_that_is_kept() {
    for nth in [0, 1] {
        let real = Real::new();
        let ctx = super::ana();
        let rows = real.clinic.conflict_view(&ctx, &real.disputed).unwrap();
        let row = &rows[0];
        let kept = row.values[nth].value.clone().unwrap();
        let pick = nth.to_string();
        let fields = [
            ("record", row.record.as_str()),
            ("version", row.version.as_str()),
            ("path", row.path.as_str()),
            ("pick", pick.as_str()),
        ];
        send(&real, "/conflicts", &fields).await;
        let json = real.read(&real.disputed);
        assert_eq!(json.get("status"), kept.get("status"), "side {nth}");
        assert_eq!(
            json.get("dosageInstruction"),
            kept.get("dosageInstruction"),
            "side {nth}"
        );
        assert!(
            real.clinic
                .conflict_view(&ctx, &real.disputed)
                .unwrap()
                .is_empty()
        );
    }
}
