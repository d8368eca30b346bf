//! The arrival log: one row a record, at the position of its newest change.
//!
//! Invariants: only durable positions are shown, so a position once given never comes to
//! mean another record; a record that changes moves up, and its former position keeps the
//! former version for the history.

use chaski_crdt::{author::NodeId, change::ChangeHash, fingerprint::RecordValue, key::RecordKey};
use chaski_fhir::compartment::Filing;

use crate::{
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    kv::KeyRange,
    row::{self, RowHead, record_prf},
    seal::{Prf, Sealer},
    tables::{Table, number_of},
    types::FeedEntry,
};

const FLAG_DELETED: u8 = 1;
const FLAG_CREATED: u8 = 2;
/// The record holds more than its source sent.
const FLAG_PART: u8 = 4;
/// The record lies beside another of its key.
const FLAG_BESIDE: u8 = 16;
/// Filing and heads are too long for a row: they stand in the record.
const FLAG_LONG: u8 = 8;
/// The most bytes that filing and heads take in a row; what is beside them takes fewer than the rest.
const LONG_BYTES_MIN: usize = 3_072;
/// Rows read at once when all records are walked.
const ROWS_AT_ONCE: usize = 256;
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
    /// Where the record lies, if beside another of its key.
    pub(crate) beside: Option<Prf>,
    pub(crate) ms: u64,
    pub(crate) deleted: bool,
    /// It is the record's first version here.
    pub(crate) created: bool,
    pub(crate) filing: Filing,
    pub(crate) heads: Vec<ChangeHash>,
    /// The record's fingerprint value in this version.
    pub(crate) value: RecordValue,
    pub(crate) source: Option<Source>,
}

impl Moment {
    pub(crate) fn of(head: &RowHead, created: bool, source: Option<Source>) -> Moment {
        Moment {
            key: head.key.clone(),
            beside: head.beside,
            ms: head.last_updated_ms,
            deleted: head.deleted,
            created,
            filing: head.filing.clone(),
            heads: head.heads.clone(),
            value: head.value,
            source,
        }
    }

    /// Where the record lies.
    pub(crate) fn prf(&self, sealer: &Sealer) -> Prf {
        self.beside.unwrap_or_else(|| record_prf(sealer, &self.key))
    }
}

pub(crate) fn encode(moment: &Moment) -> Vec<u8> {
    let mut enc = Enc::new();
    let deleted = if moment.deleted { FLAG_DELETED } else { 0 };
    let created = if moment.created { FLAG_CREATED } else { 0 };
    let is_part = moment.source.is_some_and(|source| !source.is_whole);
    let part = if is_part { FLAG_PART } else { 0 };
    let mut place = Enc::new();
    place.filing(&moment.filing).hashes(&moment.heads);
    let is_long = place.out.len() >= LONG_BYTES_MIN;
    let long = if is_long { FLAG_LONG } else { 0 };
    let beside = if moment.beside.is_some() { FLAG_BESIDE } else { 0 };
    enc.u8(1)
        .u8(deleted | created | part | long | beside)
        .key(&moment.key)
        .raw(moment.beside.as_ref().map_or(&[], |prf| prf.as_slice()))
        .varint(moment.ms);
    if !is_long {
        enc.raw(&place.out);
    }
    enc.raw(&moment.value.0).flag(moment.source.is_some());
    if let Some(source) = &moment.source {
        enc.raw(&source.node.0);
    }
    enc.out
}

/// Reads a row's value, and tells whether filing and heads stand elsewhere: see [`moment`].
pub(crate) fn decode(bytes: &[u8]) -> Result<(Moment, bool), StoreError> {
    let mut dec = Dec::new(bytes, "feed entry");
    dec.form(1)?;
    let flags = dec.u8()?;
    let is_long = flags & FLAG_LONG != 0;
    let key = dec.key()?;
    let beside = if flags & FLAG_BESIDE != 0 {
        Some(dec.array()?)
    } else {
        None
    };
    let ms = dec.varint()?;
    let (filing, heads) = match is_long {
        true => (Filing::default(), Vec::new()),
        false => (dec.filing()?, dec.hashes()?),
    };
    let moment = Moment {
        deleted: flags & FLAG_DELETED != 0,
        created: flags & FLAG_CREATED != 0,
        key,
        beside,
        ms,
        filing,
        heads,
        value: RecordValue(dec.array()?),
        source: if dec.flag()? {
            Some(Source {
                node: NodeId(dec.array()?),
                is_whole: flags & FLAG_PART == 0,
            })
        } else {
            None
        },
    };
    Ok((moment, is_long))
}

/// What a row of FEED or PAST says, whole. What is too long for the row is taken from the record: where that has
/// moved up meanwhile, from where it stands now, so that nobody is told less of where it is filed.
pub(crate) fn moment(core: &Core, row: &[u8], sealed: &[u8]) -> Result<Moment, StoreError> {
    let (mut moment, is_long) = decode(&core.open(row, sealed)?)?;
    if !is_long {
        return Ok(moment);
    }
    let number = number_of(row);
    let prf = moment.prf(&core.sealer);
    let found = row::read(core, &prf)?.ok_or(StoreError::Damaged("feed entry"))?;
    let past = found.tail.past.into_iter().find(|past| past.seq == number);
    moment.filing = found.head.filing;
    moment.heads = past.map_or(found.head.heads, |past| past.heads);
    Ok(moment)
}

/// Every record at its place in the feed, oldest first. One that moves to the feed's end
/// meanwhile is told again there, so that none is missed: the last telling holds.
pub(crate) fn each(
    core: &Core,
    with: &mut dyn FnMut(u64, Moment) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut until = core.position();
    let mut range = KeyRange {
        start: Table::Feed.key_u64(0),
        end: Some(Table::Feed.key_u64(until.saturating_add(1))),
        reverse: false,
    };
    loop {
        let rows = core.kv.scan(&range, ROWS_AT_ONCE)?;
        let Some((last, _)) = rows.last() else {
            let now = core.position();
            if now == until {
                return Ok(());
            }
            range.start = Table::Feed.key_u64(until.saturating_add(1));
            until = now;
            range.end = Some(Table::Feed.key_u64(until.saturating_add(1)));
            continue;
        };
        range.start = last.iter().copied().chain([0]).collect();
        for (row, sealed) in &rows {
            with(number_of(row), moment(core, row, sealed)?)?;
        }
    }
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
        let moment = moment(core, &row, &sealed)?;
        let is_whole = |source: &Source| source.is_whole;
        out.push(FeedEntry {
            beside: moment.beside,
            source: moment.source.filter(is_whole).map(|source| source.node),
            brought_by: moment.source.map(|source| source.node),
            ..FeedEntry::new(number_of(&row), moment.key, moment.filing, moment.heads)
        });
    }
    Ok(out)
}
