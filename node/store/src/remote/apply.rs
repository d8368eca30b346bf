//! Taking in a batch: verify, stage (merge), commit (install).
//!
//! Invariants: merging is done outside the writer against the record as last applied, so
//! that the next batch merges while one is committed; inside, row and waiting changes are
//! compared with what was merged against, and merged again if either has changed; batch
//! and cursor are one commit. What waits for its author to be known is kept in that commit and
//! merged with nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use chaski_crdt::{
    author::{NodeId, SignedChange, VerifiedChange},
    change::ChangeHash,
    hlc::Hlc,
    key::RecordKey,
    record::Record,
};

use super::{awaiting, bounds::LEAD_MS_MAX, pending, quarantine, seen};
use crate::{
    audit::{self, AuditEvent, Outcome},
    context::Context,
    core::{Core, writer::Writer},
    error::StoreError,
    feed::Source,
    identity::Signer,
    lineage::{self, Lineage},
    loaded::load,
    row::{self, Row},
    store::Store,
    tx::Tx,
    types::{ApplyReport, CursorUpdate, Quarantined},
    write::{Prepared, Stale, install, prepared},
};

/// Why changes are set aside that would make a record outgrow what can be kept of one.
const TOO_LARGE: &str = "with it the record is too large to be kept";
/// Records from which a batch is worth a second thread.
const PARALLEL_MIN: usize = 16;

/// What a record's changes come to.
pub(super) struct Merged {
    key: RecordKey,
    peer: Option<NodeId>,
    received_ms: u64,
    /// Feed positions of the rows it was merged against.
    base_seqs: Vec<u64>,
    /// Changes that waited for this record then.
    waiting: Vec<SignedChange>,
    /// The rows to put, each with the peer that sent all that was accepted of it.
    prepared: Vec<(Box<Prepared>, Option<Source>)>,
    accepted: u64,
    duplicates: u64,
    orphans: Vec<SignedChange>,
    quarantined: Vec<Quarantined>,
}

/// Where a merge reads from.
pub(super) struct Seen {
    rows: Vec<Row>,
    pending: Vec<SignedChange>,
}

pub(super) fn look(core: &Core, key: &RecordKey) -> Result<Seen, StoreError> {
    let rows = lineage::rows(core, key)?;
    let pending = if core.state().pending == 0 {
        Vec::new()
    } else {
        pending::read(core, &row::record_prf(&core.sealer, key))?
    };
    Ok(Seen { rows, pending })
}

/// As [`look`], as the group sees it.
pub(super) fn look_tx(tx: &mut Tx<'_>, key: &RecordKey) -> Result<Seen, StoreError> {
    let prf = row::record_prf(&tx.core.sealer, key);
    Ok(Seen {
        rows: lineage::rows_tx(tx, key)?,
        pending: pending::read_tx(tx, &prf)?,
    })
}

/// One of the records of a key, before it takes in what came for it.
struct Line {
    record: Record,
    old: Option<(Row, HashMap<ChangeHash, u64>)>,
    /// What tells it from the others, if it begins.
    begun: Option<Lineage>,
}

/// The records of a key that are here, each with what came for it, and then those that begin.
fn lines(
    key: &RecordKey,
    rows: Vec<Row>,
    offered: Vec<VerifiedChange>,
    merged: &mut Merged,
) -> Result<Vec<(Line, Vec<VerifiedChange>)>, StoreError> {
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let (record, old) = load(row)?.split();
        lines.push(Line {
            record,
            old: Some(old),
            begun: None,
        });
    }
    let here: Vec<&Record> = lines.iter().map(|line| &line.record).collect();
    let sorted = lineage::sort(key, &here, offered)?;
    for begun in sorted.begun {
        lines.push(Line {
            record: Record::empty(key.clone()),
            old: None,
            begun,
        });
    }
    merged.orphans = sorted.orphans;
    let aside = sorted.aside.iter();
    merged.set_aside(aside.map(|(change, reason)| (change.hash(), (*reason).to_owned())));
    Ok(lines.into_iter().zip(sorted.to).collect())
}

impl Merged {
    fn set_aside(&mut self, changes: impl Iterator<Item = (ChangeHash, String)>) {
        for (hash, reason) in changes {
            self.quarantined.push(Quarantined {
                key: self.key.clone(),
                hash: Some(hash),
                reason,
                peer: self.peer,
                received_ms: self.received_ms,
            });
        }
    }
}

