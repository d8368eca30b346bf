//! What an engine holds: what all its sessions share, and the sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chaski_crdt::author::{NetworkId, NodeId};
use ed25519_dalek::SigningKey;

use super::contacts::Looked;
use super::event::Effect;
use super::flow::SessionId;
use super::mesh_flow::Logs;
use super::options::Options;
use super::partials::Partials;
use super::peers::Peers;
use super::session::Session;
use super::turns::Turns;
use crate::read::{ItemsShelf, SharedBatches};
use crate::replica::SharedReplica;
use crate::trust::{Newest, Trust};

/// What all sessions share.
pub(crate) struct Core {
    pub(crate) replica: SharedReplica,
    pub(crate) me: NodeId,
    pub(crate) key: SigningKey,
    pub(crate) network: NetworkId,
    pub(crate) secret: [u8; 32],
    pub(crate) options: Options,
    pub(crate) trust: Arc<Trust>,
    /// The number up to which statements are kept durably.
    pub(crate) trust_kept: u64,
    /// They are being kept.
    pub(crate) is_trust_keeping: bool,
    /// Before when it is not tried again, where that failed.
    pub(crate) trust_again_ms: u64,
    /// Of its states the latest is kept.
    pub(crate) newest: Newest,
    /// The authors whose waiting changes have been taken in.
    pub(crate) admitted: Arc<BTreeSet<NodeId>>,
    /// When to try again where that failed.
    pub(crate) admit_ms: Option<u64>,
    /// The authors by what is kept durably.
    pub(crate) authors_kept: Arc<BTreeSet<NodeId>>,
    /// Nodes whose grants could not be renewed, and when to look at them again.
    pub(crate) renew_again: BTreeMap<NodeId, u64>,
    /// Batches that several peers are sent.
    pub(crate) shared: SharedBatches,
    /// What was last read for ranges of a repair.
    pub(crate) items: ItemsShelf,
    /// This node's own figures, as they were last looked at.
    pub(crate) figures: Looked,
    /// When it was last noted when the peers of open sessions were heard.
    pub(crate) contacts_ms: u64,
    pub(crate) peers: Peers,
    /// Members for whom there is no room now.
    pub(crate) turns: Turns,
    pub(crate) partials: Partials,
    pub(crate) effects: Vec<Effect>,
    /// Time since some start, for waits and bounds: no clock that is set moves it.
    pub(crate) now_ms: u64,
    /// The clock as it stands: for what is told, kept, or ends on a date.
    pub(crate) wall_ms: u64,
    /// Our feed's position when the sessions last looked.
    pub(crate) position: u64,
    /// Our feed may have moved: all sessions look for what to send.
    pub(crate) moved: bool,
    /// Time has passed, or what holds for all has changed: all sessions look for what is due.
    pub(crate) stirs_all: bool,
    /// Bytes of documents that wait to be kept.
    pub(crate) keeping_bytes: usize,
    /// Sessions to which something has happened.
    pub(crate) stirred: BTreeSet<SessionId>,
    /// What came of neighbours' logs.
    pub(crate) logs: Logs,
    /// What is told of neighbours may have changed.
    pub(crate) nearby_moved: bool,
    /// Authority was added: all sessions are checked and told.
    pub(crate) authority_moved: bool,
}

impl Core {
    pub(crate) fn notice(&mut self, peer: NodeId, text: String) {
        self.effects.push(Effect::Notice { peer, text });
    }
}

/// Where a node stands with its neighbours.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    /// Since when it is out of touch.
    pub(super) apart_ms: Option<u64>,
    /// Since when it is in touch again.
    pub(super) touch_ms: Option<u64>,
    /// When the next are dialled, and the wait after them.
    pub(super) next_ms: u64,
    pub(super) wait_ms: u64,
    /// The round in which one was last dialled, from 1.
    pub(super) tried: BTreeMap<NodeId, u64>,
    pub(super) round: u64,
    /// When the link of a session was last said to be silent.
    pub(super) silent: BTreeMap<SessionId, u64>,
}

/// The engine of one node.
pub struct Engine {
    pub(super) core: Core,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) disabled: BTreeSet<NodeId>,
    pub(super) neighbours: Neighbours,
}

/// Why an engine could not start or do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::replica::ReplicaError),
    /// The network's statements of authority could not be read or kept.
    #[error(transparent)]
    Trust(#[from] crate::trust::TrustError),
}
