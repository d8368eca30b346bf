//! What can be wrong with a block, a batch or compressed JSON.

use crate::change::ChunkError;
use thiserror::Error;

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
