//! What each entry of a transaction will do, from what is here now.

use chaski_fhir::reference;
use chaski_fhir::search::Query;
use chaski_json::Json;
use chaski_store::{Base, Current, RecordKey, Written};

use super::outcome::EntryOutcome;
use super::request::{Method, Request, same_kind};
use crate::policy_decision::{Action, Target};
use crate::record::RecordError;
use crate::record::prepare::{derived_key, id_of};
use crate::record::write::{UpdateOptions, check_key, match_base, named};
use crate::{Caller, Clinic};

/// What a transaction's entry will do.
pub(super) enum Plan {
    Create {
        key: RecordKey,
        json: Json,
        condition: Option<Query>,
        /// It is an update that found nothing: its body must be written, whatever is found by then.
        is_update: bool,
    },
    Put {
        key: RecordKey,
        json: Json,
        before: Option<Box<Current>>,
        options: UpdateOptions,
        /// A condition found it.
        is_found: bool,
    },
    Delete {
        key: RecordKey,
        base: Base,
        /// A condition found it.
        is_found: bool,
    },
    Settled(EntryOutcome, Option<RecordKey>),
    /// The same conditional create as an earlier entry: what becomes of that is its answer.
    Again {
        key: RecordKey,
        first: usize,
    },
    Read(Request),
}

impl Plan {
    pub(super) fn key(&self) -> Option<&RecordKey> {
        match self {
            Plan::Create { key, .. } | Plan::Put { key, .. } | Plan::Delete { key, .. } => Some(key),
            Plan::Again { key, .. } => Some(key),
            Plan::Settled(_, key) => key.as_ref(),
            Plan::Read(_) => None,
        }
    }

    /// What a search found decides what it does.
    pub(super) fn is_conditional(&self) -> bool {
        match self {
            Plan::Create { condition, .. } => condition.is_some(),
            Plan::Put { is_found, .. } | Plan::Delete { is_found, .. } => *is_found,
            Plan::Settled(..) | Plan::Again { .. } | Plan::Read(_) => false,
        }
    }

    pub(super) fn writes(&self) -> bool {
        matches!(self, Plan::Create { .. } | Plan::Put { .. } | Plan::Delete { .. })
    }
}

impl Clinic {
    pub(super) fn plan(&self, caller: &Caller, request: Request) -> Result<Plan, RecordError> {
        let Request {
            method,
            kind,
            id,
            query,
            if_match,
            if_none_exist,
            must_not_exist,
            resource,
            full_url,
            ..
        } = request;
        let options = UpdateOptions {
            if_match: if_match.clone(),
            must_not_exist,
            ..UpdateOptions::default()
        };
        let missing = || RecordError::Bundle("the entry has no resource".to_owned());
        match (method, id, query) {
            (Method::Post, None, None) => {
                let json = resource.ok_or_else(missing)?;
                same_kind(&json, &kind)?;
                let own_uuid = full_url.as_deref().and_then(reference::urn_uuid);
                self.plan_create(caller, &kind, json, if_none_exist, own_uuid)
            }
            (Method::Put, Some(id), None) => {
                let json = resource.ok_or_else(missing)?;
                check_key(&json, &kind, &id)?;
                self.plan_put(caller, &kind, &id, json, options)
            }
            (Method::Put, None, Some(query)) => {
                let json = resource.ok_or_else(missing)?;
                same_kind(&json, &kind)?;
                self.plan_put_where(caller, &kind, &query, json, options)
            }
            (Method::Delete, Some(id), None) => {
                let key = RecordKey::new(&kind, &id).map_err(|_| RecordError::BadId)?;
                self.plan_delete(caller, key, if_match)
            }
            (Method::Delete, None, Some(query)) => self.plan_delete_where(caller, &kind, &query, if_match),
            (Method::Get, id, query) => Ok(Plan::Read(Request {
                method,
                kind,
                id,
                query,
                version: request.version,
                history: request.history,
                if_match: None,
                if_none_exist: None,
                must_not_exist: false,
                full_url: None,
                resource: None,
            })),
            _ => Err(RecordError::Bundle(
                "the request's method and url do not go together".to_owned(),
            )),
        }
    }

    fn plan_create(
        &self,
        caller: &Caller,
        kind: &str,
        json: Json,
        if_none_exist: Option<String>,
        own_uuid: Option<String>,
    ) -> Result<Plan, RecordError> {
        self.allow(caller, Action::RecordCreate, &Target::Kind(kind))?;
        let condition = match if_none_exist {
            Some(query) => Some(self.condition(kind, &query)?),
            None => None,
        };
        if let Some(query) = &condition
            && let Some(key) = self.match_one(caller, query)?
        {
            let written = self.as_written(caller, &key)?;
            return Ok(Plan::Settled(EntryOutcome::Written(written), Some(key)));
        }
        let derived = match condition.as_ref().and_then(derived_key) {
            Some(key) if self.may_take(caller, &key)? => Some(key),
            _ => None,
        };
        let key = match derived.or(self.own_key(kind, &json, own_uuid.as_deref())?) {
            Some(key) => key,
            None => self.new_key(kind)?,
        };
        Ok(Plan::Create {
            key,
            json,
            condition,
            is_update: false,
        })
    }

