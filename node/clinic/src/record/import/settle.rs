//! Where the references of a record lead, once all is read.
//!
//! Invariants: a reference leads to one record of the run or here, or it names nobody, which is told; it is never bent
//! to a record that only looks alike: an id that is no UUID means something only under its prefix, among accepted ids or
//! in its own Bundle.

use std::collections::BTreeSet;

use chaski_fhir::compartment::patients_of;
use chaski_fhir::definitions::is_resource_kind;
use chaski_fhir::id;
use chaski_fhir::reference::{self, Reference};
use chaski_json::Json;
use chaski_store::RecordKey;

use super::ImportSession;
use super::incoming::Incoming;
use super::names::{Named, name_hash};
use crate::record::RecordError;
use crate::record::prepare::derived_key;

/// How kinds call whom a record is about.
const SUBJECTS: [&str; 3] = ["subject", "patient", "beneficiary"];
/// Stands for a patient who was refused, while it is asked whose record it would be.
const REFUSED: &str = "Patient/refused";

/// A reference that names nobody.
pub(super) struct Dangling {
    pub(super) path: String,
    pub(super) reason: String,
    /// What was refused, as the files call it, where it leads there.
    pub(super) refused: Option<String>,
}

/// Where the references of one record lead.
#[derive(Default)]
pub(super) struct Links {
    pub(super) links: u64,
    pub(super) dangling: Vec<Dangling>,
    /// The refused patient whose record it would be.
    pub(super) because_of: Option<String>,
}

/// What a reference comes to.
enum Lead {
    To(RecordKey),
    /// Nobody; the text that stands for it from now on, and why.
    Nobody(Option<String>, String),
    /// A record that was refused, as the files call it.
    Refused(Option<String>, String),
    /// It says nothing of another record (`#id`).
    Kept,
}

