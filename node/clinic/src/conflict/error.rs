//! Why a conflict was not decided.

use thiserror::Error;

use crate::policy_decision::Denied;
use crate::record::RecordError;

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
