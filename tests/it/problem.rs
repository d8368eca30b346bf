//! Problems, as a clinician records them on the pages and other systems read them.

use chaski_tests::chaski::Site;
use chaski_tests::http::Http;
use serde_json::{Value, json};

use crate::network_pages::page;
use crate::parcels::{Visitor, hidden};

#[test]
fn a_problem_is_recorded_resolved_and_opened_again_and_other_systems_read_it() {
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
    let form = page(&visitor, &format!("{chart}/problems/new"));
    let filled = format!(
        "csrf={}&draft_id={}&name=Asthma&onset_date=2014-06",
        hidden(&form, "csrf"),
        hidden(&form, "draft_id"),
    );
    // Sent twice, as a slow network lets people do, it is one.
    for _ in 0..2 {
        let answer = visitor.post(&format!("{chart}/problems/new"), &filled);
        assert_eq!(answer.status, 303, "{}", answer.body);
    }
    let found = http.get(&format!(
        "/fhir/Condition?patient={patient}&clinical-status=active"
    ));
    let found: Value = found.expect(200).json();
    assert_eq!(found["total"], 1);
    let problem = &found["entry"][0]["resource"];
    assert_eq!(problem["code"]["text"], "Asthma");
    let path = format!("{chart}/problems/{}", problem["id"].as_str().unwrap());
    for (status, clinical, told) in [
        ("resolved", "resolved", "No longer active"),
        ("active", "active", "since Jun 2014"),
        ("refuted", "inactive", "Refuted"),
    ] {
        let form = page(&visitor, &path);
        let filled = format!(
            "csrf={}&base_version={}&status={status}",
            hidden(&form, "csrf"),
            hidden(&form, "base_version"),
        );
        let answer = visitor.post(&path, &filled);
        assert_eq!(answer.status, 303, "{status}: {}", answer.body);
        assert!(page(&visitor, &chart).contains(told), "{status}");
        let found = http.get(&format!(
            "/fhir/Condition?patient={patient}&clinical-status={clinical}"
        ));
        assert_eq!(found.expect(200).json()["total"], 1, "{status}");
    }
}
