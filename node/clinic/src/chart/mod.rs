//! The chart: what is known of one patient, who wrote it and when, and what
//! stands against what.

#[cfg(test)]
mod counted_tests;
mod feature;
#[cfg(test)]
mod row_tests;
mod section;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod withdrawn_tests;

pub(crate) use feature::FEATURE;
pub use section::{RecordMeta, Row, Section, Subject, either};
pub use view::{Chart, CompleteAsOf};
