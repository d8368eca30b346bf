//! What every write goes through before it is committed: id rules, own base
//! URLs made relative, conditional references resolved, structure and
//! references checked.

use std::collections::{BTreeMap, BTreeSet};

use chaski_fhir::reference::{self, Reference};
use chaski_fhir::validate::{Issue, LeafPlace, has_errors, judge, validate};
use chaski_fhir::{id, search};
use chaski_json::Json;
use chaski_store::{Current, RecordKey};

use super::RecordError;
use super::read::known_kind;
use crate::policy_decision::{Action, Target};
use crate::{Caller, Clinic};

/// Records that are not yet as they will be: whether each is there once all is committed.
pub(crate) type Pending = BTreeMap<RecordKey, bool>;

/// The type of a resource.
pub(crate) fn kind_of(json: &Json) -> Result<&str, RecordError> {
    let kind = json
        .get("resourceType")
        .and_then(Json::as_str)
        .ok_or(RecordError::NotAResource)?;
    known_kind(kind)?;
    Ok(kind)
}

/// The id in a resource's body, if it has one.
pub(crate) fn id_of(json: &Json) -> Option<&str> {
    json.get("id").and_then(Json::as_str)
}

impl Clinic {
    /// Whether an id from outside may become a record's: it is a UUID, or the
    /// node was told that ids are the same everywhere.
    pub(crate) fn check_id(
        &self,
        kind: &str,
        text: &str,
        accept_ids: bool,
    ) -> Result<RecordKey, RecordError> {
        if !id::is_fhir_id(text) {
            return Err(RecordError::BadId);
        }
        if !(accept_ids || self.settings().accept_ids || id::is_uuid(text)) {
            return Err(RecordError::ForeignId(kind.to_owned()));
        }
        RecordKey::new(kind, text).map_err(|_| RecordError::BadId)
    }

    /// A new key of this kind: UUIDv7 of the store's time and randomness.
    pub(crate) fn new_key(&self, kind: &str) -> Result<RecordKey, RecordError> {
        RecordKey::new(kind, &self.new_id()).map_err(|_| RecordError::BadId)
    }

    /// A new id, UUIDv7 of the store's time and randomness.
    pub(crate) fn new_id(&self) -> String {
        let mut random = [0; 10];
        self.store().env().random(&mut random);
        let id = uuid::Builder::from_unix_timestamp_millis(self.now_ms(), &random).into_uuid();
        id.hyphenated().to_string()
    }

    /// Makes references below the network's own bases relative and resolves
    /// conditional ones, and UUIDs, against the store. A UUID that names nothing here stays.
    pub(crate) fn settle_references(&self, caller: &Caller, json: &mut Json) -> Result<(), RecordError> {
        let bases: Vec<&str> = self.settings().base_urls.iter().map(String::as_str).collect();
        reference::relativise(json, &bases);
        let mut failed = None;
        reference::rewrite(json, &mut |text| {
            let (kind, query) = match reference::parse(text, &bases) {
                Reference::Conditional { kind, query } => (kind, query),
                Reference::Urn(urn) => {
                    let target = match reference::urn_uuid(urn) {
                        Some(uuid) => self.urn_target(&uuid),
                        None => Ok(None),
                    };
                    return target
                        .unwrap_or_else(|error| {
                            failed.get_or_insert(error);
                            None
                        })
                        .map(|key| key.to_string());
                }
                _ => return None,
            };
            match self.resolve_condition(caller, kind, query) {
                Ok(Some(key)) => Some(key.to_string()),
                Ok(None) => {
                    failed.get_or_insert(RecordError::NoMatch(kind.to_owned()));
                    None
                }
                Err(error) => {
                    failed.get_or_insert(error);
                    None
                }
            }
        });
        failed.map_or(Ok(()), Err)
    }

    /// Structural validation: errors refuse, warnings do not. What arrived with an invalid leaf, which an import
    /// carried (CR-120), can still be edited: a leaf that the record as it stands has already is let pass.
    pub(crate) fn check_structure(&self, json: &Json, before: Option<&Current>) -> Result<(), RecordError> {
        let issues = validate(json);
        if !has_errors(&issues) {
            return Ok(());
        }
        if let Some(before) = before {
            let held: BTreeSet<LeafError> = judge(&before.json).leaves.iter().map(leaf_error).collect();
            let now = judge(json);
            if now.errors.is_empty() && now.leaves.iter().map(leaf_error).all(|leaf| held.contains(&leaf)) {
                return Ok(());
            }
        }
        Err(RecordError::Invalid {
            kind: kind_of(json)?.to_owned(),
            issues,
        })
    }

