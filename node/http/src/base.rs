//! The base URL that links in replies begin with, and that a client may send back: a reference
//! below it is to a record of this node.

use axum::http::HeaderMap;
use axum::http::header::HOST;
use chaski_fhir::reference::{self, Reference};
use chaski_json::Json;

use crate::state::HttpState;

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

/// Makes references below `base` relative, and the names a Bundle gives its entries with them, so
/// that the two still meet. A client takes a `fullUrl` from one reply and refers to it in the next.
pub(crate) fn relativise(json: &mut Json, base: &str) {
    reference::relativise(json, &[base]);
    let entries = json.get_mut("entry").and_then(Json::as_array_mut);
    for entry in entries.into_iter().flatten() {
        let Some(Json::String(url)) = entry.get_mut("fullUrl") else {
            continue;
        };
        if let Reference::Local { kind, id, .. } = reference::parse(url, &[base]) {
            *url = format!("{kind}/{id}");
        }
    }
}
