//! Reads a bundle's entries into requests.

use chaski_json::Json;

use super::outcome::{BUNDLE_ENTRIES_MAX, BundleKind};
use crate::record::RecordError;
use crate::record::prepare::kind_of;
use crate::record::read::known_kind;
use crate::record::write::ANY_VERSION;

/// One entry's request, read.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) kind: String,
    pub(crate) id: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) query: Option<String>,
    pub(crate) history: bool,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_exist: Option<String>,
    /// `ifNoneMatch: "*"` of an update: the record must not exist.
    pub(crate) must_not_exist: bool,
    pub(crate) full_url: Option<String>,
    pub(crate) resource: Option<Json>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

pub(super) fn open_bundle(mut bundle: Json) -> Result<(BundleKind, Vec<Json>), RecordError> {
    if bundle.get("resourceType").and_then(Json::as_str) != Some("Bundle") {
        return Err(RecordError::Bundle(
            "what is posted here must be a Bundle".to_owned(),
        ));
    }
    let kind = match bundle.get("type").and_then(Json::as_str) {
        Some("transaction") => BundleKind::Transaction,
        Some("batch") => BundleKind::Batch,
        _ => {
            return Err(RecordError::Bundle(
                "its type must be transaction or batch".to_owned(),
            ));
        }
    };
    let entries = match bundle.get_mut("entry").map(Json::take) {
        Some(Json::Array(entries)) => entries,
        None => Vec::new(),
        Some(_) => return Err(RecordError::Bundle("entry must be an array".to_owned())),
    };
    if entries.len() > BUNDLE_ENTRIES_MAX {
        return Err(RecordError::TooLarge(format!(
            "a bundle holds at most {BUNDLE_ENTRIES_MAX} entries"
        )));
    }
    Ok((kind, entries))
}

pub(crate) fn read_request(mut entry: Json) -> Result<Request, RecordError> {
    let wrong = |what: &str| RecordError::Bundle(what.to_owned());
    let resource = entry
        .get_mut("resource")
        .map(Json::take)
        .filter(|json| !json.is_null());
    let full_url = entry.get("fullUrl").and_then(Json::as_str).map(str::to_owned);
    let request = entry
        .get("request")
        .ok_or_else(|| wrong("an entry has no request"))?;
    let text = |key: &str| request.get(key).and_then(Json::as_str).map(str::to_owned);
    let method = match request.get("method").and_then(Json::as_str) {
        Some("GET" | "HEAD") => Method::Get,
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("DELETE") => Method::Delete,
        Some("PATCH") => return Err(wrong("PATCH is not supported: send the whole resource with PUT")),
        _ => return Err(wrong("a request's method must be GET, POST, PUT or DELETE")),
    };
    let url = text("url").ok_or_else(|| wrong("a request has no url"))?;
    let url = url.trim_start_matches('/');
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query.to_owned())),
        None => (url, None),
    };
    let mut steps = path.trim_end_matches('/').split('/');
    let kind = steps.next().unwrap_or_default().to_owned();
    known_kind(&kind)?;
    let (id, history, version) = match (steps.next(), steps.next(), steps.next(), steps.next()) {
        (None, ..) => (None, false, None),
        (Some("_history"), None, ..) => (None, true, None),
        (Some("_search"), None, ..) if method == Method::Get => (None, false, None),
        (Some(id), None, ..) => (Some(id.to_owned()), false, None),
        (Some(id), Some("_history"), None, _) => (Some(id.to_owned()), true, None),
        (Some(id), Some("_history"), Some(version), None) => {
            (Some(id.to_owned()), true, Some(version.to_owned()))
        }
        _ => return Err(wrong("a request's url is not one this server knows")),
    };
    // Written or deleted here, it would be the record that is.
    if history && method != Method::Get {
        return Err(wrong("a history can only be read"));
    }
    let if_match = match text("ifMatch") {
        Some(tag) => {
            let version = if_match_version(&tag);
            Some(version.ok_or_else(|| wrong("ifMatch must be like W/\"version\", or *"))?)
        }
        None => None,
    };
    let must_not_exist = match text("ifNoneMatch").filter(|_| method == Method::Put) {
        None => false,
        Some(tag) if tag.trim() == "*" => true,
        Some(_) => return Err(wrong("ifNoneMatch on an update must be *")),
    };
    // Only a create has such a condition: on an update or delete it would be one that nobody checks.
    let if_none_exist = text("ifNoneExist").filter(|_| method == Method::Post);
    Ok(Request {
        method,
        kind,
        id,
        version,
        query,
        history,
        if_match,
        if_none_exist: if_none_exist.map(|text| text.trim_start_matches('?').to_owned()),
        must_not_exist,
        full_url,
        resource,
    })
}

/// The version in `W/"version"` or `"version"`.
#[must_use]
pub fn etag_version(tag: &str) -> Option<String> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let version = tag.strip_prefix('"')?.strip_suffix('"')?;
    (!version.is_empty() && !version.contains('"')).then(|| version.to_owned())
}

/// What an `If-Match` asks for: a version, or [`ANY_VERSION`].
#[must_use]
pub fn if_match_version(tag: &str) -> Option<String> {
    match tag.trim() {
        ANY_VERSION => Some(ANY_VERSION.to_owned()),
        // In quotes it would be a version, and none is called so.
        tag => etag_version(tag).filter(|version| version != ANY_VERSION),
    }
}

pub(crate) fn same_kind(json: &Json, kind: &str) -> Result<(), RecordError> {
    let body = kind_of(json)?;
    if body == kind {
        return Ok(());
    }
    Err(RecordError::KeyMismatch {
        body: body.to_owned(),
        url: kind.to_owned(),
    })
}
