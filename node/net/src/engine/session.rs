//! One session with one peer: its phase, counters and flows.
//!
//! Invariants: a session is live only after the peer's membership has been
//! checked against the root; whatever is queued here has a bound in
//! [`crate::limits`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use chaski_crdt::author::NodeId;
use chaski_crdt::key::RecordKey;
use chaski_crdt::reconcile::Initiator;
use chaski_crdt::reconcile::sketch::Decoder;

use super::close::CloseReason;
use super::contacts::SessionContact;
use super::directory_flow::DirectoryFlow;
use super::flow::{Flow, SessionId};
use super::key_queue::KeyQueue;
use super::mesh_flow::MeshFlow;
use crate::apply::{Failure, Refusals};
use crate::limits::{FLOOD_MESSAGES_MAX, FLOOD_WINDOW_MS};
use crate::pace::Pace;
use crate::read::{DifferStep, Located, Payload, Sum};
use crate::report::{Refused, Timing};
use crate::wire::{Batch, Cursor, FEED_PRIORITIES, Hello, PayloadId, Priority, Status};

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The other's hello has not come yet.
    Unknown,
    /// Both hellos are exchanged and accepted.
    Live,
    /// We said our last and wait for the other to close.
    Leaving,
}

/// One session with a peer, over one connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) peer: NodeId,
    pub(crate) outbound: bool,
    pub(crate) address: String,
    pub(crate) phase: Phase,
    pub(crate) opened_ms: u64,
    pub(crate) progress_ms: u64,
    /// When the peer was last asked whether it is there.
    pub(crate) asked_ms: u64,
    /// How often, since it last said something else than that.
    pub(crate) asks: u32,
    /// Since when the peer answers knocks and says nothing on the connection.
    pub(crate) answered_ms: Option<u64>,
    /// Nothing has been heard of the peer's link since something was sent on it.
    pub(crate) is_silent: bool,
    /// When the peer's own changes last came by another way.
    pub(crate) carried_ms: Option<u64>,
    /// It follows another on its connection.
    pub(crate) is_again: bool,
    /// How often both had begun anew by then since anything arrived.
    pub(crate) vain: u32,
    /// It does, and nothing has been heard of the peer since.
    pub(crate) awaits_link: bool,
    pub(crate) requests: Vec<u64>,
    pub(crate) flow: Arc<Flow>,
    /// The peer's hello, while what meeting it takes is read.
    pub(crate) hello: Option<Box<Hello>>,
    pub(crate) sums: Sums,
    /// The peer's hello is accepted; ours is said once it is known what can be sent along with it.
    pub(crate) is_answering: bool,
    /// The peer has said its last, and waits for this side to close.
    pub(crate) says_bye: bool,
    /// The peer's grant is over: nothing is sent to it.
    pub(crate) withheld: bool,
    pub(crate) hop: u32,
    /// Highest author sequence we have of the peer's incarnation, until told.
    pub(crate) seen: Option<(u64, u64)>,
    pub(crate) early: VecDeque<(Priority, Vec<u8>)>,
    pub(crate) early_bytes: usize,
    pub(crate) authority: AuthorityFlow,
    pub(crate) directory: DirectoryFlow,
    pub(crate) send: Send,
    pub(crate) receive: Receive,
    pub(crate) proof: Proof,
    pub(crate) repair: RepairState,
    pub(crate) wants: Wants,
    pub(crate) mesh: MeshFlow,
    pub(crate) stats: SessionStats,
    pub(crate) contact: SessionContact,
    pub(crate) flood: (u64, u32),
    /// The session is over: what waits to be read for it need not be.
    pub(crate) is_over: Arc<AtomicBool>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
    }
}

/// The sum of what both may hold.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// As it was last read.
    pub(crate) known: Option<Sum>,
    /// It has just been read: whoever waited for it takes it, though the log may have moved on.
    pub(crate) is_new: bool,
    /// A read of it is out.
    pub(crate) is_read: bool,
    /// That read may have begun before what it is to speak of.
    pub(crate) is_stale: bool,
}

