//! What reaches the loop that owns the engine.

use chaski_crdt::author::NodeId;
use quinn::Connection;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::door::Place;
use crate::engine::{CloseReason, Effect, Engine, Event};
use crate::report::SyncReport;

/// The answer to a request.
pub(crate) type SyncReply = Result<SyncReport, CloseReason>;
/// Work on the engine, and what it wants done.
pub(crate) type Call = Box<dyn FnOnce(&mut Engine) -> Vec<Effect> + Send>;

/// What reaches the loop.
pub(crate) enum Input {
    /// An event, with the permit of its bytes.
    Event(Event, Option<OwnedSemaphorePermit>),
    /// A connection is up.
    Connected {
        connection: Connection,
        peer: NodeId,
        address: String,
        request: Option<u64>,
        /// Its place at the door, where the peer dialled.
        place: Option<Place>,
    },
    /// A request for an exchange.
    Sync {
        peer: Option<NodeId>,
        address: Option<String>,
        reply: oneshot::Sender<SyncReply>,
    },
    /// Work on the engine.
    Call(Call),
    /// The loop is to end, and to say so here once it has.
    Stop(oneshot::Sender<()>),
}
