//! Searches: `GET Type?…`, `POST Type/_search`, and of a patient's
//! compartment.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chaski_clinic::record::SearchOptions;
use chaski_clinic::text::query_pairs;

use crate::auth::Authorized;
use crate::blocking::Work;
use crate::negotiate::wishes_of;
use crate::outcome::Failure;
use crate::state::HttpState;
use crate::{base, bundle, reply};

/// Parameters that say how to answer, not what to find. `_totalMethod` is sent
/// by fhirpy with `_count=0`, which has a total anyway.
const OF_THE_REPLY: [&str; 3] = ["_format", "_pretty", "_totalMethod"];

/// Search by GET.
pub(crate) async fn by_get(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let pairs = pairs(query.as_deref())?;
    let path = kind.clone();
    search(state, authorized, kind, path, pairs, Vec::new(), headers).await
}

/// Search by POST: parameters in the body, and in the URL.
pub(crate) async fn by_post(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let mime = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if !mime
        .to_ascii_lowercase()
        .starts_with("application/x-www-form-urlencoded")
        && !mime.is_empty()
    {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-supported",
            "a search's body must be application/x-www-form-urlencoded",
        ));
    }
    let bytes = state.body_bytes(&headers, body).await?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::bad_request("the body is not UTF-8"))?;
    let mut all = pairs(query.as_deref())?;
    all.extend(pairs(Some(text.trim()))?);
    let path = kind.clone();
    search(state, authorized, kind, path, all, Vec::new(), headers).await
}

/// Search of what belongs to a patient: `GET Patient/id/Observation?…`.
pub(crate) async fn compartment(
    State(state): State<HttpState>,
    authorized: Authorized,
    Path((kind, id, inner)): Path<(String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if kind != "Patient" || inner.starts_with(['$', '_']) {
        let message =
            "only a patient's compartment can be searched like this, and $validate is the only operation";
        return Err(Failure::new(StatusCode::NOT_FOUND, "not-supported", message));
    }
    super::read::key(&kind, &id)?;
    let param = ["patient", "subject"]
        .into_iter()
        .find(|code| chaski_fhir::search::param(&inner, code).is_some())
        .ok_or_else(|| {
            Failure::new(
                StatusCode::NOT_FOUND,
                "not-supported",
                "records of this type are not found by patient",
            )
        })?;
    let pairs = pairs(query.as_deref())?;
    let path = format!("{kind}/{id}/{inner}");
    let fixed = vec![(param.to_owned(), format!("Patient/{id}"))];
    search(state, authorized, inner, path, pairs, fixed, headers).await
}

/// Search across types is not offered.
pub(crate) async fn system(_authorized: Authorized) -> Failure {
    Failure::new(
        StatusCode::NOT_IMPLEMENTED,
        "not-supported",
        "searching across types is not supported: name a type",
    )
}

fn pairs(query: Option<&str>) -> Result<Vec<(String, String)>, Failure> {
    query_pairs(query.unwrap_or_default())
        .ok_or_else(|| Failure::bad_request("the query is not percent-encoded well"))
}

#[allow(clippy::too_many_arguments)] // one search, asked for in four ways
async fn search(
    state: HttpState,
    authorized: Authorized,
    kind: String,
    path: String,
    pairs: Vec<(String, String)>,
    fixed: Vec<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wishes = wishes_of(&headers, &pairs)?;
    let base = base::base_url(&state, &headers);
    let caller = authorized.caller();
    state
        .run(Work::Read, move |state| {
            let clinic = state.clinic();
            let mut asked: Vec<(String, String)> = pairs
                .iter()
                .filter(|(name, _)| !OF_THE_REPLY.contains(&name.as_str()))
                .cloned()
                .collect();
            asked.extend(fixed);
            let query = clinic.record_query(
                &kind,
                &asked,
                SearchOptions {
                    lenient: wishes.lenient,
                    base_url: Some(&base),
                    follows_chains: true,
                },
            )?;
            let page = clinic.record_search(&caller, &query)?;
            let path = format!("{base}/{path}");
            let bundle = bundle::searchset(&base, &query, page, &path, &pairs);
            Ok(reply::resource(StatusCode::OK, &bundle, wishes))
        })
        .await
}
