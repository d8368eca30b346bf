//! What is kept in memory of documents, beside them.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

/// What was made of documents, each with the sealed row that its document began with then: any writing
/// of the document seals that row anew, under a nonce of its own.
pub(crate) type Made = HashMap<(String, TypeId), (Option<Vec<u8>>, Arc<dyn Any + Send + Sync>)>;
