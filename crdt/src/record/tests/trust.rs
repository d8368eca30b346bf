//! Forks, and changes that mean harm.

use super::{PATIENT, patient_with, with};
use crate::author::{NetworkId, SignedChange, Writer};
use crate::barrier::{apply, barrier, decode_bytes};
use crate::hlc::Stamp;
use crate::key::RecordKey;
use crate::merge::QuarantineReason;
use crate::record::Record;
use crate::testing::{NETWORK, POLICY, Site, assert_equal, json, key_of, meet, two_sites, verified};
use automerge::legacy::Key;
use automerge::{Change, ExpandedChange};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

/// One life, running twice: a cloned machine.
fn clones() -> (Site, Site, Site) {
    let (a, other) = two_sites(PATIENT);
    (a.clone(), a, other)
}

#[test]
fn fork_evidence_in_both_arrival_orders() {
    let (mut one, mut two, fresh) = clones();
    let (x, y) = (
        one.put(&patient_with("language", "\"qu\"")),
        two.put(&patient_with("language", "\"ay\"")),
    );
    let (x1, y1) = (
        one.put(&patient_with("gender", "\"male\"")),
        two.put(&patient_with("gender", "\"female\"")),
    );
    let key = one.record.key().clone();
    let lower = x.hash().unwrap().min(y.hash().unwrap());
    let mut ends = Vec::new();
    for order in [
        [&x, &x1, &y, &y1],
        [&y, &y1, &x, &x1],
        [&x, &y, &y1, &x1],
        [&y1, &x1, &y, &x],
    ] {
        let mut site = fresh.clone();
        let mut waiting = Vec::new();
        for change in order {
            waiting.push(change.clone());
            let report = site.take(verified(&key, &waiting));
            assert!(report.quarantined.is_empty(), "{report:?}");
            waiting = report.orphans;
        }
        assert!(waiting.is_empty());
        assert_eq!(site.record.evidence().len(), 2);
        assert!(
            site.record
                .history()
                .iter()
                .any(|change| change.hash == lower && !change.evidence)
        );
        ends.push(site);
    }
    for pair in ends.windows(2) {
        assert_equal(&pair[0], &pair[1]);
    }
    // Both go on working, whichever of them lost.
    meet(&mut one, &mut two);
    let note = |site: &Site, value: &str| with(&site.shown(), "note", value);
    let text = note(&one, "\"1\"");
    one.put(&text);
    let text = note(&two, "\"2\"");
    two.put(&text);
    meet(&mut one, &mut two);
    meet(&mut one, &mut ends.remove(0));
}

#[test]
fn a_fork_does_not_take_down_what_others_wrote() {
    let (mut one, mut two, mut other) = clones();
    one.put(&patient_with("language", "\"qu\""));
    two.put(&patient_with("language", "\"ay\""));
    other.put(&patient_with("gender", "\"female\""));
    for site in [&mut one, &mut two] {
        let changes = site.changes();
        other.take(changes);
    }
    assert_eq!(other.record.evidence().len(), 1);
    assert_eq!(other.member("gender"), "\"female\"");
    meet(&mut one, &mut other);
    meet(&mut two, &mut other);
    assert_equal(&one, &two);
}

#[test]
fn a_change_whose_document_names_another_record_is_quarantined() {
    // Honest software never signs this; a modified node can.
    let signer = SigningKey::from_bytes(&[5; 32]);
    let mut next_seq = 1;
    let mut writer = Writer {
        signer: &signer,
        network: NETWORK,
        incarnation: 5,
        next_seq: &mut next_seq,
    };
    let key = key_of(&json(PATIENT));
    let (_, signed) = Record::create(
        key.clone(),
        &json(PATIENT),
        POLICY,
        &mut writer,
        &Stamp::default(),
    )
    .unwrap();
    let other = RecordKey::new("Patient", "p2").unwrap();
    let refiled = writer.sign(&other, signed.bytes).unwrap();
    let mut record = Record::empty(other.clone());
    let report = record.merge(verified(&other, [&refiled]));
    assert_eq!(report.quarantined[0].reason, QuarantineReason::Identity);
    assert!(record.is_empty() && report.accepted.is_empty());
    // Verified for one record, offered to another.
    let mut record = Record::empty(key);
    let report = record.merge(verified(&other, [&refiled]));
    assert_eq!(report.quarantined[0].reason, QuarantineReason::OtherRecord);
}

