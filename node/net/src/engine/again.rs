//! What of a session outlives it on its connection.

use chaski_crdt::author::NodeId;

use super::contacts::SessionContact;
use super::session::SessionStats;

/// What of a session goes over to the one that follows on its connection.
#[derive(Debug)]
pub struct Again {
    pub(super) peer: NodeId,
    pub(super) outbound: bool,
    pub(super) address: String,
    pub(super) requests: Vec<u64>,
    pub(super) flood: (u64, u32),
    /// How often both have begun anew since anything arrived.
    pub(super) vain: u32,
    /// What was sent and received counts on: whoever waits is told of all of it.
    pub(super) stats: SessionStats,
    pub(super) contact: SessionContact,
    /// Since when the peer has not said who it is, where it had not.
    pub(super) unknown_ms: Option<u64>,
    /// Nothing has been heard on the connection since.
    pub(super) awaits_link: bool,
}
