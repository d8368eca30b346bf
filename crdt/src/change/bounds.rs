//! How long the parts of a change may be, and how many.

/// The largest change accepted from anywhere, in bytes of its raw chunk.
pub const CHANGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most operations one change may hold.
pub const OPS_MAX: u64 = 65_536;
/// The most changes one change may directly depend on.
pub const DEPS_MAX: u64 = 1_024;
/// The most other actors one change may refer to.
pub const OTHER_ACTORS_MAX: u64 = 4_096;
/// The longest message (user, role, purpose, transaction) in bytes.
pub const MESSAGE_BYTES_MAX: u64 = 4_096;
/// The length of every actor identifier in a network: a 16-byte hash of node
/// and incarnation, then the branch byte.
pub const ACTOR_BYTES: usize = 17;
