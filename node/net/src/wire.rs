//! The messages of `chaski/1`: versioned, bounded, their own plain types.
//!
//! A frame is `u32` length (little endian) ‖ version byte ‖ postcard of
//! (hop, [`Message`]). The version byte is that of the negotiated ALPN, so a
//! build that speaks N and N−1 decodes by it. Message enums grow at their end
//! only; what changes meaning takes a new version beside the old one.
//!
//! Invariant: a decoded message satisfies every bound of [`crate::limits`];
//! nothing that fails one is ever seen by the engine.

use chaski_crdt::reconcile::sketch::{PARITIES_BYTES, SYMBOL_BYTES};
use chaski_store::Urgency;
use serde::{Deserialize, Serialize};

use crate::limits::{
    BATCH_RECORDS_MAX, CHAIN_MAX, CONTROL_FRAME_BYTES_MAX, DATA_FRAME_BYTES_MAX, DIFFER_ITEMS_MAX,
    DIRECTORY_ROWS_MAX, DIRECTORY_SUMS_MAX, KEY_BYTES_MAX, NAME_BYTES_MAX, NEARBY_MAX, PARTIALS_MAX,
    PEER_ADDRESSES_MAX, RANGE_BYTES_MAX, SKETCH_RECORDS_MAX, SKETCH_SYMBOLS_MAX, STATEMENT_BYTES_MAX,
    STATEMENTS_MAX, WANT_HAVE_MAX, WANT_KEYS_MAX,
};
use crate::whereabouts::Whereabouts;

pub(crate) mod error;

pub use error::WireError;

/// The newest version of the wire format, as in ALPN `chaski/1`.
pub const VERSION: u8 = 1;
/// The protocols offered, best first: N, then N−1 (there is none before 1).
pub const ALPN: [&[u8]; 1] = [b"chaski/1"];

/// The code with which the streams of a session end whose peers begin anew on the same connection.
pub const ANEW_CODE: u32 = 26;

/// [`Message::Batch`] as postcard numbers it: the one message that may be long.
const BATCH_VARIANT: u32 = 2;

/// Number of priorities of the feed, each with its own cursor.
pub const FEED_PRIORITIES: usize = 3;

/// Which stream a message goes on; lower is more urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Priority {
    /// Hello, acknowledgements, status, authority.
    Control = 0,
    /// Kinds whose lateness can hurt someone.
    Critical = 1,
    /// Every kind that no other priority is for.
    Rest = 2,
    /// Attachments: large and patient.
    Attachment = 3,
    /// Requested by key: repair, missing predecessors.
    Repair = 4,
}

impl Priority {
    /// All priorities that carry batches.
    pub const DATA: [Priority; 4] = [
        Priority::Critical,
        Priority::Rest,
        Priority::Attachment,
        Priority::Repair,
    ];
    /// The priorities of the feed, in cursor order.
    pub const FEED: [Priority; FEED_PRIORITIES] = [Priority::Critical, Priority::Rest, Priority::Attachment];

    /// The priority of a stream's first byte.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Priority> {
        match byte {
            0 => Some(Priority::Control),
            1 => Some(Priority::Critical),
            2 => Some(Priority::Rest),
            3 => Some(Priority::Attachment),
            4 => Some(Priority::Repair),
            _ => None,
        }
    }

    /// Index among the data priorities, 0..4; control has none.
    #[must_use]
    pub fn data_index(self) -> Option<usize> {
        (self as usize).checked_sub(1)
    }

    /// The priority in which records of a kind flow.
    #[must_use]
    pub fn of_kind(kind: &str) -> Priority {
        match chaski_store::kind_of(kind).urgency {
            Urgency::Critical => Priority::Critical,
            Urgency::Rest => Priority::Rest,
            Urgency::Attachment => Priority::Attachment,
        }
    }

    /// Longest frame of this priority, in bytes.
    #[must_use]
    pub fn frame_bytes_max(self) -> usize {
        if self == Priority::Control {
            CONTROL_FRAME_BYTES_MAX
        } else {
            DATA_FRAME_BYTES_MAX
        }
    }
}

