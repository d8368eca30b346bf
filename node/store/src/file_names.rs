//! The names in a store's directory that both its opening and its closing speak of. What is closed, made and
//! renamed under them is told in [`crate::files`].

/// Empty, and locked while the store is open.
pub(crate) const LOCK: &str = "chaski.lock";
/// Stands while a store is being made.
pub(crate) const MAKING: &str = "chaski.making";
/// The database's directory.
pub(crate) const DB: &str = "db";
/// The database's own files.
pub(crate) const DB_FILE: &str = "db/db";
pub(crate) const DB_CONFIG: &str = "db/conf";
/// A database that is being made from the whole records of a damaged one.
pub(crate) const REBUILDING: &str = "chaski.rebuilding";