pub(super) fn merge(
    core: &Core,
    signer: &Signer,
    peer: Option<&NodeId>,
    key: &RecordKey,
    changes: &[VerifiedChange],
    seen: Seen,
) -> Result<Merged, StoreError> {
    let mut offered = changes.to_vec();
    let waiting = seen.pending.iter();
    offered.extend(waiting.filter_map(|change| change.verify(&signer.network, key).ok()));
    let mut merged = Merged {
        key: key.clone(),
        peer: peer.copied(),
        received_ms: core.now_ms(),
        base_seqs: seen.rows.iter().map(|row| row.head.seq).collect(),
        waiting: seen.pending,
        prepared: Vec::new(),
        accepted: 0,
        duplicates: 0,
        quarantined: Vec::new(),
        orphans: Vec::new(),
    };
    let mut sent: Option<BTreeSet<ChangeHash>> = None;
    // The first lies in the key's own place.
    let mut has_first = !merged.base_seqs.is_empty();
    for (mut line, offered) in lines(key, seen.rows, offered, &mut merged)? {
        if offered.is_empty() {
            continue;
        }
        let hashes = offered.iter().map(VerifiedChange::hash);
        let news: Vec<ChangeHash> = hashes.filter(|hash| !line.record.contains(hash)).collect();
        let report = line.record.merge(offered);
        let beside = line.begun.filter(|_| has_first);
        let beside = beside.map(|begun| begun.beside(&core.sealer, key));
        let next = match report.is_changed() {
            true => Some(prepared(&core.sealer, signer, line.old, &line.record, beside)),
            false => None,
        };
        if let Some(Err(StoreError::TooLarge(_))) = &next {
            // No record may stop what comes with it, again and again.
            merged.set_aside(news.into_iter().map(|hash| (hash, TOO_LARGE.to_owned())));
            continue;
        }
        merged.accepted += report.accepted.len() as u64;
        merged.duplicates += report.duplicates.len() as u64;
        merged.orphans.extend(report.orphans);
        let aside = report.quarantined.iter();
        merged.set_aside(aside.map(|item| (item.hash, item.reason.to_string())));
        let Some(next) = next else { continue };
        let mut next = next?;
        has_first = true;
        let now_ms = core.now_ms();
        let ceiling = Hlc(core.state().hlc).absorb(Hlc(next.hlc), now_ms, LEAD_MS_MAX);
        core.absorb(Hlc(next.hlc), now_ms);
        next.hlc = ceiling.0;
        let sent = sent.get_or_insert_with(|| changes.iter().map(VerifiedChange::hash).collect());
        let is_whole = next.head.heads.iter().all(|head| sent.contains(head));
        let are_all_its = report.forked.is_empty() && report.accepted.iter().all(|hash| sent.contains(hash));
        let source = peer.filter(|_| is_whole || are_all_its);
        let source = source.map(|node| Source {
            node: *node,
            is_whole,
        });
        merged.prepared.push((Box::new(next), source));
    }
    Ok(merged)
}

impl Core {
    /// Leaves this node's life if it is among these: see [`crate::identity::Life::met`].
    fn lives_met(&self, lives: &[u64]) {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        lives.iter().for_each(|incarnation| life.met(*incarnation));
    }

    /// Follows a peer's clock, within bounds.
    fn absorb(&self, seen: Hlc, now_ms: u64) {
        let mut hlc = self.hlc.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *hlc = hlc.absorb(seen, now_ms, LEAD_MS_MAX);
    }
}

/// A batch that is merged and has only to be committed, by the store that staged it.
pub struct Staged {
    signer: Arc<Signer>,
    peer: NodeId,
    records: Vec<(RecordKey, Vec<VerifiedChange>, Merged)>,
    awaiting: Vec<(RecordKey, Vec<VerifiedChange>)>,
    refused: Vec<Quarantined>,
    cursor: Option<CursorUpdate>,
}

impl Staged {
    /// With changes whose author is not known here as a member yet: they are kept waiting in the
    /// batch's own transaction, until [`Store::authors_admit`] is told their author.
    #[must_use]
    pub fn with_awaiting(mut self, changes: Vec<(RecordKey, Vec<VerifiedChange>)>) -> Staged {
        self.awaiting = changes;
        self.awaiting.retain(|(_, changes)| !changes.is_empty());
        self
    }

