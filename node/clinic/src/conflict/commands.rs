//! List conflicts and decide one.

use chaski_json::Json;
use chaski_store::{Context, RecordKey};
use thiserror::Error;

use super::{ConflictPage, ConflictRow};
use crate::Clinic;
use crate::policy_decision::{Action, Denied, Target, decide};
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
        decide(ctx, Action::ConflictList, &Target::AllRecords)?;
        let _ = (cursor, limit);
        Ok(ConflictPage::default())
    }

    /// The open conflicts of one record.
    ///
    /// # Errors
    /// [`ConflictError`].
    pub fn conflict_view(&self, ctx: &Context, key: &RecordKey) -> Result<Vec<ConflictRow>, ConflictError> {
        decide(ctx, Action::ConflictList, &Target::Kind(key.kind()))?;
        Ok(Vec::new())
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
        decide(ctx, Action::ConflictResolve, &Target::Kind(key.kind()))?;
        let _ = (path, choice, version);
        Ok(String::new())
    }
}
