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
mod compress;

pub use block::{decode_batch, decode_changes, encode_batch, encode_changes};
pub use compress::{compress_json, decompress_json};

use crate::change::{CHANGE_BYTES_MAX, ChunkError};
use thiserror::Error;

/// The most bytes a block of several changes may decompress to. A block of a
/// single change may reach [`CHANGE_BYTES_MAX`].
pub const BLOCK_RAW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most changes in one block.
pub const BLOCK_CHANGES_MAX: usize = 16_384;
/// The most bytes of any block.
pub const BLOCK_BYTES_MAX: usize = CHANGE_BYTES_MAX + 64 * 1024;

/// Why bytes are no block, batch or compressed JSON of ours, or why something
/// cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CodecError {
    /// The first byte names a version this node does not know.
    #[error("the data has unknown format version {0}")]
    Version(u8),
    /// The data names a dictionary this node does not have.
    #[error("the data was compressed with unknown dictionary {0}")]
    Dictionary(u8),
    /// A length or count above its bound; it is named.
    #[error("the data's {0} is above its limit")]
    Bound(&'static str),
    /// A change has a flag this node does not know.
    #[error("a change carries something this version does not know")]
    Flags,
    /// The compressed part does not decompress to what is stated.
    #[error("the data does not decompress")]
    Compression,
    /// Anything else that no correct encoder makes.
    #[error("the data is malformed")]
    Malformed,
}

impl From<ChunkError> for CodecError {
    fn from(_: ChunkError) -> CodecError {
        CodecError::Malformed
    }
}

#[cfg(test)]
mod tests;
