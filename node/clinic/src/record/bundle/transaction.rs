//! A transaction: planned, settled, checked, then one commit.

use std::collections::{BTreeMap, BTreeSet};

use chaski_fhir::search::Query;
use chaski_json::Json;
use chaski_store::{Base, Context, Current, RecordKey, Write, Written};

use super::EntryOutcome;
use super::references::{CreatedValues, has_conditional};
use super::request::{Method, Request, read_request, same_kind};
use crate::Clinic;
use crate::policy_decision::{Action, Target};
use crate::record::RecordError;
use crate::record::prepare::{Pending, derived_key, id_of};
use crate::record::write::{UpdateOptions, match_base};

/// How often a transaction is planned when others make what its conditions look for.
const PLANS_MAX: usize = 3;

/// What a transaction's entry will do.
enum Plan {
    Create {
        key: RecordKey,
        json: Json,
        condition: Option<Query>,
    },
    Put {
        key: RecordKey,
        json: Json,
        before: Option<Box<Current>>,
        options: UpdateOptions,
    },
    Delete {
        key: RecordKey,
        base: Base,
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
    fn key(&self) -> Option<&RecordKey> {
        match self {
            Plan::Create { key, .. } | Plan::Put { key, .. } | Plan::Delete { key, .. } => Some(key),
            Plan::Again { key, .. } => Some(key),
            Plan::Settled(_, key) => key.as_ref(),
            Plan::Read(_) => None,
        }
    }

    fn writes(&self) -> bool {
        matches!(self, Plan::Create { .. } | Plan::Put { .. } | Plan::Delete { .. })
    }
}

/// What became of an entry.
type Outcome = Result<EntryOutcome, RecordError>;

/// The conditional creates planned so far: kind and condition, the key and the entry.
type Conditions = BTreeMap<(String, String), (RecordKey, usize)>;

impl Clinic {
    pub(super) fn transaction(&self, ctx: &Context, entries: Vec<Json>) -> Result<Vec<Outcome>, RecordError> {
        let conditional = entries.iter().any(is_conditional);
        for _ in 1..PLANS_MAX {
            if !conditional {
                break;
            }
            match self.transaction_once(ctx, entries.clone()) {
                // References were settled for a record that another writer has made first.
                Err(RecordError::Entry { source, .. }) if matches!(*source, RecordError::Matched(_)) => {}
                done => return done,
            }
        }
        self.transaction_once(ctx, entries)
    }

    fn transaction_once(&self, ctx: &Context, entries: Vec<Json>) -> Result<Vec<Outcome>, RecordError> {
        let mut conditions = Conditions::new();
        let mut names: BTreeMap<String, RecordKey> = BTreeMap::new();
        let mut pending = Pending::new();
        let mut written: BTreeSet<RecordKey> = BTreeSet::new();
        let mut plans = Vec::with_capacity(entries.len());
        for (index, entry) in entries.into_iter().enumerate() {
            let request = read_request(entry).map_err(|error| error.at_entry(index))?;
            let full_url = request.full_url.clone();
            let was = (request.method == Method::Post)
                .then(|| {
                    request
                        .resource
                        .as_ref()
                        .and_then(id_of)
                        .map(|id| format!("{}/{id}", request.kind))
                })
                .flatten();
            let condition = request
                .if_none_exist
                .clone()
                .map(|query| (request.kind.clone(), query));
            let plan = match condition.as_ref().and_then(|condition| conditions.get(condition)) {
                Some((key, first)) => Plan::Again {
                    key: key.clone(),
                    first: *first,
                },
                None => self.plan(ctx, request).map_err(|error| error.at_entry(index))?,
            };
            if let (Plan::Create { key, .. }, Some(condition)) = (&plan, condition) {
                conditions.insert(condition, (key.clone(), index));
            }
            if let Some(key) = plan.key() {
                if plan.writes() && !written.insert(key.clone()) {
                    let twice = RecordError::Bundle(format!("{key} is written twice"));
                    return Err(twice.at_entry(index));
                }
                if !matches!(plan, Plan::Delete { .. }) {
                    pending.insert(key.clone());
                }
                let rest_url = full_url.as_deref().is_some_and(|url| url.starts_with("http"));
                if let Some(url) = full_url
                    && names.insert(url, key.clone()).is_some()
                {
                    return Err(
                        RecordError::Bundle("two entries have the same fullUrl".to_owned()).at_entry(index),
                    );
                }
                if let (true, Some(was)) = (rest_url, was) {
                    names.insert(was, key.clone());
                }
            }
            plans.push(plan);
        }
        self.settle_plans(ctx, &mut plans, &names, &pending)?;
        self.run_plans(ctx, plans)
    }

