//! Problems and diagnoses.

mod view;

pub use view::ProblemRow;

use crate::features::Feature;

pub(crate) const FEATURE: Feature = Feature {
    kinds: &["Condition"],
    section: Some(view::section),
    ..Feature::new("problem", &[])
};
