//! Records of one id that began for different patients, told apart: one keeps the id, each other gets its own.
//!
//! Invariants: nothing is lost: what does not keep the id is made anew under an id of its own, with its labels, and
//! deleted under this one, all or nothing. Two nodes that decide alike about the same versions make the same new
//! ids. What is in conflict within one of them is decided before: a copy would hold one side of it.

use chaski_crdt::{
    hlc::Tx as Transaction,
    key::RecordKey,
    record::{Record, WriteError},
    version::VersionId,
};
use chaski_fhir::label::{CLASS_SYSTEM, classes_of};
use chaski_json::{Json, Object, json};

use super::hand::{Fault, Hand, Outcome, Rows};
use crate::{
    collision::{Side, sides, version_of},
    env::random_array,
    error::{Refusal, StoreError},
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
    let written = Written {
        key: key.clone(),
        version: kept.version(),
        last_updated_ms: kept.last_updated_ms,
        created: false,
        unchanged: false,
    };
    let others = sides.into_iter().enumerate().filter(|(at, _)| at != picked);
    let others: Vec<Side> = others.map(|(_, side)| side).collect();
    let transaction = hand.transaction.unwrap_or(Transaction {
        id: u64::from_be_bytes(random_array(&*hand.core.env)),
        count: 2 * others.len() as u32,
    });
    let hand = Hand {
        transaction: Some(transaction),
        ..*hand
    };
    let mut prepared = Vec::with_capacity(2 * others.len());
    for side in others {
        let apart = apart(&side.loaded.row.head)?;
        if rows.records(&apart.0)?.is_empty() {
            let ((record, _), life) = hand.sign(|writer, stamp| {
                Record::create(apart.0.clone(), &apart.1, record_policy(), writer, stamp)
            })?;
            prepared.push((hand.finish(None, &record, life)?, "record_create"));
        }
        let (mut record, old) = side.loaded.split();
        let base = record.heads();
        let (_, life) = hand.sign(|writer, stamp| record.delete(&base, record_policy(), writer, stamp))?;
        prepared.push((hand.finish(Some(old), &record, life)?, "conflict_resolve"));
    }
    Ok(Outcome::Several { prepared, written })
}

/// A record under an id of its own, which follows from its id and version; under every class that it has ever been
/// labelled with.
fn apart(head: &RowHead) -> Result<(RecordKey, Json), StoreError> {
    let mut hash = blake3::Hasher::new();
    hash.update(b"chaski record apart 1\0");
    hash.update(head.key.to_string().as_bytes());
    head.heads.iter().for_each(|head| {
        hash.update(&head.0);
    });
    let mut bytes = [0; 16];
    bytes.copy_from_slice(hash.finalize().as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
    let id = uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .hyphenated()
        .to_string();
    let key = RecordKey::new(head.key.kind(), &id).map_err(|_| StoreError::Damaged("record"))?;
    let mut json = head.json()?;
    let said = classes_of(&json);
    if let Some(object) = json.as_object_mut() {
        object.insert("id".to_owned(), Json::from(id));
        let more: Vec<Json> = head
            .filing
            .classes
            .iter()
            .filter(|class| !said.iter().any(|one| one == *class))
            .map(|class| json!({ "system": CLASS_SYSTEM, "code": class.as_str() }))
            .collect();
        if !more.is_empty() {
            let meta = object
                .entry("meta".to_owned())
                .or_insert_with(|| Json::Object(Object::new()));
            let labels = meta.as_object_mut().map(|meta| {
                meta.entry("security".to_owned())
                    .or_insert_with(|| Json::Array(Vec::new()))
            });
            if let Some(labels) = labels.and_then(Json::as_array_mut) {
                labels.extend(more);
            }
        }
    }
    Ok((key, json))
}
