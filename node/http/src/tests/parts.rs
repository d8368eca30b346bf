//! Parts of records (`_summary`, `_elements`), and the numbers of the node.

use axum::http::Method;
use chaski_json::{Json, json, parse_str};
use chaski_store::{NodeId, RecordKey};

use super::server::{PATIENT, Server};
use crate::subset::Subset;

/// Members without which the rest reads as its opposite.
#[rustfmt::skip]
const NEGATES: &[(&str, &str, &str)] = &[
    ("MedicationRequest", "doNotPerform", "true"),
    ("MedicationRequest", "status", "\"entered-in-error\""),
    ("MedicationRequest", "intent", "\"proposal\""),
    ("MedicationRequest", "medicationCodeableConcept", r#"{"text":"Morphine"}"#),
    ("MedicationAdministration", "status", "\"not-done\""),
    ("MedicationStatement", "status", "\"not-taken\""),
    ("ServiceRequest", "doNotPerform", "true"),
    ("AllergyIntolerance", "verificationStatus", r#"{"coding":[{"code":"refuted"}]}"#),
    ("AllergyIntolerance", "clinicalStatus", r#"{"coding":[{"code":"resolved"}]}"#),
    ("Condition", "verificationStatus", r#"{"coding":[{"code":"refuted"}]}"#),
    ("Condition", "clinicalStatus", r#"{"coding":[{"code":"resolved"}]}"#),
    ("Immunization", "status", "\"not-done\""),
    ("Procedure", "status", "\"not-done\""),
    ("Observation", "status", "\"cancelled\""),
    ("Patient", "active", "false"),
    ("Patient", "deceasedBoolean", "true"),
    ("Patient", "deceasedDateTime", "\"2024-01-01\""),
    ("Patient", "link", r#"[{"other":{"reference":"Patient/b"},"type":"replaced-by"}]"#),
    ("Flag", "status", "\"inactive\""),
    ("List", "mode", "\"changes\""),
    ("Patient", "implicitRules", "\"urn:rules\""),
    ("Patient", "modifierExtension", r#"[{"url":"urn:not","valueBoolean":true}]"#),
    ("Patient", "meta", r#"{"tag":[{"code":"conflict"}],"extension":[{"url":"urn:c"}]}"#),
];

const PARTS: [&str; 4] = [
    "_elements=note",
    "_summary=text",
    "_summary=data",
    "_summary=true",
];

#[test]
fn no_part_of_a_record_leaves_out_what_negates_it() {
    for (kind, member, value) in NEGATES {
        let value = parse_str(value).expect("JSON");
        let mut record = json!({"resourceType": *kind, "id": "r", "meta": {}});
        let members = record.as_object_mut().expect("an object");
        members.insert((*member).to_owned(), value.clone());
        members.insert(format!("_{member}"), json!({"id": "x"}));
        for asked in PARTS {
            let part = Subset::from_query(Some(asked)).apply(record.clone());
            let said = format!("{kind}.{member} with {asked}");
            let kept = part.get(member).expect(&said);
            match *member {
                "meta" => {
                    assert_eq!(kept.get("extension"), value.get("extension"));
                    assert_eq!(kept.pointer("/tag/0"), value.pointer("/tag/0"));
                }
                _ => assert_eq!(kept, &value, "{said}"),
            }
            assert!(part.get(&format!("_{member}")).is_some(), "{said}");
            let tags = part.pointer("/meta/tag").and_then(Json::as_array);
            let last = tags.and_then(|tags| tags.last()).and_then(|tag| tag.get("code"));
            assert_eq!(last.and_then(Json::as_str), Some("SUBSETTED"), "{said}");
        }
    }
}

#[test]
fn a_part_is_what_was_asked_for_and_no_more() {
    let record = json!({"resourceType": "Observation", "id": "o", "meta": {}, "status": "final",
        "code": {"text": "weight"}, "text": {"div": "<div/>"}, "valueQuantity": {"value": 90},
        "note": [{"text": "n"}], "bodySite": {"text": "b"}, "unheard": 1});
    let names = |query: &str| {
        let part = Subset::from_query(Some(query)).apply(record.clone());
        let names: Vec<String> = part.as_object().expect("an object").keys().cloned().collect();
        let always = ["resourceType", "id", "meta", "status", "code"];
        assert!(
            always.iter().all(|name| names.iter().any(|kept| kept == name)),
            "{query}"
        );
        let rest = names.into_iter().filter(|name| !always.contains(&name.as_str()));
        rest.collect::<Vec<_>>().join(" ")
    };
    for (query, expected) in [
        ("_elements=note", "note"),
        ("_elements=note,bodySite", "bodySite note"),
        ("_elements=note.text", "note"),
        ("_elements=value", "valueQuantity"),
        ("_elements=value[x]", "valueQuantity"),
        ("_elements=valueQuantity", "valueQuantity"),
        ("_elements=nothing", ""),
        ("_summary=true", "valueQuantity"),
        ("_summary=text", "text"),
        ("_summary=data", "bodySite note valueQuantity"),
    ] {
        assert_eq!(names(query), expected, "{query}");
    }
    for whole in ["", "_summary=false", "_summary=count", "_pretty=true"] {
        assert_eq!(
            Subset::from_query(Some(whole)).apply(record.clone()),
            record,
            "{whole}"
        );
    }
}

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
    let ctx = server.clinic.operator_context("test");
    for other in ["a", "b"] {
        let mut changes = store.signed_changes(&key).expect("changes");
        changes[0].signature[7] ^= 1;
        let offered = vec![(RecordKey::new("Patient", other).expect("a key"), changes)];
        let report = store.apply_remote(&ctx, &NodeId([6; 32]), offered, None);
        assert_eq!(report.expect("a report").quarantined.len(), 1);
    }
    assert_eq!(numbers(&server).await, [4, 1, 2]);
    store.quarantine_forget().expect("forgotten");
    assert_eq!(numbers(&server).await, [4, 1, 0]);
}
