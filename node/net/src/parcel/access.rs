//! The way from a parcel to the engine.

use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_store::{Identity, Store};
use ed25519_dalek::SigningKey;
use tokio::runtime::Handle;

use super::told::{ParcelError, node};
use crate::engine::{Effect, Engine, Now, Options};
use crate::net::Net;
use crate::replica::{SharedReplica, StoreReplica};

/// The way to the engine: the one at work, or one of our own where none is.
pub struct Access {
    pub(super) store: Store,
    pub(super) identity: Identity,
    pub(super) replica: SharedReplica,
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
    pub(super) fn me(&self) -> NodeId {
        NodeId::of(&self.key())
    }

    /// The key that this node signs with.
    pub(super) fn key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.identity.signing_seed)
    }

    /// Work on the engine; what it wants done is done.
    pub(super) fn work<R: Send + 'static>(
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
