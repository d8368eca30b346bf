//! Large payloads in pieces, so that a cut link goes on where it was cut.
//!
//! A payload above the batch's size is sent as [`Piece`]s on the stream of its
//! priority, then as a [`Message::Pieced`] batch that names it. What has come is
//! kept when the session ends and now and then while it comes; the next hello
//! is followed by what is held, and only the rest is sent.
//!
//! Invariants: a payload is taken in only if all its bytes have its name; one
//! payload a priority is under way; nothing large is sent before the peer has
//! said what it holds.

use chaski_crdt::author::NodeId;

use super::close::CloseReason;
use super::mesh_flow::FEATURE_NEARBY;
use super::partials::Came;
use super::session::{Coming, Session};
use super::state::Core;
use crate::batch::payload_id;
use crate::keep::{Changes, Kept};
use crate::limits::{DATA_FRAME_BYTES_MAX, HELD_BYTES_MAX, PARTIALS_BYTES_MAX, PIECE_BYTES, PIECES_KEEP_MS};
use crate::wire::{Batch, Held, Hello, Message, PayloadId, Piece, Priority};

/// Payloads may come in pieces.
pub(super) const FEATURE_PIECES: u32 = 2;
/// This hello is followed by [`Message::Held`].
pub(super) const FEATURE_HELD: u32 = 4;

impl Session {
    /// What is held of the peer's payloads: what was listed and could be read, and what is in the
    /// store already.
    fn held(&self, core: &Core) -> Vec<Held> {
        let listed = core.partials.held(&self.peer).into_iter();
        let held = listed.filter_map(|held| {
            if core.partials.is_taken(&self.peer, &held.payload) {
                return Some(held);
            }
            // No more than this session has of it: another may have kept more meanwhile.
            let bytes = self.receive.held_bytes.get(&held.payload)?.len();
            Some(Held {
                bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
                ..held
            })
        });
        held.collect()
    }

    /// Features to announce in a hello, for what is held of the peer's payloads.
    pub(super) fn pieces_features(&self, core: &Core) -> u32 {
        let held = match self.held(core).is_empty() {
            true => 0,
            false => FEATURE_HELD,
        };
        FEATURE_PIECES | FEATURE_NEARBY | held
    }

    /// Says what is held of the peer's payloads, right after a hello that announced it.
    pub(super) fn held_say(&mut self, core: &mut Core) {
        let held = self.held(core);
        if !held.is_empty() {
            self.say(core, Priority::Control, &Message::Held(held));
        }
    }

    pub(super) fn pieces_start(&mut self, hello: &Hello) {
        self.mesh.start(hello.features);
        self.send.in_pieces = hello.features & FEATURE_PIECES != 0;
        self.send.awaits_held = hello.features & FEATURE_HELD != 0;
    }

    pub(super) fn on_held(&mut self, held: Vec<crate::wire::Held>) {
        self.send.awaits_held = false;
        self.send.peer_holds = held.into_iter().map(|held| (held.payload, held.bytes)).collect();
    }

    /// Sends a batch that is too long for one frame; returns the bytes that takes.
    pub(super) fn pieces_send(&mut self, core: &mut Core, priority: Priority, mut batch: Batch) -> usize {
        let payload = payload_id(&core.secret, &batch.payload);
        let bytes = std::mem::replace(&mut batch.payload, payload.to_vec());
        let total = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let held = self.send.peer_holds.remove(&payload).unwrap_or(0);
        let from = usize::try_from(held.min(total)).unwrap_or(usize::MAX);
        let mut offset = held.min(total);
        let mut sent = 0_usize;
        let piece_bytes = PIECE_BYTES.min(self.batch_bytes(core)).max(1);
        for part in bytes.get(from..).unwrap_or_default().chunks(piece_bytes) {
            let piece = Piece {
                payload,
                total,
                offset,
                bytes: part.to_vec(),
            };
            offset = offset.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
            sent = sent.saturating_add(self.say(core, priority, &Message::Piece(piece)));
        }
        sent.saturating_add(self.say(core, priority, &Message::Pieced(batch)))
    }

    pub(super) fn on_piece(
        &mut self,
        core: &mut Core,
        priority: Priority,
        piece: Piece,
    ) -> Result<(), CloseReason> {
        self.progress_ms = core.now_ms;
        let Some(index) = priority.data_index() else {
            return Err(CloseReason::Malformed("changes on the control stream".to_owned()));
        };
        if self.receive.full.is_some() {
            return Ok(());
        }
        let total = usize::try_from(piece.total).unwrap_or(usize::MAX);
        let known = self.receive.coming.get(&index);
        if known.is_none_or(|coming| coming.payload != piece.payload || coming.total != total) {
            self.coming_begin(core, index, &piece.payload, total);
        }
        let Some(coming) = self.receive.coming.get_mut(&index) else {
            return Ok(());
        };
        // What comes twice, or after a piece that is missing, adds nothing: the payload's name decides
        // in the end. The peer may not have known of all that is held.
        let before = coming.bytes.len();
        let offset = usize::try_from(piece.offset).unwrap_or(usize::MAX);
        let news = before
            .checked_sub(offset)
            .and_then(|known| piece.bytes.get(known..));
        coming.bytes.extend_from_slice(news.unwrap_or_default());
        let came = coming.bytes.len().saturating_sub(before);
        self.receive.bytes = self.receive.bytes.saturating_add(came);
        if self.receive.bytes > HELD_BYTES_MAX {
            return Err(CloseReason::Flooding);
        }
        if core.now_ms.saturating_sub(coming.kept_ms) >= PIECES_KEEP_MS {
            self.coming_keep(core, index);
        }
        Ok(())
    }

