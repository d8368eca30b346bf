//! Bring in records from Bundles and NDJSON.
//!
//! Invariants:
//! - UUID ids are kept; other ids need a prefix or the statement that they are
//!   network-wide; what has no id gets one that depends only on its content or
//!   condition, so that importing twice, here or at two sites, makes the same
//!   records once;
//! - content that a record has held before is not written again: an import
//!   never undoes an edit made since;
//! - what is brought only if there is none (`ifNoneExist`) leaves what is here as it is;
//! - a transaction bundle with an invalid entry is refused whole.

mod entry;
mod incoming;
mod settle;
mod writer;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::{BufRead, Read};

use chaski_fhir::{id, reference};
use chaski_json::{Json, Limits};
use chaski_store::RecordKey;
use thiserror::Error;
use uuid::Uuid;

use self::incoming::Incoming;
use self::writer::{BatchReport, Writer};
use super::RecordError;
use crate::policy_decision::{Action, Denied, Target};
use crate::{Caller, Clinic};

/// A bundle's or line's largest size, in bytes.
pub const IMPORT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Writes handed to the store at once: enough for it to prepare one group while
/// it commits another.
const BATCH_RECORDS: usize = 2_048;
/// Records that wait for what they refer to, at most.
const DEFERRED_RECORDS_MAX: usize = 200_000;
/// UUIDs remembered for references between files, at most.
const NAMES_MAX: usize = 10_000_000;
/// Identifiers remembered for conditional references, at most.
const IDENTIFIERS_MAX: usize = 2_000_000;
/// Refusals listed; the rest are counted.
const REFUSALS_LISTED_MAX: usize = 100;

