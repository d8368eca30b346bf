//! Sums over records: of all, and of each scope.
//!
//! Invariants: they change in the batch that changes the record; the sum over chosen
//! compartments costs one row for each of their scopes, the sum over all costs none. A record that belongs to
//! several chosen compartments counts in each: both ends of a comparison choose alike. What is labelled with a
//! class that the filter is not cleared for is in no sum. The sum over all compartments for somebody who is not
//! cleared for everything is made of every record's value: nobody asks for it yet.

use std::collections::BTreeSet;

use chaski_crdt::fingerprint::Fingerprint;
use chaski_fhir::{
    compartment::{Compartment, Scope},
    label::Clearance,
};

use crate::{
    core::Core,
    error::StoreError,
    feed,
    row::RowHead,
    scope::{ScopeRow, scope_row},
    scopes::scopes_of,
    tx::Tx,
    types::ScopeFilter,
};

/// Moves a record's value from its old compartments to its new ones.
pub(crate) fn change(tx: &mut Tx<'_>, old: Option<&RowHead>, new: &RowHead) -> Result<(), StoreError> {
    tx.state
        .fingerprint
        .replace(old.map(|old| &old.value), Some(&new.value));
    let before: BTreeSet<Scope> = old.map(|old| old.filing.scopes().collect()).unwrap_or_default();
    let after: BTreeSet<Scope> = new.filing.scopes().collect();
    for scope in before.iter().filter(|scope| !after.contains(scope)) {
        let mut row = tx.scope(scope)?;
        row.replace(old.map(|old| &old.value), None);
        tx.scope_put(&row);
    }
    for scope in &after {
        let mut row = tx.scope(scope)?;
        let was = old.filter(|_| before.contains(scope)).map(|old| &old.value);
        row.replace(was, Some(&new.value));
        tx.scope_put(&row);
    }
    Ok(())
}

/// The sum over what `filter` admits, and the feed position it holds at.
pub(crate) fn of(core: &Core, filter: &ScopeFilter) -> Result<(Fingerprint, u64), StoreError> {
    if *filter == ScopeFilter::all() {
        let state = core.state();
        return Ok((state.fingerprint, state.seq));
    }
    // The writer holds still, so that rows and position agree.
    let writer = core.hold();
    let mut sum = Fingerprint::EMPTY;
    match &filter.compartments {
        None => feed::each(core, &mut |_, moment| {
            if filter.admits(&moment.filing) {
                sum.add(&moment.value);
            }
            Ok(())
        })?,
        Some(compartments) => {
            for compartment in compartments {
                sum.merge(&of_compartment(core, compartment, &filter.clearance)?);
            }
        }
    }
    Ok((sum, writer.state.seq))
}

fn of_compartment(
    core: &Core,
    compartment: &Compartment,
    clearance: &Clearance,
) -> Result<Fingerprint, StoreError> {
    let mut sum = Fingerprint::EMPTY;
    for scope in scopes_of(core, compartment)? {
        let (row, _) = scope_row(&core.sealer, &scope);
        if clearance.covers(&scope.classes)
            && let Some(plain) = core.row(&row)?
        {
            sum.merge(&ScopeRow::from_bytes(&plain)?.fingerprint);
        }
    }
    Ok(sum)
}
