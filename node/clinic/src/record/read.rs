//! Read, version read, history and search.

use chaski_fhir::search::{self, Handling, Options, Query, SearchError, Summary};
use chaski_json::Json;
use chaski_store::{AuditEvent, Current, Outcome, RecordKey, VersionId, Written};
use jiff::tz::TimeZone;

use super::RecordError;
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// Records of a page when nothing else is asked for.
pub const PAGE_RECORDS_DEFAULT: u32 = 50;
/// Records of a page at most.
pub const PAGE_RECORDS_MAX: u32 = 500;
/// Other records that may meet a condition of a search at most.
pub const CHAIN_RECORDS_MAX: usize = 1_000;

pub use chaski_store::{HistoryEntry, HistoryOf, SearchPage};

/// A page of history, newest first.
pub type HistoryPage = chaski_store::Page<HistoryEntry>;

/// How a search is asked for, beside its parameters.
#[derive(Debug, Clone, Copy, Default)]
pub struct SearchOptions<'a> {
    /// Leave unknown parameters out instead of refusing them.
    pub lenient: bool,
    /// The base URL the caller reached this node at: a reference below it is to a record here,
    /// like one below the network's own bases.
    pub base_url: Option<&'a str>,
    /// Follow chained parameters and `_has`: to be resolved with [`Clinic::record_search`].
    pub follows_chains: bool,
}

impl Clinic {
    /// The record as it is now.
    ///
    /// # Errors
    /// [`RecordError::NotFound`], [`RecordError::Gone`], or the policy's or store's.
    pub fn record_read(&self, caller: &Caller, key: &RecordKey) -> Result<Current, RecordError> {
        let current = self.door_read(caller, Action::RecordRead, key)?;
        self.read_living(caller, key, current)
    }

    /// What was read through the door for its content, noted as read, if it is there and not deleted.
    pub(crate) fn read_living(
        &self,
        caller: &Caller,
        key: &RecordKey,
        current: Option<Current>,
    ) -> Result<Current, RecordError> {
        let current = current.ok_or_else(|| RecordError::NotFound(key.clone()))?;
        self.audit(caller, Action::RecordRead, Some(key))?;
        if current.deleted {
            return Err(RecordError::Gone {
                key: key.clone(),
                version: current.version.to_string(),
            });
        }
        Ok(current)
    }

    /// The record that a write has left, for its answer: the write's own entry in the audit log tells of it. Where
    /// nothing was written, because there was nothing to write or another met the condition, it was read.
    ///
    /// # Errors
    /// As [`Clinic::record_read`].
    pub fn record_written(&self, caller: &Caller, written: &Written) -> Result<Current, RecordError> {
        let version = written.version.to_string();
        let current = self.door_read_at(caller, Action::RecordRead, &written.key, Some(&version))?;
        let current = current.ok_or_else(|| RecordError::NotFound(written.key.clone()))?;
        if written.unchanged {
            self.audit(caller, Action::RecordRead, Some(&written.key))?;
        }
        Ok(current)
    }

    /// The record as it was in a version.
    ///
    /// # Errors
    /// [`RecordError::VersionNotFound`], [`RecordError::Gone`] for the version
    /// that deleted it, or the policy's or store's.
    pub fn record_vread(
        &self,
        caller: &Caller,
        key: &RecordKey,
        version: &str,
    ) -> Result<Current, RecordError> {
        self.allow(caller, Action::RecordHistory, &Target::Kind(key.kind()))?;
        let unknown = || RecordError::VersionNotFound(key.clone());
        let version: VersionId = version.parse().map_err(|_| unknown())?;
        let current = self
            .door_version(caller, Action::RecordHistory, key, &version)?
            .ok_or_else(unknown)?;
        self.audit(caller, Action::RecordHistory, Some(key))?;
        if current.deleted {
            return Err(RecordError::Gone {
                key: key.clone(),
                version: current.version.to_string(),
            });
        }
        Ok(current)
    }

    /// Versions that have been current here, newest first.
    ///
    /// # Errors
    /// [`RecordError::NotFound`] for a record never seen, [`RecordError::BadCursor`],
    /// or the policy's or store's.
    pub fn record_history(
        &self,
        caller: &Caller,
        of: &HistoryOf,
        since_ms: Option<u64>,
        cursor: Option<&str>,
        count: Option<u32>,
    ) -> Result<HistoryPage, RecordError> {
        let target = match of {
            HistoryOf::Record(key) => Target::Kind(key.kind()),
            HistoryOf::Kind(kind) => Target::Kind(kind),
            HistoryOf::All => Target::AllRecords,
        };
        self.allow(caller, Action::RecordHistory, &target)?;
        if let HistoryOf::Kind(kind) = of {
            known_kind(kind)?;
        }
        let count = count.unwrap_or(PAGE_RECORDS_DEFAULT).min(PAGE_RECORDS_MAX);
        let page = self.door_history(caller, of, since_ms, cursor, count as usize)?;
        if page.entries.is_empty()
            && let HistoryOf::Record(key) = of
            && self.door_read(caller, Action::RecordHistory, key)?.is_none()
        {
            return Err(RecordError::NotFound(key.clone()));
        }
        let key = match of {
            HistoryOf::Record(key) => Some(key),
            HistoryOf::Kind(_) | HistoryOf::All => None,
        };
        self.audit(caller, Action::RecordHistory, key)?;
        Ok(page)
    }

