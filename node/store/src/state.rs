//! What changes with every write: counters, clocks and the sum over all records.
//!
//! Invariants: it stands in one META row that is part of every batch, so it agrees with
//! the rows beside it after any crash; `clock_ms` and `hlc` never go back.

use chaski_crdt::fingerprint::Fingerprint;

use crate::{
    codec::{Dec, Enc},
    error::StoreError,
};

/// Version of the row's form. The first knew of nothing that waits for its author to be known, and of no list
/// of documents; the second of no record that lies beside another of its key; with the third a record's row did not tell who made its
/// newest change.
const VERSION: u8 = 4;

/// The node's mutable state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    /// Last feed position used.
    pub(crate) seq: u64,
    /// Last audit number used.
    pub(crate) audit_seq: u64,
    /// Last `meta.lastUpdated` given, in milliseconds: local time never runs below it.
    pub(crate) clock_ms: u64,
    /// Last hybrid clock stamp made or absorbed.
    pub(crate) hlc: u64,
    /// Sum over all records.
    pub(crate) fingerprint: Fingerprint,
    pub(crate) records: u64,
    pub(crate) deleted: u64,
    pub(crate) conflicted_records: u64,
    pub(crate) conflicts: u64,
    pub(crate) quarantined: u64,
    pub(crate) pending: u64,
    pub(crate) pending_bytes: u64,
    /// Changes that wait for their author to be known.
    pub(crate) awaiting: u64,
    pub(crate) awaiting_bytes: u64,
    /// Generation of the list of documents, see [`crate::blob_list`]; 0 before the first.
    pub(crate) documents: u64,
    /// Rows that lie beside another of the same key, see [`crate::lineage`].
    pub(crate) beside: u64,
}

impl Default for State {
    fn default() -> State {
        State {
            seq: 0,
            audit_seq: 0,
            clock_ms: 0,
            hlc: 0,
            fingerprint: Fingerprint::EMPTY,
            records: 0,
            deleted: 0,
            conflicted_records: 0,
            conflicts: 0,
            quarantined: 0,
            pending: 0,
            pending_bytes: 0,
            awaiting: 0,
            awaiting_bytes: 0,
            documents: 0,
            beside: 0,
        }
    }
}

impl State {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut enc = Enc::new();
        enc.u8(VERSION).raw(&self.fingerprint.to_bytes());
        for number in [
            self.seq,
            self.audit_seq,
            self.clock_ms,
            self.hlc,
            self.records,
            self.deleted,
            self.conflicted_records,
            self.conflicts,
            self.quarantined,
            self.pending,
            self.pending_bytes,
            self.awaiting,
            self.awaiting_bytes,
            self.documents,
            self.beside,
        ] {
            enc.varint(number);
        }
        enc.out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<State, StoreError> {
        let mut dec = Dec::new(bytes, "state");
        dec.form(VERSION)?;
        let fingerprint = Fingerprint::from_bytes(&dec.array()?);
        Ok(State {
            fingerprint,
            seq: dec.varint()?,
            audit_seq: dec.varint()?,
            clock_ms: dec.varint()?,
            hlc: dec.varint()?,
            records: dec.varint()?,
            deleted: dec.varint()?,
            conflicted_records: dec.varint()?,
            conflicts: dec.varint()?,
            quarantined: dec.varint()?,
            pending: dec.varint()?,
            pending_bytes: dec.varint()?,
            awaiting: dec.varint()?,
            awaiting_bytes: dec.varint()?,
            documents: dec.varint()?,
            beside: dec.varint()?,
        })
    }
}