    /// `PUT Type?…`: what is found is written over as it was found, else it is made.
    fn plan_put_where(
        &self,
        caller: &Caller,
        kind: &str,
        query: &str,
        json: Json,
        options: UpdateOptions,
    ) -> Result<Plan, RecordError> {
        self.allow(caller, Action::RecordSearch, &Target::Kind(kind))?;
        self.allow(caller, Action::RecordUpdate, &Target::Kind(kind))?;
        let condition = self.condition(kind, query)?;
        let Some(found) = self.match_current(caller, &condition)? else {
            if options.if_match.is_some() {
                return Err(RecordError::NoMatch(kind.to_owned()));
            }
            let plan = self.plan_create(caller, kind, json, Some(query.to_owned()), None)?;
            return Ok(match plan {
                Plan::Create {
                    key, json, condition, ..
                } => Plan::Create {
                    key,
                    json,
                    condition,
                    is_update: true,
                },
                // Made since the search above.
                _ => return Err(RecordError::Matched(kind.to_owned())),
            });
        };
        let version = found.version.to_string();
        let is_named = named(options.if_match.as_deref()).is_some();
        let mut plan = self.plan_put(caller, kind, found.key.id(), json, options)?;
        if let Plan::Put {
            key,
            json,
            before,
            options,
            is_found,
        } = &mut plan
        {
            if before
                .as_ref()
                .is_none_or(|before| before.version != found.version)
            {
                return Err(RecordError::Matched(kind.to_owned()));
            }
            *is_found = true;
            let base = self.update_base(caller, key, json, before.as_deref(), options)?;
            let is_as_found = match base {
                Base::Current | Base::OfPatient | Base::OneOfSeveral | Base::Present => true,
                Base::Version(base) => base == found.version,
                Base::IfMatch(_) | Base::Absent => false,
            };
            if !is_named && is_as_found {
                options.if_match = Some(version);
            }
        }
        Ok(plan)
    }

    /// `DELETE Type?…`: what is found, as it was found.
    fn plan_delete_where(
        &self,
        caller: &Caller,
        kind: &str,
        query: &str,
        if_match: Option<String>,
    ) -> Result<Plan, RecordError> {
        self.allow(caller, Action::RecordSearch, &Target::Kind(kind))?;
        self.allow(caller, Action::RecordDelete, &Target::Kind(kind))?;
        let condition = self.condition(kind, query)?;
        let Some(found) = self.match_current(caller, &condition)? else {
            return match if_match {
                Some(_) => Err(RecordError::NoMatch(kind.to_owned())),
                None => Ok(Plan::Settled(EntryOutcome::Deleted(None), None)),
            };
        };
        let own = named(if_match.as_deref()).map(str::to_owned);
        let is_named = own.is_some();
        let version = own.unwrap_or_else(|| found.version.to_string());
        let planned = self.plan_delete(caller, found.key, Some(version));
        match planned {
            Ok(Plan::Delete { key, base, .. }) => Ok(Plan::Delete {
                key,
                base,
                is_found: true,
            }),
            Err(RecordError::Stale { .. }) if !is_named => Err(RecordError::Matched(kind.to_owned())),
            other => other,
        }
    }

    /// A resource whose own id is the UUID its bundle calls it by keeps it if
    /// it is free: other bundles refer to it by that.
    fn own_key(
        &self,
        kind: &str,
        json: &Json,
        own_uuid: Option<&str>,
    ) -> Result<Option<RecordKey>, RecordError> {
        let Some(uuid) = own_uuid.filter(|uuid| id_of(json) == Some(uuid) && chaski_fhir::id::is_uuid(uuid))
        else {
            return Ok(None);
        };
        let key = RecordKey::new(kind, uuid).map_err(|_| RecordError::BadId)?;
        Ok(self.door_is_free(&key)?.then_some(key))
    }

    fn plan_put(
        &self,
        caller: &Caller,
        kind: &str,
        id: &str,
        json: Json,
        options: UpdateOptions,
    ) -> Result<Plan, RecordError> {
        self.allow(caller, Action::RecordUpdate, &Target::Kind(kind))?;
        // Found by a condition, it may leave its id out, but not name another's.
        if id_of(&json).is_some() {
            check_key(&json, kind, id)?;
        }
        let key = RecordKey::new(kind, id).map_err(|_| RecordError::BadId)?;
        let named_version = named(options.if_match.as_deref())
            .or_else(|| json.pointer("/meta/versionId").and_then(Json::as_str));
        let before = self.door_read_at(caller, Action::RecordUpdate, &key, named_version)?;
        if before.is_none() {
            self.check_id(kind, id, false)?;
        }
        if options.must_not_exist && before.as_ref().is_some_and(|current| !current.deleted) {
            return Err(RecordError::Exists(key));
        }
        Ok(Plan::Put {
            key,
            json,
            before: before.map(Box::new),
            options,
            is_found: false,
        })
    }

    fn plan_delete(
        &self,
        caller: &Caller,
        key: RecordKey,
        if_match: Option<String>,
    ) -> Result<Plan, RecordError> {
        self.allow(caller, Action::RecordDelete, &Target::Kind(key.kind()))?;
        let before = self.door_read_at(caller, Action::RecordDelete, &key, named(if_match.as_deref()))?;
        // Also of what is gone: the other entries were written for the version that was read.
        let base = match if_match {
            Some(version) => match_base(&key, &version, before.as_ref())?,
            None => Base::Current,
        };
        match before {
            Some(before) if !before.deleted => Ok(Plan::Delete {
                key,
                base,
                is_found: false,
            }),
            _ => Ok(Plan::Settled(EntryOutcome::Deleted(None), None)),
        }
    }

    fn as_written(&self, caller: &Caller, key: &RecordKey) -> Result<Written, RecordError> {
        let current = self.door_read(caller, Action::RecordCreate, key)?;
        current
            .as_ref()
            .map(crate::record::already)
            .ok_or_else(|| RecordError::NotFound(key.clone()))
    }
}
