//! How much of what comes from peers is kept, and how far their clocks are followed.

/// Longest cursor of a peer, in bytes.
pub const CURSOR_BYTES_MAX: usize = 256;
/// Most changes that wait for their predecessors, and their bytes.
pub(crate) const PENDING_MAX: u64 = 20_000;
/// See [`PENDING_MAX`].
pub(crate) const PENDING_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most changes that wait for their author to be known and that one peer delivered.
pub const AWAITING_PEER_MAX: u64 = 4_096;
/// Most bytes of them.
pub const AWAITING_PEER_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Most bytes of them that wait of one record, unless it is a single change: each that is added has them written again.
pub(crate) const AWAITING_RECORD_BYTES_MAX: u64 = 256 * 1024;
/// So much of each peer's may wait however much of others' does.
pub(crate) const AWAITING_RESERVE_BYTES: u64 = 64 * 1024;
/// Most changes that wait for their author to be known, whoever delivered them.
pub const AWAITING_MAX: u64 = 65_536;
/// Most bytes of them.
pub const AWAITING_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Furthest a peer's clock is followed ahead of this node's, in milliseconds.
pub(crate) const LEAD_MS_MAX: u64 = 24 * 60 * 60 * 1000;
/// Most changes remembered as set aside.
pub(crate) const QUARANTINE_MAX: u64 = 100_000;
