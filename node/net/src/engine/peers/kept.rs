//! How what is remembered of peers is kept: the versions of the document, and their rows.

use std::collections::BTreeMap;

use chaski_crdt::author::NodeId;
use serde::Deserialize;

use crate::engine::peer_state::{FirstMeeting, PeerState};
use crate::limits::PEERS_MAX;

/// Version of the document: raised with each change of [`PeerState`] or of its row.
const PEERS_VERSION: u8 = 5;

/// A peer as the first version remembered it. Only where it was reached is
/// taken over: a node that joined with a ticket knows its network by nothing else.
#[derive(Deserialize)]
struct OldState {
    addresses: Vec<String>,
    last_seen_ms: u64,
    _equal_ms: u64,
    _equal_position: u64,
    _in_sync: bool,
    _authority_acked: u64,
    _records: u64,
    _problem: Option<String>,
}

/// A peer as versions 1 to 4 of the document remembered it, with a sentence of why it was refused or left. That is
/// not taken over: whoever refuses says so again when it is met next.
#[derive(Deserialize)]
struct State4 {
    addresses: Vec<String>,
    last_seen_ms: u64,
    equal_ms: u64,
    equal_position: u64,
    in_sync: bool,
    authority_acked: u64,
    records: u64,
    _problem: Option<String>,
    clock_skew_ms: Option<i64>,
    first: Option<FirstMeeting>,
    equal_records: u64,
}

impl From<State4> for PeerState {
    fn from(old: State4) -> Self {
        Self {
            addresses: old.addresses,
            last_seen_ms: old.last_seen_ms,
            equal_ms: old.equal_ms,
            equal_position: old.equal_position,
            in_sync: old.in_sync,
            authority_acked: old.authority_acked,
            records: old.records,
            clock_skew_ms: old.clock_skew_ms,
            first: old.first,
            equal_records: old.equal_records,
            ..Self::default()
        }
    }
}

/// A row of the document: how far the peer had come, how long a trip takes, when its clock was last compared and when
/// it was heard by a file; see [`PeerState`].
type Row = (NodeId, PeerState, u64, u64, [u64; 2]);

/// Reads the document; nothing where it is of a version that is not known, or no such document.
pub(super) fn current(bytes: &[u8], epoch: u64) -> Option<BTreeMap<NodeId, PeerState>> {
    let (version, rest) = bytes.split_first()?;
    let (of_epoch, rows) = rest.split_first_chunk::<8>()?;
    let rows: Vec<Row> = match *version {
        1 => postcard::from_bytes::<Vec<(NodeId, State4)>>(rows)
            .ok()?
            .into_iter()
            .map(|(node, state)| {
                let heard = state.equal_position;
                (node, state.into(), heard, 0, [0; 2])
            })
            .collect(),
        2 => postcard::from_bytes::<Vec<(NodeId, State4, u64)>>(rows)
            .ok()?
            .into_iter()
            .map(|(node, state, heard)| (node, state.into(), heard, 0, [0; 2]))
            .collect(),
        3 => postcard::from_bytes::<Vec<(NodeId, State4, u64, u64)>>(rows)
            .ok()?
            .into_iter()
            .map(|(node, state, heard, trip_ms)| (node, state.into(), heard, trip_ms, [0; 2]))
            .collect(),
        4 => postcard::from_bytes::<Vec<(NodeId, State4, u64, u64, [u64; 2])>>(rows)
            .ok()?
            .into_iter()
            .map(|(node, state, heard, trip_ms, later)| (node, state.into(), heard, trip_ms, later))
            .collect(),
        PEERS_VERSION => postcard::from_bytes(rows).ok()?,
        _ => return None,
    };
    let read = |(node, mut state, heard, trip_ms, [clock_ms, file_ms]): Row| {
        (state.heard_position, state.trip_ms) = (heard, trip_ms);
        (state.clock_ms, state.file_ms) = (clock_ms, file_ms);
        (node, state)
    };
    let mut known: BTreeMap<_, _> = rows.into_iter().take(PEERS_MAX).map(read).collect();
    if u64::from_be_bytes(*of_epoch) != epoch {
        for state in known.values_mut() {
            (state.in_sync, state.equal_position, state.equal_records) = (false, 0, 0);
            state.heard_position = 0;
        }
    }
    Some(known)
}

/// Reads what the first version wrote.
pub(super) fn old(bytes: &[u8]) -> BTreeMap<NodeId, PeerState> {
    let rows = postcard::from_bytes::<Vec<(NodeId, OldState)>>(bytes).unwrap_or_default();
    let taken_over = |(node, old): (NodeId, OldState)| {
        let state = PeerState {
            addresses: old.addresses,
            last_seen_ms: old.last_seen_ms,
            ..PeerState::default()
        };
        (node, state)
    };
    rows.into_iter().take(PEERS_MAX).map(taken_over).collect()
}

/// What is known of peers, as the document that is kept; `None` where it cannot be written.
pub(super) fn write(known: &BTreeMap<NodeId, PeerState>, epoch: u64) -> Option<Vec<u8>> {
    let row = |(node, state): (&NodeId, &PeerState)| {
        let later = [state.clock_ms, state.file_ms];
        (*node, state.clone(), state.heard_position, state.trip_ms, later)
    };
    let rows: Vec<Row> = known.iter().map(row).collect();
    let mut head = vec![PEERS_VERSION];
    head.extend(epoch.to_be_bytes());
    // Nothing of it is a value that could not be written.
    postcard::to_extend(&rows, head).ok()
}
