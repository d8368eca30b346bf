//! Conditions on other records: found is what brute force finds, and nothing is learnt on the way.

use std::collections::BTreeSet;

use chaski_fhir::search::{Query, SearchError, extract};
use chaski_store::Outcome;

use super::*;
use crate::Caller;
use crate::fhir_json::text;

fn options() -> SearchOptions<'static> {
    SearchOptions {
        follows_chains: true,
        ..SearchOptions::default()
    }
}

fn query(clinic: &Clinic, text: &str) -> Result<Query, RecordError> {
    let (kind, query) = text.split_once('?').expect("a kind");
    let pairs = crate::text::query_pairs(query).expect("pairs");
    clinic.record_query(kind, &pairs, options())
}

/// The ids that a search finds, page after page.
fn found(clinic: &Clinic, caller: &Caller, text: &str) -> Result<BTreeSet<String>, RecordError> {
    let mut query = query(clinic, text)?;
    let mut ids = BTreeSet::new();
    loop {
        let page = clinic.record_search(caller, &query)?;
        let count = page.entries.len();
        ids.extend(page.entries.iter().map(|entry| entry.key.id().to_owned()));
        if let Some(total) = page.total {
            assert!(total as usize >= count);
        }
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(ids),
        }
    }
}

/// The same by looking at every record there is.
fn brute_force(records: &[Json], query: &Query) -> Vec<Json> {
    let mut query = query.clone();
    for chain in std::mem::take(&mut query.chains) {
        let found = chain.queries.iter().map(|other| brute_force(records, other));
        let found: Vec<Vec<Json>> = found.collect();
        query.filters.push(chain.filter(&found).expect("a filter"));
    }
    let of_kind = records
        .iter()
        .filter(|record| text(record, "resourceType") == query.kind);
    of_kind
        .filter(|record| query.matches(&extract(record)))
        .cloned()
        .collect()
}

fn create(clinic: &Clinic, json: Json) -> String {
    let made = clinic.record_create(&clinician(), json, &CreateOptions::default());
    made.expect("created").key.id().to_owned()
}

/// People of three villages with two doctors, and what was measured of each.
fn filled() -> Clinic {
    let clinic = clinic();
    let doctors = ["Condori", "Salas"].map(|family| {
        create(
            &clinic,
            json!({"resourceType": "Practitioner", "name": [{"family": family}]}),
        )
    });
    for number in 0..40_usize {
        let village = ["Ccatca", "Ocongate", "Marcapata"][number % 3];
        let doctor = format!("Practitioner/{}", doctors[number % 2]);
        let id = create(
            &clinic,
            json!({"resourceType": "Patient", "gender": ["male", "female"][number / 7 % 2],
                "name": [{"family": format!("Quispe{}", number % 5)}], "address": [{"city": village}],
                "generalPractitioner": [{"reference": doctor}]}),
        );
        for code in 0..number % 4 {
            create(
                &clinic,
                json!({"resourceType": "Observation", "status": "final",
                    "code": {"coding": [{"system": "urn:c", "code": format!("c{code}")}]},
                    "subject": {"reference": format!("Patient/{id}")},
                    "performer": [{"reference": doctors.get(code % 2).map(|id| format!("Practitioner/{id}")).expect("one")}]}),
            );
        }
    }
    clinic
}

const ASKED: [&str; 12] = [
    "Observation?patient.name=quispe3",
    "Observation?patient.name=quispe3&code=c1&_count=3",
    "Observation?subject:Patient.address-city=ccatca&_count=7",
    "Observation?patient.general-practitioner:Practitioner.name=salas&_count=5",
    "Observation?patient.name=nobody",
    "Observation?performer:Practitioner.family=condori&patient.gender=female",
    "Patient?_has:Observation:patient:code=c2&_count=4",
    "Patient?_has:Observation:patient:code=c0,c2&gender=female&_count=4&_total=accurate",
    "Patient?general-practitioner:Practitioner.name=condori&_has:Observation:patient:code=c1",
    "Practitioner?_has:Patient:general-practitioner:address-city=ocongate",
    "Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code=c2",
    "Patient?_has:Observation:patient:code=never",
];

#[test]
fn what_is_found_over_other_records_is_what_brute_force_finds() {
    let clinic = filled();
    let mut file = Vec::new();
    let operator = caller("operator");
    clinic
        .record_export(&operator, &mut file, &mut |_, _| {})
        .expect("exported");
    let lines = std::str::from_utf8(&file).expect("text").lines();
    let records: Vec<Json> = lines.map(parsed).collect();
    let mut most = 0;
    for asked in ASKED {
        let expected: BTreeSet<String> = brute_force(&records, &query(&clinic, asked).expect("a query"))
            .iter()
            .map(|record| text(record, "id").to_owned())
            .collect();
        let answered = found(&clinic, &clinician(), asked).expect(asked);
        assert_eq!(answered, expected, "{asked}");
        most = most.max(expected.len());
    }
    assert!(most > 10, "{most}");
}