#[test]
fn another_network_or_record_is_refused_before_anything_is_decoded() {
    let (mut a, _) = two_sites(PATIENT);
    let change = a.put(&patient_with("language", "\"qu\""));
    assert!(change.verify(&NetworkId([8; 32]), a.record.key()).is_err());
    assert!(
        change
            .verify(&NETWORK, &RecordKey::new("Patient", "p2").unwrap())
            .is_err()
    );
}

#[test]
fn orphans_are_handed_back_and_duplicates_are_nothing() {
    let (mut a, mut b) = two_sites(PATIENT);
    let first = a.put(&patient_with("language", "\"qu\""));
    let second = a.put(&patient_with("language", "\"ay\""));
    let key = a.record.key().clone();
    let report = b.take(verified(&key, [&second, &second]));
    assert_eq!(
        (report.orphans.len(), report.duplicates.len(), report.is_changed()),
        (1, 1, false)
    );
    let report = b.take(verified(&key, [&second, &first]));
    assert_eq!(report.accepted, [first.hash().unwrap(), second.hash().unwrap()]);
    let report = b.take(a.changes());
    assert_eq!((report.duplicates.len(), report.accepted.len()), (3, 0));
    assert_equal(&a, &b);
}

/// A change made by software that is not ours, signed by a member.
pub(super) fn crafted(site: &Site, edit: impl FnOnce(&mut ExpandedChange)) -> SignedChange {
    let last = site.record.changes().next_back().unwrap();
    let mut expanded = Change::try_from(last.bytes.as_slice()).unwrap().decode();
    expanded.hash = None;
    edit(&mut expanded);
    let bytes = Change::from(expanded).raw_bytes().to_vec();
    let signer = SigningKey::from_bytes(&[1; 32]);
    let mut next_seq = 70;
    let mut writer = Writer {
        signer: &signer,
        network: NETWORK,
        incarnation: 1,
        next_seq: &mut next_seq,
    };
    writer.sign(site.record.key(), bytes).unwrap()
}

#[test]
fn crafted_changes_are_quarantined_with_their_descendants_and_block_nothing_else() {
    let (mut a, mut b) = two_sites(PATIENT);
    let before = b.record.heads();
    a.put(&patient_with("language", "\"qu\""));
    let key = a.record.key().clone();
    let reason = |edit: &dyn Fn(&mut ExpandedChange)| {
        let mut site = b.clone();
        let report = site.take(verified(&key, [&crafted(&a, edit)]));
        assert_eq!(site.record.heads(), before);
        report.quarantined.first().map(|quarantined| quarantined.reason)
    };
    // A sequence that does not follow its own.
    assert_eq!(reason(&|change| change.seq = 9), Some(QuarantineReason::Sequence));
    assert_eq!(
        reason(&|change| change.deps.clear()),
        Some(QuarantineReason::Sequence)
    );
    // Another identity in passing.
    let rename = |change: &mut ExpandedChange| {
        for operation in &mut change.operations {
            if matches!(&operation.key, Key::Map(name) if name == "language") {
                operation.key = Key::Map("id".into());
                operation.pred = Vec::new().into();
            }
        }
    };
    assert_eq!(reason(&rename), Some(QuarantineReason::Identity));
    // Operations that follow what is not there.
    let dangle = |change: &mut ExpandedChange| {
        for operation in &mut change.operations {
            operation.pred = vec![automerge::legacy::OpId::new(4_000, &change.actor_id)].into();
        }
    };
    let refused = reason(&dangle);
    assert!(
        matches!(refused, None | Some(QuarantineReason::Document)),
        "{refused:?}"
    );
    // With good ones in the same delivery, before and after.
    let bad = crafted(&a, rename);
    let changes: Vec<SignedChange> = a.record.changes().cloned().collect();
    let good = b.put(&patient_with("gender", "\"female\""));
    let mut fresh = Site::new(9, key.clone());
    let report = fresh.take(verified(&key, [&bad, &good, &changes[0], &changes[1]]));
    assert_eq!(report.quarantined.len(), 1);
    assert_eq!(report.accepted.len(), 3);
    b.take(verified(&key, &changes));
    assert_equal(&b, &fresh);
}

