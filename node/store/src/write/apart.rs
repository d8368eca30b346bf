//! Records of one id that began for different patients, told apart: one keeps the id, each other gets its own.
//!
//! Invariants: nothing is lost: what does not keep the id is made anew under an id of its own, with its labels, and
//! deleted under this one, all or nothing. Two nodes that decide alike make the same new
//! ids. What is in conflict within one of them is decided before: a copy would hold one side of it.

use chaski_crdt::{
    hlc::Tx as Transaction,
    key::RecordKey,
    record::{Record, WriteError, with_labels},
    version::VersionId,
};
use chaski_fhir::{
    compartment::Compartment,
    label::{CLASS_SYSTEM, classes_of},
};
use chaski_json::{Json, json};

use super::hand::{Fault, Hand, Outcome, Rows};
use crate::{
    collision::{Side, sides, version_of},
    env::random_array,
    error::{Refusal, StoreError},
    lineage::{self, Lineage},
    policy::record_policy,
    present,
    row::RowHead,
    types::{Choice, Written},
};

/// Lets the record that is picked keep the id, and gives each other one an id of its own.
pub(super) fn decide(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: &RecordKey,
    listed: &VersionId,
    choice: &Choice,
) -> Result<Outcome, Fault> {
    let sides = sides(rows.records(key)?)?;
    if version_of(&sides) != *listed {
        return Err(Refusal::VersionMismatch { current: None }.into());
    }
    if sides.len() < 2 {
        return Err(Refusal::Invalid(WriteError::NoConflict.to_string()).into());
    }
    if let Some(side) = sides.iter().find(|side| side.loaded.row.head.conflicts > 0) {
        let items = present::disputes(&side.loaded.row.head)?;
        let path = items.into_iter().next().map(|item| item.path).unwrap_or_default();
        return Err(Refusal::Conflicted { path }.into());
    }
    let Choice::Pick(picked) = choice else {
        return Err(Refusal::Invalid(WriteError::Choice.to_string()).into());
    };
    let kept = sides
        .get(*picked)
        .map(|side| &side.loaded.row.head)
        .ok_or_else(|| Refusal::Invalid(WriteError::Choice.to_string()))?;
    let mut written = Written {
        key: key.clone(),
        version: kept.version(),
        last_updated_ms: kept.last_updated_ms,
        created: false,
        unchanged: false,
        apart: Vec::new(),
    };
    let others = sides.into_iter().enumerate().filter(|(at, _)| at != picked);
    let mut copies = Vec::new();
    for (_, side) in others {
        let copy = copy_of(rows, &side)?;
        copies.push((side, copy));
    }
    let news = copies.iter().filter(|(_, (_, json))| json.is_some()).count();
    let transaction = hand.transaction.unwrap_or(Transaction {
        id: u64::from_be_bytes(random_array(&*hand.core.env)),
        count: (copies.len() + news) as u32,
    });
    let hand = Hand {
        transaction: Some(transaction),
        ..*hand
    };
    let mut prepared = Vec::with_capacity(2 * copies.len());
    for (side, (key, json)) in copies {
        written.apart.push(key.clone());
        if let Some(json) = json {
            let ((record, _), life) =
                hand.sign(|writer, stamp| Record::create(key, &json, record_policy(), writer, stamp))?;
            prepared.push((hand.finish(None, &record, life, None)?, "record_create"));
        }
        let (mut record, old) = side.loaded.split();
        let base = record.heads();
        let (_, life) = hand.sign(|writer, stamp| record.delete(&base, record_policy(), writer, stamp))?;
        prepared.push((hand.finish(Some(old), &record, life, None)?, "conflict_resolve"));
    }
    Ok(Outcome::Several { prepared, written })
}

/// A record's own id, and the record as it is to be made under it; without it if it is there already, as another node
/// made it that decided alike. What else stands under such an id is left alone.
fn copy_of(rows: &mut dyn Rows, side: &Side) -> Result<(RecordKey, Option<Json>), Fault> {
    let head = &side.loaded.row.head;
    let compartments = &head.filing.compartments;
    if compartments.len() > 1 && compartments.contains(&Compartment::Shared) {
        // Who holds it because all share it would hear of its end, and not of its new id.
        return Err(Refusal::Invalid("what began as everybody's has to keep its id".to_owned()).into());
    }
    for number in 0..IDS_TRIED_MAX {
        let key = own_id(head, &side.lineage, number)?;
        let json = under(head, &key)?;
        let there = rows.records(&key)?;
        if there.is_empty() {
            return Ok((key, Some(json)));
        }
        for row in there.iter().filter(|row| !row.head.deleted) {
            if lineage::of_row(row)? == side.lineage && row.head.json()? == json {
                return Ok((key, None));
            }
        }
    }
    Err(Refusal::Exists.into())
}

/// How many ids of its own are tried for a record.
const IDS_TRIED_MAX: u32 = 64;

/// An id that follows from what a record is.
fn own_id(head: &RowHead, lineage: &Lineage, number: u32) -> Result<RecordKey, StoreError> {
    let mut hash = blake3::Hasher::new();
    hash.update(b"chaski record apart 1\0");
    for part in [head.key.kind(), head.key.id()]
        .into_iter()
        .chain(lineage.patients())
    {
        hash.update(&(part.len() as u64).to_be_bytes())
            .update(part.as_bytes());
    }
    hash.update(&number.to_be_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.finalize().as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
    let id = uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .hyphenated()
        .to_string();
    RecordKey::new(head.key.kind(), &id).map_err(|_| StoreError::Damaged("record"))
}

/// A record's JSON under another id, labelled with every class that it has ever been labelled with.
fn under(head: &RowHead, key: &RecordKey) -> Result<Json, Fault> {
    let mut json = head.json()?;
    let said = classes_of(&json);
    let missing = head
        .filing
        .classes
        .iter()
        .filter(|class| !said.iter().any(|one| one == *class));
    let missing: Vec<Json> = missing
        .map(|class| json!({ "system": CLASS_SYSTEM, "code": class.as_str() }))
        .collect();
    if let Some(object) = json.as_object_mut() {
        object.insert("id".to_owned(), Json::from(key.id()));
    }
    with_labels(json, &missing).ok_or_else(|| WriteError::Document.into())
}
