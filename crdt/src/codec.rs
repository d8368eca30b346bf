//! Changes and JSON in bytes: for the wire, in batches, and for storage, a
//! record at a time. One block format serves both.
//!
//! Block, version 1: version byte; dictionary byte (0 none, 1 the changes
//! dictionary); authors (LEB128 count, then node key and incarnation, 40 bytes
//! each); signatures (count, then 64 bytes each, in the changes' order); raw
//! and compressed length (LEB128); the compressed part. The raw part is a
//! table (records: key text and number of changes; changes: flags, author,
//! author sequence as difference to the author's one before, length) followed
//! by all change bytes, one after another, each without magic and checksum,
//! which are computed again on reading. A flag that is not known is refused;
//! one is reserved for a user's signature.
//!
//! Invariants:
//! - signatures, which do not compress, stay outside the compressed part;
//! - nothing is decompressed beyond the length stated before it, and stated
//!   lengths have bounds;
//! - a dictionary, once shipped, never changes: a better one is a new number.
//!   They are trained on synthetic data of our own alone;
//! - decoding proves nothing about who wrote a change: what comes out still
//!   has to be verified.

mod block;
mod bounds;
mod compress;
mod error;

pub use block::{decode_batch, decode_changes, encode_batch, encode_changes};
pub use bounds::{BLOCK_BYTES_MAX, BLOCK_CHANGES_MAX, BLOCK_RAW_BYTES_MAX};
pub use compress::{compress_json, decompress_json};
pub use error::CodecError;

#[cfg(test)]
mod tests;