    /// Changes that are to wait for their author.
    #[must_use]
    pub fn awaiting(&self) -> usize {
        self.awaiting.iter().map(|(_, changes)| changes.len()).sum()
    }

    /// Records of which it holds something.
    fn weight(&self) -> usize {
        self.records.len() + self.awaiting.len()
    }
}

impl std::fmt::Debug for Staged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Staged")
            .field("records", &self.records.len())
            .finish_non_exhaustive()
    }
}

fn write(tx: &mut Tx<'_>, staged: Staged) -> Result<ApplyReport, StoreError> {
    let mut report = ApplyReport::default();
    for (key, changes, merged) in staged.records {
        settle(
            tx,
            &staged.signer,
            Some(&staged.peer),
            (&key, &changes),
            merged,
            &mut report,
        )?;
    }
    for (key, changes) in &staged.awaiting {
        report.awaiting += awaiting::add(tx, &staged.peer, key, changes)?;
    }
    for item in staged.refused {
        quarantine::put(tx, &item, false)?;
        report.quarantined.push(item);
    }
    if let Some(cursor) = &staged.cursor {
        seen::cursor_put(tx, cursor)?;
    }
    report.position = tx.state.seq;
    Ok(report)
}

/// Whether the record, or what waits for it, is another than when it was merged.
fn is_stale(tx: &mut Tx<'_>, merged: &Merged) -> Result<bool, StoreError> {
    if lineage::seqs_tx(tx, &merged.key)? != merged.base_seqs {
        return Ok(true);
    }
    let waiting = if tx.state.pending == 0 {
        Vec::new()
    } else {
        pending::read_tx(tx, &row::record_prf(&tx.core.sealer, &merged.key))?
    };
    Ok(waiting != merged.waiting)
}

pub(super) fn settle(
    tx: &mut Tx<'_>,
    signer: &Signer,
    peer: Option<&NodeId>,
    (key, changes): (&RecordKey, &[VerifiedChange]),
    mut merged: Merged,
    report: &mut ApplyReport,
) -> Result<(), StoreError> {
    if is_stale(tx, &merged)? {
        // The record has changed meanwhile: merge with what is there now.
        let seen = look_tx(tx, key)?;
        merged = merge(tx.core, signer, peer, key, changes, seen)?;
    }
    for (prepared, source) in std::mem::take(&mut merged.prepared) {
        let arrived = prepared.authors.iter().map(|(author, _)| author);
        let own = arrived.filter(|author| author.node == signer.node());
        let lives: Vec<u64> = own.map(|author| author.incarnation).collect();
        match install(tx, *prepared, source)? {
            Ok(_) => {
                report.records += 1;
                tx.core.lives_met(&lives);
            }
            Err(Stale) => return Err(StoreError::Damaged("record")),
        }
    }
    report.changes += merged.accepted;
    report.duplicates += merged.duplicates;
    if !merged.waiting.is_empty() || !merged.orphans.is_empty() {
        pending::put(tx, &row::record_prf(&tx.core.sealer, key), &merged.orphans)?;
    }
    if !merged.orphans.is_empty() {
        report.orphans.push(merged.key.clone());
    }
    for item in merged.quarantined {
        quarantine::put(tx, &item, true)?;
        report.quarantined.push(item);
    }
    Ok(())
}

/// Notes that records were received, if any are different now.
pub(super) fn received(core: &Writer, ctx: &Context, report: &ApplyReport) -> Result<(), StoreError> {
    if report.records == 0 {
        return Ok(());
    }
    let event = AuditEvent {
        action: "records_receive".to_owned(),
        target: None,
        outcome: Outcome::Ok,
        durable: false,
    };
    audit::note(core, ctx, &event)
}

/// Runs `work` over `items` on two threads, each taking the next one left, and gives the
/// results in order of the items; on one thread for a simulator.
pub(super) fn shared_out<T: Send, R: Send>(
    core: &Core,
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, StoreError> + Sync,
) -> Result<Vec<R>, StoreError> {
    if items.len() < PARALLEL_MIN || !core.options.background {
        return items.into_iter().map(work).collect();
    }
    let left = Mutex::new(items.into_iter().enumerate());
    let run = || {
        let mut done = Vec::new();
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            match next {
                Some((at, item)) => done.push((at, work(item)?)),
                None => return Ok::<_, StoreError>(done),
            }
        }
    };
    let (own, other) = std::thread::scope(|scope| {
        let other = scope.spawn(run);
        (run(), other.join())
    });
    let mut done = own?;
    // A part of a batch with the whole batch's cursor would lose records.
    done.extend(other.map_err(|_| StoreError::Damaged("operation"))??);
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

