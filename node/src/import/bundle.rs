//! From documents to records: what a Bundle's entries become, their ids, and the references among them.
//!
//! Invariants: the outcome for a record depends only on the files and, for a reference that names
//! something outside of them, on what the node holds, never on the order of entries; the same file
//! imported anywhere gives the same ids.

use std::collections::HashMap;

use chaski_fhir::id::{derived_id, is_fhir_id, is_uuid};
use chaski_fhir::reference;
use chaski_json::Json;

use crate::admin::IdPolicy;

/// The most `urn:uuid:` names remembered in one import; beyond that, references to earlier files are left.
const NAMES_MAX: usize = 5_000_000;

/// A record out of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// Its number in the file, from 1.
    pub entry: u64,
    /// The resource, with its id.
    pub json: Json,
}

/// What is known of `urn:uuid:` names: what they became.
#[derive(Debug, Default)]
pub struct Names {
    known: HashMap<String, String>,
}

impl Names {
    /// What a name became, as `Type/id`.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.known.get(name).map(String::as_str)
    }

    fn learn(&mut self, name: &str, target: String) {
        if self.known.len() < NAMES_MAX {
            self.known.insert(name.to_owned(), target);
        }
    }
}

/// One document's records.
#[derive(Debug, Default, PartialEq)]
pub struct Unpacked {
    /// What can be stored.
    pub records: Vec<Prepared>,
    /// What can't: entry and reason.
    pub refused: Vec<(u64, String)>,
    /// Whether all of them stand or fall together.
    pub atomic: bool,
}

/// Takes a document apart. `first_entry` is the number of its first record.
pub fn unpack(document: Json, first_entry: u64, ids: &IdPolicy, names: &mut Names) -> Unpacked {
    let mut unpacked = Unpacked::default();
    match document.get("resourceType").and_then(Json::as_str) {
        Some("Bundle") => unpack_bundle(document, first_entry, ids, names, &mut unpacked),
        _ => take(document, None, first_entry, ids, names, &mut unpacked),
    }
    for prepared in &mut unpacked.records {
        resolve(&mut prepared.json, ids, names);
    }
    unpacked
}

fn unpack_bundle(mut bundle: Json, first: u64, ids: &IdPolicy, names: &mut Names, out: &mut Unpacked) {
    out.atomic = bundle.get("type").and_then(Json::as_str) == Some("transaction");
    let Some(entries) = bundle.get_mut("entry").and_then(Json::as_array_mut) else { return };
    for (index, entry) in entries.iter_mut().enumerate() {
        let number = first.saturating_add(index as u64);
        let method = entry.pointer("/request/method").and_then(Json::as_str).unwrap_or("PUT");
        if !matches!(method, "PUT" | "POST") {
            out.refused.push((number, format!("an import can't do {}", short(method))));
            continue;
        }
        let full_url = entry.get("fullUrl").and_then(Json::as_str).map(str::to_owned);
        match entry.get_mut("resource") {
            Some(resource) => take(resource.take(), full_url.as_deref(), number, ids, names, out),
            None => out.refused.push((number, "the entry has no resource".to_owned())),
        }
    }
}

fn take(
    mut json: Json,
    full_url: Option<&str>,
    entry: u64,
    ids: &IdPolicy,
    names: &mut Names,
    out: &mut Unpacked,
) {
    let Some(kind) = json.get("resourceType").and_then(Json::as_str).map(str::to_owned) else {
        out.refused.push((entry, "it is not a FHIR resource: it has no resourceType".to_owned()));
        return;
    };
    let named = full_url.and_then(|url| url.strip_prefix("urn:uuid:")).map(str::to_ascii_lowercase);
    let own = json.get("id").and_then(Json::as_str).map(str::to_owned);
    let id = match (own, named.as_deref().filter(|name| is_uuid(name))) {
        (Some(own), _) => match admit(&own, ids) {
            Ok(id) => id,
            Err(reason) => {
                out.refused.push((entry, reason));
                return;
            }
        },
        (None, Some(name)) => name.to_owned(),
        // Made of the content, so that a second import of the same file makes the same record.
        (None, None) => derived_id(&kind, "urn:chaski:import", &json.canonical()),
    };
    if let Some(url) = full_url {
        names.learn(&url.to_ascii_lowercase(), format!("{kind}/{id}"));
    }
    if let Some(object) = json.as_object_mut() {
        object.insert("id".to_owned(), Json::String(id));
    }
    out.records.push(Prepared { entry, json });
}

