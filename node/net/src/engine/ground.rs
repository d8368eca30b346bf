//! What a parcel is made by, and what is known once one was taken in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_crdt::authority::StatementId;
use chaski_crdt::parcel::{End, Head, Held};
use serde::{Deserialize, Serialize};

use super::peer_state::PeerState;
use crate::trust::Trust;

/// What another node's last parcel said of our log, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// When it was written, by the other's clock, in ms since 1970; no later than when it was read.
    pub(crate) made_ms: u64,
    /// When it was read here.
    pub(crate) read_ms: u64,
    /// How far the other was in our log.
    pub(crate) held: Option<Held>,
    /// The time up to which both are known to have been equal by a parcel alone: the other
    /// knows nothing of that, and what is left out for it would look missing to it.
    pub(crate) equal_ms: u64,
}

/// What the contents of a parcel are chosen by.
pub(crate) struct Ground {
    pub(crate) trust: Arc<Trust>,
    pub(crate) peers: BTreeMap<NodeId, PeerState>,
    pub(crate) told: BTreeMap<NodeId, Told>,
    /// Up to where those who may be given more than this node may hold have taken it.
    pub(crate) handed: BTreeMap<NodeId, u64>,
    pub(crate) wall_ms: u64,
}

/// A parcel that was taken in to its end.
pub(crate) struct TakenIn {
    pub(crate) head: Head,
    pub(crate) end: End,
    /// The statements of the network's authority that the sender held.
    pub(crate) told: BTreeSet<StatementId>,
    /// Nothing was refused or set aside, and nothing waits for its author.
    pub(crate) clean: bool,
    /// Everything that came has what it follows.
    pub(crate) rooted: bool,
}

/// Where this node stands after a parcel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Both hold the same, and nothing stands in quarantine.
    pub(crate) in_sync: bool,
    /// Whether it holds all that the sender held, and maybe more; nothing where that cannot be known.
    pub(crate) holds_all: Option<bool>,
    /// The parcel builds on what never came here.
    pub(crate) gap: bool,
}