/// Authority statements under way.
#[derive(Debug, Default)]
pub(crate) struct AuthorityFlow {
    /// The number up to which the peer has our statements or is sent them.
    pub(crate) index: u64,
    /// Numbers of those that the peer told itself.
    pub(crate) theirs: BTreeSet<u64>,
    /// Messages sent, and the last one taken in.
    pub(crate) sent: u32,
    pub(crate) received: u32,
    /// The number up to which statements have to be durable before the peer's changes are taken in.
    pub(crate) needs: u64,
    /// Messages of the peer that brought nothing new.
    pub(crate) in_vain: u32,
    pub(crate) peer_digest: [u8; 16],
}

/// A pass over our own feed in one priority.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Walk {
    pub(crate) position: u64,
    pub(crate) base: u64,
    /// Log position at which nothing was left.
    pub(crate) exhausted: Option<u64>,
    /// The last read left something for the next.
    pub(crate) is_more: bool,
}

impl Walk {
    /// A pass that found nothing after a position.
    pub(crate) fn ended(position: u64) -> Walk {
        Walk {
            position,
            base: position,
            exhausted: Some(position),
            is_more: false,
        }
    }
}

/// A batch that was read and waits for room, with where its pass stood.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) payload: Payload,
    pub(crate) from: u64,
    pub(crate) base: u64,
}

/// What flows out.
#[derive(Debug, Default)]
pub(crate) struct Send {
    pub(crate) walks: [Walk; FEED_PRIORITIES],
    /// The feed waits for repair: too much is in common to send it all.
    pub(crate) suspended: bool,
    /// Own position up to which the peer has all that both may hold, proven: of what is walked
    /// again for the sake of the rest, that is left out.
    pub(crate) proven: u64,
    pub(crate) ids: [u32; 4],
    pub(crate) in_flight: VecDeque<(Priority, u32, usize)>,
    pub(crate) gives: VecDeque<Give>,
    /// What was read and waits for room, a data priority.
    pub(crate) ready: [VecDeque<Ready>; 4],
    /// A read of the feed is out.
    pub(crate) is_feed_read: bool,
    /// A read of what was asked for is out.
    pub(crate) is_give_read: bool,
    /// The hashes that the peer has named of what it asked for.
    pub(crate) give_read_hashes: usize,
    /// The peer takes payloads in pieces.
    pub(crate) in_pieces: bool,
    /// The peer is about to say what it holds of payloads: nothing is sent before.
    pub(crate) awaits_held: bool,
    /// What it has said it holds.
    pub(crate) peer_holds: BTreeMap<PayloadId, u32>,
    pub(crate) ratio: usize,
    /// Batches that are durable there.
    pub(crate) arrived: u32,
    /// What the transport says of the link, once it has.
    pub(crate) pace: Option<Pace>,
    pub(crate) last_status: Option<Status>,
}

/// A step of answering wants.
#[derive(Debug)]
pub(crate) enum Give {
    /// Send what of this record is not among these hashes.
    Record(RecordKey, BTreeSet<[u8; 8]>),
    /// All before was the answer to this want.
    End(u32),
}

/// A payload that comes in pieces.
#[derive(Debug)]
pub(crate) struct Coming {
    pub(crate) payload: PayloadId,
    pub(crate) total: usize,
    /// Its first bytes.
    pub(crate) bytes: Vec<u8>,
    /// When what had come was last kept.
    pub(crate) kept_ms: u64,
}