/// How far into the other's arrival log one has durably come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The log's epoch.
    pub epoch: u64,
    /// Digest of the scopes it was walked under.
    pub scope: u64,
    /// Position a feed priority.
    pub positions: [u64; FEED_PRIORITIES],
    /// Where the pass in progress began, a feed priority: of a record whose row
    /// comes later, everything that arrived after this is still owed.
    pub bases: [u64; FEED_PRIORITIES],
}

/// The first bytes of a node's key: enough to tell neighbours apart.
pub type NodePrefix = [u8; 8];

/// With whom the sender is in touch, and what it has from common neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearby {
    /// Its other peers; none where they are many, or it has no other.
    pub near: Vec<NodePrefix>,
    /// How far it has come in the logs of those whom both are in touch with. Where it is in touch with the
    /// same as it last said: of those alone in whose logs it has moved on.
    pub holds: Vec<Holds>,
}

/// How far somebody has durably come in a node's arrival log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holds {
    /// The node whose arrival log it is about.
    pub node: NodePrefix,
    /// The log's epoch.
    pub epoch: u64,
    /// Position a feed priority.
    pub positions: [u64; FEED_PRIORITIES],
}

/// What a node holds, at a position of its arrival log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Own feed position at which the fingerprint holds.
    pub position: u64,
    /// Sum of record fingerprints over what both may hold.
    pub sum: [u8; 32],
    /// Number of records in that sum.
    pub count: u64,
    /// Position of the other's feed that is durably applied here.
    pub received: u64,
    /// Batches sent in this session, a data priority; what is said here holds
    /// once they are applied.
    pub sent: [u32; 4],
    /// Nothing is left to send or to ask for.
    pub drained: bool,
    /// Everything up to `position` has been sent, in this session or before.
    pub covered: bool,
    /// Nothing is sent, because the other's grant is over.
    pub withheld: bool,
    /// Changes standing in quarantine.
    pub quarantined: u32,
    /// Highest author sequence seen of the other's incarnation, if any.
    pub seen: Option<(u64, u64)>,
    /// The last [`Message::Ask`] read before this was taken.
    pub answers: u32,
    /// Digest of the authority statements held.
    pub authority: [u8; 16],
    /// How many statements those are.
    pub statements: u32,
    /// Messages of authority statements sent in this session; all that is to be told is among them.
    pub told: u32,
    /// The last of the other's that was taken in.
    pub heard: u32,
}

/// First message of a session, from either side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The network that both must be members of.
    pub network: [u8; 32],
    /// Clock of the sender, for warnings only, in ms since 1970.
    pub now_ms: u64,
    /// Epoch of the sender's arrival log.
    pub epoch: u64,
    /// Incarnation and last author sequence of the sender, once it has written.
    pub incarnation: Option<(u64, u64)>,
    /// Statements of the sender's own chain, if the other may not know them.
    pub chain: Vec<Vec<u8>>,
    /// What the sender has of the receiver's log.
    pub cursor: Option<Cursor>,
    /// Digest of the scopes the sender believes it may be given.
    pub scope: u64,
    /// State of the sender.
    pub status: Status,
    /// Features understood, a bit each; unknown bits are ignored.
    pub features: u32,
}

/// Authority statements, in the sender's order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Signed statements, each as it is stored.
    pub statements: Vec<Vec<u8>>,
    /// Digest of the sender's set after these.
    pub digest: [u8; 16],
    /// Messages of this kind sent in this session, this one included.
    pub sent: u32,
}

/// A batch of signed changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Number within the priority and session, from 1.
    pub id: u32,
    /// Feed position this batch continues from (feed priorities).
    pub from: u64,
    /// Feed position it reaches.
    pub to: u64,
    /// Where the sender's pass began, as in [`Cursor::bases`].
    pub base: u64,
    /// Authority messages that must have been read before.
    pub authority: u32,
    /// Compressed changes, as `chaski_crdt::codec` makes them.
    pub payload: Vec<u8>,
}