#[test]
fn pages_go_on_where_another_record_has_come_to_meet_the_condition() {
    let clinic = filled();
    let mut asked = query(&clinic, "Observation?patient.name=quispe3&_count=3").expect("a query");
    let first = clinic.record_search(&clinician(), &asked).expect("a page");
    create(
        &clinic,
        json!({"resourceType": "Patient", "name": [{"family": "Quispe3"}]}),
    );
    asked.cursor = first.next;
    let second = clinic.record_search(&clinician(), &asked).expect("the next page");
    assert!(!second.entries.is_empty());
    // With the cursor of another condition it does not.
    let mut other = query(&clinic, "Observation?patient.name=quispe4&_count=3").expect("a query");
    other.cursor = asked.cursor;
    let refused = clinic.record_search(&clinician(), &other);
    assert!(matches!(refused, Err(RecordError::BadCursor)), "{refused:?}");
}

#[test]
fn nothing_is_learnt_through_records_that_may_not_be_searched() {
    let clinic = filled();
    // Practitioners are shared, the patients who have them are not.
    let asked = "Practitioner?_has:Patient:general-practitioner:name=quispe1";
    let refused = found(&clinic, &caller("administrator"), asked);
    assert!(matches!(refused, Err(RecordError::Denied(_))), "{refused:?}");
    assert_eq!(found(&clinic, &clinician(), asked).expect("found").len(), 2);
    // What is kept back leads nowhere, by either way.
    let hidden = create(
        &clinic,
        json!({"resourceType": "Patient", "name": [{"family": "Hidden"}], "meta": {"security": [
            {"system": chaski_fhir::label::CLASS_SYSTEM, "code": "HIV"}]}}),
    );
    create(
        &clinic,
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": format!("Patient/{hidden}")}}),
    );
    let asked = "Observation?patient.name=hidden";
    let uncleared = clinician().cleared_only_for(BTreeSet::new());
    assert_eq!(found(&clinic, &uncleared, asked).expect("found").len(), 0);
    assert_eq!(found(&clinic, &clinician(), asked).expect("found").len(), 1);
}

#[test]
fn a_condition_that_too_many_meet_is_refused_by_name() {
    let clinic = clinic();
    let patients = |count: usize| -> String {
        let entry = r#"{"resource":{"resourceType":"Patient","gender":"other"},"request":{"method":"POST","url":"Patient"}}"#;
        let entries = vec![entry; count].join(",");
        format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{entries}]}}"#)
    };
    let add = |count: usize| {
        let bundle = parsed(&patients(count));
        clinic.bundle_process(&clinician(), bundle).expect("processed");
    };
    add(500);
    add(500);
    let asked = "Observation?patient.gender=other";
    assert!(found(&clinic, &clinician(), asked).expect("found").is_empty());
    add(1);
    match found(&clinic, &clinician(), asked) {
        Err(RecordError::Search(error)) => {
            assert!(error.to_string().contains("patient.gender"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_condition_of_a_write_follows_no_chain_and_says_so() {
    let clinic = filled();
    let options = CreateOptions {
        if_none_exist: Some("general-practitioner:Practitioner.name=salas".to_owned()),
    };
    let refused = clinic.record_create(&clinician(), json!({"resourceType": "Patient"}), &options);
    assert!(
        matches!(refused, Err(RecordError::Search(SearchError::Unsupported { .. }))),
        "{refused:?}"
    );
}

#[test]
fn a_condition_that_was_not_looked_up_to_its_end_answers_nothing() {
    let clinic = crate::testing::clinic_without_search_time();
    for number in 0..700 {
        let patient =
            json!({"resourceType": "Patient", "gender": "other", "name": [{"family": format!("F{number}")}]});
        create(&clinic, patient);
    }
    let refused = found(&clinic, &clinician(), "Observation?patient.gender=other");
    assert!(matches!(refused, Err(RecordError::TooCostly)), "{refused:?}");
}

#[test]
fn who_may_not_search_here_searches_nowhere_on_the_way() {
    let clinic = filled();
    let asked = "Patient?general-practitioner:Practitioner.name=salas";
    let refused = found(&clinic, &caller("administrator"), asked);
    assert!(matches!(refused, Err(RecordError::Denied(_))), "{refused:?}");
    clinic.store().audit_flush().expect("flushed");
    let log = clinic.store().audit_list(None, 200).expect("the log").entries;
    let of_it = log.iter().filter(|entry| entry.context.role == "administrator");
    let outcomes: Vec<Outcome> = of_it.map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, [Outcome::Denied]);
}
