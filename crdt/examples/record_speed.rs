//! Microseconds a record to create, load, merge and view.
//!
//! `cargo run --release -p chaski-crdt --example record_speed [FILE.ndjson]`:
//! without a file, records of our own shaped like Synthea's.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)]

use chaski_crdt::author::{NetworkId, SignedChange, VerifiedChange, Writer};
use chaski_crdt::hlc::{Hlc, Message, Stamp};
use chaski_crdt::key::RecordKey;
use chaski_crdt::policy::{Critical, Group, Policy, Shape};
use chaski_crdt::record::Record;
use chaski_json::Json;
use ed25519_dalek::SigningKey;
use std::time::{Duration, Instant};

const ROUNDS: usize = 3;
const NETWORK: NetworkId = NetworkId([1; 32]);

/// Enough of FHIR to give these records their usual shape.
struct Shapes;

impl Policy for Shapes {
    fn element(&self, _kind: &str, path: &str) -> Shape {
        match path {
            "component" | "contact" | "participant" | "item" | "total" | "diagnosis" | "insurance"
            | "careTeam" | "procedure" | "activity" | "communication" | "reaction" | "series" | "content" => {
                Shape::BackboneList { identity: &[] }
            }
            "hospitalization" | "payment" | "context" => Shape::Backbone,
            "meta" => Shape::Group,
            "meta.profile" | "meta.tag" => Shape::Set,
            _ => Shape::Register,
        }
    }

    fn choice_base(&self, _kind: &str, _parent: &str, key: &str) -> Option<(&str, &str)> {
        match key {
            "valueQuantity" => Some(("value[x]", "Quantity")),
            "valueCodeableConcept" => Some(("value[x]", "CodeableConcept")),
            "effectiveDateTime" => Some(("effective[x]", "DateTime")),
            "medicationCodeableConcept" => Some(("medication[x]", "CodeableConcept")),
            _ => None,
        }
    }

    fn groups(&self, kind: &str) -> &[Group] {
        match kind {
            "Observation" => &[Group {
                name: "value",
                members: &["code", "value[x]", "component", "status"],
            }],
            _ => &[],
        }
    }

    fn critical(&self, _kind: &str, _path: &str) -> Option<&Critical> {
        None
    }

    fn child_critical(&self, _kind: &str, _path: &str) -> &[&str] {
        &[]
    }

    fn narrative(&self, _kind: &str) -> Option<&str> {
        Some("text")
    }
}

fn samples() -> Vec<Json> {
    let observation = |n: u32| {
        format!(
            r#"{{"resourceType":"Observation","id":"o{n}","status":"final","meta":{{"profile":["http://example.org/vitals"]}},
            "category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}}]}}],
            "code":{{"coding":[{{"system":"http://loinc.org","code":"29463-7","display":"Body Weight"}}],"text":"Body Weight"}},
            "subject":{{"reference":"Patient/p{n}"}},"encounter":{{"reference":"Encounter/e{n}"}},
            "effectiveDateTime":"2019-08-01T12:{:02}:00+00:00","issued":"2019-08-01T12:{:02}:00.000+00:00",
            "valueQuantity":{{"value":{}.{n},"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}}}"#,
            n % 60,
            n % 60,
            n % 90
        )
    };
    let patient = |n: u32| {
        format!(
            r#"{{"resourceType":"Patient","id":"p{n}","meta":{{"profile":["http://example.org/patient"]}},
            "extension":[{{"url":"http://example.org/race","valueString":"x"}},{{"url":"http://example.org/birthPlace","valueAddress":{{"city":"C{n}"}}}}],
            "identifier":[{{"system":"http://example.org/mrn","value":"{n}"}},{{"system":"http://example.org/ssn","value":"999-{n}","type":{{"text":"SSN"}}}}],
            "name":[{{"use":"official","family":"F{n}","given":["G{n}","H"],"prefix":["Ms."]}}],
            "telecom":[{{"system":"phone","value":"555-{n}","use":"home"}}],"gender":"female","birthDate":"1980-01-01",
            "address":[{{"line":["{n} Street"],"city":"Town","state":"S","postalCode":"02108","country":"US"}}],
            "maritalStatus":{{"coding":[{{"system":"http://example.org/ms","code":"M"}}],"text":"M"}},"multipleBirthBoolean":false,
            "communication":[{{"language":{{"coding":[{{"system":"urn:ietf:bcp:47","code":"en-US"}}],"text":"English"}}}}]}}"#
        )
    };
    (0..2_000)
        .map(|n| if n % 10 == 0 { patient(n) } else { observation(n) })
        .map(|text| parse(&text))
        .collect()
}