/// How ids from outside are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Put before every id that is no UUID, in records and references.
    pub id_prefix: Option<String>,
    /// Take ids as they are: they mean the same thing everywhere.
    pub accept_ids: bool,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportProgress {
    /// Records that are done, taken or refused.
    pub records: u64,
    /// Bytes of the file read (uncompressed).
    pub bytes: u64,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Records read from the file.
    pub records: u64,
    /// Records that are new here.
    pub created: u64,
    /// Records that were here and are changed.
    pub updated: u64,
    /// Here already, or changed here since they were imported.
    pub unchanged: u64,
    /// Records that were not taken.
    pub refused: u64,
    /// References to records that are not here (yet).
    pub dangling: u64,
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
    /// A bundle was refused whole.
    #[error("{file}: {source}")]
    Bundle {
        /// The file, as it was named to the import.
        file: String,
        /// What was wrong.
        #[source]
        source: RecordError,
    },
    /// The record service's own.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A resource that waits for what it refers to, as text: a tree takes several
/// times the memory.
struct Deferred {
    place: String,
    key: RecordKey,
    text: String,
    is_if_none: bool,
}

/// An import over one or more files; what refers across them is settled at the
/// end.
pub struct ImportSession<'a> {
    clinic: &'a Clinic,
    caller: Caller,
    options: ImportOptions,
    identifiers: HashMap<u64, RecordKey>,
    names: HashMap<Uuid, u16>,
    kinds: Vec<String>,
    deferred: VecDeque<Deferred>,
    batch: Vec<Incoming>,
    writer: Writer,
    report: ImportReport,
    bytes: u64,
    is_stopped: Box<dyn Fn() -> bool + 'a>,
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
            identifiers: HashMap::new(),
            names: HashMap::new(),
            kinds: Vec::new(),
            deferred: VecDeque::new(),
            batch: Vec::new(),
            writer: Writer::start(self, caller),
            report: ImportReport::default(),
            bytes: 0,
            is_stopped: Box::new(|| false),
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

    /// [`ImportError::Stopped`] once nobody wants more of it.
    fn go_on(&self) -> Result<(), ImportError> {
        match (self.is_stopped)() {
            true => Err(ImportError::Stopped),
            false => Ok(()),
        }
    }

    /// Takes one file: a Bundle, a resource, or NDJSON of either, uncompressed.
    /// What it holds is durable at the latest when [`ImportSession::finish`]
    /// returns.
    ///
    /// # Errors
    /// [`ImportError`]; what was taken before stays, and the next file can be
    /// taken.
    pub fn file(
        &mut self,
        name: &str,
        reader: &mut dyn BufRead,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        let read_error = |error: std::io::Error| ImportError::Read {
            file: name.to_owned(),
            kind: error.kind(),
        };
        let mut first = Vec::new();
        let mut line_number = 0_u64;
        while first.iter().all(u8::is_ascii_whitespace) {
            first.clear();
            line_number += 1;
            if bounded_line(reader, &mut first).map_err(read_error)? == 0 {
                return Ok(());
            }
        }
        let limits = Limits {
            bytes_max: IMPORT_BYTES_MAX,
            ..Limits::default()
        };
        if let Ok(json) = chaski_json::parse(first.trim_ascii_end(), &limits) {
            // The first line is a value of its own: NDJSON, or one value on one line.
            self.value(name, line_number, json, first.len(), progress)?;
            let mut line = Vec::new();
            loop {
                line.clear();
                line_number += 1;
                if bounded_line(reader, &mut line).map_err(read_error)? == 0 {
                    self.tick(progress);
                    return Ok(());
                }
                let text = line.trim_ascii();
                if text.is_empty() {
                    continue;
                }
                match chaski_json::parse(text, &limits) {
                    Ok(json) => self.value(name, line_number, json, line.len(), progress)?,
                    Err(error) => self.refuse(format!("{name}:{line_number}"), error.to_string()),
                }
            }
        }
        let left = (IMPORT_BYTES_MAX + 1).saturating_sub(first.len()) as u64;
        reader.take(left).read_to_end(&mut first).map_err(read_error)?;
        let json = chaski_json::parse(&first, &limits).map_err(|error| ImportError::Format {
            file: name.to_owned(),
            reason: error.to_string(),
        })?;
        self.value(name, 1, json, first.len(), progress)?;
        self.tick(progress);
        Ok(())
    }

    /// Settles what waited for other files and answers what was done.
    ///
    /// # Errors
    /// [`ImportError`]; what was taken before stays.
    pub fn finish(mut self, progress: &mut dyn FnMut(ImportProgress)) -> Result<ImportReport, ImportError> {
        // Conditions look in the store too: all that was read must be in it.
        self.settle_writes(progress)?;
        while let Some(deferred) = self.deferred.pop_front() {
            self.undefer(deferred, progress)?;
        }
        self.settle_writes(progress)?;
        Ok(self.report)
    }

    /// Settles a deferred resource as far as it can be.
    fn undefer(
        &mut self,
        deferred: Deferred,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        self.go_on()?;
        let Deferred {
            place,
            key,
            text,
            is_if_none,
        } = deferred;
        let parsed = chaski_json::parse(text.as_bytes(), &Limits::default());
        let Ok(mut json) = parsed else {
            self.refuse(place, "it could not be read again".to_owned());
            return Ok(());
        };
        match self.settle(&mut json, true) {
            Ok(_) => self.push(
                Incoming {
                    place,
                    key,
                    json,
                    is_if_none,
                },
                progress,
            ),
            Err(error) => {
                self.refuse(place, error.to_string());
                Ok(())
            }
        }
    }

    fn value(
        &mut self,
        name: &str,
        line: u64,
        json: Json,
        bytes: usize,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        self.bytes += bytes as u64;
        if json.get("resourceType").and_then(Json::as_str) == Some("Bundle") {
            return self.bundle(name, json, progress);
        }
        let place = format!("{name}:{line}");
        match self.one(place.clone(), json) {
            Ok(incoming) => {
                self.remember(&incoming);
                self.arrive(incoming, progress)
            }
            Err(error) => {
                self.refuse(place, error.to_string());
                Ok(())
            }
        }
    }

    fn bundle(
        &mut self,
        name: &str,
        mut bundle: Json,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        let refused = |source: RecordError| ImportError::Bundle {
            file: name.to_owned(),
            source,
        };
        let whole = matches!(bundle.get("type").and_then(Json::as_str), Some("transaction"));
        let Some(Json::Array(entries)) = bundle.get_mut("entry").map(Json::take) else {
            return Ok(());
        };
        let mut names = BTreeMap::new();
        let mut incoming = Vec::with_capacity(entries.len());
        for (index, mut entry) in entries.into_iter().enumerate() {
            // What a server said about its search is no record.
            if entry.pointer("/search/mode").and_then(Json::as_str) == Some("outcome") {
                continue;
            }
            let full_url = entry.get("fullUrl").and_then(Json::as_str).map(str::to_owned);
            let condition = entry
                .pointer("/request/ifNoneExist")
                .and_then(Json::as_str)
                .map(str::to_owned);
            let resource = entry.get_mut("resource").map(Json::take);
            let Some(json) = resource.filter(|json| !json.is_null()) else {
                continue;
            };
            let place = format!("{name} entry {index}");
            match self.entry(place.clone(), json, full_url.as_deref(), condition.as_deref()) {
                Ok(one) => {
                    if let Some(url) = full_url {
                        names.insert(url, one.key.clone());
                    }
                    incoming.push(one);
                }
                Err(error) if whole => return Err(refused(error.at_entry(index))),
                Err(error) => self.refuse(place, error.to_string()),
            }
        }
        for one in &incoming {
            self.remember(one);
        }
        for mut one in incoming {
            reference::rewrite(&mut one.json, &mut |text| {
                names.get(text).map(ToString::to_string)
            });
            self.arrive(one, progress)?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        incoming: Incoming,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        self.batch.push(incoming);
        if self.batch.len() >= BATCH_RECORDS {
            self.flush(progress)?;
        }
        Ok(())
    }

    /// Hands the batch to the writer and takes up what it has done meanwhile.
    fn flush(&mut self, progress: &mut dyn FnMut(ImportProgress)) -> Result<(), ImportError> {
        let batch = std::mem::take(&mut self.batch);
        if !batch.is_empty() {
            self.writer.send(batch)?;
        }
        while let Some(done) = self.writer.done() {
            self.take_up(done)?;
        }
        self.tick(progress);
        Ok(())
    }

    /// Waits until everything handed over is durable.
    fn settle_writes(&mut self, progress: &mut dyn FnMut(ImportProgress)) -> Result<(), ImportError> {
        self.flush(progress)?;
        while let Some(done) = self.writer.wait()? {
            self.take_up(done)?;
            self.tick(progress);
        }
        Ok(())
    }

    fn take_up(&mut self, done: Result<BatchReport, RecordError>) -> Result<(), ImportError> {
        let done = done?;
        self.report.records += done.records;
        self.report.created += done.created;
        self.report.updated += done.updated;
        self.report.unchanged += done.unchanged;
        for (place, reason) in done.refused {
            self.refuse(place, reason);
        }
        Ok(())
    }

    fn tick(&self, progress: &mut dyn FnMut(ImportProgress)) {
        progress(ImportProgress {
            records: self.report.records,
            bytes: self.bytes,
        });
    }

    fn refuse(&mut self, place: String, reason: String) {
        self.report.refused += 1;
        if self.report.refusals.len() < REFUSALS_LISTED_MAX {
            self.report.refusals.push((place, reason));
        }
    }
}

/// Reads a line of at most [`IMPORT_BYTES_MAX`].
fn bounded_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> std::io::Result<usize> {
    let count = reader.take(IMPORT_BYTES_MAX as u64).read_until(b'\n', line)?;
    Ok(count)
}
