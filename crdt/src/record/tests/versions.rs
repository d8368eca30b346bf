//! Which changes somebody lacks, and which version is meant.

use super::{PATIENT, patient_with};
use crate::author::SignedChange;
use crate::change::ChangeHash;
use crate::record::Record;
use crate::testing::{Site, json, key_of, meet, two_sites, verified};
use crate::version::VersionId;
use std::collections::BTreeSet;
use std::sync::Arc;

fn hashes(changes: &[&SignedChange]) -> BTreeSet<ChangeHash> {
    let all: BTreeSet<ChangeHash> = changes.iter().map(|change| change.hash().unwrap()).collect();
    assert_eq!(all.len(), changes.len(), "each once");
    all
}

/// Whoever is at a version, and is sent what it lacks, is at the newest one and has heard of every fork.
#[test]
fn whoever_is_sent_what_it_lacks_has_everything() {
    let (mut a, mut b) = two_sites(PATIENT);
    let mut twin = a.clone();
    let begun = a.record.heads();
    a.put(&patient_with("language", "\"qu\""));
    let mine = a.record.heads();
    b.put(&patient_with("gender", "\"female\""));
    let theirs = b.record.heads();
    twin.put(&patient_with("language", "\"ay\""));
    meet(&mut a, &mut b);
    a.take(twin.changes());
    let text = patient_with("note", "\"x\"");
    let heads = a.record.heads();
    a.put_at(&heads, &text).unwrap().unwrap();
    assert_eq!((a.record.evidence().len(), a.record.change_count()), (1, 5));
    let all: BTreeSet<ChangeHash> = a.record.history().iter().map(|change| change.hash).collect();
    for known in [
        vec![],
        begun,
        mine,
        theirs,
        heads,
        a.record.heads(),
        vec![ChangeHash([9; 32])],
    ] {
        let has: BTreeSet<ChangeHash> = known
            .iter()
            .filter_map(|head| a.record.log.entry(head).map(|_| a.record.log.closure(head)))
            .flatten()
            .map(|entry| entry.hash)
            .collect();
        let lacks = a.record.changes_since(&known);
        assert_eq!(hashes(&lacks), &all - &has);
        // Each after those it follows: a node can take them one by one.
        let mut other = Record::empty(a.record.key().clone());
        let kept: Vec<&SignedChange> = a
            .record
            .changes()
            .filter(|change| has.contains(&change.hash().unwrap()))
            .collect();
        for change in kept.into_iter().chain(lacks) {
            let report = other.merge(verified(a.record.key(), [change]));
            assert!(report.orphans.is_empty() && report.quarantined.is_empty());
        }
        assert_eq!(
            (other.heads(), other.evidence()),
            (a.record.heads(), a.record.evidence())
        );
    }
}

/// Two changes whose names begin alike: neither is taken for the other.
#[test]
fn a_version_that_could_be_two_is_none() {
    let (mut a, _) = two_sites(PATIENT);
    let first = a.record.heads()[0];
    let version = VersionId::of(&[first]);
    a.put(&patient_with("language", "\"qu\""));
    assert_eq!(a.record.heads_of(&version), Some(vec![first]));
    for byte in 0..32 {
        let mut a = a.clone();
        let mut alike = a.record.log.entry(&first).unwrap().clone();
        alike.hash.0[byte] ^= 1;
        alike.seq = 9;
        a.record.log.push(Arc::new(alike));
        let expected = if byte < 6 { Some(vec![first]) } else { None };
        assert_eq!(a.record.heads_of(&version), expected, "{byte}");
    }
}

#[test]
fn what_is_told_of_a_change_is_what_its_author_said() {
    let (mut a, mut b) = two_sites(PATIENT);
    let change = b.at(7_000_000).put(&patient_with("language", "\"qu\""));
    meet(&mut a, &mut b);
    let told = a.record.change(&change.hash().unwrap()).unwrap();
    assert_eq!(told.deps, [a.record.history()[0].hash]);
    assert_eq!(
        (told.author, told.author_seq, told.evidence),
        (change.author, change.author_seq, false)
    );
    assert_eq!((told.hlc.ms(), told.message.user.as_str()), (7_000_000, "user2"));
    assert_eq!(a.record.history().last(), Some(&told));
    let mut empty = Site::new(3, key_of(&json(PATIENT)));
    assert_eq!((empty.record.newest(), empty.record.change_count()), (None, 0));
    assert!(empty.view().deleted && empty.view().issues.len() == 1);
    empty.take(a.changes());
    assert_eq!(empty.record.history(), a.record.history());
}
