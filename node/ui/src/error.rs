//! Every failure a page can meet, as a page. The one place where errors become
//! HTML; internal text never reaches it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use chaski_clinic::access::AccessError;
use chaski_clinic::conflict::ConflictError;
use chaski_clinic::form::{FieldErrors, FormError};
use chaski_clinic::record::RecordError;

use crate::frame::{Frame, Nav, Visitor, page};

/// Why an operation did not happen, as far as pages tell it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The token is unknown, expired or revoked.
    SignIn,
    /// This role may not.
    Denied,
    /// No such record.
    NotFound,
    /// Fields to correct; none where it is the whole that cannot be taken.
    Invalid(FieldErrors),
    /// What was seen has changed since.
    Stale,
    /// Records of different patients stand under one id.
    Collision,
    /// The disk is below its floor: writes are refused, reading goes on.
    DiskFull,
    /// Busy, locked or stopping; try again.
    Unavailable,
    /// A fault of ours: its text is for the log, never for a page.
    Internal(String),
}

fn internal(error: &dyn std::fmt::Display) -> Fault {
    Fault::Internal(error.to_string())
}

impl From<RecordError> for Fault {
    fn from(error: RecordError) -> Fault {
        match error {
            RecordError::Denied(_) => Fault::Denied,
            RecordError::NotFound(_)
            | RecordError::Gone { .. }
            | RecordError::VersionNotFound(_)
            | RecordError::BadId
            | RecordError::UnknownKind(_) => Fault::NotFound,
            RecordError::Stale { .. }
            | RecordError::Exists(_)
            | RecordError::Matched(_)
            | RecordError::ConflictOpen { .. } => Fault::Stale,
            RecordError::Collision(_) => Fault::Collision,
            // A form may write more than one record, and stands or falls as one.
            RecordError::Entry { source, .. } => Fault::from(*source),
            RecordError::DiskFull => Fault::DiskFull,
            RecordError::TooCostly => Fault::Unavailable,
            RecordError::Invalid { .. } | RecordError::Refused(_) | RecordError::TooLarge(_) => {
                Fault::Invalid(FieldErrors::default())
            }
            other => internal(&other),
        }
    }
}

impl From<FormError> for Fault {
    fn from(error: FormError) -> Fault {
        match error {
            FormError::Denied(_) => Fault::Denied,
            FormError::Invalid(errors) => Fault::Invalid(errors),
            FormError::Record(error) => Fault::from(error),
        }
    }
}

impl From<ConflictError> for Fault {
    fn from(error: ConflictError) -> Fault {
        match error {
            ConflictError::Denied(_) => Fault::Denied,
            ConflictError::NotOpen | ConflictError::NoSuchValue(_) | ConflictError::Changed => Fault::Stale,
            ConflictError::Record(error) => Fault::from(error),
        }
    }
}

impl From<AccessError> for Fault {
    fn from(error: AccessError) -> Fault {
        match error {
            AccessError::Denied(_) => Fault::Denied,
            AccessError::Invalid | AccessError::OneUse | AccessError::Used | AccessError::Unknown => {
                Fault::SignIn
            }
            other => internal(&other),
        }
    }
}

/// A failure and to whom it is told.
#[derive(Debug)]
pub(crate) struct PageError {
    pub(crate) visitor: Box<Visitor>,
    pub(crate) fault: Fault,
    /// Names the operation in the log and in the audit.
    reference: String,
}

impl PageError {
    /// Notes a fault of ours in the log, under the operation that met it.
    pub(crate) fn new(visitor: &Visitor, fault: Fault, operation_id: u64) -> PageError {
        let reference = format!("{operation_id:016x}");
        if let Fault::Internal(error) = &fault {
            tracing::error!(%error, reference, "a page met an error of the clinic");
        }
        PageError {
            visitor: Box::new(visitor.clone()),
            fault,
            reference,
        }
    }

    /// Of what is in the log already, under this reference.
    pub(crate) fn noted(visitor: &Visitor, reference: String) -> PageError {
        PageError {
            visitor: Box::new(visitor.clone()),
            fault: Fault::Internal(String::new()),
            reference,
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    f: Frame,
    code: u16,
    title: String,
    text: String,
    stale: bool,
    reference: Option<String>,
}

/// A failure's status, and the key of its texts.
pub(crate) fn told(fault: &Fault) -> (StatusCode, &'static str) {
    match fault {
        Fault::SignIn | Fault::Denied => (StatusCode::FORBIDDEN, "denied"),
        Fault::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        Fault::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        Fault::Stale => (StatusCode::CONFLICT, "stale"),
        Fault::Collision => (StatusCode::CONFLICT, "collision"),
        Fault::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
        Fault::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        Fault::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if self.fault == Fault::SignIn {
            return Redirect::to("/login").into_response();
        }
        let (status, key) = told(&self.fault);
        let reference = matches!(self.fault, Fault::Internal(_)).then_some(self.reference);
        error_page(&self.visitor, status, key, reference)
    }
}

/// A page with the texts of an error.
fn error_page(visitor: &Visitor, status: StatusCode, key: &str, reference: Option<String>) -> Response {
    let f = visitor.bare_frame(Nav::None);
    let title = f.t.s(format!("error-{key}-title"));
    let text = f.t.s(format!("error-{key}-text"));
    page(
        status,
        &ErrorPage {
            f,
            code: status.as_u16(),
            title,
            text,
            stale: matches!(key, "stale" | "collision"),
            reference,
        },
    )
}

/// That carrying files takes two roles that this visitor does not both have.
pub(crate) fn parcel_denied(visitor: &Visitor) -> Response {
    error_page(visitor, StatusCode::FORBIDDEN, "parcel-denied", None)
}

/// Any path that is no page.
pub(crate) async fn not_found(visitor: Visitor) -> Response {
    PageError::new(&visitor, Fault::NotFound, 0).into_response()
}
