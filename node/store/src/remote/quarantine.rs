//! Changes set aside: remembered by hash, with the reason, never asked for again until
//! someone says so.
//!
//! Invariants: only a change whose signature was good is remembered as known, else a relay
//! could make a node refuse a good change by sending it with a bad signature first.

use chaski_crdt::{author::NodeId, change::ChangeHash, key::RecordKey};

use super::bounds::QUARANTINE_MAX;
use crate::{
    codec::{Dec, Enc},
    core::Core,
    error::StoreError,
    kv::KeyRange,
    seal::{KeyId, Prf},
    store::Store,
    tables::Table,
    tx::Tx,
    types::Quarantined,
};

/// Longest reason kept, in bytes.
const REASON_BYTES_MAX: usize = 200;

/// Which changes of which record are set aside as known.
fn row(core: &Core, key: &RecordKey, hash: &ChangeHash) -> Vec<u8> {
    let record = crate::row::record_prf(&core.sealer, key);
    let change = core.sealer.prf("quarantine", &[&hash.0]);
    Table::Quarantine.key(&[&record, &change])
}

fn refused_row(core: &Core, item: &Quarantined) -> Vec<u8> {
    let record = crate::row::record_prf(&core.sealer, &item.key);
    let hash = item.hash.map(|hash| hash.0).unwrap_or_default();
    let peer = item.peer.map(|peer| peer.0).unwrap_or_default();
    Table::Quarantine.key(&[
        &record,
        &core
            .sealer
            .prf("refused", &[&hash, &peer, item.reason.as_bytes()]),
    ])
}

fn encode(item: &Quarantined, known: bool) -> Vec<u8> {
    let mut enc = Enc::new();
    let mut end = item.reason.len().min(REASON_BYTES_MAX);
    while !item.reason.is_char_boundary(end) {
        end -= 1;
    }
    enc.u8(1).flag(known).key(&item.key).varint(item.received_ms);
    enc.text(item.reason.get(..end).unwrap_or_default());
    enc.flag(item.hash.is_some());
    if let Some(hash) = &item.hash {
        enc.raw(&hash.0);
    }
    enc.flag(item.peer.is_some());
    if let Some(peer) = &item.peer {
        enc.raw(&peer.0);
    }
    enc.out
}

fn decode(bytes: &[u8]) -> Result<(Quarantined, bool), StoreError> {
    let mut dec = Dec::new(bytes, "quarantine entry");
    dec.form(1)?;
    let known = dec.flag()?;
    let key = dec.key()?;
    let received_ms = dec.varint()?;
    let reason = dec.text()?.to_owned();
    let hash = if dec.flag()? {
        Some(ChangeHash(dec.array()?))
    } else {
        None
    };
    let peer = if dec.flag()? {
        Some(NodeId(dec.array()?))
    } else {
        None
    };
    Ok((
        Quarantined {
            key,
            hash,
            reason,
            peer,
            received_ms,
        },
        known,
    ))
}

/// Sets a change aside. `known`: its signature was good.
pub(crate) fn put(tx: &mut Tx<'_>, item: &Quarantined, known: bool) -> Result<(), StoreError> {
    let row = match (known, &item.hash) {
        (true, Some(hash)) => row(tx.core, &item.key, hash),
        _ => refused_row(tx.core, item),
    };
    if tx.row(&row)?.is_some() || tx.state.quarantined >= QUARANTINE_MAX {
        return Ok(());
    }
    tx.state.quarantined += 1;
    tx.put(KeyId::NODE, row, encode(item, known));
    Ok(())
}

/// Hashes of a record's changes that were set aside as known.
pub(crate) fn hashes(core: &Core, record: &Prf) -> Result<Vec<ChangeHash>, StoreError> {
    let range = KeyRange::prefix(&Table::Quarantine.key(&[record]));
    let mut out = Vec::new();
    for (row, sealed) in core.kv.scan(&range, QUARANTINE_MAX as usize)? {
        let (item, known) = decode(&core.open(&row, &sealed)?)?;
        if known {
            out.extend(item.hash);
        }
    }
    Ok(out)
}

impl Store {
    /// Up to `limit` changes that were set aside.
    ///
    /// # Errors
    /// The store's.
    pub fn quarantine(&self, limit: usize) -> Result<Vec<Quarantined>, StoreError> {
        let rows = self
            .core
            .kv
            .scan(&KeyRange::prefix(&Table::Quarantine.prefix()), limit)?;
        rows.iter()
            .map(|(row, sealed)| Ok(decode(&self.core.open(row, sealed)?)?.0))
            .collect()
    }

    /// Forgets what was set aside, so that it is asked for again.
    ///
    /// # Errors
    /// The store's.
    pub fn quarantine_forget(&self) -> Result<(), StoreError> {
        let range = KeyRange::prefix(&Table::Quarantine.prefix());
        self.core.transact_upkeep(1, move |tx| {
            for (row, _) in tx.core.kv.scan(&range, QUARANTINE_MAX as usize)? {
                tx.remove(row);
            }
            tx.state.quarantined = 0;
            Ok(())
        })
    }

    /// How many changes are set aside.
    pub fn quarantined_count(&self) -> u64 {
        self.core.state().quarantined
    }

    /// How many changes wait for their predecessors.
    pub fn pending_count(&self) -> u64 {
        self.core.state().pending
    }
}
