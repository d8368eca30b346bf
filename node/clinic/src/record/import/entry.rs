//! What a resource from outside is called here, and what is to be done with it.

use chaski_fhir::{id, reference};
use chaski_json::Json;
use chaski_store::RecordKey;
use jiff::Timestamp;

use super::incoming::{Incoming, Place, Stamp, Verb};
use super::leaves::{self, Mark};
use super::names::{Named, name_hash};
use super::note::{ImportNote, NoteKind};
use super::{IDENTIFIERS_MAX, ImportError, ImportSession};
use crate::record::RecordError;
use crate::record::prepare::{derived_key, id_of, kind_of};
use crate::record::read::known_kind;
use crate::record::write::check_whole;

/// What an entry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing: the record is to be as it says.
    Plain,
    /// `POST Type`, on a condition where there is one.
    Create(Option<String>),
    /// `PUT Type/id`, of a record that must not be there where `is_new`.
    Put { id: String, is_new: bool },
    /// `PUT Type?query`.
    PutWhere(String),
    /// `DELETE Type/id`.
    Delete { kind: String, id: String },
    /// `DELETE Type?query`.
    DeleteWhere { kind: String, query: String },
    /// A read: it holds no record.
    Question,
}

/// A resource and what is asked for it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) place: Place,
    pub(super) asked: Asked,
    /// `null` of a deletion.
    pub(super) json: Json,
    pub(super) full_url: Option<String>,
    /// When it was done, where its entry says so.
    pub(super) time: Option<String>,
    /// Which version it made, where its entry says so: of a deletion nothing else does.
    pub(super) etag: Option<String>,
    /// The number of its Bundle; 0 outside of Bundles.
    pub(super) bundle: u64,
}

impl Item {
    /// A resource that stands alone.
    pub(super) fn plain(place: Place, json: Json) -> Item {
        Item {
            place,
            asked: Asked::Plain,
            json,
            full_url: None,
            time: None,
            etag: None,
            bundle: 0,
        }
    }

    /// Kind and id as the file has them; empty where it doesn't say.
    fn as_named(&self) -> (String, String) {
        match &self.asked {
            Asked::Delete { kind, id } => (kind.clone(), id.clone()),
            Asked::DeleteWhere { kind, .. } => (kind.clone(), String::new()),
            _ => {
                let text = |name| self.json.get(name).and_then(Json::as_str).unwrap_or_default();
                (text("resourceType").to_owned(), text("id").to_owned())
            }
        }
    }

    /// What the files may call it by.
    fn names(&self) -> Vec<String> {
        let (kind, id) = self.as_named();
        let mut names = Vec::from_iter(
            self.full_url
                .as_deref()
                .map(|url| reference::normal(url).into_owned()),
        );
        if !kind.is_empty() && !id.is_empty() {
            names.push(format!("{kind}/{id}"));
        }
        names
    }
}

/// A resource that will be taken.
pub(super) struct ReadItem {
    incoming: Incoming,
    marks: Vec<Mark>,
    names: Vec<String>,
}

