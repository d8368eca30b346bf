//! How much the reads of one bundle may answer: a few words can ask for every record many times over.

use chaski_json::Json;

use super::outcome::EntryOutcome;
use crate::record::RecordError;

/// Bytes that the reads of one bundle answer together, at most.
pub const BUNDLE_READ_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is left of it.
pub(super) struct Room {
    bytes: usize,
}

impl Room {
    pub(super) fn new() -> Room {
        Room {
            bytes: BUNDLE_READ_BYTES_MAX,
        }
    }

    /// Refuses to read on where all is used up.
    pub(super) fn check(&self) -> Result<(), RecordError> {
        match self.bytes {
            0 => Err(too_large()),
            _ => Ok(()),
        }
    }

    /// An answer that still fits. One that doesn't is the last that is looked at.
    pub(super) fn take(&mut self, outcome: EntryOutcome) -> Result<EntryOutcome, RecordError> {
        let left = self.bytes.checked_sub(outcome_bytes(&outcome));
        self.bytes = left.unwrap_or(0);
        match left {
            Some(_) => Ok(outcome),
            None => Err(too_large()),
        }
    }
}

fn too_large() -> RecordError {
    RecordError::TooLarge("what this bundle asks for: ask for less at a time".to_owned())
}

fn outcome_bytes(outcome: &EntryOutcome) -> usize {
    match outcome {
        EntryOutcome::Written(_) | EntryOutcome::Deleted(_) => 0,
        EntryOutcome::Read(current) | EntryOutcome::Version(current) => bytes(&current.json),
        EntryOutcome::History(page) => page
            .entries
            .iter()
            .filter_map(|one| one.json.as_ref())
            .map(bytes)
            .sum(),
        EntryOutcome::Search(_, page) => page.entries.iter().map(|one| bytes(&one.json)).sum(),
    }
}

/// About as many as it takes to write out.
fn bytes(json: &Json) -> usize {
    match json {
        Json::Null | Json::Bool(_) => 5,
        Json::Number(number) => number.as_str().len() + 1,
        Json::String(text) => text.len() + 3,
        Json::Array(items) => items.iter().map(bytes).sum::<usize>() + 2,
        Json::Object(members) => {
            members
                .iter()
                .map(|(name, value)| name.len() + 4 + bytes(value))
                .sum::<usize>()
                + 2
        }
    }
}
