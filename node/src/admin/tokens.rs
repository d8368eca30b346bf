//! Bearer tokens, as the operator makes, lists and ends them.

use chaski_clinic::access::{AccessError, TokenKind, TokenRequest};
use chaski_clinic::{Caller, Clinic, Roles};

use super::protocol::{AdminRequest, AdminResponse};
use super::report::AuditedToken;
use crate::error::{NodeError, store_error};
use crate::text::time_text;

/// Carries out a request about tokens.
pub(super) fn execute(
    clinic: &Clinic,
    caller: &Caller,
    request: AdminRequest,
) -> Result<AdminResponse, NodeError> {
    match request {
        AdminRequest::TokenCreate {
            roles,
            name,
            ttl_seconds,
        } => create(clinic, caller, &roles, &name, ttl_seconds),
        AdminRequest::TokenList => list(clinic, caller).map(AdminResponse::Tokens),
        AdminRequest::TokenRevoke { id } => revoke(clinic, caller, &id).map(|()| AdminResponse::Done),
        _ => Err(NodeError::Failed("no request about tokens".to_owned())),
    }
}

fn create(
    clinic: &Clinic,
    caller: &Caller,
    roles: &[String],
    name: &str,
    ttl_seconds: Option<u64>,
) -> Result<AdminResponse, NodeError> {
    let roles = Roles::parse(&roles.join(","))
        .ok_or_else(|| NodeError::Usage("roles are administrator, clinician, reader".to_owned()))?;
    let request = TokenRequest {
        user: if name.trim().is_empty() {
            roles.names()
        } else {
            name.to_owned()
        },
        roles,
        kind: TokenKind::Personal,
        life_ms: ttl_seconds.map(|seconds| seconds.saturating_mul(1000)),
    };
    let issued = clinic
        .token_create(caller, &request)
        .map_err(|error| access_error(&error))?;
    Ok(AdminResponse::Token {
        id: issued.info.id,
        token: issued.token,
    })
}

fn list(clinic: &Clinic, caller: &Caller) -> Result<Vec<AuditedToken>, NodeError> {
    let infos = clinic.token_list(caller).map_err(|error| access_error(&error))?;
    let now_ms = clinic.now_ms();
    Ok(infos
        .into_iter()
        .filter(|info| info.kind != TokenKind::Session)
        .map(|info| AuditedToken {
            revoked: !info.is_live(now_ms),
            id: info.id,
            name: info.user,
            roles: info.roles.split(',').map(str::to_owned).collect(),
            expires: info.expires_ms.map(time_text),
        })
        .collect())
}

fn revoke(clinic: &Clinic, caller: &Caller, id: &str) -> Result<(), NodeError> {
    clinic
        .token_revoke(caller, id)
        .map(|_| ())
        .map_err(|error| access_error(&error))
}

pub(crate) fn access_error(error: &AccessError) -> NodeError {
    match error {
        AccessError::UserName | AccessError::NoRole | AccessError::Life => {
            NodeError::Usage(error.to_string())
        }
        AccessError::Store(store) => store_error(store),
        other => NodeError::Failed(other.to_string()),
    }
}
