//! Builds FHIR replies: body, ETag, Last-Modified, Location.

use axum::http::header::{CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chaski_json::Json;
use chaski_store::{RecordKey, VersionId};

use crate::date::http_date;
use crate::headers::{FHIR_JSON, not_kept};
use crate::negotiate::Wishes;

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
