//! Who belongs to a network: root, issuers, members, grants, revocations.
//!
//! Invariants:
//! - an [`Authority`] is a grow-only set of signed statements; everything it
//!   answers is a pure function of that set and the network's first root key,
//!   so it never matters who heard what first, and there are no clocks: a
//!   grant's expiry is data for the session check alone;
//! - the root signs only issuers, revocations of issuers and its successor;
//!   issuers sign members, grants and revocations of members, within their
//!   roles and sites. A statement by anyone else has no effect;
//! - a revoked key is cut, not erased: what its holder signed up to a named
//!   serial (issuers, roots) or author sequence (members) stays vouched for,
//!   later things are kept and flagged. The smallest cut anyone entitled has
//!   named holds;
//! - statements of kinds this version does not know are carried on;
//! - equal sets have equal bytes and equal [`Authority::digest`]s.
//!
//! Deliberately absent: sealing the root with a passphrase (the store's),
//! sessions (the net's), and dates on certificates.

mod base32;
mod effect;
mod set;
mod statement;
mod ticket;

pub use set::{Admission, Authority, AuthorityError, ReviewReason, Standing};
pub use statement::{
    Grant, Issuer, IssuerRevocation, Limits, Member, NodeRole, Revocation, RootSuccessor, Scopes,
    SignedStatement, Statement, StatementError, StatementId,
};
pub use ticket::{Ticket, TicketError};

/// The most statements one network's authority may hold.
pub const STATEMENTS_MAX: usize = 65_536;
/// The most bytes of an encoded authority.
pub const AUTHORITY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most bytes of one statement's body.
pub const STATEMENT_BYTES_MAX: usize = 64 * 1024;
/// The longest name, site, role or panel in a statement, in bytes.
pub const NAME_BYTES_MAX: usize = 128;
/// The most sites or panels one grant or limit may list.
pub const LISTED_MAX: usize = 256;
/// The most incarnations a revocation may name.
pub const INCARNATIONS_MAX: usize = 3_000;

#[cfg(test)]
mod tests;
