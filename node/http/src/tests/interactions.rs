use axum::http::Method;

use super::server::{PATIENT, Server};
use chaski_clinic::access::TokenKind;

#[tokio::test]
async fn a_conditional_delete_heeds_if_match() {
    let server = Server::new();
    let created = server.post("/fhir/Patient", PATIENT).await;
    let stale = created.header("etag").to_owned();
    let path = format!("/fhir/Patient/{}", created.at("/id"));
    let changed = created.text.replace("female", "other");
    let updated = server.send(Method::PUT, &path, &[], &changed).await;
    let current = updated.header("etag").to_owned();
    let where_it_is = "/fhir/Patient?family=Quispe";
    let delete = |etag: String, url: &'static str| {
        let server = &server;
        async move { server.send(Method::DELETE, url, &[("if-match", &etag)], "").await }
    };
    delete(stale, where_it_is).await.refused(412, "conflict");
    delete(current.clone(), "/fhir/Patient?family=Nobody")
        .await
        .refused(412, "not-found");
    assert_eq!(delete(current, where_it_is).await.status.as_u16(), 204);
    server.get(&path).await.refused(410, "deleted");
}

#[tokio::test]
async fn create_read_update_delete() {
    let server = Server::new();
    let created = server.post("/fhir/Patient", PATIENT).await;
    assert_eq!(created.status.as_u16(), 201, "{}", created.text);
    let id = created.at("/id");
    let version = created.at("/meta/versionId");
    assert_eq!(
        created.header("location"),
        format!("http://clinic.test/fhir/Patient/{id}/_history/{version}")
    );
    assert_eq!(created.header("etag"), format!("W/\"{version}\""));
    assert!(created.header("last-modified").ends_with("GMT"));

    let path = format!("/fhir/Patient/{id}");
    let read = server.get(&path).await;
    assert_eq!(read.status.as_u16(), 200);
    assert_eq!(read.at("/name/0/family"), "Quispe");
    assert_eq!(read.header("cache-control"), "no-store");

    let changed = read.text.replace("female", "other");
    let etag = read.header("etag").to_owned();
    let updated = server
        .send(Method::PUT, &path, &[("if-match", &etag)], &changed)
        .await;
    assert_eq!(updated.status.as_u16(), 200, "{}", updated.text);
    assert_eq!(updated.at("/gender"), "other");
    server
        .send(Method::PUT, &path, &[("if-match", &etag)], &changed)
        .await
        .refused(412, "conflict");

    let old = server.get(&format!("{path}/_history/{version}")).await;
    assert_eq!((old.status.as_u16(), old.at("/gender").as_str()), (200, "female"));

    let deleted = server.send(Method::DELETE, &path, &[], "").await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    server.get(&path).await.refused(410, "deleted");
    assert_eq!(
        server.send(Method::DELETE, &path, &[], "").await.status.as_u16(),
        204,
        "again is no error"
    );
    let history = server.get(&format!("{path}/_history")).await;
    assert_eq!(
        history
            .json()
            .get("entry")
            .and_then(|e| e.as_array())
            .map(Vec::len),
        Some(3),
        "{}",
        history.text
    );
    assert_eq!(history.at("/entry/0/request/method"), "DELETE");
    assert_eq!(history.at("/type"), "history");
}

#[tokio::test]
async fn a_stale_update_merges_when_asked_to() {
    let server = Server::new();
    let key = server.create("Patient", PATIENT).await;
    let path = format!("/fhir/{key}");
    let first = server.get(&path).await;
    let etag = first.header("etag").to_owned();
    let other = first.text.replace("female", "other");
    assert_eq!(
        server.send(Method::PUT, &path, &[], &other).await.status.as_u16(),
        200
    );
    let married = first.text.replace(
        "\"gender\"",
        "\"maritalStatus\":{\"text\":\"married\"},\"gender\"",
    );
    let headers = [("if-match", etag.as_str()), ("x-chaski-merge", "true")];
    let merged = server.send(Method::PUT, &path, &headers, &married).await;
    assert_eq!(merged.status.as_u16(), 200, "{}", merged.text);
    assert_eq!(
        (
            merged.at("/gender").as_str(),
            merged.at("/maritalStatus/text").as_str()
        ),
        ("other", "married")
    );
}

