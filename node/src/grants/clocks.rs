//! What is to be told of this node's clock.

use chaski_net::PeerInfo;

use super::clock_off::ClockOff;
use super::early::is_before_release;
use super::{Ground, OwnEnd};
use crate::zone;

impl Ground {
    /// That this node's clock differs from that of most others, where nothing else says more of it: that it was set
    /// back, or that grants are over by it.
    pub fn clock_off(&self, peers: &[PeerInfo]) -> Option<&ClockOff> {
        let off = self.off.as_ref()?;
        let is_told = match off.is_ahead {
            true => matches!(self.own_end(peers), Some(OwnEnd::ClockAhead(..))),
            false => self.clock_behind_ms().is_some(),
        };
        (!is_told).then_some(off)
    }

    /// What is to be told of this node's clock, a sentence each.
    pub fn clock_warnings(&self, peers: &[PeerInfo]) -> Vec<String> {
        let off = self.clock_off(peers).map(ClockOff::text);
        let mut told: Vec<String> = self.clock_warning().into_iter().chain(off).collect();
        if told.is_empty() && is_before_release(self.now_ms()) {
            let says = zone::local_ms_in(&self.zone, self.now_ms());
            told.push(format!(
                "this node's clock says {says}, which is before this program was made: set date and time before writing"
            ));
        }
        told
    }

    /// Whether something of this node itself stands against the exchange, or against the times that it notes: it was
    /// revoked, its clock is wrong, or its grant is over.
    pub fn is_troubled(&self, peers: &[PeerInfo]) -> bool {
        let is_halted = matches!(
            self.own_end(peers),
            Some(OwnEnd::Over(_) | OwnEnd::ClockAhead(..))
        );
        self.revoked_by.is_some() || is_halted || !self.clock_warnings(peers).is_empty()
    }
}

#[cfg(test)]
mod tests;
