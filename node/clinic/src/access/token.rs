//! What a token is, at rest and in memory.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chaski_store::{Context, Origin, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::policy_decision::Roles;

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    /// A person's or program's own, until revoked or expired.
    Personal,
    /// Given for a login; it ends with the session.
    Session,
    /// Opens the exchange, once.
    OneUse,
}

/// What to make a token of.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// Who it stands for, 1 to 64 characters.
    pub user: String,
    /// What it may do.
    pub roles: Roles,
    /// What it opens.
    pub kind: TokenKind,
    /// How long it lives; `None` is until revoked.
    pub life_ms: Option<u64>,
}

/// A token as stored and listed: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// Public id, 16 hex digits; what `revoke` takes.
    pub id: String,
    /// Who it stands for.
    pub user: String,
    /// Role names joined by commas.
    pub roles: String,
    /// What it opens.
    pub kind: TokenKind,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
    /// When it was revoked or, one-use, exchanged.
    pub ended_ms: Option<u64>,
    /// The one-use token it was exchanged for.
    pub exchanged_from: Option<String>,
}

impl TokenInfo {
    /// Whether it opens what its kind opens at `now_ms`.
    #[must_use]
    pub fn is_live(&self, now_ms: u64) -> bool {
        self.ended_ms.is_none() && self.expires_ms.is_none_or(|end| now_ms < end)
    }
}

/// A token just made: the only time its secret is seen.
#[derive(Clone)]
pub struct Issued {
    /// The secret, `chk_` and 64 hex digits.
    pub token: String,
    /// What is stored of it.
    pub info: TokenInfo,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// Who a verified token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's public id.
    pub token_id: String,
    /// Who it stands for.
    pub user: String,
    /// What they may do.
    pub roles: Roles,
    /// When the token ends, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
}

impl Principal {
    /// The context of an operation by this principal.
    #[must_use]
    pub fn context(&self, operation_id: u64, purpose: &str, origin: Origin) -> Context {
        Context {
            operation_id,
            user: self.user.clone(),
            role: self.roles.names(),
            purpose: purpose.to_owned(),
            origin,
        }
    }
}

/// The stored tokens by hash, as every request needs one.
pub(crate) struct TokenCache {
    by_hash: RwLock<HashMap<[u8; 32], TokenInfo>>,
}

impl TokenCache {
    pub(crate) fn load(store: &Store) -> Result<TokenCache, StoreError> {
        let _ = store;
        Ok(TokenCache {
            by_hash: RwLock::new(HashMap::new()),
        })
    }

    pub(crate) fn find(&self, hash: &[u8; 32]) -> Option<TokenInfo> {
        let tokens = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        tokens.get(hash).cloned()
    }

    pub(crate) fn put(&self, hash: [u8; 32], info: TokenInfo) {
        let mut tokens = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(hash, info);
    }

    pub(crate) fn list(&self) -> Vec<([u8; 32], TokenInfo)> {
        let tokens = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().map(|(hash, info)| (*hash, info.clone())).collect()
    }
}

/// The hash a token is stored under.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    blake3::derive_key("chaski 2026 access token", token.as_bytes())
}
