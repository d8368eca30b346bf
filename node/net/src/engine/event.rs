//! What happens to an engine, and what it wants done.

use chaski_crdt::author::NodeId;

use super::again::Again;
use super::close::CloseReason;
use super::flow::SessionId;
use crate::apply::{Applied, ApplyJob};
use crate::keep::{KeepDone, KeepJob};
use crate::pace::Pace;
use crate::read::{ReadDone, ReadJob};
use crate::report::SyncReport;
use crate::wire::Priority;

/// What happens to an engine.
#[derive(Debug)]
pub enum Event {
    /// A connection is up; `peer` is the key it proved.
    Opened {
        /// The number of the session that begins with it.
        session: SessionId,
        /// Key proven in the handshake.
        peer: NodeId,
        /// This node dialled.
        outbound: bool,
        /// Where the peer is, to be remembered when we dialled.
        address: String,
        /// The request that we dialled for.
        request: Option<u64>,
    },
    /// A whole frame arrived.
    Message {
        /// The session on which it arrived.
        session: SessionId,
        /// On a stream of this priority.
        priority: Priority,
        /// The frame's body.
        bytes: Vec<u8>,
    },
    /// The connection is gone.
    Closed {
        /// The session that was on it.
        session: SessionId,
        /// Why the connection is gone, if known.
        reason: CloseReason,
    },
    /// The peer has begun the session anew, on the same connection.
    Anew {
        /// The one that is over.
        session: SessionId,
    },
    /// The session begins that follows one which is over, on the same connection.
    Again {
        /// The number of the new session.
        session: SessionId,
        /// What goes over to the new session, as given by [`Effect::Anew`].
        again: Box<Again>,
    },
    /// No connection could be made.
    DialFailed {
        /// Whom it was for, if known.
        peer: Option<NodeId>,
        /// The request that wanted it.
        request: Option<u64>,
        /// The address that was dialled.
        address: String,
    },
    /// Someone answered who is not wanted, or cannot be talked with.
    DialRefused {
        /// Whom it was for, if known.
        peer: Option<NodeId>,
        /// The request that wanted it.
        request: Option<u64>,
        /// Why there is no connection.
        reason: CloseReason,
    },
    /// A batch is taken in.
    Applied(Box<Applied>),
    /// A read is done.
    Read(Box<ReadDone>),
    /// Documents are kept.
    Kept(Box<KeepDone>),
    /// Bytes of a session's streams have moved, one way or the other.
    Moved {
        /// The session whose bytes they are.
        session: SessionId,
    },
    /// The transport has measured a session's link.
    Paced {
        /// The session whose link it is.
        session: SessionId,
        /// What it found.
        pace: Pace,
    },
    /// Something was sent on a session's link, and for a while nothing has been heard.
    Silent {
        /// The session whose link it is.
        session: SessionId,
    },
    /// A knock was answered.
    Knocked {
        /// Whose it was.
        peer: NodeId,
        /// The address that answered.
        address: String,
    },
    /// Something was committed here.
    LocalChange,
    /// Time has passed.
    Tick,
    /// The switch of a link was turned.
    LinkEnabled {
        /// The peer at its other end.
        peer: NodeId,
        /// Whether the link is on.
        enabled: bool,
    },
    /// Someone wants an exchange and a report.
    Sync {
        /// Number for the report.
        request: u64,
        /// The peer to exchange with, if known.
        peer: Option<NodeId>,
        /// The address to dial, if one was told.
        address: Option<String>,
    },
    /// Says goodbye on the session that a request used, once all is out.
    Finish {
        /// The peer of that session.
        peer: NodeId,
    },
}

impl Event {
    /// The session that it is about, if it is about one alone.
    pub(crate) fn session(&self) -> Option<SessionId> {
        match self {
            Event::Opened { session, .. }
            | Event::Message { session, .. }
            | Event::Closed { session, .. }
            | Event::Anew { session }
            | Event::Again { session, .. }
            | Event::Moved { session }
            | Event::Paced { session, .. }
            | Event::Silent { session } => Some(*session),
            Event::Applied(applied) => Some(applied.session),
            Event::Read(done) => Some(done.session),
            Event::DialFailed { .. }
            | Event::DialRefused { .. }
            | Event::Knocked { .. }
            | Event::LocalChange
            | Event::Tick
            | Event::Kept(_)
            | Event::LinkEnabled { .. }
            | Event::Sync { .. }
            | Event::Finish { .. } => None,
        }
    }
}

/// What an engine wants done.
#[derive(Debug)]
pub enum Effect {
    /// Send a frame on the stream of a priority.
    Send {
        /// The session on which it goes.
        session: SessionId,
        /// The priority whose stream it goes on.
        priority: Priority,
        /// The frame's body.
        bytes: Vec<u8>,
    },
    /// Close a connection.
    Close {
        /// The session to close.
        session: SessionId,
        /// What to tell the other.
        reason: CloseReason,
    },
    /// End the streams of a session, with all that is under way on them, and begin the next on its connection:
    /// that is told by [`Event::Again`].
    Anew {
        /// The session that is over.
        session: SessionId,
        /// What goes over to the next session.
        again: Box<Again>,
    },
    /// Dial a peer, at its addresses in turn.
    Connect {
        /// The key that must answer, if known.
        peer: Option<NodeId>,
        /// Addresses to try in order.
        addresses: Vec<String>,
        /// The request that wants it.
        request: Option<u64>,
    },
    /// Ask whether somebody is there, with a packet of a few bytes.
    Knock {
        /// Who should be.
        peer: NodeId,
        /// The address to knock at.
        address: String,
    },
    /// Take in a batch; those of a peer are taken in, and come back, in the order of these effects.
    Apply(Box<ApplyJob>),
    /// Read something; results may come back in any order.
    Read(Box<ReadJob>),
    /// Keep documents, in the order of these effects.
    Keep(Box<KeepJob>),
    /// A request is settled.
    Report {
        /// The number of the request.
        request: u64,
        /// The session it used, for its byte counts.
        session: Option<SessionId>,
        /// How it went.
        outcome: Result<Box<SyncReport>, CloseReason>,
    },
    /// Something worth a line in the log.
    Notice {
        /// The peer that it is about.
        peer: NodeId,
        /// What the line says.
        text: String,
    },
}
