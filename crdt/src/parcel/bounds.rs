//! How much a parcel holds at most.

use crate::codec::BLOCK_BYTES_MAX;

/// The most recipients of one parcel.
pub const RECIPIENTS_MAX: usize = 1_024;
/// The most plaintext in one frame, in bytes.
pub const FRAME_PLAIN_BYTES_MAX: usize = 64 * 1024;
/// The longest message: a single large change, in bytes.
pub const MESSAGE_BYTES_MAX: usize = BLOCK_BYTES_MAX;
/// The most authority statements in one message.
pub const STATEMENTS_MAX: usize = 2_048;
/// The most bytes of authority statements in one message.
pub const STATEMENTS_BYTES_MAX: usize = 512 * 1024;
/// The most messages in one parcel.
pub(super) const MESSAGES_MAX: u64 = 1 << 32;
