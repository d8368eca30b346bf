//! What is found wrong with a resource.

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
    /// The type's name as FHIR writes it.
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
