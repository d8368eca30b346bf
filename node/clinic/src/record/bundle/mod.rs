//! Batch and transaction bundles.
//!
//! A transaction is planned whole (ids, conditions), its references are
//! rewritten, everything is checked, and then it is one atomic commit. Reads
//! in it see the result.

mod outcome;
mod plan;
mod references;
mod request;
mod room;
mod transaction;

use chaski_json::Json;
use chaski_store::RecordKey;

use self::request::open_bundle;
use self::room::Room;
use super::read::{SearchOptions, known_kind};
use super::write::{CreateOptions, UpdateOptions};
use super::{HistoryOf, RecordError};
use crate::text::query_pairs;
use crate::{Caller, Clinic};

pub use self::outcome::{BUNDLE_ENTRIES_MAX, BundleKind, BundleResult, EntryOutcome};
pub(crate) use self::request::{Method, Request, read_request, same_kind};
pub use self::request::{etag_version, if_match_version};
pub use self::room::BUNDLE_READ_BYTES_MAX;

impl Clinic {
    /// Processes a Bundle of type `transaction` or `batch`.
    ///
    /// # Errors
    /// For a transaction whatever failed first, with nothing changed; for a
    /// batch only errors of the bundle itself.
    pub fn bundle_process(&self, caller: &Caller, bundle: Json) -> Result<BundleResult, RecordError> {
        let (kind, entries) = open_bundle(bundle)?;
        let mut room = Room::new();
        let entries = match kind {
            BundleKind::Transaction => self.transaction(caller, entries)?,
            BundleKind::Batch => entries
                .into_iter()
                .map(|entry| {
                    read_request(entry).and_then(|request| self.batch_entry(caller, request, &mut room))
                })
                .collect(),
        };
        Ok(BundleResult { kind, entries })
    }

    fn batch_entry(
        &self,
        caller: &Caller,
        request: Request,
        room: &mut Room,
    ) -> Result<EntryOutcome, RecordError> {
        let Request {
            method,
            kind,
            id,
            query,
            if_match,
            if_none_exist,
            must_not_exist,
            resource,
            ..
        } = &request;
        let body = || {
            resource
                .clone()
                .ok_or_else(|| RecordError::Bundle("the entry has no resource".to_owned()))
        };
        let update = UpdateOptions {
            if_match: if_match.clone(),
            must_not_exist: *must_not_exist,
            ..UpdateOptions::default()
        };
        match (method, id, query) {
            (Method::Get, ..) => self.read_entry(caller, request, room),
            (Method::Post, None, None) => {
                let json = body()?;
                same_kind(&json, kind)?;
                let options = CreateOptions {
                    if_none_exist: if_none_exist.clone(),
                };
                self.record_create(caller, json, &options)
                    .map(EntryOutcome::Written)
            }
            (Method::Put, Some(id), None) => self
                .record_update(caller, kind, id, body()?, &update)
                .map(EntryOutcome::Written),
            (Method::Put, None, Some(query)) => self
                .record_update_where(caller, kind, query, body()?, &update)
                .map(EntryOutcome::Written),
            (Method::Delete, Some(id), None) => {
                let key = RecordKey::new(kind, id).map_err(|_| RecordError::BadId)?;
                match self.record_delete(caller, &key, if_match.as_deref()) {
                    Ok(written) => Ok(EntryOutcome::Deleted(Some(written))),
                    Err(RecordError::NotFound(_)) => Ok(EntryOutcome::Deleted(None)),
                    Err(error) => Err(error),
                }
            }
            (Method::Delete, None, Some(query)) => self
                .record_delete_where(caller, kind, query, if_match.as_deref())
                .map(EntryOutcome::Deleted),
            _ => Err(RecordError::Bundle(
                "the request's method and url do not go together".to_owned(),
            )),
        }
    }

    /// Answers a read while there is room for what it answers.
    fn read_entry(
        &self,
        caller: &Caller,
        request: Request,
        room: &mut Room,
    ) -> Result<EntryOutcome, RecordError> {
        room.check()?;
        room.take(self.read_whole(caller, request)?)
    }

    fn read_whole(&self, caller: &Caller, request: Request) -> Result<EntryOutcome, RecordError> {
        let Some(id) = request.id else {
            if request.history {
                let page = self.record_history(caller, &HistoryOf::Kind(request.kind), None, None, None)?;
                return Ok(EntryOutcome::History(page));
            }
            let pairs = query_pairs(request.query.as_deref().unwrap_or_default())
                .ok_or_else(|| RecordError::Bundle("a search is not percent-encoded well".to_owned()))?;
            let options = SearchOptions {
                follows_chains: true,
                ..SearchOptions::default()
            };
            let query = self.record_query(&request.kind, &pairs, options)?;
            let page = self.record_search(caller, &query)?;
            return Ok(EntryOutcome::Search(Box::new(query), page));
        };
        known_kind(&request.kind)?;
        let key = RecordKey::new(&request.kind, &id).map_err(|_| RecordError::BadId)?;
        match request.version {
            Some(version) => self
                .record_vread(caller, &key, &version)
                .map(EntryOutcome::Version),
            None if request.history => self
                .record_history(caller, &HistoryOf::Record(key), None, None, None)
                .map(EntryOutcome::History),
            None => self.record_read(caller, &key).map(EntryOutcome::Read),
        }
    }
}
