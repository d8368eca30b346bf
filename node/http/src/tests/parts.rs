//! Parts of records (`_summary`, `_elements`), and the numbers of the node.

use axum::http::Method;
use chaski_store::{NodeId, RecordKey};

use super::server::{PATIENT, Server};

/// A prescription that says what must not be given, by every way to read a part of it.
#[tokio::test]
async fn an_order_not_to_give_a_drug_is_read_as_one() {
    let server = Server::new();
    let patient = server.create("Patient", PATIENT).await;
    let body = format!(
        r#"{{"resourceType":"MedicationRequest","status":"active","intent":"order","doNotPerform":true,
        "subject":{{"reference":"{patient}"}},"medicationCodeableConcept":{{"text":"Penicillin"}},"note":[{{"text":"n"}}]}}"#
    );
    let key = server.create("MedicationRequest", &body).await;
    let version = server.get(&format!("/fhir/{key}")).await.at("/meta/versionId");
    for asked in [
        "_elements=medication",
        "_summary=text",
        "_summary=data",
        "_summary=true",
    ] {
        for (address, at) in [
            (format!("{key}?{asked}"), ""),
            (format!("{key}/_history/{version}?{asked}"), ""),
            (format!("MedicationRequest?{asked}"), "/entry/0/resource"),
            (
                format!("{patient}/MedicationRequest?{asked}"),
                "/entry/0/resource",
            ),
        ] {
            let reply = server.get(&format!("/fhir/{address}")).await;
            let said = format!("{address}: {}", reply.text);
            assert_eq!(reply.at(&format!("{at}/doNotPerform")), "true", "{said}");
            assert_eq!(reply.at(&format!("{at}/status")), "active", "{said}");
            assert_eq!(
                reply.at(&format!("{at}/medicationCodeableConcept/text")),
                "Penicillin",
                "{said}"
            );
            assert!(
                reply.at(&format!("{at}/meta/tag")).contains("SUBSETTED"),
                "{said}"
            );
            assert_eq!(
                reply.at(&format!("{at}/note")).is_empty(),
                asked != "_summary=data",
                "{said}"
            );
        }
    }
}

async fn number(server: &Server, name: &str) -> u64 {
    let text = server.get("/metrics").await.text;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.expect(name).parse().expect(name)
}

async fn numbers(server: &Server) -> [u64; 3] {
    [
        number(server, "chaski_records").await,
        number(server, "chaski_conflicted_records").await,
        number(server, "chaski_quarantined_changes").await,
    ]
}

#[tokio::test]
async fn the_metrics_count_records_conflicts_and_what_was_set_aside() {
    let server = Server::new();
    assert_eq!(numbers(&server).await, [0, 0, 0]);
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(server.create("Patient", PATIENT).await);
    }
    let gone = format!("/fhir/{}", keys[4]);
    server.send(Method::DELETE, &gone, &[], "").await;
    assert_eq!(numbers(&server).await, [4, 0, 0]);

    // Two changed a date of birth apart.
    let path = format!("/fhir/{}", keys[0]);
    let read = server.get(&path).await;
    let etag = read.header("etag").to_owned();
    for date in ["1980-05-05", "1980-04-05"] {
        let headers = [("if-match", etag.as_str()), ("x-chaski-merge", "true")];
        let changed = read.text.replace("1980-05-04", date);
        let reply = server.send(Method::PUT, &path, &headers, &changed).await;
        assert_eq!(reply.status.as_u16(), 200, "{}", reply.text);
    }
    assert_eq!(numbers(&server).await, [4, 1, 0]);

    // Changes that were signed by nobody who may.
    let store = server.clinic.store();
    let key = RecordKey::new("Patient", keys[1].trim_start_matches("Patient/")).expect("a key");
    let caller = server.clinic.operator("test");
    for other in ["a", "b"] {
        let mut changes = store.signed_changes(&key).expect("changes");
        changes[0].signature[7] ^= 1;
        let offered = vec![(RecordKey::new("Patient", other).expect("a key"), changes)];
        let report = store.apply_remote(caller.context(), &NodeId([6; 32]), offered, None);
        assert_eq!(report.expect("a report").quarantined.len(), 1);
    }
    assert_eq!(numbers(&server).await, [4, 1, 2]);
    store.quarantine_forget().expect("forgotten");
    assert_eq!(numbers(&server).await, [4, 1, 0]);
}
