//! Values of a record for every search parameter of its kind.

use chaski_json::Json;
use jiff::tz::TimeZone;

use crate::reference::{self, Reference};
use crate::sought::patient_texts;

use super::date::date_range_in;
use super::expression::Route;
use super::param_type::ParamType;
use super::registry::SearchParam;
use super::{Decimal, IndexValue, IndexValueKind, fold, params};

/// Most values taken of one parameter of one composite element: beyond it the composite is left
/// out and its search refused by no index, only by `matches`.
const COMPONENT_VALUES_MAX: usize = 256;
/// Words after the first that one name string is found by.
const NAME_WORDS_MAX: usize = 12;

/// The system of booleans (R4, search, token).
const BOOLEAN_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/special-values";

/// All values of all parameters of a record, in the order of the parameters' codes; of a Patient first of all
/// what the search box finds it by ([`super::sought`]), which is the last that an index may leave out. Dates without a
/// zone are read in UTC.
pub fn extract(resource: &Json) -> Vec<IndexValue> {
    extract_in(resource, None)
}

/// As [`extract`], with dates without a zone read in this one.
pub fn extract_in(resource: &Json, zone: Option<&TimeZone>) -> Vec<IndexValue> {
    let kind = resource
        .get("resourceType")
        .and_then(Json::as_str)
        .unwrap_or_default();
    let mut values = Vec::with_capacity(32);
    if kind == "Patient" {
        values.extend(patient_texts(resource).into_iter().map(|folded| IndexValue {
            param: super::sought().code,
            value: IndexValueKind::String {
                exact: folded.clone(),
                folded,
            },
        }));
    }
    for param in params(kind) {
        values_in(resource, param, zone, &mut |value| {
            values.push(IndexValue {
                param: param.code,
                value,
            })
        });
    }
    values
}

/// All values of one parameter of the record's kind. Dates without a zone are read in UTC.
pub fn values_of(resource: &Json, param: &SearchParam, push: &mut dyn FnMut(IndexValueKind)) {
    values_in(resource, param, None, push);
}

fn values_in(
    resource: &Json,
    param: &SearchParam,
    zone: Option<&TimeZone>,
    push: &mut dyn FnMut(IndexValueKind),
) {
    let mut is_any = false;
    for route in &param.routes {
        if param.ptype == ParamType::Composite {
            route.visit(resource, &mut |json| composite(json, param, zone, push));
        } else {
            route.visit(resource, &mut |json| {
                is_any = true;
                convert(json, (param.ptype, zone), route, push);
            });
        }
    }
    // `deceased.exists() and deceased != false` is false, not absent, where there is nothing.
    if !is_any && param.routes.iter().any(|route| route.is_truth) {
        push(code_token(Some(BOOLEAN_SYSTEM), "false"));
    }
}

fn composite(
    json: &Json,
    param: &SearchParam,
    zone: Option<&TimeZone>,
    push: &mut dyn FnMut(IndexValueKind),
) {
    let mut parts: Vec<Vec<IndexValueKind>> = Vec::with_capacity(param.components.len());
    // The last component is mostly the rarer one (a value): looked for first, it saves the rest.
    for component in param.components.iter().rev() {
        let mut found = Vec::new();
        for route in &component.routes {
            route.visit(json, &mut |json| {
                convert(json, (component.ptype, zone), route, &mut |value| {
                    if found.len() < COMPONENT_VALUES_MAX {
                        found.push(value);
                    }
                });
            });
        }
        if found.is_empty() {
            return;
        }
        parts.push(found);
    }
    parts.reverse();
    push(IndexValueKind::Composite(parts));
}

fn convert(
    json: &Json,
    (ptype, zone): (ParamType, Option<&TimeZone>),
    route: &Route,
    push: &mut dyn FnMut(IndexValueKind),
) {
    match ptype {
        ParamType::Token => token(json, route, push),
        ParamType::String => string(json, route.type_code, push),
        ParamType::Reference | ParamType::Uri => match json {
            Json::String(uri) => push(IndexValueKind::Uri(uri.clone())),
            _ => reference_values(json, push),
        },
        ParamType::Date => push_some(date(json, route.type_code, zone), push),
        ParamType::Quantity => push_some(quantity(json, route.type_code), push),
        ParamType::Number => push_some(number(json), push),
        ParamType::Composite | ParamType::Special => {}
    }
}

fn push_some(value: Option<IndexValueKind>, push: &mut dyn FnMut(IndexValueKind)) {
    if let Some(value) = value {
        push(value);
    }
}

