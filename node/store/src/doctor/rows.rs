//! Going through the rows of a table, whether they open or not.

use crate::{core::Core, error::StoreError, kv::KeyRange, tables::Table};

/// Rows read at once.
const ROWS_AT_ONCE: usize = 256;

/// What looks at a row: its key, and its plain value if it opens.
type Look<'a> = dyn FnMut(&[u8], Result<Vec<u8>, StoreError>) -> Result<(), StoreError> + 'a;

/// Calls `with` for every row of a table.
pub(super) fn each_row(core: &Core, table: Table, with: &mut Look<'_>) -> Result<(), StoreError> {
    let mut range = KeyRange::prefix(&table.prefix());
    loop {
        let rows = core.kv.scan(&range, ROWS_AT_ONCE)?;
        let Some((last, _)) = rows.last() else {
            return Ok(());
        };
        range.start = last.iter().copied().chain([0]).collect();
        for (row, sealed) in &rows {
            with(row, core.open(row, sealed))?;
        }
    }
}
