//! Each error of the clinic is told as what it is: a full disk is not a busy one, and no inner text shows.

use chaski_clinic::access::AccessError;
use chaski_clinic::conflict::ConflictError;
use chaski_clinic::form::{FieldError, FieldErrors, FormError, Reason};
use chaski_clinic::record::RecordError;
use chaski_clinic::{Denied, RecordKey};

use crate::error::Fault;

fn denied() -> Denied {
    Denied {
        action: "record_read",
        role: "Qollpa".into(),
    }
}

/// A fault of ours: of those only a reference is told; what it was is for the log.
fn internal() -> Fault {
    Fault::Internal(String::new())
}

fn same(found: &Fault, expected: &Fault) -> bool {
    match (found, expected) {
        (Fault::Internal(_), Fault::Internal(_)) => true,
        (found, expected) => found == expected,
    }
}

fn rows() -> Vec<(RecordError, Fault)> {
    let key = || RecordKey::new("Patient", "a").unwrap();
    let text = || "Qollpa".to_owned();
    let invalid = || Fault::Invalid(FieldErrors::default());
    vec![
        (RecordError::Denied(denied()), Fault::Denied),
        (RecordError::NotFound(key()), Fault::NotFound),
        (
            RecordError::Gone {
                key: key(),
                version: text(),
            },
            Fault::NotFound,
        ),
        (RecordError::VersionNotFound(key()), Fault::NotFound),
        (RecordError::BadId, Fault::NotFound),
        (RecordError::UnknownKind(text()), Fault::NotFound),
        (
            RecordError::Stale {
                key: key(),
                current: text(),
            },
            Fault::Stale,
        ),
        (RecordError::Exists(key()), Fault::Stale),
        (RecordError::Matched(text()), Fault::Stale),
        (
            RecordError::ConflictOpen {
                key: key(),
                path: text(),
            },
            Fault::Stale,
        ),
        (RecordError::Collision(key()), Fault::Collision),
        (RecordError::DiskFull, Fault::DiskFull),
        (RecordError::TooCostly, Fault::Unavailable),
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
    let entry = |error| RecordError::Entry {
        index: 1,
        source: Box::new(error),
    };
    let ways: [(&str, &dyn Fn(RecordError) -> Fault); 5] = [
        ("alone", &Fault::from),
        ("in a form of several records", &|error| Fault::from(entry(error))),
        ("two deep", &|error| Fault::from(entry(entry(error)))),
        ("in a form", &|error| Fault::from(FormError::from(error))),
        ("in a conflict", &|error| {
            Fault::from(ConflictError::Record(error))
        }),
    ];
    for (way, told) in ways {
        for (error, expected) in rows() {
            let said = format!("{error:?} {way}");
            let found = told(error);
            assert!(same(&found, &expected), "{said}: {found:?}");
        }
    }
    let errors = || {
        FieldErrors(vec![FieldError {
            field: "own",
            reason: Reason::Duplicate,
            right: String::new(),
        }])
    };
    for (found, expected) in [
        (Fault::from(FormError::Denied(denied())), Fault::Denied),
        (
            Fault::from(FormError::Invalid(errors())),
            Fault::Invalid(errors()),
        ),
        (Fault::from(ConflictError::Denied(denied())), Fault::Denied),
        (Fault::from(ConflictError::NotOpen), Fault::Stale),
        (Fault::from(ConflictError::NoSuchValue(2)), Fault::Stale),
        (Fault::from(ConflictError::Changed), Fault::Stale),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn a_token_that_does_not_hold_leads_to_the_log_in_and_nothing_else_does() {
    for (error, expected) in [
        (AccessError::Denied(denied()), Fault::Denied),
        (AccessError::Invalid, Fault::SignIn),
        (AccessError::OneUse, Fault::SignIn),
        (AccessError::Used, Fault::SignIn),
        (AccessError::Unknown, Fault::SignIn),
        (AccessError::Ambiguous, internal()),
        (AccessError::UserName, internal()),
        (AccessError::NoRole, internal()),
        (AccessError::Life, internal()),
        (AccessError::Full, internal()),
    ] {
        let said = format!("{error:?}");
        let found = Fault::from(error);
        assert!(same(&found, &expected), "{said}: {found:?}");
    }
}