/// What flows in.
#[derive(Debug, Default)]
pub(crate) struct Receive {
    pub(crate) next: [u32; 4],
    pub(crate) applied: [u32; 4],
    pub(crate) held: BTreeMap<(usize, u32), Batch>,
    pub(crate) applying: usize,
    /// What had come of payloads in earlier sessions.
    pub(crate) held_bytes: BTreeMap<PayloadId, Vec<u8>>,
    /// Payloads that come in pieces, by data priority.
    pub(crate) coming: BTreeMap<usize, Coming>,
    /// Batches whose payload came so, with its name and length, until they are durable.
    pub(crate) pieced: BTreeMap<(usize, u32), (PayloadId, usize)>,
    /// Cursor as of the last job given out.
    pub(crate) cursor: Cursor,
    /// Cursor as of the last job committed.
    pub(crate) durable: Cursor,
    /// Bytes of what is held, comes in pieces and is being applied.
    pub(crate) bytes: usize,
    /// Why nothing more is taken in: the disk is full, or too much waits. What is to be sent still is.
    pub(crate) full: Option<CloseReason>,
    /// Since when that is so, in milliseconds.
    pub(crate) full_ms: u64,
    /// Position of the peer's feed we hold everything of.
    pub(crate) complete: u64,
    pub(crate) failed: Arc<OnceLock<Failure>>,
}

/// Statements about state.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// Said, but some of its batches are not applied yet.
    pub(crate) pending: Option<Status>,
    /// All of its batches are applied: it waits for a sum that was read since.
    pub(crate) is_due: bool,
    /// Last one that holds.
    pub(crate) peer: Option<Status>,
    /// Equal at (our position, theirs).
    pub(crate) equal: Option<(u64, u64)>,
    pub(crate) ever: bool,
    /// Equal, but not all is with the peer that it may be given beyond what is compared.
    pub(crate) awaits_handing: bool,
    /// A request joined after the session had begun: what the peer said before does not answer it.
    pub(crate) ask_due: bool,
    /// Our last [`crate::wire::Message::Ask`].
    pub(crate) ask: u32,
    /// The peer's last.
    pub(crate) heard: u32,
}

/// Records asked for by key.
#[derive(Debug, Default)]
pub(crate) struct Wants {
    pub(crate) queue: KeyQueue,
    pub(crate) asked: BTreeMap<RecordKey, u8>,
    /// What is known here of the next keys is being read.
    pub(crate) is_read: bool,
    pub(crate) next_id: u32,
    /// Id, and once the answer is sent in full, its last batch.
    pub(crate) open: Option<(u32, Option<u32>)>,
}

/// A round of repair.
#[derive(Debug, Default)]
pub(crate) struct RepairState {
    pub(crate) round: u32,
    pub(crate) active: bool,
    /// Position of our log when the round began to be read.
    pub(crate) position: Option<u64>,
    pub(crate) initiator: Option<Initiator>,
    /// What both may hold, for ranges.
    pub(crate) items: Option<Arc<Located>>,
    /// What the peer has asked by ranges, until that is read.
    pub(crate) early: Option<Vec<u8>>,
    /// A sketch of the peer's, as far as it has come.
    pub(crate) decoder: Option<Box<Decoder>>,
    /// Symbols of it that were asked for, the ones before them included.
    pub(crate) asked: Option<usize>,
    /// What differs in this round is to be found by ranges: no more is taken of the peer's sketch.
    pub(crate) is_sketch_over: bool,
    /// About how much differs, by that.
    pub(crate) differ: usize,
    /// The salt of ours, while the peer looks at it, and the symbols sent of it.
    pub(crate) salt: Option<u64>,
    pub(crate) sent: usize,
    /// A read is out for this round, and what is to be read once one that is out is back.
    pub(crate) reading: Option<u32>,
    pub(crate) due: Option<DifferStep>,
    /// Positions of records to be asked for, whose keys are to be read, and that some are being read.
    pub(crate) located: BTreeSet<u64>,
    pub(crate) is_locating: bool,
    /// The round began with the hello, before it was known what the peer holds.
    pub(crate) is_ahead: bool,
    /// The round when both were last equal, and the last one that ended.
    pub(crate) equal: u32,
    pub(crate) ended: u32,
    /// Next message, held while there is much to fetch already.
    pub(crate) next: Option<Vec<u8>>,
    /// Sums at the last round's start: no progress, no further round.
    pub(crate) last: Option<([u8; 32], [u8; 32])>,
    /// The peer has been asked where it stands after the last round.
    pub(crate) confirming: bool,
    pub(crate) exhausted: bool,
}

