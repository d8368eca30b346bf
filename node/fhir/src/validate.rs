//! Structural validation against the R4 definitions: elements, cardinality, types, formats,
//! required codes, shapes of references.
//!
//! Reading merged data never depends on this; it is for what enters. An error means that the
//! record is not FHIR R4; what is merely unwise is a warning. Diagnostics name elements and
//! types, never values. Deliberately absent: profiles, invariants beyond structure, terminology
//! beyond required code lists, and whether references resolve.

mod issue;
mod narrative;
mod object;
mod primitive;

#[cfg(test)]
mod tests;

use chaski_json::Json;

pub use issue::{DEPTH_MAX, ISSUES_MAX, Issue, Severity};

/// Checks a resource's structure: empty when nothing is wrong. At most [`ISSUES_MAX`] issues.
pub fn validate(resource: &Json) -> Vec<Issue> {
    let mut checker = object::Checker::default();
    checker.resource(resource, object::Place::Root);
    checker.into_issues()
}

/// Whether any of them is an error.
pub fn has_errors(issues: &[Issue]) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error)
}