/// Keyed hash of a batch's payload, by which a link that was cut goes on in it.
pub type PayloadId = [u8; 16];

/// Bytes of a payload too long to be sent again whole when the link is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Of this payload.
    pub payload: PayloadId,
    /// Length of the whole payload, in bytes.
    pub total: u32,
    /// Where in it these bytes begin.
    pub offset: u32,
    /// This piece of the payload's bytes.
    pub bytes: Vec<u8>,
}

/// How much of a payload is held from an earlier session with the same peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Of this payload.
    pub payload: PayloadId,
    /// Its first bytes, so many.
    pub bytes: u32,
}

/// Batches durably applied, a data priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// Highest id a priority, all before it included.
    pub applied: [u32; 4],
}

/// A record asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantKey {
    /// `Type/id`.
    pub key: String,
    /// First 8 bytes of the hashes already held.
    pub have: Vec<[u8; 8]>,
}

/// Asks for records by key; answered in the repair priority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Number within the session, from 1.
    pub id: u32,
    /// What is asked for.
    pub keys: Vec<WantKey>,
}

/// A step of repair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repair {
    /// A reconciliation message; `round` counts from 1, `to_initiator` says its direction.
    Range {
        /// Round it belongs to.
        round: u32,
        /// Sent by the responder.
        to_initiator: bool,
        /// Opaque to the wire.
        bytes: Vec<u8>,
    },
    /// Items that only the responder has: it asks for what it lacks of their
    /// records, which tells the initiator what to ask for.
    Differ {
        /// Round it belongs to.
        round: u32,
        /// Those items.
        items: Vec<[u8; 32]>,
    },
    /// All ranges are settled.
    Done {
        /// Round that ended.
        round: u32,
    },
    /// Symbols of a sketch of the initiator's items, `from` that number on.
    Sketch {
        /// Round it belongs to.
        round: u32,
        /// Drawn for this sketch.
        salt: u64,
        /// From which the responder tells about how much differs.
        parities: Vec<u8>,
        /// Number of the first symbol.
        from: u32,
        /// Symbols of the sketch, in order.
        symbols: Vec<u8>,
    },
    /// The responder could not tell what differs: it wants symbols up to this number, or none, and
    /// then it is found by ranges.
    More {
        /// Round it belongs to.
        round: u32,
        /// Number of the first symbol that is not wanted.
        to: u32,
    },
    /// The responder has found what differs: it sends what only it has, asks for what both have in
    /// other states, and wants these.
    Lacks {
        /// Round it belongs to.
        round: u32,
        /// The records that only the initiator has.
        records: Vec<[u8; 8]>,
    },
}

/// What a newcomer says instead of a hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinRequest {
    /// Beginning of the network's id, as in the ticket.
    pub network: [u8; 8],
    /// Ticket's secret; only ever sent to the pinned issuer key.
    pub secret: [u8; 16],
    /// The newcomer is a demonstration's node.
    pub demo: bool,
    /// Name of the new node.
    pub name: String,
    /// The code of the node's site; empty if it has none.
    pub site: String,
}

/// What the issuer answers a newcomer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The network's first root key.
    pub root: [u8; 32],
    /// Authority statements, the newcomer's own among them.
    pub statements: Vec<Vec<u8>>,
    /// The secret that keys fingerprints, shared by all members.
    pub secret: [u8; 32],
    /// Addresses at which the issuer listens.
    pub addresses: Vec<String>,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined")
            .field("statements", &self.statements.len())
            .finish_non_exhaustive()
    }
}

/// Where the network's nodes are reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// Digest of all that the sender knows, after this message.
    pub digest: [u8; 8],
    /// Sums of parts of it, a power of two; none where they are not asked for.
    pub sums: Vec<u32>,
    /// What nodes say of themselves.
    pub said: Vec<Whereabouts>,
}

