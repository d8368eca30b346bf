//! Where a record stands among the others that a search finds.
//!
//! Invariants: no two records stand in the same place, so that a page may begin behind any of them.

use std::cmp::Reverse;

use chaski_fhir::search::{IndexValue, Query, SortKey, SortValue};

/// Bytes of a text that order records; those that agree in them stand in the order of their ids. Cursors
/// hold them, and a record with a long text must not end the pages of all others.
const SORT_BYTES_MAX: usize = 120;

/// Where a record stands in the order of a search.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) keys: Vec<SortKey>,
    /// The record's handle: see [`crate::lineage::handle`].
    pub(crate) id: String,
}

impl Place {
    /// Where the record `id` with these values stands.
    pub(super) fn of(query: &Query, values: &[IndexValue], id: String) -> Place {
        let mut keys = query.sort_keys(values);
        for key in &mut keys {
            if let SortKey::Up(SortValue::Text(text)) | SortKey::Down(Reverse(SortValue::Text(text))) = key {
                let mut end = text.len().min(SORT_BYTES_MAX);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                text.truncate(end);
            }
        }
        Place { keys, id }
    }
}
