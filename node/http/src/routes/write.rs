//! Create, update, delete, bundles and `$validate`.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chaski_clinic::Caller;
use chaski_clinic::record::{CreateOptions, RecordError, UpdateOptions, if_match_version};
use chaski_json::Json;
use chaski_store::Written;

use super::read::key;
use crate::auth::Authorized;
use crate::blocking::Work;
use crate::negotiate::{Return, Wishes, wishes};
use crate::outcome::{Failure, success};
use crate::state::HttpState;
use crate::{base, bundle, reply};

/// Asks for an update made from an older version to be merged, not refused.
const MERGE_HEADER: &str = "x-chaski-merge";

/// `POST Type`, with `If-None-Exist`.
pub(crate) async fn create(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    let mut json = state.body_json(&headers, body).await?;
    let body_kind = json
        .get("resourceType")
        .and_then(Json::as_str)
        .ok_or(RecordError::NotAResource)?;
    if body_kind != kind {
        return Err(Failure::bad_request(
            "the body's resourceType is not the type of the URL",
        ));
    }
    // A condition in the URL means the same; some clients send it there.
    let options = CreateOptions {
        if_none_exist: match headers.get("if-none-exist") {
            // One that cannot be read must not make the create unconditional.
            Some(query) => Some(
                std::str::from_utf8(query.as_bytes())
                    .map_err(|_| Failure::bad_request("If-None-Exist is not UTF-8"))?
                    .to_owned(),
            ),
            None => condition(query.as_deref()).ok(),
        },
    };
    let base = base::base_url(&state, &headers);
    base::relativise(&mut json, &base);
    let caller = authorized.caller();
    state
        .run(Work::Write, move |state| {
            let written = state.clinic().record_create(&caller, json, &options)?;
            written_reply(state, &caller, &base, &written, wishes)
        })
        .await
}

