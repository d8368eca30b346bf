//! Every error as status and OperationOutcome: the one place where they are
//! mapped.

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chaski_clinic::record::RecordError;
use chaski_fhir::search::SearchError;
use chaski_fhir::validate::{Issue, Severity};
use chaski_json::Json;

use crate::headers::{FHIR_JSON, not_kept};

/// A refused request.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    issues: Vec<Issue>,
}

impl Failure {
    /// One issue with an R4 issue-type code.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Failure {
        Failure {
            status,
            issues: vec![Issue::error(code, String::new(), message.into())],
        }
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::UNAUTHORIZED, "login", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, "invalid", message)
    }

    pub(crate) fn unavailable(code: &'static str, message: impl Into<String>) -> Failure {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, code, message)
    }

    pub(crate) fn internal() -> Failure {
        Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "exception",
            "the server failed; nothing was changed unless it says so",
        )
    }

    pub(crate) fn stopping() -> Failure {
        Failure::unavailable("transient", "the server is stopping")
    }

    /// The body of the answer: an OperationOutcome with the public text.
    pub(crate) fn outcome(&self) -> Json {
        chaski_fhir::outcome::operation_outcome(&self.issues)
    }

    fn at(mut self, entry: &str) -> Failure {
        for issue in &mut self.issues {
            let below = issue.expression.split_once('.').map(|(_, rest)| rest);
            issue.expression = match below {
                Some(rest) => format!("{entry}.resource.{rest}"),
                None => entry.to_owned(),
            };
        }
        self
    }
}

impl From<RecordError> for Failure {
    fn from(error: RecordError) -> Failure {
        let text = error.to_string();
        let (status, code) = match &error {
            RecordError::Entry { index, .. } => {
                let entry = format!("Bundle.entry[{index}]");
                let RecordError::Entry { source, .. } = error else {
                    return Failure::internal();
                };
                return Failure::from(*source).at(&entry);
            }
            RecordError::Invalid { .. } => {
                let RecordError::Invalid { issues, .. } = error else {
                    return Failure::internal();
                };
                return Failure {
                    status: StatusCode::UNPROCESSABLE_ENTITY,
                    issues,
                };
            }
            RecordError::IdMissing { kind, .. } => {
                return Failure {
                    status: StatusCode::BAD_REQUEST,
                    issues: vec![Issue::error("required", format!("{kind}.id"), text)],
                };
            }
            RecordError::Search(search) => (StatusCode::BAD_REQUEST, search_code(search)),
            RecordError::Denied(_) => (StatusCode::FORBIDDEN, "forbidden"),
            RecordError::NotFound(_) | RecordError::VersionNotFound(_) => {
                (StatusCode::NOT_FOUND, "not-found")
            }
            RecordError::Gone { .. } => (StatusCode::GONE, "deleted"),
            RecordError::UnknownKind(_) => (StatusCode::NOT_FOUND, "not-supported"),
            RecordError::BadId => (StatusCode::BAD_REQUEST, "value"),
            RecordError::ForeignId(_) => (StatusCode::UNPROCESSABLE_ENTITY, "business-rule"),
            RecordError::KeyMismatch { .. } => (StatusCode::BAD_REQUEST, "invalid"),
            RecordError::NotAResource => (StatusCode::BAD_REQUEST, "structure"),
            RecordError::ReferenceMissing { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "not-found"),
            RecordError::MultipleMatches(_) => (StatusCode::PRECONDITION_FAILED, "multiple-matches"),
            RecordError::NoMatch(_) => (StatusCode::PRECONDITION_FAILED, "not-found"),
            RecordError::Stale { .. } => (StatusCode::PRECONDITION_FAILED, "conflict"),
            RecordError::Exists(_) | RecordError::Matched(_) => {
                (StatusCode::PRECONDITION_FAILED, "duplicate")
            }
            RecordError::ConflictOpen { .. } | RecordError::Collision(_) => {
                (StatusCode::CONFLICT, "conflict")
            }
            RecordError::TooCostly => (StatusCode::SERVICE_UNAVAILABLE, "too-costly"),
            RecordError::BadCursor => (StatusCode::BAD_REQUEST, "value"),
            RecordError::Bundle(_) => (StatusCode::BAD_REQUEST, "structure"),
            RecordError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-long"),
            RecordError::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "no-store"),
            RecordError::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "business-rule"),
            RecordError::Output(_) => (StatusCode::INTERNAL_SERVER_ERROR, "exception"),
            RecordError::Store(store) => {
                tracing::error!(error = %store, "the store failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "exception")
            }
        };
        Failure::new(status, code, text)
    }
}

fn search_code(error: &SearchError) -> &'static str {
    match error {
        SearchError::UnknownKind
        | SearchError::UnknownParameter(_)
        | SearchError::Modifier { .. }
        | SearchError::Unsupported { .. } => "not-supported",
        SearchError::Value { .. } => "value",
        SearchError::TooMany => "too-costly",
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.outcome().canonical()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FHIR_JSON));
        // A record that is not here, or is gone, may be here a moment later (404 and 410 are kept by
        // caches unless told, RFC 9110, 15.1).
        not_kept(headers);
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"chaski\""),
            );
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}

/// An OperationOutcome that says that all went well.
pub(crate) fn success(message: &str) -> Json {
    chaski_fhir::outcome::operation_outcome(&[Issue {
        severity: Severity::Information,
        code: "informational",
        expression: String::new(),
        diagnostics: message.to_owned(),
    }])
}

/// An OperationOutcome that says that a page ends early.
pub(crate) fn partial() -> Json {
    chaski_fhir::outcome::operation_outcome(&[Issue {
        severity: Severity::Information,
        code: "incomplete",
        expression: String::new(),
        diagnostics: "the time for one page was spent before it was full: follow the link 'next' for the rest, or narrow the search, for instance by patient or by code".to_owned(),
    }])
}

/// An OperationOutcome that warns.
pub(crate) fn warning(message: &str) -> Json {
    chaski_fhir::outcome::operation_outcome(&[Issue {
        severity: Severity::Warning,
        code: "not-supported",
        expression: String::new(),
        diagnostics: message.to_owned(),
    }])
}
