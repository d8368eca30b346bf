//! Conflicts as the inbox and the command line show them.

use chaski_json::Json;

use crate::people::Author;

/// One of the values that stand against each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictValueRow {
    /// The whole value; `None` is removed.
    pub value: Option<Json>,
    /// The value as lines of (label, text) to read.
    pub lines: Vec<(String, String)>,
    /// The value the record shows meanwhile.
    pub is_safer: bool,
    /// Who wrote it.
    pub author: Author,
    /// The change that wrote it, hexadecimal.
    pub change: String,
}

/// One conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// `Type/id`.
    pub record: String,
    /// The record's type.
    pub kind: String,
    /// What the record is about, to read: drug, substance, name.
    pub title: String,
    /// The patient it concerns, if any: id and name.
    pub patient: Option<(String, String)>,
    /// Where in the record.
    pub path: String,
    /// Whether it is safety-critical.
    pub critical: bool,
    /// The record's version as listed; a resolution names it.
    pub version: String,
    /// The values, in the order `pick` counts them.
    pub values: Vec<ConflictValueRow>,
}

/// A page of the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConflictPage {
    /// Conflicts, safety-critical first within the page.
    pub rows: Vec<ConflictRow>,
    /// Where the next page starts.
    pub next: Option<String>,
    /// Records with conflicts on the whole node.
    pub total: u64,
}