/// Everything two nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// What each says first: who it is, and what it holds.
    Hello(Box<Hello>),
    /// Statements of the network that the other may lack.
    Authority(Authority),
    /// Signed changes of the arrival log, or some that were asked for.
    Batch(Batch),
    /// What was sent up to here is durable at the receiver.
    Ack(Ack),
    /// Proof of state.
    Status(Status),
    /// Asked for by key.
    Want(Want),
    /// All batches that answer a want are sent: want id, last repair batch id.
    Given(u32, u32),
    /// A message of range reconciliation.
    Repair(Repair),
    /// A newcomer with a ticket.
    Join(JoinRequest),
    /// What a node that joined is given.
    Joined(Joined),
    /// The sender has nothing more to say and closes when this is read.
    Bye,
    /// Wants a status taken after this is read; numbered from 1 in a session.
    Ask(u32),
    /// What is held of payloads that a cut link left unfinished; follows a hello that announces it.
    Held(Vec<Held>),
    /// Part of a payload; on the stream of its priority, in order.
    Piece(Piece),
    /// A batch whose payload went before it in pieces, or is held in full: in the payload's place
    /// stands its [`PayloadId`].
    Pieced(Batch),
    /// Who else is near.
    Nearby(Nearby),
    /// What the sender says of itself, as [`crate::health::Health`] writes it; only to whom announces
    /// that it reads it.
    Health(Vec<u8>),
    /// Where nodes are reached; only to a peer whose hello says that it understands this.
    Directory(Directory),
}

/// Encodes a frame's body (without its length).
#[must_use]
pub fn encode(hop: u32, message: &Message) -> Vec<u8> {
    let out = vec![VERSION];
    postcard::to_extend(&(hop, message), out).unwrap_or_default()
}

/// Decodes a frame's body and checks every bound.
///
/// # Errors
/// [`WireError`] when it is no message of a version spoken here.
pub fn decode(bytes: &[u8]) -> Result<(u32, Message), WireError> {
    if bytes.len() > DATA_FRAME_BYTES_MAX {
        return Err(WireError::TooLong("frame bytes"));
    }
    let (version, body) = bytes.split_first().ok_or(WireError::Malformed)?;
    match *version {
        VERSION => decode_v1(body),
        other => Err(WireError::Version(other)),
    }
}

fn decode_v1(body: &[u8]) -> Result<(u32, Message), WireError> {
    // Looked at before the message is made: lists of empty things take many
    // times the memory of their bytes.
    let ((_, variant), _) =
        postcard::take_from_bytes::<(u32, u32)>(body).map_err(|_| WireError::Malformed)?;
    if variant != BATCH_VARIANT && body.len() > CONTROL_FRAME_BYTES_MAX {
        return Err(WireError::TooLong("control frame bytes"));
    }
    let ((hop, message), rest) =
        postcard::take_from_bytes::<(u32, Message)>(body).map_err(|_| WireError::Malformed)?;
    if !rest.is_empty() {
        return Err(WireError::Malformed);
    }
    check(&message)?;
    Ok((hop, message))
}

fn check(message: &Message) -> Result<(), WireError> {
    match message {
        Message::Hello(hello) => {
            bound(hello.chain.len(), CHAIN_MAX, "statements of a chain")?;
            statements_check(&hello.chain)
        }
        Message::Authority(authority) => statements_check(&authority.statements),
        Message::Want(want) => want_check(want),
        Message::Repair(Repair::Range { bytes, .. }) => bound(bytes.len(), RANGE_BYTES_MAX, "range bytes"),
        Message::Repair(Repair::Sketch {
            parities, symbols, ..
        }) => {
            bound(parities.len(), PARITIES_BYTES, "bytes of parities")?;
            bound(
                symbols.len(),
                SKETCH_SYMBOLS_MAX * SYMBOL_BYTES,
                "bytes of symbols",
            )
        }
        Message::Repair(Repair::Lacks { records, .. }) => bound(records.len(), SKETCH_RECORDS_MAX, "records"),
        Message::Repair(Repair::Differ { items, .. }) => bound(items.len(), DIFFER_ITEMS_MAX, "items"),
        Message::Join(join) => {
            bound(join.name.len(), NAME_BYTES_MAX, "name bytes")?;
            bound(join.site.len(), NAME_BYTES_MAX, "site bytes")
        }
        Message::Joined(joined) => {
            statements_check(&joined.statements)?;
            bound(joined.addresses.len(), 64, "addresses")?;
            joined
                .addresses
                .iter()
                .try_for_each(|a| bound(a.len(), NAME_BYTES_MAX, "address bytes"))
        }
        Message::Nearby(contacts) => {
            bound(contacts.near.len(), NEARBY_MAX, "neighbours")?;
            bound(contacts.holds.len(), NEARBY_MAX, "neighbours' logs")
        }
        Message::Held(held) => bound(held.len(), PARTIALS_MAX, "payloads held"),
        Message::Piece(piece) => piece_check(piece),
        Message::Health(bytes) => crate::health::Health::decode(bytes).map(drop),
        Message::Directory(directory) => directory_check(directory),
        Message::Pieced(batch) if batch.payload.len() != size_of::<PayloadId>() => Err(WireError::Malformed),
        Message::Pieced(_)
        | Message::Batch(_)
        | Message::Ack(_)
        | Message::Status(_)
        | Message::Given(..)
        | Message::Repair(Repair::Done { .. } | Repair::More { .. })
        | Message::Bye
        | Message::Ask(_) => Ok(()),
    }
}