    /// Refuses references to records that are not here, unless the record as
    /// it stands has them already: what arrived with a hole can still be
    /// edited.
    pub(crate) fn check_references(
        &self,
        caller: &Caller,
        json: &Json,
        before: Option<&Current>,
        pending: &Pending,
    ) -> Result<(), RecordError> {
        let known = before
            .map(|current| urn_references(&current.json))
            .unwrap_or_default();
        if let Some(uuid) = urn_references(json).difference(&known).next() {
            return Err(RecordError::ReferenceMissing {
                kind: kind_of(json)?.to_owned(),
                reference: format!("urn:uuid:{uuid}"),
            });
        }
        let wanted = local_references(json);
        if wanted.is_empty() {
            return Ok(());
        }
        let known = before
            .map(|current| local_references(&current.json))
            .unwrap_or_default();
        for key in wanted.difference(&known) {
            let is_there = match pending.get(key) {
                Some(is_there) => *is_there,
                // Whoever may not read such records learns of none whether it is here.
                None => {
                    let may_read = self.allow(caller, Action::RecordRead, &Target::Kind(key.kind()));
                    may_read.is_ok() && self.door_has(key)?
                }
            };
            if !is_there {
                return Err(RecordError::ReferenceMissing {
                    kind: kind_of(json)?.to_owned(),
                    reference: key.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Checks a resource without storing it.
    ///
    /// # Errors
    /// The policy's, or [`RecordError::UnknownKind`].
    pub fn record_validate(
        &self,
        caller: &Caller,
        json: &Json,
    ) -> Result<Vec<chaski_fhir::validate::Issue>, RecordError> {
        self.allow(caller, Action::RecordValidate, &Target::Node)?;
        kind_of(json)?;
        Ok(validate(json))
    }
}

/// An invalid leaf, wherever in its lists it stands, and what is wrong with it.
type LeafError = (Vec<String>, String);

fn leaf_error((issue, place): &(Issue, LeafPlace)) -> LeafError {
    let names = place.pointer.iter().filter(|step| step.parse::<usize>().is_err());
    (names.cloned().collect(), issue.diagnostics.clone())
}

/// The `urn:uuid:` references of a resource, in lower case, but for those to what a Bundle carries itself.
fn urn_references(json: &Json) -> BTreeSet<String> {
    let mut own = BTreeSet::new();
    let entries = json.get("entry").and_then(Json::as_array);
    for entry in entries.into_iter().flatten() {
        own.extend(
            entry
                .get("fullUrl")
                .and_then(Json::as_str)
                .and_then(reference::urn_uuid),
        );
    }
    let mut urns = BTreeSet::new();
    reference::each(json, &mut |text| urns.extend(reference::urn_uuid(text)));
    urns.retain(|uuid| !own.contains(uuid));
    urns
}

/// The records of this network that a resource refers to.
fn local_references(json: &Json) -> BTreeSet<RecordKey> {
    let mut keys = BTreeSet::new();
    reference::each(json, &mut |text| {
        if let Reference::Local { kind, id, .. } = reference::parse(text, &[])
            && let Ok(key) = RecordKey::new(kind, id)
        {
            keys.insert(key);
        }
    });
    keys
}

/// The id a record created on condition gets: of a shared kind, on exactly one
/// identifier with a system, it derives from type, system and value, so that
/// two sites that create it apart make one record.
pub(crate) fn derived_key(query: &search::Query) -> Option<RecordKey> {
    if !chaski_fhir::compartment::is_shared(&query.kind) {
        return None;
    }
    let [filter] = query.filters.as_slice() else {
        return None;
    };
    let [
        search::Alternative::Token {
            system: Some(Some(system)),
            code: Some(value),
        },
    ] = filter.any.as_slice()
    else {
        return None;
    };
    if filter.param.code != "identifier" || filter.modifier != search::Modifier::None {
        return None;
    }
    RecordKey::new(&query.kind, &id::derived_id(&query.kind, system, value)).ok()
}
