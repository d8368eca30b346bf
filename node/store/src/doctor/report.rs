//! What a doctor tells: the problems it found, and how much it looked at.
//!
//! Invariants: no problem carries content of a record; all are counted, the first are listed.

use chaski_crdt::key::RecordKey;

/// Problems listed one by one; beyond it they are counted.
const PROBLEMS_MAX: usize = 1_000;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about: a table, or a file.
    pub place: String,
    /// The record, where it is known.
    pub record: Option<RecordKey>,
    /// What is wrong; no content.
    pub what: String,
}

/// What a doctor found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Records checked.
    pub records: u64,
    /// Changes whose signatures were checked.
    pub changes: u64,
    /// Rows opened.
    pub rows: u64,
    /// Records that are damaged.
    pub damaged: u64,
    /// Problems found.
    pub problems: u64,
    /// The first of them.
    pub listed: Vec<Problem>,
    /// Records taken over into a rebuilt store.
    pub rebuilt: Option<u64>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_whole(&self) -> bool {
        self.problems == 0
    }

    pub(crate) fn problem(&mut self, place: &str, record: Option<&RecordKey>, what: impl Into<String>) {
        self.problems += 1;
        if self.listed.len() < PROBLEMS_MAX {
            self.listed.push(Problem {
                place: place.to_owned(),
                record: record.cloned(),
                what: what.into(),
            });
        }
    }
}
