//! List conflicts and decide one.

use chaski_json::Json;
use chaski_store::{Base, ConflictEntry, ConflictItem, RecordKey, VersionId, Write};

use super::error::ConflictError;
use super::row::{ConflictPage, ConflictRow};
use crate::policy_decision::{Action, Target, is_allowed};
use crate::record::RecordError;
use crate::{Caller, Clinic};

/// How a conflict is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// One of the listed values, counted from 1.
    Pick(usize),
    /// Another value altogether; `Null` removes.
    Value(Json),
}

/// What a decision has come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// The record's version now.
    pub version: String,
    /// The records, as `Type/id`, that were given an id of their own.
    pub apart: Vec<String>,
}

/// Records of a page at most.
const PAGE_RECORDS_MAX: usize = 100;

impl Clinic {
    /// A page of open conflicts; `limit` counts records.
    ///
    /// # Errors
    /// [`ConflictError`].
    pub fn conflict_list(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ConflictPage, ConflictError> {
        self.allow(caller, Action::ConflictList, &Target::AllRecords)?;
        let found = self.door_conflicts(caller, cursor, limit.clamp(1, PAGE_RECORDS_MAX))?;
        let mut page = ConflictPage {
            next: found.next,
            total: self.door_conflict_count(caller)?,
            ..ConflictPage::default()
        };
        for entry in &found.entries {
            page.rows.extend(self.conflict_rows(caller, entry)?);
        }
        page.rows.sort_by_key(|row| !row.critical);
        self.audit(caller, Action::ConflictList, None)?;
        Ok(page)
    }

    /// How many records have open conflicts; `None` for a caller to whom none are listed.
    ///
    /// # Errors
    /// The store's.
    pub fn conflict_count(&self, caller: &Caller) -> Result<Option<u64>, RecordError> {
        if !is_allowed(caller, Action::ConflictList, &Target::AllRecords) {
            return Ok(None);
        }
        Ok(Some(self.door_conflict_count(caller)?))
    }

    /// The open conflicts of one record.
    ///
    /// # Errors
    /// [`ConflictError`].
    pub fn conflict_view(&self, caller: &Caller, key: &RecordKey) -> Result<Vec<ConflictRow>, ConflictError> {
        self.allow(caller, Action::ConflictList, &Target::Kind(key.kind()))?;
        self.audit(caller, Action::ConflictList, Some(key))?;
        match self.door_conflict(caller, Action::ConflictList, key)? {
            Some(entry) => self.conflict_rows(caller, &entry),
            None => Ok(Vec::new()),
        }
    }

    /// Decides a conflict. `version`, when
    /// given, is the one the list showed: if the record has changed since,
    /// nothing is decided.
    ///
    /// # Errors
    /// [`ConflictError`].
    pub fn conflict_resolve(
        &self,
        caller: &Caller,
        key: &RecordKey,
        path: &str,
        choice: Choice,
        version: Option<&str>,
    ) -> Result<Decided, ConflictError> {
        self.allow(caller, Action::ConflictResolve, &Target::Kind(key.kind()))?;
        let entry = self
            .door_conflict(caller, Action::ConflictResolve, key)?
            .ok_or(ConflictError::NotOpen)?;
        if version.is_some_and(|version| version != entry.version.to_string()) {
            return Err(ConflictError::Changed);
        }
        let item = entry
            .items
            .iter()
            .find(|item| item.path == path)
            .ok_or(ConflictError::NotOpen)?;
        let reason = match choice {
            Choice::Pick(number) => self.reason_of_pick(caller, &entry, path, item, number)?,
            Choice::Value(_) => None,
        };
        let choice = match choice {
            Choice::Pick(number) => {
                let index = number.checked_sub(1).filter(|index| *index < item.values.len());
                chaski_store::Choice::Pick(index.ok_or(ConflictError::NoSuchValue(item.values.len()))?)
            }
            Choice::Value(Json::Null) => chaski_store::Choice::Remove,
            Choice::Value(value) => chaski_store::Choice::Value(value),
        };
        let resolve = Write::Resolve {
            key: key.clone(),
            path: path.to_owned(),
            listed: entry.version.clone(),
            choice,
        };
        let mut writes = vec![resolve];
        writes.extend(reason);
        match self.commit(caller, writes) {
            Ok(written) => Ok(Decided {
                version: written
                    .last()
                    .map(|written| written.version.to_string())
                    .unwrap_or_default(),
                apart: written
                    .iter()
                    .flat_map(|written| &written.apart)
                    .map(RecordKey::to_string)
                    .collect(),
            }),
            Err(RecordError::Entry { source, .. }) => match *source {
                RecordError::Stale { .. } => Err(ConflictError::Changed),
                error => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// FHIR's `statusReason` stands outside the group of a medicine's critical members and merges by
    /// itself. Who picks one version's status picks its reason: this writes it, if another stands.
    fn reason_of_pick(
        &self,
        caller: &Caller,
        entry: &ConflictEntry,
        path: &str,
        item: &ConflictItem,
        number: usize,
    ) -> Result<Option<Write>, ConflictError> {
        let side = number.checked_sub(1).and_then(|index| item.values.get(index));
        let (Some(side), MEDICATION_GROUP) = (side, path) else {
            return Ok(None);
        };
        let (key, action) = (&entry.key, Action::ConflictResolve);
        let picked = VersionId::of(std::slice::from_ref(&side.change));
        let picked = self.door_version(caller, action, key, &picked)?;
        let current = self.door_version(caller, action, key, &entry.version)?;
        let (Some(picked), Some(current)) = (picked, current) else {
            return Ok(None);
        };
        let reason = picked.json.get(STATUS_REASON);
        if picked.deleted || current.json.get(STATUS_REASON) == reason {
            return Ok(None);
        }
        let mut json = current.json;
        if let Some(members) = json.as_object_mut() {
            match reason {
                Some(reason) => members.insert(STATUS_REASON.to_owned(), reason.clone()),
                None => members.remove(STATUS_REASON),
            };
        }
        Ok(Some(Write::Put {
            key: key.clone(),
            json,
            // As it was listed: nothing but the reason differs from that, so nothing else is written.
            base: Base::Version(entry.version.clone()),
            resolution: false,
        }))
    }
}

const MEDICATION_GROUP: &str = "!group/medication";
const STATUS_REASON: &str = "statusReason";
