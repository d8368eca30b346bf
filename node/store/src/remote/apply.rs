//! Taking in a batch: verify, merge, install.
//!
//! Invariants: merging is prepared outside the writer against the record as last applied
//! and done again inside if that has changed meanwhile; batch and cursor are one commit.

use std::{collections::BTreeMap, sync::Arc};

use chaski_crdt::{
    author::{NodeId, SignedChange, VerifiedChange},
    change::ChangeHash,
    hlc::Hlc,
    key::RecordKey,
    record::Record,
};

use super::{LEAD_MS_MAX, pending, quarantine, seen};
use crate::{
    audit::{self, AuditEvent, Outcome},
    context::Context,
    core::Core,
    error::StoreError,
    identity::Signer,
    row::{self, Row},
    seal::Prf,
    store::Store,
    tx::Tx,
    types::{ApplyReport, CursorUpdate, Quarantined},
    write::{Prepared, Stale, install, load, prepared},
};

/// Records from which a batch is worth a second thread.
const PARALLEL_MIN: usize = 16;

/// What a record's changes come to.
struct Merged {
    key: RecordKey,
    prf: Prf,
    prepared: Option<Box<Prepared>>,
    /// Accepted from this peer, and whether they are all the heads.
    source: Option<NodeId>,
    accepted: u64,
    duplicates: u64,
    orphans: Vec<SignedChange>,
    /// Changes waited for this record before.
    waited: bool,
    quarantined: Vec<Quarantined>,
}

/// Where a merge reads from.
struct Seen {
    row: Option<Row>,
    pending: Vec<SignedChange>,
}

fn look(core: &Core, prf: &Prf) -> Result<Seen, StoreError> {
    let row = row::read(core, prf)?;
    let pending = if core.state().pending == 0 {
        Vec::new()
    } else {
        pending::read(core, prf)?
    };
    Ok(Seen { row, pending })
}

fn merge(
    core: &Core,
    signer: &Signer,
    peer: Option<&NodeId>,
    key: &RecordKey,
    changes: &[VerifiedChange],
    seen: Seen,
) -> Result<Merged, StoreError> {
    let prf = row::record_prf(&core.sealer, key);
    let (mut record, old) = match seen.row {
        Some(row) => {
            let (record, old) = load(row)?.split();
            (record, Some(old))
        }
        None => (Record::empty(key.clone()), None),
    };
    let waited = !seen.pending.is_empty();
    let mut offered = changes.to_vec();
    let waiting = seen
        .pending
        .into_iter()
        .filter_map(|change| change.into_verified(&signer.network, key).ok());
    offered.extend(waiting);
    let report = record.merge(offered);
    let received_ms = core.now_ms();
    let quarantined = report.quarantined.iter().map(|item| Quarantined {
        key: key.clone(),
        hash: Some(item.hash),
        reason: item.reason.to_string(),
        peer: peer.copied(),
        received_ms,
    });
    let mut merged = Merged {
        key: key.clone(),
        prf,
        prepared: None,
        source: None,
        accepted: report.accepted.len() as u64,
        duplicates: report.duplicates.len() as u64,
        quarantined: quarantined.collect(),
        orphans: Vec::new(),
        waited,
    };
    if report.is_changed() {
        let forked = !report.forked.is_empty();
        let new = report.accepted.iter().copied().collect();
        let mut next = prepared(&core.sealer, signer, old, &record, &new, forked)?;
        let now_ms = core.now_ms();
        let ceiling = Hlc(core.state().hlc).absorb(Hlc(next.hlc), now_ms, LEAD_MS_MAX);
        core.absorb(Hlc(next.hlc), now_ms);
        next.hlc = ceiling.0;
        let sent: Vec<ChangeHash> = changes.iter().map(VerifiedChange::hash).collect();
        if next.head.heads.iter().all(|head| sent.contains(head)) {
            merged.source = peer.copied();
        }
        merged.prepared = Some(Box::new(next));
    }
    merged.orphans = report.orphans;
    Ok(merged)
}

impl Core {
    /// Follows a peer's clock, within bounds.
    fn absorb(&self, seen: Hlc, now_ms: u64) {
        let mut hlc = self.hlc.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *hlc = hlc.absorb(seen, now_ms, LEAD_MS_MAX);
    }
}

/// Everything one batch needs in the writer.
struct Arrival {
    signer: Arc<Signer>,
    peer: Option<NodeId>,
    records: Vec<(RecordKey, Vec<VerifiedChange>, Merged)>,
    refused: Vec<Quarantined>,
    cursor: Option<CursorUpdate>,
}

