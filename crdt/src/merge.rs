//! Taking in changes from elsewhere.
//!
//! Invariants:
//! - only verified changes reach Automerge, on a scratch copy behind an unwind
//!   barrier, and the copy is adopted only if it saves, loads and has the heads
//!   computed here: a change that Automerge cannot digest harms nothing. Only a
//!   record's first change needs none of this if it is, byte for byte, what
//!   Automerge writes ([`crate::first`]);
//! - whether a change is taken depends on it, its ancestors and the fork rule
//!   of [`crate::accept`], never on what it arrived with;
//! - nothing is lost: what waits for its ancestors or is refused is handed back.

use crate::accept::{Entry, Log};
use crate::author::{SignedChange, VerifiedChange};
use crate::barrier::{apply, barrier, decode_bytes, survives};
use crate::body::Body;
use crate::change::ChangeHash;
use crate::decode::is_text_of;
use crate::first::First;
use crate::key::RecordKey;
use crate::record::Record;
use automerge::{Automerge, Change, ROOT, ReadDoc, ScalarValue, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use thiserror::Error;

/// Why a change was not taken although its signature is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuarantineReason {
    /// It was signed for another record than the one it was offered to.
    #[error("it belongs to another record")]
    OtherRecord,
    /// Automerge cannot decode it, or reads something else than we do.
    #[error("it cannot be decoded")]
    Decode,
    /// It does not continue its actor's sequence.
    #[error("it does not continue its author's sequence")]
    Sequence,
    /// The document does not survive it: a panic, an error, or it saves to
    /// something that does not load to the same heads.
    #[error("the document does not survive it")]
    Document,
    /// At this change the document does not have the key's type and id.
    #[error("the document's own type and id are not its key")]
    Identity,
    /// It follows a change that is quarantined.
    #[error("it follows a quarantined change")]
    Ancestor,
}

/// A change that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its hash.
    pub hash: ChangeHash,
    /// Why.
    pub reason: QuarantineReason,
    /// The change, for another try after an upgrade.
    pub change: SignedChange,
}

/// What became of the changes offered to a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MergeReport {
    /// New in the document, ancestors first.
    pub accepted: Vec<ChangeHash>,
    /// Already known, or offered twice.
    pub duplicates: Vec<ChangeHash>,
    /// Waiting for ancestors that are not here.
    pub orphans: Vec<SignedChange>,
    /// New evidence of forks; may name changes that were accepted before.
    pub forked: Vec<ChangeHash>,
    /// Refused.
    pub quarantined: Vec<Quarantined>,
}

impl MergeReport {
    /// Whether the record is any different now.
    pub fn is_changed(&self) -> bool {
        !self.accepted.is_empty() || !self.forked.is_empty()
    }
}

/// A change that has all its ancestors.
struct Candidate {
    entry: Arc<Entry>,
    change: Change,
}

impl Record {
    /// Takes in verified changes: see the module's head. Never fails: what
    /// cannot be taken is in the report.
    pub fn merge(&mut self, changes: Vec<VerifiedChange>) -> MergeReport {
        let mut report = MergeReport::default();
        let changes = match self.begin(changes, &mut report) {
            Some(changes) => changes,
            None => return report,
        };
        let offered = self.admit(changes, &mut report);
        let complete = self.complete(offered, &mut report);
        let candidates = self.candidates(complete, &mut report);
        if candidates.is_empty() {
            return report;
        }
        match self.adopt(&candidates, true) {
            Some((doc, log, forked)) => self.take(doc, log, &candidates, forked, &mut report),
            None => self.merge_carefully(candidates, &mut report),
        }
        report
    }

    /// The usual case of a first sync: one change, of a record of which nothing
    /// is known, that is plain to read. Otherwise the changes are given back.
    fn begin(
        &mut self,
        mut changes: Vec<VerifiedChange>,
        report: &mut MergeReport,
    ) -> Option<Vec<VerifiedChange>> {
        let first = match changes.as_slice() {
            [change] if self.is_empty() && *change.key() == self.key => {
                First::read(&change.signed().bytes, change.chunk())
            }
            _ => None,
        };
        let Some(first) = first.filter(|first| first.is_identified(&self.key)) else {
            return Some(changes);
        };
        let entry = Entry::from_verified(changes.pop()?);
        report.accepted.push(entry.hash);
        *self = Record::of_first(self.key.clone(), first, entry);
        None
    }

    fn admit(
        &self,
        changes: Vec<VerifiedChange>,
        report: &mut MergeReport,
    ) -> BTreeMap<ChangeHash, VerifiedChange> {
        let mut offered = BTreeMap::new();
        for change in changes {
            let hash = change.hash();
            if *change.key() != self.key {
                let reason = QuarantineReason::OtherRecord;
                report.quarantined.push(Quarantined {
                    hash,
                    reason,
                    change: change.into_signed(),
                });
            } else if self.log.contains(&hash) || offered.contains_key(&hash) {
                report.duplicates.push(hash);
            } else {
                offered.insert(hash, change);
            }
        }
        offered
    }