/// The id a record gets under the policy.
fn admit(own: &str, ids: &IdPolicy) -> Result<String, String> {
    if !is_fhir_id(own) {
        return Err("its id is no FHIR id: 1 to 64 letters, digits, - and .".to_owned());
    }
    match ids {
        _ if is_uuid(own) => Ok(own.to_owned()),
        // UUIDs are compared without case; there is one spelling of each here.
        _ if is_uuid(&own.to_ascii_lowercase()) => Ok(own.to_ascii_lowercase()),
        IdPolicy::Accept => Ok(own.to_owned()),
        IdPolicy::Prefix(prefix) => {
            let id = format!("{prefix}{own}");
            if is_fhir_id(&id) { Ok(id) } else { Err("its id is too long with the prefix".to_owned()) }
        }
        IdPolicy::Uuid => Err(
            "its id is no UUID, so another system may use it for someone else; import with \
             --id-prefix P, or with --accept-ids if the whole network's ids come from one source"
                .to_owned(),
        ),
    }
}

/// Replaces names and old ids in references by what they became.
pub fn resolve(json: &mut Json, ids: &IdPolicy, names: &Names) {
    reference::rewrite(json, &mut |text| rewritten(text, ids, names));
}

fn rewritten(text: &str, ids: &IdPolicy, names: &Names) -> Option<String> {
    if text.starts_with('#') {
        return None;
    }
    if let Some(target) = names.find(&text.to_ascii_lowercase()) {
        return Some(target.to_owned());
    }
    let IdPolicy::Prefix(prefix) = ids else { return None };
    match reference::parse(text, &[]) {
        reference::Reference::Local { kind, id, .. } if !is_uuid(&id.to_ascii_lowercase()) => {
            Some(format!("{kind}/{prefix}{id}"))
        }
        _ => None,
    }
}

/// The `urn:uuid:` names that a record still refers to.
pub fn open_names(json: &Json) -> Vec<String> {
    let mut open = Vec::new();
    reference::each(json, &mut |text| {
        if text.starts_with("urn:uuid:") {
            open.push(text.to_ascii_lowercase());
        }
    });
    open
}

fn short(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "018f428e-34f6-4707-8009-5ad742f901e7";
    const B: &str = "118f428e-34f6-4707-8009-5ad742f901e7";

    fn document(text: &str) -> Json {
        chaski_json::parse(text.as_bytes(), &chaski_json::Limits::default()).unwrap()
    }

    fn bundle() -> Json {
        document(&format!(
            r#"{{"resourceType":"Bundle","type":"transaction","entry":[
            {{"fullUrl":"urn:uuid:{B}","resource":{{"resourceType":"Condition","subject":{{"reference":"urn:uuid:{A}"}}}}}},
            {{"fullUrl":"urn:uuid:{A}","resource":{{"resourceType":"Patient","id":"{A}"}}}}]}}"#
        ))
    }

    #[test]
    fn names_in_a_bundle_become_references_whatever_the_order() {
        let unpacked = unpack(bundle(), 1, &IdPolicy::Uuid, &mut Names::default());
        assert!(unpacked.atomic && unpacked.refused.is_empty());
        let condition = &unpacked.records[0].json;
        assert_eq!(condition.get("id").unwrap().as_str(), Some(B));
        assert_eq!(condition.pointer("/subject/reference").unwrap().as_str(), Some(&*format!("Patient/{A}")));
    }

    #[test]
    fn legacy_ids_are_refused_prefixed_or_accepted() {
        let legacy = || {
            document(
                r#"{"resourceType":"Condition","id":"7","subject":{"reference":"Patient/1042"}}"#,
            )
        };
        let refused = unpack(legacy(), 3, &IdPolicy::Uuid, &mut Names::default());
        assert_eq!(refused.refused.first().map(|(entry, _)| *entry), Some(3));
        let prefix = IdPolicy::Prefix("lab-".to_owned());
        let prefixed = unpack(legacy(), 1, &prefix, &mut Names::default());
        let json = &prefixed.records[0].json;
        assert_eq!(json.get("id").unwrap().as_str(), Some("lab-7"));
        assert_eq!(json.pointer("/subject/reference").unwrap().as_str(), Some("Patient/lab-1042"));
        let accepted = unpack(legacy(), 1, &IdPolicy::Accept, &mut Names::default());
        assert_eq!(accepted.records[0].json.get("id").unwrap().as_str(), Some("7"));
    }

    #[test]
    fn a_record_without_id_gets_the_same_one_each_time() {
        let plain = || document(r#"{"resourceType":"Patient","gender":"female"}"#);
        let first = unpack(plain(), 1, &IdPolicy::Uuid, &mut Names::default());
        let second = unpack(plain(), 9, &IdPolicy::Uuid, &mut Names::default());
        assert_eq!(first.records[0].json, second.records[0].json);
    }

    #[test]
    fn what_is_no_fhir_is_refused() {
        for text in ["[]", "{}", "7", r#"{"resourceType":"Patient","id":"a b"}"#] {
            let unpacked = unpack(document(text), 1, &IdPolicy::Accept, &mut Names::default());
            assert_eq!((unpacked.records.len(), unpacked.refused.len()), (0, 1), "{text}");
        }
    }
}
