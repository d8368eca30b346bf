//! Checking an open store: rows, records, and everything derived from records.
//!
//! Invariants: the writer holds still meanwhile; what is derived is computed again from
//! the signed changes and compared, never trusted.

use std::collections::{BTreeMap, BTreeSet};

use chaski_crdt::{change::ChangeHash, fingerprint::Fingerprint, key::RecordKey, record::Record};
use chaski_fhir::compartment::Scope;

use super::{pieces, report::Report, rows::each_row};
use crate::{
    core::Core,
    error::StoreError,
    feed,
    filed::filing,
    identity::Signer,
    index::{self, EntryView, Posted, chains_of, is_posted_kind, kind_tag},
    kv::KeyRange,
    lineage::{self, Lineage},
    policy::record_policy,
    present,
    row::{self, Row},
    scope::{ScopeRow, listed},
    scopes::is_listed,
    seal::Prf,
    state::State,
    store::Store,
    tables::{TABLES, Table, number_of},
    write::entry_of,
};

/// What the records add up to.
#[derive(Default)]
struct Sums {
    all: Fingerprint,
    scopes: BTreeMap<Scope, Fingerprint>,
    records: u64,
    deleted: u64,
    conflicts: u64,
    conflicted: BTreeSet<Prf>,
    seqs: BTreeSet<u64>,
    past: BTreeSet<u64>,
    entries: u64,
    posted: BTreeMap<Vec<u8>, u64>,
    /// Rows that lie beside another of their key.
    beside: u64,
    /// The rows of each key, and whether they are deleted, by the PRF of the key.
    of_key: BTreeMap<Prf, BTreeMap<Prf, bool>>,
    /// Rows that are marked as colliding.
    colliding: BTreeSet<Prf>,
}

impl Store {
    /// Checks everything that is stored. Writes wait meanwhile.
    ///
    /// # Errors
    /// The engine's; damage is in the report.
    pub fn verify(&self) -> Result<Report, StoreError> {
        let _writer = self.core.hold();
        let mut report = Report::default();
        rows(&self.core, &mut report)?;
        let mut sums = Sums::default();
        if let Some(signer) = self.signer() {
            records(&self.core, &signer, &mut report, &mut sums)?;
        }
        totals(&self.core.state(), &sums, &mut report);
        derived(&self.core, &sums, &mut report)?;
        Ok(report)
    }
}

fn rows(core: &Core, report: &mut Report) -> Result<(), StoreError> {
    for table in TABLES {
        each_row(core, table, &mut |_, plain| {
            report.rows += 1;
            if plain.is_err() {
                report.problem(table.name(), None, "a row does not open");
            }
            Ok(())
        })?;
    }
    let known: Vec<u8> = TABLES.iter().map(|table| *table as u8).collect();
    for byte in (0..=u8::MAX).filter(|byte| !known.contains(byte)) {
        if !core.kv.scan(&KeyRange::prefix(&[byte]), 1)?.is_empty() {
            report.problem("table", None, format!("rows of an unknown table {byte:02x}"));
        }
    }
    Ok(())
}

fn records(core: &Core, signer: &Signer, report: &mut Report, sums: &mut Sums) -> Result<(), StoreError> {
    let mut prfs: BTreeSet<Prf> = BTreeSet::new();
    each_row(core, Table::Record, &mut |row, _| {
        if let Some(prf) = row.get(1..17).and_then(|prf| prf.try_into().ok()) {
            prfs.insert(prf);
        }
        Ok(())
    })?;
    for prf in prfs {
        report.records += 1;
        let before = report.problems;
        match row::read(core, &prf) {
            Ok(Some(row)) => record(core, signer, &prf, &row, report, sums)?,
            Ok(None) | Err(StoreError::Damaged(_)) => {
                report.problem("record", None, "it cannot be read");
            }
            Err(error) => return Err(error),
        }
        if report.problems > before {
            report.damaged += 1;
        }
    }
    Ok(())
}

