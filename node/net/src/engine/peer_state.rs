//! A peer as it is remembered between sessions.

use serde::{Deserialize, Serialize};

use super::close::Problem;
use crate::report::FirstSync;

/// A peer as remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerState {
    /// Addresses it was reached at, newest first.
    pub addresses: Vec<String>,
    /// When it was last heard of, in ms since 1970.
    pub last_seen_ms: u64,
    /// When both were last proven equal.
    pub equal_ms: u64,
    /// Our feed position when both were last proven equal.
    pub equal_position: u64,
    /// Of our feed up to there, how far it had said to have come itself: what it
    /// takes a parcel to follow.
    #[serde(skip)]
    pub heard_position: u64,
    /// When its clock was last compared with ours, in ms since 1970; 0: not known.
    #[serde(skip)]
    pub clock_ms: u64,
    /// When it was heard of by a file alone that it wrote, in ms since 1970; 0 for never.
    #[serde(skip)]
    pub file_ms: u64,
    /// How long a round trip to it took, in ms; 0: not known.
    #[serde(skip)]
    pub trip_ms: u64,
    /// Whether the last proof found both equal.
    pub in_sync: bool,
    /// The number up to which it has the authority statements that were heard here.
    pub authority_acked: u64,
    /// Records it said it holds of what both may hold.
    pub records: u64,
    /// Why it was last refused or left.
    pub problem: Option<Problem>,
    /// Its clock ahead of ours (+) or behind (−) at its last hello, in ms.
    pub clock_skew_ms: Option<i64>,
    /// Where a first sync with it began; kept once, when it was first met.
    pub first: Option<FirstMeeting>,
    /// The most records that both held when they held the same, whatever stood in quarantine; 0: they never did.
    pub equal_records: u64,
    /// Wait before the next dialling, in ms.
    #[serde(skip)]
    pub backoff_ms: u64,
    /// When to dial next.
    #[serde(skip)]
    pub dial_ms: u64,
    /// Since when it has not been reached any more, where it was tried.
    #[serde(skip)]
    pub lost_ms: Option<u64>,
    /// When it was last dialled though it did not answer knocks, or else when it was lost.
    #[serde(skip)]
    pub unasked_ms: Option<u64>,
    /// When it may be knocked at next.
    #[serde(skip)]
    pub knock_ms: u64,
    /// Until when it is dialled because it has answered a knock.
    #[serde(skip)]
    pub answered_ms: u64,
    /// When it was last heard of on the local network.
    #[serde(skip)]
    pub heard_ms: Option<u64>,
    /// It was lost because its node was started anew: all who were in touch with it dial it again.
    #[serde(skip)]
    pub is_restarted: bool,
    /// When it was last believed that this node was restored from an older copy.
    #[serde(skip)]
    pub claimed_ms: Option<u64>,
    /// When and where it is dialled because it has answered a knock.
    #[serde(skip)]
    pub returns: Option<(u64, String)>,
}

/// What two nodes held of what both may hold when they first met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstMeeting {
    /// Records that this node held.
    pub held: u64,
    /// Records that the peer held.
    pub announced: u64,
}

impl FirstMeeting {
    /// How far the first sync is, when `held` records are here.
    pub(crate) fn progress(&self, held: u64) -> FirstSync {
        FirstSync {
            received: held.saturating_sub(self.held).min(self.announced),
            total: self.announced,
        }
    }
}
