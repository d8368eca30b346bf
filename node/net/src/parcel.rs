//! Exchange by file: a parcel written for others, and one of theirs taken in.
//! The format is [`chaski_crdt::parcel`].
//!
//! Invariants: what is taken in goes the way of what a session brings: verified
//! change by change, merged, committed; authority through [`Trust`](crate::Trust); cursors and
//! what is known of peers through the engine, at work or not. What is written
//! is what every recipient may hold by its grant, and nothing else. Taking in
//! the same parcel twice changes nothing.
//!
//! Everything here blocks: not for async threads.

mod access;
mod read;
mod select;
mod told;
mod write;

pub use access::Access;
pub use chaski_crdt::parcel::{ParcelError as FormatError, is_parcel};
pub use read::Incoming;
pub use select::{Outgoing, recipients};
pub use told::{ParcelError, Party, ReadReport, Wanted, WriteReport};
