//! How long a message may be.

/// The most bytes of one message unless both sides agree on less.
pub const MESSAGE_BYTES_MAX: usize = 60 * 1024;
/// The least a message may be limited to.
pub const MESSAGE_BYTES_MIN: usize = 4 * 1024;
