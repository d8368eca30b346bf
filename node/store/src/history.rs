//! What was current here, and when.
//!
//! Invariants: newest first; a page begins below a feed position, so that what arrives
//! meanwhile neither repeats nor hides an entry; a version that moved while being paged
//! over is found at its former position.

use std::collections::HashMap;

use chaski_crdt::{key::RecordKey, record::Record, version::VersionId};

use crate::{
    core::Core,
    error::StoreError,
    feed::{self, Moment},
    kv::KeyRange,
    lineage,
    loaded::load,
    policy::record_policy,
    present, row,
    seal::Prf,
    search::Admits,
    tables::{Table, number_of},
    types::{HistoryEntry, HistoryOf, Page},
};

/// Rows looked at for one page before it is handed out short.
const ROWS_MAX: usize = 20_000;
/// Rows read at once.
const ROWS_AT_ONCE: usize = 256;
/// Records held while a page is made.
const RECORDS_MAX: usize = 64;

/// A page of history, newest first, of versions since `since_ms`.
pub(crate) fn page(
    core: &Core,
    of: &HistoryOf,
    since_ms: Option<u64>,
    (cursor, count): (Option<&str>, usize),
    admits: Admits<'_>,
) -> Result<Page<HistoryEntry>, StoreError> {
    let below = match cursor {
        Some(cursor) => cursor.parse().map_err(|_| StoreError::Cursor)?,
        None => core.position().saturating_add(1),
    };
    let (moments, next) = match of {
        HistoryOf::Record(key) => of_record(core, key, since_ms, below, count)?,
        HistoryOf::Kind(kind) => of_all(core, Some(kind), since_ms, below, count)?,
        HistoryOf::All => of_all(core, None, since_ms, below, count)?,
    };
    let mut records = HashMap::new();
    let mut entries = Vec::with_capacity(moments.len());
    for (seq, moment) in moments {
        let told = match moment.deleted {
            true => end_told(core, seq, moment, admits)?,
            false => Some(moment),
        };
        if let Some(told) = told {
            entries.push(entry(core, &mut records, told)?);
        }
    }
    Ok(Page {
        entries,
        next: next.map(|below| below.to_string()),
    })
}

/// What the end of a record is told as. Where another of its key stood then, it is not the key's: whoever follows the
/// history would take that one for gone, or what was told last for what stands. The one that the key stands for from
/// then on is told anew; of several, none.
fn end_told(core: &Core, seq: u64, end: Moment, admits: Admits<'_>) -> Result<Option<Moment>, StoreError> {
    if core.beside() == 0 {
        return Ok(Some(end));
    }
    let mut others = Vec::new();
    for row in lineage::rows(core, &end.key)? {
        if row.head.beside != end.beside && admits(&row.head.filing.classes) {
            let before = moments_of(&row).into_iter().filter(|(at, _)| *at < seq);
            others.extend(before.max_by_key(|(at, _)| *at));
        }
    }
    others.retain(|(_, moment)| !moment.deleted);
    Ok(match (others.pop(), others.is_empty()) {
        (None, _) => Some(end),
        (Some((_, left)), true) => Some(Moment {
            ms: end.ms,
            created: false,
            ..left
        }),
        (Some(_), false) => None,
    })
}

/// All that has been current of a row here, and when.
fn moments_of(row: &row::Row) -> Vec<(u64, Moment)> {
    let first = row.tail.past.first().map_or(row.head.seq, |past| past.seq);
    let mut all = vec![(row.head.seq, Moment::of(&row.head, row.head.seq == first, None))];
    for past in &row.tail.past {
        let mut moment = Moment::of(&row.head, past.seq == first, None);
        moment.ms = past.ms;
        moment.deleted = past.deleted;
        moment.heads.clone_from(&past.heads);
        all.push((past.seq, moment));
    }
    all
}

type Found = (Vec<(u64, Moment)>, Option<u64>);

fn of_record(
    core: &Core,
    key: &RecordKey,
    since_ms: Option<u64>,
    below: u64,
    count: usize,
) -> Result<Found, StoreError> {
    let mut all: Vec<(u64, Moment)> = Vec::new();
    for row in lineage::rows(core, key)? {
        all.extend(moments_of(&row));
    }
    all.sort_unstable_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    all.retain(|(seq, moment)| *seq < below && since_ms.is_none_or(|since| moment.ms >= since));
    let more = all.len() > count;
    all.truncate(count);
    let next = if more {
        all.last().map(|(seq, _)| *seq)
    } else {
        None
    };
    Ok((all, next))
}

