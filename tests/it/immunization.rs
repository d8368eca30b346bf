//! Immunizations, as a nurse records them on the pages and other systems read them.

use chaski_tests::chaski::Site;
use chaski_tests::http::Http;
use serde_json::{Value, json};

use crate::network_pages::page;
use crate::parcels::{Visitor, hidden};

#[test]
fn an_immunization_is_recorded_given_or_not_and_other_systems_read_it() {
    let site = Site::init("Posta");
    let served = site.serve();
    let http = Http::new(&served.base(), &served.token(&["clinician"]));
    let patient = http.post(
        "/fhir/Patient",
        &json!({"resourceType": "Patient", "name": [{"family": "Quispe"}]}),
    );
    let patient = patient.expect(201).json()["id"].as_str().unwrap().to_owned();
    let visitor = Visitor::sign_in(&served, &["clinician"]);
    let chart = format!("/patients/{patient}");
    let path = format!("{chart}/immunizations/new");
    for (typed, status) in [
        (
            "vaccine_code=05&status=completed&lot_number=AB-12&site=LT&dose_number=1",
            303,
        ),
        (
            "vaccine_code=03&status=completed&occurrence_date=2014-06&given_elsewhere=1",
            303,
        ),
        ("vaccine=Chikungunya&status=not-done&reason=out%20of%20stock", 303),
        ("vaccine_code=37&status=not-done", 422),
        ("status=completed", 422),
    ] {
        let form = page(&visitor, &path);
        let filled = format!(
            "csrf={}&draft_id={}&{typed}",
            hidden(&form, "csrf"),
            hidden(&form, "draft_id")
        );
        let answer = visitor.post(&path, &filled);
        assert_eq!(answer.status, status, "{typed}: {}", answer.body);
    }
    let shown = page(&visitor, &chart);
    for told in [
        "Measles",
        "Lot AB-12",
        "Left thigh",
        "dose 1",
        "Given elsewhere",
        "Jun 2014",
        "Not given",
        "Why: out of stock",
    ] {
        assert!(shown.contains(told), "{told}");
    }
    let found = http.get(&format!(
        "/fhir/Immunization?patient={patient}&vaccine-code=http://hl7.org/fhir/sid/cvx|05"
    ));
    let found: Value = found.expect(200).json();
    assert_eq!(found["total"], 1);
    assert_eq!(
        found["entry"][0]["resource"]["protocolApplied"][0]["doseNumberPositiveInt"],
        1
    );
    let not_given = http.get(&format!("/fhir/Immunization?patient={patient}&status=not-done"));
    assert_eq!(not_given.expect(200).json()["total"], 1);
}