impl ImportSession<'_> {
    /// Rewrites the references of a record to what they lead to.
    pub(super) fn settle(&mut self, incoming: &mut Incoming) -> Result<Links, RecordError> {
        let clinic = self.clinic;
        let bases: Vec<&str> = clinic.settings().base_urls.iter().map(String::as_str).collect();
        reference::relativise(&mut incoming.json, &bases);
        let mut found = Links::default();
        let mut failed = None;
        let mut refused_texts = BTreeSet::new();
        let bundle = incoming.bundle;
        let mut path = incoming.key.kind().to_owned();
        let mut json = std::mem::take(&mut incoming.json);
        reference::rewrite_at(&mut json, &mut path, &mut |path, text| {
            let (dangling, new) = match self.lead(text, bundle) {
                Ok(Lead::Kept) => return None,
                Ok(Lead::To(key)) => {
                    found.links += 1;
                    return Some(with_version(&key.to_string(), text));
                }
                Ok(Lead::Nobody(new, reason)) => ((reason, None), new),
                Ok(Lead::Refused(new, called)) => {
                    if called.starts_with("Patient") {
                        refused_texts.insert(new.clone().unwrap_or_else(|| text.to_owned()));
                        found.because_of.get_or_insert_with(|| called.clone());
                    }
                    ((format!("{called} was refused"), Some(called)), new)
                }
                Err(error) => {
                    failed.get_or_insert(error);
                    return None;
                }
            };
            found.dangling.push(Dangling {
                path: path.to_owned(),
                reason: dangling.0,
                refused: dangling.1,
            });
            new
        });
        self.logical(&mut json, incoming.key.kind(), &mut found);
        if !is_of_refused(&json, &refused_texts) {
            found.because_of = None;
        }
        incoming.json = json;
        match failed {
            Some(error) => Err(error),
            None => Ok(found),
        }
    }

    fn lead(&mut self, text: &str, bundle: u64) -> Result<Lead, RecordError> {
        let (stem, _) = split_version(text);
        let name = reference::normal(stem);
        if let Some(named) = self.names.aliased(bundle, &name)
            && bundle != 0
            && !matches!(named, Named::Refused(_))
        {
            return Ok(lead_of(named, text));
        }
        match reference::parse(stem, &[]) {
            Reference::Fragment(_) => Ok(Lead::Kept),
            Reference::Urn(_) => self.lead_urn(&name),
            Reference::Local { kind, id, .. } => self.lead_local(kind, id, text),
            Reference::Foreign(url) => self.lead_foreign(url, text),
            // A condition may hold what looks like a version.
            Reference::Conditional { .. } => self.lead_conditional(text),
            Reference::Other(_) => Ok(Lead::Nobody(None, format!("{text} is no reference"))),
        }
    }

    fn lead_urn(&mut self, name: &str) -> Result<Lead, RecordError> {
        let refused = match self.names.aliased(0, name) {
            Some(Named::Refused(called)) => Some(called.clone()),
            Some(named) => return Ok(lead_of(named, name)),
            None => None,
        };
        if let Some(uuid) = reference::urn_uuid(name) {
            if let Some(key) = self.names.by_uuid(&uuid) {
                return Ok(Lead::To(key));
            }
            let hash = name_hash(&["urn", &uuid]);
            if !self.absent.contains(&hash) {
                if let Some(key) = self.clinic.urn_target(&uuid)? {
                    return Ok(Lead::To(key));
                }
                self.absent.insert(hash);
            }
        }
        Ok(match refused {
            Some(called) => Lead::Refused(None, called),
            None => Lead::Nobody(None, format!("{name} names no record of the files or here")),
        })
    }

    fn lead_local(&mut self, kind: &str, id: &str, text: &str) -> Result<Lead, RecordError> {
        let prefixed = self
            .options
            .id_prefix
            .as_ref()
            .filter(|_| !id::is_uuid(id))
            .map(|prefix| format!("{prefix}{id}"));
        let key = RecordKey::new(kind, prefixed.as_deref().unwrap_or(id)).ok();
        if let Some(key) = &key
            && self.is_there(key)?
        {
            return Ok(Lead::To(key.clone()));
        }
        let new = prefixed
            .as_ref()
            .map(|prefixed| with_version(&format!("{kind}/{prefixed}"), text));
        let called = format!("{kind}/{id}");
        Ok(match self.names.aliased(0, &called) {
            Some(Named::Refused(called)) => Lead::Refused(new, called.clone()),
            Some(named) => lead_of(named, &called),
            None => Lead::Nobody(
                new.clone(),
                format!("{} is neither in the files nor here", new.unwrap_or(called)),
            ),
        })
    }

    /// A URL of another system: it leads to what the files call by it, or to what it ends in where that is a UUID or
    /// the run says whose ids are meant.
    fn lead_foreign(&mut self, url: &str, text: &str) -> Result<Lead, RecordError> {
        let nobody = format!("{url} is neither in the files nor here");
        match self.names.aliased(0, url) {
            Some(Named::Refused(called)) => return Ok(Lead::Refused(None, called.clone())),
            Some(named) => return Ok(lead_of(named, text)),
            None => {}
        }
        let Some((_, rest)) = reference::tail(url) else {
            return Ok(Lead::Nobody(None, nobody));
        };
        let Reference::Local { kind, id, .. } = reference::parse(rest, &[]) else {
            return Ok(Lead::Nobody(None, nobody));
        };
        let is_meant = id::is_uuid(id)
            || self.options.id_prefix.is_some()
            || self.options.accept_ids
            || self.clinic.settings().accept_ids;
        if is_meant && let Lead::To(key) = self.lead_local(kind, id, rest)? {
            return Ok(Lead::To(key));
        }
        Ok(match self.names.aliased(0, &format!("{kind}/{id}")) {
            Some(Named::Refused(called)) => Lead::Refused(None, called.clone()),
            _ => Lead::Nobody(None, nobody),
        })
    }

    fn lead_conditional(&mut self, text: &str) -> Result<Lead, RecordError> {
        let Reference::Conditional { kind, query } = reference::parse(text, &[]) else {
            return Ok(Lead::Kept);
        };
        if let Some(key) = self.condition_key(kind, query)? {
            return Ok(Lead::To(key));
        }
        let condition = self.clinic.condition(kind, query)?;
        match derived_key(&condition) {
            // It is referred to by the id it will have, wherever it is made.
            Some(key) => {
                let reason = format!("{key} is not here yet");
                Ok(Lead::Nobody(Some(key.to_string()), reason))
            }
            None => Err(RecordError::NoMatch("a conditional reference".to_owned())),
        }
    }

    /// Whether a record of this key is in the run or here.
    pub(super) fn is_there(&self, key: &RecordKey) -> Result<bool, RecordError> {
        Ok(self.names.has(key) || self.clinic.door_has(key)?)
    }

    /// Adds to references that name somebody by a number alone the record that bears it.
    fn logical(&mut self, json: &mut Json, kind: &str, found: &mut Links) {
        let mut path = kind.to_owned();
        each_logical(json, true, &mut path, &mut |path, kind, system, value| {
            let key = self.by_number(kind, system, value);
            match key {
                Ok(Some(key)) => {
                    found.links += 1;
                    return Some(key.to_string());
                }
                Ok(None) => found.dangling.push(Dangling {
                    path: path.to_owned(),
                    reason: format!("no {kind} here has the number by which it is named"),
                    refused: None,
                }),
                Err(error) => found.dangling.push(Dangling {
                    path: path.to_owned(),
                    reason: error.to_string(),
                    refused: None,
                }),
            }
            None
        });
    }

    fn by_number(&mut self, kind: &str, system: &str, value: &str) -> Result<Option<RecordKey>, RecordError> {
        let hash = name_hash(&["number", kind, system, value]);
        if self.absent.contains(&hash) {
            return Ok(None);
        }
        let token = format!("{}|{}", escaped(system), escaped(value));
        let condition = format!("identifier={}", crate::text::percent_encode(&token));
        let found = self.condition_key(kind, &condition)?;
        if found.is_none() {
            self.absent.insert(hash);
        }
        Ok(found)
    }
}

