//! The chart: what is known of one patient, who wrote it and when, and what
//! stands against what.

#[cfg(test)]
mod counted_tests;
#[cfg(test)]
mod row_tests;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod withdrawn_tests;

pub use view::{Chart, CompleteAsOf, RecordMeta, Row, Section, Subject};

use crate::features::Feature;

pub(crate) const FEATURE: Feature = Feature::new("chart", &["chart_view"]);
