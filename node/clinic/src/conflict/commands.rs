//! List conflicts and decide one.

use chaski_json::Json;
use chaski_store::{Context, RecordKey, Write};
use thiserror::Error;

use super::{ConflictPage, ConflictRow};
use crate::Clinic;
use crate::policy_decision::{Action, Denied, Target};
use crate::record::RecordError;

/// How a conflict is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// One of the listed values, counted from 1.
    Pick(usize),
    /// Another value altogether; `Null` removes.
    Value(Json),
}

/// Why a conflict was not decided.
#[derive(Debug, Error)]
pub enum ConflictError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No conflict is open at this path.
    #[error("no conflict is open at this path of the record")]
    NotOpen,
    /// The pick is not one of the listed values.
    #[error("pick one of the {0} values listed")]
    NoSuchValue(usize),
    /// The record changed since it was listed.
    #[error("the record changed since it was listed: look again")]
    Changed,
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
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
        ctx: &Context,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<ConflictPage, ConflictError> {
        self.allow(ctx, Action::ConflictList, &Target::AllRecords)?;
        let found = self
            .store()
            .conflicts(ctx, cursor, limit.clamp(1, PAGE_RECORDS_MAX))
            .map_err(RecordError::from)?;
        let mut page = ConflictPage {
            next: found.next,
            total: self
                .store()
                .stats()
                .map_err(RecordError::from)?
                .conflicted_records,
            ..ConflictPage::default()
        };
        for entry in &found.entries {
            page.rows.extend(self.conflict_rows(ctx, entry)?);
        }
        page.rows.sort_by_key(|row| !row.critical);
        self.audit(ctx, Action::ConflictList, None)?;
        Ok(page)
    }

    /// The open conflicts of one record.
    ///
    /// # Errors
    /// [`ConflictError`].
    pub fn conflict_view(&self, ctx: &Context, key: &RecordKey) -> Result<Vec<ConflictRow>, ConflictError> {
        self.allow(ctx, Action::ConflictList, &Target::Kind(key.kind()))?;
        self.audit(ctx, Action::ConflictList, Some(key))?;
        match self.store().conflict(ctx, key).map_err(RecordError::from)? {
            Some(entry) => self.conflict_rows(ctx, &entry),
            None => Ok(Vec::new()),
        }
    }

    /// Decides a conflict; answers the record's new version. `version`, when
    /// given, is the one the list showed: if the record has changed since,
    /// nothing is decided.
    ///
    /// # Errors
    /// [`ConflictError`].
    pub fn conflict_resolve(
        &self,
        ctx: &Context,
        key: &RecordKey,
        path: &str,
        choice: Choice,
        version: Option<&str>,
    ) -> Result<String, ConflictError> {
        self.allow(ctx, Action::ConflictResolve, &Target::Kind(key.kind()))?;
        let entry = self
            .store()
            .conflict(ctx, key)
            .map_err(RecordError::from)?
            .ok_or(ConflictError::NotOpen)?;
        if version.is_some_and(|version| version != entry.version.to_string()) {
            return Err(ConflictError::Changed);
        }
        let item = entry
            .items
            .iter()
            .find(|item| item.path == path)
            .ok_or(ConflictError::NotOpen)?;
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
            listed: entry.version,
            choice,
        };
        match self.commit_one(ctx, resolve) {
            Ok(written) => Ok(written.version.to_string()),
            Err(RecordError::Stale { .. }) => Err(ConflictError::Changed),
            Err(error) => Err(error.into()),
        }
    }
}