    /// Parses search parameters of `kind`, with this node's bases and clock.
    ///
    /// # Errors
    /// [`RecordError::UnknownKind`] or [`RecordError::Search`].
    pub fn record_query(
        &self,
        kind: &str,
        pairs: &[(String, String)],
        options: SearchOptions<'_>,
    ) -> Result<Query, RecordError> {
        known_kind(kind)?;
        let network = self.settings().base_urls.iter().map(String::as_str);
        let bases: Vec<&str> = network.chain(options.base_url).collect();
        let options = Options {
            handling: if options.lenient {
                Handling::Lenient
            } else {
                Handling::Strict
            },
            own_bases: &bases,
            now_ms: i64::try_from(self.now_ms()).unwrap_or(i64::MAX),
            follows_chains: options.follows_chains,
            zone: Some(self.zone()).filter(|zone| **zone != TimeZone::UTC),
        };
        let mut query = search::parse(kind, pairs, &options)?;
        if query.summary == Summary::Count {
            query.count = Some(0);
        }
        query.count = Some(query.count.unwrap_or(PAGE_RECORDS_DEFAULT).min(PAGE_RECORDS_MAX));
        Ok(query)
    }

    /// Searches records of one type. Conditions on other records are looked up first, as searches of their
    /// own: the policy is asked for each, and what the caller may not see leads to nothing.
    ///
    /// # Errors
    /// [`RecordError::TooCostly`], [`RecordError::BadCursor`], [`RecordError::Search`] where more than
    /// [`CHAIN_RECORDS_MAX`] other records meet a condition, or the policy's or store's.
    pub fn record_search(&self, caller: &Caller, query: &Query) -> Result<SearchPage, RecordError> {
        let followed = match query.chains.is_empty() {
            true => None,
            false => Some(self.chains_followed(caller, query)?),
        };
        let query = followed.as_ref().unwrap_or(query);
        let mut page = self.door_search(caller, Action::RecordSearch, query)?;
        if query.cursor.is_none() && page.next.is_none() && query.count != Some(0) {
            // All of it is on this page, so the total costs nothing.
            page.total.get_or_insert(page.entries.len() as u64);
        }
        self.audit(caller, Action::RecordSearch, None)?;
        Ok(page)
    }

    /// The query with its conditions on other records turned into filters.
    fn chains_followed(&self, caller: &Caller, query: &Query) -> Result<Query, RecordError> {
        // Before anything else is looked for: whoever may not search here searches nowhere on the way.
        self.allow(caller, Action::RecordSearch, &Target::Kind(&query.kind))?;
        let mut followed = query.clone();
        for chain in std::mem::take(&mut followed.chains) {
            let found: Vec<Vec<Json>> = chain
                .queries
                .iter()
                .map(|other| self.records_that_meet(caller, other, &chain.name))
                .collect::<Result<_, _>>()?;
            let filter = chain.filter(&found);
            followed.filters.push(filter.ok_or(SearchError::UnknownKind)?);
        }
        Ok(followed)
    }

    /// All records that a query finds, for a condition of this name.
    fn records_that_meet(
        &self,
        caller: &Caller,
        query: &Query,
        name: &str,
    ) -> Result<Vec<Json>, RecordError> {
        let mut query = query.clone();
        query.count = Some(PAGE_RECORDS_MAX);
        let mut records = Vec::new();
        loop {
            let page = self.record_search(caller, &query)?;
            records.extend(page.entries.into_iter().map(|entry| entry.json));
            if records.len() > CHAIN_RECORDS_MAX {
                return Err(RecordError::Search(SearchError::Unsupported {
                    param: name.to_owned(),
                    reason: "more than 1,000 records meet it: narrow it",
                }));
            }
            match page.next {
                Some(_) if page.partial => return Err(RecordError::TooCostly),
                Some(next) => query.cursor = Some(next),
                None => return Ok(records),
            }
        }
    }

    /// All that a search finds whose parameters are this program's own; for the features.
    pub(crate) fn find(
        &self,
        caller: &Caller,
        kind: &str,
        pairs: &[(&str, &str)],
    ) -> Result<Vec<Current>, RecordError> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut query = self.record_query(kind, &pairs, SearchOptions::default())?;
        let mut page = self.record_search(caller, &query)?;
        while let (false, Some(next)) = (page.partial, page.next.take()) {
            query.cursor = Some(next);
            let more = self.record_search(caller, &query)?;
            page.entries.extend(more.entries);
            (page.next, page.partial) = (more.next, more.partial);
        }
        // Who asks like this goes by what it gets, and that is not all.
        match page.partial {
            true => Err(RecordError::TooCostly),
            false => Ok(page.entries),
        }
    }

    /// Notes a read in the audit log; it is durable with the next commit.
    pub(crate) fn audit(
        &self,
        caller: &Caller,
        action: Action,
        key: Option<&RecordKey>,
    ) -> Result<(), RecordError> {
        let event = AuditEvent {
            action: action.name().to_owned(),
            target: key.cloned(),
            outcome: Outcome::Ok,
            durable: false,
        };
        Ok(self.store().audit(caller.context(), &event)?)
    }
}

/// Refuses what is no resource type of R4.
pub(crate) fn known_kind(kind: &str) -> Result<(), RecordError> {
    if chaski_fhir::definitions::is_resource_kind(kind) {
        Ok(())
    } else {
        let short: String = kind.chars().take(64).collect();
        Err(RecordError::UnknownKind(short))
    }
}
