//! Range reconciliation: two nodes find out which items only one of them has.
//!
//! Both hold a set of 32-byte item identifiers, sorted. Messages speak about
//! ranges of that order: a fingerprint of the items inside, or the items
//! themselves. Equal fingerprints end a range; unequal ones are split. The
//! cost is proportional to the differences, whatever the sets' size.
//!
//! Invariants:
//! - sans-IO: [`Initiator`] and [`respond`] turn a message into a message; the
//!   responder keeps no state between messages, so a cut link costs one
//!   message and nothing else;
//! - messages are at most the agreed number of bytes: what does not fit is
//!   summed up in one fingerprint for the tail and taken up in the next round;
//! - each round settles at least one range, so an exchange always ends, and it
//!   ends with exact lists: fingerprints are sums of keyed values modulo
//!   2^256, as in [`crate::fingerprint`];
//! - the sets may change between messages; then what changed may or may not be
//!   in the lists, and the next exchange finds it.
//!
//! The method is known from Meyer, "Range-Based Set Reconciliation" (2022).

mod bounds;
mod items;
mod message;
mod session;
pub mod sketch;

pub use bounds::{MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN};
pub use items::{ItemId, Items};
pub use message::MessageError;
pub use session::{Differences, Initiator, Round, respond};

#[cfg(test)]
mod tests;
