//! Problems and diagnoses: record one, say what became of it.

mod commands;
#[cfg(test)]
mod tests;
mod view;

pub use commands::{ProblemChange, ProblemForm};
pub use view::ProblemRow;

use crate::feature::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &view::KINDS,
    section: Some(view::section),
    #[cfg(test)]
    permissions: tests::PERMISSIONS,
    ..Feature::new("problem", &["problem_change", "problem_record", "problem_view"])
};
