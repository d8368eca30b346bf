//! Ends of a record's life: full, cut, forked, read at versions that are not there.

use super::{PATIENT, patient_with, with};
use crate::change::ChangeHash;
use crate::fingerprint::FingerprintKey;
use crate::record::{HISTORY_CHANGES_MAX, LoadError, Record, WriteError};
use crate::testing::{POLICY, Site, json, key_of, meet, two_sites};
use crate::version::VersionId;
use std::sync::Arc;

/// Fills a record's history up to `count` changes that somebody else made.
fn fill(site: &mut Site, count: usize) {
    let mut entry = site.record.log.entries().next().unwrap().clone();
    entry.signed.author.incarnation = 99;
    entry.actor = [99; 17];
    while site.record.log.len() < count {
        let number = u64::try_from(site.record.log.len()).unwrap();
        entry.hash.0[..8].copy_from_slice(&number.to_be_bytes());
        entry.seq = number;
        site.record.log.push(Arc::new(entry.clone()));
    }
}

#[test]
fn a_history_that_is_full_is_written_to_no_more() {
    let (mut a, _) = two_sites(PATIENT);
    let base = a.record.heads();
    // The changes that fill it stand outside the document; its head is what it was.
    let last = a.put(&patient_with("language", "\"qu\""));
    let head = [last.hash().unwrap()];
    fill(&mut a, HISTORY_CHANGES_MAX - 1);
    let text = patient_with("language", "\"ay\"");
    a.put_at(&head, &text).unwrap().unwrap();
    assert_eq!(a.record.change_count(), HISTORY_CHANGES_MAX);
    assert_eq!(
        a.put_at(&head, &patient_with("language", "\"en\"")),
        Err(WriteError::HistoryFull)
    );
    assert_eq!(a.put_at(&base, &text), Err(WriteError::HistoryFull));
    assert_eq!(a.record.change_count(), HISTORY_CHANGES_MAX);
}

#[test]
fn stored_changes_that_are_no_whole_record_are_named() {
    let (mut a, _) = two_sites(PATIENT);
    a.put(&patient_with("language", "\"qu\""));
    a.put(&patient_with("language", "\"ay\""));
    let key = a.record.key().clone();
    let all: Vec<_> = a.record.changes().cloned().collect();
    let load = |changes: Vec<_>| Record::load(key.clone(), changes);
    for without in [0, 1] {
        let mut cut = all.clone();
        cut.remove(without);
        assert_eq!(load(cut).unwrap_err(), LoadError::Missing);
    }
    let mut bad = all.clone();
    bad[1].bytes.truncate(40);
    assert_eq!(load(bad).unwrap_err(), LoadError::Decode(1));
    let mut alone = vec![all[0].clone()];
    alone[0].bytes.truncate(40);
    assert_eq!(load(alone).unwrap_err(), LoadError::Decode(0));
    assert_eq!(load(vec![all[1].clone()]).unwrap_err(), LoadError::Missing);
    // Whatever order they are stored in.
    let mut turned = all;
    turned.reverse();
    let again = load(turned).unwrap();
    assert_eq!((again.heads(), again.view(POLICY)), (a.record.heads(), a.view()));
    assert_eq!(again.key(), &key);
}

#[test]
fn a_stored_fork_loads_as_it_was_judged() {
    let (mut one, mut other) = two_sites(PATIENT);
    let mut two = one.clone();
    one.put(&patient_with("language", "\"qu\""));
    two.put(&patient_with("language", "\"ay\""));
    let changes = two.changes();
    one.take(changes);
    other.take(one.changes());
    let mut stored: Vec<_> = one.record.changes().cloned().collect();
    for _ in 0..2 {
        let again = Record::load(one.record.key().clone(), stored.clone()).unwrap();
        assert_eq!(again.evidence(), one.record.evidence());
        assert_eq!(
            (again.heads(), again.view(POLICY)),
            (one.record.heads(), one.view())
        );
        stored.reverse();
    }
    // What is evidence is told apart, and is no version.
    let evidence = one.record.evidence()[0];
    let told: Vec<ChangeHash> = one
        .record
        .history()
        .into_iter()
        .filter(|change| change.evidence)
        .map(|change| change.hash)
        .collect();
    assert_eq!(told, [evidence]);
    assert!(one.record.contains(&evidence) && one.record.change(&evidence).unwrap().evidence);
    assert_eq!(one.record.view_at(&[evidence], POLICY), None);
    assert_eq!(one.record.heads_of(&VersionId::of(&[evidence])), None);
    assert_ne!(one.record.newest().unwrap().hash, evidence);
    assert_eq!(one.put_at(&[evidence], PATIENT), Err(WriteError::UnknownBase));
}

