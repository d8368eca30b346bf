//! The FHIR R4 vocabulary: definitions, record policy, search parameters, references,
//! compartments, structural validation and OperationOutcome.
//!
//! Invariants: everything here is a pure function of its arguments and of the embedded
//! R4 4.0.1 definitions; nothing reads a clock, draws randomness, or does I/O. Nothing here
//! knows about merging, storage or HTTP. Diagnostics name paths and codes, never the values
//! of a record.

pub mod compartment;
pub mod date;
pub mod definitions;
pub mod digits;
pub mod id;
pub mod kinds;
pub mod label;
pub mod outcome;
pub mod policy;
pub mod reference;
pub mod sample;
pub mod search;
pub mod sought;
pub mod summary;
pub mod validate;
pub mod vitals;
