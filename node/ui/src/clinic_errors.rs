//! The clinic's errors as the few that pages tell apart. The clinic's own text
//! goes to the log under the operation's reference, never to a page.

use chaski_clinic::Clinic;
use chaski_clinic::access::AccessError;
use chaski_clinic::chart::ChartError;
use chaski_clinic::conflict::ConflictError;
use chaski_clinic::field::{FieldErrors, Reason as Why};
use chaski_clinic::patient::PatientSearchError;
use chaski_clinic::record::RecordError;

use crate::desk::{DeskError, FieldProblem, Reason};

fn internal(clinic: &Clinic, error: &dyn std::fmt::Display) -> DeskError {
    let reference = format!("{:016x}", clinic.operation_id());
    tracing::error!(%error, reference, "a page met an error of the clinic");
    DeskError::Internal(reference)
}

pub(crate) fn record(clinic: &Clinic, error: RecordError) -> DeskError {
    match error {
        RecordError::Denied(_) => DeskError::Denied,
        RecordError::NotFound(_)
        | RecordError::Gone { .. }
        | RecordError::VersionNotFound(_)
        | RecordError::BadId
        | RecordError::UnknownKind(_) => DeskError::NotFound,
        RecordError::Stale { .. }
        | RecordError::Exists(_)
        | RecordError::Matched(_)
        | RecordError::ConflictOpen { .. } => DeskError::Stale,
        // A form may write more than one record, and stands or falls as one.
        RecordError::Entry { source, .. } => record(clinic, *source),
        RecordError::DiskFull => DeskError::DiskFull,
        RecordError::TooCostly => DeskError::Unavailable,
        RecordError::Invalid { .. } | RecordError::Refused(_) | RecordError::TooLarge(_) => {
            DeskError::Invalid(Vec::new())
        }
        other => internal(clinic, &other),
    }
}

pub(crate) fn access(clinic: &Clinic, error: &AccessError) -> DeskError {
    match error {
        AccessError::Denied(_) => DeskError::Denied,
        AccessError::Invalid | AccessError::OneUse | AccessError::Used | AccessError::Unknown => {
            DeskError::SignIn
        }
        other => internal(clinic, other),
    }
}

pub(crate) fn chart_error(clinic: &Clinic, error: ChartError) -> DeskError {
    match error {
        ChartError::Denied(_) => DeskError::Denied,
        ChartError::Record(error) => record(clinic, error),
    }
}

pub(crate) fn search_error(clinic: &Clinic, error: PatientSearchError) -> DeskError {
    match error {
        PatientSearchError::Denied(_) => DeskError::Denied,
        PatientSearchError::TooLong => DeskError::Invalid(Vec::new()),
        PatientSearchError::Record(error) => record(clinic, error),
    }
}

pub(crate) fn conflict_error(clinic: &Clinic, error: ConflictError) -> DeskError {
    match error {
        ConflictError::Denied(_) => DeskError::Denied,
        ConflictError::NotOpen | ConflictError::NoSuchValue(_) | ConflictError::Changed => DeskError::Stale,
        ConflictError::Record(error) => record(clinic, error),
    }
}

/// Problems at the form's own field names.
pub(crate) fn fields(errors: &FieldErrors, name: impl Fn(&str) -> &'static str) -> DeskError {
    let problem = |error: &chaski_clinic::field::FieldError| FieldProblem {
        field: name(error.field),
        reason: match error.reason {
            Why::Required => Reason::Required,
            Why::TooLong => Reason::TooLong,
            Why::Malformed => Reason::Malformed,
            Why::InFuture => Reason::InFuture,
            Why::TooOld => Reason::TooLongAgo,
            Why::Impossible => Reason::Impossible,
            Why::NotPositive => Reason::NotPositive,
            Why::UnknownCode => Reason::NotAChoice,
            Why::Inconsistent => Reason::Inconsistent,
            Why::Gone => Reason::Gone,
            Why::Duplicate => Reason::Duplicate,
            Why::Outdated => Reason::Outdated,
        },
    };
    DeskError::Invalid(errors.0.iter().map(problem).collect())
}
