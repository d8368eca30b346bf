//! Values of a record for every search parameter of its kind.

use chaski_json::Json;

use super::IndexValue;

/// All values of all parameters of a record.
pub fn extract(_resource: &Json) -> Vec<IndexValue> {
    Vec::new()
}
