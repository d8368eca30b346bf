//! `/health`, `/metrics`, `/fhir/metadata` and the exchange of the one-use
//! token.

use axum::body::Body;
use axum::extract::{RawQuery, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chaski_clinic::access::{AccessError, TokenKind};
use chaski_json::json;

use crate::auth::{Authorized, OperationId, bearer};
use crate::blocking::Work;
use crate::outcome::Failure;
use crate::state::HttpState;
use crate::{base, capability, negotiate, reply};

/// Whether the node answers. No token, and nothing about what it holds.
pub(crate) async fn health(State(state): State<HttpState>) -> Response {
    let writable = state.clinic().store().disk_writable();
    let body = json!({"status": "ok", "writable": writable});
    ([(CONTENT_TYPE, "application/json")], body.canonical()).into_response()
}

/// Prometheus text.
pub(crate) async fn metrics(
    State(state): State<HttpState>,
    authorized: Authorized,
) -> Result<Response, Failure> {
    let caller = authorized.caller();
    let mut text = state.metrics().text();
    let stats = state
        .run(Work::Read, move |state| {
            let clinic = state.clinic();
            clinic.status_view(&caller).map_err(|error| match error {
                chaski_clinic::status::StatusError::Denied(denied) => {
                    Failure::new(StatusCode::FORBIDDEN, "forbidden", denied.to_string())
                }
                chaski_clinic::status::StatusError::Store(_) => Failure::internal(),
            })
        })
        .await?;
    for (name, help, value) in [
        (
            "chaski_records",
            "Records held, deleted ones not counted.",
            stats.records,
        ),
        (
            "chaski_conflicted_records",
            "Records with open conflicts.",
            stats.conflicts,
        ),
        (
            "chaski_quarantined_changes",
            "Changes set aside.",
            stats.quarantined,
        ),
    ] {
        text.push_str(&format!(
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"
        ));
    }
    if let Some(extra) = &state.settings().extra_metrics {
        text.push_str(&extra());
    }
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

/// The CapabilityStatement. No token: clients read it before they have one.
pub(crate) async fn metadata(
    State(state): State<HttpState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let wishes = negotiate::wishes(&headers, query.as_deref())?;
    let statement = capability::statement(&base::base_url(&state, &headers));
    Ok(reply::resource(StatusCode::OK, &statement, wishes))
}

/// Exchanges the one-use token in the Authorization header for a token of
/// one's own: `{"token", "id", "user", "roles"}`.
pub(crate) async fn exchange(
    State(state): State<HttpState>,
    request: Request<Body>,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let token = bearer(&parts)?.to_owned();
    let operation_id = parts
        .extensions
        .get::<OperationId>()
        .map_or(0, |OperationId(id)| *id);
    let issued = state
        .run(Work::Write, move |state| {
            let clinic = state.clinic();
            clinic
                .token_exchange(operation_id, &token, TokenKind::Personal)
                .map_err(|error| match error {
                    AccessError::Invalid | AccessError::Used | AccessError::OneUse => {
                        Failure::unauthorized(error.to_string())
                    }
                    AccessError::Store(_) => Failure::internal(),
                    other => Failure::bad_request(other.to_string()),
                })
        })
        .await?;
    let body = json!({
        "token": issued.token,
        "id": issued.info.id,
        "user": issued.info.user,
        "roles": issued.info.roles,
    });
    Ok((
        [
            (CONTENT_TYPE, "application/json"),
            (axum::http::header::CACHE_CONTROL, "no-store"),
        ],
        body.canonical(),
    )
        .into_response())
}
