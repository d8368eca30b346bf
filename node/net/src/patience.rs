//! How long an exchange that somebody asked for is tried again, and when.
//!
//! Invariants: only what may go well is tried again; every wait is part of a whole that has an end; nodes that
//! were refused together come back at times of their own, by their own keys.

use std::time::Duration;

use chaski_crdt::author::NodeId;

use crate::engine::CloseReason;
use crate::limits::{
    BUSY_MS_MAX, BUSY_MS_MIN, DIAL_MS_MAX, REPLACE_MS, SILENCES_MAX, TURN_AGAIN_MS, TURN_MS_MAX,
};
use crate::report::NetError;

/// Whoever asked for an exchange is told that it waits for its turn at the other node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// In about how many seconds that comes, as far as the other knows: it is asked again sooner.
    pub seconds: u64,
}

/// Whoever is told: of a turn that is waited for, or of none any more.
pub type TellTurn<'a> = &'a (dyn Fn(Option<Turn>) + Send + Sync);

/// For how long after its beginning an exchange that ended like this is tried again at once.
pub(crate) fn patience(error: &NetError) -> Option<Duration> {
    let handshake = Duration::from_millis(DIAL_MS_MAX);
    // A session of an earlier run of this node: the peer holds it to be at work until nothing has come of
    // it for so long.
    let replaced = Duration::from_millis(2 * REPLACE_MS);
    match error {
        NetError::Closed(CloseReason::Duplicate) => Some(replaced),
        // On a bad link one side can give a handshake up that the other holds to be done, and where a peer
        // closes during it no reason comes through. Once something may have been exchanged, a report of the
        // last try alone would tell a part of it.
        NetError::Closed(CloseReason::Unmet(_)) => Some(handshake.saturating_add(replaced)),
        _ => None,
    }
}

/// In how many seconds a turn comes: what the other said, or where it said nothing when it is tried again.
pub(crate) fn seconds(reason: &CloseReason, wait: Duration) -> u64 {
    let again = u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
    match reason {
        CloseReason::Wait(told) => again.max(u64::from(*told)),
        _ => again,
    }
}

/// Waits of one exchange for its turn.
#[derive(Debug)]
pub(crate) struct Waits {
    node: NodeId,
    tries: u32,
    silences: u32,
    /// Waited so far.
    pub(crate) waited: Duration,
}

impl Waits {
    pub(crate) fn new(node: NodeId) -> Waits {
        Waits {
            node,
            tries: 0,
            silences: 0,
            waited: Duration::ZERO,
        }
    }

    /// After what time it is tried again, where the other has no room now; none once it has waited long enough.
    pub(crate) fn next(&mut self, reason: &CloseReason) -> Option<Duration> {
        let least_ms = match reason {
            CloseReason::Wait(seconds) => u64::from(*seconds).saturating_mul(1_000).min(TURN_AGAIN_MS),
            CloseReason::Busy => {
                let doubled = BUSY_MS_MIN.saturating_mul(1_u64 << self.tries.min(16));
                doubled.min(BUSY_MS_MAX)
            }
            // It is there, its key is proven, and it has not come to its first word in all that time: others are
            // before this node. One that never says anything is not asked for ever.
            CloseReason::Silent if self.silences < SILENCES_MAX => {
                self.silences = self.silences.saturating_add(1);
                BUSY_MS_MIN
            }
            _ => return None,
        };
        // The other knows about when it has room; those it has told nothing come at any time.
        let spread_ms = match reason {
            CloseReason::Wait(_) => (least_ms / 4).max(BUSY_MS_MIN),
            _ => least_ms,
        };
        let wait = Duration::from_millis(least_ms.saturating_add(self.part(spread_ms)));
        self.tries = self.tries.saturating_add(1);
        self.waited = self.waited.saturating_add(wait);
        (self.waited <= Duration::from_millis(TURN_MS_MAX)).then_some(wait)
    }

    /// This node's part of a time, another one with each try.
    fn part(&self, of_ms: u64) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.node.0).update(&self.tries.to_le_bytes());
        let [high, low, ..] = *hasher.finalize().as_bytes();
        of_ms.saturating_mul(u64::from(u16::from_be_bytes([high, low]))) >> u16::BITS
    }
}

#[cfg(test)]
mod tests;
