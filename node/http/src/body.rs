//! Reads request bodies: bounded, JSON, with errors that say where.

use axum::body::Body;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use chaski_json::{Json, Limits as JsonLimits, ParseErrorKind};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use mime::Mime;

use crate::negotiate::{is_json, is_r4, media_type};
use crate::outcome::Failure;
use crate::state::HttpState;

/// Bodies up to this are parsed where they arrive; larger ones on a blocking
/// thread, so as not to hold up others. In bytes.
const INLINE_BYTES_MAX: usize = 64 * 1024;

impl HttpState {
    /// The whole body, at most `body_bytes_max` of it.
    pub(crate) async fn body_bytes(&self, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Failure> {
        let bytes_max = self.limits().body_bytes_max;
        let declared = headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|declared| declared > bytes_max) {
            return Err(too_large(bytes_max));
        }
        let collected = Limited::new(body, bytes_max).collect();
        match tokio::time::timeout(self.limits().body_time_max, collected).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes().into()),
            Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => Err(too_large(bytes_max)),
            Ok(Err(_)) => Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "incomplete",
                "the body ended before its end",
            )),
            Err(_) => Err(Failure::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "the body took too long to arrive",
            )),
        }
    }

    /// The body as JSON.
    pub(crate) async fn body_json(&self, headers: &HeaderMap, body: Body) -> Result<Json, Failure> {
        check_content_type(headers)?;
        let bytes = self.body_bytes(headers, body).await?;
        if bytes.is_empty() {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "required",
                "the body is empty",
            ));
        }
        let limits = JsonLimits {
            bytes_max: self.limits().body_bytes_max,
            depth_max: self.limits().json_depth_max,
        };
        if bytes.len() <= INLINE_BYTES_MAX {
            return parse(&bytes, &limits);
        }
        tokio::task::spawn_blocking(move || parse(&bytes, &limits))
            .await
            .map_err(|_| Failure::internal())?
    }
}

fn parse(bytes: &[u8], limits: &JsonLimits) -> Result<Json, Failure> {
    chaski_json::parse(bytes, limits).map_err(|error| {
        let (status, code) = match error.kind {
            ParseErrorKind::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-long"),
            ParseErrorKind::TooDeep { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too-costly"),
            _ => (StatusCode::BAD_REQUEST, "structure"),
        };
        Failure::new(
            status,
            code,
            format!("the body is not JSON that can be taken: {error}"),
        )
    })
}

fn too_large(bytes_max: usize) -> Failure {
    let message = format!(
        "the body is larger than {} MiB: send less at a time",
        bytes_max / (1024 * 1024)
    );
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "too-long", message)
}

fn check_content_type(headers: &HeaderMap) -> Result<(), Failure> {
    if headers
        .get(CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            "a compressed body is not taken: send it without Content-Encoding",
        ));
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let sent = media_type(value.to_str().unwrap_or_default());
    let is_sent = |wanted: fn(&Mime) -> bool| sent.as_ref().is_some_and(wanted);
    let message = if is_sent(|mime| mime.essence_str().contains("xml")) {
        "XML is not supported: send application/fhir+json"
    } else if !is_sent(|mime| is_json(mime.essence_str())) {
        "the body must be application/fhir+json"
    } else if !is_sent(is_r4) {
        "only FHIR R4 is spoken here: fhirVersion=4.0"
    } else if !is_sent(|mime| mime.get_param("charset").is_none_or(|charset| charset == "utf-8")) {
        "the body must be in UTF-8"
    } else {
        return Ok(());
    };
    Err(Failure::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not-supported",
        message,
    ))
}
