//! Sums over records: of all, and of each compartment.
//!
//! Invariants: they change in the batch that changes the record; the sum over chosen
//! compartments costs one row each, the sum over all costs none. A record that belongs to
//! several chosen compartments counts in each: both ends of a comparison choose alike.

use chaski_crdt::fingerprint::Fingerprint;

use crate::{
    core::Core,
    error::StoreError,
    row::RowHead,
    scope::{ScopeRow, scope_row},
    tx::Tx,
    types::ScopeFilter,
};

/// Moves a record's value from its old compartments to its new ones.
pub(crate) fn change(tx: &mut Tx<'_>, old: Option<&RowHead>, new: &RowHead) -> Result<(), StoreError> {
    tx.state
        .fingerprint
        .replace(old.map(|old| &old.value), Some(&new.value));
    let before = old.map(|old| old.scopes.as_slice()).unwrap_or_default();
    for scope in before.iter().filter(|scope| !new.scopes.contains(scope)) {
        let mut row = tx.scope(scope)?;
        row.replace(old.map(|old| &old.value), None);
        tx.scope_put(&row);
    }
    for scope in &new.scopes {
        let mut row = tx.scope(scope)?;
        let was = old.filter(|old| old.scopes.contains(scope)).map(|old| &old.value);
        row.replace(was, Some(&new.value));
        tx.scope_put(&row);
    }
    Ok(())
}

/// The sum over what `filter` admits, and the feed position it holds at.
pub(crate) fn of(core: &Core, filter: &ScopeFilter) -> Result<(Fingerprint, u64), StoreError> {
    let ScopeFilter::Only(scopes) = filter else {
        let state = core.state();
        return Ok((state.fingerprint, state.seq));
    };
    // The writer holds still, so that rows and position agree.
    let writer = core.hold();
    let mut sum = Fingerprint::EMPTY;
    for scope in scopes {
        let (row, _) = scope_row(&core.sealer, scope);
        if let Some(plain) = core.row(&row)? {
            sum.merge(&ScopeRow::from_bytes(&plain)?.fingerprint);
        }
    }
    Ok((sum, writer.state.seq))
}
