//! Settles what a resource refers to: other files, the store, conditions.

use chaski_fhir::compartment;
use chaski_fhir::reference::{self, Reference};
use chaski_json::Json;
use chaski_store::RecordKey;
use uuid::Uuid;

use super::incoming::Incoming;
use super::{
    DEFERRED_RECORDS_MAX, Deferred, IDENTIFIERS_MAX, ImportError, ImportProgress, ImportSession, NAMES_MAX,
};
use crate::record::RecordError;
use crate::record::prepare::derived_key;

impl ImportSession<'_> {
    /// A resource with its key: settled, or deferred until what it refers to
    /// has come.
    pub(super) fn arrive(
        &mut self,
        mut incoming: Incoming,
        progress: &mut dyn FnMut(ImportProgress),
    ) -> Result<(), ImportError> {
        self.go_on()?;
        match self.settle(&mut incoming.json, false) {
            Ok(true) => return self.push(incoming, progress),
            Ok(false) => {}
            Err(error) => {
                self.refuse(incoming.place, error.to_string());
                return Ok(());
            }
        }
        if self.deferred.len() >= DEFERRED_RECORDS_MAX
            && let Some(oldest) = self.deferred.pop_front()
        {
            self.undefer(oldest, progress)?;
        }
        let Incoming {
            place,
            key,
            json,
            is_if_none,
        } = incoming;
        self.deferred.push_back(Deferred {
            place,
            key,
            text: json.canonical(),
            is_if_none,
        });
        Ok(())
    }

    /// Resolves `urn:uuid:` and conditional references; `Ok(false)` when one
    /// has to wait. At the end (`last`) a shared record that is still missing
    /// is referred to by the id it will have, and an unknown `urn:uuid:` stays.
    pub(super) fn settle(&mut self, json: &mut Json, last: bool) -> Result<bool, RecordError> {
        let bases: Vec<&str> = self
            .clinic
            .settings()
            .base_urls
            .iter()
            .map(String::as_str)
            .collect();
        reference::relativise(json, &bases);
        let mut failed = None;
        let mut waiting = false;
        let mut dangling = 0;
        reference::rewrite(json, &mut |text| {
            let found = match reference::parse(text, &bases) {
                Reference::Conditional { kind, query } => self.lookup(kind, query, last),
                Reference::Urn(_) => match text.strip_prefix("urn:uuid:") {
                    Some(uuid) => self.lookup_urn(uuid),
                    None => return None,
                },
                _ => return None,
            };
            match found {
                Ok(Some(key)) => return Some(key.to_string()),
                Ok(None) if last && text.starts_with("urn:uuid:") => dangling += 1,
                Ok(None) => waiting = true,
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
            None
        });
        self.report.dangling += dangling;
        match failed {
            Some(error) => Err(error),
            None if waiting && last => Err(RecordError::NoMatch("a conditional reference".to_owned())),
            None => Ok(!waiting),
        }
    }

    fn lookup(&self, kind: &str, query: &str, last: bool) -> Result<Option<RecordKey>, RecordError> {
        if let Some(value) = query.strip_prefix("identifier=")
            && !value.contains('&')
            && let Some(value) = crate::text::percent_decode(value)
            && let Some(key) = self.identifiers.get(&identifier_hash(kind, &value))
        {
            return Ok(Some(key.clone()));
        }
        let query = self.clinic.condition(kind, query)?;
        let found = self.clinic.match_one(&self.caller, &query)?;
        Ok(found.or_else(|| last.then(|| derived_key(&query)).flatten()))
    }

    /// The record that a `urn:uuid:` of another file or bundle names.
    fn lookup_urn(&self, uuid: &str) -> Result<Option<RecordKey>, RecordError> {
        if let Some(kind) = Uuid::try_parse(uuid).ok().and_then(|uuid| self.names.get(&uuid))
            && let Some(kind) = self.kinds.get(usize::from(*kind))
        {
            return Ok(RecordKey::new(kind, uuid).ok());
        }
        self.clinic.urn_target(uuid)
    }

    /// Keeps what later references may call a record by.
    pub(super) fn remember(&mut self, incoming: &Incoming) {
        let kind = incoming.key.kind();
        if self.names.len() < NAMES_MAX
            && let Ok(uuid) = Uuid::try_parse(incoming.key.id())
            && let Some(place) = self.kind_place(kind)
        {
            self.names.insert(uuid, place);
        }
        if !(compartment::is_shared(kind) || kind == "Patient") || self.identifiers.len() >= IDENTIFIERS_MAX {
            return;
        }
        for identifier in incoming
            .json
            .get("identifier")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
        {
            let system = identifier
                .get("system")
                .and_then(Json::as_str)
                .unwrap_or_default();
            if let Some(value) = identifier.get("value").and_then(Json::as_str) {
                let hash = identifier_hash(kind, &format!("{system}|{value}"));
                self.identifiers.insert(hash, incoming.key.clone());
            }
        }
    }

    fn kind_place(&mut self, kind: &str) -> Option<u16> {
        let place = self
            .kinds
            .iter()
            .position(|known| known == kind)
            .unwrap_or_else(|| {
                self.kinds.push(kind.to_owned());
                self.kinds.len() - 1
            });
        u16::try_from(place).ok()
    }
}

fn identifier_hash(kind: &str, token: &str) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (kind, token).hash(&mut hasher);
    hasher.finish()
}
