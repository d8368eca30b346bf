//! Structural validation against the R4 definitions: elements, cardinality, types, formats,
//! required codes, shapes of references.
//!
//! Reading merged data never depends on this; it is for what enters. An error means that the
//! record is not FHIR R4; what is merely unwise is a warning. Diagnostics name elements and
//! types, never values. Deliberately absent: profiles, invariants beyond structure, terminology
//! beyond required code lists, and whether references resolve.

mod narrative;
mod object;
mod primitive;

#[cfg(test)]
mod tests;

use chaski_json::Json;

/// Most issues reported of one resource.
pub const ISSUES_MAX: usize = 100;
/// Deepest nesting of objects.
pub const DEPTH_MAX: usize = 100;

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The record can't be taken.
    Error,
    /// Worth a look; the record can be taken.
    Warning,
    /// For information only.
    Information,
}

impl Severity {
    /// The severity's code as FHIR writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

/// One thing that validation found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// FHIR issue type code (`structure`, `required`, `value`, `invariant`, ...).
    pub code: &'static str,
    /// Where: a FHIRPath such as `Patient.contact[1].gender`; empty if nowhere in particular.
    pub expression: String,
    /// What, in English, without values of the record.
    pub diagnostics: String,
}

impl Issue {
    /// An issue of the severity error.
    pub fn error(code: &'static str, expression: String, diagnostics: String) -> Self {
        Self {
            severity: Severity::Error,
            code,
            expression,
            diagnostics,
        }
    }
}

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
