//! Changes from peers: taken in, set aside, or waiting for their predecessors or for their author to
//! be known.
//!
//! Invariants: only verified changes are merged; one batch holds the records, the peer's
//! cursor, and what was set aside; importing twice changes nothing; one bad change blocks
//! no other; what waits is bounded, what was set aside is remembered by its hash.

mod admit;
mod apply;
mod awaiting;
mod bounds;
mod known;
mod numbers;
mod pending;
mod quarantine;
mod seen;

pub use apply::Staged;
#[cfg(test)]
pub(crate) use awaiting::count_put as awaiting_count_put;
pub(crate) use awaiting::{
    Count as AwaitingCount, Waiting, add as awaiting_add, decode_count as awaiting_count,
};
pub use bounds::{
    AWAITING_BYTES_MAX, AWAITING_MAX, AWAITING_PEER_BYTES_MAX, AWAITING_PEER_MAX, CURSOR_BYTES_MAX,
};
#[cfg(test)]
pub(crate) use bounds::{
    AWAITING_RECORD_BYTES_MAX, AWAITING_RESERVE_BYTES, PENDING_BYTES_MAX, PENDING_MAX, QUARANTINE_MAX,
};
pub(crate) use pending::count as pending_count;
pub(crate) use seen::author_seen;