/// Counters of a session.
#[derive(Debug, Default)]
pub(crate) struct SessionStats {
    pub(crate) bytes_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) sent_records: u64,
    pub(crate) received_records: u64,
    pub(crate) refused: Refusals,
    /// The first of what was set aside, for people.
    pub(crate) set_aside: Vec<Refused>,
    /// It is read whether what was refused has come after all.
    pub(crate) is_heal_read: bool,
    pub(crate) timing: Timing,
}

impl Session {
    pub(crate) fn new(id: SessionId, peer: NodeId, outbound: bool, address: String, now_ms: u64) -> Session {
        Session {
            id,
            peer,
            outbound,
            address,
            phase: Phase::Unknown,
            opened_ms: now_ms,
            progress_ms: now_ms,
            asked_ms: 0,
            asks: 0,
            answered_ms: None,
            is_silent: false,
            carried_ms: None,
            is_again: false,
            vain: 0,
            awaits_link: false,
            requests: Vec::new(),
            flow: Arc::default(),
            hello: None,
            sums: Sums::default(),
            is_answering: false,
            says_bye: false,
            withheld: false,
            hop: 0,
            seen: None,
            early: VecDeque::new(),
            early_bytes: 0,
            authority: AuthorityFlow::default(),
            directory: DirectoryFlow::default(),
            send: Send {
                ratio: 4,
                ..Send::default()
            },
            receive: Receive {
                next: [1; 4],
                ..Receive::default()
            },
            proof: Proof::default(),
            repair: RepairState::default(),
            wants: Wants::default(),
            mesh: MeshFlow::default(),
            stats: SessionStats::default(),
            contact: SessionContact::of(now_ms),
            flood: (now_ms, 0),
            is_over: Arc::default(),
        }
    }

    /// Whether the peer has said more, since a while, than anybody has to say.
    pub(super) fn is_flooding(&mut self, priority: Priority, now_ms: u64) -> bool {
        let (since, count) = &mut self.flood;
        if now_ms.saturating_sub(*since) > FLOOD_WINDOW_MS {
            (*since, *count) = (now_ms, 0);
        }
        *count = count.saturating_add(u32::from(priority == Priority::Control));
        *count > FLOOD_MESSAGES_MAX
    }

    /// Whether something is owed by either side right now.
    pub(crate) fn is_busy(&self) -> bool {
        self.phase == Phase::Unknown
            || !self.send.in_flight.is_empty()
            || self.receive.applying > 0
            || !self.receive.held.is_empty()
            || self.is_wanting()
            || self.repair.active
            || self.proof.pending.is_some()
            || self.is_answering
            || self.send.is_feed_read
            || self.send.is_give_read
            || !self.is_ready_sent()
    }

    /// Whether both have greeted each other on its connection, in this session or in one before.
    pub(crate) fn is_met(&self) -> bool {
        self.phase == Phase::Live || self.awaits_link
    }

    /// Whether records have been asked for that have not come yet, or are about to be asked for.
    pub(crate) fn is_wanting(&self) -> bool {
        self.is_want_open() || self.is_locating()
    }

    /// Whether a want is under way: one is, at a time.
    pub(crate) fn is_want_open(&self) -> bool {
        self.wants.open.is_some() || self.wants.is_read
    }

    /// Whether nothing that was read waits to be sent.
    pub(crate) fn is_ready_sent(&self) -> bool {
        self.send.ready.iter().all(VecDeque::is_empty)
    }

    /// Whether nothing is left to take in.
    pub(crate) fn is_receive_idle(&self) -> bool {
        self.receive.applying == 0 && self.receive.held.is_empty()
    }
}

/// Bytes a frame takes on its stream: its length prefix included.
pub(crate) fn frame_bytes(body: usize) -> u64 {
    u64::try_from(body).unwrap_or(u64::MAX).saturating_add(4)
}
