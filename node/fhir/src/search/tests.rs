//! What queries find, what they refuse, and that an index would agree.

use std::collections::{BTreeMap, BTreeSet};

use chaski_json::{Json, json};

use super::*;
use crate::definitions::{TypeKind, definitions};

mod chains;
mod kit;
mod lenient;
mod properties;
mod units;

const BASE: &str = "https://clinic.example/fhir";

fn query(kind: &str, text: &str) -> Result<Query, SearchError> {
    let pairs: Vec<(String, String)> = text
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    parse(
        kind,
        &pairs,
        &Options {
            own_bases: &[BASE],
            now_ms: 1_700_000_000_000,
            ..Options::default()
        },
    )
}

/// Asserts which queries find the record and which do not.
#[track_caller]
fn check(record: &Json, finds: &[&str], misses: &[&str]) {
    let kind = record.get("resourceType").and_then(Json::as_str).unwrap();
    let values = extract(record);
    let mut keys = BTreeSet::new();
    for value in &values {
        value.keys(&mut |key| {
            keys.insert(format!("{} {key}", value.param));
        });
    }
    for text in finds {
        let query = query(kind, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(query.matches(&values), "{text} should find it");
        for filter in &query.filters {
            let own: Vec<_> = filter.any.iter().map(|one| one.key(&filter.modifier)).collect();
            let indexed = own.iter().all(Option::is_some) && !own.is_empty();
            let met = own
                .iter()
                .flatten()
                .any(|key| keys.contains(&format!("{} {key}", filter.param.code)));
            assert!(!indexed || met, "{text}: an index would miss it");
        }
    }
    for text in misses {
        let query = query(kind, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(!query.matches(&values), "{text} should not find it");
    }
}

fn patient() -> Json {
    json!({
        "resourceType": "Patient", "id": "p1", "active": true, "gender": "female",
        "birthDate": "1970-05-12", "deceasedDateTime": "2020-01-02",
        "meta": {"lastUpdated": "2024-02-03T04:05:06.789Z", "tag": [{"system": "urn:t", "code": "demo"}],
                 "profile": ["http://example.org/p|1.0"]},
        "identifier": [{"system": "urn:oid:1.2", "value": "A|7", "type": {"text": "Carnet"}}, {"value": "bare"}],
        "name": [{"family": "Núñez, Ríos", "given": ["Ana", "María"]}, {"text": "Doña Ana"}],
        "telecom": [{"system": "phone", "value": "+51 (1) 555-0100"}, {"system": "email", "value": "a@b.pe"}],
        "address": [{"line": ["Av. Sol 1"], "city": "Cusco", "country": "PE"}],
        "generalPractitioner": [{"reference": "Practitioner/d1"}],
        "managingOrganization": {"identifier": {"system": "urn:org", "value": "42"}},
        "link": [{"other": {"reference": "http://other.example/fhir/Patient/9"}, "type": "seealso"}],
    })
}

#[test]
fn a_name_is_found_by_any_of_its_words() {
    let patient = json!({"resourceType": "Patient", "name": [
        {"family": "Quispe Mamani", "given": ["Rosa María"]},
        {"use": "temp", "text": "Man from the bus"},
        {"text": "روزا ماماني"}]});
    check(
        &patient,
        &[
            "name=mam",
            "name=quispe mam",
            "name=mari",
            "name=bus",
            "name=ماما",
            "name:exact=Quispe Mamani",
            "family=quispe",
        ],
        &["name=ispe", "name:exact=Mamani", "family=mamani", "given=maria"],
    );
}

#[test]
fn patients_are_found_by_all_kinds_of_parameters() {
    check(
        &patient(),
        &[
            "name=nun",
            "name=ana",
            "name=mari",
            "family=NÚÑEZ",
            "name=doña",
            "name:exact=Ana",
            "name:contains=ñez",
            "family:exact=Núñez\\, Ríos",
            "name=zzz,ana",
            "name=ana&family=nun",
            "phonetic:missing=false",
            "gender=female",
            "gender=http://hl7.org/fhir/administrative-gender|female",
            "gender:not=male",
            "gender=male,female",
            "identifier=bare",
            "identifier=|bare",
            "identifier=urn:oid:1.2|A\\|7",
            "identifier=urn:oid:1.2|",
            "identifier:text=carnet",
            "birthdate=1970",
            "birthdate=1970-05-12",
            "birthdate=ge1970-05-12",
            "birthdate=lt1971",
            "birthdate=gt1970-05-11",
            "birthdate=ap1969",
            "birthdate=ge1970&birthdate=le1970-12",
            "birthdate=sa1969",
            "birthdate=ne1971",
            "deceased=true",
            "death-date=2020-01",
            "active=true",
            "telecom=a@b.pe",
            "email=a@b.pe",
            "phone=+51 (1) 555-0100",
            "phone=+5115550100",
            "address=cus",
            "address-city=cusco",
            "address-country=pe",
            "address=av. sol",
            "general-practitioner=d1",
            "general-practitioner=Practitioner/d1",
            "_id=p1",
            "_id=x,p1",
            "general-practitioner:Practitioner=d1",
            "link=http://other.example/fhir/Patient/9",
            "general-practitioner=https://clinic.example/fhir/Practitioner/d1/_history/3",
            "organization:identifier=urn:org|42",
            "organization:identifier=42",
            "_lastUpdated=2024-02-03",
            "_lastUpdated=ge2024-02-03T04:05:06Z",
            "_lastUpdated=le2024-02-03T04:05:06.789Z",
            "_tag=urn:t|demo",
            "_tag=demo",
            "_profile=http://example.org/p",
            "_profile=http://example.org/p|1.0",
            "language:missing=true",
            "_security:missing=true",
            "_format=json&_count=5",
        ],
        &[
            "name=una",
            "name:exact=ana",
            "family=ana",
            "gender=male",
            "gender=|female",
            "gender:not=female",
            "gender:not=male,female",
            "identifier=A",
            "identifier=|A\\|7",
            "identifier=urn:oid:1.3|",
            "birthdate=1971",
            "birthdate=1970-05-13",
            "birthdate=gt1970-05-12",
            "birthdate=eb1970-05-12",
            "birthdate=ge1970-05-13",
            "deceased=false",
            "email=+51 (1) 555-0100",
            "address-city=lima",
            "general-practitioner=Organization/d1",
            "link=Patient/9",
            "link=9",
            "general-practitioner=d2",
            "organization:identifier=urn:x|42",
            "organization=42",
            "_id=p2",
            "_tag=urn:t|other",
            "_profile=http://example.org/",
            "_lastUpdated=lt2024-02-03",
            "gender:missing=true",
            "family=nun&name=x",
        ],
    );
    let mut alive = patient();
    alive.as_object_mut().unwrap().remove("deceasedDateTime");
    check(
        &alive,
        &["deceased=false", "deceased:missing=false"],
        &["deceased=true"],
    );
    alive
        .as_object_mut()
        .unwrap()
        .insert("deceasedBoolean".into(), json!(false));
    check(
        &alive,
        &["deceased=false", "death-date:missing=true"],
        &["deceased=true"],
    );
}

fn pressure() -> Json {
    json!({
        "resourceType": "Observation", "id": "o1", "status": "final",
        "category": [{"coding": [{"system": "http://c", "code": "vital-signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure"}],
                 "text": "BP sitting"},
        "subject": {"reference": "Patient/p1"}, "encounter": {"reference": "urn:uuid:e1"},
        "effectivePeriod": {"start": "2024-01-01", "end": "2024-01-03T10:00:00Z"},
        "component": [
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
             "valueQuantity": {"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
            {"code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
             "valueQuantity": {"value": 80.5, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}},
        ],
    })
}

#[test]
fn observations_are_found_and_composites_stay_within_one_component() {
    check(
        &pressure(),
        &[
            "code=85354-9",
            "code=http://loinc.org|85354-9",
            "code:text=blood",
            "code:text=bp",
            "patient=p1",
            "patient=Patient/p1",
            "subject=Patient/p1",
            "subject:Patient=p1",
            "subject=p1",
            "encounter=urn:uuid:e1",
            "date=2024-01",
            "date=ge2024-01-02",
            "date=le2024-01-01",
            "date=sa2023",
            "status=final",
            "combo-code=8480-6",
            "component-value-quantity=120",
            "component-value-quantity=gt100|http://unitsofmeasure.org|mm[Hg]",
            "component-value-quantity=81||mmHg",
            "component-value-quantity=120||mm[Hg]",
            "combo-value-quantity=ap85",
            "component-value-quantity=80.5",
            "component-value-quantity=le80.5",
            "component-value-quantity=1.2e2",
            "component-code-value-quantity=8480-6$120",
            "component-code-value-quantity=http://loinc.org|8462-4$lt90",
            "combo-code-value-quantity=8462-4$80.5|http://unitsofmeasure.org|mm[Hg]",
            "category=vital-signs&code=85354-9",
            "value-quantity:missing=true",
        ],
        &[
            "code=http://snomed.info/sct|85354-9",
            "code=8480-6",
            "patient=Group/p1",
            "subject:Group=p1",
            "date=2024-01-01",
            "date=gt2024-01-03",
            "date=eb2024-01-03",
            "component-value-quantity=120.0||mg",
            "component-value-quantity=80",
            "component-value-quantity=80.50|http://x|mm[Hg]",
            "component-code-value-quantity=8480-6$80.5",
            "component-code-value-quantity=8462-4$gt100",
            "combo-code-value-quantity=85354-9$120",
            "encounter=Encounter/e1",
            "component-value-quantity=gt120",
        ],
    );
    let below = json!({
        "resourceType": "Observation", "id": "o2", "status": "final", "code": {"text": "x"},
        "valueQuantity": {"value": 5, "comparator": "<"},
    });
    check(
        &below,
        &["value-quantity=lt5", "value-quantity=le4", "value-quantity=lt3"],
        &[
            "value-quantity=ge5",
            "value-quantity=5",
            "value-quantity=gt5",
            "value-quantity=4",
        ],
    );
}

#[test]
fn a_token_key_says_all_there_is_to_say() {
    let key = |text: &str| query("Patient", text).unwrap().filters[0].any[0].key(&Modifier::None);
    let texts = [
        "identifier=a\\|b",
        "identifier=a|b",
        "identifier=|b",
        "identifier=a|",
        "identifier=a",
        "identifier=b",
    ];
    let keys: BTreeSet<_> = texts.into_iter().map(|text| key(text).unwrap()).collect();
    assert_eq!(keys.len(), texts.len());
}

#[test]
fn results_sort_with_missing_last() {
    let record = |id: &str, date: Option<&str>| {
        let mut json = json!({"resourceType": "Observation", "id": id, "status": "final"});
        if let Some(date) = date {
            json.as_object_mut()
                .unwrap()
                .insert("effectiveDateTime".into(), json!(date));
        }
        json
    };
    let records = [
        record("a", Some("2024-01-02")),
        record("b", None),
        record("c", Some("2024-01-03")),
        record("d", Some("2024-01-02")),
    ];
    let order = |text: &str| {
        let query = query("Observation", text).unwrap();
        let mut ids: Vec<_> = records
            .iter()
            .map(|r| {
                (
                    query.sort_keys(&extract(r)),
                    r.get("id").and_then(Json::as_str).unwrap(),
                )
            })
            .collect();
        ids.sort();
        ids.into_iter().map(|(_, id)| id).collect::<String>()
    };
    assert_eq!(order("_sort=date"), "adcb");
    assert_eq!(order("_sort=-date,-_id"), "cdab");
}

/// All parameters of R4 but these compile: a search by these is refused.
#[test]
fn every_parameter_is_supported_but_a_known_few() {
    let mut refused = BTreeSet::new();
    let mut count = 0;
    for kind in definitions()
        .types()
        .iter()
        .filter(|t| t.kind == TypeKind::Resource && !t.is_abstract)
    {
        for param in params(kind.name) {
            count += 1;
            if !param.is_supported() {
                refused.insert(format!("{}.{}", kind.name, param.code));
            }
        }
    }
    let expected: BTreeSet<String> = [
        "Bundle.composition",
        "Bundle.message",
        // R4 defines its components the wrong way round.
        "DocumentReference.relationship",
        "Location.near",
        "MolecularSequence.chromosome-variant-coordinate",
        "MolecularSequence.referenceseqid-variant-coordinate",
    ]
    .map(str::to_owned)
    .into();
    assert_eq!(refused, expected);
    assert!(count > 2400, "{count}");
}
