//! Writing entries into a group.
//!
//! Invariants: numbers are given in the group that writes the entry, without gaps; a write's entry is in the
//! write's own group.

use chaski_crdt::key::RecordKey;

use super::entry::{AuditEntry, Outcome, TARGETS_MAX};
use crate::{context::Context, seal::KeyId, tables::Table, tx::Tx};

/// Writes entries that waited into a group.
pub(crate) fn write(tx: &mut Tx<'_>, entries: &mut [AuditEntry]) {
    for entry in entries {
        put(tx, entry);
    }
}

/// Puts an entry, which gets its number now if it has none.
pub(super) fn put(tx: &mut Tx<'_>, entry: &mut AuditEntry) {
    if entry.number == 0 {
        tx.state.audit_seq = tx.state.audit_seq.saturating_add(1);
        entry.number = tx.state.audit_seq;
    }
    tx.put(KeyId::NODE, Table::Audit.key_u64(entry.number), entry.to_bytes());
}

/// Enters a write into its own group.
pub(crate) fn enter(tx: &mut Tx<'_>, ctx: &Context, action: &str, targets: &[RecordKey]) {
    for targets in targets.chunks(TARGETS_MAX) {
        let mut entry = AuditEntry {
            number: 0,
            time_ms: tx.group_ms,
            context: ctx.clone(),
            action: action.to_owned(),
            targets: targets.to_vec(),
            outcome: Outcome::Ok,
            repeats: 1,
        };
        put(tx, &mut entry);
    }
}
