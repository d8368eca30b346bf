//! Clock and randomness, given from outside.
//!
//! Invariants: nothing else in this package asks the machine for the time or for
//! random bytes, so that a simulator can drive a store from a seed. (The engine on disk knows
//! how long it has rested, which decides nothing about a record.)

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rand::RngCore;

/// The machine as the store sees it.
pub trait Env: Send + Sync {
    /// Milliseconds since 1970-01-01 by this machine's clock; may jump.
    fn now_ms(&self) -> u64;
    /// Milliseconds since some moment, which never run back: what work may take is counted in them.
    /// The clock's own, where nobody sets that clock meanwhile.
    fn steady_ms(&self) -> u64 {
        self.now_ms()
    }
    /// Fills `out` with random bytes fit for keys and nonces.
    fn random(&self, out: &mut [u8]);
}

/// The moment that steady time is counted from.
static START: OnceLock<Instant> = OnceLock::new();

/// The real clock and the operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnv;

impl Env for SystemEnv {
    fn now_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis() as u64)
    }

    fn steady_ms(&self) -> u64 {
        let start = START.get_or_init(Instant::now);
        u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&self, out: &mut [u8]) {
        rand::rng().fill_bytes(out);
    }
}

/// `N` random bytes from `env`.
pub(crate) fn random_array<const N: usize>(env: &dyn Env) -> [u8; N] {
    let mut out = [0u8; N];
    env.random(&mut out);
    out
}
