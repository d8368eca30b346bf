//! What every path out adds to a record: version, time, and open conflicts.
//!
//! Shape, under `meta`: `versionId`, `lastUpdated`; `tag` with code `conflict`; and
//! in `extension` the author's time and, for each conflict, its path and values. The same of each
//! conflict stands in the record's `modifierExtension`: who can't read it must not act on the record.
//!
//! Invariants: what is added here is taken off again before a write, so a record that is
//! read and put back is unchanged; apart from `versionId` and `lastUpdated` it is the same
//! on every node.

use chaski_crdt::conflict::{Conflict, ConflictKind};
use chaski_fhir::{date::instant, definitions::definitions};
use chaski_json::{Json, Object, json};

use crate::{
    error::StoreError,
    row::{RowHead, unpack},
    types::{ConflictItem, ConflictSide, Current},
};

/// Extension that lists a conflict's values.
pub const CONFLICT_URL: &str = "https://chaski.health/fhir/StructureDefinition/conflict";
/// Extension with the time of the record's newest change, by its author's clock.
pub const AUTHORED_URL: &str = "https://chaski.health/fhir/StructureDefinition/authored";
/// System of this network's tags.
pub const TAG_SYSTEM: &str = "https://chaski.health/fhir/tags";
/// Path of the conflict of records of one id that began for different patients.
pub const COLLISION_PATH: &str = "!collision";
/// Code of the tag on records in conflict.
pub const CONFLICT_CODE: &str = "conflict";

/// The conflicts of a view that wait for a person, as the row keeps them.
pub(crate) fn conflicts_json(conflicts: &[Conflict]) -> Json {
    conflicts
        .iter()
        .map(|conflict| {
            let values: Json = conflict
                .values
                .iter()
                .map(|value| {
                    let mut side = Object::new();
                    if let Some(content) = &value.value {
                        side.insert("value".to_owned(), content.clone());
                    }
                    side.insert("node".to_owned(), Json::from(value.author.node.to_string()));
                    side.insert("user".to_owned(), Json::from(value.user.as_str()));
                    side.insert("role".to_owned(), Json::from(value.role.as_str()));
                    side.insert("ms".to_owned(), Json::from(value.hlc.ms()));
                    side.insert(
                        "change".to_owned(),
                        Json::from(crate::hex::encode(&value.change.0)),
                    );
                    Json::Object(side)
                })
                .collect();
            let kind = match conflict.kind {
                ConflictKind::Register => "register",
                ConflictKind::Group => "group",
                ConflictKind::Deleted => "deleted",
            };
            json!({
                "path": conflict.path.as_str(),
                "element": conflict.element.as_str(),
                "kind": kind,
                "safer": conflict.safer_index as u64,
                "values": values
            })
        })
        .collect()
}

fn side(json: &Json) -> Option<ConflictSide> {
    let text = |name: &str| json.get(name).and_then(Json::as_str);
    let change = crate::hex::decode(text("change")?)?;
    Some(ConflictSide {
        value: json.get("value").cloned(),
        author: text("node")?.parse().ok()?,
        user: text("user")?.to_owned(),
        role: text("role")?.to_owned(),
        time_ms: json.get("ms")?.as_u64()?,
        change: chaski_crdt::change::ChangeHash(change.try_into().ok()?),
    })
}

fn item(json: &Json) -> Option<ConflictItem> {
    Some(ConflictItem {
        path: json.get("path")?.as_str()?.to_owned(),
        element: json.get("element")?.as_str()?.to_owned(),
        safer_index: json.get("safer")?.as_u64()? as usize,
        values: json
            .get("values")?
            .as_array()?
            .iter()
            .map(side)
            .collect::<Option<_>>()?,
    })
}

/// A row's open conflicts. That it collides with another record of its id is one, which tells nothing of the other:
/// who may see this one may not be one who may see that.
pub(crate) fn conflicts(head: &RowHead) -> Result<Vec<ConflictItem>, StoreError> {
    let mut items = disputes(head)?;
    if head.collides {
        items.push(ConflictItem {
            path: COLLISION_PATH.to_owned(),
            element: String::new(),
            safer_index: 0,
            values: Vec::new(),
        });
    }
    Ok(items)
}

/// The open conflicts within a row's record.
pub(crate) fn disputes(head: &RowHead) -> Result<Vec<ConflictItem>, StoreError> {
    if head.conflicts_z.is_empty() {
        return Ok(Vec::new());
    }
    items_of(&unpack(&head.conflicts_z)?)
}

