//! The conflict inbox: what stands against what, and its decision.

mod commands;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;
mod view;

pub use commands::{Choice, ConflictError};
pub use view::{ConflictPage, ConflictRow, ConflictValueRow};

use crate::features::Feature;

pub(crate) const FEATURE: Feature = Feature {
    name: "conflict",
    operations: &["conflict_list", "conflict_resolve", "conflict_view"],
};
