//! Changes that Automerge takes in, and after which the document cannot be saved, or not be loaded again. One of them
//! in a record would be the last that anybody hears of it.

use super::trust::crafted;
use super::{PATIENT, patient_with, with};
use crate::barrier::{apply, barrier, decode_bytes, survives};
use crate::merge::QuarantineReason;
use crate::record::Record;
use crate::testing::{POLICY, Site, assert_equal, two_sites, verified};
use automerge::ExpandedChange;
use automerge::legacy::{Key, OpId};
use std::num::NonZeroU64;

type Edit = &'static dyn Fn(&mut ExpandedChange);

fn follow(change: &mut ExpandedChange, counter: u64) {
    let id = OpId::new(counter, &change.actor_id);
    change
        .operations
        .iter_mut()
        .for_each(|op| op.pred = vec![id.clone()].into());
}

/// What it does, and what is made of an honest second change.
const UNDIGESTED: [(&str, Edit); 9] = [
    ("counts from one again", &|change| {
        change.start_op = NonZeroU64::MIN
    }),
    ("counts from two", &|change| {
        change.start_op = NonZeroU64::new(2).unwrap()
    }),
    ("counts from five", &|change| {
        change.start_op = NonZeroU64::new(5).unwrap()
    }),
    ("counts from within the first", &|change| {
        change.start_op = NonZeroU64::new(10).unwrap()
    }),
    ("follows what is another register", &|change| follow(change, 1)),
    ("follows what is not there", &|change| follow(change, 4_000)),
    ("follows itself", &|change| {
        let own = change.start_op.get();
        follow(change, own);
    }),
    ("follows two of other registers", &|change| {
        let ids = [1, 2].map(|counter| OpId::new(counter, &change.actor_id));
        change
            .operations
            .iter_mut()
            .for_each(|op| op.pred = ids.to_vec().into());
    }),
    ("has no name for a register", &|change| {
        change
            .operations
            .iter_mut()
            .for_each(|op| op.key = Key::Map("".into()));
    }),
];

#[test]
fn a_change_that_the_document_does_not_survive_is_taken_into_none() {
    let (mut a, b) = two_sites(PATIENT);
    let first = a.record.changes().next().unwrap().clone();
    a.put(&patient_with("language", "\"qu\""));
    let key = a.record.key().clone();
    for (what, edit) in UNDIGESTED {
        let bad = crafted(&a, edit);
        // Alone, behind what it follows, and before it.
        let mut known = b.clone();
        let before = (known.record.heads(), known.view());
        let mut fresh = [Site::new(8, key.clone()), Site::new(9, key.clone())];
        let reports = [
            known.take(verified(&key, [&bad])),
            fresh[0].take(verified(&key, [&first, &bad])),
            fresh[1].take(verified(&key, [&bad, &first])),
        ];
        for report in &reports {
            let refused: Vec<_> = report
                .quarantined
                .iter()
                .map(|one| (one.reason, &one.change))
                .collect();
            assert_eq!(refused, [(QuarantineReason::Document, &bad)], "{what}");
            assert!(report.orphans.is_empty() && report.forked.is_empty(), "{what}");
        }
        assert_eq!(reports.map(|report| report.accepted.len()), [0, 1, 1], "{what}");
        for site in [&known, &fresh[0], &fresh[1]] {
            assert_eq!((site.record.heads(), site.view()), before, "{what}");
            let again = Record::load(key.clone(), site.record.changes().cloned()).unwrap();
            assert_eq!((again.heads(), again.view(POLICY)), before, "{what}");
        }
        // What is honest goes on, with it in one delivery as well.
        let mut other = b.clone();
        let good = other.put(&patient_with("gender", "\"female\""));
        let mut together = b.clone();
        let report = together.take(verified(&key, [&bad, &good]));
        assert_eq!(
            (report.accepted.len(), report.quarantined.len()),
            (1, 1),
            "{what}"
        );
        assert_equal(&together, &other);
        let text = with(&together.shown(), "note", "\"x\"");
        together.put(&text);
        assert_eq!(together.member("note"), "\"x\"");
    }
}

#[test]
fn a_document_survives_if_it_comes_back_with_its_heads() {
    let (mut a, _) = two_sites(PATIENT);
    let first = a.record.heads();
    a.put(&patient_with("language", "\"qu\""));
    let heads = a.record.heads();
    let whole = a.record.document().unwrap();
    assert!(survives(&whole, &heads));
    let both = [first.clone(), heads.clone()].concat();
    for other in [vec![], first, both] {
        assert!(!survives(&whole, &other), "{other:?}");
    }
    for (what, edit) in UNDIGESTED {
        let bad = crafted(&a, edit);
        let first = a.record.changes().next().unwrap();
        let is_sound = barrier(|| {
            let changes = [first, &bad].map(|change| decode_bytes(&change.bytes).unwrap());
            let mut doc = automerge::Automerge::new();
            apply(&mut doc, changes.to_vec()).expect("Automerge takes it in");
            survives(&doc, &[bad.hash().unwrap()])
        });
        assert!(!is_sound.unwrap_or(false), "{what}");
    }
}
