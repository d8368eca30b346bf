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

/// The first and last day a FHIR date of any precision may mean.
pub(crate) fn date_bounds(text: &str) -> Option<(jiff::civil::Date, jiff::civil::Date)> {
    use jiff::civil::Date;
    let mut parts = text.split('-');
    let number = |part: &str, digits: usize| {
        (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i16>().ok())
            .flatten()
    };
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map(|part| number(part, 2));
    let day = parts.next().map(|part| number(part, 2));
    if parts.next().is_some() {
        return None;
    }
    match (month, day) {
        (None, _) => Some((Date::new(year, 1, 1).ok()?, Date::new(year, 12, 31).ok()?)),
        (Some(month), None) => {
            let first = Date::new(year, i8::try_from(month?).ok()?, 1).ok()?;
            Some((first, first.last_of_month()))
        }
        (Some(month), Some(day)) => {
            let date = Date::new(year, i8::try_from(month?).ok()?, i8::try_from(day?).ok()?).ok()?;
            Some((date, date))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parsed;

    #[test]
    fn a_concept_is_shown_in_the_words_that_it_has() {
        for (json, shown, first_code) in [
            (
                r#"{"text":"Nuts","coding":[{"display":"Peanut","code":"1"}]}"#,
                "Nuts",
                "1",
            ),
            (
                r#"{"text":"","coding":[{"display":"Peanut","code":"1"}]}"#,
                "Peanut",
                "1",
            ),
            (r#"{"coding":[{"display":"Peanut","code":"1"}]}"#, "Peanut", "1"),
            (
                r#"{"coding":[{"code":"1"},{"display":"Peanut","code":"2"}]}"#,
                "Peanut",
                "1",
            ),
            (
                r#"{"coding":[{"display":"","code":"1"},{"display":"Peanut"}]}"#,
                "Peanut",
                "1",
            ),
            (
                r#"{"coding":[{"display":"Peanut"},{"display":"Nut","code":"2"}]}"#,
                "Peanut",
                "2",
            ),
            (r#"{"coding":[{"display":"","code":""},{"code":"2"}]}"#, "2", "2"),
            (r#"{"text":"Nuts"}"#, "Nuts", ""),
            (r#"{"coding":"Peanut"}"#, "", ""),
            ("{}", "", ""),
        ] {
            let json = parsed(json);
            let read = (concept(Some(&json)), code(Some(&json)));
            assert_eq!(read, (shown.to_owned(), first_code.to_owned()), "{json:?}");
        }
        assert_eq!((concept(None), code(None)), (String::new(), String::new()));
    }

    #[test]
    fn a_medicine_is_named_by_its_concept_or_by_what_it_refers_to() {
        for (json, shown, first_code) in [
            (
                r#"{"mCodeableConcept":{"coding":[{"display":"Morphine","code":"1"}]}}"#,
                "Morphine",
                "1",
            ),
            (
                r#"{"mReference":{"reference":"Medication/1","display":"Morphine"}}"#,
                "Morphine",
                "",
            ),
            (
                r#"{"mReference":{"reference":"Medication/1"}}"#,
                "Medication/1",
                "",
            ),
            ("{}", "", ""),
        ] {
            let read = choice_concept(&parsed(json), "m");
            assert_eq!(read, (shown.to_owned(), first_code.to_owned()), "{json}");
        }
    }

    #[test]
    fn a_name_is_shown_with_all_its_parts_and_a_quantity_with_its_digits_and_unit() {
        for (json, shown) in [
            (
                r#"{"text":"Ana Luz Quispe","given":["Ana"],"family":"Q"}"#,
                "Ana Luz Quispe",
            ),
            (
                r#"{"given":["Ana","Luz"],"family":"Quispe Mamani"}"#,
                "Ana Luz Quispe Mamani",
            ),
            (r#"{"given":["Ana","","Luz"]}"#, "Ana Luz"),
            (r#"{"text":"","family":"Quispe"}"#, "Quispe"),
            ("{}", ""),
        ] {
            assert_eq!(human_name(&parsed(json)), shown, "{json}");
        }
        for (json, value, unit) in [
            (r#"{"value":36.80,"unit":"°C","code":"Cel"}"#, "36.80", "°C"),
            (r#"{"value":0,"unit":"","code":"Cel"}"#, "0", "Cel"),
            (r#"{"value":-1.5e3,"code":"mg"}"#, "-1.5e3", "mg"),
            (r#"{"unit":"mg"}"#, "", "mg"),
            (r#"{"value":"12"}"#, "", ""),
        ] {
            assert_eq!(
                quantity(&parsed(json)),
                (value.to_owned(), unit.to_owned()),
                "{json}"
            );
        }
    }
}