fn text_of(json: &Json, key: &str) -> Option<String> {
    json.get(key).and_then(Json::as_str).map(str::to_owned)
}

fn code_token(system: Option<&str>, code: &str) -> IndexValueKind {
    IndexValueKind::Token {
        system: system.map(str::to_owned),
        code: Some(code.to_owned()),
        text: None,
    }
}

fn token(json: &Json, route: &Route, push: &mut dyn FnMut(IndexValueKind)) {
    if route.is_truth {
        let is_true = *json != Json::Bool(false);
        return push(code_token(
            Some(BOOLEAN_SYSTEM),
            if is_true { "true" } else { "false" },
        ));
    }
    match route.type_code {
        "boolean" => {
            if let Json::Bool(value) = json {
                push(code_token(
                    Some(BOOLEAN_SYSTEM),
                    if *value { "true" } else { "false" },
                ));
            }
        }
        "Coding" => coding(json, push),
        "CodeableConcept" => {
            for item in json.get("coding").and_then(Json::as_array).into_iter().flatten() {
                coding(item, push);
            }
            if let Some(text) = text_of(json, "text") {
                push(IndexValueKind::Token {
                    system: None,
                    code: None,
                    text: Some(text),
                });
            }
        }
        "Identifier" => push(IndexValueKind::Token {
            system: text_of(json, "system"),
            code: text_of(json, "value"),
            text: json.get("type").and_then(|of_type| text_of(of_type, "text")),
        }),
        "ContactPoint" => {
            let Some(value) = json.get("value").and_then(Json::as_str) else {
                return;
            };
            push(code_token(None, value));
            let is_phone = json.get("system").and_then(Json::as_str).is_none_or(is_dialled);
            if is_phone && let Some(number) = dialled(value).filter(|number| number != value) {
                push(code_token(None, &number));
            }
        }
        _ => {
            if let Some(code) = json.as_str() {
                push(code_token(
                    route.code_set.and_then(|set| set.system_of(code)),
                    code,
                ));
            }
        }
    }
}

fn is_dialled(system: &str) -> bool {
    matches!(system, "phone" | "sms" | "fax" | "pager")
}

/// A phone number as dialled: found beside the one written, so that spacing does not hide it.
fn dialled(written: &str) -> Option<String> {
    let plus = written.trim_start().starts_with('+').then_some('+');
    let digits = written.chars().filter(char::is_ascii_digit);
    let number: String = plus.into_iter().chain(digits).collect();
    let is_number = number.len() >= 4
        && written
            .chars()
            .all(|c| c.is_ascii_digit() || " +-./()".contains(c));
    is_number.then_some(number)
}

fn coding(json: &Json, push: &mut dyn FnMut(IndexValueKind)) {
    push(IndexValueKind::Token {
        system: text_of(json, "system"),
        code: text_of(json, "code"),
        text: text_of(json, "display"),
    });
}

fn string(json: &Json, type_code: &str, push: &mut dyn FnMut(IndexValueKind)) {
    let keys: &[&str] = match type_code {
        "HumanName" => &["family", "given", "prefix", "suffix", "text"],
        "Address" => &[
            "line",
            "city",
            "district",
            "state",
            "postalCode",
            "country",
            "text",
        ],
        "CodeableConcept" => &["text"],
        _ => return one_string(json, push),
    };
    for key in keys {
        let items = match json.get(key) {
            Some(Json::Array(items)) => items.as_slice(),
            Some(item) => std::slice::from_ref(item),
            None => &[],
        };
        for item in items {
            one_string(item, push);
            if type_code == "HumanName" {
                later_words(item, push);
            }
        }
    }
}

/// `name` "may match any of the string fields in the HumanName" (R4, Patient search parameters):
/// people are looked for by any word of a double surname or of a name written as one text, not
/// only by the first. `family` and `given` stay prefixes of the whole, as FHIR has them.
fn later_words(json: &Json, push: &mut dyn FnMut(IndexValueKind)) {
    let Json::String(text) = json else { return };
    for word in text.split_whitespace().skip(1).take(NAME_WORDS_MAX) {
        push(IndexValueKind::String {
            folded: fold(word),
            exact: text.clone(),
        });
    }
}

fn one_string(json: &Json, push: &mut dyn FnMut(IndexValueKind)) {
    if let Json::String(text) = json {
        push(IndexValueKind::String {
            folded: fold(text),
            exact: text.clone(),
        });
    }
}

