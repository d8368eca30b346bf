//! Exchange by file: a parcel written for others, and one of theirs taken in.
//! The format is [`chaski_crdt::parcel`].
//!
//! Invariants: what is taken in goes the way of what a session brings: verified
//! change by change, merged, committed; authority through [`Trust`]; cursors and
//! what is known of peers through the engine, at work or not. What is written
//! is what every recipient may hold by its grant, and nothing else. Taking in
//! the same parcel twice changes nothing.
//!
//! Everything here blocks: not for async threads.

mod read;
mod select;
mod write;

use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_store::{Identity, Store};
use ed25519_dalek::SigningKey;
use tokio::runtime::Handle;

use crate::engine::{Effect, Engine, Now, Options};
use crate::net::Net;
use crate::replica::{SharedReplica, StoreReplica};
use crate::report::Refused;
use crate::trust::Trust;

pub use chaski_crdt::parcel::{ParcelError as FormatError, is_parcel};
pub use read::Incoming;
pub use select::{Outgoing, recipients};

/// Why a parcel could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// It is none, it is damaged, it is not for this node.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// Whoever wrote it is no member.
    #[error("the parcel was written by {0}, which is not known as a node of this network")]
    Stranger(String),
    /// Whoever wrote it was revoked.
    #[error("the parcel was written by {0}, whose membership has been ended")]
    Revoked(String),
    /// A recipient can't be meant or may not receive; which and why.
    #[error("{0}")]
    Recipient(String),
    /// The disk has no room for records.
    #[error("the disk is nearly full: nothing more is taken in")]
    Full,
    /// More than may wait is by authors who are not known as members.
    #[error("more changes than may wait are by authors who are not known as members of this network")]
    Awaiting,
    /// The store or the engine failed.
    #[error("{0}")]
    Node(String),
    /// The file could not be read or written.
    #[error("the parcel could not be read or written")]
    File(#[source] std::io::Error),
}

/// What a parcel is to hold and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names or keys (or beginnings of keys) of the recipients; empty for every
    /// other node that may receive.
    pub to: Vec<String>,
    /// Everything, also what the recipients are known to have.
    pub all: bool,
}

/// A node that a parcel is for, or from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The node's key.
    pub node: NodeId,
    /// The node's name.
    pub name: String,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Records of which something is in the parcel.
    pub records: u64,
    /// Changes in the parcel.
    pub changes: u64,
    /// Length of the file.
    pub bytes: u64,
}

/// What a parcel brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Records in the parcel, as far as it was read.
    pub records: u64,
    /// Changes in it.
    pub changes: u64,
    /// Records that changed here.
    pub new_records: u64,
    /// Changes refused: made by no member, or not what their author signed.
    pub refused: u64,
    /// Changes set aside by this parcel.
    pub quarantined: u64,
    /// Changes that wait until it is known that their author is a member.
    pub awaiting: u64,
    /// The first of both.
    pub problems: Vec<Refused>,
    /// This node holds the same as the sender did when it wrote the parcel.
    pub in_sync: bool,
    /// This node holds all that the sender did then, and maybe more; nothing where that cannot be known.
    pub holds_all: Option<bool>,
    /// The parcel builds on changes that never came here.
    pub gap: bool,
    /// Why the file's end could not be read; what stood before it was taken in.
    pub fault: Option<FormatError>,
}

/// The way to the engine: the one at work, or one of our own where none is.
pub struct Access {
    store: Store,
    identity: Identity,
    replica: SharedReplica,
    engine: Host,
}

enum Host {
    Running(Net, Handle),
    Own(Box<Engine>),
}

impl Access {
    /// Through the network side at work, which has this store open.
    ///
    /// # Errors
    /// [`ParcelError::Node`] for a store without identity.
    pub fn running(store: &Store, net: Net, runtime: Handle) -> Result<Access, ParcelError> {
        Access::over(store, |_, _| Ok(Host::Running(net, runtime)))
    }

    /// Where no network side is at work on this store, and none will be meanwhile.
    ///
    /// # Errors
    /// [`ParcelError::Node`] for a store without identity, or one that fails.
    pub fn own(store: &Store) -> Result<Access, ParcelError> {
        Access::over(store, |replica, identity| {
            let engine = Engine::new(Arc::clone(replica), identity, Options::default()).map_err(node)?;
            Ok(Host::Own(Box::new(engine)))
        })
    }

    fn over(
        store: &Store,
        host: impl FnOnce(&SharedReplica, &Identity) -> Result<Host, ParcelError>,
    ) -> Result<Access, ParcelError> {
        let replica = StoreReplica::new(store.clone()).map_err(node)?;
        let identity = replica.identity();
        let replica: SharedReplica = Arc::new(replica);
        let engine = host(&replica, &identity)?;
        Ok(Access {
            store: store.clone(),
            identity,
            replica,
            engine,
        })
    }

    /// The id of this node.
    fn me(&self) -> NodeId {
        NodeId::of(&self.key())
    }

    /// The key that this node signs with.
    fn key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.identity.signing_seed)
    }

    /// Work on the engine; what it wants done is done.
    fn work<R: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Engine, Now) -> (R, Vec<Effect>) + Send + 'static,
    ) -> Result<R, ParcelError> {
        let engine = match &mut self.engine {
            Host::Running(net, runtime) => return runtime.block_on(net.work(work)).map_err(node),
            Host::Own(engine) => engine,
        };
        let now = Now::from(self.store.env().now_ms());
        let (outcome, effects) = work(engine, now);
        // Nobody else to tell, and no session: what is left is to be put into the store.
        engine.run_inline(now, effects);
        Ok(outcome)
    }
}

fn node(error: impl std::fmt::Display) -> ParcelError {
    ParcelError::Node(error.to_string())
}

/// A node as people know it.
fn party(trust: &Trust, node: NodeId) -> Party {
    let name = trust
        .member(&node)
        .map(|member| crate::report::harmless(&member.name));
    Party {
        node,
        name: name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| node.short()),
    }
}
