//! A search takes no longer than it may.

use std::{sync::Arc, time::Duration};

use super::*;
use crate::{MemoryKv, OpenOptions, testing::*};

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
    let mut run = Run::new(&store.core, &query, 0, None, Duration::ZERO);
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
        let mut run = Run::new(&store.core, &query, 0, None, Duration::ZERO);
        assert_eq!(run.run(), Err(SearchError::TooCostly), "{text}");
        assert_eq!(run.looked_at, LOOK_ENTRIES, "{text}");
        assert_eq!(page(&store.core, &query), Err(SearchError::TooCostly), "{text}");
        // With time enough it is answered.
        let mut run = Run::new(&store.core, &query, 0, None, Duration::from_secs(600));
        assert_eq!(run.run(), Ok(()), "{text}");
        let all = if text.contains("final") {
            2 * LOOK_ENTRIES
        } else {
            0
        };
        assert_eq!(run.total, all as u64, "{text}");
    }
}
