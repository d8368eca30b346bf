//! The base URL that links in replies begin with.

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::HttpState;

/// A Host longer than this is not a host, in bytes.
const HOST_BYTES_MAX: usize = 255;

/// `scheme://host/fhir`, without a slash at the end.
pub(crate) fn base_url(state: &HttpState, headers: &HeaderMap) -> String {
    let settings = state.settings();
    if let Some(base) = &settings.base_url {
        return base.trim_end_matches('/').to_owned();
    }
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| host.len() <= HOST_BYTES_MAX)
        .filter(|host| {
            host.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
        })
        .unwrap_or("localhost");
    let scheme = if settings.secure { "https" } else { "http" };
    format!("{scheme}://{host}/fhir")
}
