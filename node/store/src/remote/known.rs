//! Which changes of a record need not be sent.

use chaski_crdt::{change::ChangeHash, key::RecordKey};

use super::{awaiting, pending, quarantine};
use crate::{error::StoreError, row, store::Store};

impl Store {
    /// Hashes of all changes of a record that need not be sent: accepted, evidence,
    /// waiting for others or for their author to be known, or set aside.
    ///
    /// # Errors
    /// The store's.
    pub fn known_hashes(&self, key: &RecordKey) -> Result<Vec<ChangeHash>, StoreError> {
        let prf = row::record_prf(&self.core.sealer, key);
        let mut out: Vec<ChangeHash> = self
            .signed_changes(key)?
            .iter()
            .filter_map(|change| change.hash().ok())
            .collect();
        out.extend(pending::hashes(&self.core, &prf)?);
        out.extend(awaiting::hashes(&self.core, &prf)?);
        out.extend(quarantine::hashes(&self.core, &prf)?);
        out.sort_unstable();
        out.dedup();
        Ok(out)
    }
}
