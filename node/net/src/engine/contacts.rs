//! What is kept of the contact with peers, and what a session has of it.
//!
//! Invariant: what is kept of peers is bounded, and nothing of it decides what is sent.

use std::collections::BTreeMap;

use chaski_crdt::author::NodeId;
use serde::{Deserialize, Serialize};

use crate::health::{Contact, Health, Told};
use crate::limits::PEERS_MAX;
use crate::replica::Figures;

/// Name of the document with what is kept of the contact with peers: a version byte, then the epoch of
/// the log whose positions it names, then rows of node and [`KeptContact`].
pub(super) const CONTACTS_DOCUMENT: &str = "net/peers-contact";

/// Version of that document: raised with each change of [`KeptContact`].
const CONTACTS_VERSION: u8 = 1;

/// What is kept of the contact with a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptContact {
    /// Position of our log up to which it has all that it may be given, as it said or was proven.
    pub(super) acked: Option<u64>,
    /// Stream payload sent to it and received from it, in bytes.
    pub(super) bytes_out: u64,
    pub(super) bytes_in: u64,
    /// When it was heard, and what it said of itself, as it came.
    pub(super) told: Option<(u64, Vec<u8>)>,
}

/// The contacts of all peers.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    pub(super) known: BTreeMap<NodeId, KeptContact>,
}

impl Contacts {
    /// Reads the document; what cannot be read is begun anew. Positions of another log say nothing.
    pub(super) fn read(bytes: &[u8], epoch: u64) -> Contacts {
        let read = || {
            let (version, rest) = bytes.split_first()?;
            let (of_epoch, rows) = rest.split_first_chunk::<8>()?;
            let rows: Vec<(NodeId, KeptContact)> = match *version {
                CONTACTS_VERSION => postcard::from_bytes(rows).ok()?,
                _ => return None,
            };
            Some((u64::from_be_bytes(*of_epoch) == epoch, rows))
        };
        let (is_of_log, rows) = read().unwrap_or_default();
        let row = |(node, mut kept): (NodeId, KeptContact)| {
            kept.acked = kept.acked.filter(|_| is_of_log);
            (node, kept)
        };
        Contacts {
            known: rows.into_iter().take(PEERS_MAX).map(row).collect(),
        }
    }

    /// The document, if there is anything to keep.
    pub(super) fn write(&self, epoch: u64) -> Option<Vec<u8>> {
        if self.known.is_empty() {
            return None;
        }
        let mut head = vec![CONTACTS_VERSION];
        head.extend(epoch.to_be_bytes());
        let rows: Vec<_> = self.known.iter().collect();
        postcard::to_extend(&rows, head).ok()
    }

    /// What is kept of a peer, to be changed; nothing where there is no room for another.
    pub(super) fn entry(&mut self, peer: &NodeId) -> Option<&mut KeptContact> {
        if self.known.len() >= PEERS_MAX && !self.known.contains_key(peer) {
            return None;
        }
        Some(self.known.entry(*peer).or_default())
    }

    pub(super) fn forget(&mut self, peer: &NodeId) {
        self.known.remove(peer);
    }

    /// The peer has our log up to there; whether that is news.
    pub(super) fn acked_raise(&mut self, peer: &NodeId, position: u64) -> bool {
        let is_news = self.acked(peer).is_none_or(|known| known < position);
        if is_news && let Some(kept) = self.entry(peer) {
            kept.acked = Some(position);
        }
        is_news
    }

    /// The same, also where it had more before: its disk may be an older one.
    pub(super) fn acked_set(&mut self, peer: &NodeId, position: Option<u64>) -> bool {
        let is_news = self.acked(peer) != position;
        if is_news && let Some(kept) = self.entry(peer) {
            kept.acked = position;
        }
        is_news
    }

    pub(super) fn acked(&self, peer: &NodeId) -> Option<u64> {
        self.known.get(peer)?.acked
    }

    /// What is known of the contact with a peer, our log standing at a position.
    pub(super) fn contact(&self, peer: &NodeId, position: u64) -> Contact {
        let Some(kept) = self.known.get(peer) else {
            return Contact::default();
        };
        let told = kept.told.as_ref().and_then(|(at_ms, bytes)| {
            let health = Health::decode(bytes).ok()?;
            Some(Told {
                at_ms: *at_ms,
                health,
            })
        });
        Contact {
            backlog: kept.acked.map(|acked| position.saturating_sub(acked)),
            bytes_out: kept.bytes_out,
            bytes_in: kept.bytes_in,
            told,
            ..Contact::default()
        }
    }
}

/// What a session has of the contact with its peer.
#[derive(Debug, Default)]
pub(crate) struct SessionContact {
    /// The peer has said who it is: whoever only joined with a ticket was not met.
    pub(super) is_met: bool,
    /// The peer reads what it is told of this node.
    pub(super) is_read: bool,
    /// What it was told last, and when.
    pub(super) said: Option<Said>,
    /// When anything of it was last heard.
    pub(super) heard_ms: u64,
    /// Whoever watches was given a sign that it is not heard any more.
    pub(super) is_told_silent: bool,
    /// Of the session's bytes, those that are counted.
    pub(super) counted_out: u64,
    pub(super) counted_in: u64,
}

impl SessionContact {
    pub(super) fn of(now_ms: u64) -> SessionContact {
        SessionContact {
            heard_ms: now_ms,
            ..SessionContact::default()
        }
    }

    /// For the session that follows on the same connection, of which nothing has been told yet.
    pub(super) fn again(self) -> SessionContact {
        SessionContact { said: None, ..self }
    }
}

/// What a peer was told.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) at_ms: u64,
    pub(super) health: Health,
    /// Our clock against the time that passes.
    pub(super) clock_ms: u64,
    /// When it was last looked whether there is more to say, and at which position of our log.
    pub(super) looked: (u64, u64),
}

/// This node's own figures, and when they were looked at: a moment, and a position of the log.
pub(crate) type Looked = Option<(u64, u64, Figures)>;
