//! Why bytes are no message.

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A length is over its bound.
    #[error("a message is over the limit of {0}")]
    TooLong(&'static str),
    /// The version byte names no version spoken here.
    #[error("a message of unknown version {0}")]
    Version(u8),
    /// Not decodable.
    #[error("a message could not be read")]
    Malformed,
}
