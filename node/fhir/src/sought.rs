//! What people are found by: one spelling of names, numbers and phones, for what is kept and for what is typed.
//!
//! Used by the search box and by the search for duplicates, on both sides. FHIR's own search parameters keep
//! what R4 says of them ([`crate::search::fold`]).
//!
//! Invariants: a text and what a person may type for it come to the same words, or one begins the other; what
//! is kept depends on the record alone, never on a setting of the node; nothing here decides that two people
//! are one.

mod letters;
mod near;
mod numbers;
mod patient;
mod words;

pub(crate) use letters::is_ornament;
pub use letters::is_unspaced;
pub use near::{edits, is_near, likeness, sound};
pub use numbers::{Phone, PhoneMatch, bare, digits_of, is_calling_code};
pub use patient::patient_texts;
pub use words::{typed_words, words};

#[cfg(test)]
mod tests;
