//! Reads the parts of FHIR JSON that rows and rules need. What is missing or
//! odd reads as empty: a merge cannot be refused, so neither can a view.

use chaski_json::{Json, Object};

/// The string member `key`, or nothing.
pub(crate) fn text<'a>(json: &'a Json, key: &str) -> &'a str {
    json.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// The items of the array member `key`, or none.
pub(crate) fn items<'a>(json: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    json.get(key)
        .and_then(Json::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

/// A CodeableConcept as people read it: text, else the first display, else
/// the first code.
pub(crate) fn concept(json: Option<&Json>) -> String {
    let Some(json) = json else {
        return String::new();
    };
    let coding = |key| {
        items(json, "coding")
            .map(|coding| text(coding, key))
            .find(|value| !value.is_empty())
    };
    let own = text(json, "text");
    let shown = if own.is_empty() {
        coding("display").or_else(|| coding("code"))
    } else {
        Some(own)
    };
    shown.unwrap_or_default().to_owned()
}

/// The first code of a CodeableConcept.
pub(crate) fn code(json: Option<&Json>) -> String {
    json.into_iter()
        .flat_map(|json| items(json, "coding"))
        .map(|coding| text(coding, "code"))
        .find(|code| !code.is_empty())
        .unwrap_or_default()
        .to_owned()
}

/// The concept of a choice such as `medication[x]`: the CodeableConcept, or
/// the reference's display.
pub(crate) fn choice_concept(json: &Json, base: &str) -> (String, String) {
    let concept_key = format!("{base}CodeableConcept");
    let reference_key = format!("{base}Reference");
    match json.get(&concept_key) {
        found @ Some(_) => (concept(found), code(found)),
        None => {
            let reference = json.get(&reference_key);
            let display = reference
                .map(|reference| text(reference, "display"))
                .unwrap_or_default();
            let shown = if display.is_empty() {
                reference
                    .map(|reference| text(reference, "reference"))
                    .unwrap_or_default()
            } else {
                display
            };
            (shown.to_owned(), String::new())
        }
    }
}

/// A HumanName as one line: its text, else given then family.
pub(crate) fn human_name(name: &Json) -> String {
    let whole = text(name, "text");
    if !whole.is_empty() {
        return whole.to_owned();
    }
    let mut parts: Vec<&str> = items(name, "given").filter_map(Json::as_str).collect();
    parts.push(text(name, "family"));
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

/// A Quantity's number as written and its unit.
pub(crate) fn quantity(json: &Json) -> (String, String) {
    let value = json
        .get("value")
        .and_then(Json::as_number)
        .map(|number| number.as_str().to_owned());
    let unit = [text(json, "unit"), text(json, "code")]
        .into_iter()
        .find(|unit| !unit.is_empty());
    (value.unwrap_or_default(), unit.unwrap_or_default().to_owned())
}

/// A CodeableConcept of one coding.
pub(crate) fn coded(system: &str, code: &str, display: &str) -> Json {
    let mut coding = Object::new();
    coding.insert("system".to_owned(), Json::from(system));
    coding.insert("code".to_owned(), Json::from(code));
    if !display.is_empty() {
        coding.insert("display".to_owned(), Json::from(display));
    }
    let mut concept = Object::new();
    concept.insert("coding".to_owned(), Json::Array(vec![Json::Object(coding)]));
    Json::Object(concept)
}

/// Sets the member `key`; a value that is no object is left alone.
pub(crate) fn set(json: &mut Json, key: &str, value: Json) {
    if let Some(members) = json.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

/// The first item of the array member `key`, made if missing.
pub(crate) fn first_mut<'a>(json: &'a mut Json, key: &str) -> Option<&'a mut Json> {
    let members = json.as_object_mut()?;
    let member = members
        .entry(key.to_owned())
        .or_insert_with(|| Json::Array(Vec::new()));
    let items = member.as_array_mut()?;
    if items.is_empty() {
        items.push(Json::Object(Object::new()));
    }
    items.first_mut()
}
