//! The FHIR REST interface (`/fhir`), health and metrics.
//!
//! Invariants:
//! - every operation of a record goes through `chaski_clinic`, context first;
//!   nothing here decides who may do what;
//! - every error, of whatever kind, is an OperationOutcome, mapped in
//!   [`outcome`] alone;
//! - everything but `/fhir/metadata` and `/health` needs a bearer token, never
//!   a cookie;
//! - sizes, depths, times and the number of requests at work are bounded
//!   ([`Limits`]);
//! - logs carry route templates and random operation ids, never ids, names or
//!   queries.

mod auth;
mod base;
mod blocking;
mod body;
mod bundle;
mod capability;
mod date;
mod headers;
mod metrics;
mod negotiate;
mod outcome;
mod reply;
mod routes;
mod state;
#[cfg(test)]
mod tests;

use axum::Router;

pub use metrics::Metrics;
pub use state::{ExtraMetrics, HttpSettings, HttpState, Limits};

/// The routes `/fhir/*`, `/health`, `/metrics` and `/access/exchange`. Merge it
/// with the pages' router: it has no fallback of its own outside `/fhir`.
pub fn router(state: HttpState) -> Router {
    routes::router(state)
}