fn reference_values(json: &Json, push: &mut dyn FnMut(IndexValueKind)) {
    if let Some(text) = json.get("reference").and_then(Json::as_str) {
        match reference::parse(text, &[]) {
            Reference::Local { kind, id, .. } => {
                push(IndexValueKind::Reference {
                    kind: kind.to_owned(),
                    id: id.to_owned(),
                });
            }
            Reference::Foreign(uri) | Reference::Urn(uri) | Reference::Other(uri) => {
                push(IndexValueKind::Uri(uri.to_owned()));
            }
            Reference::Fragment(_) | Reference::Conditional { .. } => {}
        }
    }
    if let Some(identifier) = json.get("identifier")
        && let Some(value) = text_of(identifier, "value")
    {
        push(IndexValueKind::ReferenceIdentifier {
            system: text_of(identifier, "system"),
            value,
        });
    }
}

fn date(json: &Json, type_code: &str, zone: Option<&TimeZone>) -> Option<IndexValueKind> {
    let range = |text: &str| date_range_in(text, zone);
    let moment = |key: &str| json.get(key).and_then(Json::as_str).and_then(range);
    let (lo_ms, hi_ms) = match type_code {
        "Period" => period(json, zone)?,
        "Timing" => timing(json, zone)?,
        "dateTime" | "date" | "instant" => range(json.as_str()?)?,
        _ => moment("value")?,
    };
    Some(IndexValueKind::Date { lo_ms, hi_ms })
}

fn period(json: &Json, zone: Option<&TimeZone>) -> Option<(i64, i64)> {
    let range = |text: &str| date_range_in(text, zone);
    let moment = |key: &str| json.get(key).and_then(Json::as_str).and_then(range);
    let (start, end) = (moment("start"), moment("end"));
    if start.is_none() && end.is_none() {
        return None;
    }
    let lo_ms = start.map_or(i64::MIN, |(lo, _)| lo);
    Some((lo_ms, end.map_or(i64::MAX, |(_, hi)| hi)))
}

/// Of a Timing only its outer limits count (R4, search, date).
fn timing(json: &Json, zone: Option<&TimeZone>) -> Option<(i64, i64)> {
    let range = |text: &str| date_range_in(text, zone);
    let events = json.get("event").and_then(Json::as_array).into_iter().flatten();
    let events = events.filter_map(Json::as_str).filter_map(range);
    let bounds = json
        .pointer("/repeat/boundsPeriod")
        .and_then(|bounds| period(bounds, zone));
    events
        .chain(bounds)
        .reduce(|(lo, hi), (lo2, hi2)| (lo.min(lo2), hi.max(hi2)))
}

fn decimal(json: Option<&Json>) -> Option<Decimal> {
    json.and_then(Json::as_number)
        .and_then(|number| Decimal::parse(number.as_str()))
}

fn quantity(json: &Json, type_code: &str) -> Option<IndexValueKind> {
    if type_code == "Range" {
        let (low, high) = (json.get("low"), json.get("high"));
        let unit = low.or(high)?;
        let (lo, hi) = (
            decimal(low.and_then(|q| q.get("value"))),
            decimal(high.and_then(|q| q.get("value"))),
        );
        lo.or(hi)?;
        return Some(IndexValueKind::Quantity {
            lo,
            hi,
            system: text_of(unit, "system"),
            code: text_of(unit, "code"),
            unit: text_of(unit, "unit"),
        });
    }
    let value = decimal(json.get("value"))?;
    let (lo, hi) = match json.get("comparator").and_then(Json::as_str) {
        Some("<") => (None, Some(value.nudged(-1))),
        Some("<=") => (None, Some(value)),
        Some(">") => (Some(value.nudged(1)), None),
        Some(">=") => (Some(value), None),
        _ => (Some(value), Some(value)),
    };
    if type_code == "Money" {
        let code = text_of(json, "currency");
        let system = code.is_some().then(|| "urn:iso:std:iso:4217".to_owned());
        return Some(IndexValueKind::Quantity {
            lo,
            hi,
            system,
            code,
            unit: None,
        });
    }
    let (system, code, unit) = (
        text_of(json, "system"),
        text_of(json, "code"),
        text_of(json, "unit"),
    );
    Some(IndexValueKind::Quantity {
        lo,
        hi,
        system,
        code,
        unit,
    })
}

fn number(json: &Json) -> Option<IndexValueKind> {
    if json.as_object().is_some() {
        let end = |key: &str| decimal(json.get(key).and_then(|q| q.get("value")));
        let (lo, hi) = (end("low"), end("high"));
        lo.or(hi)?;
        return Some(IndexValueKind::Number { lo, hi });
    }
    let value = decimal(Some(json))?;
    Some(IndexValueKind::Number {
        lo: Some(value),
        hi: Some(value),
    })
}