fn lead_of(named: &Named, text: &str) -> Lead {
    match named {
        Named::One(key) => Lead::To(key.clone()),
        Named::Several => Lead::Nobody(None, format!("{text} names several records of the files")),
        Named::Refused(called) => Lead::Refused(None, called.clone()),
    }
}

/// The reference without its version, and that.
fn split_version(text: &str) -> (&str, Option<&str>) {
    match text.split_once("/_history/") {
        Some((stem, version)) if !stem.contains('?') => (stem, Some(version)),
        _ => (text, None),
    }
}

fn with_version(new: &str, old: &str) -> String {
    match split_version(old) {
        (_, Some(version)) => format!("{new}/_history/{version}"),
        (_, None) => new.to_owned(),
    }
}

/// Whether a record would be that of a refused patient, to whom these texts refer.
fn is_of_refused(json: &Json, texts: &BTreeSet<String>) -> bool {
    if texts.is_empty() {
        return false;
    }
    let mut asked = json.clone();
    reference::rewrite(&mut asked, &mut |text| {
        texts.contains(text).then(|| REFUSED.to_owned())
    });
    patients_of(&asked)
        .iter()
        .any(|id| REFUSED.strip_prefix("Patient/") == Some(id))
}

/// What a search would take for its own signs.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(letter, '\\' | ',' | '$' | '|') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// Visits references that have a number and no `reference`, where it is known which kind is meant: by their `type`, or
/// because they say whom the record is about.
fn each_logical(
    json: &mut Json,
    is_root: bool,
    path: &mut String,
    visit: &mut dyn FnMut(&str, &str, &str, &str) -> Option<String>,
) {
    let length = path.len();
    match json {
        Json::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                path.push_str(&format!("[{at}]"));
                each_logical(item, false, path, visit);
                path.truncate(length);
            }
        }
        Json::Object(members) => {
            for (name, value) in members.iter_mut() {
                path.push('.');
                path.push_str(name);
                let is_subject = is_root && SUBJECTS.contains(&name.as_str());
                if let Some((kind, system, value_text)) = number_alone(value, is_subject)
                    && let Some(new) = visit(path, &kind, &system, &value_text)
                    && let Some(reference) = value.as_object_mut()
                {
                    reference.insert("reference".to_owned(), Json::from(new));
                }
                each_logical(value, false, path, visit);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// Kind, system and value of a Reference that has a number and nothing else to go by.
fn number_alone(value: &Json, is_subject: bool) -> Option<(String, String, String)> {
    let members = value.as_object()?;
    let is_reference = members.keys().all(|name| {
        matches!(
            name.as_str(),
            "type" | "identifier" | "display" | "id" | "extension"
        )
    });
    let kind = match members.get("type") {
        Some(of_type) => of_type.as_str()?,
        None if is_subject => "Patient",
        None => return None,
    };
    let identifier = members.get("identifier").filter(|_| is_reference)?;
    let text = |name| identifier.get(name).and_then(Json::as_str);
    let (system, value) = (text("system")?, text("value")?);
    is_resource_kind(kind).then(|| (kind.to_owned(), system.to_owned(), value.to_owned()))
}
