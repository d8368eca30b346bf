//! Taking in what waited for its author to be known.
//!
//! Invariants: it goes the way of a batch that arrives, with nobody as its source; a record's changes
//! leave the waiting ones in the transaction that takes them in, so that a power cut loses none and
//! going on needs no note of how far it went.

use std::{collections::BTreeSet, sync::Arc};

use chaski_crdt::{
    author::{NodeId, SignedChange, VerifiedChange},
    key::RecordKey,
};

use super::{
    apply::{Merged, Seen, look, look_tx, merge, received, settle, shared_out},
    awaiting::{self, Waiting},
    quarantine,
};
use crate::{
    context::Context,
    core::Core,
    error::StoreError,
    identity::Signer,
    row,
    store::Store,
    tables::Table,
    tx::Tx,
    types::{ApplyReport, Quarantined},
};

/// Most records taken in by one transaction.
pub(crate) const RECORDS_AT_ONCE: usize = 64;

/// A record with what waited for it, merged.
struct Admitted {
    key: RecordKey,
    waited: Vec<SignedChange>,
    verified: Vec<VerifiedChange>,
    refused: Vec<Quarantined>,
    merged: Merged,
}

fn admitted(
    core: &Core,
    signer: &Signer,
    key: RecordKey,
    waited: Vec<SignedChange>,
    seen: Seen,
) -> Result<Admitted, StoreError> {
    let (mut verified, mut refused) = (Vec::with_capacity(waited.len()), Vec::new());
    for change in &waited {
        match change.verify(&signer.network, &key) {
            Ok(change) => verified.push(change),
            Err(error) => refused.push(Quarantined {
                key: key.clone(),
                hash: change.hash().ok(),
                reason: error.to_string(),
                peer: None,
                received_ms: core.now_ms(),
            }),
        }
    }
    let merged = merge(core, signer, None, &key, &verified, seen)?;
    Ok(Admitted {
        key,
        waited,
        verified,
        refused,
        merged,
    })
}

fn write(
    tx: &mut Tx<'_>,
    signer: &Signer,
    authors: &BTreeSet<NodeId>,
    records: Vec<Admitted>,
) -> Result<ApplyReport, StoreError> {
    let mut report = ApplyReport::default();
    for mut record in records {
        let prf = row::record_prf(&tx.core.sealer, &record.key);
        let waited = awaiting::take(tx, &prf, authors)?;
        if waited.is_empty() {
            // Somebody else has admitted them meanwhile.
            continue;
        }
        if waited != record.waited {
            let seen = look_tx(tx, &record.key)?;
            record = admitted(tx.core, signer, record.key, waited, seen)?;
        }
        let changes = (&record.key, record.verified.as_slice());
        settle(tx, signer, None, changes, record.merged, &mut report)?;
        for item in record.refused {
            quarantine::put(tx, &item, false)?;
            report.quarantined.push(item);
        }
    }
    report.position = tx.state.seq;
    Ok(report)
}

fn sum(into: &mut ApplyReport, one: ApplyReport) {
    into.records += one.records;
    into.changes += one.changes;
    into.duplicates += one.duplicates;
    into.orphans.extend(one.orphans);
    into.quarantined.extend(one.quarantined);
    into.position = one.position;
}

