//! Records of one id that began for different patients, told apart: one keeps the id, each other gets its own.
//!
//! Invariants: nothing is lost: what does not keep the id is made anew under an id of its own, with its labels, and
//! deleted under this one, all or nothing. Two nodes that decide alike make the same new
//! ids. What is in conflict within one of them is decided before: a copy would hold one side of it.

use chaski_crdt::{
    change::ChangeHash,
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

use super::{
    hand::{Fault, Hand, Outcome, Rows},
    local,
};
use crate::{
    collision::{Side, sides, version_of},
    env::random_array,
    error::{Refusal, StoreError},
    lineage::Lineage,
    loaded::load,
    policy::record_policy,
    present,
    row::{Row, RowHead},
    types::{Base, Choice, Written},
};

/// Lets the record that is picked keep the id, and gives each other one an id of its own.
pub(super) fn decide(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: &RecordKey,
    listed: &VersionId,
    choice: &Choice,
) -> Result<Outcome, Fault> {
    let all = rows.records(key)?;
    let read = all.iter().map(|row| row.head.seq).collect();
    let sides = sides(all)?;
    if version_of(&sides) != *listed {
        return Err(Refusal::VersionMismatch { current: None }.into());
    }
    if sides
        .iter()
        .any(|side| !hand.clearance.covers(&side.loaded.row.head.filing.classes))
    {
        return Err(Refusal::NotFound.into());
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
        let copy = copy_of(hand, rows, &side)?;
        copies.push((side, copy));
    }
    let news = copies
        .iter()
        .filter(|(_, (_, copy))| !matches!(copy, Copy::Made))
        .count();
    let transaction = hand.transaction.unwrap_or(Transaction {
        id: u64::from_be_bytes(random_array(&*hand.core.env)),
        count: (copies.len() + news) as u32,
    });
    let hand = Hand {
        transaction: Some(transaction),
        ..*hand
    };
    let mut prepared = Vec::new();
    for (side, (key, copy)) in copies {
        written.apart.push(key.clone());
        match copy {
            Copy::Made => {}
            Copy::New(json) => {
                let ((record, _), life) =
                    hand.sign(|writer, stamp| Record::create(key, &json, record_policy(), writer, stamp))?;
                prepared.push((hand.finish(None, &record, life, None)?, "record_create"));
            }
            Copy::Older { first, json } => {
                let base = Base::Version(VersionId::of(&[first]));
                if let Outcome::Change {
                    prepared: one,
                    action,
                    ..
                } = local::put(&hand, rows, key, &json, &base, false, false)?
                {
                    prepared.push((one, action));
                }
            }
        }
        let (mut record, old) = side.loaded.split();
        let base = record.heads();
        let (_, life) = hand.sign(|writer, stamp| record.delete(&base, record_policy(), writer, stamp))?;
        prepared.push((hand.finish(Some(old), &record, life, None)?, "conflict_resolve"));
    }
    Ok(Outcome::Several {
        read,
        prepared,
        written,
    })
}

/// What is to be made of a record under its own id.
enum Copy {
    /// It is there already, as it is to be.
    Made,
    /// It begins.
    New(Json),
    /// It was made there before, and the record has been changed under the shared id since: that is told there too, as
    /// said by somebody who knew the copy as it was made.
    Older { first: ChangeHash, json: Json },
}

/// A record's own id, and what is to be made of it there. What else stands under such an id is left alone.
fn copy_of(hand: &Hand<'_>, rows: &mut dyn Rows, side: &Side) -> Result<(RecordKey, Copy), Fault> {
    let head = &side.loaded.row.head;
    for number in 0..IDS_TRIED_MAX {
        let key = own_id(head, &side.lineage, number)?;
        let json = under(head, &key)?;
        match rows.records(&key)?.as_slice() {
            [] => return Ok((key, Copy::New(json))),
            [row] => {
                if let Some(first) = copied(side, row)? {
                    let copy = match row.head.json()? == json {
                        true => Copy::Made,
                        false => Copy::Older { first, json },
                    };
                    return Ok((key, copy));
                }
            }
            _ => {}
        }
    }
    // Whoever holds so many ids that follow from the record's own must not keep it where it is: two copies, where
    // another node decides too, are better than none.
    let random = uuid::Builder::from_random_bytes(random_array(&*hand.core.env)).into_uuid();
    let key = RecordKey::new(head.key.kind(), &random.hyphenated().to_string());
    let key = key.map_err(|_| StoreError::Damaged("record"))?;
    let json = under(head, &key)?;
    Ok((key, Copy::New(json)))
}

/// The change by which a record under such an id began, if it is a copy of this side: it stands, nothing waits for a
/// person, it began as something that the side has said, and nobody may hear of it who may not hear of the side.
fn copied(side: &Side, row: &Row) -> Result<Option<ChangeHash>, StoreError> {
    let (own, head) = (&side.loaded.row.head, &row.head);
    let of_side = |compartment: &Compartment| match compartment {
        Compartment::Patient(id) if own.key.kind() == "Patient" && id == head.key.id() => true,
        compartment => own.filing.compartments.contains(compartment),
    };
    let is_open = head.deleted || head.collides || head.conflicts > 0;
    let is_filed_alike = head.filing.compartments.iter().all(of_side)
        && head
            .filing
            .classes
            .iter()
            .all(|class| own.filing.classes.iter().any(|one| one == class));
    if is_open || !is_filed_alike {
        return Ok(None);
    }
    let copy = load(row.clone())?.record;
    let Some(first) = copy.history().into_iter().next() else {
        return Ok(None);
    };
    let said_by = |record: &Record, heads: &[ChangeHash]| {
        let view = record.view_at(heads, record_policy());
        view.filter(|view| !view.deleted).map(|view| content(view.json))
    };
    let began = said_by(&copy, &[first.hash]);
    let record = &side.loaded.record;
    let past = &side.loaded.row.tail.past;
    let past = past.iter().rev().map(|past| past.heads.clone());
    let changes = record.history().into_iter().rev().map(|info| vec![info.hash]);
    let versions = std::iter::once(own.heads.clone()).chain(past).chain(changes);
    let mut versions = versions.take(VERSIONS_LOOKED_AT_MAX);
    let is_said = began.is_some() && versions.any(|heads| said_by(record, &heads) == began);
    Ok(is_said.then_some(first.hash))
}

/// What a record says, whatever it is called and however it is labelled.
fn content(mut json: Json) -> Json {
    if let Some(object) = json.as_object_mut() {
        object.remove("id");
        if let Some(meta) = object.get_mut("meta").and_then(Json::as_object_mut) {
            meta.remove("security");
            if meta.is_empty() {
                object.remove("meta");
            }
        }
    }
    json
}

/// Versions of a record, the newest first, of which a copy may have been made: each is built to be compared.
const VERSIONS_LOOKED_AT_MAX: usize = 256;
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

/// All ids that are tried for the record of a key that began for this patient.
#[cfg(test)]
pub(crate) fn own_ids(store: &crate::Store, key: &RecordKey, patient: &str) -> Vec<RecordKey> {
    let rows = crate::lineage::rows(&store.core, key).unwrap();
    let sides = sides(rows).unwrap();
    let mut of_patient = sides.iter().filter(|side| side.lineage.patients().eq([patient]));
    let side = of_patient.next().unwrap();
    let ids = (0..IDS_TRIED_MAX).map(|number| own_id(&side.loaded.row.head, &side.lineage, number).unwrap());
    ids.collect()
}
