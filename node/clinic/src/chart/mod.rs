//! The chart: what is known of one patient, who wrote it and when, and what
//! stands against what.

#[cfg(test)]
mod counted_tests;
mod feature;
mod follow;
mod rest;
#[cfg(test)]
mod row_tests;
mod said;
mod section;
mod sheet;
#[cfg(test)]
mod tests;
mod view;
#[cfg(test)]
mod withdrawn_tests;

pub(crate) use feature::FEATURE;
pub use rest::Rest;
pub use said::Said;
pub use section::{RecordMeta, Row, Section, Subject, either};
pub use sheet::{KindCount, Sheet, SheetLine};
pub use view::{Chart, CompleteAsOf};
