//! Chained and reverse chained parameters.

use super::*;

#[test]
fn chains_follow_references_both_ways_or_say_they_cannot() {
    let record = |text: &str| chaski_json::parse_str(text).unwrap();
    let records = [
        record(
            r#"{"resourceType":"Patient","id":"a","gender":"female","name":[{"family":"Quispe"}],
            "generalPractitioner":[{"reference":"Practitioner/d"}]}"#,
        ),
        record(r#"{"resourceType":"Patient","id":"b","name":[{"family":"Mamani"}]}"#),
        record(r#"{"resourceType":"Practitioner","id":"d","name":[{"family":"Condori"}]}"#),
        record(
            r#"{"resourceType":"Observation","id":"o","code":{"coding":[{"code":"x"}]},
            "subject":{"reference":"Patient/a"}}"#,
        ),
        record(
            r#"{"resourceType":"Observation","id":"p","code":{"coding":[{"code":"y"}]},
            "subject":{"reference":"Patient/b"}}"#,
        ),
    ];
    let find = |query: &Query| {
        let of_kind = |r: &&Json| r.get("resourceType").and_then(Json::as_str) == Some(query.kind.as_str());
        records
            .iter()
            .filter(of_kind)
            .filter(|r| query.matches(&extract(r)))
            .cloned()
            .collect::<Vec<_>>()
    };
    let lookup = |query: &Query| Ok(find(query));
    let options = Options::default();
    let search = |kind: &str, name: &str, value: &str| {
        let pairs = [(name.to_owned(), value.to_owned())];
        let query = parse_with(kind, &pairs, &options, Some(&lookup))?;
        let id = |r: &Json| r.get("id").and_then(Json::as_str).unwrap().to_owned();
        Ok::<String, SearchError>(find(&query).iter().map(id).collect())
    };
    for (kind, name, value, ids) in [
        ("Observation", "subject:Patient.name", "quis", "o"),
        ("Observation", "patient.name", "mamani", "p"),
        ("Observation", "patient.name", "nobody", ""),
        ("Observation", "subject.family", "quispe", "o"),
        ("Observation", "patient.name:exact", "Quispe", "o"),
        ("Observation", "patient.gender:not", "female", "p"),
        (
            "Observation",
            "patient.general-practitioner:Practitioner.name",
            "condori",
            "o",
        ),
        ("Observation", "patient._id", "a", "o"),
        ("Patient", "_has:Observation:patient:code", "x", "a"),
        ("Patient", "_has:Observation:subject:code", "x,y", "ab"),
        ("Patient", "_has:Observation:patient:code", "z", ""),
        (
            "Practitioner",
            "_has:Patient:general-practitioner:_has:Observation:patient:code",
            "x",
            "d",
        ),
    ] {
        assert_eq!(
            search(kind, name, value).as_deref(),
            Ok(ids),
            "{kind}?{name}={value}"
        );
    }
    for (kind, name) in [
        ("Observation", "code.text"),
        ("Observation", "patient.nonsense"),
        ("Observation", "patient._count"),
        ("Observation", "subject:Zebra.name"),
        ("Observation", "focus.name"),
        ("Patient", "_has:Observation:code:code"),
        ("Patient", "_has:Observation:patient"),
        ("Patient", "link.link.link.link.link.name"),
    ] {
        assert!(search(kind, name, "1").is_err(), "{kind}?{name}");
    }
    let refusing = |_: &Query| Err("too many records");
    let pairs = [("patient.name".to_owned(), "a".to_owned())];
    assert!(parse_with("Observation", &pairs, &options, Some(&refusing)).is_err());
}
