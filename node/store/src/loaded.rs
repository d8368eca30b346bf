//! A record read from its row.

use std::collections::HashMap;

use chaski_crdt::{change::ChangeHash, record::Record};

use crate::{error::StoreError, row::Row};

/// A record read from its row.
pub(crate) struct Loaded {
    pub(crate) row: Row,
    pub(crate) record: Record,
    /// When each change arrived here.
    arrivals: HashMap<ChangeHash, u64>,
}

/// Loads a record from its row.
pub(crate) fn load(row: Row) -> Result<Loaded, StoreError> {
    let damaged = StoreError::Damaged("record");
    let changes = row.tail.changes()?;
    let hashes = changes
        .iter()
        .map(|change| change.hash().map_err(|_| damaged.clone()));
    let hashes: Vec<ChangeHash> = hashes.collect::<Result<_, _>>()?;
    let arrivals = hashes
        .into_iter()
        .zip(row.tail.arrivals.iter().copied())
        .collect();
    let record = Record::load(row.head.key.clone(), changes).map_err(|_| damaged)?;
    Ok(Loaded {
        row,
        record,
        arrivals,
    })
}

impl Loaded {
    /// Apart: the record, and the older row.
    pub(crate) fn split(self) -> (Record, (Row, HashMap<ChangeHash, u64>)) {
        (self.record, (self.row, self.arrivals))
    }
}
