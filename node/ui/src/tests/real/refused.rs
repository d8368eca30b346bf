//! What the clinic refuses is told at the field that holds it, and nothing of it is written.

use chaski_clinic::RecordKey;
use chaski_json::Json;

use super::super::Answer;
use super::shown::made;
use super::{Real, record};

type Typed = &'static [(&'static str, &'static str)];

const DOSE: &str = "/patients/{id}/medicines/{medicine}/dose";
const STATUS: &str = "/patients/{id}/medicines/{medicine}/status";
const ALLERGY: &str = "/patients/{id}/allergies/{allergy}";
const VITALS: &str = "/patients/{id}/vitals";
const LONG: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

/// A form, what is typed, and the one field at which something is wrong.
#[rustfmt::skip]
const REFUSED: &[(&str, Typed, &str)] = &[
    (DOSE, &[("dose_value", ""), ("dose_unit", "mg"), ("times_per_day", "1")], "dose_value"),
    (DOSE, &[("dose_value", "a lot"), ("dose_unit", "mg"), ("times_per_day", "1")], "dose_value"),
    (DOSE, &[("dose_value", "0"), ("dose_unit", "mg"), ("times_per_day", "1")], "dose_value"),
    (DOSE, &[("dose_value", "1"), ("dose_unit", ""), ("times_per_day", "1")], "dose_unit"),
    (DOSE, &[("dose_value", "1"), ("dose_unit", "mg"), ("times_per_day", "900")], "times_per_day"),
    (STATUS, &[("status", "gone"), ("reason", "rash")], "status"),
    (STATUS, &[("status", "stopped"), ("reason", "")], "reason"),
    (STATUS, &[("status", "on-hold"), ("reason", " ")], "reason"),
    (ALLERGY, &[("criticality", "awful"), ("status", "active")], "criticality"),
    (ALLERGY, &[("criticality", "low"), ("status", "gone")], "status"),
    ("/patients/{id}/allergies/new", &[("substance", ""), ("criticality", "low")], "substance"),
    ("/patients/{id}/allergies/new", &[("substance", "Latex"), ("criticality", "awful")], "criticality"),
    (VITALS, &[("heart_rate", "900")], "heart_rate"),
    (VITALS, &[("respiratory_rate", "900")], "respiratory_rate"),
    (VITALS, &[("temperature", "90")], "temperature"),
    (VITALS, &[("systolic", "900"), ("diastolic", "80")], "systolic"),
    (VITALS, &[("systolic", "120"), ("diastolic", "900")], "diastolic"),
    (VITALS, &[("oxygen_saturation", "101")], "oxygen_saturation"),
    (VITALS, &[("weight", "9000")], "weight"),
    (VITALS, &[("height", "9000")], "height"),
    (VITALS, &[("heart_rate", "fast")], "heart_rate"),
    ("/patients/{id}/phone", &[("phone", "")], "phone"),
    ("/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "")], "sex"),
    ("/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "robot")], "sex"),
    ("/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "female"), ("birth_date", "2030-01-01")], "birth_date"),
    ("/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "female"), ("birth_date", "soon")], "birth_date"),
    ("/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "female"), ("age_years", "old_phone")], "age_years"),
    ("/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "female"), ("age_years", "900")], "age_years"),
    ("/patients", &[("given", "Luz"), ("family", "Mamani"), ("sex", "female"), ("phone", LONG)], "phone"),
];

/// The fields at which a page says that something is wrong.
fn wrong(answer: &Answer) -> Vec<String> {
    let marks = answer.text.split("class=\"problem\" id=\"").skip(1);
    marks
        .filter_map(|mark| Some(mark.split("-problem\"").next()?.to_owned()))
        .collect()
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_own_field_and_nothing_is_written() {
    let real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    let csrf = browser.get("/").await.hidden("csrf");
    let before = real.state();
    for (form, typed, field) in REFUSED {
        let mut fields = vec![("csrf", csrf.as_str())];
        fields.extend(*typed);
        let answer = browser.post(&real.fill(form), &fields).await;
        assert_eq!(answer.status.as_u16(), 422, "{form} {typed:?}");
        assert_eq!(wrong(&answer), [*field], "{form} {typed:?}");
        assert_eq!(real.state(), before, "{form} {typed:?}");
    }
}

#[tokio::test]
async fn a_conflict_is_not_decided_on_a_page_that_has_grown_old() {
    let real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    let page = browser.get("/conflicts").await;
    let names = ["csrf", "record", "version", "path", "pick"];
    let old = names.map(|name| (name, page.hidden(name)));
    let old = old.each_ref().map(|(name, value)| (*name, value.as_str()));
    // Somebody writes to the record after the page was shown.
    let first = real.clinic.record_read(&super::ana(), &real.disputed).unwrap();
    let mut json = first.json;
    let note = chaski_json::json!([{"text": "asked the pharmacy"}]);
    json.as_object_mut().unwrap().insert("note".to_owned(), note);
    let options = chaski_clinic::record::UpdateOptions {
        if_match: Some(first.version.to_string()),
        ..Default::default()
    };
    let (kind, id) = (real.disputed.kind().to_owned(), real.disputed.id().to_owned());
    real.clinic
        .record_update(&super::ana(), &kind, &id, json, &options)
        .unwrap();
    let before = real.state();
    let answer = browser.post("/conflicts", &old).await;
    assert_eq!(answer.status.as_u16(), 409, "{}", answer.text);
    assert_eq!(real.state(), before, "nothing is decided unseen");
}

#[tokio::test]
async fn none_known_that_no_longer_holds_is_set_aside_with_one_tap() {
    let mut real = Real::new();
    real.patient = record(&real.clinic, made("Patient", "", ""));
    record(&real.clinic, made("AllergyIntolerance", &real.patient, ""));
    let none = made(
        "AllergyIntolerance",
        &real.patient,
        r#""code":{"coding":[{"code":"716186003"}]}"#,
    );
    let none = RecordKey::new("AllergyIntolerance", &record(&real.clinic, none)).unwrap();
    let mut browser = real.signed_in("clinician").await;
    let chart = browser.get(&real.fill("/patients/{id}")).await;
    let path = real.fill(&format!("/patients/{{id}}/allergies/{}", none.id()));
    let fields = chart.form(&format!("action=\"{path}\""));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(browser.post(&path, &fields).await.status.as_u16(), 303);
    let json = real.read(&none);
    let status = json
        .pointer("/clinicalStatus/coding/0/code")
        .and_then(Json::as_str);
    assert_eq!(status, Some("inactive"));
    let chart = browser.get(&real.fill("/patients/{id}")).await.text;
    assert!(!chart.contains("Needs review") && chart.contains("strip strip-danger"));
}

#[tokio::test]
async fn somebody_nobody_knows_is_told_by_what_they_were_called() {
    let real = Real::new();
    let mut browser = real.signed_in("clinician").await;
    let csrf = browser.get("/").await.hidden("csrf");
    for (label, shown) in [("Man from the bus", "Man from the bus"), ("", "Unidentified")] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("unidentified", "1"),
            ("temporary_label", label),
            ("sex", "male"),
        ];
        let answer = browser.post("/patients", &fields).await;
        assert_eq!(answer.status.as_u16(), 303, "{}", answer.text);
        let path = answer.header(axum::http::header::LOCATION).to_owned();
        let chart = browser.get(&path).await.text;
        assert!(chart.contains(&format!("<h1><bdi>{shown}")), "{label}");
        assert!(chart.contains("Not identified"), "{label}");
    }
}
