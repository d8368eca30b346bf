//! What an engine is told once, and what time it is.
//!
//! Invariant: nothing here changes what a peer is believed.

use std::net::SocketAddr;

use crate::limits::{BATCH_BYTES_TARGET, NEIGHBOURS_AFTER_MS, STALL_MS_MAX};

/// What an engine is told once.
#[derive(Clone, Debug)]
pub struct Options {
    /// Compressed size aimed at for a batch, in bytes.
    pub batch_bytes: usize,
    /// Dial known peers again and keep sessions up.
    pub daemon: bool,
    /// Can be dialled at the address it dials from.
    pub listening: bool,
    /// Addresses told to newcomers.
    pub advertise: Vec<String>,
    /// Addresses to dial whose peer is not known yet.
    pub dial: Vec<String>,
    /// Where other members are told that this node is reached; none: nothing is told of it.
    pub reached: Vec<SocketAddr>,
    /// Time without a session with any node that this one is to be in touch with, after which it
    /// dials neighbours that it knows by the word of others alone, in milliseconds.
    pub neighbours_ms: u64,
    /// A session that owes something and of which nothing moves is closed
    /// after this, in milliseconds.
    pub stall_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            batch_bytes: BATCH_BYTES_TARGET,
            daemon: false,
            listening: false,
            advertise: Vec::new(),
            dial: Vec::new(),
            reached: Vec::new(),
            neighbours_ms: NEIGHBOURS_AFTER_MS,
            stall_ms: STALL_MS_MAX,
        }
    }
}

/// What time it is, told twice: somebody may set the clock while sessions wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since some start; never runs backwards, never jumps.
    pub steady_ms: u64,
    /// Milliseconds since 1970 by the clock as it stands.
    pub wall_ms: u64,
}

impl From<u64> for Now {
    /// For whoever has one clock that nobody sets: simulators and tests.
    fn from(now_ms: u64) -> Now {
        Now {
            steady_ms: now_ms,
            wall_ms: now_ms,
        }
    }
}
