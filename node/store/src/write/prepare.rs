//! From a merged record to the row it will have.
//!
//! Invariants: pure but for reading; everything here is a function of the record's
//! changes, except arrival positions, which the writer fills in.

use std::collections::{BTreeSet, HashMap};

use chaski_crdt::{
    author::{AuthorId, SignedChange},
    change::ChangeHash,
    conflict::Conflict,
    record::{ChangeInfo, Record},
    said::each_said,
};
use chaski_fhir::{
    compartment::{self, Compartment, Filing},
    label::{Classes, classes_labelled},
    search::extract,
};
use chaski_json::Json;

use crate::{
    error::StoreError,
    identity::Signer,
    index::{self, Built},
    policy::record_policy,
    present,
    row::{self, Row, RowHead},
    seal::{Prf, Sealer},
};

/// A record read from its row.
pub(crate) struct Loaded {
    pub(crate) row: Row,
    pub(crate) record: Record,
    /// When each change arrived here.
    arrivals: HashMap<ChangeHash, u64>,
}

/// Loads a record from its row.
pub(crate) fn load(row: Row) -> Result<Loaded, StoreError> {
    let damaged = StoreError::Damaged("record");
    let changes = row.tail.changes()?;
    let hashes = changes
        .iter()
        .map(|change| change.hash().map_err(|_| damaged.clone()));
    let hashes: Vec<ChangeHash> = hashes.collect::<Result<_, _>>()?;
    let arrivals = hashes
        .into_iter()
        .zip(row.tail.arrivals.iter().copied())
        .collect();
    let record = Record::load(row.head.key.clone(), changes).map_err(|_| damaged)?;
    Ok(Loaded {
        row,
        record,
        arrivals,
    })
}

/// A record's next row, but for what the writer knows.
pub(crate) struct Prepared {
    pub(crate) prf: Prf,
    /// Head and tail of the row it replaces.
    pub(crate) old: Option<Row>,
    /// `seq`, `last_updated_ms` and `blocks` are not set.
    pub(crate) head: RowHead,
    pub(crate) changes_z: Vec<u8>,
    /// Arrival of each change; `None` for those that arrive now.
    pub(crate) arrivals: Vec<Option<u64>>,
    /// Authors and sequences of the changes that arrive now.
    pub(crate) authors: Vec<(AuthorId, u64)>,
    /// The index entry; none if deleted.
    pub(crate) entry: Option<Built>,
    /// Greatest hybrid clock of the changes that arrive now.
    pub(crate) hlc: u64,
    /// The incarnation it was signed under, if it was signed here.
    pub(crate) life: Option<u64>,
}

impl Prepared {
    /// The feed position of the row it was prepared against.
    pub(crate) fn base_seq(&self) -> Option<u64> {
        self.old.as_ref().map(|row| row.head.seq)
    }
}

/// Whether names and identifiers of this kind are posted.
pub(crate) fn is_posted_kind(kind: &str) -> bool {
    kind == "Patient" || compartment::is_shared(kind)
}

/// What a record's row will be, now that it holds `new` changes.
pub(crate) fn prepared(
    sealer: &Sealer,
    signer: &Signer,
    old: Option<(Row, HashMap<ChangeHash, u64>)>,
    record: &Record,
) -> Result<Prepared, StoreError> {
    let policy = record_policy();
    let view = record.view(policy);
    let heads = record.heads();
    let (old, known) = old.map_or((None, HashMap::new()), |(row, known)| (Some(row), known));
    let history = record.history();
    let before = old.as_ref().map(|row| &row.head.filing);
    let filing = filing(record, &history, before, &|hash| known.contains_key(hash))?;
    let key = record.key().clone();
    let open: Vec<Conflict> = view.conflicts;
    let conflicts_z = if open.is_empty() {
        Vec::new()
    } else {
        row::pack(&present::conflicts_json(&open))?
    };
    let mut authors = Vec::new();
    let mut arrivals = Vec::new();
    let mut hlc = 0;
    let mut authored_ms = 0;
    for info in &history {
        let arrival = known.get(&info.hash).copied();
        if arrival.is_none() {
            authors.push((info.author, info.author_seq));
            hlc = hlc.max(info.hlc.0);
        }
        if !info.evidence {
            authored_ms = authored_ms.max(info.hlc.ms());
        }
        arrivals.push(arrival);
    }
    let head = RowHead {
        value: signer
            .fingerprint_key
            .record_value(&key, &heads, &record.evidence()),
        seq: 0,
        last_updated_ms: 0,
        authored_ms,
        deleted: view.deleted,
        conflicts: open.len().min(usize::from(u16::MAX)) as u16,
        heads,
        filing,
        blocks: Vec::new(),
        changes: record.change_count() as u32,
        json_z: row::pack(&view.json)?,
        conflicts_z,
        key,
    };
    let entry = if view.deleted {
        None
    } else {
        Some(entry_of(sealer, &head, view.json)?)
    };
    Ok(Prepared {
        prf: row::record_prf(sealer, &head.key),
        old,
        changes_z: row::pack_changes(record.changes())?,
        arrivals,
        authors,
        entry,
        hlc,
        life: None,
        head,
    })
}

