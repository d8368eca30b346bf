//! What a part of a record leaves out, and what none may.

use super::*;
use crate::definitions::resource_kinds;
use crate::search::{Options, parse};

/// The part of a record that this query string asks for, by a plain read and by a search alike.
fn part(record: &Json, asked: &str) -> Json {
    let kind = record.get("resourceType").and_then(Json::as_str).unwrap();
    let pairs: Vec<(String, String)> = asked
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let read = Subset::of_pairs(&pairs).apply(record.clone());
    let of_search = pairs.iter().filter(|(name, _)| name != "_pretty").cloned();
    let query = parse(kind, &of_search.collect::<Vec<_>>(), &Options::default()).unwrap();
    let found = Subset::new(query.summary, &query.elements).apply(record.clone());
    assert_eq!(read, found, "{asked}");
    read
}

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
        let value = chaski_json::parse_str(value).unwrap();
        let mut record = json!({"resourceType": *kind, "id": "r", "meta": {}});
        let members = record.as_object_mut().unwrap();
        members.insert((*member).to_owned(), value.clone());
        members.insert(format!("_{member}"), json!({"id": "x"}));
        for asked in PARTS {
            let part = part(&record, asked);
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
        let part = part(&record, query);
        let names: Vec<String> = part.as_object().unwrap().keys().cloned().collect();
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
        ("_elements=bodySite, note ", "bodySite note"),
        ("_elements=note.text", "note"),
        ("_elements=value", "valueQuantity"),
        ("_elements=value[x]", "valueQuantity"),
        ("_elements=valueQuantity", "valueQuantity"),
        ("_elements=nothing", ""),
        ("_summary=true", "valueQuantity"),
        ("_summary=text", "text"),
        ("_summary=data", "bodySite note valueQuantity"),
        ("_summary=text&_elements=note", "note"),
    ] {
        assert_eq!(names(query), expected, "{query}");
    }
    for whole in ["", "_summary=false", "_summary=count", "_pretty=true"] {
        assert_eq!(part(&record, whole), record, "{whole}");
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
        for asked in PARTS {
            let part = part(&record, asked);
            for field in composite.fields() {
                let element = field.element().unwrap();
                let own = match asked.split_once('=').unwrap() {
                    ("_elements", name) => field.key == name,
                    (_, "text") => field.key == "text",
                    (_, "data") => field.key != "text",
                    _ => element.is_summary,
                };
                let stays = element.min > 0 || element.is_modifier || ["id", "meta"].contains(&field.key);
                let expected = own || stays;
                let is_kept = part.get(field.key).is_some();
                assert_eq!(is_kept, expected, "{kind}.{} with {asked}", field.key);
                counted += usize::from(expected && !own);
            }
            let code = part.pointer("/meta/tag/0/code").and_then(Json::as_str);
            assert_eq!(code, Some("SUBSETTED"), "{kind} with {asked}");
        }
    }
    assert!(counted > 1_000, "{counted}");
}

#[test]
fn a_line_that_is_kept_is_kept_whole() {
    let line = json!({"code": {"text": "diabetes"}, "valueBoolean": true, "exclude": true,
        "modifierExtension": [{"url": "urn:not", "valueBoolean": true}]});
    let group = json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true,
        "characteristic": [line.clone()]});
    assert_eq!(
        part(&group, "_elements=characteristic").pointer("/characteristic/0"),
        Some(&line)
    );
    let line = json!({"code": {"text": "systolic"}, "valueString": "120", "interpretation": [{"text": "high"}],
        "modifierExtension": [{"url": "urn:not", "valueBoolean": true}]});
    let observation = json!({"resourceType": "Observation", "id": "o", "component": [line.clone()]});
    for asked in ["_summary=true", "_summary=data", "_elements=component"] {
        assert_eq!(
            part(&observation, asked).pointer("/component/0"),
            Some(&line),
            "{asked}"
        );
    }
}

/// The tag stands beside those that the record has, and where it has none.
#[test]
fn a_part_is_tagged_beside_what_its_record_is_tagged_with() {
    let codes = |meta: Option<Json>| {
        let mut record = json!({"resourceType": "Patient", "id": "p"});
        if let Some(meta) = meta {
            record.as_object_mut().unwrap().insert("meta".to_owned(), meta);
        }
        let part = part(&record, "_summary=text");
        let tags = part.pointer("/meta/tag").and_then(Json::as_array).unwrap();
        let code = |tag: &Json| tag.get("code").and_then(Json::as_str).unwrap().to_owned();
        tags.iter().map(code).collect::<Vec<_>>()
    };
    assert_eq!(codes(None), ["SUBSETTED"]);
    assert_eq!(codes(Some(json!({"versionId": "1"}))), ["SUBSETTED"]);
    let two = json!({"tag": [{"code": "a"}, {"code": "b"}]});
    assert_eq!(codes(Some(two)), ["a", "b", "SUBSETTED"]);
}

#[test]
fn as_many_elements_as_are_taken_are_given() {
    let record = json!({"resourceType": "Observation", "id": "o", "note": [{"text": "n"}]});
    let after = |others: usize| format!("_elements={}note", "x,".repeat(others));
    assert!(part(&record, &after(ELEMENTS_MAX - 1)).get("note").is_some());
    assert!(part(&record, &after(ELEMENTS_MAX)).get("note").is_none());
}

#[test]
fn of_what_is_no_known_record_little_is_kept() {
    let pairs = [("_summary".to_owned(), "data".to_owned())];
    let subset = Subset::of_pairs(&pairs);
    let unknown =
        json!({"resourceType": "Martian", "id": "m", "status": "x", "meta": {}, "implicitRules": "urn:r"});
    let part = subset.apply(unknown);
    let names: Vec<&str> = part.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["id", "implicitRules", "meta", "resourceType"]);
    assert_eq!(subset.apply(json!(["x"])), json!(["x"]));
}
