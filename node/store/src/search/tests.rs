//! A search takes no longer than it may.

use std::sync::Arc;

use super::*;
use crate::{MemoryKv, OpenOptions, Store, testing::*};

#[test]
fn a_walk_out_of_time_ends_there() {
    let store = store_with(Arc::new(MemoryKv::new()), 1, TestEnv::new(1), options());
    let records = (0..400).map(|number| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"o{number}","valueQuantity":{{"value":{number}}}}}"#
        )))
    });
    for result in store.commit_bulk(&ctx(), records.collect()) {
        result.unwrap();
    }
    let query = query("Observation", "value-quantity=gt50&_count=0");
    let mut run = Run::new((&store.core, &query, None), 0, None, 0);
    assert_eq!(run.run(), Err(SearchError::TooCostly));
    assert!(run.looked_at < 100, "looked at {}", run.looked_at);
}

#[test]
fn a_walk_in_which_entries_decide_ends_when_its_time_is_over_too() {
    let options = OpenOptions {
        search_ms_max: 0,
        ..options()
    };
    let store = store_with(Arc::new(MemoryKv::new()), 1, TestEnv::new(1), options);
    let records = (0..2 * LOOK_ENTRIES).map(|number| {
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"o{number}","status":"final","subject":{{"reference":"Patient/p"}}}}"#
        )))
    });
    for result in store.commit_bulk(&ctx(), records.collect()) {
        result.unwrap();
    }
    // All of them match, or none does; all of a kind are walked, or a patient's.
    for text in [
        "status=final",
        "status=cancelled",
        "patient=p&status=final",
        "patient=p&status=cancelled",
    ] {
        let query = query("Observation", &format!("{text}&_count=0"));
        let mut run = Run::new((&store.core, &query, None), 0, None, 0);
        assert_eq!(run.run(), Err(SearchError::TooCostly), "{text}");
        assert_eq!(run.looked_at, LOOK_ENTRIES, "{text}");
        assert_eq!(
            page((&store.core, &query, None)),
            Err(SearchError::TooCostly),
            "{text}"
        );
        // With time enough it is answered.
        let mut run = Run::new((&store.core, &query, None), 0, None, 600_000);
        assert_eq!(run.run(), Ok(()), "{text}");
        let all = if text.contains("final") {
            2 * LOOK_ENTRIES
        } else {
            0
        };
        assert_eq!(run.total, all as u64, "{text}");
    }
}

/// What a search finds page after page: the ids of each page, the totals told, and how it ended.
fn all_pages(store: &Store, text: &str, admits: Option<Admits<'_>>) -> (Vec<Vec<String>>, Vec<Option<u64>>) {
    let (mut ids, mut totals) = (Vec::new(), Vec::new());
    let mut query = query("Observation", text);
    loop {
        let page = page((&store.core, &query, admits)).unwrap();
        let of_page = page.entries.iter().map(|entry| entry.key.id().to_owned());
        ids.push(of_page.collect());
        totals.push(page.total);
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return (ids, totals),
        }
    }
}

#[test]
fn what_is_not_let_through_leaves_no_gap_in_pages_totals_and_cursors() {
    let label = |number: usize| match number % 3 {
        0 => {
            r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"x"}]},"#
        }
        _ => "",
    };
    let record = |number: usize, label: &str| {
        let (day, patient) = (number % 28 + 1, number % 2);
        put(json(&format!(
            r#"{{"resourceType":"Observation","id":"o{number:03}",{label}"status":"final",
            "subject":{{"reference":"Patient/p{patient}"}},"valueQuantity":{{"value":{number}}},
            "effectiveDateTime":"2026-01-{day:02}"}}"#
        )))
    };
    let store_of = |numbers: Vec<usize>| {
        let store = store_with(Arc::new(MemoryKv::new()), 1, TestEnv::new(1), options());
        let records = numbers.into_iter().map(|number| record(number, label(number)));
        for result in store.commit_bulk(&ctx(), records.collect()) {
            result.unwrap();
        }
        store
    };
    let all = store_of((0..100).collect());
    let admitted = store_of((0..100).filter(|number| number % 3 != 0).collect());
    let admits = |classes: &Classes| classes.is_empty();
    for text in [
        "_count=7",
        "_count=0&_total=accurate",
        "_count=7&_total=accurate",
        "status=final&_count=10&_total=accurate",
        "patient=p1&_count=10&_total=accurate",
        "patient=p1&status=final&_sort=-date&_count=4",
        "_sort=date&_count=9&_total=accurate",
        "value-quantity=gt50&_count=5&_total=accurate",
        "_id=o000,o001,o002&_count=2&_total=accurate",
    ] {
        let found = all_pages(&all, text, Some(&admits));
        assert_eq!(found, all_pages(&admitted, text, None), "{text}");
        // The same without a filter finds more: the test would see one that lets all through.
        let open = all_pages(&all, text, None);
        assert_ne!(found, open, "{text}");
    }
}

/// What is asked about one person is looked for among that person's records alone, whatever the kind calls the person:
/// a walk over everybody's takes as long as there are people.
#[test]
fn what_is_asked_about_a_person_walks_that_persons_records() {
    let store = store_with(Arc::new(MemoryKv::new()), 1, TestEnv::new(1), options());
    let mut tried = 0;
    for kind in chaski_fhir::definitions::resource_kinds() {
        let placing = chaski_fhir::compartment::params()
            .iter()
            .find(|(own, _)| own == kind);
        let placing = placing.map(|(_, codes)| codes.as_slice()).unwrap_or_default();
        for code in ["patient", "subject"].iter().chain(placing) {
            let is_reference = chaski_fhir::search::param(kind, code)
                .is_some_and(|param| param.ptype == ParamType::Reference);
            if *kind == "Patient" || !is_reference {
                continue;
            }
            let query = query(kind, &format!("{code}=Patient/p"));
            let source = Source::of(&store.core, &query).unwrap();
            assert!(matches!(source, Source::Chains(_)), "{kind}?{code}");
            tried += 1;
        }
    }
    assert!(tried > 120, "{tried}");
}
