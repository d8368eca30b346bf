//! How much each may bring at once, and how soon it may again.

use std::collections::BTreeMap;

use chaski_crdt::author::NodeId;

use crate::limits::PEERS_MAX;

/// How many rows are looked at more closely: each costs the engine's thread the check of a signature.
#[derive(Debug, Default)]
pub(crate) struct DirectoryRates {
    /// How many rows each peer that brings them may have looked at.
    pub(super) brought: Allowances,
    /// By whom they are about, where it has said them.
    pub(super) news: Allowances,
}

/// What each has had of what it may have at once, and gets again one by one.
#[derive(Debug, Default)]
pub(super) struct Allowances(BTreeMap<NodeId, Allowance>);

#[derive(Clone, Copy, Debug)]
struct Allowance {
    pub(super) had: u32,
    pub(super) since_ms: u64,
}

impl Allowance {
    /// What of it still counts by now.
    pub(super) fn at(self, now_ms: u64, again_ms: u64) -> Allowance {
        let again = now_ms.saturating_sub(self.since_ms) / again_ms.max(1);
        let had = self.had.saturating_sub(u32::try_from(again).unwrap_or(u32::MAX));
        let since_ms = match had {
            0 => now_ms,
            _ => self.since_ms.saturating_add(again.saturating_mul(again_ms)),
        };
        Allowance { had, since_ms }
    }
}

impl Allowances {
    /// Whether this one may have one more now.
    pub(super) fn has(&self, node: &NodeId, most: u32, now_ms: u64, again_ms: u64) -> bool {
        let known = self.0.get(node);
        known.is_none_or(|known| known.at(now_ms, again_ms).had < most)
    }

    /// It has one more. Those that may have all again are forgotten where there are too many.
    pub(super) fn take(&mut self, node: &NodeId, now_ms: u64, again_ms: u64) {
        if self.0.len() >= PEERS_MAX && !self.0.contains_key(node) {
            self.0.retain(|_, known| known.at(now_ms, again_ms).had > 0);
        }
        let has_room = self.0.len() < PEERS_MAX || self.0.contains_key(node);
        let new = Allowance {
            had: 0,
            since_ms: now_ms,
        };
        let known = self.0.get(node).map_or(new, |known| known.at(now_ms, again_ms));
        if has_room {
            let had = known.had.saturating_add(1);
            self.0.insert(*node, Allowance { had, ..known });
        }
    }
}
