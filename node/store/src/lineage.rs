//! Records of one id that began for different patients.
//!
//! A change that follows no other begins a record. Two that name the same patients begin the same one: two sites
//! may import it apart. Two that name different patients begin two records, be it that two systems gave the same
//! id, be it that somebody would open another's record to himself by naming his own patient under its id. They are
//! never merged: each has its own row, versions, filing and fingerprint, and who may be given the one is not
//! given the other. While more than one is not deleted they collide, and a person is asked.
//!
//! Shape: the first that arrives lies under the PRF of its key, each later one under a PRF of its key and its
//! patients. BESIDE prf(record) ‖ chunk → `1 ‖ count ‖ (prf 16 ‖ deleted u8) …`: all rows of a key that has more
//! than one.
//!
//! Invariants: which record a change belongs to is a function of the changes alone; where a row lies is this
//! node's own and is told to nobody; a row that lies beside another is listed in the batch that puts it there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chaski_crdt::{
    author::{SignedChange, VerifiedChange},
    change::ChangeHash,
    key::RecordKey,
    record::Record,
    version::VersionId,
};
use chaski_fhir::{
    compartment::{self, Compartment, Filing},
    label::Classes,
};
use chaski_json::Json;

use crate::{
    chunk,
    codec::Dec,
    core::Core,
    error::StoreError,
    filed::patients_said,
    loaded::load,
    row::{self, Row, RowHead},
    seal::{Prf, Sealer},
    tables::Table,
    tx::Tx,
};

/// Between an id and what tells which of the records of that id is meant. No id has it.
const MARK: char = '#';

/// The patients that a record's first changes name, which is what tells it from another of its id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Lineage(BTreeSet<String>);

impl Lineage {
    /// Of a change that follows no other.
    pub(crate) fn begun_by(key: &RecordKey, change: &SignedChange) -> Result<Lineage, StoreError> {
        let mut patients = patients_said(key.kind(), change, &mut Classes::default())?;
        if key.kind() == "Patient" {
            patients.insert(key.id().to_owned());
        }
        Ok(Lineage(patients))
    }

    /// Of what a resource says that is to be written.
    pub(crate) fn named_by(json: &Json) -> Lineage {
        Lineage(compartment::patients_of(json).into_iter().collect())
    }

    /// Whether a record that is filed here is another patient's than these, as far as both name any.
    pub(crate) fn is_apart_from(&self, filing: &Filing) -> bool {
        let patient = |compartment: &Compartment| match compartment {
            Compartment::Patient(id) => Some(self.0.contains(id)),
            Compartment::Shared | Compartment::Unfiled => None,
        };
        let mut filed = filing.compartments.iter().filter_map(patient).peekable();
        !self.0.is_empty() && filed.peek().is_some() && filed.all(|is_named| !is_named)
    }

    /// Of a record that is here.
    pub(crate) fn of(record: &Record) -> Result<Lineage, StoreError> {
        let first = record.changes().next().ok_or(StoreError::Damaged("record"))?;
        Lineage::begun_by(record.key(), first)
    }