impl Store {
    /// Takes in all that waits by these authors, who are known as members now; durable on return. In
    /// several transactions where much waits: after a failure it may be called again and goes on.
    ///
    /// A batch that was judged before and is committed afterwards may leave more of them waiting:
    /// whoever judges calls this once more after it.
    ///
    /// # Errors
    /// The store's. What could not be read waits on, and all else has been taken in.
    pub fn authors_admit(
        &self,
        ctx: &Context,
        authors: &BTreeSet<NodeId>,
    ) -> Result<ApplyReport, StoreError> {
        let state = self.core.state();
        let mut report = ApplyReport {
            position: state.seq,
            ..ApplyReport::default()
        };
        if state.awaiting == 0 || authors.is_empty() {
            return Ok(report);
        }
        let signer = self.signer().ok_or(StoreError::NoIdentity)?;
        let (mut from, mut is_damaged) = (Some(awaiting::start()), false);
        while let Some(start) = from {
            let by_them = |change: &SignedChange| authors.contains(&change.author.node);
            let found = awaiting::find(&self.core, start, RECORDS_AT_ONCE, by_them)?;
            (from, is_damaged) = (found.next, is_damaged | found.is_damaged);
            let (records, all_read) = self.merged(&signer, found.records)?;
            is_damaged |= !all_read;
            if records.is_empty() {
                continue;
            }
            let (signer, authors) = (Arc::clone(&signer), authors.clone());
            let work = move |tx: &mut Tx<'_>| write(tx, &signer, &authors, records);
            let one = self.core.transact(RECORDS_AT_ONCE, work)?;
            received(&self.core, ctx, &one)?;
            sum(&mut report, one);
        }
        match is_damaged {
            true => Err(StoreError::Damaged(Table::Awaiting.name())),
            false => Ok(report),
        }
    }

    /// The records with what waited for them merged, and whether all of them could be read.
    fn merged(&self, signer: &Signer, records: Vec<Waiting>) -> Result<(Vec<Admitted>, bool), StoreError> {
        let core = &*self.core;
        let count = records.len();
        let merged = shared_out(core, records, |Waiting { key, changes }| {
            let waited = changes.into_iter().map(|(_, change)| change).collect();
            let seen = look(core, &key);
            match seen.and_then(|seen| admitted(core, signer, key, waited, seen)) {
                Ok(admitted) => Ok(Some(admitted)),
                Err(StoreError::Damaged(_)) => Ok(None),
                Err(error) => Err(error),
            }
        })?;
        let merged: Vec<Admitted> = merged.into_iter().flatten().collect();
        let all_read = merged.len() == count;
        Ok((merged, all_read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        StoreError,
        testing::*,
        tests::{
            awaiting::{PEER, bring},
            peers::write as write_basic,
        },
    };

    /// What comes, or is admitted by another, between merging and committing.
    #[test]
    fn what_has_changed_since_it_was_merged_is_merged_again_or_left_alone() {
        let (stranger, _) = memory_store(3);
        for language in ["one", "two"] {
            write_basic(&stranger, "r", language);
        }
        let changes = stranger.signed_changes(&key("Basic/r")).unwrap();
        let authors = BTreeSet::from([stranger.identity().unwrap().node]);
        for is_admitted_meanwhile in [false, true] {
            let (store, _) = memory_store(2);
            let signer = store.signer().unwrap();
            bring(&store, PEER, "Basic/r", &changes[..1]).unwrap();
            let found = awaiting::find(&store.core, awaiting::start(), RECORDS_AT_ONCE, |_| true);
            let (records, all_read) = store.merged(&signer, found.unwrap().records).unwrap();
            assert!(all_read && records.len() == 1);
            bring(&store, PEER, "Basic/r", &changes[1..]).unwrap();
            if is_admitted_meanwhile {
                store.authors_admit(&ctx(), &authors).unwrap();
            }
            let (position, by) = (store.position(), authors.clone());
            let work = move |tx: &mut Tx<'_>| write(tx, &signer, &by, records);
            let report = store.core.transact::<_, StoreError>(1, work).unwrap();
            let wanted = if is_admitted_meanwhile { (0, 0) } else { (1, 2) };
            assert_eq!((report.records, report.changes), wanted);
            assert_eq!(store.position() > position, !is_admitted_meanwhile);
            assert_eq!(store.awaiting_count(), 0);
            assert_eq!(store.signed_changes(&key("Basic/r")).unwrap(), changes);
            assert!(store.verify().unwrap().is_whole());
        }
    }
}
