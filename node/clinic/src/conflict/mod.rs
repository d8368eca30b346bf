//! The conflict inbox: what stands against what, and its decision.

mod commands;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod tests;
mod view;

pub use commands::{Choice, ConflictError};
pub use view::{ConflictPage, ConflictPart, ConflictRow, ConflictValueRow};

use crate::Clinic;
use crate::features::Feature;

pub(crate) const FEATURE: Feature = Feature {
    home: Some(Clinic::conflict_count),
    ..Feature::new(
        "conflict",
        &[
            "conflict_count",
            "conflict_list",
            "conflict_resolve",
            "conflict_view",
        ],
    )
};
