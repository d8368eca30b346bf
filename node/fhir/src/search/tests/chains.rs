//! Chained and reverse chained parameters.

use super::*;

/// The ids of the records that a search finds, in their order here.
fn found(records: &[Json], kind: &str, name: &str, value: &str) -> Result<String, SearchError> {
    let text = |record: &Json, member: &str| record.get(member).and_then(Json::as_str).unwrap().to_owned();
    let find = |query: &Query| -> Vec<Json> {
        let of_kind = records.iter().filter(|r| text(r, "resourceType") == query.kind);
        of_kind.filter(|r| query.matches(&extract(r))).cloned().collect()
    };
    let lookup = |query: &Query| Ok(find(query));
    let pairs = [(name.to_owned(), value.to_owned())];
    let query = parse_with(kind, &pairs, &Options::default(), Some(&lookup))?;
    Ok(find(&query).iter().map(|record| text(record, "id")).collect())
}

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
    let options = Options::default();
    let search = |kind: &str, name: &str, value: &str| found(&records, kind, name, value);
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

/// Ids are only unique within a kind: the group `a` is not the patient `a`.
#[test]
fn a_chain_follows_no_reference_to_another_kind_with_the_same_id() {
    const KINDS: [&str; 4] = ["Patient", "Group", "Device", "Location"];
    let mut records: Vec<Json> = KINDS
        .iter()
        .map(|kind| json!({"resourceType": *kind, "id": "a"}))
        .collect();
    for (id, kind) in ["p", "g", "d", "l"].into_iter().zip(KINDS) {
        records.push(
            json!({"resourceType": "Observation", "id": id, "code": {"coding": [{"code": kind}]},
            "subject": {"reference": format!("{kind}/a")}}),
        );
    }
    for (id, kind) in ["p", "g", "d", "l"].into_iter().zip(KINDS) {
        for named in KINDS {
            let who = found(&records, kind, "_has:Observation:subject:code", named);
            let expected = if named == kind { "a" } else { "" };
            assert_eq!(
                who.as_deref(),
                Ok(expected),
                "a {kind}, of which a {named} is named"
            );
        }
        let of_it = found(&records, "Observation", &format!("subject:{kind}._id"), "a");
        assert_eq!(of_it.as_deref(), Ok(id), "what is about the {kind}");
    }
    // The parameter that only means patients.
    for named in KINDS {
        let who = found(&records, "Patient", "_has:Observation:patient:code", named);
        assert_eq!(
            who.as_deref(),
            Ok(if named == "Patient" { "a" } else { "" }),
            "{named}"
        );
    }
    assert_eq!(
        found(&records, "Observation", "patient._id", "a").as_deref(),
        Ok("p")
    );
}
