//! A fuzz target for everything that is decoded from outside, what the targets
//! begin with, and a way to try them with inputs made by chance.
//!
//! A target is a function of an input that panics if a property is broken, and
//! does nothing else that shows: a finding replays from its bytes alone.
//! `tests/it/fuzz.rs` runs all of them for a short while on every run of the
//! tests; `libfuzzer` has the same targets with coverage for guidance.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a target's way to tell a finding is to panic, and a seed that can't be made is one"
)]

mod changes;
mod clinic;
mod mutate;
mod pieces;
mod run;
mod seeds;
mod targets;

pub use mutate::{INPUT_BYTES_MAX, Mutator};
pub use run::{Figures, Finding, Run};
pub use seeds::{Seed, seeds, seeds_of};
pub use targets::authority::authority;
pub use targets::change_merge::change_merge;
pub use targets::change_parse::change_parse;
pub use targets::codec::codec;
pub use targets::http_search::http_search;
pub use targets::import::import;
pub use targets::json::json;
pub use targets::parcel::parcel;
pub use targets::reconcile::reconcile;
pub use targets::search::search;
pub use targets::texts::texts;
pub use targets::ticket::ticket;
pub use targets::wire::wire;

use changes::{NETWORK, body_of, policy, sealed, sign, signer, stamp, tail_of, tail_with, writer_of};
use clinic::{empty_clinic, operator};
use pieces::{Pieces, put_piece, unsigned};

/// Tries one input: panics if a property that must hold for every input is broken.
pub type Target = fn(&[u8]);

/// Every target by its name.
pub const TARGETS: &[(&str, Target)] = &[
    ("authority", authority),
    ("change_merge", change_merge),
    ("change_parse", change_parse),
    ("codec", codec),
    ("http_search", http_search),
    ("import", import),
    ("json", json),
    ("parcel", parcel),
    ("reconcile", reconcile),
    ("search", search),
    ("texts", texts),
    ("ticket", ticket),
    ("wire", wire),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, target)| *target)
}

#[cfg(test)]
mod tests;
