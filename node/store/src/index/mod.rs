//! The index: per compartment and kind a chain of sealed blocks with one entry a record,
//! and posting blocks for what must be found without knowing the patient.
//!
//! Invariants: entries change only in the batch that changes their record; an entry holds
//! keyed hashes of tokens and references, dates, and folded strings, so that most
//! filters and sorts need no record; what an entry cannot decide is decided on the record.

mod blocks;
mod chain;
mod entry;
mod posting;

pub(crate) use blocks::{block_of, entries_of, place, walk_kind, withdraw};
pub(crate) use chain::{Chain, chains_of, kind_tag};
pub(crate) use entry::{Built, EntryView, TokenHash, build, is_hashed, overfull, param_tag, posting_prefix};
pub(crate) use posting::{Posted, is_posted_kind, lookup, parse as parse_posting, posting_row};
