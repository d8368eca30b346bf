//! The page on which one signs in, with or without what was typed before.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::Response;

use crate::frame::{Frame, Nav, Visitor, page};
use crate::resume::Kept;
use crate::security::{local_path, set_cookie};

const LOGIN_FORM_S: u64 = 60 * 60;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    f: Frame,
    csrf: String,
    next: String,
    problem: Option<String>,
    kept: Option<Kept>,
}

/// A form was sent after its session had ended: the log-in carries what was typed.
pub(crate) fn again(visitor: &Visitor, kept: &Kept) -> Response {
    form(visitor, StatusCode::UNAUTHORIZED, "/", None, Some(kept))
}

/// The page, where to after the log-in, what was wrong with the last try, and what it carries.
pub(crate) fn form(
    visitor: &Visitor,
    status: StatusCode,
    next: &str,
    problem: Option<String>,
    kept: Option<&Kept>,
) -> Response {
    let state = &visitor.state;
    let csrf = visitor.pre_csrf.clone().unwrap_or_else(|| state.secret());
    let pre = set_cookie(
        &state.cookie_names().pre,
        &csrf,
        LOGIN_FORM_S,
        true,
        state.secure_cookies,
    );
    let mut f = visitor.bare_frame(Nav::None);
    f.here = "/login".to_owned();
    f.user = None;
    f.live = None;
    let template = LoginPage {
        f,
        csrf,
        next: local_path(next).to_owned(),
        problem,
        kept: kept.cloned(),
    };
    let mut response = page(status, &template);
    response.headers_mut().append(header::SET_COOKIE, pre);
    response
}
