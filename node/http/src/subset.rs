//! `_summary` and `_elements`: part of a record, tagged as such.

use chaski_fhir::definitions::{Element, definitions};
use chaski_fhir::search::Summary;
use chaski_json::{Json, Object, json};

/// Which part of each record is wanted.
#[derive(Debug, Clone)]
pub(crate) struct Subset {
    summary: Summary,
    elements: Vec<String>,
}

/// Elements named in one request at most.
const ELEMENTS_MAX: usize = 64;

impl Subset {
    pub(crate) fn new(summary: Summary, elements: &[String]) -> Subset {
        let elements = elements.iter().take(ELEMENTS_MAX).cloned().collect();
        Subset { summary, elements }
    }

    /// Reads `_summary` and `_elements` of a plain read.
    pub(crate) fn from_query(query: Option<&str>) -> Subset {
        let pairs = chaski_clinic::text::query_pairs(query.unwrap_or_default()).unwrap_or_default();
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
                    subset.elements = list.split(',').take(ELEMENTS_MAX).map(str::to_owned).collect();
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
    pub(crate) fn apply(&self, json: Json) -> Json {
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
