//! From where a priority of the log is read, what of it is not handed on, and what is found next.

use std::sync::Arc;

use chaski_crdt::author::NodeId;

use crate::wire::Priority;

/// How large a batch is to become.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Compressed size aimed at, in bytes.
    pub(crate) bytes: usize,
    /// By how much the last batches of the session shrank in compression.
    pub(crate) ratio: usize,
}

/// From where a priority of the log is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedWalk {
    pub(crate) priority: Priority,
    pub(crate) from: u64,
    pub(crate) base: u64,
    pub(crate) relay: Relay,
}

/// What is not handed on to a peer, or not yet, because it is in touch with who brought it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relay {
    /// Our position after which to stop for now.
    pub(crate) until: Option<u64>,
    /// Of whom it is not yet known after our position whether the peer has from there what it brought.
    pub(crate) unsure: Vec<(NodeId, u64)>,
    /// What the peer has from others.
    pub(crate) elsewhere: Vec<Elsewhere>,
}

/// What a node brought here between two positions of our log, which the peer has from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) node: NodeId,
    pub(crate) after: u64,
    pub(crate) to: u64,
}

impl Relay {
    /// Whether all is handed on at once.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Relay::default()
    }

    /// Whether the peer has what this node brought at a position.
    pub(crate) fn is_elsewhere(&self, node: NodeId, position: u64) -> bool {
        let is_there = |e: &Elsewhere| e.node == node && e.after < position && position <= e.to;
        self.elsewhere.iter().any(is_there)
    }

    pub(crate) fn is_unsure(&self, node: NodeId, position: u64) -> bool {
        let is_unsure = |(of, known_to): &(NodeId, u64)| *of == node && position > *known_to;
        self.unsure.iter().any(is_unsure)
    }
}

/// A payload ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    pub(crate) bytes: Arc<[u8]>,
    /// Uncompressed size of its changes.
    pub(crate) raw_bytes: usize,
    pub(crate) records: usize,
    /// Position of the log that is reached with it.
    pub(crate) to: u64,
}

/// What one priority of the log holds next.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) walk: FeedWalk,
    /// Position up to which nothing of the priority is left out.
    pub(crate) to: u64,
    /// Nothing is left in the priority, as the log stood.
    pub(crate) is_end: bool,
    /// A batch, rarely a few; or those of a record too large for one.
    pub(crate) payloads: Vec<Payload>,
}
