//! Which of a record's signed changes stand in its document.
//!
//! Invariants:
//! - the record is a grow-only set of changes; which of them are accepted is a
//!   function of that set alone, so order of arrival never matters;
//! - of two changes with one (actor, sequence) the lower hash is kept
//!   everywhere. The other, and all that descends from it, is evidence: kept,
//!   passed on, outside the document. A change that descends from evidence does
//!   not compete, else a fork would take down what was honestly kept;
//! - forks that wait for each other (only a liar makes those) are cut at the
//!   lowest hash that is ready.

use crate::author::{SignedChange, VerifiedChange};
use crate::change::{ACTOR_BYTES, ChangeHash, Chunk};
use crate::hlc::Hlc;
use automerge::Change;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An actor's place in its own sequence.
pub(crate) type Slot = ([u8; ACTOR_BYTES], u64);

/// A signed change with what its head says.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) signed: SignedChange,
    pub(crate) hash: ChangeHash,
    pub(crate) deps: Vec<ChangeHash>,
    pub(crate) actor: [u8; ACTOR_BYTES],
    pub(crate) seq: u64,
    pub(crate) hlc: Hlc,
    pub(crate) message: String,
}

impl Entry {
    pub(crate) fn from_verified(change: VerifiedChange) -> Entry {
        let (signed, chunk) = change.into_parts();
        Entry::of_chunk(signed, chunk)
    }

    /// A change with its head as parsed.
    pub(crate) fn of_chunk(signed: SignedChange, chunk: Chunk) -> Entry {
        Entry {
            hash: chunk.hash,
            deps: chunk.deps,
            actor: chunk.actor,
            seq: chunk.seq,
            hlc: Hlc::from_time(chunk.time),
            message: chunk.message,
            signed,
        }
    }

    /// A change as Automerge has decoded it.
    pub(crate) fn of_change(signed: SignedChange, change: &Change) -> Option<Entry> {
        Some(Entry {
            hash: change.hash(),
            deps: change.deps().to_vec(),
            actor: <[u8; ACTOR_BYTES]>::try_from(change.actor_id().to_bytes()).ok()?,
            seq: change.seq(),
            hlc: Hlc::from_time(change.timestamp()),
            message: change.message().unwrap_or_default().to_owned(),
            signed,
        })
    }

    pub(crate) fn slot(&self) -> Slot {
        (self.actor, self.seq)
    }
}

/// All that is known of a record's changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    entries: BTreeMap<ChangeHash, Arc<Entry>>,
    /// Every change after those it follows.
    order: Vec<ChangeHash>,
    /// Changes that are not in the document.
    evidence: BTreeSet<ChangeHash>,
    slots: BTreeMap<Slot, Vec<ChangeHash>>,
}

impl Log {
    pub(crate) fn entry(&self, hash: &ChangeHash) -> Option<&Entry> {
        self.entries.get(hash).map(Arc::as_ref)
    }

    pub(crate) fn contains(&self, hash: &ChangeHash) -> bool {
        self.entries.contains_key(hash)
    }

    pub(crate) fn is_accepted(&self, hash: &ChangeHash) -> bool {
        self.entries.contains_key(hash) && !self.evidence.contains(hash)
    }

    pub(crate) fn evidence(&self) -> &BTreeSet<ChangeHash> {
        &self.evidence
    }

