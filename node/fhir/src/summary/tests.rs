//! What a subset leaves of a record, and what none may leave out.

use super::*;
use crate::definitions::resource_kinds;
use crate::search::{Options, parse};

#[test]
fn subsets_keep_what_was_asked_and_what_must_stay() {
    let record = json!({
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "meta": {"tag": [{"code": "t"}]}, "text": {"status": "generated", "div": "<div>x</div>"},
        "note": [{"text": "n"}], "valueString": "v", "interpretation": [{"text": "high"}],
        "component": [{"code": {"text": "c"}, "valueString": "w", "interpretation": [{"text": "low"}]}],
    });
    let keys = |name: &str, value: &str| {
        let pairs = [(name.to_owned(), value.to_owned())];
        let query = parse("Observation", &pairs, &Options::default()).unwrap();
        let subset = subset(&record, &query)?;
        assert_eq!(
            subset.pointer("/meta/tag/1/code").and_then(Json::as_str),
            Some("SUBSETTED")
        );
        assert_eq!(subset.pointer("/component/0/interpretation"), None);
        Some(
            subset
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    assert_eq!(keys("_summary", "false"), None);
    let all = "code component id meta resourceType status valueString";
    assert_eq!(keys("_summary", "true").as_deref(), Some(all));
    assert_eq!(
        keys("_summary", "text").as_deref(),
        Some("code id meta resourceType status text")
    );
    assert_eq!(
        keys("_elements", "note").as_deref(),
        Some("code id meta note resourceType status")
    );
}

/// The part of a record that a query with this parameter answers.
fn part(record: &Json, name: &str, value: &str) -> Json {
    let kind = record.get("resourceType").and_then(Json::as_str).unwrap();
    let pairs = [(name.to_owned(), value.to_owned())];
    let query = parse(kind, &pairs, &Options::default()).unwrap();
    subset(record, &query).unwrap()
}

/// Every way to ask for a part.
const PARTS: [(&str, &str); 4] = [
    ("_elements", "note"),
    ("_summary", "text"),
    ("_summary", "data"),
    ("_summary", "true"),
];

/// Members without which the rest reads as its opposite.
#[rustfmt::skip]
const NEGATES: &[(&str, &str, &str)] = &[
    ("MedicationRequest", "doNotPerform", "true"),
    ("MedicationRequest", "status", "\"entered-in-error\""),
    ("MedicationRequest", "intent", "\"proposal\""),
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
];

#[test]
fn no_part_of_a_record_leaves_out_what_negates_it() {
    for (kind, member, value) in NEGATES {
        let value = chaski_json::parse_str(value).unwrap();
        let mut record = json!({"resourceType": *kind, "id": "r"});
        let members = record.as_object_mut().unwrap();
        members.insert((*member).to_owned(), value.clone());
        members.insert(format!("_{member}"), json!({"id": "x"}));
        for (name, asked) in PARTS {
            let part = part(&record, name, asked);
            let said = format!("{kind}.{member} with {name}={asked}");
            assert_eq!(part.get(member), Some(&value), "{said}");
            assert!(part.get(&format!("_{member}")).is_some(), "{said}");
        }
    }
}

/// Of every kind, with a member of every name that it may have.
#[test]
fn a_part_of_any_record_is_what_was_asked_and_what_must_stay() {
    let mut counted = 0;
    for kind in resource_kinds() {
        let composite = definitions().resource(kind).unwrap();
        let mut record = json!({"resourceType": *kind, "id": "r", "meta": {}});
        for field in composite.fields() {
            let members = record.as_object_mut().unwrap();
            members.entry(field.key.to_owned()).or_insert_with(|| json!("x"));
        }
        for (name, asked) in PARTS {
            let part = part(&record, name, asked);
            for field in composite.fields() {
                let element = field.element().unwrap();
                let own = match (name, asked) {
                    ("_elements", asked) => field.key == asked,
                    (_, "text") => field.key == "text",
                    (_, "data") => field.key != "text",
                    _ => element.is_summary,
                };
                let stays = element.min > 0 || element.is_modifier || ["id", "meta"].contains(&field.key);
                let expected = own || stays;
                assert_eq!(
                    part.get(field.key).is_some(),
                    expected,
                    "{kind}.{} with {name}={asked}",
                    field.key
                );
                counted += usize::from(expected && !own);
            }
            let code = part.pointer("/meta/tag/0/code").and_then(Json::as_str);
            assert_eq!(code, Some("SUBSETTED"), "{kind} with {name}={asked}");
        }
    }
    assert!(counted > 1_000, "{counted}");
}

#[test]
fn a_summary_keeps_what_negates_a_line_of_it() {
    let record = json!({"resourceType": "Group", "id": "g", "characteristic": [
        {"code": {"text": "diabetes"}, "valueBoolean": true, "exclude": true, "period": {"start": "2024"},
         "modifierExtension": [{"url": "urn:not", "valueBoolean": true}]}]});
    let observation = json!({"resourceType": "Observation", "id": "o", "component": [
        {"code": {"text": "systolic"}, "valueString": "120", "interpretation": [{"text": "high"}],
         "modifierExtension": [{"url": "urn:not", "valueBoolean": true}]}]});
    let kept = part(&observation, "_summary", "true");
    let line = kept.pointer("/component/0").and_then(Json::as_object).unwrap();
    let names: Vec<&str> = line.keys().map(String::as_str).collect();
    assert_eq!(names, ["code", "modifierExtension", "valueString"]);
    // A group's characteristics belong to no summary; asked for, they are whole.
    assert_eq!(part(&record, "_summary", "true").get("characteristic"), None);
    let asked = part(&record, "_elements", "characteristic");
    assert_eq!(asked.get("characteristic"), record.get("characteristic"));
}
