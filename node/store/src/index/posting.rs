//! Posting blocks: who has a certain identifier, or a name that begins so.
//!
//! Shape: POSTING prf(kind, hash) → records' PRFs. One block a token:
//! a token with more than [`RECORDS_MAX`] records is marked
//! as common and no longer posted: a search for it walks the directory.
//!
//! Shape of a block: `flags ‖ (prf 16) …`; flag 1: common.
//!
//! Invariants: a posting that is not common lists every record with its token, but for those
//! that are posted as overfull ([`super::overfull`]); the record itself decides.

use chaski_fhir::compartment;

use super::{chain::Chain, entry::TokenHash};
use crate::{
    core::Core,
    error::StoreError,
    seal::{KeyId, PLAIN_BYTES_MAX, Prf},
    tables::Table,
    tx::Tx,
};

const COMMON: u8 = 1;
/// Records one posting lists.
const RECORDS_MAX: usize = (PLAIN_BYTES_MAX - 1) / 16;

/// Whether names and identifiers of this kind are posted.
pub(crate) fn is_posted_kind(kind: &str) -> bool {
    kind == "Patient" || compartment::is_shared(kind)
}

/// The row of a token's posting.
pub(crate) fn posting_row(core: &Core, kind: &[u8; 4], hash: &TokenHash) -> Vec<u8> {
    Table::Posting.key(&[&core.sealer.prf("posting", &[kind, hash])])
}

/// What a posting says.
pub(crate) enum Posted {
    /// These records, at most, have the token.
    Records(Vec<Prf>),
    /// Too many have it.
    Common,
}

/// The records that have a token.
pub(crate) fn lookup(core: &Core, kind: &[u8; 4], hash: &TokenHash) -> Result<Posted, StoreError> {
    let Some(block) = core.row(&posting_row(core, kind, hash))? else {
        return Ok(Posted::Records(Vec::new()));
    };
    parse(&block)
}

/// Reads a posting block.
pub(crate) fn parse(block: &[u8]) -> Result<Posted, StoreError> {
    let (flags, records) = block.split_first().ok_or(StoreError::Damaged("posting block"))?;
    if flags & COMMON != 0 {
        return Ok(Posted::Common);
    }
    Ok(Posted::Records(
        records
            .chunks_exact(16)
            .filter_map(|prf| prf.try_into().ok())
            .collect(),
    ))
}

/// Moves a record from its old tokens to its new ones.
pub(crate) fn change(
    tx: &mut Tx<'_>,
    chain: &Chain,
    record: &Prf,
    before: &[TokenHash],
    after: &[TokenHash],
) -> Result<(), StoreError> {
    for hash in before.iter().filter(|hash| !after.contains(hash)) {
        let row = posting_row(tx.core, &chain.kind, hash);
        if let Some(block) = tx.row(&row)?
            && let Posted::Records(mut records) = parse(block)?
        {
            records.retain(|known| known != record);
            write(tx, row, &records);
        }
    }
    for hash in after.iter().filter(|hash| !before.contains(hash)) {
        let row = posting_row(tx.core, &chain.kind, hash);
        let records = match tx.row(&row)? {
            Some(block) => parse(block)?,
            None => Posted::Records(Vec::new()),
        };
        let Posted::Records(mut records) = records else {
            continue;
        };
        if records.len() >= RECORDS_MAX {
            tx.put(KeyId::NODE, row, vec![COMMON]);
        } else if !records.contains(record) {
            records.push(*record);
            write(tx, row, &records);
        }
    }
    Ok(())
}

fn write(tx: &mut Tx<'_>, row: Vec<u8>, records: &[Prf]) {
    if records.is_empty() {
        tx.remove(row);
    } else {
        let mut block = vec![0];
        block.extend(records.iter().flatten());
        tx.put(KeyId::NODE, row, block);
    }
}