fn items_of(json: &Json) -> Result<Vec<ConflictItem>, StoreError> {
    let items = json
        .as_array()
        .and_then(|items| items.iter().map(item).collect::<Option<Vec<_>>>());
    items.ok_or(StoreError::Damaged("record"))
}

/// A view's conflicts, in the form they are given out.
pub(crate) fn conflict_items(conflicts: &[Conflict]) -> Result<Vec<ConflictItem>, StoreError> {
    items_of(&conflicts_json(conflicts))
}

fn conflict_extension(item: &ConflictItem) -> Json {
    let mut parts = vec![json!({ "url": "path", "valueString": item.path.as_str() })];
    for (at, side) in item.values.iter().enumerate() {
        let mut inner = Vec::new();
        match &side.value {
            Some(value) => inner.push(json!({ "url": "content", "valueString": value.canonical() })),
            None => inner.push(json!({ "url": "removed", "valueBoolean": true })),
        }
        inner.push(json!({ "url": "shown", "valueBoolean": at == item.safer_index }));
        inner.push(json!({ "url": "time", "valueInstant": instant(side.time_ms) }));
        if !side.user.is_empty() {
            inner.push(json!({ "url": "user", "valueString": side.user.as_str() }));
        }
        inner.push(json!({ "url": "node", "valueString": side.author.to_string() }));
        inner.push(json!({ "url": "version", "valueString": crate::hex::encode(&side.change.0) }));
        let mut outer = Object::new();
        outer.insert("url".to_owned(), Json::from("value"));
        outer.insert("extension".to_owned(), Json::Array(inner));
        parts.push(Json::Object(outer));
    }
    let mut out = Object::new();
    out.insert("url".to_owned(), Json::from(CONFLICT_URL));
    out.insert("extension".to_owned(), Json::Array(parts));
    Json::Object(out)
}

fn meta_of(json: &mut Json) -> Option<&mut Object> {
    let object = json.as_object_mut()?;
    let meta = object
        .entry("meta".to_owned())
        .or_insert_with(|| Json::Object(Object::new()));
    if meta.as_object().is_none() {
        *meta = Json::Object(Object::new());
    }
    meta.as_object_mut()
}

fn push(object: &mut Object, name: &str, value: Json) {
    let list = object
        .entry(name.to_owned())
        .or_insert_with(|| Json::Array(Vec::new()));
    if let Some(list) = list.as_array_mut() {
        list.push(value);
    }
}

fn conflict_tag() -> Json {
    json!({ "system": TAG_SYSTEM, "code": CONFLICT_CODE })
}

/// Adds what is the same on every node: the author's time, and open conflicts.
pub(crate) fn mark(json: &mut Json, authored_ms: u64, conflicts: &[ConflictItem]) {
    let Some(meta) = meta_of(json) else { return };
    push(
        meta,
        "extension",
        json!({ "url": AUTHORED_URL, "valueInstant": instant(authored_ms) }),
    );
    if !conflicts.is_empty() {
        push(meta, "tag", conflict_tag());
        for item in conflicts {
            push(meta, "extension", conflict_extension(item));
        }
        if let Some(record) = json.as_object_mut().filter(|record| is_modifiable(record)) {
            for item in conflicts {
                push(record, MODIFIER, conflict_extension(item));
            }
        }
    }
}

const MODIFIER: &str = "modifierExtension";

/// Whether records of its kind have a place for what changes their meaning: Bundle, Binary and Parameters have none.
fn is_modifiable(record: &Object) -> bool {
    let kind = record.get("resourceType").and_then(Json::as_str);
    let definition = kind.and_then(|kind| definitions().resource(kind));
    definition.is_some_and(|definition| definition.field(MODIFIER).is_some())
}

/// Adds what is this node's own: version and arrival time.
pub(crate) fn stamp(json: &mut Json, version: &str, last_updated_ms: u64) {
    let Some(meta) = meta_of(json) else { return };
    meta.insert("versionId".to_owned(), Json::from(version));
    meta.insert("lastUpdated".to_owned(), Json::from(instant(last_updated_ms)));
}