fn record(
    core: &Core,
    signer: &Signer,
    prf: &Prf,
    row: &Row,
    report: &mut Report,
    sums: &mut Sums,
) -> Result<(), StoreError> {
    let key = &row.head.key;
    if row.head.prf(&core.sealer) != *prf {
        report.problem("record", Some(key), "it lies under another record's key");
        return Ok(());
    }
    let Some(record) = signed(signer, row, report) else {
        return Ok(());
    };
    if row.head.beside.is_some() {
        sums.beside += 1;
        let place = Lineage::of(&record).map(|lineage| lineage.beside(&core.sealer, key));
        if place.ok() != row.head.beside {
            report.problem("record", Some(key), "it lies in another record's place");
        }
    }
    sums.of_key
        .entry(row::record_prf(&core.sealer, key))
        .or_default()
        .insert(*prf, row.head.deleted);
    if row.head.collides {
        sums.colliding.insert(*prf);
    }
    compare(signer, &record, row, report);
    index_agrees(core, prf, row, report, sums)?;
    let head = &row.head;
    let feed_row = Table::Feed.key_u64(head.seq);
    let moment = core
        .kv
        .get(&feed_row)?
        .and_then(|sealed| feed::moment(core, &feed_row, &sealed).ok());
    if !moment.is_some_and(|moment| {
        moment.key == *key
            && moment.beside == head.beside
            && moment.heads == head.heads
            && moment.filing == head.filing
    }) {
        report.problem("feed entry", Some(key), "it does not agree with the record");
    }
    sums.all.add(&head.value);
    for scope in head.filing.scopes() {
        sums.scopes
            .entry(scope)
            .or_insert(Fingerprint::EMPTY)
            .add(&head.value);
    }
    sums.seqs.insert(head.seq);
    sums.past.extend(row.tail.past.iter().map(|past| past.seq));
    sums.conflicts += u64::from(head.open());
    if head.open() > 0 {
        sums.conflicted.insert(*prf);
    }
    *(if head.deleted {
        &mut sums.deleted
    } else {
        &mut sums.records
    }) += 1;
    Ok(())
}

/// The record its signed changes make.
fn signed(signer: &Signer, row: &Row, report: &mut Report) -> Option<Record> {
    let key = &row.head.key;
    let Ok(changes) = row.tail.changes() else {
        report.problem("record", Some(key), "its changes cannot be read");
        return None;
    };
    for change in &changes {
        report.changes += 1;
        if let Err(error) = change.verify(&signer.network, key) {
            report.problem("record", Some(key), error.to_string());
            return None;
        }
    }
    match Record::load(key.clone(), changes) {
        Ok(record) => Some(record),
        Err(error) => {
            report.problem("record", Some(key), error.to_string());
            None
        }
    }
}

fn compare(signer: &Signer, record: &Record, row: &Row, report: &mut Report) {
    let head = &row.head;
    let key = &head.key;
    let mut check = |same: bool, what: &str| {
        if !same {
            report.problem("record", Some(key), what);
        }
    };
    let heads = record.heads();
    check(heads == head.heads, "its heads do not agree with its changes");
    let value = signer
        .fingerprint_key
        .record_value(key, &heads, &record.evidence());
    check(
        value == head.value,
        "its fingerprint does not agree with its changes",
    );
    let view = record.view(record_policy());
    check(
        head.json().is_ok_and(|json| json == view.json),
        "its JSON does not agree with its changes",
    );
    check(
        view.deleted == head.deleted,
        "its deletion does not agree with its changes",
    );
    check(
        view.conflicts.len() == usize::from(head.conflicts),
        "its conflicts do not agree",
    );
    let listed = present::conflict_items(&view.conflicts);
    check(
        listed.is_ok() && present::disputes(head) == listed,
        "its conflicts do not agree",
    );
    let filing = filing(record, &record.history(), None, &|_| false);
    check(
        filing.is_ok_and(|filing| filing == head.filing),
        "where it is filed does not agree with its changes",
    );
    check(
        row.tail.arrivals.len() == record.change_count(),
        "its arrivals do not agree",
    );
    let known = |hash: &ChangeHash| record.contains(hash);
    check(
        row.tail.past.iter().flat_map(|past| &past.heads).all(known),
        "a past version is unknown",
    );
}

