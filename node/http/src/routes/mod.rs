//! The route table. Each handler's file says what it answers.

mod node;
mod read;
mod search;
mod write;

use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::auth::OperationId;
use crate::headers::FHIR_JSON;
use crate::outcome::Failure;
use crate::state::HttpState;

pub(crate) fn router(state: HttpState) -> Router {
    let fhir = Router::new()
        .route("/", post(write::bundle).get(search::system))
        .route("/metadata", get(node::metadata))
        .route("/_history", get(read::history_system))
        .route(
            "/{kind}",
            get(search::by_get)
                .post(write::create)
                .put(write::update_where)
                .delete(write::delete_where),
        )
        .route("/{kind}/_search", post(search::by_post))
        .route("/{kind}/_history", get(read::history_type))
        .route("/{kind}/$validate", post(write::validate))
        .route(
            "/{kind}/{id}",
            get(read::read)
                .put(write::update)
                .delete(write::delete)
                .patch(write::patch),
        )
        .route("/{kind}/{id}/_history", get(read::history_instance))
        .route("/{kind}/{id}/_history/{version}", get(read::vread))
        .route("/{kind}/{id}/$validate", post(write::validate_instance))
        .route("/{kind}/{id}/{inner}", get(search::compartment))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed);
    Router::new()
        .nest("/fhir", fhir)
        .route("/fhir/", post(write::bundle).get(search::system))
        .route("/health", get(node::health))
        .route("/metrics", get(node::metrics))
        .route("/access/exchange", post(node::exchange))
        .layer(from_fn_with_state(state.clone(), observe))
        .with_state(state)
}

/// Gives each request its operation id and counts it when it is answered.
async fn observe(State(state): State<HttpState>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let id = state.clinic().operation_id();
    request.extensions_mut().insert(OperationId(id));
    let mut response = as_outcome(next.run(request).await);
    let id = format!("{id:016x}");
    let took = began.elapsed();
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let status = response.status().as_u16();
    tracing::debug!(operation = %id, method = %method, route = %route, status, took_us = took.as_micros() as u64, "answered");
    state.metrics().count(&method, &route, status, took);
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Errors that the framework made itself (a path that is not UTF-8, say) as
/// OperationOutcomes too.
fn as_outcome(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let own = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|mime| mime == FHIR_JSON);
    if !is_error || own {
        return response;
    }
    Failure::new(status, "invalid", status.canonical_reason().unwrap_or("refused")).into_response()
}

async fn unknown() -> Response {
    Failure::new(
        StatusCode::NOT_FOUND,
        "not-found",
        "there is nothing at this address; /fhir/metadata says what there is",
    )
    .into_response()
}

async fn not_allowed(method: Method) -> Response {
    let message = format!("{method} is not what this address takes; /fhir/metadata says what is supported");
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "not-supported", message).into_response()
}
