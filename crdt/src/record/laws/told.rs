//! The law of what a change says by itself: nothing is shown of a record, at any version, that one of the changes
//! up to it did not say in that very place.

use super::{ALLERGIES, MEDICINES, Step, Texts, any_record, any_step, play};
use crate::record::Record;
use crate::said::each_said;
use crate::testing::{POLICY, Site};
use chaski_json::Json;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A place, by its names, and what stands there.
type Leaf = (String, String);

fn leaves(json: &Json, at: &str, found: &mut BTreeSet<Leaf>) {
    match json {
        Json::Object(object) if !object.is_empty() => {
            for (name, value) in object {
                leaves(value, &format!("{at}/{name}"), found);
            }
        }
        Json::Array(items) if !items.is_empty() => items.iter().for_each(|item| leaves(item, at, found)),
        // Places without anything: beside a value of a list that has none, in the list of the other.
        Json::Null => {}
        other => {
            found.insert((at.to_owned(), other.canonical()));
        }
    }
}

fn assert_said(record: &Record) {
    let mut said = BTreeSet::new();
    for (info, change) in record.history().iter().zip(record.changes()) {
        each_said(change, &|_, _| true, &mut |told| {
            leaves(&told.json, "", &mut said)
        })
        .unwrap();
        if let Some(view) = record.view_at(&[info.hash], POLICY) {
            let mut shown = BTreeSet::new();
            leaves(&view.json, "", &mut shown);
            // An empty object is what its marker says, which is no text.
            shown.retain(|(_, what)| what != "{}");
            assert!(
                shown.is_subset(&said),
                "{:?}",
                shown.difference(&said).collect::<Vec<_>>()
            );
        }
    }
}

fn assert_all_said(numbers: &[u8], texts: &Texts, steps: &[Step]) {
    for site in play(numbers, texts, steps).0 {
        assert_said(&site.record);
    }
}

proptest! {
    #![proptest_config(crate::testing::cases(64))]

    #[test]
    fn what_is_shown_was_said(steps in prop::collection::vec(any_step(), 1..20)) {
        assert_all_said(&[1, 2, 3], &MEDICINES, &steps);
        assert_all_said(&[1, 2, 1], &ALLERGIES, &steps);
    }

    #[test]
    fn what_is_shown_of_any_json_was_said(first in any_record(), second in any_record()) {
        let mut site = Site::new(1, "Patient/x".parse().unwrap());
        site.create(&first.canonical());
        let heads = site.record.heads();
        site.put_at(&heads, &second.canonical()).ok();
        assert_said(&site.record);
    }
}
