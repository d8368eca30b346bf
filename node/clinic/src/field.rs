//! What a form may get wrong, as codes: the pages put them into words.

use std::fmt;

/// Why a field was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It must be filled in.
    Required,
    /// It has more characters than it may.
    TooLong,
    /// It is not written the way it must be.
    Malformed,
    /// A date that has not come yet.
    InFuture,
    /// A birth more than 140 years ago.
    TooOld,
    /// A number no living body has.
    Impossible,
    /// It must be greater than zero.
    NotPositive,
    /// Not one of the codes it may be.
    UnknownCode,
    /// It does not fit another field (diastolic above systolic, say).
    Inconsistent,
    /// What it names is not in the record any more.
    Gone,
    /// The same is in the record already.
    Duplicate,
    /// It was written for what other fields said before.
    Outdated,
}

impl Reason {
    /// A stable code for messages files.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Reason::Required => "required",
            Reason::TooLong => "too-long",
            Reason::Malformed => "malformed",
            Reason::InFuture => "in-future",
            Reason::TooOld => "too-old",
            Reason::Impossible => "impossible",
            Reason::NotPositive => "not-positive",
            Reason::UnknownCode => "unknown-code",
            Reason::Inconsistent => "inconsistent",
            Reason::Gone => "gone",
            Reason::Duplicate => "duplicate",
            Reason::Outdated => "outdated",
        }
    }
}

/// One field that was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldError {
    /// The field's name, as in the form's struct.
    pub field: &'static str,
    /// Why.
    pub reason: Reason,
}

/// Every field that was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    pub(crate) fn add(&mut self, field: &'static str, reason: Reason) {
        self.0.push(FieldError { field, reason });
    }

    pub(crate) fn check(self) -> Result<(), FieldErrors> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for FieldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not accepted:")?;
        for error in &self.0 {
            write!(f, " {} ({})", error.field, error.reason.code())?;
        }
        Ok(())
    }
}

impl std::error::Error for FieldErrors {}

/// Trims, and refuses what is longer than `chars_max` or has control characters.
pub(crate) fn text(
    errors: &mut FieldErrors,
    field: &'static str,
    value: &str,
    chars_max: usize,
) -> Option<String> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    if value.chars().count() > chars_max {
        errors.add(field, Reason::TooLong);
        return None;
    }
    if value.chars().any(char::is_control) {
        errors.add(field, Reason::Malformed);
        return None;
    }
    Some(value.to_owned())
}
