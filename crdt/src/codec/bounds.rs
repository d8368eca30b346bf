//! How much one block holds at most.

use crate::change::CHANGE_BYTES_MAX;

/// The most bytes a block of several changes may decompress to. A block of a
/// single change may reach [`CHANGE_BYTES_MAX`].
pub const BLOCK_RAW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most changes in one block.
pub const BLOCK_CHANGES_MAX: usize = 16_384;
/// The most bytes of any block.
pub const BLOCK_BYTES_MAX: usize = CHANGE_BYTES_MAX + 64 * 1024;
