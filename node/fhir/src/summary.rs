//! `_summary` and `_elements`: part of a record, tagged as such (R4, search, result parameters).

use chaski_json::{Json, Object, json};

use crate::definitions::{Element, definitions};
use crate::search::Summary;

/// Which part of each record is wanted.
#[derive(Debug, Clone)]
pub struct Subset {
    summary: Summary,
    elements: Vec<String>,
}

/// Elements named in one request at most.
const ELEMENTS_MAX: usize = 64;

impl Subset {
    /// What a search asks for.
    pub fn new(summary: Summary, elements: &[String]) -> Subset {
        let elements = elements.iter().take(ELEMENTS_MAX).cloned().collect();
        Subset { summary, elements }
    }

    /// What the decoded parameters of a plain read ask for.
    pub fn of_pairs(pairs: &[(String, String)]) -> Subset {
        let mut subset = Subset {
            summary: Summary::False,
            elements: Vec::new(),
        };
        for (name, value) in pairs {
            match (name.as_str(), value.as_str()) {
                ("_summary", "true") => subset.summary = Summary::True,
                ("_summary", "text") => subset.summary = Summary::Text,
                ("_summary", "data") => subset.summary = Summary::Data,
                ("_elements", list) => {
                    let names = list.split(',').take(ELEMENTS_MAX);
                    subset.elements = names.map(|name| name.trim().to_owned()).collect();
                }
                _ => {}
            }
        }
        subset
    }

    fn is_whole(&self) -> bool {
        self.elements.is_empty() && matches!(self.summary, Summary::False | Summary::Count)
    }

    /// The wanted part. Mandatory and modifying elements stay, so that what is
    /// left still means what it meant.
    pub fn apply(&self, json: Json) -> Json {
        if self.is_whole() {
            return json;
        }
        let Json::Object(members) = json else {
            return json;
        };
        let kind = members
            .get("resourceType")
            .and_then(Json::as_str)
            .unwrap_or_default()
            .to_owned();
        let composite = definitions().resource(&kind);
        let mut kept = Object::new();
        for (key, value) in members {
            let name = key.strip_prefix('_').unwrap_or(&key);
            let always = matches!(
                name,
                "resourceType" | "id" | "meta" | "implicitRules" | "modifierExtension"
            );
            let element = composite
                .and_then(|composite| composite.field(name))
                .and_then(|field| field.element());
            if always || element.is_some_and(|element| self.keeps(name, element)) {
                kept.insert(key, value);
            }
        }
        tag(&mut kept);
        Json::Object(kept)
    }

    fn keeps(&self, key: &str, element: &Element) -> bool {
        let stem = element.name.strip_suffix("[x]").unwrap_or(element.name);
        if element.min > 0 || element.is_modifier {
            return true;
        }
        if !self.elements.is_empty() {
            return self.elements.iter().any(|wanted| {
                let first = wanted.split('.').next().unwrap_or(wanted);
                first == key || first == stem || first == element.name
            });
        }
        match self.summary {
            Summary::True => element.is_summary,
            Summary::Text => key == "text",
            Summary::Data => key != "text",
            Summary::False | Summary::Count => true,
        }
    }
}

/// Adds the SUBSETTED tag, so that nobody puts the part back as the whole.
fn tag(members: &mut Object) {
    let meta = members
        .entry("meta".to_owned())
        .or_insert_with(|| Json::Object(Object::new()));
    let Some(meta) = meta.as_object_mut() else {
        return;
    };
    let tags = meta
        .entry("tag".to_owned())
        .or_insert_with(|| Json::Array(Vec::new()));
    if let Some(tags) = tags.as_array_mut() {
        tags.push(json!({
            "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
            "code": "SUBSETTED",
        }));
    }
}

#[cfg(test)]
mod tests;
