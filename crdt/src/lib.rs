//! Records as CRDT documents: diff, merge, conflicts, versions, authorship, reconciliation.
//!
//! Sans-IO: no clock, no random numbers, no sockets, no files, no FHIR. What a
//! record is made of comes from a [`policy::Policy`] that the caller hands in;
//! time and randomness are arguments.
//!
//! Architecture invariants:
//! - a record is a grow-only set of signed changes; everything shown is a pure
//!   function of that set and the policy, so order of arrival never matters;
//! - only authenticated bytes reach Automerge, behind an unwind barrier; a
//!   record's first change is its registers and needs none of it (`first`);
//! - a record's document is one flat map of scalar registers.

pub mod accept;
pub mod author;
pub mod authority;
mod barrier;
mod body;
pub mod change;
pub mod codec;
pub mod conflict;
pub mod decode;
pub mod diff;
pub mod encode;
pub mod fingerprint;
mod first;
pub mod hlc;
pub mod key;
pub mod merge;
pub mod parcel;
pub mod policy;
pub mod position;
pub mod reconcile;
pub mod record;
pub mod said;
mod state;
#[cfg(test)]
mod testing;
mod tree;
pub mod version;
