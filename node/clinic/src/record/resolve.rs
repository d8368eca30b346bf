//! Conditions: `Type?query` in references, conditional create, update, delete.

use chaski_fhir::definitions::resource_kinds;
use chaski_fhir::search::Query;
use chaski_store::{Current, RecordKey};

use super::RecordError;
use super::prepare::derived_key;
use super::read::SearchOptions;
use crate::policy_decision::{Action, Target};
use crate::text::query_pairs;
use crate::{Caller, Clinic};

impl Clinic {
    /// Parses the query of a condition, with or without `Type?` before it.
    pub(crate) fn condition(&self, kind: &str, query: &str) -> Result<Query, RecordError> {
        let query = query.strip_prefix(kind).unwrap_or(query).trim_start_matches('?');
        let pairs = query_pairs(query)
            .ok_or_else(|| RecordError::Bundle("a condition is not percent-encoded well".to_owned()))?;
        let mut query = self.record_query(kind, &pairs, SearchOptions::default())?;
        if query.filters.is_empty() {
            return Err(RecordError::MultipleMatches(kind.to_owned()));
        }
        query.count = Some(2);
        query.cursor = None;
        query.sort.clear();
        Ok(query)
    }

    /// The one record a condition matches, or none.
    ///
    /// # Errors
    /// [`RecordError::MultipleMatches`], or why it could not be looked up.
    pub(crate) fn match_one(&self, caller: &Caller, query: &Query) -> Result<Option<RecordKey>, RecordError> {
        Ok(self.match_current(caller, query)?.map(|found| found.key))
    }

    /// As [`Clinic::match_one`]: the record as it was when it matched.
    pub(crate) fn match_current(
        &self,
        caller: &Caller,
        query: &Query,
    ) -> Result<Option<Current>, RecordError> {
        // That nothing matches is told too.
        self.allow(caller, Action::RecordSearch, &Target::Kind(&query.kind))?;
        self.audit(caller, Action::RecordSearch, None)?;
        if let Some(key) = derived_key(query)
            && self.door_has(&key)?
            && let Some(found) = self.door_read(caller, Action::RecordSearch, &key)?
        {
            return Ok(Some(found));
        }
        let page = self.door_search(caller, Action::RecordSearch, query)?;
        let mut found = page.entries;
        match found.len() {
            0 | 1 if page.partial => Err(RecordError::TooCostly),
            0 | 1 => Ok(found.pop()),
            _ => Err(RecordError::MultipleMatches(query.kind.clone())),
        }
    }

    /// The one record `kind?query` matches, or none.
    pub(crate) fn resolve_condition(
        &self,
        caller: &Caller,
        kind: &str,
        query: &str,
    ) -> Result<Option<RecordKey>, RecordError> {
        // What a reference finds tells as much as a search.
        self.allow(caller, Action::RecordSearch, &Target::Kind(kind))?;
        let query = self.condition(kind, query)?;
        self.match_one(caller, &query)
    }

    /// The record here that a `urn:uuid:` names: whichever kind bears that UUID.
    pub(crate) fn urn_target(&self, uuid: &str) -> Result<Option<RecordKey>, RecordError> {
        if !chaski_fhir::id::is_uuid(uuid) {
            return Ok(None);
        }
        let others = resource_kinds().iter().filter(|kind| !URN_KINDS.contains(kind));
        for kind in URN_KINDS.iter().chain(others) {
            if let Ok(key) = RecordKey::new(kind, uuid)
                && self.door_has(&key)?
            {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

/// What bundles mostly refer to by `urn:uuid:` though another bundle carries it: looked for first.
const URN_KINDS: [&str; 12] = [
    "Organization",
    "Practitioner",
    "Location",
    "PractitionerRole",
    "Patient",
    "Encounter",
    "Condition",
    "MedicationRequest",
    "Claim",
    "Coverage",
    "Device",
    "Medication",
];
