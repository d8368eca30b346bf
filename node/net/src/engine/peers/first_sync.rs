//! How far a newcomer's first sync is.
//!
//! Invariant: it is told of until this node holds what was announced to it; that somebody says it holds the same, which
//! anybody may, ends it only where that is as much.

use chaski_crdt::author::NodeId;

use super::Peers;
use crate::engine::peer_state::FirstMeeting;

impl Peers {
    /// Notes what both held when they met for the first time; whether it was that.
    pub(crate) fn first_met(&mut self, peer: &NodeId, met: FirstMeeting) -> bool {
        let is_first = self.known.get(peer).is_none_or(|state| state.first.is_none());
        if is_first {
            self.entry(peer).first = Some(met);
        }
        is_first
    }

    /// Notes that both hold the same, so many records; whether that is "in sync" is told apart.
    pub(crate) fn equal(&mut self, peer: &NodeId, records: u64) {
        if self
            .known
            .get(peer)
            .is_none_or(|state| state.equal_records < records)
        {
            self.entry(peer).equal_records = records;
        }
    }

    /// The most records that this node once held as some peer did.
    fn equal_most(&self) -> u64 {
        self.known
            .values()
            .map(|state| state.equal_records)
            .max()
            .unwrap_or(0)
    }

    /// Whether meeting a peer that holds so many records begins no first sync: this node held at least half as many
    /// when it last held what some peer did. Anybody may say that it holds the same, so that ends nothing by itself.
    pub(crate) fn is_first_sync_over(&self, announced: u64) -> bool {
        let most = self.equal_most();
        most > 0 && most.saturating_mul(2) >= announced
    }

    /// Where the first sync with a peer began, while it lasts: until all that was announced then is held, be it from
    /// others.
    pub(crate) fn first_meeting(&self, peer: &NodeId) -> Option<FirstMeeting> {
        let state = self.known.get(peer)?;
        let met = state.first.filter(|met| met.announced > 0)?;
        (state.equal_records == 0 && self.equal_most() < met.announced).then_some(met)
    }
}
