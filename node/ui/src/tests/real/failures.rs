//! Each error of the clinic is told as what it is: a full disk is not a busy one, and no inner text shows.

use chaski_clinic::access::AccessError;
use chaski_clinic::chart::ChartError;
use chaski_clinic::conflict::ConflictError;
use chaski_clinic::field::{FieldError, FieldErrors, Reason as Why};
use chaski_clinic::patient::PatientSearchError;
use chaski_clinic::record::RecordError;
use chaski_clinic::{Denied, RecordKey};

use super::Real;
use crate::clinic_errors::{access, chart_error, conflict_error, fields, record, search_error};
use crate::{DeskError, Reason};

fn denied() -> Denied {
    Denied {
        action: "record_read",
        role: "Qollpa".into(),
    }
}

/// A fault of ours: of those only the reference is told, and that differs.
fn internal() -> DeskError {
    DeskError::Internal(String::new())
}

fn same(found: &DeskError, expected: &DeskError) -> bool {
    match (found, expected) {
        (DeskError::Internal(reference), DeskError::Internal(_)) => {
            reference.len() == 16 && reference.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        (found, expected) => found == expected,
    }
}

fn rows() -> Vec<(RecordError, DeskError)> {
    let key = || RecordKey::new("Patient", "a").unwrap();
    let text = || "Qollpa".to_owned();
    let invalid = || DeskError::Invalid(Vec::new());
    vec![
        (RecordError::Denied(denied()), DeskError::Denied),
        (RecordError::NotFound(key()), DeskError::NotFound),
        (
            RecordError::Gone {
                key: key(),
                version: text(),
            },
            DeskError::NotFound,
        ),
        (RecordError::VersionNotFound(key()), DeskError::NotFound),
        (RecordError::BadId, DeskError::NotFound),
        (RecordError::UnknownKind(text()), DeskError::NotFound),
        (
            RecordError::Stale {
                key: key(),
                current: text(),
            },
            DeskError::Stale,
        ),
        (RecordError::Exists(key()), DeskError::Stale),
        (RecordError::Matched(text()), DeskError::Stale),
        (
            RecordError::ConflictOpen {
                key: key(),
                path: text(),
            },
            DeskError::Stale,
        ),
        (RecordError::DiskFull, DeskError::DiskFull),
        (RecordError::TooCostly, DeskError::Unavailable),
        (
            RecordError::Invalid {
                kind: text(),
                issues: Vec::new(),
            },
            invalid(),
        ),
        (RecordError::Refused(text()), invalid()),
        (RecordError::TooLarge(text()), invalid()),
        (RecordError::NotAResource, internal()),
        (RecordError::ForeignId(text()), internal()),
        (
            RecordError::KeyMismatch {
                body: text(),
                url: text(),
            },
            internal(),
        ),
        (
            RecordError::IdMissing {
                kind: text(),
                url: text(),
            },
            internal(),
        ),
        (
            RecordError::ReferenceMissing {
                kind: text(),
                reference: text(),
            },
            internal(),
        ),
        (RecordError::MultipleMatches(text()), internal()),
        (RecordError::NoMatch(text()), internal()),
        (RecordError::BadCursor, internal()),
        (RecordError::Bundle(text()), internal()),
        (RecordError::Output(std::io::ErrorKind::BrokenPipe), internal()),
    ]
}

#[test]
fn an_error_of_a_record_is_told_as_the_same_wherever_it_is_met() {
    let clinic = Real::new().clinic;
    let entry = |error| RecordError::Entry {
        index: 1,
        source: Box::new(error),
    };
    let ways: [(&str, &dyn Fn(RecordError) -> DeskError); 6] = [
        ("alone", &|error| record(&clinic, error)),
        ("in a form of several records", &|error| {
            record(&clinic, entry(error))
        }),
        ("two deep", &|error| record(&clinic, entry(entry(error)))),
        ("in a chart", &|error| {
            chart_error(&clinic, ChartError::Record(error))
        }),
        ("in a search", &|error| {
            search_error(&clinic, PatientSearchError::Record(error))
        }),
        ("in a conflict", &|error| {
            conflict_error(&clinic, ConflictError::Record(error))
        }),
    ];
    for (way, told) in ways {
        for (error, expected) in rows() {
            let said = format!("{error:?} {way}");
            let found = told(error);
            assert!(same(&found, &expected), "{said}: {found:?}");
            assert!(!format!("{found:?}").contains("Qollpa"), "{said}: {found:?}");
        }
    }
    let stale = DeskError::Stale;
    for (found, expected) in [
        (
            chart_error(&clinic, ChartError::Denied(denied())),
            DeskError::Denied,
        ),
        (
            search_error(&clinic, PatientSearchError::Denied(denied())),
            DeskError::Denied,
        ),
        (
            search_error(&clinic, PatientSearchError::TooLong),
            DeskError::Invalid(Vec::new()),
        ),
        (
            conflict_error(&clinic, ConflictError::Denied(denied())),
            DeskError::Denied,
        ),
        (conflict_error(&clinic, ConflictError::NotOpen), stale.clone()),
        (
            conflict_error(&clinic, ConflictError::NoSuchValue(2)),
            stale.clone(),
        ),
        (conflict_error(&clinic, ConflictError::Changed), stale),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_token_that_does_not_hold_leads_to_the_log_in_and_nothing_else_does() {
    let clinic = Real::new().clinic;
    for (error, expected) in [
        (AccessError::Denied(denied()), DeskError::Denied),
        (AccessError::Invalid, DeskError::SignIn),
        (AccessError::OneUse, DeskError::SignIn),
        (AccessError::Used, DeskError::SignIn),
        (AccessError::Unknown, DeskError::SignIn),
        (AccessError::Ambiguous, internal()),
        (AccessError::UserName, internal()),
        (AccessError::NoRole, internal()),
        (AccessError::Life, internal()),
        (AccessError::Full, internal()),
    ] {
        let found = access(&clinic, &error);
        assert!(same(&found, &expected), "{error:?}: {found:?}");
    }
}

#[test]
fn each_reason_stays_the_same_reason_at_its_own_field() {
    let reasons = [
        (Why::Required, Reason::Required),
        (Why::TooLong, Reason::TooLong),
        (Why::Malformed, Reason::Malformed),
        (Why::InFuture, Reason::InFuture),
        (Why::TooOld, Reason::TooLongAgo),
        (Why::Impossible, Reason::Impossible),
        (Why::NotPositive, Reason::NotPositive),
        (Why::UnknownCode, Reason::NotAChoice),
        (Why::Inconsistent, Reason::Inconsistent),
        (Why::Gone, Reason::Gone),
        (Why::Duplicate, Reason::Duplicate),
        (Why::Outdated, Reason::Outdated),
    ];
    let errors = reasons.iter().map(|(reason, _)| FieldError {
        field: "own",
        reason: *reason,
    });
    let name = |own: &str| if own == "own" { "shown" } else { "" };
    let DeskError::Invalid(problems) = fields(&FieldErrors(errors.collect()), name) else {
        panic!("fields to correct");
    };
    let found = problems
        .into_iter()
        .map(|problem| (problem.field, problem.reason));
    let expected = reasons.into_iter().map(|(_, reason)| ("shown", reason));
    assert!(found.eq(expected));
}
