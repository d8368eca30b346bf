//! A search string on a resource, both from outside: the first line is the
//! query, the rest the resource.
//!
//! An index that narrows by keys never loses what matches.

use chaski_clinic::text::query_pairs;
use chaski_fhir::search::{Handling, Modifier, Options, Query, extract, parse, values_of};
use chaski_fhir::{compartment, reference, search, summary, validate};
use chaski_json::{Json, Limits};

/// A search string on a resource.
pub fn search(bytes: &[u8]) {
    let cut = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (query, text) = bytes.split_at(cut);
    let json = chaski_json::parse(text, &Limits::default()).unwrap_or(Json::Null);
    assert!(validate::validate(&json).len() <= validate::ISSUES_MAX);
    let values = extract(&json);
    let _ = compartment::patients_of(&json);
    reference::relativise(&mut json.clone(), &["http://example.org/fhir"]);
    let kind = json
        .get("resourceType")
        .and_then(Json::as_str)
        .unwrap_or("Patient");
    let Some(query) = std::str::from_utf8(query).ok().and_then(query_pairs) else {
        return;
    };
    let options = Options {
        handling: Handling::Lenient,
        own_bases: &["http://example.org/fhir"],
        now_ms: 1_767_225_600_000,
    };
    let Ok(query) = parse(kind, &query, &options) else {
        return;
    };
    let _ = (
        query.matches(&values),
        query.sort_keys(&values),
        summary::subset(&json, &query),
    );
    keys_find(&query, &json);
}

fn keys_find(query: &Query, json: &Json) {
    for filter in query
        .filters
        .iter()
        .filter(|filter| filter.modifier != Modifier::Not)
    {
        for alternative in &filter.any {
            let Some(key) = alternative.key(&filter.modifier) else {
                continue;
            };
            values_of(json, filter.param, &mut |kind| {
                if alternative.matches(&kind, &filter.modifier) {
                    let value = search::IndexValue {
                        param: filter.param.code,
                        value: kind,
                    };
                    let mut found = false;
                    value.keys(&mut |own| found |= own == key);
                    assert!(found, "{key} is not among the keys of {value:?}");
                }
            });
        }
    }
}
