use super::*;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn the_same_seed_gives_the_same_population() {
    let all = |seed| {
        population(seed, 3)
            .map(|record| record.canonical())
            .collect::<Vec<_>>()
    };
    assert_eq!(all(7), all(7));
    assert_ne!(all(7), all(8));
    // A larger population begins with the same patients.
    let patients = |count| {
        let of_type =
            population(7, count).filter(|record| record.get("resourceType") == Some(&"Patient".into()));
        of_type
            .take(3)
            .map(|record| record.canonical())
            .collect::<Vec<_>>()
    };
    assert_eq!(patients(3), patients(30));
}

#[test]
fn ids_are_unique_uuids_and_every_record_is_marked() {
    let mut ids = BTreeSet::new();
    for record in population(1, 60) {
        let id = record.get("id").and_then(Json::as_str).unwrap();
        assert_eq!(id.len(), 36);
        assert!(id.chars().enumerate().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            14 => c == '4',
            _ => c.is_ascii_hexdigit() && !c.is_ascii_uppercase(),
        }));
        assert!(ids.insert(id.to_owned()), "{id} twice");
        assert_eq!(
            record.pointer("/meta/tag/0/code").and_then(Json::as_str),
            Some(TEST_TAG_CODE)
        );
        assert_eq!(
            record.pointer("/meta/tag/0/system").and_then(Json::as_str),
            Some(TEST_TAG_SYSTEM)
        );
    }
}

fn references(value: &Json, out: &mut Vec<String>) {
    match value {
        Json::Object(members) => members.iter().for_each(|(key, value)| match value {
            Json::String(text) if key == "reference" => out.push(text.clone()),
            other => references(other, out),
        }),
        Json::Array(items) => items.iter().for_each(|item| references(item, out)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let all: Vec<Json> = population(2, 40).collect();
    let keys: BTreeSet<String> = all
        .iter()
        .map(|record| {
            let text = |key| record.get(key).and_then(Json::as_str).unwrap_or_default();
            format!("{}/{}", text("resourceType"), text("id"))
        })
        .collect();
    let mut found = Vec::new();
    all.iter().for_each(|record| references(record, &mut found));
    assert!(found.len() > all.len());
    for reference in found {
        assert!(
            reference.starts_with('#') || keys.contains(&reference),
            "{reference} leads nowhere"
        );
    }
}

/// The shape the figures depend on: half observations, about 1.3 KB a record.
#[test]
fn types_and_sizes_are_like_syntheas() {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for record in population(3, 150) {
        let kind = record
            .get("resourceType")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        let entry = counts.entry(kind).or_default();
        entry.0 += 1;
        entry.1 += record.canonical().len();
    }
    let records: usize = counts.values().map(|(count, _)| count).sum();
    let bytes: usize = counts.values().map(|(_, bytes)| bytes).sum();
    for (kind, (count, bytes)) in &counts {
        println!(
            "{kind}: {count}, {:.1} %, {} B each",
            *count as f64 * 100.0 / records as f64,
            bytes / count
        );
    }
    println!(
        "{records} records, {} B each, {} a patient",
        bytes / records,
        records / 150
    );
    assert!((1_100..1_600).contains(&(bytes / records)));
    let share = |kind: &str| counts[kind].0 * 100 / records;
    assert!((40..56).contains(&share("Observation")));
    assert!((5..12).contains(&share("Encounter")) && (5..12).contains(&share("ExplanationOfBenefit")));
    for kind in [
        "Patient",
        "Practitioner",
        "PractitionerRole",
        "Organization",
        "Location",
        "Condition",
        "MedicationRequest",
        "Immunization",
        "Procedure",
        "DiagnosticReport",
        "Claim",
        "CarePlan",
        "CareTeam",
        "AllergyIntolerance",
        "DocumentReference",
        "Goal",
    ] {
        assert!(counts.contains_key(kind), "no {kind}");
    }
}

#[test]
fn it_streams() {
    // A million patients would not fit; the first ones are there at once.
    assert_eq!(population(1, 1_000_000).take(2_000).count(), 2_000);
}

#[test]
fn names_come_in_several_scripts() {
    let text: String = population(4, 120)
        .filter(|record| record.get("resourceType") == Some(&"Patient".into()))
        .map(|record| record.canonical())
        .collect();
    assert!(
        text.chars().any(|c| ('\u{600}'..'\u{700}').contains(&c)),
        "no Arabic"
    );
    assert!(
        text.chars().any(|c| ('\u{900}'..'\u{980}').contains(&c)),
        "no Devanagari"
    );
}
