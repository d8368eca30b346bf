//! What can be wrong with the bytes of a change.

use super::bounds::CHANGE_BYTES_MAX;
use thiserror::Error;

/// Why bytes are no change chunk that this network accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChunkError {
    /// More than [`CHANGE_BYTES_MAX`].
    #[error("the change is larger than {CHANGE_BYTES_MAX} bytes")]
    TooLarge,
    /// The bytes end inside a field.
    #[error("the change ends too early")]
    Truncated,
    /// The first four bytes are not Automerge's.
    #[error("this is no change: wrong first bytes")]
    Magic,
    /// A document, a deflated change, a bundle or an unknown chunk type.
    #[error("chunk type {0} is not accepted, only uncompressed changes")]
    ChunkType(u8),
    /// The stated length is not that of the bytes.
    #[error("the change's length does not match its header")]
    Length,
    /// The checksum does not belong to the content.
    #[error("the change's checksum is wrong")]
    Checksum,
    /// An integer is longer than needed or does not fit 64 bits.
    #[error("the change holds a malformed integer")]
    Integer,
    /// A count or length above its bound; the field is named.
    #[error("the change's {0} is above its limit")]
    Bound(&'static str),
    /// An actor identifier of another length than [`ACTOR_BYTES`](super::ACTOR_BYTES).
    #[error("the change names an actor that is not of this network")]
    Actor,
    /// The message is not UTF-8.
    #[error("the change's message is not UTF-8")]
    Message,
    /// A column is malformed, unknown, deflated or out of order.
    #[error("the change's columns are malformed")]
    Columns,
    /// An operation that records never use: nested objects, insertions, deletes.
    #[error("the change holds an operation that records never use")]
    Operation,
}
