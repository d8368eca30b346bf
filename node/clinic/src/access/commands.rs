//! Make, list, revoke, verify and exchange tokens.

use chaski_store::{AuditEvent, Origin, Outcome, StoreError};
use thiserror::Error;

use super::token::{blob_name, encode, token_hash};
use super::{Issued, Login, Principal, TokenInfo, TokenKind, TokenRequest};
use crate::policy_decision::{Action, Denied, Target};
use crate::roles::{Role, Roles};
use crate::text::hex;
use crate::{Caller, Clinic, Purpose};

/// The longest a token with an end may live: two years, in milliseconds.
pub const TOKEN_LIFE_MS_MAX: u64 = 2 * 366 * 24 * 3_600_000;
/// How long a session opened by a login lives, in milliseconds.
const SESSION_LIFE_MS: u64 = 12 * 3_600_000;
/// Tokens a node keeps, ended ones included.
const TOKENS_MAX: usize = 10_000;
/// Sessions that are over before they are forgotten, together.
const SESSIONS_OVER_MAX: usize = 100;
const USER_CHARS_MAX: usize = 64;
const PREFIX: &str = "chk_";

/// Why an access operation was refused.
#[derive(Debug, Error)]
pub enum AccessError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The token is unknown, ended or expired.
    #[error("the token is not valid here: it is unknown, revoked or expired")]
    Invalid,
    /// A one-use token was shown where it opens nothing.
    #[error("this token only opens the first login: exchange it for a token of your own")]
    OneUse,
    /// A one-use token was exchanged before.
    #[error("this one-use token was used before; make a new one with `chaski token create`")]
    Used,
    /// No token has this id.
    #[error("no token has this id")]
    Unknown,
    /// Several tokens' ids begin so.
    #[error("more than one token's id begins so: give more of it")]
    Ambiguous,
    /// The user name is empty, too long or has control characters.
    #[error("a user name has 1 to {USER_CHARS_MAX} characters and no control characters")]
    UserName,
    /// No role was named.
    #[error("a token needs at least one role: administrator, clinician, reader")]
    NoRole,
    /// The life is zero or too long.
    #[error("a token lives at least one second and at most two years")]
    Life,
    /// The node keeps as many tokens as it may.
    #[error("this node keeps {TOKENS_MAX} tokens already")]
    Full,
    /// The store's own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Clinic {
    /// Makes a token. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`AccessError`] when refused, or when the request is out of bounds.
    pub fn token_create(&self, caller: &Caller, request: &TokenRequest) -> Result<Issued, AccessError> {
        self.allow(caller, Action::TokenCreate, &Target::Node)?;
        self.token_issue(caller, request, None)
    }

    /// Every token, newest first, without secrets.
    ///
    /// # Errors
    /// [`AccessError::Denied`].
    pub fn token_list(&self, caller: &Caller) -> Result<Vec<TokenInfo>, AccessError> {
        self.allow(caller, Action::TokenList, &Target::Node)?;
        let mut infos: Vec<TokenInfo> = self
            .inner
            .tokens
            .list()
            .into_iter()
            .map(|(_, info)| info)
            .collect();
        infos.sort_by(|a, b| b.created_ms.cmp(&a.created_ms).then_with(|| a.id.cmp(&b.id)));
        Ok(infos)
    }

    /// Ends a token by its public id, and every session it opened.
    ///
    /// # Errors
    /// [`AccessError`] when refused or unknown.
    pub fn token_revoke(&self, caller: &Caller, id: &str) -> Result<TokenInfo, AccessError> {
        self.allow(caller, Action::TokenRevoke, &Target::Node)?;
        let mut found = self
            .inner
            .tokens
            .list()
            .into_iter()
            .filter(|(_, info)| info.id.starts_with(id));
        let (hash, mut info) = found
            .next()
            .filter(|_| !id.is_empty())
            .ok_or(AccessError::Unknown)?;
        if found.next().is_some() {
            return Err(AccessError::Ambiguous);
        }
        info.ended_ms.get_or_insert(self.now_ms());
        self.token_store(caller, hash, &info, "token_revoke")?;
        self.sessions_end(caller, &info.id)?;
        Ok(info)
    }

    /// Ends the sessions opened with a token, and those opened with them.
    fn sessions_end(&self, caller: &Caller, id: &str) -> Result<(), AccessError> {
        let now_ms = self.now_ms();
        let mut over = vec![id.to_owned()];
        while let Some(from) = over.pop() {
            for (hash, mut info) in self.inner.tokens.list() {
                let opened = info.kind == TokenKind::Session && info.exchanged_from.as_deref() == Some(&from);
                if opened && info.ended_ms.is_none() {
                    info.ended_ms = Some(now_ms);
                    self.token_store(caller, hash, &info, "session_close")?;
                    over.push(info.id);
                }
            }
        }
        Ok(())
    }

    /// Forgets sessions that are over, so that logging in never comes to the
    /// bound on tokens. What they did stands in the audit log.
    fn sessions_forget(&self) -> Result<(), AccessError> {
        let now_ms = self.now_ms();
        let over: Vec<[u8; 32]> = self
            .inner
            .tokens
            .list()
            .into_iter()
            .filter(|(_, info)| info.kind == TokenKind::Session && !info.is_live(now_ms))
            .map(|(hash, _)| hash)
            .collect();
        if over.len() < SESSIONS_OVER_MAX {
            return Ok(());
        }
        let rows: Vec<(String, Option<Vec<u8>>)> = over.iter().map(|hash| (blob_name(hash), None)).collect();
        self.store().blobs_put(&rows)?;
        self.inner.tokens.remove(&over);
        Ok(())
    }

    /// Who a bearer token stands for.
    ///
    /// # Errors
    /// [`AccessError::Invalid`], or [`AccessError::OneUse`] for a live one-use
    /// token, which opens nothing but [`Clinic::token_exchange`].
    pub fn token_verify(&self, token: &str) -> Result<Principal, AccessError> {
        let info = self
            .inner
            .tokens
            .find(&token_hash(token))
            .ok_or(AccessError::Invalid)?;
        if !info.is_live(self.now_ms()) {
            return Err(AccessError::Invalid);
        }
        if info.kind == TokenKind::OneUse {
            return Err(AccessError::OneUse);
        }
        Ok(principal(&info))
    }

    /// Opens a session: a one-use token is used up, a personal one stays.
    /// The audit entry names the token it came from.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] or [`AccessError::Used`].
    pub fn token_exchange(
        &self,
        operation_id: u64,
        token: &str,
        kind: TokenKind,
    ) -> Result<Issued, AccessError> {
        let hash = token_hash(token);
        let info = self.inner.tokens.find(&hash).ok_or(AccessError::Invalid)?;
        let now_ms = self.now_ms();
        if info.kind == TokenKind::OneUse && info.ended_ms.is_some() {
            return Err(AccessError::Used);
        }
        if !info.is_live(now_ms) {
            return Err(AccessError::Invalid);
        }
        let caller = principal(&info).caller(operation_id, &Purpose::Login, Origin::System);
        if info.kind == TokenKind::OneUse {
            self.token_use_up(&caller, hash, &info)?;
        }
        // Only a one-use token gives a token to keep: whatever else it is shown for, a session is opened.
        let kind = match kind {
            TokenKind::Personal if info.kind == TokenKind::OneUse => TokenKind::Personal,
            TokenKind::Personal | TokenKind::Session | TokenKind::OneUse => TokenKind::Session,
        };
        let session_ms = match kind {
            TokenKind::Session => Some(SESSION_LIFE_MS),
            TokenKind::Personal | TokenKind::OneUse => None,
        };
        let left_ms = match info.kind {
            TokenKind::OneUse => None,
            TokenKind::Personal | TokenKind::Session => info.expires_ms.map(|end| end.saturating_sub(now_ms)),
        };
        let request = TokenRequest {
            user: info.user.clone(),
            roles: Roles::parse(&info.roles).unwrap_or(Roles::NONE),
            kind,
            life_ms: match (session_ms, left_ms) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        };
        let issued = self.token_issue(&caller, &request, Some(info.id))?;
        // Revoked meanwhile: the revocation may not have seen this session.
        let source = self.inner.tokens.find(&hash).ok_or(AccessError::Invalid)?;
        if info.kind != TokenKind::OneUse && source.ended_ms.is_some() {
            self.session_close(&caller, &issued.token)?;
            return Err(AccessError::Invalid);
        }
        Ok(issued)
    }

    /// Opens a session for whoever shows a token. A one-use token is used up for a personal one, which
    /// opens the session.
    ///
    /// # Errors
    /// As [`Clinic::token_exchange`].
    pub fn login(&self, operation_id: u64, token: &str) -> Result<Login, AccessError> {
        let own_token = match self.token_verify(token) {
            Ok(_) => None,
            Err(AccessError::OneUse) => {
                let own = self.token_exchange(operation_id, token, TokenKind::Personal)?;
                Some(own.token)
            }
            Err(error) => return Err(error),
        };
        let opening = own_token.as_deref().unwrap_or(token);
        let session = self.token_exchange(operation_id, opening, TokenKind::Session)?;
        let principal = self.token_verify(&session.token)?;
        let opened_by = session.info.exchanged_from;
        Ok(Login {
            holder_id: opened_by.unwrap_or_else(|| principal.token_id.clone()),
            principal,
            session: session.token,
            own_token,
        })
    }

    /// Ends the session a token opened. Ending one that has ended is no error.
    ///
    /// # Errors
    /// The store's.
    pub fn session_close(&self, caller: &Caller, token: &str) -> Result<(), AccessError> {
        let hash = token_hash(token);
        let Some(mut info) = self.inner.tokens.find(&hash) else {
            return Ok(());
        };
        if info.kind == TokenKind::Session && info.ended_ms.is_none() {
            info.ended_ms = Some(self.now_ms());
            self.token_store(caller, hash, &info, "session_close")?;
        }
        Ok(())
    }

    fn token_issue(
        &self,
        caller: &Caller,
        request: &TokenRequest,
        from: Option<String>,
    ) -> Result<Issued, AccessError> {
        validate(request)?;
        self.sessions_forget()?;
        if self.inner.tokens.list().len() >= TOKENS_MAX {
            return Err(AccessError::Full);
        }
        let now_ms = self.now_ms();
        let mut secret = [0; 32];
        self.store().env().random(&mut secret);
        let token = format!("{PREFIX}{}", hex(&secret));
        let hash = token_hash(&token);
        let info = TokenInfo {
            id: hex(hash.get(..8).unwrap_or_default()),
            user: request.user.trim().to_owned(),
            roles: request.roles.names(),
            kind: request.kind,
            created_ms: now_ms,
            expires_ms: request.life_ms.map(|life| now_ms.saturating_add(life)),
            ended_ms: None,
            exchanged_from: from,
        };
        self.token_store(caller, hash, &info, "token_create")?;
        Ok(Issued { token, info })
    }

    /// Marks a one-use token used, at most once: the store compares and swaps.
    fn token_use_up(&self, caller: &Caller, hash: [u8; 32], info: &TokenInfo) -> Result<(), AccessError> {
        let mut used = info.clone();
        used.ended_ms = Some(self.now_ms());
        let swapped = self
            .store()
            .blob_swap(&blob_name(&hash), Some(&encode(info)), Some(&encode(&used)));
        match swapped {
            Ok(()) => {}
            Err(StoreError::Changed) => return Err(AccessError::Used),
            Err(error) => return Err(error.into()),
        }
        self.inner.tokens.put(hash, used);
        self.token_audit(caller, "token_exchange")
    }

    fn token_store(
        &self,
        caller: &Caller,
        hash: [u8; 32],
        info: &TokenInfo,
        event: &str,
    ) -> Result<(), AccessError> {
        self.store().blob_put(&blob_name(&hash), &encode(info))?;
        self.inner.tokens.put(hash, info.clone());
        self.token_audit(caller, event)
    }

    fn token_audit(&self, caller: &Caller, event: &str) -> Result<(), AccessError> {
        let event = AuditEvent {
            action: event.to_owned(),
            target: None,
            outcome: Outcome::Ok,
            durable: true,
        };
        Ok(self.store().audit(caller.context(), &event)?)
    }
}

fn validate(request: &TokenRequest) -> Result<(), AccessError> {
    let user = request.user.trim();
    if user.is_empty() || user.chars().count() > USER_CHARS_MAX || user.chars().any(char::is_control) {
        return Err(AccessError::UserName);
    }
    // The operator is whoever is at the machine; no token stands for that.
    if request.roles.is_empty() || request.roles.has(Role::Operator) {
        return Err(AccessError::NoRole);
    }
    match request.life_ms {
        Some(life) if !(1_000..=TOKEN_LIFE_MS_MAX).contains(&life) => Err(AccessError::Life),
        _ => Ok(()),
    }
}

fn principal(info: &TokenInfo) -> Principal {
    Principal {
        token_id: info.id.clone(),
        user: info.user.clone(),
        roles: Roles::parse(&info.roles).unwrap_or(Roles::NONE),
        expires_ms: info.expires_ms,
    }
}