    /// Those with all their ancestors here, ancestors first.
    fn complete(
        &self,
        mut offered: BTreeMap<ChangeHash, VerifiedChange>,
        report: &mut MergeReport,
    ) -> Vec<VerifiedChange> {
        let mut missing: BTreeMap<ChangeHash, usize> = BTreeMap::new();
        let mut waiting: BTreeMap<ChangeHash, Vec<ChangeHash>> = BTreeMap::new();
        let mut ready: BTreeSet<ChangeHash> = BTreeSet::new();
        for (hash, change) in &offered {
            let absent = change.chunk().deps.iter().filter(|dep| !self.log.contains(dep));
            let mut count = 0;
            for dep in absent {
                waiting.entry(*dep).or_default().push(*hash);
                count += 1;
            }
            if count == 0 {
                ready.insert(*hash);
            } else {
                missing.insert(*hash, count);
            }
        }
        let mut complete = Vec::with_capacity(offered.len());
        while let Some(hash) = ready.pop_first() {
            complete.extend(offered.remove(&hash));
            for next in waiting.remove(&hash).unwrap_or_default() {
                if let Some(count) = missing.get_mut(&next) {
                    *count -= 1;
                    if *count == 0 {
                        ready.insert(next);
                    }
                }
            }
        }
        report
            .orphans
            .extend(offered.into_values().map(VerifiedChange::into_signed));
        complete
    }

    /// Decodes, and refuses what breaks its author's sequence.
    fn candidates(&self, complete: Vec<VerifiedChange>, report: &mut MergeReport) -> Vec<Candidate> {
        let mut bad = BTreeSet::new();
        let mut candidates = Vec::with_capacity(complete.len());
        // A single change is the usual case; only more need each other's company.
        let mut log = if complete.len() > 1 {
            Some(self.log.clone())
        } else {
            None
        };
        for change in complete {
            let decoded = decode(&change);
            let entry = Arc::new(Entry::from_verified(change));
            let reason = if entry.deps.iter().any(|dep| bad.contains(dep)) {
                Some(QuarantineReason::Ancestor)
            } else if decoded.is_none() {
                Some(QuarantineReason::Decode)
            } else if !log.as_ref().unwrap_or(&self.log).continues(&entry) {
                Some(QuarantineReason::Sequence)
            } else {
                None
            };
            match (reason, decoded) {
                (None, Some(change)) => {
                    if let Some(log) = &mut log {
                        log.push(entry.clone());
                    }
                    candidates.push(Candidate { entry, change });
                }
                (reason, _) => {
                    bad.insert(entry.hash);
                    let reason = reason.unwrap_or(QuarantineReason::Decode);
                    report.quarantined.push(Quarantined {
                        hash: entry.hash,
                        reason,
                        change: signed(entry),
                    });
                }
            }
        }
        candidates
    }

    /// The record with the candidates in it, if it stands every check. With
    /// `simple`, only where no fork is involved.
    fn adopt(&self, candidates: &[Candidate], simple: bool) -> Option<(Automerge, Log, Vec<ChangeHash>)> {
        let mut log = self.log.clone();
        for candidate in candidates {
            let fork = !log.at_slot(&candidate.entry.slot()).is_empty()
                || candidate
                    .entry
                    .deps
                    .iter()
                    .any(|dep| log.evidence().contains(dep));
            if simple && fork {
                return None;
            }
            log.push(candidate.entry.clone());
        }
        let forked = if simple { Vec::new() } else { log.decide() };
        let grows = self.log.accepted().all(|entry| log.is_accepted(&entry.hash));
        let heads = log.heads();
        let doc = barrier(|| {
            let (mut doc, changes) = if grows {
                let new = candidates
                    .iter()
                    .filter(|candidate| log.is_accepted(&candidate.entry.hash));
                (
                    self.document()?,
                    new.map(|candidate| candidate.change.clone()).collect(),
                )
            } else {
                (
                    Automerge::new(),
                    log.accepted()
                        .filter_map(|entry| decode_bytes(&entry.signed.bytes))
                        .collect(),
                )
            };
            apply(&mut doc, changes)?;
            let new = candidates.iter().map(|candidate| &candidate.entry.hash);
            let identified = new
                .filter(|hash| log.is_accepted(hash))
                .all(|hash| is_identified(&doc, &self.key, hash));
            (identified && survives(&doc, &heads)).then_some(doc)
        })??;
        Some((doc, log, forked))
    }

