//! One write of this node's own: validate, generate, sign.
//!
//! Invariants: the base the writer names decides what the change follows; a write that
//! changes nothing makes no change; nothing is signed under an incarnation that was left.

use std::{borrow::Cow, collections::BTreeSet};

use chaski_crdt::{
    author::{SignedChange, Writer},
    change::ChangeHash,
    key::RecordKey,
    record::{Choice as Decision, Record, WriteError},
    version::VersionId,
};
use chaski_fhir::{
    compartment::Filing,
    label::{CLASS_SYSTEM, Classes, classes_of},
};
use chaski_json::{Json, json};

use super::{
    HISTORY_CHANGES_MAX, RESOURCE_BYTES_MAX,
    hand::{Fault, Hand, Outcome, Rows},
};
use crate::{
    core::Core,
    env::random_array,
    error::{Refusal, StoreError},
    filed::classes_said,
    lineage::{self, Chosen, Lineage},
    loaded::load,
    policy::record_policy,
    present::{self, COLLISION_PATH},
    row::{self, Row},
    seal::Prf,
    types::{Base, Choice, Written},
};

/// What a write is about.
enum Meant {
    /// A record that is not here. Beside deleted ones of other patients it lies there.
    New(Option<Prf>),
    Row(Box<Row>),
}

/// The record of a key that a write is about: that of the version it names; else that of the patients whom what is
/// written names; else what the key alone stands for. What was deleted of another patient is not brought to life.
/// Who has not looked begins a record of his own beside another patient's. What is kept back from whoever writes is
/// told as not here, and another is not taken in its stead.
fn meant(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: &RecordKey,
    base: &Base,
    json: Option<&Json>,
) -> Result<Meant, Fault> {
    let meant = meant_by_all(hand, rows, key, base, json)?;
    match &meant {
        Meant::Row(row) if !hand.clearance.covers(&row.head.filing.classes) => Err(Refusal::NotFound.into()),
        _ => Ok(meant),
    }
}

fn meant_by_all(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: &RecordKey,
    base: &Base,
    json: Option<&Json>,
) -> Result<Meant, Fault> {
    let version = version_of(base);
    let mut found = rows.records(key)?;
    if found.is_empty() {
        return Ok(Meant::New(None));
    }
    if let Some(version) = version {
        if found.len() == 1 {
            return Ok(Meant::Row(Box::new(found.swap_remove(0))));
        }
        if let Some(at) = lineage::at_version(&found, version)? {
            return Ok(Meant::Row(Box::new(found.swap_remove(at))));
        }
    }
    let named = json.filter(|_| version.is_none()).map(Lineage::named_by);
    if let Some(named) = &named
        && found.len() > 1
    {
        for at in 0..found.len() {
            if let Some(row) = found.get(at)
                && lineage::of_row(row)? == *named
            {
                return Ok(Meant::Row(Box::new(found.swap_remove(at))));
            }
        }
    }
    if *base == Base::OneOfSeveral {
        let is_it = |row: &Row| Ok::<_, StoreError>(Some(Lineage::named_by(&row.head.json()?)) == named);
        for at in 0..found.len() {
            if let Some(row) = found.get(at)
                && (is_it(row)? || Some(lineage::of_row(row)?) == named)
            {
                return Ok(Meant::Row(Box::new(found.swap_remove(at))));
            }
        }
        let beside = named.map(|named| named.beside(&hand.core.sealer, key));
        return Ok(Meant::New(beside));
    }
    let is_apart = |row: &Row| {
        named
            .as_ref()
            .is_some_and(|named| named.is_apart_from(&row.head.filing))
    };
    let is_unread = *base == Base::OfPatient;
    if found
        .iter()
        .all(|row| (row.head.deleted || is_unread) && is_apart(row))
    {
        let beside = named.map(|named| named.beside(&hand.core.sealer, key));
        return Ok(Meant::New(beside));
    }
    match lineage::chosen(found, |row| &row.head) {
        Chosen::One(row) => Ok(Meant::Row(Box::new(row))),
        Chosen::Nothing => Ok(Meant::New(None)),
        Chosen::Several(_) => {
            let path = COLLISION_PATH.to_owned();
            Err(Refusal::Conflicted { path }.into())
        }
    }
}