    /// Every change after those it follows, evidence included.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.order.iter().filter_map(|hash| self.entry(hash))
    }

    /// What stands in the document, every change after those it follows.
    pub(crate) fn accepted(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries()
            .filter(|entry| !self.evidence.contains(&entry.hash))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All changes with this actor and sequence.
    pub(crate) fn at_slot(&self, slot: &Slot) -> &[ChangeHash] {
        self.slots.get(slot).map(Vec::as_slice).unwrap_or_default()
    }

    /// Adds a change whose dependencies are here. [`Log::decide`] says where it
    /// stands; until then it counts as accepted.
    pub(crate) fn push(&mut self, entry: Arc<Entry>) {
        if self.entries.contains_key(&entry.hash) {
            return;
        }
        self.slots.entry(entry.slot()).or_default().push(entry.hash);
        self.order.push(entry.hash);
        self.entries.insert(entry.hash, entry);
    }

    /// The accepted changes that no accepted change follows, ascending.
    pub(crate) fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: BTreeSet<ChangeHash> = self.accepted().map(|entry| entry.hash).collect();
        self.accepted().flat_map(|entry| &entry.deps).for_each(|dep| {
            heads.remove(dep);
        });
        heads.into_iter().collect()
    }

    /// A change's ancestors and itself, each after those it follows.
    pub(crate) fn closure(&self, hash: &ChangeHash) -> Vec<&Entry> {
        let mut seen = BTreeSet::from([*hash]);
        let mut open = vec![*hash];
        while let Some(entry) = open.pop().and_then(|hash| self.entry(&hash)) {
            open.extend(entry.deps.iter().filter(|dep| seen.insert(**dep)));
        }
        self.entries()
            .filter(|entry| seen.contains(&entry.hash))
            .collect()
    }

    /// Whether `ancestor` is `of` or comes before it.
    pub(crate) fn precedes(&self, ancestor: &ChangeHash, of: &[ChangeHash]) -> bool {
        let mut seen: BTreeSet<ChangeHash> = of.iter().copied().collect();
        let mut open = of.to_vec();
        while let Some(hash) = open.pop() {
            if hash == *ancestor {
                return true;
            }
            if let Some(entry) = self.entry(&hash) {
                open.extend(entry.deps.iter().filter(|dep| seen.insert(**dep)));
            }
        }
        false
    }

    /// Whether a change that is not here yet continues its actor's sequence:
    /// the one before is an ancestor, none at or after it is.
    pub(crate) fn continues(&self, entry: &Entry) -> bool {
        let contested = self.at_slot(&entry.slot()).iter().any(|hash| *hash != entry.hash);
        let mut has_previous = entry.seq == 1;
        if has_previous && !contested {
            return true;
        }
        let mut seen: BTreeSet<ChangeHash> = entry.deps.iter().copied().collect();
        let mut open = entry.deps.clone();
        while let Some(before) = open.pop().and_then(|hash| self.entry(&hash)) {
            if before.actor == entry.actor {
                if before.seq >= entry.seq {
                    return false;
                }
                has_previous |= before.seq.saturating_add(1) == entry.seq;
                if has_previous && !contested {
                    return true;
                }
            }
            open.extend(before.deps.iter().filter(|dep| seen.insert(**dep)));
        }
        has_previous
    }

    /// Decides anew which changes are evidence; returns those that became it.
    pub(crate) fn decide(&mut self) -> Vec<ChangeHash> {
        let contested = self.slots.values().any(|hashes| hashes.len() > 1);
        let evidence = if contested {
            self.rejected()
        } else {
            BTreeSet::new()
        };
        let new = evidence.difference(&self.evidence).copied().collect();
        self.evidence = evidence;
        new
    }

    fn rejected(&self) -> BTreeSet<ChangeHash> {
        let mut verdicts: BTreeMap<ChangeHash, bool> = BTreeMap::new();
        // Each round decides at least one change, and all that follow it freely.
        while verdicts.len() < self.entries.len() {
            let before = verdicts.len();
            for entry in self.entries() {
                self.judge(entry, &mut verdicts);
            }
            if verdicts.len() > before {
                continue;
            }
            let ready = self
                .entries
                .values()
                .find(|entry| !verdicts.contains_key(&entry.hash) && ready(entry, &verdicts) == Some(true));
            let Some(cut) = ready else { break };
            for rival in self.at_slot(&cut.slot()) {
                verdicts.insert(*rival, *rival == cut.hash);
            }
        }
        verdicts
            .into_iter()
            .filter(|(_, accepted)| !accepted)
            .map(|(hash, _)| hash)
            .collect()
    }

    /// Decides a change if its dependencies, and those of its rivals, are decided.
    fn judge(&self, entry: &Entry, verdicts: &mut BTreeMap<ChangeHash, bool>) {
        if verdicts.contains_key(&entry.hash) {
            return;
        }
        match ready(entry, verdicts) {
            Some(true) => {}
            Some(false) => {
                verdicts.insert(entry.hash, false);
                return;
            }
            None => return,
        }
        let rivals = self.at_slot(&entry.slot());
        let mut lowest = entry.hash;
        for rival in rivals.iter().filter_map(|hash| self.entry(hash)) {
            match verdicts
                .get(&rival.hash)
                .copied()
                .or_else(|| ready(rival, verdicts))
            {
                Some(true) => lowest = lowest.min(rival.hash),
                Some(false) => {}
                None => return,
            }
        }
        for rival in rivals {
            verdicts.insert(*rival, *rival == lowest);
        }
    }
}

/// Whether all a change follows is accepted; `None` while undecided.
fn ready(entry: &Entry, verdicts: &BTreeMap<ChangeHash, bool>) -> Option<bool> {
    let mut all = true;
    for dep in &entry.deps {
        match verdicts.get(dep) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => all = false,
        }
    }
    all.then_some(true)
}

#[cfg(test)]
mod tests;