/// Two copies with the same heads, one of which has heard of a fork: they are not the same, else
/// the evidence would never be handed on.
#[test]
fn equal_heads_with_other_evidence_are_another_fingerprint() {
    let (mut one, _) = two_sites(PATIENT);
    let mut two = one.clone();
    one.put(&patient_with("language", "\"qu\""));
    two.put(&patient_with("language", "\"ay\""));
    // The one that stays is the lower of the two.
    let (mut kept, lost) = if one.record.heads() < two.record.heads() {
        (one, two)
    } else {
        (two, one)
    };
    let key = FingerprintKey::derive(&[1; 32]);
    let value = |site: &Site| {
        let record = &site.record;
        key.record_value(record.key(), &record.heads(), &record.evidence())
    };
    let (heads, before) = (kept.record.heads(), value(&kept));
    let report = kept.take(lost.changes());
    assert_eq!((kept.record.heads(), kept.record.evidence().len()), (heads, 1));
    assert!(report.is_changed() && report.forked == kept.record.evidence());
    assert_ne!(value(&kept), before);
    // Sent to whoever has the same heads.
    assert_eq!(kept.record.changes_since(&kept.record.heads()).len(), 1);
    // A second time it is nothing new.
    let report = kept.take(lost.changes());
    assert!(!report.is_changed() && report.forked.is_empty());
}

#[test]
fn what_somebody_lacks_is_what_no_head_of_theirs_follows() {
    let (mut a, mut b) = two_sites(PATIENT);
    let first = a.record.heads();
    a.put(&patient_with("language", "\"qu\""));
    b.put(&patient_with("gender", "\"female\""));
    let theirs = b.record.heads();
    meet(&mut a, &mut b);
    a.put(&with(&a.shown(), "language", "\"ay\""));
    let count = |heads: &[ChangeHash]| a.record.changes_since(heads).len();
    assert_eq!((count(&[]), count(&first), count(&theirs)), (4, 3, 2));
    assert_eq!(count(&a.record.heads()), 0);
    // Heads that are not known here tell nothing.
    assert_eq!(count(&[ChangeHash([9; 32])]), 4);
    // Each after those it follows: taken one by one, none waits.
    let mut late = Site::new(9, a.record.key().clone());
    for change in a.record.changes_since(&[]) {
        let report = late.take(crate::testing::verified(a.record.key(), [change]));
        assert!(report.orphans.is_empty());
    }
    assert_eq!(late.record.heads(), a.record.heads());
}