fn directory_check(directory: &Directory) -> Result<(), WireError> {
    let sums = directory.sums.len();
    bound(sums, DIRECTORY_SUMS_MAX, "sums")?;
    bound(directory.said.len(), DIRECTORY_ROWS_MAX, "nodes")?;
    if sums > 0 && !sums.is_power_of_two() {
        return Err(WireError::Malformed);
    }
    let mut said = directory.said.iter();
    said.try_for_each(|said| bound(said.addresses.len(), PEER_ADDRESSES_MAX, "addresses"))
}

fn piece_check(piece: &Piece) -> Result<(), WireError> {
    let total = usize::try_from(piece.total).unwrap_or(usize::MAX);
    bound(total, DATA_FRAME_BYTES_MAX, "payload bytes")?;
    let end = usize::try_from(piece.offset)
        .unwrap_or(usize::MAX)
        .saturating_add(piece.bytes.len());
    if piece.bytes.is_empty() || end > total {
        return Err(WireError::Malformed);
    }
    Ok(())
}

fn statements_check(statements: &[Vec<u8>]) -> Result<(), WireError> {
    bound(statements.len(), STATEMENTS_MAX, "statements")?;
    statements
        .iter()
        .try_for_each(|s| bound(s.len(), STATEMENT_BYTES_MAX, "statement bytes"))
}

fn want_check(want: &Want) -> Result<(), WireError> {
    bound(want.keys.len(), WANT_KEYS_MAX.min(BATCH_RECORDS_MAX), "keys")?;
    want.keys.iter().try_for_each(|k| {
        bound(k.key.len(), KEY_BYTES_MAX, "key bytes")?;
        bound(k.have.len(), WANT_HAVE_MAX, "known hashes")
    })
}

