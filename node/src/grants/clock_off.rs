//! That this node's clock differs from those of the others that it has met.
//!
//! Invariants: a clock is called wrong by what most say, never by one against several; what was measured by a clock
//! that has been set since says nothing.

use chaski_net::PeerInfo;
use chaski_net::limits::CLOCK_SKEW_MS;

use super::spans::{BEHIND_TOLD_MS, span};

/// A clock that differs by more from that of most others is told: what is written by it stands in the wrong order.
const OFF_TOLD_MS: u64 = 10 * 60 * 1_000;

/// That this node's clock differs from that of most of those that it has met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockOff {
    /// By how much, in milliseconds.
    pub by_ms: u64,
    /// Whether it is ahead of theirs; else it is behind.
    pub is_ahead: bool,
    /// The name of one of them.
    pub of: String,
    /// Whether that is the only one: then either clock may be the wrong one.
    pub is_only: bool,
}

impl ClockOff {
    /// What most of the others say, where most say the same; by the median of those, at a time of this node's clock.
    pub(super) fn of(peers: &[PeerInfo], now_ms: u64) -> Option<ClockOff> {
        let met: Vec<(i64, &PeerInfo)> = peers
            .iter()
            .filter(|peer| !peer.revoked)
            .filter_map(|peer| Some((peer.clock_skew_ms?, peer)))
            .filter(|(skew_ms, peer)| is_of_this_clock(*skew_ms, peer.last_seen_ms, now_ms))
            .collect();
        [true, false].into_iter().find_map(|is_ahead| {
            let is_off = |skew_ms: i64| skew_ms.unsigned_abs() > OFF_TOLD_MS && (skew_ms < 0) == is_ahead;
            let mut off: Vec<&(i64, &PeerInfo)> =
                met.iter().filter(|(skew_ms, _)| is_off(*skew_ms)).collect();
            if off.len().saturating_mul(2) <= met.len() {
                return None;
            }
            off.sort_by_key(|(skew_ms, peer)| (skew_ms.unsigned_abs(), peer.node));
            let (skew_ms, of) = off.get(off.len().checked_sub(1)? / 2)?;
            Some(ClockOff {
                by_ms: skew_ms.unsigned_abs(),
                is_ahead,
                of: of.name.clone(),
                is_only: met.len() == 1,
            })
        })
    }

    /// By how much it is ahead, where that may end a grant before its time.
    pub(super) fn ahead(&self) -> Option<(u64, String)> {
        let may_end = self.is_ahead && self.by_ms > CLOCK_SKEW_MS;
        may_end.then(|| (self.by_ms, self.of.clone()))
    }

    /// The same in a sentence.
    pub(super) fn text(&self) -> String {
        let way = if self.is_ahead { "ahead of" } else { "behind" };
        let (by, of) = (span(self.by_ms), &self.of);
        match self.is_only {
            true => format!(
                "this node's clock is {by} {way} that of {of}, the only node that it has met: one of the two is wrong; \
                 check date and time here before writing"
            ),
            false => format!(
                "this node's clock is {by} {way} that of most nodes that it has met, {of} among them: set date and time \
                 right before writing"
            ),
        }
    }
}

/// Whether what was measured when a peer was last heard was measured by the clock as it stands: it was not heard at
/// a time that is still to come, nor has this clock passed since what a peer ahead of it said.
fn is_of_this_clock(skew_ms: i64, heard_ms: u64, now_ms: u64) -> bool {
    let theirs_ms = heard_ms.saturating_add_signed(skew_ms.max(0));
    let is_yet_behind = skew_ms.unsigned_abs() <= OFF_TOLD_MS || skew_ms < 0 || theirs_ms > now_ms;
    heard_ms <= now_ms.saturating_add(BEHIND_TOLD_MS) && is_yet_behind
}