#[tokio::test]
async fn conditional_reads_and_writes() {
    let server = Server::new();
    let body = r#"{"resourceType":"Patient","identifier":[{"system":"urn:mrn","value":"5"}]}"#;
    let condition = [("if-none-exist", "identifier=urn:mrn|5")];
    let first = server.send(Method::POST, "/fhir/Patient", &condition, body).await;
    assert_eq!(first.status.as_u16(), 201);
    let second = server.send(Method::POST, "/fhir/Patient", &condition, body).await;
    assert_eq!(second.status.as_u16(), 200);
    assert_eq!(first.at("/id"), second.at("/id"));
    let third = server
        .send(Method::POST, "/fhir/Patient?identifier=urn:mrn%7C5", &[], body)
        .await;
    assert_eq!(
        (third.status.as_u16(), third.at("/id")),
        (200, first.at("/id")),
        "the condition in the URL"
    );
    let path = format!("/fhir/Patient/{}", first.at("/id"));
    let etag = first.header("etag").to_owned();
    let read = server
        .send(Method::GET, &path, &[("if-none-match", &etag)], "")
        .await;
    assert_eq!((read.status.as_u16(), read.text.as_str()), (304, ""));
    let date = first.header("last-modified").to_owned();
    let read = server
        .send(Method::GET, &path, &[("if-modified-since", &date)], "")
        .await;
    assert_eq!(read.status.as_u16(), 304);
    server
        .send(Method::PUT, &path, &[("if-none-match", "*")], &first.text)
        .await
        .refused(412, "duplicate");
    let male = body.replace("\"identifier\"", "\"gender\":\"male\",\"identifier\"");
    let updated = server
        .send(Method::PUT, "/fhir/Patient?identifier=urn:mrn%7C5", &[], &male)
        .await;
    assert_eq!(
        (updated.status.as_u16(), updated.at("/gender").as_str()),
        (200, "male"),
        "{}",
        updated.text
    );
    assert_eq!(updated.at("/id"), first.at("/id"));
    let gone = server
        .send(Method::DELETE, "/fhir/Patient?identifier=urn:mrn%7C5", &[], "")
        .await;
    assert_eq!(gone.status.as_u16(), 204);
    server.get(&path).await.refused(410, "deleted");
}

#[tokio::test]
async fn preferences_and_forms_of_reply() {
    let server = Server::new();
    let minimal = server
        .send(
            Method::POST,
            "/fhir/Patient",
            &[("prefer", "return=minimal")],
            PATIENT,
        )
        .await;
    assert_eq!((minimal.status.as_u16(), minimal.text.as_str()), (201, ""));
    assert!(!minimal.header("location").is_empty());
    let outcome = server
        .send(
            Method::POST,
            "/fhir/Patient",
            &[("prefer", "return=OperationOutcome")],
            PATIENT,
        )
        .await;
    assert_eq!(
        (outcome.status.as_u16(), outcome.at("/resourceType").as_str()),
        (201, "OperationOutcome")
    );
    let key = server.create("Patient", PATIENT).await;
    let pretty = server
        .get(&format!("/fhir/{key}?_pretty=true&_format=json"))
        .await;
    assert!(
        pretty.text.starts_with("{\n  \"resourceType\""),
        "{}",
        pretty.text
    );
    let part = server.get(&format!("/fhir/{key}?_elements=gender")).await;
    assert_eq!(
        (part.at("/gender").as_str(), part.at("/birthDate").as_str()),
        ("female", "")
    );
    assert_eq!(part.at("/meta/tag/0/code"), "SUBSETTED");
    let head = server.send(Method::HEAD, &format!("/fhir/{key}"), &[], "").await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert!(!head.header("etag").is_empty());
}

#[tokio::test]
async fn put_creates_under_a_uuid() {
    let server = Server::new();
    let path = "/fhir/Patient/0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";
    let body = r#"{"resourceType":"Patient","id":"0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10","gender":"male"}"#;
    assert_eq!(
        server
            .send(Method::PUT, path, &[("if-none-match", "*")], body)
            .await
            .status
            .as_u16(),
        201
    );
    let again = server.send(Method::PUT, path, &[], body).await;
    assert_eq!(again.status.as_u16(), 200);
}

#[tokio::test]
async fn the_capability_statement_says_what_there_is() {
    let server = Server::new();
    let reply = server
        .send(Method::GET, "/fhir/metadata", &[("authorization", "")], "")
        .await;
    assert_eq!(reply.status.as_u16(), 200, "no token is needed");
    assert_eq!(reply.at("/fhirVersion"), "4.0.1");
    let json = reply.json();
    let resources = json
        .pointer("/rest/0/resource")
        .and_then(|list| list.as_array())
        .expect("resources")
        .clone();
    assert!(resources.len() > 140, "{}", resources.len());
    let patient = resources
        .iter()
        .find(|one| one.get("type").and_then(|t| t.as_str()) == Some("Patient"));
    let params = patient
        .and_then(|one| one.get("searchParam"))
        .expect("parameters")
        .canonical();
    assert!(params.contains("birthdate") && params.contains("identifier"));
    let issues = chaski_fhir::validate::validate(&json);
    assert!(
        issues
            .iter()
            .all(|issue| issue.severity != chaski_fhir::validate::Severity::Error),
        "{issues:?}"
    );
}

