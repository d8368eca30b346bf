use axum::http::Method;

use super::server::{PATIENT, Server};

const TRANSACTION: &str = r#"{"resourceType":"Bundle","type":"transaction","entry":[
 {"fullUrl":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a","resource":{"resourceType":"Patient","gender":"male"},
  "request":{"method":"POST","url":"Patient"}},
 {"fullUrl":"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059","resource":{"resourceType":"Observation","status":"final",
  "code":{"text":"x"},"subject":{"reference":"urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"}},
  "request":{"method":"POST","url":"Observation"}},
 {"request":{"method":"GET","url":"Patient?gender=male"}}]}"#;

#[tokio::test]
async fn a_transaction_answers_each_entry() {
    let server = Server::new();
    let reply = server.post("/fhir", TRANSACTION).await;
    assert_eq!(
        (reply.status.as_u16(), reply.at("/type").as_str()),
        (200, "transaction-response"),
        "{}",
        reply.text
    );
    assert_eq!(reply.at("/entry/0/response/status"), "201 Created");
    assert!(reply.at("/entry/0/response/location").starts_with("Patient/"));
    assert!(reply.at("/entry/0/response/etag").starts_with("W/"));
    assert_eq!(
        reply.at("/entry/2/resource/entry/0/resource/gender"),
        "male",
        "reads see the result"
    );
    assert_eq!(
        server.post("/fhir/", TRANSACTION).await.status.as_u16(),
        200,
        "with a slash too"
    );
}

#[tokio::test]
async fn half_a_transaction_changes_nothing_and_says_which_entry() {
    let server = Server::new();
    let bad = TRANSACTION.replace("\"final\"", "\"no such status\"");
    let reply = server.post("/fhir", &bad).await;
    assert_eq!(reply.status.as_u16(), 422, "{}", reply.text);
    assert!(
        reply
            .at("/issue/0/expression/0")
            .starts_with("Bundle.entry[1].resource."),
        "{}",
        reply.text
    );
    assert_eq!(server.get("/fhir/Patient?_summary=count").await.at("/total"), "0");
    let batch = bad.replace("\"transaction\"", "\"batch\"");
    let reply = server.post("/fhir", &batch).await;
    assert_eq!(
        (reply.status.as_u16(), reply.at("/type").as_str()),
        (200, "batch-response")
    );
    assert_eq!(reply.at("/entry/0/response/status"), "201 Created");
    assert_eq!(reply.at("/entry/1/response/status"), "422 Unprocessable Entity");
    assert_eq!(
        reply.at("/entry/1/response/outcome/resourceType"),
        "OperationOutcome"
    );
}

#[tokio::test]
async fn odd_bundles_are_refused() {
    let server = Server::new();
    server
        .post("/fhir", r#"{"resourceType":"Patient"}"#)
        .await
        .refused(400, "structure");
    server
        .post("/fhir", r#"{"resourceType":"Bundle","type":"collection"}"#)
        .await
        .refused(400, "structure");
    let patch = r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"PATCH","url":"Patient/1"}}]}"#;
    server.post("/fhir", patch).await.refused(400, "structure");
    let empty = server
        .post("/fhir", r#"{"resourceType":"Bundle","type":"transaction"}"#)
        .await;
    assert_eq!(empty.status.as_u16(), 200);
}

