//! Why a record operation did not happen.

use chaski_fhir::search::SearchError;
use chaski_fhir::validate::{Issue, Severity};
use chaski_store::{RecordKey, StoreError};
use thiserror::Error;

use crate::policy_decision::Denied;

/// The first thing that keeps a record out, and how many more there are.
fn in_brief(issues: &[Issue]) -> String {
    let errors = issues.iter().filter(|issue| issue.severity == Severity::Error);
    let more = errors.clone().count().saturating_sub(1);
    let first = errors.clone().next().or_else(|| issues.first());
    let mut text = match first {
        Some(issue) if issue.expression.is_empty() => issue.diagnostics.clone(),
        Some(issue) => format!("{}: {}", issue.expression, issue.diagnostics),
        None => String::new(),
    };
    if more > 0 {
        text.push_str(&format!(" (and {more} more)"));
    }
    text
}

/// Why a record operation did not happen. `Display` names types, ids and
/// paths, never values of a record.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// No record has this key here.
    #[error("{0} is not known here")]
    NotFound(RecordKey),
    /// The record was deleted.
    #[error("{key} was deleted")]
    Gone {
        /// The record that was deleted.
        key: RecordKey,
        /// The version that deleted it.
        version: String,
    },
    /// The record has no such version here.
    #[error("{0} has no such version here")]
    VersionNotFound(RecordKey),
    /// Not a resource type of FHIR R4.
    #[error("'{0}' is not a resource type of FHIR R4")]
    UnknownKind(String),
    /// Not a FHIR id.
    #[error("an id has 1 to 64 characters of A-Z a-z 0-9 - .")]
    BadId,
    /// An id that other systems may use for something else.
    #[error(
        "the id of this {0} is no UUID, and another system may use the same id for something else: send it with POST to get an id, use a UUID (lower case), import it with --id-prefix, or, if the whole network agrees on its ids, import it with --accept-ids or set records.accept_ids in the configuration"
    )]
    ForeignId(String),
    /// The body and the URL name different records.
    #[error("the body is {body} but the URL says {url}")]
    KeyMismatch {
        /// `Type/id` of the body.
        body: String,
        /// `Type/id` of the URL.
        url: String,
    },
    /// The body of an update does not say which record it is.
    #[error("the body has no id: it must carry the one of the URL, {url}")]
    IdMissing {
        /// The type of the record in the body.
        kind: String,
        /// `Type/id` of the URL.
        url: String,
    },
    /// What was sent is no JSON object with a resourceType.
    #[error("the body is not a FHIR resource: it must be a JSON object with a resourceType")]
    NotAResource,
    /// It breaks the rules of its type.
    #[error("the {kind} is not valid: {}", in_brief(.issues))]
    Invalid {
        /// The type of the record.
        kind: String,
        /// What was found.
        issues: Vec<Issue>,
    },
    /// It refers to something that is not here.
    #[error("{kind} refers to {reference}, which is not known here")]
    ReferenceMissing {
        /// The type of the record that refers.
        kind: String,
        /// `Type/id`, or the conditional reference's type.
        reference: String,
    },
    /// A conditional reference or interaction matched more than one record.
    #[error("the condition on {0} matches more than one record")]
    MultipleMatches(String),
    /// A conditional reference matched nothing.
    #[error("the condition on {0} matches no record")]
    NoMatch(String),
    /// The version named by the writer is not the current one.
    #[error("{}", stale_text(.current))]
    Stale {
        /// The record that was to be written.
        key: RecordKey,
        /// The version that is current; empty where there is none.
        current: String,
    },
    /// While a conditional write was checked, another writer made or changed what its condition is about.
    #[error("a {0} that the condition is about was made or changed meanwhile: send it again")]
    Matched(String),
    /// The writer wanted to create what exists.
    #[error("{0} exists already")]
    Exists(RecordKey),
    /// The change would decide a safety-critical conflict in passing.
    #[error("{key} has an open conflict at {path}: resolve it first, then change it")]
    ConflictOpen {
        /// The record in conflict.
        key: RecordKey,
        /// Where in the record the conflict is.
        path: String,
    },
    /// Records of different patients stand under this id.
    #[error("{0} is the id of records of different patients: decide first which of them keeps it")]
    Collision(RecordKey),
    /// The query cannot be answered.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// The query needs more work than one request gets.
    #[error("the search looks at too many records: narrow it, for instance by patient or by code")]
    TooCostly,
    /// A cursor that this node did not make.
    #[error("the page cursor is not valid: start again from the first page")]
    BadCursor,
    /// The bundle's own form is wrong.
    #[error("the bundle cannot be processed: {0}")]
    Bundle(String),
    /// One entry of a transaction failed, so nothing was done.
    #[error("entry {index}: {source}")]
    Entry {
        /// Counted from 0.
        index: usize,
        /// What was wrong.
        #[source]
        source: Box<RecordError>,
    },
    /// More than one request, body or bundle may hold.
    #[error("too large: {0}")]
    TooLarge(String),
    /// The disk is nearly full: reading, exporting and syncing go on.
    #[error(
        "the disk is nearly full: this node takes no new records until there is room; reading and syncing go on"
    )]
    DiskFull,
    /// The record cannot take the change, for the reason given.
    #[error("{0}")]
    Refused(String),
    /// What was to be written out could not be.
    #[error("writing out failed: {0}")]
    Output(std::io::ErrorKind),
    /// The store's own.
    #[error("the store could not do it")]
    Store(#[source] StoreError),
}

impl From<StoreError> for RecordError {
    fn from(error: StoreError) -> RecordError {
        match error {
            StoreError::DiskFull => RecordError::DiskFull,
            StoreError::Cursor => RecordError::BadCursor,
            other => RecordError::Store(other),
        }
    }
}

impl From<chaski_store::SearchError> for RecordError {
    fn from(error: chaski_store::SearchError) -> RecordError {
        match error {
            chaski_store::SearchError::Store(error) => error.into(),
            chaski_store::SearchError::TooCostly => RecordError::TooCostly,
            chaski_store::SearchError::Cursor => RecordError::BadCursor,
            chaski_store::SearchError::Sort(param) => RecordError::Search(SearchError::Unsupported {
                param,
                reason: "sorting by it is not supported",
            }),
            chaski_store::SearchError::Chain(param) => RecordError::Search(SearchError::Unsupported {
                param,
                reason: "chained parameters are not supported here",
            }),
        }
    }
}

fn stale_text(current: &str) -> String {
    match current {
        "" => "there is no such record here, so no version of it is current".to_owned(),
        version => format!("the record has changed: its current version is {version}"),
    }
}

impl RecordError {
    /// This error, said of one entry of a bundle.
    #[must_use]
    pub(crate) fn at_entry(self, index: usize) -> RecordError {
        RecordError::Entry {
            index,
            source: Box::new(self),
        }
    }
}