#[tokio::test]
async fn health_metrics_and_the_one_use_token() {
    let server = Server::new();
    let health = server
        .send(Method::GET, "/health", &[("authorization", "")], "")
        .await;
    assert_eq!(
        (health.status.as_u16(), health.at("/status").as_str()),
        (200, "ok")
    );
    let key = server.create("Patient", PATIENT).await;
    server.get(&format!("/fhir/{key}")).await;
    let metrics = server.get("/metrics").await;
    assert!(
        metrics
            .text
            .contains("route=\"/fhir/{kind}/{id}\",status=\"200\"} 1"),
        "{}",
        metrics.text
    );
    assert!(metrics.text.contains("chaski_records 1"));
    assert!(
        !metrics.text.contains(key.trim_start_matches("Patient/")),
        "templates only"
    );
    server
        .send(Method::GET, "/metrics", &[("authorization", "")], "")
        .await
        .refused(401, "login");

    let one_use = format!("Bearer {}", server.make_token("clinician", TokenKind::OneUse));
    server
        .send(Method::GET, "/fhir/Patient", &[("authorization", &one_use)], "")
        .await
        .refused(401, "login");
    let exchanged = server
        .send(
            Method::POST,
            "/access/exchange",
            &[("authorization", &one_use)],
            "",
        )
        .await;
    assert_eq!(exchanged.status.as_u16(), 200, "{}", exchanged.text);
    // A secret that is told once stays in no cache on the way.
    assert_eq!(exchanged.header("cache-control"), "no-store");
    let own = format!("Bearer {}", exchanged.at("/token"));
    // It is the holder's own until it is revoked: no session, which ends by itself.
    let listed = server
        .clinic
        .token_list(&server.clinic.operator("test"))
        .expect("the tokens");
    let told = listed
        .iter()
        .find(|info| info.id == exchanged.at("/id"))
        .expect("the token is listed");
    assert_eq!(
        (told.kind, told.expires_ms, told.ended_ms),
        (TokenKind::Personal, None, None)
    );
    assert_eq!(
        (told.user.as_str(), exchanged.at("/user")),
        ("ana", "ana".to_owned())
    );
    let search = server
        .send(Method::GET, "/fhir/Patient", &[("authorization", &own)], "")
        .await;
    assert_eq!(search.status.as_u16(), 200);
    server
        .send(
            Method::POST,
            "/access/exchange",
            &[("authorization", &one_use)],
            "",
        )
        .await
        .refused(401, "login");
}

#[tokio::test]
async fn validate_finds_and_stores_nothing() {
    let server = Server::new();
    let good = server.post("/fhir/Patient/$validate", PATIENT).await;
    assert_eq!(
        (good.status.as_u16(), good.at("/issue/0/severity").as_str()),
        (200, "information"),
        "{}",
        good.text
    );
    let wrapped = format!(
        r#"{{"resourceType":"Parameters","parameter":[{{"name":"resource","resource":{PATIENT}}}]}}"#
    );
    assert_eq!(
        server
            .post("/fhir/Patient/$validate", &wrapped)
            .await
            .at("/issue/0/severity"),
        "information"
    );
    let bad = server
        .post("/fhir/Patient/$validate", &PATIENT.replace("\"female\"", "7"))
        .await;
    assert_eq!(
        (bad.status.as_u16(), bad.at("/issue/0/severity").as_str()),
        (200, "error"),
        "{}",
        bad.text
    );
    assert_eq!(server.get("/fhir/Patient?_summary=count").await.at("/total"), "0");
}

