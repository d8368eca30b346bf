//! Care of a store: finding damage, and making a whole store of what is whole.
//!
//! Invariants: examining changes nothing; every row of every table is opened and read;
//! every record is checked against its signatures and everything derived from it is
//! computed again and compared.

pub(crate) mod closing;
mod pieces;
mod rebuild;
mod report;
mod rows;
mod verify;

pub use rebuild::{examine, rebuild};
pub use report::{Problem, Report};