#[test]
fn versions_of_many_heads_and_of_none() {
    let (mut a, _) = two_sites(PATIENT);
    let base = a.record.heads();
    let mut heads = Vec::new();
    for number in 0..6 {
        let text = patient_with("note", &format!("\"{number}\""));
        let change = a.put_at(&base, &text).unwrap().unwrap();
        heads.push(change.hash().unwrap());
        let current = a.record.version();
        let mut expected = heads.clone();
        expected.sort_unstable();
        assert_eq!(a.record.heads_of(&current), Some(expected));
    }
    // Five can be found again by their beginnings, six are a hash that only the present answers to.
    let five = VersionId::of(&heads[..5]);
    let mut expected = heads[..5].to_vec();
    expected.sort_unstable();
    assert_eq!(a.record.heads_of(&five), Some(expected));
    let six = a.record.version();
    a.put(&with(&a.shown(), "gender", "\"x\""));
    assert_eq!(a.record.heads_of(&six), None);
    let view = a.record.view_at(&heads[..1], POLICY).unwrap();
    assert_eq!(view.json.get("note"), Some(&json("\"0\"")));
    for unknown in [&[][..], &[ChangeHash([9; 32])], &[heads[0], ChangeHash([9; 32])]] {
        assert_eq!(a.record.view_at(unknown, POLICY), None);
        assert_eq!(a.put_at(unknown, PATIENT), Err(WriteError::UnknownBase));
    }
    // The order and number of times that heads are named makes no difference.
    let twice = [heads[1], heads[0], heads[1]];
    assert_eq!(
        a.record.view_at(&twice, POLICY),
        a.record.view_at(&heads[..2], POLICY)
    );
}

/// One node may write apart from itself 256 times; then it has to have seen one of them.
#[test]
fn branches_of_one_life_come_to_an_end() {
    let (mut a, _) = two_sites(PATIENT);
    let base = a.record.heads();
    let count = |n: u32| patient_with("note", &format!("\"{n}\""));
    // The first goes on where the creation ended.
    for number in 0..256 {
        a.put_at(&base, &count(number)).unwrap().unwrap();
    }
    assert_eq!(a.put_at(&base, &count(256)), Err(WriteError::Branches));
    let text = with(&a.shown(), "note", "\"all\"");
    a.put(&text);
    assert_eq!(a.record.heads().len(), 1);
}

#[test]
fn what_a_record_is_and_who_wrote_it_last() {
    let (mut a, mut b) = two_sites(PATIENT);
    a.at(9_000_000).put(&patient_with("language", "\"qu\""));
    b.at(8_000_000).put(&patient_with("language", "\"ay\""));
    meet(&mut a, &mut b);
    let newest = a.record.newest().unwrap();
    assert_eq!(
        (newest.message.user.as_str(), newest.hlc.ms()),
        ("user1", 9_000_000)
    );
    assert_eq!(newest.author_seq, 2);
    assert_eq!(a.record.change(&newest.hash), Some(newest));
    assert_eq!(a.record.change(&ChangeHash([9; 32])), None);
    assert!(!a.record.is_empty() && a.record.key() == &key_of(&json(PATIENT)));
}

/// However many removed a record that somebody edited: it is read, and in dispute once.
#[test]
fn a_removal_by_many_is_one_dispute() {
    let (mut a, mut writer) = two_sites(PATIENT);
    for number in 10..20 {
        let mut site = Site::new(number, a.record.key().clone());
        site.take(writer.changes());
        site.delete().unwrap().unwrap();
        a.take(site.changes());
    }
    writer.put(&patient_with("language", "\"qu\""));
    meet(&mut a, &mut writer);
    let named = |site: &Site| site.view().conflicts[0].values.len();
    assert_eq!((named(&a), a.view().deleted), (2, false));
    a.put(&with(&a.shown(), "gender", "\"female\""));
    assert_eq!((named(&a), a.view().conflicts.len()), (2, 1));
    assert!(a.view().issues.is_empty());
    meet(&mut a, &mut writer);
}

/// A cloned machine that lost a fork writes on under another branch of its life: what it wrote
/// last stands outside the document, and nothing can follow it there.
#[test]
fn the_branch_that_lost_a_fork_is_written_to_no_more() {
    let (mut one, _) = two_sites(PATIENT);
    let mut two = one.clone();
    one.put(&patient_with("language", "\"qu\""));
    two.put(&patient_with("language", "\"ay\""));
    meet(&mut one, &mut two);
    for site in [&mut one, &mut two] {
        let text = with(&site.shown(), "gender", "\"female\"");
        let change = site.put(&text);
        let chunk = crate::change::Chunk::parse(&change.bytes).unwrap();
        assert_eq!(change.author.branch_of(&chunk.actor), Some(1));
        assert_eq!(chunk.seq, 1);
    }
}