fn parse(text: &str) -> Json {
    chaski_json::parse_str(text).unwrap()
}

fn key_of(json: &Json) -> Option<RecordKey> {
    let text = |name: &str| json.get(name).and_then(Json::as_str);
    RecordKey::new(text("resourceType")?, text("id")?).ok()
}

fn per_record(what: &str, records: usize, mut run: impl FnMut() -> usize) {
    let mut best = Duration::MAX;
    let mut kept = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        kept = run();
        best = best.min(start.elapsed());
    }
    println!("{what:<34}{:>8.1} µs", best.as_secs_f64() * 1e6 / records as f64);
    assert_ne!(kept, 0);
}

fn main() {
    let records: Vec<(RecordKey, Json)> = match std::env::args().nth(1) {
        Some(path) => std::fs::read_to_string(path)
            .unwrap()
            .lines()
            .map(parse)
            .collect(),
        None => samples(),
    }
    .into_iter()
    .filter_map(|json| Some((key_of(&json)?, json)))
    .collect();
    let bytes: usize = records.iter().map(|(_, json)| json.canonical().len()).sum();
    println!("{} records of {} B JSON", records.len(), bytes / records.len());

    let signer = SigningKey::from_bytes(&[3; 32]);
    let mut next_seq = 1;
    let mut writer = Writer {
        signer: &signer,
        network: NETWORK,
        incarnation: 7,
        next_seq: &mut next_seq,
    };
    let message = Message {
        user: "import".into(),
        role: "operator".into(),
        ..Message::default()
    };
    let stamp = Stamp {
        hlc: Hlc::from_ms(1_700_000_000_000),
        message,
    };

    let mut made: Vec<(Record, SignedChange)> = Vec::new();
    per_record("create (sign included)", records.len(), || {
        made = records
            .iter()
            .map(|(key, json)| Record::create(key.clone(), json, &Shapes, &mut writer, &stamp).unwrap())
            .collect();
        made.len()
    });
    let bytes: usize = made.iter().map(|(_, signed)| signed.bytes.len()).sum();
    println!("{:<34}{:>8} B", "raw change", bytes / made.len());
    per_record("view", records.len(), || {
        made.iter()
            .map(|(record, _)| record.view(&Shapes).issues.len() + 1)
            .sum()
    });
    per_record("load from the store", records.len(), || {
        made.iter()
            .map(|(record, signed)| {
                Record::load(record.key().clone(), [signed.clone()])
                    .unwrap()
                    .change_count()
            })
            .sum()
    });
    let mut verified: Vec<VerifiedChange> = Vec::new();
    per_record("verify", records.len(), || {
        verified = made
            .iter()
            .map(|(record, signed)| signed.verify(&NETWORK, record.key()).unwrap())
            .collect();
        verified.len()
    });
    per_record("merge as new (save and load)", records.len(), || {
        verified
            .iter()
            .map(|change| {
                Record::empty(change.key().clone())
                    .merge(vec![change.clone()])
                    .accepted
                    .len()
            })
            .sum()
    });
    let mut edits = Vec::new();
    per_record("update one element", records.len(), || {
        edits.clear();
        for ((record, _), (_, json)) in made.iter().zip(&records) {
            let mut record = record.clone();
            let mut json = json.clone();
            if let Some(object) = json.as_object_mut() {
                object.insert("language".into(), Json::from("es"));
            }
            edits.extend(
                record
                    .update(&record.heads(), &json, &Shapes, &mut writer, &stamp)
                    .unwrap(),
            );
        }
        edits.len()
    });
    let edits: Vec<VerifiedChange> = edits
        .iter()
        .zip(&made)
        .map(|(edit, (record, _))| edit.verify(&NETWORK, record.key()).unwrap())
        .collect();
    per_record("merge an edit into a loaded record", records.len(), || {
        made.iter()
            .zip(&edits)
            .map(|((record, _), edit)| record.clone().merge(vec![edit.clone()]).accepted.len())
            .sum()
    });
    for (((record, _), (_, json)), at) in made.iter().zip(&records).zip(0_usize..) {
        assert_eq!(record.view(&Shapes).json, *json, "record {at}");
    }
}
