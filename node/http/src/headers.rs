//! Headers that every answer bears, whatever it says.

use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue};

/// The media type of every FHIR reply.
pub(crate) const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// Clinical content is not kept by caches nor guessed at by browsers.
pub(crate) fn not_kept(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