    /// Begins a payload, with what is held of it.
    fn coming_begin(&mut self, core: &Core, index: usize, payload: &PayloadId, total: usize) {
        if let Some(left) = self.receive.coming.remove(&index) {
            self.receive.bytes = self.receive.bytes.saturating_sub(left.bytes.len());
        }
        let mut bytes = self.receive.held_bytes.remove(payload).unwrap_or_default();
        bytes.truncate(total);
        self.receive.bytes = self.receive.bytes.saturating_add(bytes.len());
        let coming = Coming {
            payload: *payload,
            total,
            bytes,
            kept_ms: core.now_ms,
        };
        self.receive.coming.insert(index, coming);
    }

    pub(super) fn on_pieced(
        &mut self,
        core: &mut Core,
        priority: Priority,
        mut batch: Batch,
    ) -> Result<(), CloseReason> {
        let Some(index) = priority.data_index() else {
            return Err(CloseReason::Malformed("changes on the control stream".to_owned()));
        };
        let payload: PayloadId = batch.payload.first_chunk().copied().unwrap_or_default();
        let next = self.receive.next.get(index).copied().unwrap_or(1);
        if self.receive.full.is_some() || batch.id < next {
            return Ok(());
        }
        if core.partials.is_taken(&self.peer, &payload) && priority != Priority::Repair {
            // Its changes are here: nothing of it is sent, and a batch of nothing marks it read.
            batch.payload = crate::batch::encode(&[]).unwrap_or_default();
            return self.on_batch(core, priority, batch);
        }
        let is_coming = self
            .receive
            .coming
            .get(&index)
            .is_some_and(|coming| coming.payload == payload);
        if !is_coming {
            self.coming_begin(core, index, &payload, DATA_FRAME_BYTES_MAX);
        }
        let Some(coming) = self.receive.coming.remove(&index) else {
            return Ok(());
        };
        self.receive.bytes = self.receive.bytes.saturating_sub(coming.bytes.len());
        if payload_id(&core.secret, &coming.bytes) != payload {
            // What was kept of it is as wrong as what came.
            let priority = priority as u8;
            let changes = core.partials.finish(&self.peer, priority, Some(&payload));
            core.partials_keep(self.peer, changes);
            return Err(CloseReason::Malformed(
                "pieces that do not make the payload they were sent for".to_owned(),
            ));
        }
        let length = coming.bytes.len();
        batch.payload = coming.bytes;
        self.receive.pieced.insert((index, batch.id), (payload, length));
        self.on_batch(core, priority, batch)
    }

    /// A batch has been taken in; `reaches` says that its record has come in full with it.
    pub(super) fn pieced_applied(&mut self, core: &mut Core, priority: Priority, id: u32, reaches: bool) {
        let Some(index) = priority.data_index() else {
            return;
        };
        let pieced = self.receive.pieced.remove(&(index, id));
        let (peer, number) = (self.peer, priority as u8);
        let changes = match pieced {
            Some((payload, total)) if !reaches && priority != Priority::Repair => {
                let came = Came {
                    peer: &peer,
                    payload: &payload,
                    total,
                    bytes: &[],
                };
                core.partials.taken(&came, number, core.wall_ms)
            }
            Some((payload, _)) => core.partials.finish(&peer, number, Some(&payload)),
            None if reaches => core.partials.finish(&peer, number, None),
            None => return,
        };
        core.partials_keep(peer, changes);
    }

    /// Both hold the same: nothing that is left over of a payload will be asked for.
    pub(super) fn pieces_forget(&mut self, core: &mut Core) {
        if self.receive.coming.is_empty() && self.is_receive_idle() {
            let changes = core.partials.forget(&self.peer);
            core.partials_keep(self.peer, changes);
        }
    }

    /// Keeps what has come of payloads that have not come in full.
    pub(super) fn pieces_keep(&mut self, core: &mut Core) {
        let all: Vec<usize> = self.receive.coming.keys().copied().collect();
        all.into_iter().for_each(|index| self.coming_keep(core, index));
    }

    fn coming_keep(&mut self, core: &mut Core, index: usize) {
        let Some(coming) = self.receive.coming.get_mut(&index) else {
            return;
        };
        coming.kept_ms = core.now_ms;
        // Where much waits to be kept already, it comes again after a cut.
        if core.replica.is_full() || coming.bytes.is_empty() || core.keeping_bytes > PARTIALS_BYTES_MAX {
            return;
        }
        let came = Came {
            peer: &self.peer,
            payload: &coming.payload,
            total: coming.total,
            bytes: &coming.bytes,
        };
        let changes = core.partials.keep(&came, core.wall_ms);
        core.partials_keep(self.peer, changes);
    }
}

impl Core {
    /// Has it kept what has come of payloads of a peer. Should that fail, nothing is lost: it is sent
    /// again after a cut.
    fn partials_keep(&mut self, peer: NodeId, changes: Changes) {
        self.keep(Kept::Partials(peer), changes);
    }
}