/// The version that a base names.
fn version_of(base: &Base) -> Option<&VersionId> {
    match base {
        Base::Version(version) | Base::IfMatch(version) => Some(version),
        Base::Current | Base::OfPatient | Base::OneOfSeveral | Base::Absent | Base::Present => None,
    }
}

/// The key of a resource; an id is made if it has none.
pub(super) fn key_of(core: &Core, json: &mut Json) -> Result<RecordKey, Refusal> {
    let object = json
        .as_object_mut()
        .ok_or_else(|| Refusal::Invalid("a resource is a JSON object".into()))?;
    let kind = object
        .get("resourceType")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned();
    if !object.contains_key("id") {
        let ms = core.env.now_ms();
        let id = uuid::Builder::from_unix_timestamp_millis(ms, &random_array(&*core.env)).into_uuid();
        object.insert("id".to_owned(), Json::from(id.hyphenated().to_string()));
    }
    let id = object.get("id").and_then(Json::as_str).unwrap_or_default();
    RecordKey::new(&kind, id).map_err(|error| Refusal::Invalid(error.to_string()))
}

/// Bytes of a resource's texts and names: its canonical JSON is not much longer.
fn size(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(number) => number.as_str().len() + 1,
        Json::String(text) => text.len() + 3,
        Json::Array(items) => items.iter().map(size).sum::<usize>() + 2,
        Json::Object(fields) => {
            fields
                .iter()
                .map(|(name, value)| name.len() + 4 + size(value))
                .sum::<usize>()
                + 2
        }
    }
}

/// A resource without what reads add, within its bound.
pub(super) fn clean(json: &Json) -> Result<Cow<'_, Json>, Refusal> {
    if size(json) > RESOURCE_BYTES_MAX {
        return Err(Refusal::TooLarge);
    }
    if !present::is_marked(json) {
        return Ok(Cow::Borrowed(json));
    }
    let mut json = json.clone();
    present::strip(&mut json);
    Ok(Cow::Owned(json))
}

fn unchanged(row: &Row) -> Outcome {
    Outcome::Unchanged(Written {
        key: row.head.key.clone(),
        version: row.head.version(),
        last_updated_ms: row.head.last_updated_ms,
        created: false,
        unchanged: true,
        apart: Vec::new(),
    })
}

pub(super) fn put(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: RecordKey,
    json: &Json,
    base: &Base,
    resolution: bool,
    create: bool,
) -> Result<Outcome, Fault> {
    let policy = record_policy();
    let row = match meant(hand, rows, &key, base, Some(json))? {
        Meant::Row(row) => *row,
        Meant::New(beside) => return new(hand, key, json, base, beside),
    };
    if create && !row.head.deleted {
        return Err(Refusal::Exists.into());
    }
    let (mut record, row, base) = open(row, base)?;
    let labels = labels_ahead(&record, &base, Some(json), &row.0.head.filing)?;
    let (is_changed, life) = hand.sign_several(changes_of(&labels), |writer| {
        let update = match resolution {
            true => Record::update_resolving,
            false => Record::update,
        };
        let at = label(hand, &mut record, base, &labels, writer)?;
        let content = update(&mut record, &at, json, policy, writer, &hand.stamp())?;
        // A write that says nothing new is none, though what it was based on did not name every class.
        let mut classes = row.0.head.filing.classes.clone();
        classes_of(json).iter().for_each(|class| classes.add(class));
        Ok(content.is_some() || classes != row.0.head.filing.classes)
    })?;
    if !is_changed {
        return Ok(unchanged(&row.0));
    }
    let created = row.0.head.deleted;
    let prepared = hand.finish(Some(row), &record, life, None)?;
    Ok(Outcome::Change {
        prepared,
        action: "record_update",
        created,
    })
}

