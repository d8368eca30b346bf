//! Structural validation against the R4 definitions: elements, cardinality, types, formats,
//! required codes, shapes of references.
//!
//! Reading merged data never depends on this; it is for what enters. An error means that the
//! record is not FHIR R4; what is merely unwise is a warning. Diagnostics name elements and
//! types, never values. Deliberately absent: profiles, invariants beyond structure, terminology
//! beyond required code lists, and whether references resolve.

mod issue;
mod leaf;
mod narrative;
mod object;
mod path;
mod primitive;

#[cfg(test)]
mod tests;

use chaski_json::Json;

pub use issue::{DEPTH_MAX, ISSUES_MAX, Issue, Severity};
pub use leaf::Place as LeafPlace;

/// Checks a resource's structure: empty when nothing is wrong. At most [`ISSUES_MAX`] issues.
pub fn validate(resource: &Json) -> Vec<Issue> {
    found(resource).into_iter().map(|found| found.issue).collect()
}

fn found(resource: &Json) -> Vec<object::Found> {
    let mut checker = object::Checker::default();
    checker.resource(resource, object::Place::Root);
    checker.into_found()
}

/// The errors of a resource by what they touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// What keeps the record out.
    pub errors: Vec<Issue>,
    /// Leaves beside what the record means (`docs/clinical-rules.md`, CR-120): without them it can be taken.
    pub leaves: Vec<(Issue, LeafPlace)>,
}

/// Tells the errors that keep a record out from those of leaves beside what it means. Of a record with
/// [`ISSUES_MAX`] issues or more nobody knows all, so that it is kept out.
pub fn judge(resource: &Json) -> Judged {
    let found = found(resource);
    let is_cut = found.len() >= ISSUES_MAX;
    let mut judged = Judged::default();
    for object::Found { issue, leaf } in found {
        match leaf.filter(|_| !is_cut) {
            _ if issue.severity != Severity::Error => {}
            Some(place) => judged.leaves.push((issue, place)),
            None => judged.errors.push(issue),
        }
    }
    judged
}

/// Whether any of them is an error.
pub fn has_errors(issues: &[Issue]) -> bool {
    issues.iter().any(|issue| issue.severity == Severity::Error)
}
