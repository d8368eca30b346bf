//! What can go wrong above the store, sorted by what the caller can do about it.
//!
//! Invariants: a message is meant for a person, names no patient and carries no clinical value; its
//! kind maps to exactly one exit code of the command, which outside scripts rely on.

use chaski_clinic::record::RecordError;
use chaski_store::StoreError;
use serde::{Deserialize, Serialize};

/// An error of the node, its commands or its admin socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum NodeError {
    /// The operation failed; nothing else is known about why a retry would help.
    #[error("{0}")]
    Failed(String),
    /// The request itself makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The exchange ended with different fingerprints, or with changes in quarantine.
    #[error("{0}")]
    NotInSync(String),
    /// Stored data is damaged.
    #[error("{0}")]
    Damage(String),
    /// No key, or the wrong one.
    #[error("{0}")]
    Key(String),
    /// The directory is in use by another process that doesn't answer, or waits to be unlocked.
    #[error("{0}")]
    Locked(String),
}

impl NodeError {
    /// The exit code of the command that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::NotInSync(_) => 3,
            Self::Damage(_) => 4,
            Self::Key(_) => 5,
            Self::Locked(_) => 6,
        }
    }

    /// An I/O failure while doing `what`.
    pub fn io(what: &str, error: &std::io::Error) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }

    /// A failure while doing `what`, for errors that have nothing more to tell a program.
    pub fn failed(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Failed(format!("{what}: {error}"))
    }
}

/// What the clinic's refusal of a record means to the operator.
pub(crate) fn record_error(error: &RecordError) -> NodeError {
    match error {
        RecordError::Store(store) => store_error(store),
        RecordError::Invalid { kind, issues } => {
            let places: Vec<String> = issues
                .iter()
                .take(10)
                .map(|issue| format!("{}: {}", issue.expression, issue.diagnostics))
                .collect();
            let count = issues.len();
            NodeError::Failed(format!(
                "the {kind} is not valid, {count} issues:\n  {}",
                places.join("\n  ")
            ))
        }
        RecordError::Collision(_) => NodeError::Failed(format!(
            "{error}: `chaski conflicts` lists them, and `chaski get --version V` prints one of them"
        )),
        RecordError::Stale { .. } | RecordError::ConflictOpen { .. } => NodeError::Failed(error.to_string()),
        RecordError::BadId | RecordError::UnknownKind(_) => NodeError::Failed(error.to_string()),
        other => NodeError::Failed(other.to_string()),
    }
}

/// What a failure of the store means to the operator.
pub(crate) fn store_error(error: &StoreError) -> NodeError {
    match error {
        StoreError::Form { .. } => NodeError::Failed(error.to_string()),
        StoreError::Damaged(_) => NodeError::Damage(format!("{error}; `chaski doctor` says more")),
        StoreError::DiskFull => NodeError::Failed(
            "the disk is nearly full: reading, exporting and syncing out go on, writing does not".to_owned(),
        ),
        other => NodeError::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_published_ones() {
        let text = String::new;
        let codes = [
            NodeError::Failed(text()),
            NodeError::Usage(text()),
            NodeError::NotInSync(text()),
            NodeError::Damage(text()),
            NodeError::Key(text()),
            NodeError::Locked(text()),
        ]
        .map(|error| error.exit_code());
        assert_eq!(codes, [1, 2, 3, 4, 5, 6]);
    }
}
