//! One record: its signed changes, its document, and what both say.
//!
//! Invariants:
//! - the document holds exactly the accepted changes ([`crate::accept`]);
//! - reading never fails and never depends on order of arrival: a [`View`] is a
//!   value and its issues;
//! - writes ([`write`]) are puts at the heads the writer read; a write that
//!   fails leaves the record as it was.

mod held;
mod load;
mod resolve;
mod view;
mod write;

pub use held::{ChangeInfo, Record};
pub use load::LoadError;
pub use resolve::Choice;
pub use view::View;
pub use write::{HISTORY_CHANGES_MAX, WriteError, with_labels};

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
