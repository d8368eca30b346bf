//! A transaction: planned, settled, checked, then one commit.

use std::collections::{BTreeMap, BTreeSet};

use chaski_fhir::reference;
use chaski_json::Json;
use chaski_store::{Base, RecordKey, Write, Written};
use jiff::tz::TimeZone;

use super::outcome::EntryOutcome;
use super::plan::Plan;
use super::references::{CreatedValues, has_conditional};
use super::request::{Method, Request, read_request};
use super::room::Room;
use crate::record::RecordError;
use crate::record::prepare::{Pending, derived_key, id_of};
use crate::{Caller, Clinic};

/// How often a transaction is planned when others make what its conditions look for.
const PLANS_MAX: usize = 3;

/// What became of an entry.
type Outcome = Result<EntryOutcome, RecordError>;

/// The conditional creates planned so far: kind and parsed condition, the key and the entry.
type Conditions = BTreeMap<(String, String), (RecordKey, usize)>;

/// A write's place in its bundle.
struct Place {
    index: usize,
    is_delete: bool,
    /// What it does depends on what a search found: where that has changed, all is planned again.
    is_conditional: bool,
    /// It must not be answered with a record that another writer made.
    must_write: bool,
}

/// Refuses a bundle of which a condition is met by what it deletes itself: R4 runs deletions first, and an answer that
/// the record is there already would leave nothing.
fn check_own_deletes(plans: &[Plan]) -> Result<(), RecordError> {
    let deleted = |key: &RecordKey| {
        let is_it = |plan: &Plan| matches!(plan, Plan::Delete { key: own, .. } if own == key);
        plans.iter().position(is_it)
    };
    for (index, plan) in plans.iter().enumerate() {
        let (Plan::Settled(_, Some(key))
        | Plan::Put {
            key, is_found: true, ..
        }) = plan
        else {
            continue;
        };
        if let Some(other) = deleted(key) {
            let told = format!(
                "its condition is met by what entry {other} of the same bundle deletes: send the deletion by itself first"
            );
            return Err(RecordError::Bundle(told).at_entry(index));
        }
    }
    Ok(())
}

impl Clinic {
    pub(super) fn transaction(
        &self,
        caller: &Caller,
        entries: Vec<Json>,
    ) -> Result<Vec<Outcome>, RecordError> {
        let conditional = entries.iter().any(is_conditional);
        for _ in 1..PLANS_MAX {
            if !conditional {
                break;
            }
            match self.transaction_once(caller, entries.clone()) {
                // References were settled for a record that another writer has made first.
                Err(RecordError::Entry { source, index }) if matches!(*source, RecordError::Matched(_)) => {
                    self.check_own_match(&entries, index)?;
                }
                done => return done,
            }
        }
        self.transaction_once(caller, entries)
    }

    /// Refuses a bundle whose condition at `index` is met by what the bundle itself writes before it: no
    /// other plan would come to anything else.
    fn check_own_match(&self, entries: &[Json], index: usize) -> Result<(), RecordError> {
        let Some(entry) = entries.get(index) else {
            return Ok(());
        };
        let request = read_request(entry.clone())?;
        let Some(condition) = request.if_none_exist.as_ref().or(request.query.as_ref()) else {
            return Ok(());
        };
        let query = self.condition(&request.kind, condition)?;
        let before = entries.iter().take(index).enumerate();
        for (other, entry) in before {
            let Some(json) = entry.get("resource") else {
                continue;
            };
            let is_kind = json.get("resourceType").and_then(Json::as_str) == Some(&request.kind);
            if is_kind && query.matches(&query.values_of(json)) {
                return Err(RecordError::Bundle(format!(
                    "its condition is met by what entry {other} of the same bundle writes: send one of them, \
                     or refer to that entry by its fullUrl"
                ))
                .at_entry(index));
            }
        }
        Ok(())
    }