/// What is left to show of a deleted record: its labels too, which say who may know that it was here.
pub(crate) fn tombstone(json: &Json) -> Json {
    let mut out = Object::new();
    for name in ["resourceType", "id"] {
        if let Some(value) = json.get(name) {
            out.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(labels) = json.pointer("/meta/security") {
        let meta = Object::from_iter([("security".to_owned(), labels.clone())]);
        out.insert("meta".to_owned(), Json::Object(meta));
    }
    Json::Object(out)
}

/// A record as it goes out.
pub(crate) fn current(head: RowHead) -> Result<Current, StoreError> {
    let version = head.version();
    let mut json = head.json()?;
    if head.deleted {
        json = tombstone(&json);
    }
    let mut disputes = conflicts(&head)?;
    mark(&mut json, head.authored_by.time_ms, &disputes);
    disputes.retain(|item| item.path != COLLISION_PATH);
    stamp(&mut json, version.as_str(), head.last_updated_ms);
    Ok(Current {
        key: head.key,
        json,
        version,
        last_updated_ms: head.last_updated_ms,
        deleted: head.deleted,
        conflicts: head.conflicts,
        disputes,
        collides: head.collides,
        classes: head.filing.classes,
        authored_by: head.authored_by,
        is_ambiguous: false,
    })
}

/// Whether a record, as a store gave it out, is marked as one of several of its key.
#[must_use]
pub fn is_one_of_several(json: &Json) -> bool {
    let marks = json.pointer("/meta/extension").and_then(Json::as_array);
    let text = |json: &Json, name: &str| json.get(name).and_then(Json::as_str).map(str::to_owned);
    marks.into_iter().flatten().any(|mark| {
        let parts = mark.get("extension").and_then(Json::as_array);
        text(mark, "url").as_deref() == Some(CONFLICT_URL)
            && parts
                .into_iter()
                .flatten()
                .any(|part| text(part, "valueString").as_deref() == Some(COLLISION_PATH))
    })
}

/// Takes off what reads add: `meta.versionId`, `meta.lastUpdated`, the conflict tag and the
/// extensions of this module. Every write does so first.
pub fn strip(json: &mut Json) {
    let Some(object) = json.as_object_mut() else {
        return;
    };
    retain(object, MODIFIER, |entry| !is_of_conflict(entry));
    let Some(meta) = object.get_mut("meta").and_then(Json::as_object_mut) else {
        return;
    };
    meta.remove("versionId");
    meta.remove("lastUpdated");
    retain(meta, "extension", |entry| {
        !matches!(
            entry.get("url").and_then(Json::as_str),
            Some(CONFLICT_URL | AUTHORED_URL)
        )
    });
    retain(meta, "tag", |entry| {
        entry.get("system").and_then(Json::as_str) != Some(TAG_SYSTEM)
            || entry.get("code").and_then(Json::as_str) != Some(CONFLICT_CODE)
    });
    if meta.is_empty() {
        object.remove("meta");
    }
}

fn is_of_conflict(extension: &Json) -> bool {
    extension.get("url").and_then(Json::as_str) == Some(CONFLICT_URL)
}

/// Whether there may be anything for [`strip`] to take off.
pub(crate) fn is_marked(json: &Json) -> bool {
    let modifiers = json.get(MODIFIER).and_then(Json::as_array);
    if modifiers.into_iter().flatten().any(is_of_conflict) {
        return true;
    }
    json.get("meta").and_then(Json::as_object).is_some_and(|meta| {
        meta.is_empty()
            || ["versionId", "lastUpdated", "extension", "tag"]
                .iter()
                .any(|name| meta.contains_key(*name))
    })
}

fn retain(meta: &mut Object, name: &str, keep: impl Fn(&Json) -> bool) {
    let Some(list) = meta.get_mut(name).and_then(Json::as_array_mut) else {
        return;
    };
    list.retain(keep);
    if list.is_empty() {
        meta.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_comes_off() {
        let plain = json!({ "resourceType": "Patient", "id": "a", "meta": { "tag": [{ "code": "x" }] } });
        let mut read = plain.clone();
        let item = ConflictItem {
            path: "birthDate".into(),
            element: "birthDate".into(),
            safer_index: 0,
            values: Vec::new(),
        };
        mark(&mut read, 5, &[item]);
        stamp(&mut read, "abc", 9);
        assert_ne!(read, plain);
        let modifiers = read.get(MODIFIER).and_then(Json::as_array).unwrap();
        assert_eq!(modifiers.len(), 1);
        strip(&mut read);
        assert_eq!(read, plain);
    }

    /// A client that keeps `modifierExtension` and drops `meta` sends no mark of ours into the record.
    #[test]
    fn what_changes_the_meaning_is_taken_off_alone_too_and_only_ours() {
        let theirs = json!({ "url": "http://example.org/refused", "valueBoolean": true });
        let item = ConflictItem {
            path: "birthDate".into(),
            element: "birthDate".into(),
            safer_index: 0,
            values: Vec::new(),
        };
        let mut read = json!({ "resourceType": "Patient", "modifierExtension": [theirs.clone()] });
        mark(&mut read, 5, std::slice::from_ref(&item));
        read.as_object_mut().unwrap().remove("meta");
        assert!(is_marked(&read));
        strip(&mut read);
        assert_eq!(
            read,
            json!({ "resourceType": "Patient", "modifierExtension": [theirs] })
        );
        assert!(!is_marked(&read));
        let mut binary = json!({ "resourceType": "Binary" });
        mark(&mut binary, 5, &[item]);
        assert!(binary.get(MODIFIER).is_none() && binary.pointer("/meta/tag").is_some());
    }

    /// What is sent under `meta`, and what is left of it.
    fn sent_and_kept() -> Vec<(String, String)> {
        let conflict = format!(r#"{{"system":"{TAG_SYSTEM}","code":"conflict"}}"#);
        let tags = [
            format!(r#"{{"system":"{TAG_SYSTEM}","code":"outreach"}}"#),
            format!(r#"{{"system":"{TAG_SYSTEM}"}}"#),
            r#"{"system":"urn:other","code":"conflict"}"#.to_owned(),
            r#"{"code":"conflict"}"#.to_owned(),
        ];
        let extensions = [
            format!(r#"{{"url":"{CONFLICT_URL}/more","valueString":"x"}}"#),
            format!(r#"{{"url":"{TAG_SYSTEM}","valueString":"x"}}"#),
            r#"{"url":"urn:other"}"#.to_owned(),
            r#"{"valueString":"no url"}"#.to_owned(),
        ];
        let own = [CONFLICT_URL, AUTHORED_URL].map(|url| format!(r#"{{"url":"{url}"}}"#));
        let mut rows = vec![
            (r#""versionId":"a","lastUpdated":"b""#.to_owned(), String::new()),
            (
                r#""versionId":"a","source":"urn:s""#.to_owned(),
                r#""source":"urn:s""#.to_owned(),
            ),
            (
                r#""lastUpdated":"a","profile":["urn:s"]"#.to_owned(),
                r#""profile":["urn:s"]"#.to_owned(),
            ),
            (
                format!(r#""tag":[{conflict}],"security":[{conflict}]"#),
                format!(r#""security":[{conflict}]"#),
            ),
            (format!(r#""tag":[{conflict}]"#), String::new()),
            (String::new(), String::new()),
        ];
        for tag in &tags {
            rows.push((format!(r#""tag":[{tag}]"#), format!(r#""tag":[{tag}]"#)));
            rows.push((
                format!(r#""tag":[{conflict},{tag},{conflict}]"#),
                format!(r#""tag":[{tag}]"#),
            ));
        }
        for own in &own {
            rows.push((format!(r#""extension":[{own}]"#), String::new()));
            for kept in &extensions {
                rows.push((
                    format!(r#""extension":[{kept},{own}]"#),
                    format!(r#""extension":[{kept}]"#),
                ));
            }
        }
        rows
    }

    #[test]
    fn only_what_reads_add_comes_off() {
        let own = format!(r#"{{"url":"{AUTHORED_URL}"}}"#);
        let record = |meta: &str| {
            let meta = if meta.is_empty() {
                String::new()
            } else {
                format!(r#","meta":{{{meta}}}"#)
            };
            let text = format!(
                r#"{{"resourceType":"Basic","id":"b","extension":[{}]{meta}}}"#,
                own
            );
            chaski_json::parse_str(&text).unwrap()
        };
        for (sent, kept) in &sent_and_kept() {
            let mut json = record(sent);
            if sent.is_empty() {
                let empty = Json::Object(Object::new());
                json.as_object_mut().unwrap().insert("meta".to_owned(), empty);
            }
            // Else nobody would look whether there is something to take off.
            assert!(is_marked(&json), "{sent}");
            strip(&mut json);
            assert_eq!(json, record(kept), "{sent}");
        }
        assert!(!is_marked(&record("")) && !is_marked(&record(r#""source":"urn:s""#)));
        let mut odd = chaski_json::parse_str(r#"{"meta":"text"}"#).unwrap();
        strip(&mut odd);
        assert_eq!(odd, chaski_json::parse_str(r#"{"meta":"text"}"#).unwrap());
    }
}
