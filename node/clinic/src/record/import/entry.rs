//! What a resource from outside is called here.

use chaski_fhir::id;
use chaski_fhir::reference::{self, Reference};
use chaski_fhir::search::Query;
use chaski_json::Json;
use chaski_store::RecordKey;

use super::ImportSession;
use super::incoming::Incoming;
use crate::record::RecordError;
use crate::record::prepare::{derived_key, id_of, kind_of};
use crate::record::write::check_whole;

impl ImportSession<'_> {
    /// A resource that stands alone.
    pub(super) fn one(&self, place: String, json: Json) -> Result<Incoming, RecordError> {
        self.entry(place, json, None, None)
    }

    pub(super) fn entry(
        &self,
        place: String,
        mut json: Json,
        full_url: Option<&str>,
        condition: Option<&str>,
    ) -> Result<Incoming, RecordError> {
        let kind = kind_of(&json)?.to_owned();
        check_whole(&json)?;
        let key = self.key_for(&kind, &json, full_url, condition)?;
        if let Some(members) = json.as_object_mut() {
            members.insert("id".to_owned(), Json::from(key.id()));
        }
        if let Some(prefix) = &self.options.id_prefix {
            prefix_references(&mut json, prefix);
        }
        self.clinic.check_structure(&json)?;
        Ok(Incoming {
            place,
            key,
            json,
            is_if_none: condition.is_some(),
        })
    }

    fn key_for(
        &self,
        kind: &str,
        json: &Json,
        full_url: Option<&str>,
        condition: Option<&str>,
    ) -> Result<RecordKey, RecordError> {
        if let Some(condition) = condition {
            let query: Query = self.clinic.condition(kind, condition)?;
            if let Some(key) = self
                .clinic
                .match_one(&self.caller, &query)?
                .or_else(|| derived_key(&query))
            {
                return Ok(key);
            }
        }
        let named = full_url
            .and_then(|url| url.strip_prefix("urn:uuid:"))
            .filter(|uuid| id::is_uuid(uuid));
        match id_of(json).or(named) {
            Some(text) if id::is_uuid(text) => self.clinic.check_id(kind, text, false),
            Some(text) => match &self.options.id_prefix {
                Some(prefix) => self.clinic.check_id(kind, &format!("{prefix}{text}"), true),
                None => match named {
                    // The bundle itself calls it by a UUID: the other id means nothing outside.
                    Some(uuid) if !self.options.accept_ids => self.clinic.check_id(kind, uuid, false),
                    _ => self.clinic.check_id(kind, text, self.options.accept_ids),
                },
            },
            None => {
                let content = id::derived_id(kind, "content", &json.canonical());
                self.clinic.check_id(kind, &content, false)
            }
        }
    }
}

/// Puts the prefix before ids of this network's references that are no UUIDs.
fn prefix_references(json: &mut Json, prefix: &str) {
    reference::rewrite(json, &mut |text| match reference::parse(text, &[]) {
        Reference::Local { kind, id: old, .. } if !id::is_uuid(old) => Some(format!("{kind}/{prefix}{old}")),
        _ => None,
    });
}
