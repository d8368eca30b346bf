//! Sealed, indexed, crash-safe storage of records over an ordered key-value trait
