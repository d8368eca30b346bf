//! Builds the Bundles that answer searches, histories and bundles.

use axum::http::StatusCode;
use chaski_clinic::record::{BundleKind, BundleResult, EntryOutcome, HistoryPage, RecordError, SearchPage};
use chaski_clinic::text::percent_encode;
use chaski_fhir::date::instant;
use chaski_fhir::search::{Query, Summary};
use chaski_fhir::summary::Subset;
use chaski_json::{Json, Object, json};
use chaski_store::Written;

use crate::outcome::Failure;
use crate::reply::etag;

/// A query string of decoded pairs, without those named.
pub(crate) fn query_string(pairs: &[(String, String)], without: &[&str]) -> String {
    let kept: Vec<String> = pairs
        .iter()
        .filter(|(name, _)| !without.contains(&name.as_str()))
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)))
        .collect();
    kept.join("&")
}

fn link(relation: &str, path: &str, query: &str) -> Json {
    let url = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    json!({"relation": relation, "url": url})
}

/// The links of a page: where it is, where the first and the next are.
pub(crate) fn page_links(path: &str, pairs: &[(String, String)], next: Option<&str>) -> Json {
    let own = query_string(pairs, &[]);
    let plain = query_string(pairs, &["_cursor"]);
    let mut links = vec![link("self", path, &own), link("first", path, &plain)];
    if let Some(cursor) = next {
        let cursor = format!("_cursor={}", percent_encode(cursor));
        let query = if plain.is_empty() {
            cursor
        } else {
            format!("{plain}&{cursor}")
        };
        links.push(link("next", path, &query));
    }
    Json::Array(links)
}

/// A page of search results as a Bundle of type searchset.
pub(crate) fn searchset(
    base: &str,
    query: &Query,
    page: SearchPage,
    path: &str,
    pairs: &[(String, String)],
) -> Json {
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset"});
    // The links say what was done, so that a client sees what was left out.
    let mut used = pairs.to_vec();
    used.retain(|(name, _)| !query.ignored.contains(name));
    put(&mut bundle, "link", page_links(path, &used, page.next.as_deref()));
    if let Some(total) = page.total {
        put(&mut bundle, "total", Json::from(total));
    }
    let partial = page.partial;
    let count_only = query.summary == Summary::Count || query.count == Some(0);
    let subset = Subset::new(query.summary, &query.elements);
    let mut entries = Vec::new();
    if !count_only {
        for current in page.entries {
            entries.push(json!({
                "fullUrl": format!("{base}/{}", current.key),
                "resource": subset.apply(current.json),
                "search": {"mode": "match"},
            }));
        }
    }
    if partial {
        entries.push(json!({
            "resource": crate::outcome::partial(),
            "search": {"mode": "outcome"},
        }));
    }
    if !query.ignored.is_empty() {
        let names = query.ignored.join(", ");
        entries.push(json!({
            "resource": crate::outcome::warning(&format!("search parameters not known and left out: {names}")),
            "search": {"mode": "outcome"},
        }));
    }
    if !entries.is_empty() {
        put(&mut bundle, "entry", Json::Array(entries));
    }
    bundle
}

/// A page of a history as a Bundle of type history.
pub(crate) fn history(base: &str, page: HistoryPage, path: &str, pairs: &[(String, String)]) -> Json {
    let mut bundle = json!({"resourceType": "Bundle", "type": "history"});
    put(&mut bundle, "link", page_links(path, pairs, page.next.as_deref()));
    let entries: Vec<Json> = page
        .entries
        .into_iter()
        .map(|entry| {
            let (method, url, status) = match (entry.deleted, entry.created) {
                (true, _) => ("DELETE", entry.key.to_string(), "204"),
                (false, true) => ("PUT", entry.key.to_string(), "201"),
                (false, false) => ("PUT", entry.key.to_string(), "200"),
            };
            let mut json = json!({
                "fullUrl": format!("{base}/{}", entry.key),
                "request": {"method": method, "url": url},
                "response": {
                    "status": status,
                    "etag": etag(&entry.version),
                    "lastModified": instant(entry.last_updated_ms),
                },
            });
            if let Some(resource) = entry.json
                && !entry.deleted
            {
                put(&mut json, "resource", resource);
            }
            json
        })
        .collect();
    if !entries.is_empty() {
        put(&mut bundle, "entry", Json::Array(entries));
    }
    bundle
}

/// The answer to a batch or transaction.
pub(crate) fn response(base: &str, result: BundleResult) -> Json {
    let kind = match result.kind {
        BundleKind::Transaction => "transaction-response",
        BundleKind::Batch => "batch-response",
    };
    let entries: Vec<Json> = result
        .entries
        .into_iter()
        .map(|entry| response_entry(base, entry))
        .collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": kind});
    if !entries.is_empty() {
        put(&mut bundle, "entry", Json::Array(entries));
    }
    bundle
}

fn response_entry(base: &str, entry: Result<EntryOutcome, RecordError>) -> Json {
    match entry {
        Ok(EntryOutcome::Written(written)) => {
            let status = if written.created {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let mut response = response_of(status, Some(&written));
            put(
                &mut response,
                "location",
                Json::from(format!("{}/_history/{}", written.key, written.version)),
            );
            json!({"fullUrl": format!("{base}/{}", written.key), "response": response})
        }
        Ok(EntryOutcome::Deleted(written)) => {
            json!({"response": response_of(StatusCode::NO_CONTENT, written.as_ref())})
        }
        Ok(EntryOutcome::Read(current) | EntryOutcome::Version(current)) => json!({
            "fullUrl": format!("{base}/{}", current.key),
            "resource": current.json,
            "response": {
                "status": "200 OK",
                "etag": etag(&current.version),
                "lastModified": instant(current.last_updated_ms),
            },
        }),
        Ok(EntryOutcome::History(page)) => json!({
            "resource": history(base, page, base, &[]),
            "response": {"status": "200 OK"},
        }),
        Ok(EntryOutcome::Search(query, page)) => {
            let path = format!("{base}/{}", query.kind);
            json!({
                "resource": searchset(base, &query, page, &path, &[]),
                "response": {"status": "200 OK"},
            })
        }
        Err(error) => {
            let failure = Failure::from(error);
            json!({"response": {"status": status_line(failure.status), "outcome": failure.outcome()}})
        }
    }
}

fn response_of(status: StatusCode, written: Option<&Written>) -> Json {
    let mut response = json!({"status": status_line(status)});
    if let Some(written) = written {
        put(&mut response, "etag", Json::from(etag(&written.version)));
        put(
            &mut response,
            "lastModified",
            Json::from(instant(written.last_updated_ms)),
        );
    }
    response
}

fn status_line(status: StatusCode) -> String {
    format!(
        "{} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    )
}

pub(crate) fn put(json: &mut Json, key: &str, value: Json) {
    let members: Option<&mut Object> = json.as_object_mut();
    if let Some(members) = members {
        members.insert(key.to_owned(), value);
    }
}
