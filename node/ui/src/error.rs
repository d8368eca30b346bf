//! Every failure a page can meet, as a page. The one place where errors become
//! HTML; internal text never reaches it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use crate::desk::DeskError;
use crate::frame::{Frame, Nav, Visitor, page};

/// A failure and to whom it is told.
#[derive(Debug)]
pub(crate) struct PageError {
    pub(crate) visitor: Box<Visitor>,
    pub(crate) error: DeskError,
}

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visitor")
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
pub(crate) fn told(error: &DeskError) -> (StatusCode, &'static str) {
    match error {
        DeskError::SignIn | DeskError::Denied => (StatusCode::FORBIDDEN, "denied"),
        DeskError::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        DeskError::Invalid(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        DeskError::Stale => (StatusCode::CONFLICT, "stale"),
        DeskError::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk-full"),
        DeskError::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        DeskError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if matches!(self.error, DeskError::SignIn) {
            return Redirect::to("/login").into_response();
        }
        let (status, key) = told(&self.error);
        let reference = match self.error {
            DeskError::Internal(reference) => Some(reference),
            _ => None,
        };
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
            stale: key == "stale",
            reference,
        },
    )
}

/// That carrying files takes two roles that this visitor does not both have.
pub(crate) fn bundle_denied(visitor: &Visitor) -> Response {
    error_page(visitor, StatusCode::FORBIDDEN, "bundle-denied", None)
}

/// Any path that is no page.
pub(crate) async fn not_found(visitor: Visitor) -> Response {
    PageError {
        visitor: Box::new(visitor),
        error: DeskError::NotFound,
    }
    .into_response()
}
