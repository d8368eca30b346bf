//! The scopes of a compartment: one for each set of classes that a record of it has been labelled with.
//!
//! Invariant: a scope that has a row is found here; see [`crate::scope`].

use chaski_fhir::compartment::{Compartment, Scope};

use crate::{
    core::Core,
    error::StoreError,
    kv::KeyRange,
    scope::{listed, listed_row},
};

/// Sets of classes of a compartment read at once.
const SETS_AT_ONCE: usize = 64;

/// Every scope of a compartment, that of what is not labelled first.
pub(crate) fn scopes_of(core: &Core, compartment: &Compartment) -> Result<Vec<Scope>, StoreError> {
    let mut scopes = vec![Scope::from(compartment.clone())];
    let mut range = KeyRange::prefix(&listed_row(&core.sealer, compartment, None));
    loop {
        let rows = core.kv.scan(&range, SETS_AT_ONCE)?;
        for (row, sealed) in &rows {
            scopes.push(Scope {
                compartment: compartment.clone(),
                classes: listed(&core.open(row, sealed)?)?,
            });
        }
        match rows.last() {
            Some((last, _)) if rows.len() == SETS_AT_ONCE => {
                range.start = last.iter().copied().chain([0]).collect();
            }
            _ => return Ok(scopes),
        }
    }
}

/// Whether a scope is listed with its compartment.
pub(crate) fn is_listed(core: &Core, scope: &Scope) -> Result<bool, StoreError> {
    let row = listed_row(&core.sealer, &scope.compartment, Some(&scope.classes));
    Ok(scope.classes.is_empty() || core.row(&row)?.is_some())
}
