//! What the node holds, in numbers.

#[cfg(test)]
mod tests;

use chaski_store::StoreError;
use thiserror::Error;

use crate::feature::Feature;
use crate::policy_decision::Denied;
use crate::{Caller, Clinic};

pub(crate) const FEATURE: Feature = Feature::new("status", &["status_view"]);

/// How much a node holds and what of it needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClinicStatus {
    /// Records held that the caller may see, deleted ones not counted.
    pub records: u64,
    /// Of these, records with open conflicts.
    pub conflicts: u64,
    /// Changes set aside.
    pub quarantined: u64,
}

/// Why there is no status.
#[derive(Debug, Error)]
pub enum StatusError {
    /// The policy refused it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store's own.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Clinic {
    /// What the node holds.
    ///
    /// # Errors
    /// [`StatusError`].
    pub fn status_view(&self, caller: &Caller) -> Result<ClinicStatus, StatusError> {
        let (records, conflicts) = self.door_counts(caller)?;
        Ok(ClinicStatus {
            records,
            conflicts,
            quarantined: self.store().stats()?.quarantined,
        })
    }
}
