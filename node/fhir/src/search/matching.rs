//! Whether values match a query.

use super::{IndexValue, Query};

impl Query {
    /// Whether a record with these values (of [`super::extract`]) is found.
    pub fn matches(&self, _values: &[IndexValue]) -> bool {
        false
    }
}