fn index_agrees(
    core: &Core,
    prf: &Prf,
    row: &Row,
    report: &mut Report,
    sums: &mut Sums,
) -> Result<(), StoreError> {
    let head = &row.head;
    let key = &head.key;
    let chains = if head.deleted {
        Vec::new()
    } else {
        chains_of(&core.sealer, key.kind(), &head.filing)
    };
    if chains.len() != head.blocks.len() {
        report.problem("index block", Some(key), "the record's entries are not all known");
        return Ok(());
    }
    if head.deleted {
        return Ok(());
    }
    let Ok(json) = head.json() else { return Ok(()) };
    let mut built = entry_of(&core.sealer, head, json)?;
    built.stamp(head.last_updated_ms);
    let handle = lineage::handle(head);
    for (chain, number) in chains.iter().zip(&head.blocks) {
        sums.entries += 1;
        let block = match index::block_of(core, chain, *number) {
            Ok(block) => block.unwrap_or_default(),
            Err(StoreError::Damaged(_)) => Vec::new(),
            Err(error) => return Err(error),
        };
        let mut found = 0;
        let mut rest = block.as_slice();
        while let Some((entry, after)) = EntryView::next(rest) {
            found += u32::from(entry.is_of(&handle) && entry.bytes == built.bytes.as_slice());
            rest = after;
        }
        if found != 1 {
            report.problem(
                "index block",
                Some(key),
                "the record's entry is not what it should be",
            );
        }
    }
    if is_posted_kind(key.kind()) {
        let kind = kind_tag(&core.sealer, key.kind());
        for hash in &built.posted {
            match index::lookup(core, &kind, hash) {
                Ok(Posted::Records(records)) if records.contains(prf) => {
                    *sums
                        .posted
                        .entry(index::posting_row(core, &kind, hash))
                        .or_default() += 1;
                }
                Ok(Posted::Common) => {}
                Ok(Posted::Records(_)) | Err(StoreError::Damaged(_)) => {
                    report.problem("posting block", Some(key), "the record is not in it");
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn totals(state: &State, sums: &Sums, report: &mut Report) {
    let mut check = |same: bool, what: &str| {
        if !same {
            report.problem("state", None, what);
        }
    };
    check(
        state.fingerprint == sums.all,
        "the sum over all records does not agree",
    );
    check(
        state.records == sums.records && state.deleted == sums.deleted,
        "the number of records does not agree",
    );
    check(
        state.conflicts == sums.conflicts,
        "the number of conflicts does not agree",
    );
    // Records that collide are one thing to decide.
    let living = |rows: &BTreeMap<Prf, bool>| rows.values().filter(|deleted| !**deleted).count();
    let more: usize = sums
        .of_key
        .values()
        .map(|rows| living(rows).saturating_sub(1))
        .sum();
    check(
        state.conflicted_records == sums.conflicted.len().saturating_sub(more) as u64,
        "the number of records in conflict does not agree",
    );
    let last = sums.seqs.last().copied().unwrap_or_default();
    check(state.seq >= last, "the feed's position does not agree");
    check(
        state.beside == sums.beside,
        "the number of records beside others of their id does not agree",
    );
}

/// Compares the lists of records of one id, and the marks of those that collide, with the records.
fn of_one_id(core: &Core, sums: &Sums, report: &mut Report) -> Result<(), StoreError> {
    let mut several: BTreeMap<&Prf, &BTreeMap<Prf, bool>> =
        sums.of_key.iter().filter(|(_, rows)| rows.len() > 1).collect();
    let mut colliding = BTreeSet::new();
    for rows in several.values() {
        let living = rows.iter().filter(|(_, deleted)| !**deleted);
        let living: Vec<&Prf> = living.map(|(prf, _)| prf).collect();
        if living.len() > 1 {
            colliding.extend(living.into_iter().copied());
        }
    }
    if colliding != sums.colliding {
        report.problem("record", None, "the marks of records that collide do not agree");
    }
    for value in pieces::whole(core, Table::Beside, report)? {
        let bytes = pieces::value_of(core, &crate::chunk::chunk_key(&value, 0))?.unwrap_or_default();
        let listed = lineage::listed(&bytes).unwrap_or_default();
        let listed: BTreeMap<Prf, bool> = listed.into_iter().collect();
        let wanted = pieces::prf_of(&value).and_then(|prf| several.remove(&prf));
        if wanted != Some(&listed) {
            report.problem(Table::Beside.name(), None, "it does not agree with the records");
        }
    }
    if !several.is_empty() {
        report.problem(Table::Beside.name(), None, "one is missing");
    }
    Ok(())
}

fn derived(core: &Core, sums: &Sums, report: &mut Report) -> Result<(), StoreError> {
    let mut scopes = sums.scopes.clone();
    let mut labelled = 0;
    each_row(core, Table::Scope, &mut |_, plain| {
        let Some(scope) = plain.ok().and_then(|plain| ScopeRow::from_bytes(&plain).ok()) else {
            report.problem("scope", None, "it cannot be read");
            return Ok(());
        };
        if !is_listed(core, &scope.scope)? {
            report.problem("list of classes", None, "a scope is not listed");
        }
        let sum = scopes.remove(&scope.scope).unwrap_or(Fingerprint::EMPTY);
        if sum != scope.fingerprint {
            report.problem("scope", None, "its sum does not agree");
        }
        if !scope.scope.classes.is_empty() {
            labelled += 1;
        }
        Ok(())
    })?;
    if !scopes.is_empty() {
        report.problem("scope", None, "a scope is missing");
    }
    let mut listed_sets = 0;
    each_row(core, Table::Classes, &mut |_, plain| {
        let set = plain.ok().and_then(|plain| listed(&plain).ok());
        listed_sets += u64::from(set.is_some());
        Ok(())
    })?;
    if listed_sets != labelled {
        report.problem("list of classes", None, "the list does not agree with the scopes");
    }
    for (table, wanted) in [(Table::Feed, &sums.seqs), (Table::Past, &sums.past)] {
        let mut found = BTreeSet::new();
        each_row(core, table, &mut |row, _| {
            found.insert(number_of(row));
            Ok(())
        })?;
        if found != *wanted {
            report.problem(table.name(), None, "entries and records do not agree");
        }
    }
    let mut conflicted = BTreeSet::new();
    each_row(core, Table::Conflict, &mut |row, _| {
        conflicted.extend(row.get(1..17).and_then(|prf| Prf::try_from(prf).ok()));
        Ok(())
    })?;
    if conflicted != sums.conflicted {
        report.problem("conflict", None, "the list does not agree with the records");
    }
    index_totals(core, sums, report)?;
    of_one_id(core, sums, report)?;
    pieces::documents_whole(core, report)?;
    pieces::documents(core, report)?;
    pieces::pending(core, report)?;
    pieces::awaiting(core, report)?;
    let mut aside = 0;
    each_row(core, Table::Quarantine, &mut |_, _| {
        aside += 1;
        Ok(())
    })?;
    if aside != core.state().quarantined {
        report.problem("quarantine entry", None, "the number of entries does not agree");
    }
    let mut numbers = 0;
    each_row(core, Table::Audit, &mut |_, _| {
        numbers += 1;
        Ok(())
    })?;
    if numbers != core.state().audit_seq {
        report.problem("audit entry", None, "entries are missing");
    }
    Ok(())
}

fn index_totals(core: &Core, sums: &Sums, report: &mut Report) -> Result<(), StoreError> {
    let mut entries = 0;
    each_row(core, Table::Chain, &mut |_, plain| {
        let plain = plain.unwrap_or_default();
        let mut rest = plain.as_slice();
        while let Some((_, after)) = EntryView::next(rest) {
            entries += 1;
            rest = after;
        }
        Ok(())
    })?;
    if entries != sums.entries {
        report.problem("index block", None, "entries without a record");
    }
    each_row(core, Table::Posting, &mut |row, plain| {
        let Ok(plain) = plain else { return Ok(()) };
        let wanted = sums.posted.get(row).copied().unwrap_or_default();
        if let Ok(Posted::Records(records)) = index::parse_posting(&plain)
            && records.len() as u64 != wanted
        {
            report.problem("posting block", None, "entries without a record");
        }
        Ok(())
    })
}

/// Every record of a store whose changes are whole and signed, with those changes.
pub(super) fn whole_records(
    core: &Core,
    signer: &Signer,
    report: &mut Report,
    with: &mut dyn FnMut(RecordKey, Vec<chaski_crdt::author::SignedChange>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut prfs: BTreeSet<Prf> = BTreeSet::new();
    each_row(core, Table::Record, &mut |row, _| {
        prfs.extend(row.get(1..17).and_then(|prf| Prf::try_from(prf).ok()));
        Ok(())
    })?;
    for prf in prfs {
        report.records += 1;
        let row = row::read(core, &prf).ok().flatten();
        let whole = row.filter(|row| row.head.prf(&core.sealer) == prf);
        match whole.and_then(|row| signed(signer, &row, report).map(|record| (row, record))) {
            Some((row, record)) => with(row.head.key, record.changes().cloned().collect())?,
            None => {
                report.damaged += 1;
                report.problem("record", None, "it could not be saved");
            }
        }
    }
    Ok(())
}