#[tokio::test]
async fn an_update_says_which_record_it_is() {
    let server = Server::new();
    let id = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";
    let path = format!("/fhir/Patient/{id}");
    let put = async |body: &str| server.send(Method::PUT, &path, &[], body).await;
    let nameless = put(r#"{"resourceType":"Patient","gender":"female"}"#).await;
    nameless.refused(400, "required");
    assert_eq!(nameless.at("/issue/0/expression/0"), "Patient.id");
    let other = "0f2a7a52-9c1e-4b7e-8a43-000000000000";
    put(&format!(r#"{{"resourceType":"Patient","id":"{other}"}}"#))
        .await
        .refused(400, "invalid");
    put(r#"{"resourceType":"Patient","id":7}"#)
        .await
        .refused(400, "invalid");
    server.get(&path).await.refused(404, "not-found");
    let own = put(&format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#)).await;
    assert_eq!(own.status.as_u16(), 201, "{}", own.text);

    for kind in ["batch", "transaction"] {
        let bundle = format!(
            r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{{
                "resource":{{"resourceType":"Patient","gender":"male"}},
                "request":{{"method":"PUT","url":"Patient/{id}"}}}}]}}"#
        );
        let reply = server.post("/fhir", &bundle).await;
        match kind {
            "batch" => assert!(
                reply.at("/entry/0/response/status").starts_with("400"),
                "{}",
                reply.text
            ),
            _ => {
                reply.refused(400, "required");
            }
        }
    }
    assert_eq!(server.get(&path).await.at("/gender"), "", "nothing was written");
}

#[tokio::test]
async fn if_match_any_wants_a_record_in_whatever_version() {
    let server = Server::new();
    let any = [("if-match", "*")];
    let id = "0f2a7a52-9c1e-4b7e-8a43-3f1f5d3c2b10";
    let path = format!("/fhir/Patient/{id}");
    let body = format!(r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"value":"7"}}]}}"#);
    let send = async |method: Method, url: &str, body: &str| server.send(method, url, &any, body).await;
    send(Method::PUT, &path, &body).await.refused(412, "conflict");
    send(Method::DELETE, &path, "").await.refused(412, "conflict");
    let by_number = "/fhir/Patient?identifier=7";
    send(Method::PUT, by_number, &body)
        .await
        .refused(412, "not-found");
    send(Method::DELETE, by_number, "")
        .await
        .refused(412, "not-found");
    server.get(&path).await.refused(404, "not-found");

    server.send(Method::PUT, &path, &[], &body).await;
    let changed = body.replace("\"id\"", "\"gender\":\"female\",\"id\"");
    let done = send(Method::PUT, &path, &changed).await;
    assert_eq!(
        (done.status.as_u16(), done.at("/gender").as_str()),
        (200, "female"),
        "{}",
        done.text
    );
    let found = send(Method::PUT, by_number, &body).await;
    assert_eq!((found.status.as_u16(), found.at("/gender").as_str()), (200, ""));
    server
        .send(Method::PUT, &path, &[("if-match", "\"*\"")], &changed)
        .await
        .refused(400, "invalid");

    let bundle = |number: &str| {
        format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"request":
                {{"method":"DELETE","url":"Patient?identifier={number}","ifMatch":"*"}}}}]}}"#
        )
    };
    server.post("/fhir", &bundle("8")).await.refused(412, "not-found");
    assert_eq!(server.post("/fhir", &bundle("7")).await.status.as_u16(), 200);
    server.get(&path).await.refused(410, "deleted");
    send(Method::PUT, &path, &changed).await.refused(412, "conflict");
    server.get(&path).await.refused(410, "deleted");
    // As with a version: the reply to the first may have been lost.
    assert_eq!(send(Method::DELETE, &path, "").await.status.as_u16(), 204);
}

/// PUT replaces: what version its body was read at is asked only where its writer asks for a merge. An old version put
/// back is what stands then, and a record that was deleted can be put again.
#[tokio::test]
async fn a_put_replaces_what_stands_whatever_version_its_body_was_read_at() {
    let server = Server::new();
    let created = server.post("/fhir/Patient", PATIENT).await;
    let path = format!("/fhir/Patient/{}", created.at("/id"));
    let put = |body: String, merge: &'static str| {
        let (server, path) = (&server, path.as_str());
        async move {
            let headers = [("x-chaski-merge", merge)];
            server.send(Method::PUT, path, &headers, &body).await
        }
    };
    let first = created.text.replace("Quispe", "Condori");
    let second = created.text.replace("female", "other");
    for (body, family, sex) in [
        (&first, "Condori", "female"),
        // Of the same version: it takes back what the first said, and there is nothing to decide.
        (&second, "Quispe", "other"),
        (&first, "Condori", "female"),
        (&created.text, "Quispe", "female"),
    ] {
        let done = put(body.clone(), "false").await;
        assert_eq!(done.status.as_u16(), 200, "{}", done.text);
        let read = server.get(&path).await;
        assert_eq!(
            (read.at("/name/0/family").as_str(), read.at("/gender").as_str()),
            (family, sex)
        );
        assert!(!read.text.contains("\"conflict\""), "{}", read.text);
    }
    let refused = put(first.clone(), "yes").await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
    // Who asks for it has both changes merged.
    put(first, "true").await;
    put(second, "true").await;
    let read = server.get(&path).await;
    assert_eq!(
        (read.at("/name/0/family").as_str(), read.at("/gender").as_str()),
        ("Condori", "other")
    );

    server.send(Method::DELETE, &path, &[], "").await;
    server.get(&path).await.refused(410, "deleted");
    let again = put(created.text.clone(), "false").await;
    assert!(again.status.is_success(), "{}", again.text);
    assert_eq!(server.get(&path).await.at("/name/0/family"), "Quispe");
}