/// A record that is not here yet.
fn new(
    hand: &Hand<'_>,
    key: RecordKey,
    json: &Json,
    base: &Base,
    beside: Option<Prf>,
) -> Result<Outcome, Fault> {
    match base {
        Base::Current | Base::OfPatient | Base::OneOfSeveral | Base::Absent => {}
        Base::IfMatch(_) | Base::Present => {
            return Err(Refusal::VersionMismatch { current: None }.into());
        }
        Base::Version(_) => return Err(Refusal::UnknownVersion.into()),
    }
    let ((record, _), life) =
        hand.sign(|writer, stamp| Record::create(key, json, record_policy(), writer, stamp))?;
    Ok(Outcome::Change {
        prepared: hand.finish(None, &record, life, beside)?,
        action: "record_create",
        created: true,
    })
}

/// The labels that are written before a write at this version, as a change by themselves: those of the classes that
/// the record falls under, or with `json` will, and that nothing before the version names. A node that holds the
/// record and is not cleared for such a class may be given that change, and learns from it to hide the record; what
/// else is written follows it, and is not given to it, even where who wrote had not read that the record is
/// sensitive by now.
fn labels_ahead(
    record: &Record,
    base: &[ChangeHash],
    json: Option<&Json>,
    filing: &Filing,
) -> Result<Vec<Json>, StoreError> {
    let mut wanted = filing.classes.clone();
    if let Some(json) = json {
        classes_of(json).iter().for_each(|class| wanted.add(class));
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let damaged = |_| StoreError::Damaged("record");
    let later = record.changes_since(base).into_iter().map(SignedChange::hash);
    let later: BTreeSet<ChangeHash> = later.collect::<Result<_, _>>().map_err(damaged)?;
    let mut named = Classes::default();
    for change in record.changes() {
        if !later.contains(&change.hash().map_err(damaged)?) {
            classes_said(change)?.iter().for_each(|class| named.add(class));
        }
    }
    let shown = record.view(record_policy()).json;
    let held = [json, Some(&shown)].into_iter().flatten();
    let held = held.filter_map(|json| json.pointer("/meta/security")?.as_array());
    let held: Vec<&Json> = held.flatten().collect();
    let label = |class: &String| {
        let says = |label: &&&Json| {
            let alone = Json::Array(vec![(**label).clone()]);
            classes_of(&json!({"meta": {"security": alone}}))
                .iter()
                .eq([class])
        };
        let coded = || json!({"system": CLASS_SYSTEM, "code": class.as_str()});
        held.iter()
            .find(says)
            .map_or_else(coded, |label| (*label).clone())
    };
    let named = |class: &&String| !named.iter().any(|one| one == *class);
    Ok(wanted.iter().filter(named).map(label).collect())
}

/// How many changes a write comes to at most, with such labels.
fn changes_of(labels: &[Json]) -> u64 {
    if labels.is_empty() { 1 } else { 2 }
}

/// Writes such labels, if there are any; gives what the write itself is made at.
fn label(
    hand: &Hand<'_>,
    record: &mut Record,
    base: Vec<ChangeHash>,
    labels: &[Json],
    writer: &mut Writer<'_>,
) -> Result<Vec<ChangeHash>, WriteError> {
    if labels.is_empty() {
        return Ok(base);
    }
    let change = record.label(&base, labels, record_policy(), writer, &hand.stamp())?;
    match change {
        Some(change) => Ok(vec![change.hash().map_err(|_| WriteError::Document)?]),
        None => Ok(base),
    }
}

type Old = (Row, std::collections::HashMap<ChangeHash, u64>);

/// Loads a row and finds the heads its writer read.
fn open(row: Row, base: &Base) -> Result<(Record, Old, Vec<ChangeHash>), Fault> {
    let current = row.head.version();
    if let Base::IfMatch(version) = base
        && *version != current
    {
        return Err(Refusal::VersionMismatch {
            current: Some(current),
        }
        .into());
    }
    if *base == Base::Absent && !row.head.deleted {
        return Err(Refusal::Exists.into());
    }
    if *base == Base::Present && row.head.deleted {
        return Err(Refusal::VersionMismatch { current: None }.into());
    }
    if row.head.changes as usize >= HISTORY_CHANGES_MAX {
        return Err(Refusal::HistoryFull.into());
    }
    let past = row.tail.past.clone();
    let (record, old) = load(row)?.split();
    let heads = match base {
        Base::Current
        | Base::OfPatient
        | Base::OneOfSeveral
        | Base::IfMatch(_)
        | Base::Absent
        | Base::Present => record.heads(),
        Base::Version(version) => record
            .heads_of(version)
            .or_else(|| {
                let known = |past: &row::Past| VersionId::of(&past.heads) == *version;
                past.into_iter().find(known).map(|past| past.heads)
            })
            .ok_or(Refusal::UnknownVersion)?,
    };
    Ok((record, old, heads))
}

fn existing(hand: &Hand<'_>, rows: &mut dyn Rows, key: &RecordKey, base: &Base) -> Result<Row, Fault> {
    match meant(hand, rows, key, base, None)? {
        Meant::Row(row) => Ok(*row),
        Meant::New(_) => Err(Refusal::NotFound.into()),
    }
}

pub(super) fn delete(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: &RecordKey,
    base: &Base,
) -> Result<Outcome, Fault> {
    let row = existing(hand, rows, key, base)?;
    if row.head.deleted && !matches!(base, Base::IfMatch(version) if *version != row.head.version()) {
        return Ok(unchanged(&row));
    }
    let (mut record, old, base) = open(row, base)?;
    let labels = labels_ahead(&record, &base, None, &old.0.head.filing)?;
    let (change, life) = hand.sign_several(changes_of(&labels), |writer| {
        let at = label(hand, &mut record, base, &labels, writer)?;
        record.delete(&at, record_policy(), writer, &hand.stamp())
    })?;
    if change.is_none() {
        return Ok(unchanged(&old.0));
    }
    let prepared = hand.finish(Some(old), &record, life, None)?;
    Ok(Outcome::Change {
        prepared,
        action: "record_delete",
        created: false,
    })
}

pub(super) fn resolve(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: &RecordKey,
    (path, listed): (&str, &VersionId),
    choice: &Choice,
) -> Result<Outcome, Fault> {
    let row = existing(hand, rows, key, &Base::Version(listed.clone()))?;
    if row.head.version() != *listed {
        let current = Some(row.head.version());
        return Err(Refusal::VersionMismatch { current }.into());
    }
    let decision = match choice {
        Choice::Value(value) => Decision::Value(value.clone()),
        Choice::Remove => Decision::Delete,
        Choice::Pick(at) => {
            let items = present::disputes(&row.head)?;
            let item = items.iter().find(|item| item.path == path);
            let item = item.ok_or_else(|| Refusal::Invalid(WriteError::NoConflict.to_string()))?;
            let side = item.values.get(*at);
            let side = side.ok_or_else(|| Refusal::Invalid(WriteError::Choice.to_string()))?;
            Decision::Pick(side.change)
        }
    };
    let (mut record, old, base) = open(row, &Base::Current)?;
    let policy = record_policy();
    let labels = labels_ahead(&record, &base, None, &old.0.head.filing)?;
    let (_, life) = hand.sign_several(changes_of(&labels), |writer| {
        let at = label(hand, &mut record, base, &labels, writer)?;
        record.resolve(&at, path, &decision, policy, writer, &hand.stamp())
    })?;
    let prepared = hand.finish(Some(old), &record, life, None)?;
    Ok(Outcome::Change {
        prepared,
        action: "conflict_resolve",
        created: false,
    })
}

pub(super) fn set_remove(
    hand: &Hand<'_>,
    rows: &mut dyn Rows,
    key: &RecordKey,
    path: &str,
    value: &Json,
) -> Result<Outcome, Fault> {
    let (mut record, old, base) = open(existing(hand, rows, key, &Base::Current)?, &Base::Current)?;
    let policy = record_policy();
    let labels = labels_ahead(&record, &base, None, &old.0.head.filing)?;
    let (_, life) = hand.sign_several(changes_of(&labels), |writer| {
        label(hand, &mut record, base, &labels, writer)?;
        record.set_remove(path, value, policy, writer, &hand.stamp())
    })?;
    let prepared = hand.finish(Some(old), &record, life, None)?;
    Ok(Outcome::Change {
        prepared,
        action: "record_update",
        created: false,
    })
}
