//! Who belongs to a network: root, issuers, members, grants, revocations.
//!
//! Invariants:
//! - everything an [`Authority`] answers is a pure function of the statements it
//!   holds and the network's first root key, so it never matters who heard what
//!   first, and there are no clocks: a grant's expiry is data for the session
//!   check alone;
//! - held is only what is its signer's to say, by a chain that leads to it from
//!   the root, and of each signer no more than its room ([`SIGNER_BYTES_MAX`],
//!   apart for revocations): nobody can take the room of another. Of the grants
//!   of the same that one signer has made for one node the first and the latest
//!   two are held. Short of that bound, two that have told each other all they
//!   hold, hold the same;
//! - a serial numbers a signer's own statements and says which a cut leaves; a
//!   Lamport time says which of several about one node counts. What one signer
//!   numbers moves no other's serial;
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
mod bounds;
mod effect;
mod room;
mod set;
mod statement;
mod ticket;

pub use bounds::{
    AUTHORITY_BYTES_MAX, INCARNATIONS_MAX, LISTED_MAX, NAME_BYTES_MAX, SIGNER_BYTES_MAX,
    SIGNER_REVOCATIONS_BYTES_MAX, STATEMENT_BYTES_MAX, STATEMENTS_MAX,
};
pub use set::{Admission, Authority, AuthorityError, IssuerView, ReviewReason, Standing};
pub use statement::{
    Grant, Issuer, IssuerRevocation, Limits, Member, NodeRole, Order, Revocation, RootSuccessor, Scopes,
    SignedStatement, Statement, StatementError, StatementId,
};
pub use ticket::{Ticket, TicketError};

#[cfg(test)]
mod tests;