fn bound(found: usize, max: usize, what: &'static str) -> Result<(), WireError> {
    if found > max {
        Err(WireError::TooLong(what))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod bounds_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn samples() -> Vec<Message> {
        let status = Status {
            position: 7,
            sum: [3; 32],
            count: 9,
            seen: Some((1, 2)),
            authority: [6; 16],
            statements: 4,
            told: 3,
            heard: 2,
            ..Status::default()
        };
        vec![
            Message::Hello(Box::new(Hello {
                network: [1; 32],
                now_ms: 1,
                epoch: 2,
                incarnation: Some((4, 5)),
                chain: vec![vec![1, 2, 3]],
                cursor: Some(Cursor::default()),
                scope: 1,
                status,
                features: 0,
            })),
            Message::Batch(Batch {
                id: 1,
                from: 0,
                to: 9,
                base: 0,
                authority: 1,
                payload: vec![1; 100],
            }),
            Message::Want(Want {
                id: 1,
                keys: vec![WantKey {
                    key: "Patient/a".into(),
                    have: vec![[1; 8]],
                }],
            }),
            Message::Repair(Repair::Range {
                round: 1,
                to_initiator: true,
                bytes: vec![9; 40],
            }),
            Message::Bye,
            Message::Ask(1),
            Message::Held(vec![Held {
                payload: [7; 16],
                bytes: 70_000,
            }]),
            Message::Piece(Piece {
                payload: [7; 16],
                total: 100_000,
                offset: 70_000,
                bytes: vec![5; 200],
            }),
            Message::Pieced(Batch {
                id: 2,
                from: 0,
                to: 9,
                base: 0,
                authority: 1,
                payload: vec![7; 16],
            }),
            Message::Health(crate::health::tests::sample().encode()),
        ]
    }

    #[test]
    fn messages_survive_the_wire() {
        for message in samples() {
            let bytes = encode(3, &message);
            assert_eq!(decode(&bytes), Ok((3, message)));
        }
    }

    #[test]
    fn bounds_and_versions_are_refused_by_name() {
        let long = Message::Want(Want {
            id: 1,
            keys: vec![WantKey {
                key: "x".repeat(200),
                have: vec![],
            }],
        });
        assert_eq!(decode(&encode(0, &long)), Err(WireError::TooLong("key bytes")));
        let mut bytes = encode(0, &Message::Bye);
        bytes[0] = 9;
        assert_eq!(decode(&bytes), Err(WireError::Version(9)));
        let mut trailing = encode(0, &Message::Bye);
        trailing.push(0);
        assert_eq!(decode(&trailing), Err(WireError::Malformed));
        assert_eq!(decode(&[]), Err(WireError::Malformed));
    }

    #[test]
    fn pieces_lie_within_a_payload_that_a_frame_could_hold() {
        let piece = |total, offset, bytes| {
            let bytes = vec![1; bytes];
            let payload = [7; 16];
            decode(&encode(
                0,
                &Message::Piece(Piece {
                    payload,
                    total,
                    offset,
                    bytes,
                }),
            ))
        };
        assert!(piece(100, 90, 10).is_ok());
        assert_eq!(piece(100, 91, 10), Err(WireError::Malformed));
        assert_eq!(piece(100, u32::MAX, 10), Err(WireError::Malformed));
        assert_eq!(piece(100, 0, 0), Err(WireError::Malformed));
        assert_eq!(piece(25 << 20, 0, 10), Err(WireError::TooLong("payload bytes")));
        let mut pieced = samples().remove(8);
        if let Message::Pieced(batch) = &mut pieced {
            batch.payload.push(0);
        }
        assert_eq!(decode(&encode(0, &pieced)), Err(WireError::Malformed));
    }

    #[test]
    fn a_long_frame_that_is_no_batch_is_refused_by_its_head() {
        // Empty statements, at a byte of input 24 of memory; the end is missing: whoever
        // had read them first would say that the message is malformed.
        let mut long = vec![VERSION, 0, 1, 0x80, 0x80, 0x80, 0x01];
        long.resize(CONTROL_FRAME_BYTES_MAX + 2, 0);
        assert_eq!(decode(&long), Err(WireError::TooLong("control frame bytes")));
        let batch = |bytes| {
            Message::Batch(Batch {
                id: 1,
                from: 0,
                to: 9,
                base: 0,
                authority: 1,
                payload: vec![1; bytes],
            })
        };
        let longest = batch(CONTROL_FRAME_BYTES_MAX + 1);
        assert_eq!(decode(&encode(7, &longest)), Ok((7, longest)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
            if let Some(first) = bytes.first_mut() { *first = VERSION; }
            if let Ok((hop, message)) = decode(&bytes) {
                prop_assert_eq!(decode(&encode(hop, &message)), Ok((hop, message)));
            }
        }

        #[test]
        fn mutated_messages_are_decoded_or_refused(which in 0usize..10, at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<prop::sample::Index>()) {
            let mut bytes = encode(1, &samples()[which]);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let _ = decode(&bytes);
            bytes.truncate(cut.index(bytes.len()));
            let _ = decode(&bytes);
        }
    }
}
