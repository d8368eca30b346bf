//! The one file that reads records from the store.
//!
//! Invariants: each read of what a record says names its caller and what for, and asks the policy; what the caller
//! may not see is told as if it were not here, in pages, totals and cursors too. That a key is taken is told without
//! asking, to operations that have asked already. No other file names a function of the store that reads records (a
//! test).

#[cfg(test)]
mod tests;

use chaski_fhir::{
    label::{Classes, Clearance},
    search::Query,
};
use chaski_json::Json;
use chaski_store::{
    Admits, Condition, ConflictEntry, Current, HistoryEntry, HistoryOf, Page, RecordKey, SearchPage,
    VersionId, Which,
};

use crate::policy_decision::{Action, Target};
use crate::record::RecordError;
use crate::status::StatusError;
use crate::{Caller, Clinic};

/// Records looked at to fill a page from which some are kept back.
const LOOKED_AT_MAX: usize = 10_000;

impl Clinic {
    /// A record as it is now; deleted ones say so. One that is kept back is none, but can't be written over. Where
    /// records of different patients stand under the key, and nothing tells which is meant, it is refused.
    pub(crate) fn door_read(
        &self,
        caller: &Caller,
        action: Action,
        key: &RecordKey,
    ) -> Result<Option<Current>, RecordError> {
        self.door_read_which(caller, action, key, &Which::Key)
    }

    /// As [`Clinic::door_read`], of the record of its key that has had this version, where a version is named.
    pub(crate) fn door_read_at(
        &self,
        caller: &Caller,
        action: Action,
        key: &RecordKey,
        version: Option<&str>,
    ) -> Result<Option<Current>, RecordError> {
        let version = version.and_then(|text| text.parse::<VersionId>().ok());
        let which = version.as_ref().map_or(Which::Key, Which::Version);
        self.door_read_which(caller, action, key, &which)
    }

    /// As [`Clinic::door_read`], of the record of its key that is this patient's.
    pub(crate) fn door_read_of(
        &self,
        caller: &Caller,
        action: Action,
        key: &RecordKey,
        patient: &str,
    ) -> Result<Option<Current>, RecordError> {
        self.door_read_which(caller, action, key, &Which::Patient(patient))
    }

    fn door_read_which(
        &self,
        caller: &Caller,
        action: Action,
        key: &RecordKey,
        which: &Which<'_>,
    ) -> Result<Option<Current>, RecordError> {
        let filter = self.allow(caller, action, &Target::Kind(key.kind()))?;
        let read = |admits: Admits<'_>| self.store().read_admitted(caller.context(), key, which, admits);
        let current = read(&|classes| filter.admits(classes))?;
        let may_write = matches!(
            action,
            Action::RecordCreate | Action::RecordUpdate | Action::RecordImport | Action::RecordDelete
        );
        if may_write && !filter.is_open() {
            let version = |current: &Option<Current>| current.as_ref().map(|current| current.version.clone());
            if version(&read(&|_| true)?) != version(&current) {
                // What is kept back is not written over, nor what stands beside it in its stead.
                return Err(RecordError::NotFound(key.clone()));
            }
        }
        match current {
            // Neither another patient's record, nor a guess.
            Some(current) if current.is_ambiguous => Err(RecordError::Collision(key.clone())),
            current => Ok(current),
        }
    }

    /// A version of a record. A record that is kept back is so in all its versions.
    pub(crate) fn door_version(
        &self,
        caller: &Caller,
        action: Action,
        key: &RecordKey,
        version: &VersionId,
    ) -> Result<Option<Current>, RecordError> {
        let filter = self.allow(caller, action, &Target::Kind(key.kind()))?;
        let found = self.store().read_version(caller.context(), key, version)?;
        Ok(found.filter(|found| filter.admits(&found.classes)))
    }

    /// Versions that have been current here, newest first.
    pub(crate) fn door_history(
        &self,
        caller: &Caller,
        of: &HistoryOf,
        since_ms: Option<u64>,
        cursor: Option<&str>,
        count: usize,
    ) -> Result<Page<HistoryEntry>, RecordError> {
        let target = match of {
            HistoryOf::Record(key) => Target::Kind(key.kind()),
            HistoryOf::Kind(kind) => Target::Kind(kind),
            HistoryOf::All => Target::AllRecords,
        };
        let filter = self.allow(caller, Action::RecordHistory, &target)?;
        if filter.is_open() || count == 0 {
            return Ok(self
                .store()
                .history(caller.context(), of, since_ms, cursor, count)?);
        }
        let mut page = Page {
            entries: Vec::new(),
            next: cursor.map(str::to_owned),
        };
        for _ in 0..LOOKED_AT_MAX {
            // One at a time, so that the page ends where its last entry stands.
            let next = page.next.as_deref();
            let admits = |classes: &Classes| filter.admits(classes);
            let found = self
                .store()
                .history_admitted(caller.context(), of, since_ms, next, 1, &admits)?;
            let admitted = |entry: &HistoryEntry| filter.admits(&entry.classes);
            page.entries.extend(found.entries.into_iter().filter(admitted));
            page.next = found.next;
            if page.next.is_none() || page.entries.len() >= count {
                return Ok(page);
            }
        }
        Err(RecordError::TooCostly)
    }

    /// What a query finds.
    pub(crate) fn door_search(
        &self,
        caller: &Caller,
        action: Action,
        query: &Query,
    ) -> Result<SearchPage, RecordError> {
        let filter = self.allow(caller, action, &Target::Kind(&query.kind))?;
        let store = self.store();
        Ok(match filter.is_open() {
            true => store.search(caller.context(), query)?,
            false => store.search_admitted(caller.context(), query, &|classes: &Classes| {
                filter.admits(classes)
            })?,
        })
    }