    fn transaction_once(&self, caller: &Caller, entries: Vec<Json>) -> Result<Vec<Outcome>, RecordError> {
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
            let condition = self
                .condition_name(&request)
                .map_err(|error| error.at_entry(index))?;
            let plan = match condition.as_ref().and_then(|condition| conditions.get(condition)) {
                Some((key, first)) => Plan::Again {
                    key: key.clone(),
                    first: *first,
                },
                None => self
                    .plan(caller, request)
                    .map_err(|error| error.at_entry(index))?,
            };
            if let (Plan::Create { key, .. }, Some(condition)) = (&plan, condition) {
                conditions.insert(condition, (key.clone(), index));
            }
            if let Some(key) = plan.key() {
                if plan.writes() && !written.insert(key.clone()) {
                    let twice = RecordError::Bundle(format!("{key} is written twice"));
                    return Err(twice.at_entry(index));
                }
                // Named by several entries, it is gone if one of them deletes it.
                *pending.entry(key.clone()).or_insert(true) &= !matches!(plan, Plan::Delete { .. });
                let rest_url = full_url.as_deref().is_some_and(|url| url.starts_with("http"));
                if let Some(url) = full_url
                    && names
                        .insert(reference::normal(&url).into_owned(), key.clone())
                        .is_some()
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
        check_own_deletes(&plans)?;
        self.settle_plans(caller, &mut plans, &names, &pending)?;
        self.run_plans(caller, plans)
    }

    /// What tells one conditional create's condition from another's, however it is written.
    fn condition_name(&self, request: &Request) -> Result<Option<(String, String)>, RecordError> {
        let Some(text) = &request.if_none_exist else {
            return Ok(None);
        };
        let query = self.condition(&request.kind, text)?;
        let mut filters: Vec<String> = query.filters.iter().map(|filter| format!("{filter:?}")).collect();
        filters.sort();
        filters.dedup();
        Ok(Some((request.kind.clone(), filters.join(";"))))
    }

    fn settle_plans(
        &self,
        caller: &Caller,
        plans: &mut [Plan],
        names: &BTreeMap<String, RecordKey>,
        pending: &Pending,
    ) -> Result<(), RecordError> {
        let created = created_values(plans, self.zone());
        for (index, plan) in plans.iter_mut().enumerate() {
            let (key, json, before) = match plan {
                Plan::Create { key, json, .. } => (&*key, json, None),
                Plan::Put {
                    key, json, before, ..
                } => (&*key, json, before.as_deref()),
                Plan::Delete { .. } | Plan::Settled(..) | Plan::Again { .. } | Plan::Read(_) => continue,
            };
            self.rewrite_names(json, names);
            self.resolve_created(json, &created)
                .map_err(|error| error.at_entry(index))?;
            self.prepare(caller, json, key, before, pending)
                .map_err(|error| error.at_entry(index))?;
        }
        Ok(())
    }

    /// Commits, then reads. A read that fails is told at its entry: what was
    /// written stands, and an error for the whole would say that it does not.
    fn run_plans(&self, caller: &Caller, plans: Vec<Plan>) -> Result<Vec<Outcome>, RecordError> {
        let mut writes = Vec::new();
        let mut places = Vec::new();
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(plans.len());
        let mut reads = Vec::new();
        let mut repeats = Vec::new();
        for (index, plan) in plans.into_iter().enumerate() {
            let place = Place {
                index,
                is_delete: matches!(plan, Plan::Delete { .. }),
                is_conditional: plan.is_conditional(),
                must_write: matches!(plan, Plan::Create { is_update: true, .. }),
            };
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
                write => self
                    .write_of(caller, write)
                    .map_err(|error| error.at_entry(index))?,
            };
            outcomes.push(None);
            places.push(place);
            writes.extend(write);
        }
        let written = self
            .commit(caller, writes)
            .map_err(|error| re_place(error, &places))?;
        for (place, written) in places.into_iter().zip(written) {
            if place.must_write && !written.created {
                // Its only write, or the store had refused: nothing has happened yet.
                return Err(RecordError::Matched(written.key.kind().to_owned()).at_entry(place.index));
            }
            if let Some(slot) = outcomes.get_mut(place.index) {
                *slot = Some(Ok(if place.is_delete {
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
        let mut room = Room::new();
        for (index, request) in reads {
            let outcome = self.read_entry(caller, request, &mut room);
            if let Some(slot) = outcomes.get_mut(index) {
                *slot = Some(outcome);
            }
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    /// The write that a plan comes to, if it is one.
    fn write_of(&self, caller: &Caller, plan: Plan) -> Result<Option<Write>, RecordError> {
        Ok(Some(match plan {
            // The store answers a conditional create with the record it finds under the same id. An
            // update is no answer then, so it must find none.
            Plan::Create {
                key,
                json,
                condition: Some(condition),
                is_update: true,
            } if derived_key(&condition).is_some() => Write::Put {
                key,
                json,
                base: Base::Absent,
                resolution: false,
            },
            Plan::Create { json, condition, .. } => Write::Create {
                json,
                if_none_exist: condition
                    .map(|query| self.door_condition(caller, query))
                    .transpose()?,
            },
            Plan::Put {
                key,
                json,
                before,
                options,
                ..
            } => Write::Put {
                base: match options.must_not_exist {
                    true => Base::Absent,
                    false => self.update_base(caller, &key, &json, before.as_deref(), &options)?,
                },
                key,
                json,
                resolution: false,
            },
            Plan::Delete { key, base, .. } => Write::Delete { key, base },
            Plan::Settled(..) | Plan::Again { .. } | Plan::Read(_) => return Ok(None),
        }))
    }
}

/// Whether what an entry does depends on what a search finds.
fn is_conditional(entry: &Json) -> bool {
    let url = entry.pointer("/request/url").and_then(Json::as_str);
    entry.pointer("/request/ifNoneExist").is_some() || url.is_some_and(|url| url.contains('?'))
}

fn created_values(plans: &[Plan], zone: &TimeZone) -> Vec<CreatedValues> {
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
                Some((key.clone(), chaski_fhir::search::extract_in(json, Some(zone))))
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

fn re_place(error: RecordError, places: &[Place]) -> RecordError {
    match error {
        RecordError::Entry { index, source } => {
            let Some(place) = places.get(index) else {
                return RecordError::Entry { index, source };
            };
            let source = match *source {
                // What a search found, or did not find, is so no more.
                RecordError::Stale { key, .. } | RecordError::Exists(key) if place.is_conditional => {
                    RecordError::Matched(key.kind().to_owned())
                }
                other => other,
            };
            source.at_entry(place.index)
        }
        other => other,
    }
}
