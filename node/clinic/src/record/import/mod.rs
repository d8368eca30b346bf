//! Bring in records from Bundles, Parameters and NDJSON.
//!
//! All files are read first, and then written: only who has read all knows which of two versions is the newer one, and
//! whether a reference names somebody. What is read waits in a [`Spool`].
//!
//! Invariants:
//! - UUID ids are kept; other ids need a prefix or the statement that they are
//!   network-wide; what has no id gets one that depends only on its content, its
//!   place among equals of its file or its condition, so that importing twice, here or
//!   at two sites, makes the same records once;
//! - of several versions of a record the newest is current afterwards, by the time of the system they come from, else
//!   by the order of a history, else by the order of the files; an older copy never replaces a newer one that an import
//!   wrote and nobody has changed since (CR-121);
//! - content that a record has held before is not written again: an import
//!   never undoes an edit made since, and says where what is here differs;
//! - what is brought only if there is none (`ifNoneExist`) leaves what is here as it is;
//! - what an entry asks for (`request`) is done or refused by name;
//! - a record that names a refused patient whom nobody here knows is refused (CR-122); every other reference that names
//!   nobody is told;
//! - a transaction bundle with an entry that can't be read as a record is refused whole.

mod before;
mod entry;
mod incoming;
mod leaves;
mod names;
mod note;
mod order;
mod pass;
mod read;
mod settle;
mod spool;
mod stamps;
mod unpack;
mod writer;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chaski_fhir::id;
use chaski_store::RecordKey;
use thiserror::Error;

use self::incoming::{Incoming, Place};
use self::names::{Absent, NameHash, Names};
use self::order::Slot;
use self::spool::InMemory;
use self::writer::{Unit, Writer};
use super::RecordError;
use crate::policy_decision::{Action, Denied, Target};
use crate::{Caller, Clinic};

pub(crate) use self::leaves::invalid_leaves;
pub use self::note::{ImportNote, NoteKind};
pub use self::spool::Spool;

/// A bundle's or line's largest size, in bytes.
pub const IMPORT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Writes handed to the store at once: enough for it to prepare one group while
/// it commits another.
const BATCH_RECORDS: usize = 2_048;
/// Records and names of one run, at most.
const NAMES_MAX: usize = 10_000_000;
/// Numbers of records remembered for references and conditions, at most.
const IDENTIFIERS_MAX: usize = 2_000_000;
/// Refusals kept in the report; all are told as they come.
const REFUSALS_LISTED_MAX: usize = 100;

/// How an import takes what it is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Put before every id that is no UUID, in records and references.
    pub id_prefix: Option<String>,
    /// Take ids as they are: they mean the same thing everywhere.
    pub accept_ids: bool,
    /// Refuse a record with any invalid leaf, instead of carrying and marking leaves beside what it means.
    pub strict: bool,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Whether the files are still being read; then they are written.
    pub is_reading: bool,
    /// Records that are read, or then done, taken or refused.
    pub records: u64,
    /// Bytes of the file read (uncompressed).
    pub bytes: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Versions of records that were looked at to be written, deletions included.
    pub records: u64,
    /// Records that are new here.
    pub created: u64,
    /// Records that were here and are changed.
    pub updated: u64,
    /// Records that are deleted.
    pub deleted: u64,
    /// Exactly so here already, or a version that the record has had before the current one.
    pub unchanged: u64,
    /// What is here differs and stays: changed or deleted here since, or newer.
    pub kept: u64,
    /// Records that were not taken.
    pub refused: u64,
    /// Records that were taken with leaves that are not valid.
    pub marked: u64,
    /// References that lead to a record here.
    pub links: u64,
    /// References to records that are not here (yet).
    pub dangling: u64,
    /// Records that are here now as the files have them or newer, by their kind; each once.
    pub kinds: BTreeMap<String, u64>,
    /// The first refusals: where, and why.
    pub refusals: Vec<(String, String)>,
}

