//! What a token is, at rest and in memory.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chaski_json::{Json, Limits, json};
use chaski_store::{Origin, Store, StoreError};
use serde::{Deserialize, Serialize};

use crate::roles::Roles;
use crate::text::hex;
use crate::{Caller, Purpose};

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
    /// This principal as the caller of one operation.
    #[must_use]
    pub fn caller(&self, operation_id: u64, purpose: &Purpose, origin: Origin) -> Caller {
        Caller::new(operation_id, &self.user, self.roles, purpose, origin)
    }
}

/// A session just opened.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Whose it is.
    pub principal: Principal,
    /// The public id of the personal token that opened it: the same one whenever its holder logs in,
    /// and nobody else's. A name is no such thing: tokens without one bear their role's.
    pub holder_id: String,
    /// The secret by which the session is checked anew; never shown, never logged.
    pub session: String,
    /// The secret of the personal token for which a one-use token was exchanged, to be shown once.
    pub own_token: Option<String>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// The stored tokens by hash, as every request needs one.
pub(crate) struct TokenCache {
    by_hash: RwLock<HashMap<[u8; 32], TokenInfo>>,
}

impl TokenCache {
    /// Reads every stored token; one that does not decode is left out, and so
    /// opens nothing.
    pub(crate) fn load(store: &Store) -> Result<TokenCache, StoreError> {
        let mut by_hash = HashMap::new();
        for (name, row) in store.blobs(BLOB_PREFIX)? {
            let hash = name.strip_prefix(BLOB_PREFIX).and_then(unhex);
            if let (Some(hash), Some(info)) = (hash, decode(&row)) {
                by_hash.insert(hash, info);
            }
        }
        Ok(TokenCache {
            by_hash: RwLock::new(by_hash),
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

    pub(crate) fn remove(&self, hashes: &[[u8; 32]]) {
        let mut tokens = self.by_hash.write().unwrap_or_else(PoisonError::into_inner);
        for hash in hashes {
            tokens.remove(hash);
        }
    }

    pub(crate) fn list(&self) -> Vec<([u8; 32], TokenInfo)> {
        let tokens = self.by_hash.read().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().map(|(hash, info)| (*hash, info.clone())).collect()
    }
}

/// Where token rows stand among the store's blobs: `token/<64 hex digits>`.
const BLOB_PREFIX: &str = "token/";
/// The version of the stored form, its first byte.
const ROW_VERSION: u8 = 1;

/// The blob name of a token's hash.
pub(crate) fn blob_name(hash: &[u8; 32]) -> String {
    format!("{BLOB_PREFIX}{}", hex(hash))
}

/// The stored form: version byte, then JSON.
pub(crate) fn encode(info: &TokenInfo) -> Vec<u8> {
    let kind = match info.kind {
        TokenKind::Personal => "personal",
        TokenKind::Session => "session",
        TokenKind::OneUse => "one-use",
    };
    let json = json!({
        "id": &info.id,
        "user": &info.user,
        "roles": &info.roles,
        "kind": kind,
        "created_ms": info.created_ms,
        "expires_ms": info.expires_ms,
        "ended_ms": info.ended_ms,
        "exchanged_from": info.exchanged_from.as_deref(),
    });
    let mut row = vec![ROW_VERSION];
    row.extend_from_slice(json.canonical().as_bytes());
    row
}

/// Reads the stored form.
pub(crate) fn decode(row: &[u8]) -> Option<TokenInfo> {
    let (ROW_VERSION, text) = row.split_first().map(|(version, text)| (*version, text))? else {
        return None;
    };
    let json = chaski_json::parse(text, &Limits::default()).ok()?;
    let string = |key: &str| json.get(key).and_then(Json::as_str).map(str::to_owned);
    let number = |key: &str| json.get(key).and_then(Json::as_u64);
    Some(TokenInfo {
        id: string("id")?,
        user: string("user")?,
        roles: string("roles")?,
        kind: match json.get("kind").and_then(Json::as_str)? {
            "personal" => TokenKind::Personal,
            "session" => TokenKind::Session,
            "one-use" => TokenKind::OneUse,
            _ => return None,
        },
        created_ms: number("created_ms")?,
        expires_ms: number("expires_ms"),
        ended_ms: number("ended_ms"),
        exchanged_from: string("exchanged_from"),
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes());
    bytes.ok()?.try_into().ok()
}

/// The hash a token is stored under.
pub(crate) fn token_hash(token: &str) -> [u8; 32] {
    blake3::derive_key("chaski 2026 access token", token.as_bytes())
}
