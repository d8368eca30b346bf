//! Dates without a zone, searched by clinics of several zones over one index.

use chaski_fhir::search::{Options, Query, Total, extract, parse};
use chaski_json::Json;
use jiff::tz::TimeZone;

use crate::{testing::*, *};

const ZONES: [&str; 6] = [
    "UTC",
    "Asia/Manila",
    "Asia/Kathmandu",
    "America/Lima",
    "Pacific/Chatham",
    "America/New_York",
];

/// Effective times: days, months, a year, moments round midnight here and there, and periods whose bounds are days,
/// moments, moments at midnight in UTC, or open.
const TIMES: [&str; 24] = [
    r#""effectiveDateTime":"2026-11-01""#,
    r#""effectiveDateTime":"2026-10-31""#,
    r#""effectiveDateTime":"2026-11-02""#,
    r#""effectiveDateTime":"2026-11""#,
    r#""effectiveDateTime":"2026""#,
    r#""effectiveDateTime":"2026-11-01T00:00:00Z""#,
    r#""effectiveDateTime":"2026-10-31T16:00:00Z""#,
    r#""effectiveDateTime":"2026-10-31T15:59:59Z""#,
    r#""effectiveDateTime":"2026-11-01T05:00:00Z""#,
    r#""effectiveDateTime":"2026-11-01T04:59:59Z""#,
    r#""effectiveDateTime":"2026-11-01T23:30:00-05:00""#,
    r#""effectiveDateTime":"2026-11-01T00:30:00+13:45""#,
    r#""effectiveDateTime":"2026-03-08T02:30:00-05:00""#,
    r#""effectiveDateTime":"2026-03-08""#,
    r#""effectivePeriod":{"start":"2026-11-01","end":"2026-11-01"}"#,
    r#""effectivePeriod":{"start":"2026-11-01T00:00:00Z","end":"2026-11-01T23:59:59Z"}"#,
    r#""effectivePeriod":{"start":"2026-11-01T00:00:00Z"}"#,
    r#""effectivePeriod":{"start":"2026-11-01"}"#,
    r#""effectivePeriod":{"end":"2026-11-01"}"#,
    r#""effectivePeriod":{"end":"2026-10-31T23:59:59Z"}"#,
    r#""effectivePeriod":{"start":"2026-10-31","end":"2026-11-01T10:00:00Z"}"#,
    r#""effectivePeriod":{"start":"2026-10-31T10:00:00Z","end":"2026-11-01"}"#,
    r#""effectiveInstant":"2026-11-01T12:00:00.000Z""#,
    r#""issued":"2026-11-01T12:00:00.000Z""#,
];

fn records() -> Vec<Json> {
    let record = |(at, time): (usize, &&str)| {
        json(&format!(
            r#"{{"resourceType":"Observation","id":"o{at}","status":"final","code":{{"text":"x"}},{time}}}"#
        ))
    };
    TIMES.iter().enumerate().map(record).collect()
}

fn query_in(zone: &TimeZone, text: &str) -> Query {
    let pairs: Vec<(String, String)> = text
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let options = Options {
        zone: Some(zone),
        ..Options::default()
    };
    parse("Observation", &pairs, &options).unwrap()
}

/// The ids in the order in which pages of three tell them.
fn paged(store: &Store, mut query: Query) -> Vec<String> {
    (query.count, query.total) = (Some(3), Total::Accurate);
    let mut found = Vec::new();
    loop {
        let page = store.search(&ctx(), &query).unwrap();
        found.extend(page.entries.iter().map(|entry| entry.key.id().to_owned()));
        query.cursor = page.next;
        if query.cursor.is_none() {
            assert_eq!(page.total, Some(found.len() as u64));
            return found;
        }
    }
}

#[test]
fn one_index_answers_each_clinic_by_the_days_of_its_own_zone() {
    let (store, _) = memory_store(1);
    let all = records();
    for record in &all {
        store.commit(&ctx(), vec![put(record.clone())]).unwrap();
    }
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for value in [
            "2026-11-01",
            "2026-11",
            "2026",
            "2026-11-01T00:00",
            "2026-11-01T00:00:00Z",
            "2026-03-08",
        ] {
            for prefix in ["", "ne", "gt", "lt", "ge", "le", "sa", "eb"] {
                for sort in ["date", "-date"] {
                    let query = query_in(&zone, &format!("date={prefix}{value}&_sort={sort}"));
                    let mut wanted: Vec<&Json> = all.iter().collect();
                    wanted.retain(|json| query.matches(&query.values_of(json)));
                    let keys = |json: &Json| (query.sort_keys(&extract(json)), text_of(json));
                    wanted.sort_by_key(|json| keys(json));
                    let wanted: Vec<String> = wanted.into_iter().map(text_of).collect();
                    assert_eq!(paged(&store, query), wanted, "{name} {prefix}{value} {sort}");
                }
            }
        }
    }
}

fn text_of(json: &Json) -> String {
    json.get("id")
        .and_then(Json::as_str)
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_day_is_found_and_ordered_as_the_clinic_lives_it() {
    let (store, _) = memory_store(1);
    for record in records() {
        store.commit(&ctx(), vec![put(record)]).unwrap();
    }
    let found = |name: &str, text: &str| {
        let mut found = paged(&store, query_in(&TimeZone::get(name).unwrap(), text));
        found.sort();
        found
    };
    // The day itself, as a date and as a period of dates, in every zone; a moment only where it is that day.
    for name in ZONES {
        let day = found(name, "date=2026-11-01");
        assert!(
            day.contains(&"o0".to_owned()) && day.contains(&"o14".to_owned()),
            "{name}: {day:?}"
        );
        let has = |id: &str| day.contains(&id.to_owned());
        assert!(!has("o1") && !has("o2"), "{name}");
        // 16:00 in Greenwich is midnight in Manila; 05:00 is midnight in Lima.
        assert_eq!(
            (has("o6"), has("o7")),
            match name {
                "Asia/Manila" => (true, false),
                "Asia/Kathmandu" | "UTC" | "America/Lima" | "America/New_York" => (false, false),
                _ => (true, true),
            },
            "{name}"
        );
        assert_eq!(
            (has("o8"), has("o9")),
            match name {
                "America/Lima" => (true, false),
                // New York's clocks go back on that day only.
                "America/New_York" => (true, true),
                _ => (true, true),
            },
            "{name}"
        );
    }
    // On New York's short day half past two never was.
    assert_eq!(found("America/New_York", "date=2026-03-08"), ["o12", "o13"]);
    // What was done at six in the morning of the day stands behind the day before and before the next.
    let manila = TimeZone::get("Asia/Manila").unwrap();
    let order = paged(
        &store,
        query_in(&manila, "date=ge2026-10-31&date=lt2026-11-03&_sort=date"),
    );
    let at = |id: &str| order.iter().position(|one| one == id).unwrap();
    assert!(
        at("o1") < at("o6") && at("o0") <= at("o6") && at("o6") < at("o2"),
        "{order:?}"
    );
}
