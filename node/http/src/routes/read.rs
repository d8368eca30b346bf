//! `GET Type/id`, `GET Type/id/_history/version` and the histories.

use axum::extract::{Path, RawQuery, State};
use axum::http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chaski_clinic::record::{HistoryOf, etag_version};
use chaski_clinic::text::query_pairs;
use chaski_fhir::summary::Subset;
use chaski_store::{Current, RecordKey};

use crate::auth::Authorized;
use crate::blocking::Work;
use crate::date::parse_http_date;
use crate::negotiate::{Wishes, members, wishes};
use crate::outcome::Failure;
use crate::state::HttpState;
use crate::{base, bundle, reply};

/// Read. The store answers point reads from memory or with one disk access,
/// which is cheaper than handing the call to another thread.
pub(crate) async fn read(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    let key = key(&kind, &id)?;
    let current = state.clinic().record_read(&authorized.caller(), &key)?;
    Ok(answer(current, &headers, query.as_deref(), wishes))
}

/// Version read.
pub(crate) async fn vread(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path((kind, id, version)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    let key = key(&kind, &id)?;
    let caller = authorized.caller();
    let current = state
        .run(Work::Read, move |state| {
            Ok(state.clinic().record_vread(&caller, &key, &version)?)
        })
        .await?;
    Ok(answer(current, &headers, query.as_deref(), wishes))
}

fn answer(current: Current, headers: &HeaderMap, query: Option<&str>, wishes: Wishes) -> Response {
    let Current {
        json,
        version,
        last_updated_ms,
        ..
    } = current;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let mut tags = headers.get_all(IF_NONE_MATCH).iter().peekable();
    let unchanged = match (tags.peek().is_some(), text(IF_MODIFIED_SINCE)) {
        (true, _) => {
            let own = version.to_string();
            let mut tags = tags.flat_map(|line| members(line.to_str().unwrap_or_default(), &[',']));
            tags.any(|tag| tag == "*" || etag_version(tag).as_deref() == Some(own.as_str()))
        }
        (false, Some(date)) => {
            let updated = i64::try_from(last_updated_ms / 1_000).unwrap_or(i64::MAX);
            parse_http_date(date).is_some_and(|since| updated <= since)
        }
        (false, None) => false,
    };
    if unchanged {
        return reply::versioned(reply::empty(StatusCode::NOT_MODIFIED), &version, last_updated_ms);
    }
    let json = match query {
        Some(query) => Subset::of_pairs(&query_pairs(query).unwrap_or_default()).apply(json),
        None => json,
    };
    reply::versioned(
        reply::resource(StatusCode::OK, &json, wishes),
        &version,
        last_updated_ms,
    )
}

/// History of one record.
pub(crate) async fn history_instance(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let of = HistoryOf::Record(key(&kind, &id)?);
    history(
        state,
        authorized,
        of,
        format!("{kind}/{id}/_history"),
        query,
        headers,
    )
    .await
}

/// History of a type.
pub(crate) async fn history_type(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let path = format!("{kind}/_history");
    history(state, authorized, HistoryOf::Kind(kind), path, query, headers).await
}

/// History of everything.
pub(crate) async fn history_system(
    State(state): State<HttpState>,
    authorized: Authorized,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    history(
        state,
        authorized,
        HistoryOf::All,
        "_history".to_owned(),
        query,
        headers,
    )
    .await
}

async fn history(
    state: HttpState,
    authorized: Authorized,
    of: HistoryOf,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    let pairs = query_pairs(query.as_deref().unwrap_or_default())
        .ok_or_else(|| Failure::bad_request("the query is not percent-encoded well"))?;
    let mut since_ms = None;
    let mut cursor = None;
    let mut count = None;
    for (name, value) in &pairs {
        match name.as_str() {
            "_since" => {
                let at: jiff::Timestamp = value
                    .parse()
                    .map_err(|_| Failure::bad_request("_since must be an instant with a time zone"))?;
                since_ms = Some(u64::try_from(at.as_millisecond()).unwrap_or(0));
            }
            "_count" => {
                count = Some(
                    value
                        .parse()
                        .map_err(|_| Failure::bad_request("_count must be a whole number"))?,
                );
            }
            "_cursor" => cursor = Some(value.clone()),
            "_format" | "_pretty" | "_summary" | "_elements" => {}
            _ if wishes.lenient => {}
            _ => {
                return Err(Failure::bad_request(
                    "a history takes _since, _count, _format and _pretty",
                ));
            }
        }
    }
    let caller = authorized.caller();
    let page = state
        .run(Work::Read, move |state| {
            Ok(state
                .clinic()
                .record_history(&caller, &of, since_ms, cursor.as_deref(), count)?)
        })
        .await?;
    let base = base::base_url(&state, &headers);
    let path = format!("{base}/{path}");
    Ok(reply::resource(
        StatusCode::OK,
        &bundle::history(&base, page, &path, &pairs),
        wishes,
    ))
}

/// The key of `Type/id` in a URL.
pub(crate) fn key(kind: &str, id: &str) -> Result<RecordKey, Failure> {
    if !chaski_fhir::definitions::is_resource_kind(kind) {
        return Err(Failure::new(
            StatusCode::NOT_FOUND,
            "not-supported",
            "the first part of this address is no resource type of FHIR R4",
        ));
    }
    RecordKey::new(kind, id).map_err(|_| {
        Failure::new(
            StatusCode::BAD_REQUEST,
            "value",
            "an id has 1 to 64 characters of A-Z a-z 0-9 - .",
        )
    })
}
