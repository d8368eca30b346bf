//! A search string on a resource, both from outside: the first line is the
//! query, the rest the resource.
//!
//! An index that narrows by keys never loses what matches, and a part of the
//! resource is a part of it.

use chaski_clinic::text::query_pairs;
use chaski_fhir::search::{Handling, Modifier, Options, Query, extract, parse, values_of};
use chaski_fhir::summary::Subset;
use chaski_fhir::{compartment, reference, search, validate};
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
    let Some(pairs) = std::str::from_utf8(query).ok().and_then(query_pairs) else {
        return;
    };
    part_of(&Subset::of_pairs(&pairs), &json);
    let options = Options {
        zone: None,
        handling: Handling::Lenient,
        own_bases: &["http://example.org/fhir"],
        now_ms: 1_767_225_600_000,
        follows_chains: true,
    };
    let Ok(query) = parse(kind, &pairs, &options) else {
        return;
    };
    let _ = (query.matches(&values), query.sort_keys(&values));
    part_of(&Subset::new(query.summary, &query.elements), &json);
    keys_find(&query, &json);
}

/// A part of a record says nothing but what the record says; of its `meta` that it is a part.
fn part_of(subset: &Subset, json: &Json) {
    let part = subset.apply(json.clone());
    let Some(members) = part.as_object() else {
        assert_eq!(part, *json);
        return;
    };
    for (name, value) in members {
        assert!(
            name == "meta" || json.get(name) == Some(value),
            "{name} is not the record's"
        );
    }
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