fn write(tx: &mut Tx<'_>, arrival: Arrival) -> Result<ApplyReport, StoreError> {
    let mut report = ApplyReport::default();
    for (key, changes, merged) in arrival.records {
        settle(
            tx,
            &arrival.signer,
            arrival.peer.as_ref(),
            (&key, &changes),
            merged,
            &mut report,
        )?;
    }
    for item in arrival.refused {
        quarantine::put(tx, &item, false)?;
        report.quarantined.push(item);
    }
    if let Some(cursor) = &arrival.cursor {
        seen::cursor_put(tx, cursor)?;
    }
    report.position = tx.state.seq;
    Ok(report)
}

fn settle(
    tx: &mut Tx<'_>,
    signer: &Signer,
    peer: Option<&NodeId>,
    (key, changes): (&RecordKey, &[VerifiedChange]),
    mut merged: Merged,
    report: &mut ApplyReport,
) -> Result<(), StoreError> {
    if let Some(prepared) = merged.prepared.take() {
        match install(tx, *prepared, merged.source)? {
            Ok(_) => report.records += 1,
            Err(Stale) => {
                // Somebody wrote the record meanwhile: merge with what is there now.
                let seen = Seen {
                    row: row::read_tx(tx, &merged.prf)?,
                    pending: pending::read(tx.core, &merged.prf)?,
                };
                merged = merge(tx.core, signer, peer, key, changes, seen)?;
                if let Some(prepared) = merged.prepared.take()
                    && install(tx, *prepared, merged.source)?.is_ok()
                {
                    report.records += 1;
                }
            }
        }
    }
    report.changes += merged.accepted;
    report.duplicates += merged.duplicates;
    if merged.waited || !merged.orphans.is_empty() {
        pending::put(tx, &merged.prf, &merged.orphans)?;
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

/// Runs `work` over `items` on two threads, in order of the items; on one for a simulator.
fn halves<T: Send, R: Send>(
    core: &Core,
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, StoreError> + Sync,
) -> Result<Vec<R>, StoreError> {
    if items.len() < PARALLEL_MIN || !core.options.background {
        return items.into_iter().map(work).collect();
    }
    let mut first = items;
    let second = first.split_off(first.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| second.into_iter().map(&work).collect::<Result<Vec<R>, _>>());
        let mut out: Vec<R> = first.into_iter().map(&work).collect::<Result<_, _>>()?;
        // Half a batch with the whole batch's cursor would lose records.
        out.extend(other.join().map_err(|_| StoreError::Damaged("operation"))??);
        Ok(out)
    })
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
        let verified = halves(&self.core, records, |(key, changes)| {
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
        let signer = self.signer().ok_or(StoreError::NoIdentity)?;
        let mut by_key: BTreeMap<RecordKey, Vec<VerifiedChange>> = BTreeMap::new();
        for (key, changes) in records {
            by_key.entry(key).or_default().extend(changes);
        }
        by_key.retain(|_, changes| !changes.is_empty());
        let items: Vec<_> = by_key.into_iter().collect();
        let core = &*self.core;
        let merged = halves(core, items, |(key, changes)| {
            let prf = row::record_prf(&core.sealer, &key);
            let seen = look(core, &prf)?;
            let merged = merge(core, &signer, Some(peer), &key, &changes, seen)?;
            Ok((key, changes, merged))
        });
        let records = merged?;
        let weight = records.len();
        let arrival = Arrival {
            signer: Arc::clone(&signer),
            peer: Some(*peer),
            records,
            refused,
            cursor,
        };
        let report = self.core.transact(weight, move |tx| write(tx, arrival))?;
        if report.records > 0 {
            let action = "records_receive".to_owned();
            let event = AuditEvent {
                action,
                target: None,
                outcome: Outcome::Ok,
                durable: false,
            };
            audit::note(&self.core, ctx, &event)?;
        }
        Ok(report)
    }

    /// Hashes of all changes of a record that need not be sent: accepted, evidence,
    /// waiting, or set aside.
    ///
    /// # Errors
    /// The store's.
    pub fn known_hashes(&self, key: &RecordKey) -> Result<Vec<ChangeHash>, StoreError> {
        let prf = row::record_prf(&self.core.sealer, key);
        let mut out: Vec<ChangeHash> = self
            .signed_changes(key)?
            .iter()
            .filter_map(|change| change.hash().ok())
            .collect();
        out.extend(pending::hashes(&self.core, &prf)?);
        out.extend(quarantine::hashes(&self.core, &prf)?);
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }

    /// Whether each of these changes is known here, see [`Store::known_hashes`].
    ///
    /// # Errors
    /// The store's.
    pub fn has_changes(&self, wanted: &[(RecordKey, Vec<ChangeHash>)]) -> Result<Vec<Vec<bool>>, StoreError> {
        wanted
            .iter()
            .map(|(key, hashes)| {
                let known = self.known_hashes(key)?;
                Ok(hashes
                    .iter()
                    .map(|hash| known.binary_search(hash).is_ok())
                    .collect())
            })
            .collect()
    }
}
