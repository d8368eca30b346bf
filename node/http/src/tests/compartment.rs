//! What is found of one patient, and is nobody else's.

use axum::http::Method;
use chaski_json::Json;

use super::server::{PATIENT, Reply, Server};

/// A record of each kind that is about somebody; `WHO` stands for the reference.
#[rustfmt::skip]
const ABOUT: &[(&str, &str)] = &[
    ("Observation", r#""status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":WHO"#),
    ("Condition", r#""code":{"text":"asthma"},"subject":WHO"#),
    ("MedicationRequest", r#""status":"active","intent":"order","medicationCodeableConcept":{"text":"Morphine"},"subject":WHO"#),
    ("Encounter", r#""status":"finished","class":{"code":"AMB"},"subject":WHO"#),
    ("AllergyIntolerance", r#""code":{"text":"nuts"},"patient":WHO"#),
    ("Immunization", r#""status":"completed","vaccineCode":{"text":"BCG"},"occurrenceDateTime":"2026-01-01","patient":WHO"#),
];

async fn about(server: &Server, kind: &str, members: &str, who: &str) -> String {
    let who = format!(r#"{{"reference":"{who}"}}"#);
    let body = format!(r#"{{"resourceType":"{kind}",{}}}"#, members.replace("WHO", &who));
    server.create(kind, &body).await
}

/// The records found, and where the page after them is.
fn found(reply: &Reply) -> (Vec<String>, Option<String>) {
    assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    let page = reply.json();
    let list = |name: &str| -> Vec<Json> {
        let list = page.get(name).and_then(Json::as_array);
        list.into_iter().flatten().cloned().collect()
    };
    let text = |json: &Json, at: &str| {
        json.pointer(at)
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mut keys: Vec<String> = list("entry")
        .iter()
        .filter(|entry| text(entry, "/search/mode") == "match")
        .map(|entry| {
            format!(
                "{}/{}",
                text(entry, "/resource/resourceType"),
                text(entry, "/resource/id")
            )
        })
        .collect();
    keys.sort();
    let next = list("link")
        .into_iter()
        .find(|link| text(link, "/relation") == "next");
    (
        keys,
        next.map(|link| text(&link, "/url").replace("http://clinic.test", "")),
    )
}

#[tokio::test]
async fn a_patients_records_are_only_that_patients() {
    let server = Server::new();
    let ana = server.create("Patient", PATIENT).await;
    let rosa = server.create("Patient", PATIENT).await;
    for (kind, members) in ABOUT {
        let mut own = Vec::new();
        for _ in 0..3 {
            own.push(about(&server, kind, members, &ana).await);
            about(&server, kind, members, &rosa).await;
        }
        own.sort();
        let address = format!("/fhir/{ana}/{kind}");
        for asked in ["", "?_sort=-_lastUpdated", "?_count=50&_total=accurate"] {
            let reply = server.get(&format!("{address}{asked}")).await;
            assert_eq!(found(&reply).0, own, "{address}{asked}");
        }
        let counted = server.get(&format!("{address}?_summary=count")).await;
        assert_eq!(counted.at("/total"), "3", "{address}");
        let url = format!("{address}?shoe-size=42");
        server.get(&url).await.refused(400, "not-supported");
        let lenient = [("prefer", "handling=lenient")];
        let reply = server.send(Method::GET, &url, &lenient, "").await;
        assert_eq!(found(&reply).0, own, "{url}");
        // Another patient in the query is one more condition, and never replaces the first.
        let reply = server.get(&format!("{address}?patient={rosa}")).await;
        assert_eq!(found(&reply).0, [""; 0], "{address}");
        let reply = server.get(&format!("{address}?patient={ana}")).await;
        assert_eq!(found(&reply).0, own, "{address}");
        // Page by page.
        let (mut seen, mut url) = (Vec::new(), Some(format!("{address}?_count=1")));
        while let Some(at) = url.filter(|_| seen.len() < 10) {
            let (keys, next) = found(&server.get(&at).await);
            assert!(keys.len() <= 1, "{at}");
            seen.extend(keys);
            url = next;
        }
        seen.sort();
        assert_eq!(seen, own, "{address}");
        let nobody = "/fhir/Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";
        let reply = server.get(&format!("{nobody}/{kind}")).await;
        assert_eq!(found(&reply).0, [""; 0], "{kind}");
    }
}

#[tokio::test]
async fn only_a_patient_has_a_compartment_and_only_what_is_about_patients_is_in_it() {
    let server = Server::new();
    let ana = server.create("Patient", PATIENT).await;
    let id = ana.trim_start_matches("Patient/");
    let (_, members) = ABOUT[0];
    about(&server, "Observation", members, &ana).await;
    for address in [
        format!("{ana}/Organization"),
        format!("{ana}/Patient"),
        format!("{ana}/Sandwich"),
        format!("{ana}/_search"),
        format!("{ana}/$everything"),
        format!("Group/{id}/Observation"),
        format!("Practitioner/{id}/Observation"),
    ] {
        server
            .get(&format!("/fhir/{address}"))
            .await
            .refused(404, "not-supported");
    }
    // What would mean more than one patient, or none, in a search is no id.
    let rosa = server.create("Patient", PATIENT).await;
    let rosa = rosa.trim_start_matches("Patient/");
    let long = "a".repeat(65);
    for no_id in [
        &format!("{id},{rosa}"),
        &format!("{id},Patient%2F{rosa}"),
        &format!("{id}%7C"),
        &format!("{id}$"),
        "%5C",
        "%20",
        "_history",
        &long,
    ] {
        server
            .get(&format!("/fhir/Patient/{no_id}/Observation"))
            .await
            .refused(400, "value");
    }
    // A group of the same id is not the patient.
    let group = format!(r#"{{"resourceType":"Group","id":"{id}","type":"person","actual":true}}"#);
    let made = server
        .send(Method::PUT, &format!("/fhir/Group/{id}"), &[], &group)
        .await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text);
    let other = about(&server, "Observation", members, &format!("Group/{id}")).await;
    let (keys, _) = found(&server.get(&format!("/fhir/{ana}/Observation")).await);
    assert!(keys.len() == 1 && !keys.contains(&other));
}

#[tokio::test]
async fn what_stands_in_the_address_and_what_stands_in_the_form_must_both_hold() {
    let server = Server::new();
    let ana = server.create("Patient", PATIENT).await;
    server.create("Patient", &PATIENT.replace("female", "male")).await;
    server
        .create("Patient", &PATIENT.replace("Quispe", "Mamani"))
        .await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (query, body) in [
        ("?gender=female", "family=quispe"),
        ("?family=quispe", "gender=female"),
        ("", "family=quispe&gender=female"),
        ("?family=quispe&gender=female", ""),
    ] {
        let url = format!("/fhir/Patient/_search{query}");
        let reply = server.send(Method::POST, &url, &form, body).await;
        assert_eq!(found(&reply).0, [ana.as_str()], "{query} {body}");
    }
}

#[tokio::test]
async fn what_is_asked_of_other_records_is_followed_page_by_page() {
    let server = Server::new();
    let ana = server.create("Patient", PATIENT).await;
    let other = r#"{"resourceType":"Patient","name":[{"family":"Salas"}]}"#;
    let other = server.create("Patient", other).await;
    let mut own = Vec::new();
    for _ in 0..3 {
        own.push(about(&server, ABOUT[0].0, ABOUT[0].1, &ana).await);
        about(&server, ABOUT[0].0, ABOUT[0].1, &other).await;
    }
    own.sort();
    let family = server.get(&format!("/fhir/{ana}")).await.at("/name/0/family");
    let family = family.trim_matches('"');
    let first = format!("/fhir/Observation?subject:Patient.family={family}&_count=2");
    let (mut seen, mut url) = (Vec::new(), Some(first));
    while let Some(at) = url.filter(|_| seen.len() < 10) {
        let (keys, next) = found(&server.get(&at).await);
        assert!(keys.len() <= 2, "{at}");
        seen.extend(keys);
        url = next;
    }
    seen.sort();
    assert_eq!(seen, own);
    let who = server
        .get("/fhir/Patient?_has:Observation:patient:code=8867-4&family=salas")
        .await;
    assert_eq!(found(&who).0, [other]);
    let nobody = server
        .get("/fhir/Patient?_has:Observation:patient:code=1-8")
        .await;
    assert_eq!(found(&nobody).0, [""; 0]);
    // By one entry of a batch, too.
    let batch = r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?_has:Observation:patient:code=8867-4&family=salas"}}]}"#;
    let answer = server.post("/fhir", batch).await;
    assert_eq!(answer.at("/entry/0/resource/total"), "1", "{}", answer.text);
    for refused in [
        "Observation?subject.nonsense=1",
        "Patient?_has:Observation:code:code=1",
        "Patient?_has=1",
    ] {
        let reply = server.get(&format!("/fhir/{refused}")).await;
        reply.refused(400, "not-supported");
    }
}
