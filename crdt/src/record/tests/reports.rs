//! What a merge says became of each change is what became of it.

use super::trust::crafted;
use super::{PATIENT, patient_with};
use crate::author::SignedChange;
use crate::change::ChangeHash;
use crate::merge::{MergeReport, QuarantineReason};
use crate::record::ChangeInfo;
use crate::testing::{Site, two_sites, verified};
use automerge::ExpandedChange;
use automerge::legacy::Key;
use std::collections::BTreeSet;

/// The changes in the record's document, and those kept outside it.
fn standing(site: &Site) -> (BTreeSet<ChangeHash>, BTreeSet<ChangeHash>) {
    let told = site.record.history().into_iter();
    let (outside, inside): (Vec<_>, Vec<_>) = told.partition(|change| change.evidence);
    let hashes = |changes: Vec<ChangeInfo>| changes.iter().map(|change| change.hash).collect();
    (hashes(inside), hashes(outside))
}

/// Takes the changes, and holds the report against the record before and after.
fn take(site: &mut Site, changes: &[SignedChange]) -> MergeReport {
    let before = standing(site);
    let heads = site.record.heads();
    let key = site.record.key().clone();
    let report = site.take(verified(&key, changes));
    let after = standing(site);
    let accepted: BTreeSet<ChangeHash> = report.accepted.iter().copied().collect();
    let forked: BTreeSet<ChangeHash> = report.forked.iter().copied().collect();
    assert_eq!(accepted.len(), report.accepted.len());
    assert_eq!(accepted, &after.0 - &before.0, "new in the document");
    assert_eq!(forked, &after.1 - &before.1, "new outside it");
    let changed = heads != site.record.heads() || before.1 != after.1;
    assert_eq!(report.is_changed(), changed);
    for hash in &report.duplicates {
        assert!(before.0.contains(hash) || before.1.contains(hash));
    }
    // Ancestors first.
    for (at, hash) in report.accepted.iter().enumerate() {
        let deps = site.record.change(hash).unwrap().deps;
        assert!(
            deps.iter()
                .all(|dep| before.0.contains(dep) || report.accepted[..at].contains(dep))
        );
    }
    // Nothing is lost: it is known, waits, or is handed back.
    let back = report.orphans.iter().map(|change| change.hash().unwrap());
    let back: BTreeSet<ChangeHash> = back
        .chain(report.quarantined.iter().map(|refused| refused.hash))
        .collect();
    for change in changes {
        let hash = change.hash().unwrap();
        assert!(site.record.contains(&hash) != back.contains(&hash));
    }
    report
}

fn orders(of: usize) -> Vec<Vec<usize>> {
    if of == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(of - 1);
    let with_last = |order: &Vec<usize>| {
        let order = order.clone();
        (0..of).map(move |at| {
            let mut order = order.clone();
            order.insert(at, of - 1);
            order
        })
    };
    shorter.iter().flat_map(with_last).collect()
}

/// Of a machine that runs twice and of another, two changes each, in every order and grouping.
#[test]
fn of_a_fork_the_one_that_stands_is_reported_as_accepted_and_the_other_is_not() {
    let (fresh, mut other) = two_sites(PATIENT);
    let (mut one, mut two) = (fresh.clone(), fresh.clone());
    let mut all = Vec::new();
    for (site, language) in [(&mut one, "\"qu\""), (&mut two, "\"ay\"")] {
        all.push(site.put(&patient_with("language", language)));
        all.push(site.put(&patient_with("gender", "\"female\"")));
    }
    all.push(other.put(&patient_with("birthDate", "\"1980\"")));
    let mut ends = BTreeSet::new();
    for order in orders(all.len()) {
        for size in [1, 2, all.len()] {
            let mut site = fresh.clone();
            let mut waiting: Vec<SignedChange> = Vec::new();
            for some in order.chunks(size) {
                waiting.extend(some.iter().map(|at| all[*at].clone()));
                let report = take(&mut site, &waiting);
                assert!(report.quarantined.is_empty(), "{report:?}");
                waiting = report.orphans;
            }
            assert!(waiting.is_empty());
            assert_eq!((standing(&site).0.len(), standing(&site).1.len()), (4, 2));
            // Told again it is nothing new.
            let report = take(&mut site, &all);
            assert_eq!((report.duplicates.len(), report.is_changed()), (5, false));
            ends.insert((site.record.heads(), site.record.evidence()));
        }
    }
    assert_eq!(ends.len(), 1);
}

/// What follows a refused change is refused for that reason, in whatever order they come, and
/// what does not is taken.
#[test]
fn a_refused_change_takes_what_follows_it_along_and_nothing_else() {
    let (mut a, mut b) = two_sites(PATIENT);
    let mut fresh = b.clone();
    a.put(&patient_with("language", "\"qu\""));
    let good = b.put(&patient_with("gender", "\"female\""));
    let rename = |change: &mut ExpandedChange| {
        for operation in &mut change.operations {
            if matches!(&operation.key, Key::Map(name) if name == "language") {
                operation.key = Key::Map("id".into());
                operation.pred = Vec::new().into();
            }
        }
    };
    let skip = |change: &mut ExpandedChange| change.seq = 9;
    type Edit<'a> = &'a dyn Fn(&mut ExpandedChange);
    let cases: [(Edit<'_>, QuarantineReason); 2] = [
        (&rename, QuarantineReason::Identity),
        (&skip, QuarantineReason::Sequence),
    ];
    for (edit, reason) in cases {
        let bad = crafted(&a, edit);
        let follower = |of: &SignedChange, later: u64| {
            crafted(&a, |change| {
                edit(change);
                change.seq += later;
                change.deps = vec![of.hash().unwrap()];
            })
        };
        let child = follower(&bad, 1);
        let grandchild = follower(&child, 2);
        let all = [bad.clone(), child.clone(), grandchild.clone(), good.clone()];
        for order in orders(all.len()) {
            let mut site = fresh.clone();
            let changes: Vec<SignedChange> = order.iter().map(|at| all[*at].clone()).collect();
            let report = take(&mut site, &changes);
            let why = |change: &SignedChange| {
                let hash = change.hash().unwrap();
                let found = report.quarantined.iter().find(|refused| refused.hash == hash);
                found.map(|refused| (refused.reason, refused.change == *change))
            };
            assert_eq!(why(&bad), Some((reason, true)));
            for follows in [&child, &grandchild] {
                assert_eq!(why(follows), Some((QuarantineReason::Ancestor, true)));
            }
            assert_eq!(report.accepted, [good.hash().unwrap()]);
        }
        // Without it they wait.
        let report = take(&mut fresh, &[child, grandchild]);
        assert_eq!((report.orphans.len(), report.is_changed()), (2, false));
    }
}