/// Walks FEED and PAST down together.
fn of_all(
    core: &Core,
    kind: Option<&String>,
    since_ms: Option<u64>,
    below: u64,
    count: usize,
) -> Result<Found, StoreError> {
    let mut out = Vec::new();
    let mut below = below;
    let mut looked_at = 0;
    loop {
        let mut rows = Vec::new();
        for table in [Table::Feed, Table::Past] {
            let range = KeyRange {
                start: table.key_u64(0),
                end: Some(table.key_u64(below)),
                reverse: true,
            };
            rows.extend(core.kv.scan(&range, ROWS_AT_ONCE)?);
        }
        // A version is at its position in one table or the other; both when it moved
        // between the two scans.
        rows.sort_by_key(|(row, _)| std::cmp::Reverse(number_of(row)));
        rows.dedup_by_key(|(row, _)| number_of(row));
        rows.truncate(ROWS_AT_ONCE);
        if rows.is_empty() {
            return Ok((out, None));
        }
        for (row, sealed) in rows {
            let seq = number_of(&row);
            let moment = feed::moment(core, &row, &sealed)?;
            if since_ms.is_some_and(|since| moment.ms < since) {
                return Ok((out, None));
            }
            looked_at += 1;
            if kind.is_none_or(|kind| moment.key.kind() == kind) {
                if out.len() == count {
                    return Ok((out, Some(below)));
                }
                out.push((seq, moment));
            }
            below = seq;
        }
        if looked_at >= ROWS_MAX {
            return Ok((out, Some(below)));
        }
    }
}

fn entry(
    core: &Core,
    records: &mut HashMap<Prf, Record>,
    moment: Moment,
) -> Result<HistoryEntry, StoreError> {
    let version = VersionId::of(&moment.heads);
    // As the record is labelled now: what it said before is kept back with it.
    let head = row::read_head(core, &moment.prf(&core.sealer))?;
    let classes = head.ok_or(StoreError::Damaged("past version"))?.filing.classes;
    let json = if moment.deleted {
        None
    } else {
        Some(json_at(core, records, &moment)?)
    };
    Ok(HistoryEntry {
        key: moment.key,
        version,
        last_updated_ms: moment.ms,
        deleted: moment.deleted,
        created: moment.created,
        json,
        classes,
    })
}

fn json_at(
    core: &Core,
    records: &mut HashMap<Prf, Record>,
    moment: &Moment,
) -> Result<chaski_json::Json, StoreError> {
    let prf = moment.prf(&core.sealer);
    if !records.contains_key(&prf) {
        if let Some(head) = row::read_head(core, &prf)?
            && head.heads == moment.heads
        {
            return Ok(present::current(head)?.json);
        }
        if records.len() >= RECORDS_MAX {
            records.clear();
        }
        let row = row::read(core, &prf)?.ok_or(StoreError::Damaged("past version"))?;
        records.insert(prf, load(row)?.record);
    }
    let record = records.get(&prf).ok_or(StoreError::Damaged("past version"))?;
    json_of(record, &moment.heads, moment.ms)
}

/// A record's JSON at some heads, as it goes out.
pub(crate) fn json_of(
    record: &Record,
    heads: &[chaski_crdt::change::ChangeHash],
    last_updated_ms: u64,
) -> Result<chaski_json::Json, StoreError> {
    let view = record
        .view_at(heads, record_policy())
        .ok_or(StoreError::Damaged("past version"))?;
    let authored_ms = heads
        .iter()
        .filter_map(|head| record.change(head))
        .map(|info| info.hlc.ms())
        .max()
        .unwrap_or_default();
    let mut json = if view.deleted {
        present::tombstone(&view.json)
    } else {
        view.json
    };
    let items = present::conflict_items(&view.conflicts)?;
    present::mark(&mut json, authored_ms, &items);
    present::stamp(&mut json, VersionId::of(heads).as_str(), last_updated_ms);
    Ok(json)
}