#[test]
fn depth_from_elsewhere_exhausts_no_stack() {
    let (a, mut b) = two_sites(PATIENT);
    let key = a.record.key().clone();
    let head = a.record.heads()[0];
    let deep_key = vec!["a"; 2_000].join("/");
    let deep_text = format!("{}1{}", "[".repeat(99), "]".repeat(99));
    let nested = |levels: usize| (0..levels).map(|_| "a").collect::<Vec<_>>().join("/");
    for (register, text, issues) in [
        (deep_key, "1", 1),
        (nested(90), &deep_text, 1),
        (nested(1), &deep_text, 0),
    ] {
        let change = crafted(&a, |change| {
            change.seq = 2;
            change.start_op = std::num::NonZeroU64::new(1_000).unwrap();
            change.deps = vec![head];
            change.operations.truncate(1);
            let operation = &mut change.operations[0];
            operation.key = Key::Map(register.as_str().into());
            operation.action = automerge::legacy::OpType::Put(automerge::ScalarValue::Str(text.into()));
        });
        let mut site = b.clone();
        let report = site.take(verified(&key, [&change]));
        assert_eq!(report.accepted.len(), 1, "{report:?}");
        let view = site.view();
        assert_eq!(view.issues.len(), issues, "{register}");
        assert_eq!(chaski_json::parse_str(&view.json.canonical()).unwrap(), view.json);
    }
    b.put(&patient_with("language", "\"qu\""));
}

#[test]
fn a_panic_behind_the_barrier_stays_there() {
    assert_eq!(barrier(|| -> u8 { panic!("not printed") }), None);
    assert_eq!(barrier(|| barrier(|| -> u8 { panic!("nor this") })), Some(None));
    assert_eq!(barrier(|| 1), Some(1));
}

/// Where a raw chunk's body begins (magic, checksum, type, length).
fn body_start(bytes: &[u8]) -> usize {
    9 + bytes[9..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1
}

/// The checksum is put right, so that only the content is wrong.
fn reseal(mut bytes: Vec<u8>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(&bytes[8..]);
    bytes[4..8].copy_from_slice(&digest[..4]);
    bytes
}

proptest! {
    #![proptest_config(crate::testing::cases(150))]

    /// What our own parser would have refused, straight into Automerge: it may
    /// panic, and does; nothing gets out.
    #[test]
    fn automerge_may_panic_on_mutated_bytes_but_not_past_the_barrier(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (mut a, _) = two_sites(PATIENT);
        a.put(&patient_with("contact", r#"[{"name":{"text":"Ana M"}}]"#));
        let mut bytes = a.record.changes().next_back().unwrap().bytes.clone();
        let start = body_start(&bytes);
        for (at, value) in &hits {
            let at = start + at.index(bytes.len() - start);
            bytes[at] = *value;
        }
        let bytes = reseal(bytes);
        let mut scratch = a.record.document().unwrap();
        barrier(|| decode_bytes(&bytes).map(|change| apply(&mut scratch, vec![change])));
    }

    /// A member of the network that runs modified software signs garbage:
    /// nothing panics out, the record is as it was or merged and sound.
    #[test]
    fn mutated_changes_never_panic_out_and_never_corrupt_the_record(
        second in any::<bool>(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (mut a, mut b) = two_sites(PATIENT);
        let change = if second {
            a.put(&patient_with("contact", r#"[{"name":{"text":"Ana M"}}]"#))
        } else {
            a.record.changes().next().unwrap().clone()
        };
        let mut bytes = change.bytes.clone();
        let start = body_start(&bytes);
        for (at, value) in &hits {
            let at = start + at.index(bytes.len() - start);
            bytes[at] = *value;
        }
        let bytes = reseal(bytes);
        let signer = SigningKey::from_bytes(&[1; 32]);
        let mut next_seq = 50;
        let mut writer = Writer { signer: &signer, network: NETWORK, incarnation: 1, next_seq: &mut next_seq };
        let key = a.record.key().clone();
        // What our own parser refuses goes no further; the rest must be survived.
        if let Ok(signed) = writer.sign(&key, bytes) {
            let before = (b.record.heads(), b.shown());
            let report = b.take(verified(&key, [&signed]));
            if report.is_changed() {
                let again = Record::load(key.clone(), b.record.changes().cloned()).unwrap();
                prop_assert_eq!(again.view(POLICY), b.view());
            } else {
                prop_assert_eq!((b.record.heads(), b.shown()), before);
            }
            // And the honest change still gets in, wherever the other stands.
            let report = b.take(verified(&key, [&change]));
            prop_assert!(report.quarantined.is_empty() && report.orphans.is_empty());
            b.view();
        }
    }
}
