//! How a store is opened.

use std::time::Duration;

/// Choices of who opens a store.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// How long to wait for a directory that another process has open.
    pub lock_wait: Duration,
    /// Free bytes below which writes are refused.
    pub disk_floor_bytes: u64,
    /// Free share of the disk, in percent, below which writes are refused.
    pub disk_floor_percent: u8,
    /// Use threads: one that writes queued read audits at least every second, and second
    /// ones for costly work. Without, everything happens on the caller's thread, in an
    /// order that a seed repeats.
    pub background: bool,
    /// Memory of Argon2id for new passphrase slots, in KiB.
    pub argon2_memory_kib: u32,
    /// Longest a search may take, in milliseconds.
    pub search_ms_max: u64,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            lock_wait: Duration::from_secs(5),
            disk_floor_bytes: 500 * 1024 * 1024,
            disk_floor_percent: 5,
            background: true,
            argon2_memory_kib: 64 * 1024,
            search_ms_max: 5_000,
        }
    }
}
