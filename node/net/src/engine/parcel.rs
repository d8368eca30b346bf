//! What a parcel means to the engine: statements heard, a cursor raised, a
//! peer known to have held the same, without a session.
//!
//! Invariants: what peers and cursors are is changed by the engine alone, so a
//! parcel may be taken in while sessions run; a cursor is raised only over what
//! is held, and never lowered; equality is found as in the proof tier, by our
//! fingerprint taken now.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaski_crdt::author::NodeId;
use chaski_crdt::parcel::{Head, PRIORITIES};

use super::event::Effect;
use super::ground::{Ground, Standing, TakenIn, Told};
use super::options::Now;
use super::state::{Core, Engine};
use crate::apply::ApplyJob;
use crate::limits::PEERS_MAX;
use crate::replica::{Documents, ReplicaError};
use crate::trust::Trust;
use crate::wire::{Cursor, Priority};

/// Name of the store's document with what others said in parcels that they hold of
/// our log: a version byte, then rows of [`Told`] by node.
const TOLD_DOCUMENT: &str = "net/parcels-told";
/// Version of that document.
const TOLD_VERSION: u8 = 1;

impl Engine {
    /// What is known for a parcel that is to be written.
    pub(crate) fn parcel_ground(&mut self, now: Now) -> Result<Ground, ReplicaError> {
        let members = || self.core.trust.authority().members();
        let wider = members().filter(|member| self.core.flow_with(&member.node).is_out_wider);
        let handed = wider
            .map(|member| (member.node, self.core.peers.handed(&member.node)))
            .collect();
        let peers = members()
            .filter_map(|member| Some((member.node, self.core.peers.state(&member.node)?.clone())))
            .collect();
        Ok(Ground {
            trust: Arc::clone(&self.core.trust),
            peers,
            told: told(self.core.replica.as_ref())?,
            handed,
            wall_ms: now.wall_ms,
        })
    }

    /// Takes authority statements in, durably; gives what is known then. Sessions are
    /// told and checked at once.
    pub(crate) fn parcel_statements(
        &mut self,
        now: Now,
        statements: &[Vec<u8>],
    ) -> (Result<Arc<Trust>, String>, Vec<Effect>) {
        self.parcel_time(now);
        let heard = self.core.trust.with(statements);
        let outcome = heard.and_then(|next| next.map_or(Ok(()), |next| self.core.trust_save(next)));
        let outcome = outcome
            .map(|()| Arc::clone(&self.core.trust))
            .map_err(|error| error.to_string());
        self.settle();
        (outcome, std::mem::take(&mut self.core.effects))
    }

    /// Changes of a parcel wait for their authors, whose certificates may have come while it was read.
    pub(crate) fn parcel_awaiting(&mut self, now: Now) -> Vec<Effect> {
        self.parcel_time(now);
        self.core.authors_admit_again();
        std::mem::take(&mut self.core.effects)
    }

    /// Notes that a parcel has been taken in.
    pub(crate) fn parcel_taken(
        &mut self,
        now: Now,
        taken: &TakenIn,
    ) -> (Result<Standing, ReplicaError>, Vec<Effect>) {
        self.parcel_time(now);
        let outcome = self.parcel_stand(taken);
        // Whoever wrote it may have been brought one by this node.
        self.stick_note(taken.head.sender);
        self.core.logs.forget();
        self.core.moved = true;
        self.settle();
        (outcome, std::mem::take(&mut self.core.effects))
    }

    fn parcel_time(&mut self, now: Now) {
        self.core.wall_ms = now.wall_ms;
        self.core.now_ms = self.core.now_ms.max(now.steady_ms);
    }

    fn parcel_stand(&mut self, taken: &TakenIn) -> Result<Standing, ReplicaError> {
        let (head, end) = (&taken.head, &taken.end);
        let sender = head.sender;
        let flow = self.core.flow_with(&sender);
        let scope = flow.in_scope;
        let (mine, position) = self.core.replica.fingerprint(&flow.shared)?;
        let is_equal = scope == head.scope && mine.sum == end.sum && mine.count == end.count;
        let kept = self.cursor_known(&sender)?;
        let of_this_log = kept.filter(|kept| kept.epoch == head.epoch && kept.scope == scope);
        let is_whole = head.from == [0; PRIORITIES];
        let follows = is_whole
            || of_this_log
                .is_some_and(|kept| kept.positions.iter().zip(head.from).all(|(at, from)| *at >= from));
        // Where the sender may give more than is compared, equality does not say that all of it came.
        let is_proof = is_equal && !flow.is_in_wider;
        let has_all = is_proof || (follows && taken.rooted && !self.core.has_lost(head));
        let has_session = self.sessions.values().any(|session| session.peer == sender);
        // With a session of another epoch open, the parcel is older than what is at work.
        let is_of_now = of_this_log.is_some() || kept.is_none() || !has_session;
        if scope == head.scope && is_of_now && has_all {
            let reached = if is_proof {
                [end.position; PRIORITIES]
            } else {
                end.to
            };
            self.cursor_raise(
                sender,
                head.epoch,
                scope,
                reached,
                of_this_log.unwrap_or_default(),
            );
        }
        let is_clean = taken.clean && self.core.quarantined() == 0;
        self.core.peers.counted(&sender, end.count);
        if is_equal && mine.count > 0 {
            self.core.peers.equal(&sender, mine.count);
        }
        // Whether it has what this node gives it beyond what both may hold, a parcel does not say.
        let owes_more = flow.is_out_wider && self.core.replica.fingerprint(&flow.out)?.0 != mine;
        let trust = &self.core.trust;
        let knows_all = taken.told.iter().all(|id| trust.authority().holds(id));
        let is_in_sync = is_equal && has_all && is_clean && !owes_more && knows_all;
        // As between two who meet: in sync are those who know the same of the network as well.
        if is_in_sync && taken.told.len() == trust.len() {
            let then_ms = head.made_ms.min(self.core.wall_ms);
            self.core.peers.in_sync_then(&sender, position, then_ms);
        }
        // Kept only to write less into the next parcel: failing to ends nothing.
        let _ = self.core.told_note(head, is_in_sync);
        self.core.peers_keep(true);
        let is_less = scope == head.scope && mine.count < end.count;
        let is_shown = scope == head.scope && has_all && knows_all && !is_less;
        let is_partly = !taken.clean && !is_equal;
        Ok(Standing {
            in_sync: is_in_sync,
            holds_all: match is_shown && is_clean && self.core.replica.awaiting() == 0 {
                true => Some(true),
                // Of records that are more or as many, or were chosen by another grant, the sums tell nothing.
                false => (is_less || is_partly).then_some(false),
            },
            gap: !has_all,
        })
    }

