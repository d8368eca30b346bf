//! From a merged record to the row it will have.
//!
//! Invariants: pure but for reading; everything here is a function of the record's
//! changes, except arrival positions, which the writer fills in.

use std::collections::HashMap;

use chaski_crdt::{author::AuthorId, change::ChangeHash, conflict::Conflict, record::Record};
use chaski_fhir::search::extract;
use chaski_json::Json;

use crate::{
    chunk,
    error::StoreError,
    filed::filing,
    identity::Signer,
    index::{self, Built},
    lineage,
    policy::record_policy,
    present,
    row::{self, Row, RowHead},
    seal::{Prf, Sealer},
    types::AuthoredBy,
};

/// Most bytes of a row: as many as its pieces hold, less what is not counted here. A test has no time to fill that.
const ROW_BYTES_MAX: usize = if cfg!(test) { 1_000 } else { 60_000 } * chunk::PIECE_BYTES;
/// A version that was current: its place, its time, whether it is deleted, the number of its heads.
const PAST_BYTES: usize = 24;
/// Where in the feed a change arrived.
const ARRIVAL_BYTES: usize = 10;

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

/// What a record's row will be, now that it holds new changes. One that is new here lies `beside` another of its
/// key, or in the place of its own.
pub(crate) fn prepared(
    sealer: &Sealer,
    signer: &Signer,
    old: Option<(Row, HashMap<ChangeHash, u64>)>,
    record: &Record,
    beside: Option<Prf>,
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
    for info in &history {
        let arrival = known.get(&info.hash).copied();
        if arrival.is_none() {
            authors.push((info.author, info.author_seq));
            hlc = hlc.max(info.hlc.0);
        }
        arrivals.push(arrival);
    }
    let head = RowHead {
        value: signer
            .fingerprint_key
            .record_value(&key, &heads, &record.evidence()),
        beside: old.as_ref().map_or(beside, |old| old.head.beside),
        collides: old.as_ref().is_some_and(|old| old.head.collides),
        seq: 0,
        last_updated_ms: 0,
        authored_by: AuthoredBy::newest(&history),
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
    let changes_z = row::pack_changes(record.changes())?;
    if row_bytes(&head, &changes_z, old.as_ref()) > ROW_BYTES_MAX {
        // Told before the row is put: there it would fail all that is written with it.
        return Err(StoreError::TooLarge("a record"));
    }
    let entry = if view.deleted {
        None
    } else {
        Some(entry_of(sealer, &head, view.json)?)
    };
    Ok(Prepared {
        prf: head.prf(sealer),
        old,
        changes_z,
        arrivals,
        authors,
        entry,
        hlc,
        life: None,
        head,
    })
}

/// How many bytes a row comes to, at most, but for its filing, which is bounded by itself.
fn row_bytes(head: &RowHead, changes_z: &[u8], old: Option<&Row>) -> usize {
    let past = old.iter().flat_map(|old| &old.tail.past);
    let past: usize = past.map(|past| 32 * past.heads.len() + PAST_BYTES).sum();
    // Its heads stand in it, and once more when it is past.
    let heads = 64 * head.heads.len() + PAST_BYTES;
    let arrivals = ARRIVAL_BYTES * head.changes as usize;
    head.json_z.len() + head.conflicts_z.len() + changes_z.len() + arrivals + past + heads
}

/// The index entry of a record's current JSON.
pub(crate) fn entry_of(sealer: &Sealer, head: &RowHead, mut json: Json) -> Result<Built, StoreError> {
    if head.open() > 0 {
        present::mark(&mut json, head.authored_by.time_ms, &present::conflicts(head)?);
    }
    let mut values = extract(&json);
    if head.conflicts > 0 {
        values.extend(crate::search::disputed_values(head, None)?);
    }
    Ok(index::build(
        sealer,
        &lineage::handle(head),
        0,
        &values,
        index::is_posted_kind(head.key.kind()),
    ))
}