/// The index entry of a record's current JSON.
pub(crate) fn entry_of(sealer: &Sealer, head: &RowHead, mut json: Json) -> Result<Built, StoreError> {
    if head.conflicts > 0 {
        present::mark(&mut json, head.authored_ms, &present::conflicts(head)?);
    }
    let mut values = extract(&json);
    if head.conflicts > 0 {
        values.extend(crate::search::disputed_values(head)?);
    }
    Ok(index::build(
        sealer,
        head.key.id(),
        0,
        &values,
        is_posted_kind(head.key.kind()),
    ))
}

/// Where a record is filed: in every compartment of a patient whom one of its changes names by itself, under
/// every class that one of them labels it with. Changes that stand aside as evidence of a fork count: they are
/// kept and handed on with the others. With `before`, what the changes said that `is_counted` is known.
///
/// A record that began as one of those all share stays theirs when it is given to a patient: who holds it must
/// hear of that, else it would differ for ever. One that began as a patient's does not become everybody's by a
/// later change; but where it was made twice apart, once for a patient and once for all, it is both.
pub(crate) fn filing(
    record: &Record,
    history: &[ChangeInfo],
    before: Option<&Filing>,
    is_counted: &dyn Fn(&ChangeHash) -> bool,
) -> Result<Filing, StoreError> {
    let key = record.key();
    let known = before.cloned().unwrap_or_default();
    let mut was_shared = known.compartments.contains(&Compartment::Shared);
    let mut classes = known.classes;
    let mut patients = BTreeSet::new();
    for (info, change) in history.iter().zip(record.changes()) {
        if before.is_some() && is_counted(&info.hash) {
            continue;
        }
        let mut named = BTreeSet::new();
        said(change, &mut classes, &mut |json| {
            compartment::patients_named(key.kind(), json, &mut named);
        })?;
        was_shared |= named.is_empty() && info.deps.is_empty();
        patients.extend(named);
    }
    if key.kind() == "Patient" {
        patients.insert(key.id().to_owned());
    }
    let known = known.compartments.into_iter();
    let mut compartments: Vec<Compartment> = known
        .filter(|compartment| matches!(compartment, Compartment::Patient(_)))
        .chain(patients.into_iter().map(Compartment::Patient))
        .collect();
    compartments.sort_unstable();
    compartments.dedup();
    let is_shared = compartment::is_shared(key.kind());
    match (is_shared, compartments.is_empty()) {
        (true, no_patient) if was_shared || no_patient => compartments.push(Compartment::Shared),
        (false, true) => compartments.push(Compartment::Unfiled),
        _ => {}
    }
    Ok(Filing {
        compartments,
        classes,
    })
}

/// The classes that a change labels its record with, by itself.
pub(crate) fn classes_said(change: &SignedChange) -> Result<Classes, StoreError> {
    let mut classes = Classes::default();
    said(change, &mut classes, &mut |_| {})?;
    Ok(classes)
}

/// Adds the classes that a change names; `with` hears what else of it can say whose the record is.
fn said(change: &SignedChange, classes: &mut Classes, with: &mut dyn FnMut(&Json)) -> Result<(), StoreError> {
    let told = each_said(change, &may_file, &mut |said| {
        // A label that is put in pieces says its system elsewhere than its code.
        let is_whole = said.depth < LABEL_DEPTH || (said.depth == LABEL_DEPTH && said.is_element);
        classes_labelled(&said.json, !is_whole, classes);
        with(&said.json);
    });
    told.map_err(|_| StoreError::Damaged("record"))
}

/// Names on the way to a whole label: `meta`, `security` and its place in the list.
const LABEL_DEPTH: usize = 3;

/// Whether a register can say whose a record is or what it falls under: what refers to a patient names the kind,
/// perhaps escaped; what labels a record stands under `meta`, or under a name that a choice completes to it.
fn may_file(register: &str, text: &str) -> bool {
    register.starts_with("meta") || register.contains('[') || text.contains("Patient") || text.contains('\\')
}

impl Loaded {
    /// Apart: the record, and the older row.
    pub(crate) fn split(self) -> (Record, (Row, HashMap<ChangeHash, u64>)) {
        (self.record, (self.row, self.arrivals))
    }
}
