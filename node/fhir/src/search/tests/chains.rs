//! Chained and reverse chained parameters.

use super::*;

const FOLLOWING: Options<'_> = Options {
    zone: None,
    handling: Handling::Strict,
    own_bases: &[],
    now_ms: 0,
    follows_chains: true,
};

/// The records that a query finds, after those that its chains ask for.
fn find(records: &[Json], query: &Query) -> Vec<Json> {
    let mut query = query.clone();
    for chain in std::mem::take(&mut query.chains) {
        let found: Vec<Vec<Json>> = chain.queries.iter().map(|other| find(records, other)).collect();
        query.filters.push(chain.filter(&found).unwrap());
    }
    let text = |record: &Json, member: &str| record.get(member).and_then(Json::as_str).unwrap().to_owned();
    let of_kind = records.iter().filter(|r| text(r, "resourceType") == query.kind);
    of_kind.filter(|r| query.matches(&extract(r))).cloned().collect()
}

/// The ids of the records that a search finds, in their order here.
fn found(records: &[Json], kind: &str, name: &str, value: &str) -> Result<String, SearchError> {
    let query = parse(kind, &[(name.to_owned(), value.to_owned())], &FOLLOWING)?;
    let id = |record: &Json| record.get("id").and_then(Json::as_str).unwrap().to_owned();
    Ok(find(records, &query).iter().map(id).collect())
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
        ("Patient", "general-practitioner.endpoint.nonsense"),
    ] {
        assert!(search(kind, name, "1").is_err(), "{kind}?{name}");
    }
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

/// A parameter that leads everywhere costs nothing: it is refused before anything is looked for.
#[test]
fn a_chain_that_leads_to_too_many_kinds_is_refused() {
    let query = |name: &str| parse("Observation", &[(name.to_owned(), "1".to_owned())], &FOLLOWING);
    let wide = "part-of.performer.identifier";
    let error = query(wide).unwrap_err();
    assert!(
        matches!(&error, SearchError::Unsupported { param, reason } if param == wide && reason.contains("too many")),
        "{error}"
    );
    let narrow = "has-member:Observation.has-member:Observation.has-member:Observation.identifier";
    assert!(query(narrow).is_ok());
    // Sixteen are followed: four kinds that an observation may be part of, each with three of subjects.
    assert!(query("part-of.subject.identifier").is_ok());
}
