//! Builds FHIR replies: body, ETag, Last-Modified, Location.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chaski_json::Json;
use chaski_store::{RecordKey, VersionId};

use crate::date::http_date;
use crate::negotiate::Wishes;
use crate::outcome::FHIR_JSON;

/// The entity tag of a version.
pub(crate) fn etag(version: &VersionId) -> String {
    format!("W/\"{version}\"")
}

/// A reply with a resource.
pub(crate) fn resource(status: StatusCode, json: &Json, wishes: Wishes) -> Response {
    let text = if wishes.pretty {
        json.pretty()
    } else {
        json.canonical()
    };
    with_body(status, text)
}

fn with_body(status: StatusCode, text: String) -> Response {
    let mut response = (status, text).into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
    not_kept(response.headers_mut());
    response
}

/// A reply without a body.
pub(crate) fn empty(status: StatusCode) -> Response {
    let mut response = status.into_response();
    not_kept(response.headers_mut());
    response
}

/// Says which version the reply is about.
pub(crate) fn versioned(mut response: Response, version: &VersionId, last_updated_ms: u64) -> Response {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(etag(version)) {
        headers.insert(ETAG, value);
    }
    if let Ok(value) = HeaderValue::try_from(http_date(last_updated_ms)) {
        headers.insert(LAST_MODIFIED, value);
    }
    response
}

/// Says where the version can be read.
pub(crate) fn located(mut response: Response, base: &str, key: &RecordKey, version: &VersionId) -> Response {
    if let Ok(value) = HeaderValue::try_from(format!("{base}/{key}/_history/{version}")) {
        response.headers_mut().insert(LOCATION, value);
    }
    response
}

/// Clinical content is not kept by caches nor guessed at by browsers.
pub(crate) fn not_kept(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
