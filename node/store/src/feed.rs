//! The arrival log: one row a record, at the position of its newest change.
//!
//! Invariants: only durable positions are shown, so a position once given never comes to
//! mean another record; a record that changes moves up, and its former position keeps the
//! former version for the history.

use chaski_crdt::{author::NodeId, change::ChangeHash, fingerprint::RecordValue, key::RecordKey};
use chaski_fhir::compartment::Scope;

use crate::{
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    kv::KeyRange,
    row::RowHead,
    tables::{Table, number_of},
    types::FeedEntry,
};

const FLAG_DELETED: u8 = 1;
const FLAG_CREATED: u8 = 2;
/// The record holds more than its source sent.
const FLAG_PART: u8 = 4;
/// Most entries given at once.
const ENTRIES_MAX: usize = 10_000;

/// The peer from which all came that arrived last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) node: NodeId,
    /// It sent all heads of the record, and so has all of it.
    pub(crate) is_whole: bool,
}

/// A version that became current here: a row of FEED or PAST.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    pub(crate) key: RecordKey,
    pub(crate) ms: u64,
    pub(crate) deleted: bool,
    /// It is the record's first version here.
    pub(crate) created: bool,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) heads: Vec<ChangeHash>,
    /// The record's fingerprint value in this version.
    pub(crate) value: RecordValue,
    pub(crate) source: Option<Source>,
}

impl Moment {
    pub(crate) fn of(head: &RowHead, created: bool, source: Option<Source>) -> Moment {
        Moment {
            key: head.key.clone(),
            ms: head.last_updated_ms,
            deleted: head.deleted,
            created,
            scopes: head.scopes.clone(),
            heads: head.heads.clone(),
            value: head.value,
            source,
        }
    }
}

pub(crate) fn encode(moment: &Moment) -> Vec<u8> {
    let mut enc = Enc::new();
    let deleted = if moment.deleted { FLAG_DELETED } else { 0 };
    let created = if moment.created { FLAG_CREATED } else { 0 };
    let is_part = moment.source.is_some_and(|source| !source.is_whole);
    let part = if is_part { FLAG_PART } else { 0 };
    enc.u8(1)
        .u8(deleted | created | part)
        .key(&moment.key)
        .varint(moment.ms)
        .scopes(&moment.scopes);
    enc.hashes(&moment.heads)
        .raw(&moment.value.0)
        .flag(moment.source.is_some());
    if let Some(source) = &moment.source {
        enc.raw(&source.node.0);
    }
    enc.out
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Moment, StoreError> {
    let mut dec = Dec::new(bytes, "feed entry");
    dec.form(1)?;
    let flags = dec.u8()?;
    Ok(Moment {
        deleted: flags & FLAG_DELETED != 0,
        created: flags & FLAG_CREATED != 0,
        key: dec.key()?,
        ms: dec.varint()?,
        scopes: dec.scopes()?,
        heads: dec.hashes()?,
        value: RecordValue(dec.array()?),
        source: if dec.flag()? {
            Some(Source {
                node: NodeId(dec.array()?),
                is_whole: flags & FLAG_PART == 0,
            })
        } else {
            None
        },
    })
}

/// Number of entries after `after_seq` up to and with `to_seq`, durable or not; none is opened.
pub(crate) fn count(core: &Core, after_seq: u64, to_seq: u64) -> Result<u64, StoreError> {
    let range = KeyRange {
        start: Table::Feed.key_u64(after_seq.saturating_add(1)),
        end: Some(Table::Feed.key_u64(to_seq.saturating_add(1))),
        reverse: false,
    };
    Ok(core.kv.count(&range)?)
}

/// Up to `limit` entries after `after_seq`, oldest first, none beyond what is durable.
pub(crate) fn read(core: &Core, after_seq: u64, limit: usize) -> Result<Vec<FeedEntry>, StoreError> {
    let last = core.position();
    let range = KeyRange {
        start: Table::Feed.key_u64(after_seq.saturating_add(1)),
        end: Some(Table::Feed.key_u64(u64::MAX)),
        reverse: false,
    };
    let limit = limit.min(ENTRIES_MAX);
    let mut rows = core.kv.scan(&range, limit)?;
    if rows.last().is_some_and(|(row, _)| number_of(row) > last) {
        // A batch is being made durable. What it moves up stands no more where it stood, so that the
        // log as far as it is durable would lack it: it is read when the batch is done. One that could
        // not be made durable is shown to nobody.
        let _held = core.hold();
        let last = core.position();
        rows = core.kv.scan(&range, limit)?;
        rows.retain(|(row, _)| number_of(row) <= last);
    }
    let mut out = Vec::new();
    for (row, sealed) in rows {
        let moment = decode(&core.open(&row, &sealed)?)?;
        out.push(FeedEntry {
            seq: number_of(&row),
            key: moment.key,
            scopes: moment.scopes,
            heads: moment.heads,
            source: moment
                .source
                .filter(|source| source.is_whole)
                .map(|source| source.node),
            brought_by: moment.source.map(|source| source.node),
        });
    }
    Ok(out)
}
