//! Parts of a record, for `_summary` and `_elements` (R4, search, result parameters).

use chaski_json::{Json, Object, json};

use crate::definitions::{Composite, definitions};
use crate::search::{Query, Summary};

/// What a query's `_summary` and `_elements` leave of a record, marked SUBSETTED. `None` where
/// the query asks for the whole.
pub fn subset(resource: &Json, query: &Query) -> Option<Json> {
    let kind = resource.get("resourceType").and_then(Json::as_str)?;
    let composite = definitions().resource(kind)?;
    let members = resource.as_object()?;
    let wanted = |name: &str| query.elements.iter().any(|element| element == name);
    let kept: Object = match query.summary {
        Summary::False if query.elements.is_empty() => return None,
        Summary::False => keep(members, |name| wanted(name) || always(composite, name)),
        Summary::Text => keep(members, |name| name == "text" || always(composite, name)),
        Summary::Data => keep(members, |name| name != "text"),
        Summary::True | Summary::Count => summary(members, composite, true),
    };
    let mut kept = Json::Object(kept);
    mark(&mut kept);
    Some(kept)
}

fn keep(members: &Object, wanted: impl Fn(&str) -> bool) -> Object {
    let kept = members
        .iter()
        .filter(|(key, _)| wanted(key.strip_prefix('_').unwrap_or(key)));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What no subset leaves out: identity, the mandatory, and what changes the meaning of the rest.
fn always(composite: &Composite, key: &str) -> bool {
    matches!(key, "resourceType" | "id" | "meta")
        || composite
            .field(key)
            .and_then(|f| f.element())
            .is_some_and(|e| e.min > 0 || e.is_modifier)
}

/// Elements of the summary, within backbones too.
fn summary(members: &Object, composite: &'static Composite, is_root: bool) -> Object {
    let mut kept = Object::new();
    for (key, value) in members {
        let name = key.strip_prefix('_').unwrap_or(key);
        let field = composite.field(name);
        let element = field.and_then(|f| f.element());
        let is_kept = element.is_some_and(|e| e.is_summary || e.min > 0 || e.is_modifier);
        if !(is_kept || is_root && always(composite, name)) {
            continue;
        }
        let backbone = element
            .filter(|e| e.backbone.is_some())
            .and_then(|_| field?.composite());
        let value = match (backbone, value) {
            (Some(inner), Json::Object(child)) => Json::Object(summary(child, inner, false)),
            (Some(inner), Json::Array(items)) => items
                .iter()
                .map(|item| {
                    item.as_object()
                        .map_or_else(|| item.clone(), |o| Json::Object(summary(o, inner, false)))
                })
                .filter(|item| item.as_object().is_none_or(|o| !o.is_empty()))
                .collect(),
            _ => value.clone(),
        };
        kept.insert(key.clone(), value);
    }
    kept
}

fn mark(resource: &mut Json) {
    let tag = json!({
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "code": "SUBSETTED",
    });
    let Some(members) = resource.as_object_mut() else {
        return;
    };
    let meta = members
        .entry("meta".to_owned())
        .or_insert_with(|| Json::Object(Object::new()));
    let Some(meta) = meta.as_object_mut() else { return };
    let tags = meta
        .entry("tag".to_owned())
        .or_insert_with(|| Json::Array(Vec::new()));
    if let Some(tags) = tags.as_array_mut() {
        tags.push(tag);
    }
}

#[cfg(test)]
mod tests;
