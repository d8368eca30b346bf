//! Who may come in: bearer tokens, their roles, and the exchange of the
//! one-use bootstrap token.
//!
//! Invariants: a token is 32 random bytes shown once and stored only as a
//! BLAKE3 hash; a one-use token opens nothing but the exchange, and once;
//! a revocation is durable before it is confirmed.

mod commands;
#[cfg(test)]
mod expiry_tests;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod tests;
mod token;

pub use commands::{AccessError, TOKEN_LIFE_MS_MAX};
pub(crate) use token::TokenCache;
pub use token::{Issued, Login, Principal, TokenInfo, TokenKind, TokenRequest};

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature::new(
    "access",
    &[
        "login",
        "session_close",
        "token_create",
        "token_exchange",
        "token_list",
        "token_revoke",
        "token_verify",
    ],
);