    fn take(
        &mut self,
        doc: Automerge,
        log: Log,
        candidates: &[Candidate],
        forked: Vec<ChangeHash>,
        report: &mut MergeReport,
    ) {
        let new = candidates.iter().map(|candidate| candidate.entry.hash);
        report.accepted.extend(new.filter(|hash| log.is_accepted(hash)));
        report.forked.extend(forked);
        self.body = Body::Document(Box::new(doc));
        self.log = log;
    }

    /// Something is wrong with one of them, or there is a fork: each change is
    /// tried with its ancestors alone, which is the same on every node.
    fn merge_carefully(&mut self, candidates: Vec<Candidate>, report: &mut MergeReport) {
        let mut log = self.log.clone();
        let mut bad = BTreeSet::new();
        let mut good = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let hash = candidate.entry.hash;
            let reason = if candidate.entry.deps.iter().any(|dep| bad.contains(dep)) {
                Some(QuarantineReason::Ancestor)
            } else {
                log.push(candidate.entry.clone());
                self.try_alone(&log, &hash).err()
            };
            match reason {
                None => good.push(candidate),
                Some(reason) => {
                    bad.insert(hash);
                    report.quarantined.push(Quarantined {
                        hash,
                        reason,
                        change: signed(candidate.entry),
                    });
                }
            }
        }
        if good.is_empty() {
            return;
        }
        if let Some((doc, log, forked)) = self.adopt(&good, false) {
            self.take(doc, log, &good, forked, report);
            return;
        }
        // Each is sound with its ancestors, together they are not. No such pair
        // is known; one by one, at least, all that can stand does.
        let mut bad = BTreeSet::new();
        for candidate in good {
            let one = [candidate];
            let follows_bad = one
                .iter()
                .flat_map(|c| &c.entry.deps)
                .any(|dep| bad.contains(dep));
            let adopted = if follows_bad {
                None
            } else {
                self.adopt(&one, false)
            };
            if let Some((doc, log, forked)) = adopted {
                self.take(doc, log, &one, forked, report);
                continue;
            }
            let reason = if follows_bad {
                QuarantineReason::Ancestor
            } else {
                QuarantineReason::Document
            };
            for Candidate { entry, .. } in one {
                bad.insert(entry.hash);
                report.quarantined.push(Quarantined {
                    hash: entry.hash,
                    reason,
                    change: signed(entry),
                });
            }
        }
    }

    /// Tries a change on its ancestors alone.
    fn try_alone(&self, log: &Log, hash: &ChangeHash) -> Result<(), QuarantineReason> {
        let closure = log.closure(hash);
        let verdict = barrier(|| {
            let mut doc = Automerge::new();
            let changes = closure
                .iter()
                .filter_map(|entry| decode_bytes(&entry.signed.bytes))
                .collect();
            if apply(&mut doc, changes).is_none() || !survives(&doc, &[*hash]) {
                return Err(QuarantineReason::Document);
            }
            if is_identified(&doc, &self.key, hash) {
                Ok(())
            } else {
                Err(QuarantineReason::Identity)
            }
        });
        verdict.unwrap_or(Err(QuarantineReason::Document))
    }
}

fn signed(entry: Arc<Entry>) -> SignedChange {
    Arc::unwrap_or_clone(entry).signed
}

/// Decodes behind the barrier; what Automerge reads must be what we have read.
fn decode(change: &VerifiedChange) -> Option<Change> {
    let chunk = change.chunk();
    let decoded = barrier(|| decode_bytes(&change.signed().bytes))??;
    let same = decoded.hash() == chunk.hash
        && decoded.actor_id().to_bytes() == chunk.actor
        && decoded.seq() == chunk.seq
        && decoded.deps() == chunk.deps
        && decoded.timestamp() == chunk.time
        && u64::try_from(decoded.len()) == Ok(chunk.ops);
    same.then_some(decoded)
}

/// Whether the document says, at `hash`, the type and id of its key.
fn is_identified(doc: &Automerge, key: &RecordKey, hash: &ChangeHash) -> bool {
    // Reading the past costs more, and of most changes it is the present.
    let is_current = doc.get_heads() == [*hash];
    let says = |register: &str, expected: &str| {
        let values = if is_current {
            doc.get_all(ROOT, register)
        } else {
            doc.get_all_at(ROOT, register, &[*hash])
        };
        let Ok(values) = values else {
            return false;
        };
        !values.is_empty()
            && values.iter().all(|(value, _)| match value {
                Value::Scalar(scalar) => match scalar.as_ref() {
                    ScalarValue::Str(text) => is_text_of(text, expected),
                    _ => false,
                },
                Value::Object(_) => false,
            })
    };
    says("resourceType", key.kind()) && says("id", key.id())
}

#[cfg(test)]
mod tests;
