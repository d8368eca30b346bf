//! What is kept back leaves no gap in pages, and is so in every version.

use std::collections::BTreeSet;

use chaski_fhir::label::CLASS_SYSTEM;
use chaski_json::{Json, json};

use crate::fhir_json::set;
use crate::permissions::dispute;
use crate::record::{CreateOptions, HistoryOf, RecordError, UpdateOptions};
use crate::testing::{clinic, clinician, patient};
use crate::{Caller, Clinic, RecordKey};

fn uncleared() -> Caller {
    clinician().cleared_only_for(BTreeSet::new())
}

fn labels() -> Json {
    json!([{"system": CLASS_SYSTEM, "code": "PSY"}])
}

/// Makes a record, labelled or not.
fn made(clinic: &Clinic, mut json: Json, is_labelled: bool) -> RecordKey {
    if is_labelled {
        set(&mut json, "meta", json!({"security": labels()}));
    }
    let made = clinic.record_create(&clinician(), json, &CreateOptions::default());
    made.expect("created").key
}

#[test]
fn a_record_that_is_labelled_later_is_kept_back_as_it_was_before_too() {
    let clinic = clinic();
    let key = made(
        &clinic,
        json!({"resourceType": "Patient", "gender": "female"}),
        false,
    );
    let before = clinic.record_read(&clinician(), &key).expect("the record");
    let first = before.version.to_string();
    clinic
        .record_vread(&uncleared(), &key, &first)
        .expect("for all to see");
    let mut labelled = before.json;
    set(&mut labelled, "meta", json!({"security": labels()}));
    clinic
        .record_update(
            &clinician(),
            "Patient",
            key.id(),
            labelled,
            &UpdateOptions::default(),
        )
        .expect("labelled");
    let refused = clinic.record_vread(&uncleared(), &key, &first);
    assert!(
        matches!(refused, Err(RecordError::VersionNotFound(_))),
        "{refused:?}"
    );
    clinic
        .record_vread(&clinician(), &key, &first)
        .expect("to who is cleared");
    let history = clinic.record_history(&uncleared(), &HistoryOf::Record(key), None, None, None);
    assert!(matches!(history, Err(RecordError::NotFound(_))), "{history:?}");
}

/// What was said before the label is told neither of the record nor of its kind nor of all.
#[test]
fn history_of_a_kind_keeps_back_what_was_said_before_the_label() {
    let clinic = clinic();
    let key = made(
        &clinic,
        json!({"resourceType": "Patient", "gender": "female"}),
        false,
    );
    let mut json = clinic.record_read(&clinician(), &key).expect("the record").json;
    set(&mut json, "meta", json!({"security": labels()}));
    let labelled = clinic.record_update(&clinician(), "Patient", key.id(), json, &UpdateOptions::default());
    labelled.expect("labelled");
    for of in [HistoryOf::Kind("Patient".to_owned()), HistoryOf::All] {
        let told = clinic
            .record_history(&uncleared(), &of, None, None, None)
            .expect("a page");
        assert_eq!(told.entries.len(), 0, "{of:?}");
        let whole = clinic
            .record_history(&clinician(), &of, None, None, None)
            .expect("a page");
        assert_eq!(whole.entries.len(), 2);
    }
}

#[test]
fn pages_of_history_are_full_and_end() {
    let clinic = clinic();
    for number in 0..10 {
        made(
            &clinic,
            json!({"resourceType": "Location", "name": format!("{number}")}),
            number % 2 == 0,
        );
    }
    let of = HistoryOf::Kind("Location".to_owned());
    let none = clinic.record_history(&uncleared(), &of, None, None, Some(0));
    assert_eq!(none.expect("a page").entries.len(), 0);
    for (count, sizes) in [(2, vec![2, 2, 1]), (5, vec![5]), (4, vec![4, 1]), (50, vec![5])] {
        let (mut told, mut cursor) = (Vec::new(), None);
        loop {
            let of = HistoryOf::Kind("Location".to_owned());
            let page = clinic.record_history(&uncleared(), &of, None, cursor.as_deref(), Some(count));
            let page = page.expect("a page");
            assert!(page.entries.iter().all(|entry| {
                let name = entry.json.as_ref().and_then(|json| json.get("name")?.as_str());
                name.is_some_and(|name| name.parse::<u32>().is_ok_and(|name| name % 2 == 1))
            }));
            told.push(page.entries.len());
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        // Whether anything is left is not known before it was looked at: a last page may be empty.
        if told.last() == Some(&0) {
            told.pop();
        }
        assert_eq!(told, sizes, "{count} a page");
    }
}

#[test]
fn pages_of_conflicts_are_full_and_end() {
    let clinic = clinic();
    let patient = patient(&clinic);
    for number in 0..6 {
        let order = json!({"resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "subject": {"reference": format!("Patient/{patient}")},
            "medicationCodeableConcept": {"text": format!("{number}")},
            "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}]}]});
        dispute(&clinic, &made(&clinic, order, number % 2 == 0));
    }
    for (count, sizes) in [(1, vec![1, 1, 1]), (2, vec![2, 1]), (3, vec![3]), (9, vec![3])] {
        let (mut told, mut cursor) = (Vec::new(), None);
        loop {
            let page = clinic.conflict_list(&uncleared(), cursor.as_deref(), count);
            let page = page.expect("a page");
            assert_eq!(page.total, 3);
            let records: BTreeSet<String> = page.rows.iter().map(|row| row.record.to_string()).collect();
            told.push(records.len());
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        if told.last() == Some(&0) {
            told.pop();
        }
        assert_eq!(told, sizes, "{count} a page");
    }
    assert_eq!(clinic.conflict_count(&uncleared()).expect("a number"), Some(3));
    assert_eq!(clinic.conflict_count(&clinician()).expect("a number"), Some(6));
}

/// The store looks a condition up once more as it writes, and must not find what was kept back before.
#[test]
fn a_condition_finds_nothing_that_is_kept_back() {
    let clinic = clinic();
    let place = |name: &str| json!({"resourceType": "Location", "name": name, "status": "active"});
    for is_update in [false, true] {
        let name = format!("ward {is_update}");
        let hidden = made(&clinic, place(&name), true);
        let query = format!("name={name}");
        let write = |caller: &Caller| match is_update {
            true => clinic.record_update_where(
                caller,
                "Location",
                &query,
                place(&name),
                &UpdateOptions::default(),
            ),
            false => {
                let options = CreateOptions {
                    if_none_exist: Some(query.clone()),
                };
                clinic.record_create(caller, place(&name), &options)
            }
        };
        let written = write(&uncleared()).expect("as if there were none");
        assert!(written.created && written.key != hidden, "{written:?}");
        let again = write(&uncleared()).expect("the same one");
        assert_eq!((again.key, again.created), (written.key, false));
        let refused = write(&clinician());
        assert!(
            matches!(refused, Err(RecordError::MultipleMatches(_))),
            "{refused:?}"
        );
    }
}
