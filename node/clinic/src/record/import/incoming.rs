//! A resource between the reading and the writing of an import.

use chaski_json::Json;
use chaski_store::RecordKey;

/// A resource on its way in.
pub(super) struct Incoming {
    pub(super) place: String,
    pub(super) key: RecordKey,
    pub(super) json: Json,
    /// It is made on condition that there is none: one that is here stays as it is.
    pub(super) is_if_none: bool,
}