/// `PUT Type/id`, with `If-Match` or `If-None-Match: *`.
pub(crate) async fn update(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path((kind, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    key(&kind, &id)?;
    let options = update_options(&headers)?;
    let mut json = state.body_json(&headers, body).await?;
    let base = base::base_url(&state, &headers);
    base::relativise(&mut json, &base);
    let caller = authorized.caller();
    state
        .run(Work::Write, move |state| {
            let written = state
                .clinic()
                .record_update(&caller, &kind, &id, json, &options)?;
            written_reply(state, &caller, &base, &written, wishes)
        })
        .await
}

/// `PUT Type?…`: updates the one match, or creates.
pub(crate) async fn update_where(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    let condition = condition(query.as_deref())?;
    let options = update_options(&headers)?;
    let mut json = state.body_json(&headers, body).await?;
    let base = base::base_url(&state, &headers);
    base::relativise(&mut json, &base);
    let caller = authorized.caller();
    state
        .run(Work::Write, move |state| {
            let written = state
                .clinic()
                .record_update_where(&caller, &kind, &condition, json, &options)?;
            written_reply(state, &caller, &base, &written, wishes)
        })
        .await
}

/// `DELETE Type/id`.
pub(crate) async fn delete(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path((kind, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let key = key(&kind, &id)?;
    let if_match = if_match(&headers)?;
    let caller = authorized.caller();
    let written = state
        .run(Work::Write, move |state| {
            match state.clinic().record_delete(&caller, &key, if_match.as_deref()) {
                Ok(written) => Ok(Some(written)),
                // Nothing to delete is what was asked for.
                Err(RecordError::NotFound(_)) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
    Ok(deleted_reply(written.as_ref()))
}

/// `DELETE Type?…`, with `If-Match`: deletes the one match.
pub(crate) async fn delete_where(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let condition = condition(query.as_deref())?;
    let if_match = if_match(&headers)?;
    let caller = authorized.caller();
    let written = state
        .run(Work::Write, move |state| {
            let clinic = state.clinic();
            Ok(clinic.record_delete_where(&caller, &kind, &condition, if_match.as_deref())?)
        })
        .await?;
    Ok(deleted_reply(written.as_ref()))
}

/// `POST [base]`: a batch or transaction.
pub(crate) async fn bundle(
    State(state): State<HttpState>,
    authorized: Authorized,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    let mut json = state.body_json(&headers, body).await?;
    let base = base::base_url(&state, &headers);
    base::relativise(&mut json, &base);
    let caller = authorized.caller();
    state
        .run(Work::Write, move |state| {
            let result = state.clinic().bundle_process(&caller, json)?;
            Ok(reply::resource(
                StatusCode::OK,
                &bundle::response(&base, result),
                wishes,
            ))
        })
        .await
}

/// `POST Type/$validate`.
pub(crate) async fn validate(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let wishes = wishes(&headers, query.as_deref())?;
    let mut json = state.body_json(&headers, body).await?;
    if json.get("resourceType").and_then(Json::as_str) == Some("Parameters") {
        json = parameter_resource(&mut json)
            .ok_or_else(|| Failure::bad_request("Parameters has no 'resource'"))?;
    }
    let caller = authorized.caller();
    let issues = state
        .run(Work::Read, move |state| {
            if json
                .get("resourceType")
                .and_then(Json::as_str)
                .is_some_and(|own| own != kind)
            {
                return Err(Failure::bad_request(
                    "the body's resourceType is not the type of the URL",
                ));
            }
            Ok(state.clinic().record_validate(&caller, &json)?)
        })
        .await?;
    Ok(reply::resource(
        StatusCode::OK,
        &chaski_fhir::outcome::operation_outcome(&issues),
        wishes,
    ))
}

/// `POST Type/id/$validate`.
pub(crate) async fn validate_instance(
    state: State<HttpState>,
    authorized: Authorized,
    Path((kind, id)): Path<(String, String)>,
    query: RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    key(&kind, &id)?;
    validate(state, authorized, Path(kind), query, headers, body).await
}

/// `PATCH` is not offered: it would need its own base rules.
pub(crate) async fn patch(_authorized: Authorized) -> Failure {
    Failure::new(
        StatusCode::NOT_IMPLEMENTED,
        "not-supported",
        "PATCH is not supported: send the whole resource with PUT and If-Match",
    )
}

fn parameter_resource(parameters: &mut Json) -> Option<Json> {
    let list = parameters.get_mut("parameter")?.as_array_mut()?;
    let own = list
        .iter_mut()
        .find(|one| one.get("name").and_then(Json::as_str) == Some("resource"))?;
    own.get_mut("resource").map(Json::take)
}

fn if_match(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let mut lines = headers.get_all(IF_MATCH).iter();
    let version = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line.to_str().ok().and_then(if_match_version),
        (Some(_), Some(_)) => None,
    };
    let wrong = "If-Match must be one version, like W/\"version\", or *";
    version.map(Some).ok_or_else(|| Failure::bad_request(wrong))
}

/// Whether a merge is asked for; another word than these would be taken for a yes by who sent it.
fn merges(headers: &HeaderMap) -> Result<bool, Failure> {
    let asked = headers
        .get(MERGE_HEADER)
        .map(|value| value.to_str().unwrap_or_default());
    match asked.map(str::to_ascii_lowercase).as_deref() {
        Some("true") => Ok(true),
        None | Some("false") => Ok(false),
        Some(_) => Err(Failure::bad_request("X-Chaski-Merge must be true or false")),
    }
}

fn update_options(headers: &HeaderMap) -> Result<UpdateOptions, Failure> {
    let must_not_exist = match headers
        .get(IF_NONE_MATCH)
        .map(|value| value.to_str().unwrap_or_default())
    {
        None => false,
        Some("*") => true,
        Some(_) => return Err(Failure::bad_request("If-None-Match on an update must be *")),
    };
    Ok(UpdateOptions {
        if_match: if_match(headers)?,
        merge: merges(headers)?,
        must_not_exist,
        ..UpdateOptions::default()
    })
}

fn condition(query: Option<&str>) -> Result<String, Failure> {
    let kept: Vec<&str> = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("_format=") && !pair.starts_with("_pretty="))
        .collect();
    if kept.is_empty() {
        return Err(Failure::bad_request(
            "this needs an id in the address, or a condition after '?'",
        ));
    }
    Ok(kept.join("&"))
}

fn written_reply(
    state: &HttpState,
    caller: &Caller,
    base: &str,
    written: &Written,
    wishes: Wishes,
) -> Result<Response, Failure> {
    let status = if written.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let response = match wishes.returning {
        Return::Minimal => reply::empty(status),
        Return::OperationOutcome => {
            let message = match (written.created, written.unchanged) {
                (true, _) => "created",
                (false, true) => "nothing changed",
                (false, false) => "updated",
            };
            reply::resource(status, &success(message), wishes)
        }
        Return::Representation => match state.clinic().record_written(caller, written) {
            Ok(current) => reply::resource(status, &current.json, wishes),
            // The write is done: a failed read must not look like a failed write.
            Err(_) => reply::empty(status),
        },
    };
    let response = reply::versioned(response, &written.version, written.last_updated_ms);
    Ok(reply::located(response, base, &written.key, &written.version))
}

fn deleted_reply(written: Option<&Written>) -> Response {
    let response = reply::empty(StatusCode::NO_CONTENT);
    match written {
        Some(written) => reply::versioned(response, &written.version, written.last_updated_ms),
        None => response,
    }
}