impl ImportSession<'_> {
    /// Reads what an entry asks for; nothing where there is nothing to do: a deletion of what is not here.
    pub(super) fn read(&mut self, item: &mut Item) -> Result<Option<ReadItem>, RecordError> {
        let names = item.names();
        let stamp = stamp(&item.json, item.time.as_deref(), item.etag.as_deref());
        let incoming = |key: RecordKey, json: Json, verb: Verb| Incoming {
            place: item.place.clone(),
            key,
            json,
            verb,
            stamp,
            bundle: item.bundle,
        };
        match &item.asked {
            Asked::Question => return Ok(None),
            Asked::Delete { kind, id } => {
                known_kind(kind)?;
                let key = self.named_key(kind, Some(id), None)?;
                let key = key.ok_or(RecordError::BadId)?;
                return Ok(Some(ReadItem {
                    incoming: incoming(key, Json::Null, Verb::Delete),
                    marks: Vec::new(),
                    names: Vec::new(),
                }));
            }
            Asked::DeleteWhere { kind, query } => {
                let found = self.condition_key(kind, query)?;
                return Ok(found.map(|key| ReadItem {
                    incoming: incoming(key, Json::Null, Verb::Delete),
                    marks: Vec::new(),
                    names: Vec::new(),
                }));
            }
            _ => {}
        }
        let kind = kind_of(&item.json)?.to_owned();
        check_whole(&item.json)?;
        let key = self.key_of(&kind, item)?;
        self.check_server(&key, item)?;
        let verb = match &item.asked {
            Asked::Create(Some(_)) | Asked::Put { is_new: true, .. } => Verb::PutIfNone,
            _ => Verb::Put,
        };
        // What is made only if there is none is made in the order of the files.
        let stamp = match verb {
            Verb::PutIfNone => Stamp::default(),
            Verb::Put | Verb::Delete => stamp,
        };
        let mut json = item.json.clone();
        if let Some(members) = json.as_object_mut() {
            members.insert("id".to_owned(), Json::from(key.id()));
        }
        let marks = leaves::carry(&mut json, self.options.strict)?;
        Ok(Some(ReadItem {
            incoming: Incoming {
                stamp,
                ..incoming(key, json, verb)
            },
            marks,
            names,
        }))
    }

    /// Remembers what a resource is called and keeps it until all is read.
    pub(super) fn accept(&mut self, read: ReadItem) -> Result<(), ImportError> {
        let ReadItem {
            incoming,
            marks,
            names,
        } = read;
        let key = &incoming.key;
        for name in names {
            if !self.is_own_name(&name, key) {
                self.names.alias(incoming.bundle, &name, Named::One(key.clone()));
            }
        }
        self.remember_numbers(&incoming);
        if !marks.is_empty() {
            self.report.marked += 1;
        }
        for mark in marks {
            let reason = format!("carried though it is not valid: {}", mark.reason);
            let mut note = ImportNote::new(NoteKind::Marked, &incoming.place, (key.kind(), key.id()), reason);
            note.path = mark.path;
            self.note(&note);
        }
        self.keep(&incoming)
    }

    /// Counts and tells a refusal, and remembers by what the files call what was refused.
    pub(super) fn refuse_item(&mut self, item: &Item, reason: String) {
        let (kind, id) = item.as_named();
        let called = match id.as_str() {
            "" => item.full_url.clone().unwrap_or_default(),
            id => format!("{kind}/{id}"),
        };
        if !matches!(item.asked, Asked::Delete { .. } | Asked::DeleteWhere { .. }) {
            for name in item.names() {
                let named = Named::Refused(match kind.as_str() {
                    "Patient" if !called.starts_with("Patient/") => format!("Patient {called}"),
                    _ => called.clone(),
                });
                self.names.alias(item.bundle, &name, named);
            }
        }
        self.refuse(&item.place, (&kind, &id), reason);
    }

    /// Refuses a record that has the id of another server's in the same run: an id that is no UUID says nothing of who is
    /// meant beyond its own server.
    fn check_server(&mut self, key: &RecordKey, item: &Item) -> Result<(), RecordError> {
        let url = item.full_url.as_deref().filter(|url| url.starts_with("http"));
        let own = id_of(&item.json).map(|id| format!("/{}/{id}", key.kind()));
        let server = url.zip(own).and_then(|(url, own)| url.strip_suffix(&own));
        let Some(server) = server.filter(|_| !id::is_uuid(key.id())) else {
            return Ok(());
        };
        let server = name_hash(&["server", server]);
        let known = *self
            .servers
            .entry(name_hash(&[key.kind(), key.id()]))
            .or_insert(server);
        match known == server {
            true => Ok(()),
            false => Err(RecordError::Bundle(
                "a record of another server has the same id in this run: import each server's files by \
                 themselves, under a prefix of their own (--id-prefix)"
                    .to_owned(),
            )),
        }
    }

    fn key_of(&mut self, kind: &str, item: &Item) -> Result<RecordKey, RecordError> {
        if let Asked::Create(Some(condition)) | Asked::PutWhere(condition) = &item.asked {
            let memo = self.condition_memo(kind, condition)?;
            if let Some(key) = self.conditions.get(&memo) {
                return Ok(key.clone());
            }
            let query = self.clinic.condition(kind, condition)?;
            let found = self.condition_key(kind, condition)?;
            let key = match found.or_else(|| derived_key(&query)) {
                Some(key) => key,
                None => self.own_key(kind, item)?,
            };
            self.conditions.insert(memo, key.clone());
            return Ok(key);
        }
        if let Asked::Put { id, .. } = &item.asked {
            match id_of(&item.json) {
                Some(own) if own == id => {}
                Some(_) => {
                    return Err(RecordError::Bundle(format!(
                        "the request names {kind}/{id}, and the resource has another id"
                    )));
                }
                None => {
                    let named = self.named_key(kind, Some(id), item.full_url.as_deref())?;
                    return named.ok_or(RecordError::BadId);
                }
            }
        }
        self.own_key(kind, item)
    }

    /// The key by its id or its Bundle's name for it, else by its content.
    fn own_key(&mut self, kind: &str, item: &Item) -> Result<RecordKey, RecordError> {
        let named = self.named_key(kind, id_of(&item.json), item.full_url.as_deref())?;
        if let Some(key) = named {
            return Ok(key);
        }
        let content = item.json.canonical();
        // Two doses that are alike to the letter are two.
        let count = self.equals.entry(name_hash(&[kind, &content])).or_insert(0);
        *count += 1;
        let content = match *count {
            1 => id::derived_id(kind, "content", &content),
            count => id::derived_id(kind, &format!("content {count}"), &content),
        };
        self.clinic.check_id(kind, &content, false)
    }

    /// The key by an id or a Bundle's name, under the rules for ids from outside.
    fn named_key(
        &self,
        kind: &str,
        id: Option<&str>,
        full_url: Option<&str>,
    ) -> Result<Option<RecordKey>, RecordError> {
        let named = full_url
            .and_then(reference::urn_uuid)
            .filter(|uuid| id::is_uuid(uuid));
        let key = match id.or(named.as_deref()) {
            Some(text) if id::is_uuid(text) => self.clinic.check_id(kind, text, false)?,
            Some(text) => match (&self.options.id_prefix, &named) {
                (Some(prefix), _) => self.clinic.check_id(kind, &format!("{prefix}{text}"), true)?,
                // The bundle itself calls it by a UUID: the other id means nothing outside.
                (None, Some(uuid)) if !self.options.accept_ids => self.clinic.check_id(kind, uuid, false)?,
                (None, _) => self.clinic.check_id(kind, text, self.options.accept_ids)?,
            },
            None => return Ok(None),
        };
        Ok(Some(key))
    }

    /// What tells a condition from others, however it is written.
    pub(super) fn condition_memo(&self, kind: &str, condition: &str) -> Result<u128, RecordError> {
        let query = self.clinic.condition(kind, condition)?;
        let mut filters: Vec<String> = query.filters.iter().map(|filter| format!("{filter:?}")).collect();
        filters.sort();
        filters.dedup();
        Ok(name_hash(&[kind, &filters.join(";")]))
    }

    /// The one record of the run or here that a condition matches.
    pub(super) fn condition_key(
        &mut self,
        kind: &str,
        condition: &str,
    ) -> Result<Option<RecordKey>, RecordError> {
        let memo = self.condition_memo(kind, condition)?;
        if let Some(key) = self.conditions.get(&memo) {
            return Ok(Some(key.clone()));
        }
        let several = || RecordError::MultipleMatches(kind.to_owned());
        let in_run = match identifier_token(kind, condition) {
            Some(token) => match self.names.by_identifier(kind, &token) {
                Some(Named::One(key)) => Some(key.clone()),
                Some(_) => return Err(several()),
                None => None,
            },
            None => None,
        };
        let query = self.clinic.condition(kind, condition)?;
        let found = match (in_run, self.clinic.match_one(&self.caller, &query)?) {
            (Some(one), Some(other)) if one != other => return Err(several()),
            (in_run, here) => in_run.or(here),
        };
        if let Some(key) = &found {
            self.conditions.insert(memo, key.clone());
        }
        Ok(found)
    }

    /// Whether a name is the record's own, in a form that needs no remembering.
    fn is_own_name(&self, name: &str, key: &RecordKey) -> bool {
        if let Some(uuid) = reference::urn_uuid(name) {
            return uuid == key.id();
        }
        let named = reference::tail(name)
            .map_or(name, |(_, rest)| rest)
            .split_once('/');
        let Some((kind, id)) = named else {
            return false;
        };
        let prefix = self.options.id_prefix.as_deref().filter(|_| !id::is_uuid(id));
        kind == key.kind() && key.id().strip_prefix(prefix.unwrap_or_default()) == Some(id)
    }

    fn remember_numbers(&mut self, incoming: &Incoming) {
        if self.names.identifiers() >= IDENTIFIERS_MAX {
            return;
        }
        let identifiers = incoming.json.get("identifier").and_then(Json::as_array);
        for identifier in identifiers.into_iter().flatten() {
            let text = |name| identifier.get(name).and_then(Json::as_str);
            if let Some(value) = text("value") {
                let token = format!("{}|{value}", text("system").unwrap_or_default());
                self.names.identifier(incoming.key.kind(), &token, &incoming.key);
            }
        }
    }
}

/// The `system|value` that a condition on one identifier asks for.
fn identifier_token(kind: &str, condition: &str) -> Option<String> {
    let query = condition
        .strip_prefix(kind)
        .unwrap_or(condition)
        .trim_start_matches('?');
    let value = query
        .strip_prefix("identifier=")
        .filter(|value| !value.contains('&'))?;
    crate::text::percent_decode(value)
}

/// `W/"3"`: the version in an entity tag.
fn version_of(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

/// What its system says of when a resource was written.
fn stamp(json: &Json, time: Option<&str>, etag: Option<&str>) -> Stamp {
    let meta = |name: &str| json.get("meta")?.get(name)?.as_str();
    let updated = meta("lastUpdated").or(time);
    let ms = updated.and_then(|text| text.parse::<Timestamp>().ok());
    let source = meta("source").map(|source| source.split('#').next().unwrap_or_default());
    Stamp {
        ms: ms.map(Timestamp::as_millisecond),
        number: meta("versionId")
            .or(etag.map(version_of))
            .and_then(|text| text.parse().ok()),
        // Of a hash of 128 bits 64 are enough: it is compared with a handful of others.
        source: source
            .filter(|source| !source.is_empty())
            .map_or(0, |source| name_hash(&[source]) as u64),
    }
}