#[tokio::test]
async fn a_full_url_is_a_reference() {
    let server = Server::new();
    let patient = server.create("Patient", PATIENT).await;
    let url = server.get("/fhir/Patient").await.at("/entry/0/fullUrl");
    assert_eq!(url, format!("http://clinic.test/fhir/{patient}"));
    let observation = |subject: &str| {
        format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"x"}},"subject":{{"reference":"{subject}"}}}}"#
        )
    };
    let created = server.post("/fhir/Observation", &observation(&url)).await;
    assert_eq!(created.at("/subject/reference"), patient, "{}", created.text);
    let path = format!("/fhir/Observation/{}", created.at("/id"));
    let other = server.create("Patient", PATIENT).await;
    let body = created
        .text
        .replace(&patient, &format!("http://clinic.test/fhir/{other}"));
    let updated = server.send(Method::PUT, &path, &[], &body).await;
    assert_eq!(updated.at("/subject/reference"), other, "{}", updated.text);
    for parameter in ["patient", "subject"] {
        let found = server
            .get(&format!(
                "/fhir/Observation?{parameter}=http://clinic.test/fhir/{other}"
            ))
            .await;
        assert_eq!(found.at("/total"), "1", "{}", found.text);
    }
    let foreign = server
        .get(&format!(
            "/fhir/Observation?subject=http://elsewhere.test/fhir/{other}"
        ))
        .await;
    assert_eq!(foreign.at("/total"), "0", "{}", foreign.text);

    // In a transaction: what is here, and what another entry is about to make.
    let entry = |name: &str, body: &str, kind: &str| {
        format!(r#"{{"fullUrl":"{name}","resource":{body},"request":{{"method":"POST","url":"{kind}"}}}}"#)
    };
    let new = "http://clinic.test/fhir/Patient/77";
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{},{},{}]}}"#,
        entry(
            "urn:uuid:41a2c4a6-31c6-44b2-9a7c-1c1ad3a4ff01",
            &observation(new),
            "Observation"
        ),
        entry(new, PATIENT, "Patient"),
        entry(
            "urn:uuid:41a2c4a6-31c6-44b2-9a7c-1c1ad3a4ff02",
            &observation(&url),
            "Observation"
        ),
    );
    let done = server.post("/fhir", &bundle).await;
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    for (entry, expected) in [("0", None), ("2", Some(patient))] {
        let place = done.at(&format!("/entry/{entry}/response/location"));
        let path = place.split("/_history").next().unwrap_or_default();
        let read = server
            .get(&format!(
                "/fhir/{}",
                path.trim_start_matches("http://clinic.test/fhir/")
            ))
            .await;
        let subject = read.at("/subject/reference");
        match expected {
            Some(expected) => assert_eq!(subject, expected, "{}", read.text),
            None => assert!(
                subject.starts_with("Patient/") && subject.len() > 12,
                "{}",
                read.text
            ),
        }
    }
}

/// Deletions run first: an answer that what one deletes is there already would leave nothing.
#[tokio::test]
async fn a_transaction_whose_condition_is_met_by_what_it_deletes_is_refused_whole() {
    let server = Server::new();
    let body = r#"{"resourceType":"Patient","identifier":[{"system":"urn:s","value":"k"}]}"#;
    let created = server.post("/fhir/Patient", body).await;
    let id = created.at("/id");
    let entry = |method: &str, url: &str, more: &str| {
        format!(r#"{{{more}"request":{{"method":"{method}","url":"{url}"}}}}"#)
    };
    let create = format!(
        r#"{{"resource":{body},"request":{{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:s|k"}}}}"#
    );
    let update = entry(
        "PUT",
        "Patient?identifier=urn:s|k",
        &format!(r#""resource":{body},"#),
    );
    for delete in [
        entry("DELETE", &format!("Patient/{id}"), ""),
        entry("DELETE", "Patient?identifier=urn:s|k", ""),
    ] {
        for write in [&create, &update] {
            for entries in [[&delete, write], [write, &delete]] {
                let bundle = format!(
                    r#"{{"resourceType":"Bundle","type":"transaction","entry":[{},{}]}}"#,
                    entries[0], entries[1]
                );
                let done = server.post("/fhir", &bundle).await;
                assert!(done.status.is_client_error(), "{}", done.text);
                let read = server.get(&format!("/fhir/Patient/{id}")).await;
                assert_eq!(read.status.as_u16(), 200, "nothing of it is done");
            }
        }
    }
}
