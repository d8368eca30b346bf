//! A change that claims to be a record's first, and is not: made by software that is not ours, signed by a member.

use super::PATIENT;
use super::trust::crafted;
use crate::author::SignedChange;
use crate::change::ChangeHash;
use crate::merge::QuarantineReason;
use crate::testing::{POLICY, Site, assert_equal, json, key_of, verified};
use automerge::ScalarValue;
use automerge::legacy::{Key, OpType};

fn written() -> Site {
    let mut site = Site::new(1, key_of(&json(PATIENT)));
    site.create(PATIENT);
    site
}

/// What somebody knows who had heard nothing of the record before.
fn heard(changes: &[&SignedChange]) -> (Site, crate::merge::MergeReport) {
    let key = key_of(&json(PATIENT));
    let mut site = Site::new(9, key.clone());
    let report = site.take(verified(&key, changes.iter().copied()));
    (site, report)
}

/// Who says "my fifth" owes four: taken as the first, they would never be missed.
#[test]
fn a_change_that_claims_to_be_its_authors_fifth_is_no_records_first() {
    let site = written();
    let (taken, report) = heard(&[&crafted(&site, |_| {})]);
    assert_eq!((report.accepted.len(), taken.view()), (1, site.view()));
    for seq in [2, 5, 1_000] {
        let (taken, report) = heard(&[&crafted(&site, |change| change.seq = seq)]);
        let reasons: Vec<_> = report.quarantined.iter().map(|refused| refused.reason).collect();
        assert_eq!(reasons, [QuarantineReason::Sequence], "{seq}");
        assert!(taken.record.is_empty() && report.accepted.is_empty(), "{seq}");
    }
}

#[test]
fn a_change_that_follows_something_unheard_of_waits_for_it() {
    let site = written();
    for count in [1, 2] {
        let follows = crafted(&site, |change| {
            change.deps = (1..=count).map(|byte| ChangeHash([byte; 32])).collect();
        });
        let (taken, report) = heard(&[&follows]);
        assert_eq!(report.orphans, [follows]);
        assert!(taken.record.is_empty() && !report.is_changed());
    }
}

/// Of a register of which it says two things, every node shows the same one, whether it heard the change alone or
/// together with the next.
#[test]
fn a_first_change_that_says_two_things_of_a_register_is_read_alike_by_all() {
    let site = written();
    let twice = crafted(&site, |change| {
        let is_language = |key: &Key| matches!(key, Key::Map(name) if name == "language");
        let mut again = change
            .operations
            .iter()
            .find(|one| is_language(&one.key))
            .unwrap()
            .clone();
        again.action = OpType::Put(ScalarValue::Str("\"qu\"".into()));
        change.operations.push(again);
    });
    let next = crafted(&site, |change| {
        change.seq = 2;
        change.start_op = std::num::NonZeroU64::new(1_000).unwrap();
        change.deps = vec![twice.hash().unwrap()];
        change.operations.truncate(1);
        change.operations[0].key = Key::Map("gender".into());
        change.operations[0].action = OpType::Put(ScalarValue::Str("\"male\"".into()));
    });
    let (mut alone, report) = heard(&[&twice]);
    assert_eq!(report.accepted.len(), 1, "{report:?}");
    let (together, report) = heard(&[&twice, &next]);
    assert_eq!(report.accepted.len(), 2, "{report:?}");
    let then = together.record.view_at(&alone.record.heads(), POLICY).unwrap();
    let told = alone.view();
    assert_eq!(told.json, then.json);
    assert_eq!(
        (told.conflicts, told.concurrent),
        (then.conflicts, then.concurrent)
    );
    alone.take(verified(site.record.key(), [&next]));
    assert_equal(&alone, &together);
}
