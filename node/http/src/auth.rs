//! Who calls: the bearer token of a request.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use chaski_clinic::access::{AccessError, Principal};
use chaski_clinic::{Caller, Origin, Purpose};

use crate::outcome::Failure;
use crate::state::HttpState;

/// Who holds the token of a request; extracting it refuses requests without a valid token.
pub(crate) struct Authorized {
    principal: Principal,
    operation_id: u64,
}

/// The random id of a request: in its log line, its audit entry and its reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperationId(pub u64);

impl Authorized {
    /// The caller of the one operation this request asks for.
    pub(crate) fn caller(&self) -> Caller {
        self.principal
            .caller(self.operation_id, &Purpose::Treatment, Origin::Http)
    }
}

/// The secret after `Bearer`.
pub(crate) fn bearer(parts: &Parts) -> Result<&str, Failure> {
    let header = parts.headers.get(AUTHORIZATION).ok_or_else(|| {
        Failure::unauthorized(
            "this needs a token: send it as 'Authorization: Bearer …' (chaski token create makes one)",
        )
    })?;
    let text = header.to_str().unwrap_or_default();
    let (scheme, secret) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") || secret.trim().is_empty() {
        return Err(Failure::unauthorized(
            "the Authorization header must be 'Bearer' and a token",
        ));
    }
    Ok(secret.trim())
}

impl FromRequestParts<HttpState> for Authorized {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Authorized, Failure> {
        let principal = state.clinic().token_verify(bearer(parts)?).map_err(|error| match error {
            AccessError::OneUse => Failure::unauthorized(
                "this is the one-use token of the first login: exchange it with POST /access/exchange, or log in to the pages with it",
            ),
            other => Failure::unauthorized(other.to_string()),
        })?;
        let operation_id = match parts.extensions.get::<OperationId>() {
            Some(OperationId(id)) => *id,
            None => state.clinic().operation_id(),
        };
        Ok(Authorized {
            principal,
            operation_id,
        })
    }
}
