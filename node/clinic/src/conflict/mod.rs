//! The conflict inbox: what stands against what, and its decision.

#[cfg(test)]
mod colliding_tests;
mod commands;
mod error;
mod feature;
#[cfg(test)]
mod reading_tests;
mod row;
#[cfg(test)]
mod tests;
mod view;

pub use commands::Choice;
pub use error::ConflictError;
pub(crate) use feature::FEATURE;
pub use row::{ConflictPage, ConflictPart, ConflictRow, ConflictValueRow, Undecided, UndecidedSide};
