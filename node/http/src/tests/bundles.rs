use super::server::Server;

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
