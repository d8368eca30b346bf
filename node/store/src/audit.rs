//! Who did what: entries beside the data they speak of.
//!
//! Shape: AUDIT number → one entry, sealed under the node's key.
//!
//! Invariants: a write's entry is in the write's batch; a read's entry waits in memory
//! for the next group (at most a second) and is never dropped to make room: when too many
//! wait, the reader waits for a commit; repeats within five minutes become one entry with
//! a count; what an entry must say first (break-glass, print, export) is durable before
//! the act.

mod entry;
mod pending;
mod rows;

#[cfg(test)]
pub(crate) use entry::TARGETS_MAX;
pub use entry::{AuditEntry, AuditEvent, Outcome};
pub(crate) use pending::{PENDING_MAX, PendingAudit};
pub(crate) use rows::{enter, write};

use crate::{
    context::Context,
    core::{Core, writer::Writer},
    error::StoreError,
    kv::{KeyRange, successor},
    store::Store,
    tables::{Table, number_of},
    types::Page,
};

/// Enters something that was not a write of records.
pub(crate) fn note(core: &Writer, ctx: &Context, event: &AuditEvent) -> Result<(), StoreError> {
    let mut entry = AuditEntry {
        number: 0,
        time_ms: core.now_ms(),
        context: ctx.clone(),
        action: event.action.clone(),
        targets: event.target.iter().cloned().collect(),
        outcome: event.outcome,
        repeats: 1,
    };
    if event.durable {
        return core.transact_upkeep(1, move |tx| {
            rows::put(tx, &mut entry);
            Ok(())
        });
    }
    let pending = || {
        core.audit
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    };
    // Written before there is one more: where they cannot be, nothing piles up.
    if pending().len() >= PENDING_MAX {
        core.flush()?;
    }
    pending().push(entry);
    Ok(())
}

/// The log, newest first; the cursor is the number below which to go on.
fn list(core: &Core, cursor: Option<&str>, count: usize) -> Result<Page<AuditEntry>, StoreError> {
    let mut range = KeyRange::prefix(&Table::Audit.prefix()).reversed();
    if let Some(cursor) = cursor {
        let below: u64 = cursor.parse().map_err(|_| StoreError::Cursor)?;
        range.end = Some(Table::Audit.key_u64(below));
    } else {
        range.end = successor(&Table::Audit.prefix());
    }
    let mut entries = Vec::new();
    for (row, sealed) in core.kv.scan(&range, count.saturating_add(1))? {
        entries.push(AuditEntry::from_bytes(
            number_of(&row),
            &core.open(&row, &sealed)?,
        )?);
    }
    let more = entries.len() > count;
    entries.truncate(count);
    let next = if more {
        entries.last().map(|entry| entry.number.to_string())
    } else {
        None
    };
    Ok(Page { entries, next })
}

impl Store {
    /// Enters an operation that was no write of records into the audit log.
    ///
    /// # Errors
    /// The store's, for durable entries or when too many wait.
    pub fn audit(&self, ctx: &Context, event: &AuditEvent) -> Result<(), StoreError> {
        note(&self.core, ctx, event)
    }

    /// Writes audit entries that wait, now.
    ///
    /// # Errors
    /// The store's.
    pub fn audit_flush(&self) -> Result<(), StoreError> {
        self.core.flush()
    }

    /// The audit log, newest first.
    ///
    /// # Errors
    /// The store's, or a cursor that is none.
    pub fn audit_list(&self, cursor: Option<&str>, count: usize) -> Result<Page<AuditEntry>, StoreError> {
        list(&self.core, cursor, count)
    }
}
