//! References followed for reading: a medicine, a person or a place is told by its name, wherever the node holds it.

use std::cell::RefCell;
use std::collections::BTreeMap;

use chaski_fhir::reference::{self, Reference};
use chaski_json::{Json, Object};
use chaski_store::RecordKey;

use crate::features::title;
use crate::fhir_json::{items, text};
use crate::policy_decision::Action;
use crate::{Caller, Clinic};

/// Other records that one page looks up for their names at most.
const LOOKED_UP_MAX: usize = 300;
/// How deep references are looked for in a record: `performer.actor`, `dosage.…`, an extension's value.
const DEPTH_MAX: usize = 6;

/// Looks names up for one page, each once.
pub(super) struct Names<'a> {
    clinic: &'a Clinic,
    caller: &'a Caller,
    known: RefCell<BTreeMap<String, String>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(clinic: &'a Clinic, caller: &'a Caller) -> Names<'a> {
        Names {
            clinic,
            caller,
            known: RefCell::default(),
        }
    }

    /// The record with a name in each reference that has none and leads to one; `None` where there is nothing to add.
    pub(super) fn follow(&self, json: &Json) -> Option<Json> {
        if !has_nameless(json, 0) {
            return None;
        }
        let mut named = json.clone();
        for (name, part) in named.as_object_mut()?.iter_mut() {
            // What it is about is told above it.
            if !matches!(name.as_str(), "subject" | "patient" | "contained" | "meta") {
                self.fill(part, json, 0);
            }
        }
        Some(named)
    }

    fn fill(&self, part: &mut Json, whole: &Json, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        match part {
            Json::Array(all) => all.iter_mut().for_each(|one| self.fill(one, whole, depth)),
            Json::Object(members) if is_nameless(members) => {
                let to = members
                    .get("reference")
                    .and_then(Json::as_str)
                    .unwrap_or_default();
                let name = self.name_of(to, whole);
                if !name.is_empty() {
                    members.insert("display".to_owned(), Json::from(name));
                }
            }
            Json::Object(members) => {
                for (_, member) in members.iter_mut() {
                    self.fill(member, whole, depth + 1);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    fn name_of(&self, to: &str, whole: &Json) -> String {
        if let Some(id) = to.strip_prefix('#') {
            let inner = items(whole, "contained").find(|one| text(one, "id") == id);
            return inner
                .map(|one| title(text(one, "resourceType"), one))
                .unwrap_or_default();
        }
        if let Some(name) = self.known.borrow().get(to) {
            return name.clone();
        }
        if self.known.borrow().len() >= LOOKED_UP_MAX {
            return String::new();
        }
        let bases: Vec<&str> = self
            .clinic
            .settings()
            .base_urls
            .iter()
            .map(String::as_str)
            .collect();
        let key = match reference::parse(to, &bases) {
            Reference::Local { kind, id, .. } => RecordKey::new(kind, id).ok(),
            _ => None,
        };
        // What may not be read, is not here or can't be read keeps the reference that it has, which the row shows.
        let read = |key: RecordKey| {
            self.clinic
                .door_read(self.caller, Action::RecordRead, &key)
                .ok()?
        };
        let found = key.and_then(read).filter(|found| !found.deleted);
        let name = found
            .map(|found| title(found.key.kind(), &found.json))
            .unwrap_or_default();
        self.known.borrow_mut().insert(to.to_owned(), name.clone());
        name
    }
}

fn is_nameless(members: &Object) -> bool {
    let has = |name: &str| {
        members
            .get(name)
            .and_then(Json::as_str)
            .is_some_and(|text| !text.is_empty())
    };
    has("reference") && !has("display")
}

fn has_nameless(part: &Json, depth: usize) -> bool {
    match part {
        Json::Array(all) => all.iter().any(|one| has_nameless(one, depth)),
        Json::Object(members) => {
            is_nameless(members)
                || (depth < DEPTH_MAX && members.iter().any(|(_, member)| has_nameless(member, depth + 1)))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    }
}
