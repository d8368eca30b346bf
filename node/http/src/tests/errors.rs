use std::time::Duration;

use axum::http::Method;

use super::server::{PATIENT, Server};
use crate::Limits;

#[tokio::test]
async fn nothing_without_a_token() {
    let server = Server::new();
    for path in [
        "/fhir/Patient",
        "/fhir/Patient/1",
        "/fhir/_history",
        "/fhir/Patient/1/_history",
        "/metrics",
    ] {
        let reply = server.send(Method::GET, path, &[("authorization", "")], "").await;
        reply.refused(401, "login");
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    server
        .send(
            Method::GET,
            "/fhir/Patient",
            &[("authorization", "Bearer chk_no")],
            "",
        )
        .await
        .refused(401, "login");
    server
        .send(
            Method::GET,
            "/fhir/Patient",
            &[("authorization", "Basic YTpi")],
            "",
        )
        .await
        .refused(401, "login");
    let reader = format!(
        "Bearer {}",
        server.make_token("reader", chaski_clinic::access::TokenKind::Personal)
    );
    let headers = [("authorization", reader.as_str())];
    server
        .send(Method::POST, "/fhir/Patient", &headers, PATIENT)
        .await
        .refused(403, "forbidden");
}

#[tokio::test]
async fn addresses_and_methods_that_are_not_there() {
    let server = Server::new();
    server
        .get("/fhir/Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10")
        .await
        .refused(404, "not-found");
    server.get("/fhir/Sandwich").await.refused(404, "not-supported");
    server.get("/fhir/Sandwich/1").await.refused(404, "not-supported");
    server
        .get("/fhir/Patient/1/2/3/4")
        .await
        .refused(404, "not-found");
    server.get("/fhir/Patient/not_an_id").await.refused(400, "value");
    server
        .send(Method::PATCH, "/fhir/Patient/1", &[], "{}")
        .await
        .refused(501, "not-supported");
    server
        .send(Method::DELETE, "/fhir/metadata", &[], "")
        .await
        .refused(405, "not-supported");
    server.get("/fhir?name=x").await.refused(501, "not-supported");
    let odd = server.get("/fhir/Patient/%ff").await;
    assert_eq!(
        (odd.status.as_u16(), odd.at("/resourceType").as_str()),
        (400, "OperationOutcome")
    );
}

#[tokio::test]
async fn bodies_that_are_no_fhir() {
    let server = Server::new();
    let duplicate = server
        .post(
            "/fhir/Patient",
            r#"{"resourceType":"Patient","gender":"male","gender":"female"}"#,
        )
        .await;
    duplicate.refused(400, "structure");
    insta::assert_snapshot!(duplicate.at("/issue/0/diagnostics"), @r#"the body is not JSON that can be taken: the key "gender" stands twice in one object at line 1, column 43"#);
    let broken = server
        .post("/fhir/Patient", "{\"resourceType\":\n \"Patient\",}")
        .await;
    broken.refused(400, "structure");
    insta::assert_snapshot!(broken.at("/issue/0/diagnostics"), @"the body is not JSON that can be taken: expected a key in quotes at line 2, column 12");
    server.post("/fhir/Patient", "").await.refused(400, "required");
    server
        .post("/fhir/Patient", "[1]")
        .await
        .refused(400, "structure");
    server
        .post("/fhir/Patient", r#"{"resourceType":"Observation"}"#)
        .await
        .refused(400, "invalid");
    server
        .post("/fhir/Sandwich", r#"{"resourceType":"Sandwich"}"#)
        .await
        .refused(404, "not-supported");
    let xml = [("content-type", "application/fhir+xml")];
    server
        .send(Method::POST, "/fhir/Patient", &xml, "<Patient/>")
        .await
        .refused(415, "not-supported");
    let compressed = [("content-encoding", "gzip")];
    server
        .send(Method::POST, "/fhir/Patient", &compressed, "no JSON")
        .await
        .refused(415, "not-supported");
    server
        .send(
            Method::GET,
            "/fhir/Patient",
            &[("accept", "application/fhir+xml")],
            "",
        )
        .await
        .refused(406, "not-supported");
    let mut request = axum::http::Request::builder()
        .method(Method::POST)
        .uri("/fhir/Patient");
    request = request.header("authorization", format!("Bearer {}", server.token));
    let latin = axum::body::Body::from(&b"{\"resourceType\":\"Patient\",\"id\":\"\xff\"}"[..]);
    server
        .call(request.body(latin).expect("a request"))
        .await
        .refused(400, "structure");
}

#[tokio::test]
async fn ids_of_others_are_refused_with_the_way_out() {
    let server = Server::new();
    let reply = server
        .send(
            Method::PUT,
            "/fhir/Patient/1042",
            &[],
            r#"{"resourceType":"Patient","id":"1042"}"#,
        )
        .await;
    reply.refused(422, "business-rule");
    insta::assert_snapshot!(reply.at("/issue/0/diagnostics"), @"the id of this Patient is no UUID, and another system may use the same id for something else: send it with POST to get an id, use a UUID (lower case), import it with --id-prefix, or, if the whole network agrees on its ids, import it with --accept-ids or set records.accept_ids in the configuration");
    let uuid = "/fhir/Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";
    let other = r#"{"resourceType":"Patient","id":"1f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10"}"#;
    server
        .send(Method::PUT, uuid, &[], other)
        .await
        .refused(400, "invalid");
}

#[tokio::test]
async fn invalid_resources_name_the_path() {
    let server = Server::new();
    let reply = server
        .post(
            "/fhir/Patient",
            &PATIENT.replace("\"1980-05-04\"", "\"yesterday\""),
        )
        .await;
    assert_eq!(reply.status.as_u16(), 422, "{}", reply.text);
    assert_eq!(reply.at("/issue/0/expression/0"), "Patient.birthDate");
    assert!(!reply.text.contains("yesterday"), "values are never repeated");
}

#[tokio::test]
async fn bounds_of_size_depth_and_time() {
    let small = Server::with_limits(Limits {
        body_bytes_max: 1_000,
        json_depth_max: 20,
        ..Limits::default()
    });
    let long = PATIENT.replace("Rosa", &"a".repeat(2_000));
    small.post("/fhir/Patient", &long).await.refused(413, "too-long");
    let deep = format!(
        r#"{{"resourceType":"Patient","extension":{}{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    small
        .post("/fhir/Patient", &deep)
        .await
        .refused(422, "too-costly");
    let busy = Limits {
        at_work_max: 0,
        read_time_max: Duration::from_millis(5),
        ..Limits::default()
    };
    let late = Server::with_limits(busy).get("/fhir/Patient?name=x").await;
    late.refused(503, "too-costly");
    assert_eq!(late.header("retry-after"), "5");
}

#[tokio::test]
async fn a_conflict_says_where_and_stops_a_put() {
    let server = Server::new();
    let patient = server.create("Patient", PATIENT).await;
    let body = format!(
        r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{{"reference":"{patient}"}},
        "medicationCodeableConcept":{{"text":"Morphine"}},"dosageInstruction":[{{"text":"5 mg"}}]}}"#
    );
    let key = server.create("MedicationRequest", &body).await;
    let path = format!("/fhir/{key}");
    let first = server.get(&path).await;
    let etag = first.header("etag").to_owned();
    assert_eq!(
        server
            .send(Method::PUT, &path, &[], &first.text.replace("5 mg", "10 mg"))
            .await
            .status
            .as_u16(),
        200
    );
    let headers = [("if-match", etag.as_str()), ("x-chaski-merge", "true")];
    let stopped = first.text.replace("\"active\"", "\"stopped\"");
    let merged = server.send(Method::PUT, &path, &headers, &stopped).await;
    assert_eq!(merged.status.as_u16(), 200, "{}", merged.text);
    assert!(
        merged.text.contains("conflict"),
        "every path out says so: {}",
        merged.text
    );
    let current = server.get(&path).await;
    let changed = current.text.replace("Morphine", "Hydromorphone");
    server
        .send(Method::PUT, &path, &[], &changed)
        .await
        .refused(409, "conflict");
    let tagged = server.get("/fhir/MedicationRequest?_tag=conflict").await;
    assert_eq!(
        tagged.at("/entry/0/resource/id"),
        current.at("/id"),
        "search finds what is in conflict"
    );
}