    /// A condition on a new record, which the store looks up as it writes: of what the caller may see.
    pub(crate) fn door_condition(&self, caller: &Caller, query: Query) -> Result<Condition, RecordError> {
        let filter = self.allow(caller, Action::RecordCreate, &Target::Kind(&query.kind))?;
        Ok(Condition {
            query,
            clearance: filter.clearance().clone(),
        })
    }

    /// A record's open conflicts, if it has any.
    pub(crate) fn door_conflict(
        &self,
        caller: &Caller,
        action: Action,
        key: &RecordKey,
    ) -> Result<Option<ConflictEntry>, RecordError> {
        let filter = self.allow(caller, action, &Target::Kind(key.kind()))?;
        let admits = |classes: &Classes| filter.admits(classes);
        let found = self.store().conflict_admitted(caller.context(), key, &admits)?;
        let may_decide = |found: &ConflictEntry| action != Action::ConflictResolve || found.is_whole;
        Ok(found.filter(may_decide))
    }

    /// A page of the records with open conflicts, in a stable order.
    pub(crate) fn door_conflicts(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        count: usize,
    ) -> Result<Page<ConflictEntry>, RecordError> {
        let filter = self.allow(caller, Action::ConflictList, &Target::AllRecords)?;
        if filter.is_open() {
            return Ok(self.store().conflicts(caller.context(), cursor, count)?);
        }
        let mut page = Page {
            entries: Vec::new(),
            next: cursor.map(str::to_owned),
        };
        for _ in 0..LOOKED_AT_MAX {
            let next = page.next.as_deref();
            let admits = |classes: &Classes| filter.admits(classes);
            let found = self
                .store()
                .conflicts_admitted(caller.context(), next, 1, &admits)?;
            page.entries.extend(found.entries);
            page.next = found.next;
            if page.next.is_none() || page.entries.len() >= count {
                return Ok(page);
            }
        }
        Err(RecordError::TooCostly)
    }

    /// How many records with open conflicts there are for this caller.
    pub(crate) fn door_conflict_count(&self, caller: &Caller) -> Result<u64, RecordError> {
        let filter = self.allow(caller, Action::ConflictList, &Target::AllRecords)?;
        if filter.is_open() {
            return Ok(self.store().stats()?.conflicted_records);
        }
        let found = self.door_conflicts(caller, None, LOOKED_AT_MAX)?;
        Ok(found.entries.len() as u64)
    }

    /// How many records there are for this caller that are not deleted, and how many of them have open conflicts.
    pub(crate) fn door_counts(&self, caller: &Caller) -> Result<(u64, u64), StatusError> {
        self.allow(caller, Action::StatusView, &Target::Node)?;
        let store = self.store();
        // The node is nobody's record: what narrows the numbers is what the caller is cleared for.
        let clearance = caller.clearance();
        if *clearance == Clearance::All {
            let stats = store.stats()?;
            return Ok((stats.records, stats.conflicted_records));
        }
        let admits = |classes: &Classes| clearance.covers(classes);
        let (mut records, mut conflicts) = (0, 0);
        for key in store.keys()? {
            let living = store.raw(&key)?;
            records += living.iter().filter(|(_, classes)| admits(classes)).count() as u64;
            conflicts += u64::from(
                store
                    .conflict_admitted(caller.context(), &key, &admits)?
                    .is_some(),
            );
        }
        Ok((records, conflicts))
    }

    /// Every record that is not deleted, as an export writes it; `with` hears how many there are in all for this
    /// caller.
    pub(crate) fn door_each(
        &self,
        caller: &Caller,
        with: &mut dyn FnMut(&Json, u64) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        let filter = self.allow(caller, Action::RecordExport, &Target::AllRecords)?;
        let keys = self.store().keys()?;
        let admitted = |key: &RecordKey| -> Result<Vec<Json>, RecordError> {
            let found = self.store().raw(key)?.into_iter();
            Ok(found
                .filter(|(_, classes)| filter.admits(classes))
                .map(|(json, _)| json)
                .collect())
        };
        let mut total = keys.len() as u64;
        if !filter.is_open() {
            // How many are kept back may not be told by a total that is too great.
            total = 0;
            for key in &keys {
                total += admitted(key)?.len() as u64;
            }
        }
        for key in &keys {
            // Deleted, or labelled, since the keys were listed: nothing to write.
            for json in admitted(key)? {
                with(&json, total)?;
            }
        }
        Ok(())
    }

    /// What stands under a key, deleted records left out: several of one id where they collide.
    pub(crate) fn door_sides(
        &self,
        caller: &Caller,
        action: Action,
        key: &RecordKey,
    ) -> Result<Vec<Json>, RecordError> {
        let filter = self.allow(caller, action, &Target::Kind(key.kind()))?;
        let all = self.store().raw(key)?.into_iter();
        Ok(all
            .filter(|(_, classes)| filter.admits(classes))
            .map(|(json, _)| json)
            .collect())
    }

    /// Whether there is such a record, for what refers to it; no more of it is told. It is told of one that is
    /// kept back too: what refers to it already must stay changeable.
    pub(crate) fn door_has(&self, key: &RecordKey) -> Result<bool, RecordError> {
        Ok(self.store().contains(key)?)
    }

    /// Whether no record has ever had this key here.
    pub(crate) fn door_is_free(&self, key: &RecordKey) -> Result<bool, RecordError> {
        Ok(self.store().heads(key)?.is_empty())
    }
}