    /// What is held of a peer's log: by the session at work, else as it was kept.
    fn cursor_known(&self, peer: &NodeId) -> Result<Option<Cursor>, ReplicaError> {
        let at_work = self
            .sessions
            .values()
            .filter(|session| session.peer == *peer)
            .map(|session| session.receive.cursor)
            .max_by_key(|cursor| cursor.positions);
        if let Some(cursor) = at_work.filter(|cursor| cursor.epoch != 0) {
            return Ok(Some(cursor));
        }
        let kept = self.core.replica.cursor(peer)?;
        Ok(kept.and_then(|bytes| postcard::from_bytes(&bytes).ok()))
    }

    /// Raises a cursor behind whatever the pipeline still has of the peer's.
    fn cursor_raise(
        &mut self,
        peer: NodeId,
        epoch: u64,
        scope: u64,
        reached: [u64; PRIORITIES],
        kept: Cursor,
    ) {
        let mut cursor = Cursor { epoch, scope, ..kept };
        let places = cursor.positions.iter_mut().zip(&mut cursor.bases);
        for ((position, base), reached) in places.zip(reached) {
            if reached > *position {
                (*position, *base) = (reached, reached);
            }
        }
        if cursor == kept {
            return;
        }
        let mut job = ApplyJob::of_parcel(peer, self.core.network, Vec::new(), Arc::default());
        (job.priority, job.cursor, job.cursor_only, job.cursor_kept) =
            (Priority::Control, cursor, true, false);
        for session in self.sessions.values_mut() {
            if session.peer == peer && session.receive.cursor == kept {
                session.receive.cursor = cursor;
                session.receive.complete = cursor.positions.iter().copied().min().unwrap_or(0);
                (job.session, job.failed) = (session.id, Arc::clone(&session.receive.failed));
            }
        }
        self.core.effects.push(Effect::Apply(Box::new(job)));
    }
}

impl Core {
    /// Whether what a parcel leaves out, because it came from here, may be here no longer:
    /// the sender holds more of our log than there is, or of another.
    fn has_lost(&self, head: &Head) -> bool {
        let (epoch, position) = (self.replica.epoch(), self.replica.position());
        let held = head.held.iter().find(|held| held.node == self.me);
        head.left_out
            && held.is_some_and(|held| held.epoch != epoch || held.positions.iter().any(|at| *at > position))
    }

    /// Keeps what the sender said that it holds of our log, unless it has said newer things.
    fn told_note(&self, head: &Head, is_equal: bool) -> Result<(), ReplicaError> {
        let mut known = told(self.replica.as_ref())?;
        let row = known.entry(head.sender).or_default();
        // One whose clock was ahead is heard again as soon as that is set right.
        let made_ms = head.made_ms.min(self.wall_ms);
        if made_ms >= row.made_ms {
            (row.made_ms, row.read_ms) = (made_ms, self.wall_ms);
            row.held = head.held.iter().find(|held| held.node == self.me).copied();
        }
        if is_equal && let Some(state) = self.peers.state(&head.sender) {
            row.equal_ms = state.equal_ms;
        }
        if known.len() > PEERS_MAX {
            known.pop_first();
        }
        let rows: Vec<_> = known.into_iter().collect();
        let bytes = postcard::to_extend(&rows, vec![TOLD_VERSION])
            .map_err(|error| ReplicaError(error.to_string()))?;
        self.replica.document_save(TOLD_DOCUMENT, &bytes)
    }
}

fn told(documents: &dyn Documents) -> Result<BTreeMap<NodeId, Told>, ReplicaError> {
    let bytes = documents.document(TOLD_DOCUMENT)?;
    // What cannot be read is begun anew: a parcel then holds more than it need.
    let rows = match bytes.as_deref().and_then(<[u8]>::split_first) {
        Some((&TOLD_VERSION, rows)) => postcard::from_bytes::<Vec<(NodeId, Told)>>(rows).unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok(rows.into_iter().take(PEERS_MAX).collect())
}
