//! The record policy: how each element of a record merges, as plain data.
//!
//! Shapes come from the definitions; what is safety-critical, which elements form a conflict
//! group and what the safer reading is stand in `critical.rs` (`docs/clinical-rules.md`, CR-1 to CR-5) and follow FHIR's `isModifier`.
//! This table is frozen with the record format: changing a shape changes how records are
//! encoded. It decides nothing about conflicts itself; it is handed to the merge.

mod critical;
mod groups;
mod shape;

#[cfg(test)]
mod tests;

pub use critical::{Critical, Safer, child_critical, critical};
pub use groups::{Group, groups};
pub use shape::{Shape, choice_base, element};