impl Store {
    /// Takes in signed changes from a peer, which are verified here; durable on return.
    ///
    /// # Errors
    /// The store's: nothing was taken in, and the cursor stands where it stood.
    pub fn apply_remote(
        &self,
        ctx: &Context,
        peer: &NodeId,
        records: Vec<(RecordKey, Vec<SignedChange>)>,
        cursor: Option<CursorUpdate>,
    ) -> Result<ApplyReport, StoreError> {
        let signer = self.signer().ok_or(StoreError::NoIdentity)?;
        let received_ms = self.core.now_ms();
        let verified = shared_out(&self.core, records, |(key, changes)| {
            let mut good = Vec::with_capacity(changes.len());
            let mut bad = Vec::new();
            for change in changes {
                match change.into_verified(&signer.network, &key) {
                    Ok(change) => good.push(change),
                    Err((change, error)) => bad.push(Quarantined {
                        key: key.clone(),
                        hash: change.hash().ok(),
                        reason: error.to_string(),
                        peer: Some(*peer),
                        received_ms,
                    }),
                }
            }
            Ok((key, good, bad))
        })?;
        let mut refused = Vec::new();
        let mut records = Vec::with_capacity(verified.len());
        for (key, good, bad) in verified {
            refused.extend(bad);
            records.push((key, good));
        }
        self.apply_verified(ctx, peer, records, refused, cursor)
    }

    /// Takes in changes that were verified by the caller, and notes those it refused;
    /// durable on return.
    ///
    /// # Errors
    /// The store's: nothing was taken in, and the cursor stands where it stood.
    pub fn apply_verified(
        &self,
        ctx: &Context,
        peer: &NodeId,
        records: Vec<(RecordKey, Vec<VerifiedChange>)>,
        refused: Vec<Quarantined>,
        cursor: Option<CursorUpdate>,
    ) -> Result<ApplyReport, StoreError> {
        let staged = self.stage(peer, records, refused, cursor)?;
        self.commit_staged(ctx, staged)
    }

    /// Merges changes that were verified by the caller with the records as they stand, and
    /// writes nothing: the costly part of [`Store::apply_verified`], which may run while
    /// earlier batches are committed.
    ///
    /// # Errors
    /// The store's.
    pub fn stage(
        &self,
        peer: &NodeId,
        records: Vec<(RecordKey, Vec<VerifiedChange>)>,
        refused: Vec<Quarantined>,
        cursor: Option<CursorUpdate>,
    ) -> Result<Staged, StoreError> {
        let signer = self.signer().ok_or(StoreError::NoIdentity)?;
        let mut by_key: BTreeMap<RecordKey, Vec<VerifiedChange>> = BTreeMap::new();
        for (key, changes) in records {
            by_key.entry(key).or_default().extend(changes);
        }
        by_key.retain(|_, changes| !changes.is_empty());
        let items: Vec<_> = by_key.into_iter().collect();
        let core = &*self.core;
        let merged = shared_out(core, items, |(key, changes)| {
            let seen = look(core, &key)?;
            let merged = merge(core, &signer, Some(peer), &key, &changes, seen)?;
            Ok((key, changes, merged))
        });
        Ok(Staged {
            records: merged?,
            peer: *peer,
            signer,
            awaiting: Vec::new(),
            refused,
            cursor,
        })
    }

    /// Commits what [`Store::stage`] made of a batch, merging again what has changed since;
    /// durable on return.
    ///
    /// # Errors
    /// [`StoreError::AwaitingFull`], or the store's: nothing was taken in or kept waiting, and the
    /// cursor stands where it stood.
    pub fn commit_staged(&self, ctx: &Context, staged: Staged) -> Result<ApplyReport, StoreError> {
        let weight = staged.weight();
        let report = if weight == 0 && staged.refused.is_empty() {
            // A cursor alone: it must move on a full disk too, or the peer sends all again.
            self.core.transact_upkeep(1, move |tx| write(tx, staged))?
        } else {
            self.core.transact(weight, move |tx| write(tx, staged))?
        };
        received(&self.core, ctx, &report)?;
        Ok(report)
    }
}

#[cfg(test)]
mod tests;