    /// The ids of the patients.
    pub(crate) fn patients(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether it is what the key stands for, whatever else there is of it: a patient who names nobody but
    /// himself, something that all share and that names no patient.
    pub(crate) fn is_plain(&self, key: &RecordKey) -> bool {
        match key.kind() {
            "Patient" => self.0.iter().all(|patient| patient == key.id()),
            kind => compartment::is_shared(kind) && self.0.is_empty(),
        }
    }

    /// Where such a record lies beside another of its key.
    pub(crate) fn beside(&self, sealer: &Sealer, key: &RecordKey) -> Prf {
        let patients = self.0.iter().map(|patient| patient.as_bytes());
        let parts: Vec<&[u8]> = [key.kind().as_bytes(), key.id().as_bytes()]
            .into_iter()
            .chain(patients)
            .collect();
        sealer.prf("record beside", &parts)
    }
}

/// What stands for a record in the index, among those of its kind.
pub(crate) fn handle(head: &RowHead) -> String {
    match &head.beside {
        None => head.key.id().to_owned(),
        Some(prf) => format!("{}{MARK}{}", head.key.id(), crate::hex::encode(prf)),
    }
}

/// The record that a handle stands for.
pub(crate) fn head_of(core: &Core, kind: &str, handle: &str) -> Result<Option<RowHead>, StoreError> {
    let prf = match handle.split_once(MARK) {
        None => match RecordKey::new(kind, handle) {
            Ok(key) => row::record_prf(&core.sealer, &key),
            Err(_) => return Ok(None),
        },
        Some((_, prf)) => crate::hex::decode(prf)
            .and_then(|prf| prf.try_into().ok())
            .ok_or(StoreError::Damaged("index block"))?,
    };
    row::read_head(core, &prf)
}

/// A row of a key that has several, and whether its record is deleted.
pub(crate) type Listed = (Prf, bool);

pub(crate) fn list_row(prf: &Prf) -> Vec<u8> {
    Table::Beside.key(&[prf])
}

/// Reads a list.
pub(crate) fn listed(bytes: &[u8]) -> Result<Vec<Listed>, StoreError> {
    let mut dec = Dec::new(bytes, "list of records of one id");
    dec.form(1)?;
    let count = dec.count()?;
    (0..count).map(|_| Ok((dec.array()?, dec.flag()?))).collect()
}

/// Where the rows of a key lie, as last applied: one, as a rule.
pub(crate) fn places(core: &Core, key: &RecordKey) -> Result<Vec<Prf>, StoreError> {
    let main = row::record_prf(&core.sealer, key);
    if core.beside() == 0 {
        return Ok(vec![main]);
    }
    match chunk::read_whole(core, &list_row(&main))? {
        Some(list) => Ok(listed(&list.bytes)?.into_iter().map(|(prf, _)| prf).collect()),
        None => Ok(vec![main]),
    }
}

/// As [`places`], as the group sees them.
fn places_tx(tx: &mut Tx<'_>, key: &RecordKey) -> Result<Vec<Prf>, StoreError> {
    let main = row::record_prf(&tx.core.sealer, key);
    if tx.state.beside == 0 {
        return Ok(vec![main]);
    }
    match chunk::read_tx(tx, &list_row(&main))? {
        Some((list, _)) => Ok(listed(&list)?.into_iter().map(|(prf, _)| prf).collect()),
        None => Ok(vec![main]),
    }
}

/// The heads of all records of a key, as last applied.
pub(crate) fn heads(core: &Core, key: &RecordKey) -> Result<Vec<RowHead>, StoreError> {
    let places = places(core, key)?;
    let heads = places
        .iter()
        .filter_map(|prf| row::read_head(core, prf).transpose());
    heads.collect()
}

/// The rows of all records of a key, as last applied.
pub(crate) fn rows(core: &Core, key: &RecordKey) -> Result<Vec<Row>, StoreError> {
    let places = places(core, key)?;
    let rows = places.iter().filter_map(|prf| row::read(core, prf).transpose());
    rows.collect()
}

/// The rows of all records of a key, as the group sees them.
pub(crate) fn rows_tx(tx: &mut Tx<'_>, key: &RecordKey) -> Result<Vec<Row>, StoreError> {
    let places = places_tx(tx, key)?;
    let rows = places.iter().filter_map(|prf| row::read_tx(tx, prf).transpose());
    rows.collect()
}

/// Where each record of a key stands in the feed, as the group sees it: enough to know whether any has changed.
pub(crate) fn seqs_tx(tx: &mut Tx<'_>, key: &RecordKey) -> Result<Vec<u64>, StoreError> {
    let places = places_tx(tx, key)?;
    let seqs = places.iter().filter_map(|prf| row::seq_tx(tx, prf).transpose());
    seqs.collect()
}

/// What a key alone stands for.
pub(crate) enum Chosen<T> {
    /// No record.
    Nothing,
    /// The one that is not deleted, or the one deleted last.
    One(T),
    /// Several that are not deleted.
    Several(Vec<T>),
}

/// Which of the records of a key it stands for when nothing else is said.
pub(crate) fn chosen<T>(mut of: Vec<T>, head: impl Fn(&T) -> &RowHead) -> Chosen<T> {
    if of.len() < 2 {
        return of.pop().map_or(Chosen::Nothing, Chosen::One);
    }
    of.sort_by_key(|one| {
        let head = head(one);
        (
            head.deleted,
            std::cmp::Reverse((head.authored_by.time_ms, head.version())),
        )
    });
    if of.get(1).is_some_and(|second| head(second).deleted) {
        return of.into_iter().next().map_or(Chosen::Nothing, Chosen::One);
    }
    of.retain(|one| !head(one).deleted);
    Chosen::Several(of)
}

/// The plain one of several records, which is shown where nothing else is said; it is not written to.
pub(crate) fn plain(core: &Core, heads: &[RowHead]) -> Result<Option<usize>, StoreError> {
    for (at, head) in heads.iter().enumerate() {
        let row = row::read(core, &head.prf(&core.sealer))?;
        if of_row(&row.ok_or(StoreError::Damaged("record"))?)?.is_plain(&head.key) {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// What tells the record of a row from another of its key.
pub(crate) fn of_row(row: &Row) -> Result<Lineage, StoreError> {
    Lineage::of(&load(row.clone())?.record)
}

/// A record's changes that came, told apart by the record each belongs to.
pub(crate) struct Sorted {
    /// For each record that was here, in order, and then for each that begins: what came for it.
    pub(crate) to: Vec<Vec<VerifiedChange>>,
    /// What tells the records that begin, in order; none of one that is alone.
    pub(crate) begun: Vec<Option<Lineage>>,
    /// They wait for what they follow.
    pub(crate) orphans: Vec<SignedChange>,
    /// They follow changes of several records, or begin one and cannot be read: set aside, and why.
    pub(crate) aside: Vec<(VerifiedChange, &'static str)>,
}

/// Why a change is set aside that follows changes of two records of its key.
const ASTRAY: &str = "it follows changes of two records that began for different patients";
/// Why a change is set aside that begins a record, and nobody can tell whose.
const UNREADABLE: &str = "it cannot be decoded";

/// Tells changes apart by the record that each belongs to, of those that are here (all of one key) and those that
/// begin.
pub(crate) fn sort(
    key: &RecordKey,
    here: &[&Record],
    changes: Vec<VerifiedChange>,
) -> Result<Sorted, StoreError> {
    let mut sorted = Sorted {
        to: here.iter().map(|_| Vec::new()).collect(),
        begun: Vec::new(),
        orphans: Vec::new(),
        aside: Vec::new(),
    };
    let is_news = |change: &&VerifiedChange| {
        change.chunk().deps.is_empty() && !here.iter().any(|record| record.contains(&change.hash()))
    };
    // As a rule nothing begins beside what is here, and there is nothing to tell apart.
    match (here, changes.iter().filter(is_news).count()) {
        ([_], 0) => {
            sorted.to = vec![changes];
            return Ok(sorted);
        }
        ([], 1) => {
            sorted.begun.push(None);
            sorted.to.push(changes);
            return Ok(sorted);
        }
        _ => {}
    }
    let mut lineages = here
        .iter()
        .map(|record| Lineage::of(record))
        .collect::<Result<Vec<_>, _>>()?;
    let mut homes: HashMap<ChangeHash, usize> = HashMap::new();
    for (at, record) in here.iter().enumerate() {
        homes.extend(record.history().into_iter().map(|info| (info.hash, at)));
    }
    let mut waiting: BTreeMap<ChangeHash, Vec<VerifiedChange>> = BTreeMap::new();
    let mut open = changes;
    while let Some(change) = open.pop() {
        let hash = change.hash();
        let deps = &change.chunk().deps;
        if let Some(lacked) = deps.iter().find(|dep| !homes.contains_key(*dep)) {
            waiting.entry(*lacked).or_default().push(change);
            continue;
        }
        let mut of: Vec<usize> = deps.iter().filter_map(|dep| homes.get(dep).copied()).collect();
        of.dedup();
        let home = match (homes.get(&hash), of.as_slice()) {
            (Some(home), _) => *home,
            (None, [home]) => *home,
            (None, []) => {
                let Ok(lineage) = Lineage::begun_by(key, change.signed()) else {
                    sorted.aside.push((change, UNREADABLE));
                    continue;
                };
                match lineages.iter().position(|one| *one == lineage) {
                    Some(home) => home,
                    None => {
                        lineages.push(lineage);
                        sorted.to.push(Vec::new());
                        lineages.len() - 1
                    }
                }
            }
            (None, _) => {
                sorted.aside.push((change, ASTRAY));
                continue;
            }
        };
        homes.insert(hash, home);
        open.extend(waiting.remove(&hash).unwrap_or_default());
        if let Some(to) = sorted.to.get_mut(home) {
            to.push(change);
        }
    }
    let begun = lineages.split_off(here.len());
    sorted.begun = begun.into_iter().map(Some).collect();
    let left = waiting.into_values().flatten();
    sorted.orphans.extend(left.map(VerifiedChange::into_signed));
    Ok(sorted)
}

/// The one row of a key that a version belongs to: as its current one, a past one, or the version at one of its
/// changes. Somebody may have ground a change whose hash begins as another's: then none.
pub(crate) fn at_version(rows: &[Row], version: &VersionId) -> Result<Option<usize>, StoreError> {
    let mut found = None;
    for (at, row) in rows.iter().enumerate() {
        let was_current = || {
            row.tail
                .past
                .iter()
                .any(|past| VersionId::of(&past.heads) == *version)
        };
        let is_of_it = row.head.version() == *version
            || was_current()
            || load(row.clone())?.record.heads_of(version).is_some();
        if is_of_it && found.replace(at).is_some() {
            return Ok(None);
        }
    }
    Ok(found)
}
