//! JSON with literal numbers, no duplicate keys and one canonical form.
//!
//! Invariants:
//! - a number keeps the text it was written with (`1.0` stays `1.0`), so a
//!   dose or a laboratory value never changes its stated precision;
//! - an object has each key once (a document that repeats one is refused:
//!   which of the two a reader would have taken is anybody's guess) and keeps
//!   its keys sorted, so equal values have equal canonical text;
//! - parsing is bounded in bytes and in depth, and recursion is no deeper
//!   than that bound.
//!
//! Deliberately absent: streaming, comments, any FHIR knowledge.

mod literal;
mod number;
mod parse;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use number::Number;
pub use parse::{Limits, ParseError, ParseErrorKind, parse, parse_str};
pub use value::{Json, Object};