    fn plan(&self, ctx: &Context, request: Request) -> Result<Plan, RecordError> {
        let Request {
            method,
            kind,
            id,
            query,
            if_match,
            if_none_exist,
            resource,
            full_url,
            ..
        } = request;
        let missing = || RecordError::Bundle("the entry has no resource".to_owned());
        match (method, id, query) {
            (Method::Post, None, None) => {
                let json = resource.ok_or_else(missing)?;
                same_kind(&json, &kind)?;
                let own_uuid = full_url
                    .as_deref()
                    .and_then(|url| url.strip_prefix("urn:uuid:"))
                    .map(str::to_owned);
                self.plan_create(ctx, &kind, json, if_none_exist, own_uuid)
            }
            (Method::Put, Some(id), None) => {
                let json = resource.ok_or_else(missing)?;
                self.plan_put(ctx, &kind, &id, json, if_match)
            }
            (Method::Put, None, Some(query)) => {
                let json = resource.ok_or_else(missing)?;
                same_kind(&json, &kind)?;
                match self.resolve_condition(ctx, &kind, &query)? {
                    Some(key) => self.plan_put(ctx, &kind, key.id(), json, if_match),
                    None => self.plan_create(ctx, &kind, json, Some(query), None),
                }
            }
            (Method::Delete, Some(id), None) => {
                let key = RecordKey::new(&kind, &id).map_err(|_| RecordError::BadId)?;
                self.plan_delete(ctx, key, if_match)
            }
            (Method::Delete, None, Some(query)) => match self.resolve_condition(ctx, &kind, &query)? {
                Some(key) => self.plan_delete(ctx, key, if_match),
                None => Ok(Plan::Settled(EntryOutcome::Deleted(None), None)),
            },
            (Method::Get, id, query) => Ok(Plan::Read(Request {
                method,
                kind,
                id,
                query,
                version: request.version,
                history: request.history,
                if_match: None,
                if_none_exist: None,
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
        ctx: &Context,
        kind: &str,
        json: Json,
        if_none_exist: Option<String>,
        own_uuid: Option<String>,
    ) -> Result<Plan, RecordError> {
        self.allow(ctx, Action::RecordCreate, &Target::Kind(kind))?;
        let condition = match if_none_exist {
            Some(query) => Some(self.condition(kind, &query)?),
            None => None,
        };
        if let Some(query) = &condition
            && let Some(key) = self.match_one(ctx, query)?
        {
            let written = self.as_written(ctx, &key)?;
            return Ok(Plan::Settled(EntryOutcome::Written(written), Some(key)));
        }
        let derived = condition.as_ref().and_then(derived_key);
        let key = match derived.or(self.own_key(kind, &json, own_uuid.as_deref())?) {
            Some(key) => key,
            None => self.new_key(kind)?,
        };
        Ok(Plan::Create { key, json, condition })
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
        Ok(self.store().heads(&key)?.is_empty().then_some(key))
    }

    fn plan_put(
        &self,
        ctx: &Context,
        kind: &str,
        id: &str,
        json: Json,
        if_match: Option<String>,
    ) -> Result<Plan, RecordError> {
        self.allow(ctx, Action::RecordUpdate, &Target::Kind(kind))?;
        same_kind(&json, kind)?;
        if id_of(&json).is_some_and(|body| body != id) {
            return Err(RecordError::Bundle(
                "the resource's id is not the one of the url".to_owned(),
            ));
        }
        let key = RecordKey::new(kind, id).map_err(|_| RecordError::BadId)?;
        let before = self.store().read(ctx, &key)?;
        if before.is_none() {
            self.check_id(kind, id, false)?;
        }
        let options = UpdateOptions {
            if_match,
            ..UpdateOptions::default()
        };
        Ok(Plan::Put {
            key,
            json,
            before: before.map(Box::new),
            options,
        })
    }

    fn plan_delete(
        &self,
        ctx: &Context,
        key: RecordKey,
        if_match: Option<String>,
    ) -> Result<Plan, RecordError> {
        self.allow(ctx, Action::RecordDelete, &Target::Kind(key.kind()))?;
        let before = self.store().read(ctx, &key)?;
        // Also of what is gone: the other entries were written for the version that was read.
        let base = match if_match {
            Some(version) => match_base(&key, &version, before.as_ref())?,
            None => Base::Current,
        };
        match before {
            Some(before) if !before.deleted => Ok(Plan::Delete { key, base }),
            _ => Ok(Plan::Settled(EntryOutcome::Deleted(None), None)),
        }
    }

    fn settle_plans(
        &self,
        ctx: &Context,
        plans: &mut [Plan],
        names: &BTreeMap<String, RecordKey>,
        pending: &Pending,
    ) -> Result<(), RecordError> {
        let created = created_values(plans);
        for (index, plan) in plans.iter_mut().enumerate() {
            let (key, json, before) = match plan {
                Plan::Create { key, json, .. } => (&*key, json, None),
                Plan::Put {
                    key, json, before, ..
                } => (&*key, json, before.as_deref()),
                Plan::Delete { .. } | Plan::Settled(..) | Plan::Again { .. } | Plan::Read(_) => continue,
            };
            self.rewrite_names(json, names)
                .map_err(|error| error.at_entry(index))?;
            self.resolve_created(json, &created)
                .map_err(|error| error.at_entry(index))?;
            self.prepare(ctx, json, key, before, pending)
                .map_err(|error| error.at_entry(index))?;
        }
        Ok(())
    }

    /// Commits, then reads. A read that fails is told at its entry: what was
    /// written stands, and an error for the whole would say that it does not.
    fn run_plans(&self, ctx: &Context, plans: Vec<Plan>) -> Result<Vec<Outcome>, RecordError> {
        let mut writes = Vec::new();
        let mut places = Vec::new();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(plans.len());
        let mut reads = Vec::new();
        let mut repeats = Vec::new();
        for (index, plan) in plans.into_iter().enumerate() {
            let write = match plan {
                Plan::Settled(outcome, _) => {
                    outcomes.push(Some(Ok(outcome)));
                    continue;
                }
                Plan::Read(request) => {
                    reads.push((index, request));
                    outcomes.push(None);
                    continue;
                }
                Plan::Again { first, .. } => {
                    repeats.push((index, first));
                    outcomes.push(None);
                    continue;
                }
                Plan::Create { json, condition, .. } => Write::Create {
                    json,
                    if_none_exist: condition,
                },
                Plan::Put {
                    key,
                    json,
                    before,
                    options,
                } => Write::Put {
                    base: self
                        .update_base(ctx, &key, &json, before.as_deref(), &options)
                        .map_err(|error| error.at_entry(index))?,
                    key,
                    json,
                    resolution: false,
                },
                Plan::Delete { key, base } => Write::Delete { key, base },
            };
            outcomes.push(None);
            places.push((index, matches!(write, Write::Delete { .. })));
            writes.push(write);
        }
        let written = self
            .commit(ctx, writes)
            .map_err(|error| re_place(error, &places))?;
        for ((index, deleted), written) in places.into_iter().zip(written) {
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = Some(Ok(if deleted {
                    EntryOutcome::Deleted(Some(written))
                } else {
                    EntryOutcome::Written(written)
                }));
            }
        }
        for (index, first) in repeats {
            let answer = repeated(outcomes.get(first));
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = answer;
            }
        }
        for (index, request) in reads {
            let outcome = self.read_entry(ctx, request);
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = Some(outcome);
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    fn as_written(&self, ctx: &Context, key: &RecordKey) -> Result<Written, RecordError> {
        let current = self.store().read(ctx, key)?;
        current
            .as_ref()
            .map(crate::record::already)
            .ok_or_else(|| RecordError::NotFound(key.clone()))
    }
}

/// Whether what an entry does depends on what a search finds.
fn is_conditional(entry: &Json) -> bool {
    let url = entry.pointer("/request/url").and_then(Json::as_str);
    entry.pointer("/request/ifNoneExist").is_some() || url.is_some_and(|url| url.contains('?'))
}

fn created_values(plans: &[Plan]) -> Vec<CreatedValues> {
    let conditional = plans.iter().any(|plan| match plan {
        Plan::Create { json, .. } | Plan::Put { json, .. } => has_conditional(json),
        _ => false,
    });
    if !conditional {
        return Vec::new();
    }
    plans
        .iter()
        .filter_map(|plan| match plan {
            Plan::Create { key, json, .. } | Plan::Put { key, json, .. } => {
                Some((key.clone(), chaski_fhir::search::extract(json)))
            }
            _ => None,
        })
        .collect()
}

/// The answer to a conditional create that an earlier entry has made.
fn repeated(first: Option<&Option<Outcome>>) -> Option<Outcome> {
    let Some(Some(Ok(EntryOutcome::Written(written)))) = first else {
        return None;
    };
    Some(Ok(EntryOutcome::Written(Written {
        created: false,
        unchanged: true,
        ..written.clone()
    })))
}

fn re_place(error: RecordError, places: &[(usize, bool)]) -> RecordError {
    match error {
        RecordError::Entry { index, source } => {
            let index = places.get(index).map_or(index, |(index, _)| *index);
            RecordError::Entry { index, source }
        }
        other => other,
    }
}
