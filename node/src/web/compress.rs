//! Answers leave compressed: on a slow link the bytes of a page are what its reader waits for.
//!
//! Invariant: only text is compressed, and never a stream of events, which must leave as it comes, nor what is
//! compressed already (parcels). A page never holds a secret beside what another site could make it say: the session's
//! cookie is not sent with other sites' requests.

use axum::http::header;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Shorter answers gain nothing.
const BYTES_MIN: u64 = 512;

/// Kinds of answer that shrink.
const TEXTS: [&str; 8] = [
    "text/html",
    "text/css",
    "text/javascript",
    "text/plain",
    "image/svg+xml",
    "application/json",
    "application/fhir+json",
    "application/fhir+ndjson",
];

/// What of an answer is told before its body: whether it is text.
#[derive(Debug, Clone, Copy)]
pub(super) struct IsText;

impl Predicate for IsText {
    fn should_compress<B: http_body::Body>(&self, response: &axum::http::Response<B>) -> bool {
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        TEXTS.contains(&kind) && SizeAbove::new(BYTES_MIN).should_compress(response)
    }
}

/// Compresses what its reader can read compressed.
pub(super) fn layer() -> CompressionLayer<IsText> {
    CompressionLayer::new().compress_when(IsText)
}
