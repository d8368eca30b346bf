//! `chaski hub status --json`: what scripts rely on, as in `report.rs`.

use serde::{Deserialize, Serialize};

use super::report::{HaltReport, KnownAddressReport};

/// `chaski hub status --json`: one object. Times are RFC 3339 in UTC; null is "not known".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HubReport {
    /// This node's key, hexadecimal.
    pub node: String,
    /// This node's name.
    pub name: String,
    /// When this was looked at.
    pub at: String,
    /// Whether a node is running on the directory; else this is what was kept when one last ran.
    pub running: bool,
    /// After how many days without a sync a site counts as stale.
    pub stale_days: u32,
    /// How many do.
    pub stale: u64,
    /// How many have joined since and never synced; those that are met by way of another not counted.
    pub never_synced: u64,
    /// Some site has synced within those days, none is stale, and nothing of this node itself stands against the
    /// exchange: it belongs to the network, its grant is not over, and its clock is not known to be wrong.
    pub well: bool,
    /// The name of a site that says that the network has revoked this node.
    pub revoked_by: Option<String>,
    /// What is to be told of this node itself, one sentence each: its grant, its clock, that it was revoked.
    pub warnings: Vec<String>,
    /// All other members of the network: those that are stale first, the longest without a sync at the top;
    /// then those that have never synced; then the others that this node meets itself, the longest without contact
    /// at the top; then those whose records come by way of another, those never met last; those taken out of the
    /// network at the end. On a node that is no hub, a hub stands before others that are told for the same.
    pub sites: Vec<SiteReport>,
}

/// One of [`HubReport::sites`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteReport {
    /// Its key, hexadecimal.
    pub node: String,
    /// The node's name.
    pub name: String,
    /// Its site's code, empty if it has none.
    pub site: String,
    /// `clinic`, `mobile` or `hub`.
    pub role: String,
    /// `connected`, `silent` (a session is open, and nothing was heard for a minute or more), `away`,
    /// `never_met` or `revoked`.
    pub standing: String,
    /// Both last held the same, or the site joined and they never did, [`HubReport::stale_days`] ago or before
    /// that, as far as is known here.
    pub stale: bool,
    /// When it joined, by the clock of whoever let it in.
    pub joined: Option<String>,
    /// The name of the site by way of which its records come, where the two do not meet themselves: such a one is
    /// not stale, and if that other site is out of reach, it is itself.
    pub by_way: Option<String>,
    /// It says that the network has revoked this node.
    pub says_revoked: bool,
    /// All that is known of where it is reached; of one taken out of the network nothing.
    pub known_addresses: Vec<KnownAddressReport>,
    /// A session is open, and the site is heard.
    pub connected: bool,
    /// Both hold the same now; false where that cannot be known now.
    pub in_sync: bool,
    /// When it was last heard.
    pub last_heard: Option<String>,
    /// How long ago that is, in seconds.
    pub last_heard_seconds: Option<u64>,
    /// It was heard then by a file alone that it had written, and not itself.
    #[serde(default)]
    pub last_heard_by_file: bool,
    /// When both were last known to hold the same.
    pub last_in_sync: Option<String>,
    /// How long ago that is, in seconds.
    pub last_in_sync_seconds: Option<u64>,
    /// Why it is not in sync now, or nothing flows though it is, as far as is known: one of `revoked`,
    /// `revoked_here` (it says that this node was), `never_met`, `clock` (the times noted
    /// lie ahead of this node's clock), `grant_over`, `own_grant_over` (this node's), `clock_ahead` (its clock
    /// says so of this node's grant alone), `own_clock_ahead` (this node's of its), `disk_full`, `quarantined_here`, `quarantined`,
    /// `awaiting`, `not_heard`, `at_work`; null where it is in sync and all flows.
    pub reason: Option<String>,
    /// Positions of this node's log that it is not known to have: at least as many as the records it lacks.
    pub backlog: Option<u64>,
    /// Stream payload sent to it since it was first met, in bytes; handshakes and datagram heads not counted.
    pub bytes_out: u64,
    /// The same received from it.
    pub bytes_in: u64,
    /// Its clock ahead of ours (+) or behind (−) when it was last told, in milliseconds.
    pub clock_skew_ms: Option<i64>,
    /// When the two clocks were last compared; null where that is not known.
    #[serde(default)]
    pub clock_compared: Option<String>,
    /// When it may be given nothing more unless an issuer has met it; null where that never is.
    pub grant_ends: Option<String>,
    /// Whether it may be given nothing now.
    pub grant_over: bool,
    /// Whether its grant ends within 60 days and it has to meet an issuer before.
    pub grant_ends_soon: bool,
    /// Changes that came from it and stand in quarantine on this node.
    pub quarantined_here: u64,
    /// When the site told what follows; null where it never did.
    pub told_at: Option<String>,
    /// How long ago that is, in seconds.
    pub told_seconds: Option<u64>,
    /// The version of its program.
    pub version: Option<String>,
    /// Its open conflicts.
    pub conflicts: Option<u64>,
    /// Changes in quarantine there.
    pub quarantined: Option<u64>,
    /// Changes that wait there until their author is known as a member.
    pub awaiting: Option<u64>,
    /// Records it holds, deleted ones not counted.
    pub records: Option<u64>,
    /// Bytes free on its disk.
    pub disk_free_bytes: Option<u64>,
    /// Whether it takes no more records, for want of room.
    pub disk_full: Option<bool>,
    /// The beginning of its key, as commands take it, where another node bears the same name.
    #[serde(default)]
    pub mark: Option<String>,
    /// Why nothing flows one way or the other, if so, as `peer list` tells it; also of one that is met by way of another.
    #[serde(default)]
    pub halts: Vec<HaltReport>,
}