/// Why an import stopped.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The id prefix would make no FHIR ids.
    #[error("an id prefix has 1 to 20 characters of A-Z a-z 0-9 - .")]
    Prefix,
    /// Whoever asked for it wants no more of it.
    #[error("the import was stopped; what was taken is kept")]
    Stopped,
    /// The file could not be read.
    #[error("{file}: reading failed: {kind}")]
    Read {
        /// The file, as it was named to the import.
        file: String,
        /// What the operating system said.
        kind: std::io::ErrorKind,
    },
    /// The file is neither a Bundle, a resource nor NDJSON.
    #[error("{file}: {reason}")]
    Format {
        /// The file, as it was named to the import.
        file: String,
        /// What is wrong, with its position.
        reason: String,
    },
    /// There is no room to keep what was read until all is.
    #[error("what was read could not be kept until all is read: {0}")]
    Spool(std::io::ErrorKind),
    /// More than one run takes.
    #[error("one import takes at most {NAMES_MAX} records and names: give it fewer files at a time")]
    TooMany,
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// An import over one or more files; what they hold is written at the end.
pub struct ImportSession<'a> {
    clinic: &'a Clinic,
    caller: Caller,
    options: ImportOptions,
    names: Names,
    /// Keys that conditions came to, by kind and condition.
    conditions: HashMap<NameHash, RecordKey>,
    /// How many equal records without ids came in the file at hand.
    equals: HashMap<NameHash, u32>,
    /// Of records under ids that are no UUIDs: which server each comes from, where its file says so.
    servers: HashMap<NameHash, NameHash>,
    bundles: u64,
    /// What was looked for here while the files are written, and is not here.
    absent: Absent,
    spool: Box<dyn Spool + 'a>,
    slots: Vec<Slot>,
    batch: Vec<Unit>,
    batch_records: usize,
    writer: Writer,
    report: ImportReport,
    bytes: u64,
    is_stopped: Box<dyn Fn() -> bool + 'a>,
    tell: Box<dyn FnMut(&ImportNote) + 'a>,
}

impl Clinic {
    /// Begins an import.
    ///
    /// # Errors
    /// [`ImportError::Denied`] or [`ImportError::Prefix`].
    pub fn record_import(
        &self,
        caller: &Caller,
        options: ImportOptions,
    ) -> Result<ImportSession<'_>, ImportError> {
        self.allow(caller, Action::RecordImport, &Target::AllRecords)?;
        if let Some(prefix) = &options.id_prefix
            && (prefix.len() > 20 || !id::is_fhir_id(prefix))
        {
            return Err(ImportError::Prefix);
        }
        Ok(ImportSession {
            clinic: self,
            caller: caller.clone(),
            options,
            names: Names::default(),
            conditions: HashMap::new(),
            equals: HashMap::new(),
            servers: HashMap::new(),
            bundles: 0,
            absent: Absent::new(),
            spool: Box::new(InMemory::default()),
            slots: Vec::new(),
            batch: Vec::new(),
            batch_records: 0,
            writer: Writer::start(self, caller),
            report: ImportReport::default(),
            bytes: 0,
            is_stopped: Box::new(|| false),
            tell: Box::new(|_| {}),
        })
    }
}

impl<'a> ImportSession<'a> {
    /// Asks `is_stopped` before each record whether to go on.
    #[must_use]
    pub fn stop_when(mut self, is_stopped: impl Fn() -> bool + 'a) -> Self {
        self.is_stopped = Box::new(is_stopped);
        self
    }

    /// Keeps what is read in `spool` instead of in memory.
    #[must_use]
    pub fn spooled(mut self, spool: Box<dyn Spool + 'a>) -> Self {
        self.spool = spool;
        self
    }

    /// Hears of every entry that was refused, marked or kept, and of every reference that names nobody.
    #[must_use]
    pub fn tell_all(mut self, tell: impl FnMut(&ImportNote) + 'a) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// [`ImportError::Stopped`] once nobody wants more of it.
    fn go_on(&self) -> Result<(), ImportError> {
        match (self.is_stopped)() {
            true => Err(ImportError::Stopped),
            false => Ok(()),
        }
    }

    fn tick(&self, is_reading: bool, progress: &mut dyn FnMut(ImportProgress)) {
        progress(ImportProgress {
            is_reading,
            records: match is_reading {
                true => self.slots.len() as u64,
                false => self.report.records,
            },
            bytes: self.bytes,
        });
    }

    fn note(&mut self, note: &ImportNote) {
        (self.tell)(note);
    }

    /// Counts and tells a refusal.
    fn refuse(&mut self, place: &Place, of: (&str, &str), reason: String) {
        self.report.refused += 1;
        if self.report.refusals.len() < REFUSALS_LISTED_MAX {
            self.report.refusals.push((place.to_string(), reason.clone()));
        }
        self.note(&ImportNote::new(NoteKind::Refused, place, of, reason));
    }

    fn say(&mut self, place: &Place, of: (&str, &str), reason: String) {
        self.note(&ImportNote::new(NoteKind::Said, place, of, reason));
    }

    /// The name of a file, told with each place in it.
    fn file_name(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    /// Keeps a version of a record until all is read.
    fn keep(&mut self, incoming: &Incoming) -> Result<(), ImportError> {
        if self.names.len() >= NAMES_MAX {
            return Err(ImportError::TooMany);
        }
        let hash = self.names.record(&incoming.key);
        let place = self
            .spool
            .append(&incoming.to_piece())
            .map_err(|error| ImportError::Spool(error.kind()))?;
        self.slots.push(Slot {
            hash,
            place,
            is_patient: incoming.key.kind() == "Patient",
            stamp: incoming.stamp,
        });
        Ok(())
    }
}
