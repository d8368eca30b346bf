//! Changes that are authentic and malicious: by members, rightly signed, of any
//! content and in any order.
//!
//! Whatever of them is taken saves and loads, reads the same on every node
//! whatever came first, and can be edited.

use chaski_crdt::author::{SignedChange, VerifiedChange};
use chaski_crdt::codec::{decode_changes, encode_changes};
use chaski_crdt::key::RecordKey;
use chaski_crdt::record::{Record, WriteError};
use chaski_json::{Json, parse_str};

use crate::{NETWORK, Pieces, body_of, policy, sealed, sign, signer, stamp, writer_of};

const CHANGES_MAX: usize = 6;

/// Changes that are authentic and malicious.
pub fn change_merge(bytes: &[u8]) {
    let key: RecordKey = "Patient/p".parse().expect("a key");
    let changes = changes(bytes, &key);
    if changes.is_empty() {
        return;
    }
    let together = merged(&key, &[changes.as_slice()]);
    let backwards: Vec<SignedChange> = changes.iter().rev().cloned().collect();
    // What waits for its ancestors is offered again, as the store does.
    let rounds: Vec<&[SignedChange]> = (0..changes.len()).flat_map(|_| backwards.chunks(1)).collect();
    let apart = merged(&key, &rounds);
    assert_eq!(together.heads(), apart.heads());
    assert_eq!(together.evidence(), apart.evidence());
    if together.is_empty() {
        return;
    }
    let view = together.view(policy());
    assert_eq!(view, apart.view(policy()));
    assert_eq!(parse_str(&view.json.canonical()).as_ref(), Ok(&view.json));
    let stored: Vec<SignedChange> = together.changes().cloned().collect();
    let bytes = encode_changes(&stored).expect("what was taken can be stored");
    let stored = decode_changes(&bytes).expect("what was stored can be read");
    let loaded = Record::load(key, stored).expect("what was stored can be loaded");
    assert_eq!(loaded.heads(), together.heads());
    assert_eq!(loaded.view(policy()), view);
    edit(loaded, view.json);
}

/// The input's changes, each with some of those before it as dependencies.
pub(crate) fn changes(bytes: &[u8], key: &RecordKey) -> Vec<SignedChange> {
    let mut input = Pieces(bytes);
    let mut seqs = [1, 1];
    let mut changes: Vec<SignedChange> = Vec::new();
    while !input.is_empty() && changes.len() < CHANGES_MAX {
        let (who, deps) = (input.byte(), input.byte());
        let deps: Vec<_> = changes
            .iter()
            .enumerate()
            .filter(|(at, _)| deps >> at & 1 == 1)
            .filter_map(|(_, change)| change.hash().ok())
            .collect();
        let chunk = sealed(&body_of(who, who >> 4, &deps, input.piece()));
        changes.extend(sign(who, &mut seqs[usize::from(who % 2)], key, chunk));
    }
    changes
}

pub(crate) fn merged(key: &RecordKey, rounds: &[&[SignedChange]]) -> Record {
    let mut record = Record::empty(key.clone());
    for round in rounds {
        let verified: Vec<VerifiedChange> = round
            .iter()
            .map(|change| change.verify(&NETWORK, key).expect("signed above"))
            .collect();
        record.merge(verified);
    }
    record
}

/// What is shown can be written back with an element more at each end of a
/// list, whatever positions the others gave theirs.
fn edit(mut record: Record, mut json: Json) {
    let signer = signer(0);
    let mut next_seq = 1_000;
    let mut writer = writer_of(&signer, &mut next_seq);
    let Some(object) = json.as_object_mut() else {
        return;
    };
    object.insert("resourceType".to_owned(), Json::from("Patient"));
    object.insert("id".to_owned(), Json::from("p"));
    if let Some(Json::Array(names)) = object.get_mut("name") {
        names.insert(0, Json::from("first"));
        names.insert(names.len() / 2, Json::from("middle"));
        names.push(Json::from("last"));
    }
    let heads = record.heads();
    let written = record.update_resolving(&heads, &json, policy(), &mut writer, &stamp(1_000));
    assert!(
        !matches!(written, Err(WriteError::UnknownBase | WriteError::Change(_))),
        "{written:?}"
    );
    if written.is_ok() {
        let again = record.view(policy());
        let changes: Vec<SignedChange> = record.changes().cloned().collect();
        let loaded = Record::load(record.key().clone(), changes).expect("a written record loads");
        assert_eq!(loaded.view(policy()), again);
    }
}
