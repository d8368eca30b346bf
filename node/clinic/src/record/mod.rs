//! Records as FHIR knows them: read, search, history, create, update, delete,
//! bundles, import and export. `http` and `cli` are thin over this.
//!
//! Invariants: what is written was validated and its references were looked
//! at; a transaction is one atomic commit or nothing; ids made here are
//! UUIDv7; an id from outside is a UUID or is refused, unless the node was
//! told to accept ids.

mod bundle;
mod carry;
mod error;
mod export;
mod import;
mod prepare;
mod read;
mod resolve;
#[cfg(test)]
mod tests;
mod write;

pub use bundle::{
    BUNDLE_ENTRIES_MAX, BUNDLE_READ_BYTES_MAX, BundleKind, BundleResult, EntryOutcome, etag_version,
    if_match_version,
};
pub use error::RecordError;
pub use export::ExportReport;
pub(crate) use import::invalid_leaves;
pub use import::{
    ImportError, ImportNote, ImportOptions, ImportProgress, ImportReport, ImportSession, NoteKind, Spool,
};
pub(crate) use prepare::Pending;
pub(crate) use read::known_kind;
pub use read::{
    HistoryEntry, HistoryOf, HistoryPage, PAGE_RECORDS_DEFAULT, PAGE_RECORDS_MAX, SearchOptions, SearchPage,
};
pub(crate) use write::already;
pub use write::{ANY_VERSION, CreateOptions, UpdateOptions};

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature::new(
    "record",
    &[
        "parcel_allowed",
        "parcel_ask",
        "bundle_process",
        "parcel_read",
        "parcel_write",
        "record_create",
        "record_delete",
        "record_delete_where",
        "record_export",
        "record_history",
        "record_import",
        "record_read",
        "record_search",
        "record_update",
        "record_update_where",
        "record_validate",
        "record_vread",
        "record_written",
    ],
);
