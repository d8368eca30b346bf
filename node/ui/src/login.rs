//! Log-in with a token, the language switch, log-out.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use crate::error::{Fault, PageError, told};
use crate::fields::Fields;
use crate::frame::{FLASH_NOT_YOURS, Frame, LANGUAGE_COOKIE, Nav, Visitor, page};
use crate::i18n::Lang;
use crate::login_form::form;
use crate::resume::{Kept, ResumePage, form_token};
use crate::security::{local_path, same_secret, set_cookie};
use crate::session::SESSION_MS_MAX;
use crate::signed::Posted;
use crate::state::UiState;

const LANGUAGE_S: u64 = 365 * 24 * 60 * 60;
const TOKEN_CHARS_MAX: usize = 512;

/// A one-use token was used up; this is the one to keep.
#[derive(Template)]
#[template(path = "own_token.html")]
struct OwnTokenPage {
    f: Frame,
    token: String,
    next: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Next {
    next: String,
}

/// `GET /login`
pub(crate) async fn login_page(visitor: Visitor, Query(query): Query<Next>) -> Response {
    if visitor.session.is_some() && query.next.is_empty() {
        return Redirect::to("/").into_response();
    }
    form(&visitor, StatusCode::OK, &query.next, None, None)
}

/// `POST /login`
pub(crate) async fn login(visitor: Visitor, Form(pairs): Form<Vec<(String, String)>>) -> Response {
    let fields = Fields::of(pairs);
    let kept = Kept::of_login(&fields);
    let refused = |status, problem: String| {
        form(
            &visitor,
            status,
            &fields.text("next"),
            Some(problem),
            kept.as_ref(),
        )
    };
    let (state, t, next) = (&visitor.state, visitor.t(), fields.text("next"));
    let now_ms = state.node.now_ms();
    if !visitor
        .pre_csrf
        .as_deref()
        .is_some_and(|csrf| same_secret(csrf, &fields.text("csrf")))
    {
        return refused(StatusCode::FORBIDDEN, t.s("login-form-old"));
    }
    if let Some(lang) = Lang::parse(&fields.text("lang")) {
        return in_language(visitor.clone(), lang, &next, kept.as_ref());
    }
    if let Some(seconds) = state.sessions.locked_s(visitor.address, now_ms) {
        let text = t.n("login-locked", seconds.div_ceil(60));
        let mut response = refused(StatusCode::TOO_MANY_REQUESTS, text);
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        return response;
    }
    let token: String = fields.text("token").chars().take(TOKEN_CHARS_MAX).collect();
    match sign_in(&visitor, token, &next, kept.as_ref()).await {
        Ok(response) => {
            state.sessions.succeeded(visitor.address);
            response
        }
        Err(Fault::SignIn | Fault::Denied | Fault::NotFound | Fault::Invalid(_)) => {
            state.sessions.failed(visitor.address, now_ms);
            refused(StatusCode::UNAUTHORIZED, t.s("login-wrong"))
        }
        Err(fault) if kept.is_some() => {
            let (status, key) = told(&fault);
            refused(status, t.s(format!("error-{key}-text")))
        }
        Err(fault) => PageError::new(&visitor, fault, state.clinic.operation_id()).into_response(),
    }
}

/// The log-in in another language: a post of its own form, so that what it carries goes along.
fn in_language(mut visitor: Visitor, lang: Lang, next: &str, kept: Option<&Kept>) -> Response {
    visitor.lang = lang;
    let mut response = form(&visitor, StatusCode::OK, next, None, kept);
    let cookie = language_cookie(lang, visitor.state.secure_cookies);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}

/// Checks the token and opens a session under a fresh secret.
async fn sign_in(
    visitor: &Visitor,
    token: String,
    next: &str,
    kept: Option<&Kept>,
) -> Result<Response, Fault> {
    let state = &visitor.state;
    let clinic = state.clinic.clone();
    let login = tokio::task::spawn_blocking(move || {
        let operation_id = clinic.operation_id();
        clinic.login(operation_id, &token).map_err(Fault::from)
    });
    let mut login = login.await.unwrap_or(Err(Fault::Unavailable))?;
    let own_token = login.own_token.take();
    let secret = state.secret();
    let csrf = form_token(state, &state.secret(), &login.holder_id);
    let owned = kept.filter(|kept| kept.belongs_to(state, &login.holder_id));
    state
        .sessions
        .open(&secret, csrf.clone(), login, state.node.now_ms());
    if kept.is_some() && owned.is_none() {
        state.sessions.flash(&secret, FLASH_NOT_YOURS);
    }
    if let Some((old, _)) = &visitor.session {
        state.sessions.close(old);
    }
    let names = state.cookie_names();
    let next = local_path(next);
    let mut response = match own_token {
        None if let Some(kept) = owned => page(
            StatusCode::OK,
            &ResumePage {
                f: visitor.bare_frame(Nav::None),
                csrf,
                kept: kept.clone(),
            },
        ),
        None => Redirect::to(next).into_response(),
        Some(token) => {
            let f = visitor.bare_frame(Nav::None);
            page(
                StatusCode::OK,
                &OwnTokenPage {
                    f,
                    token,
                    next: next.to_owned(),
                },
            )
        }
    };
    let cookies = [
        set_cookie(
            &names.session,
            &secret,
            SESSION_MS_MAX / 1_000,
            true,
            state.secure_cookies,
        ),
        set_cookie(&names.pre, "", 0, true, state.secure_cookies),
    ];
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `GET /login/once/{secret}`: a link that signs its first visitor in, made by the node itself.
pub(crate) async fn login_once(
    visitor: Visitor,
    Path(secret): Path<String>,
    Query(query): Query<Next>,
) -> Response {
    let token = visitor
        .state
        .sessions
        .link_take(&secret, visitor.state.node.now_ms());
    if let Some(token) = token
        && let Ok(response) = sign_in(&visitor, token, &query.next, None).await
    {
        return response;
    }
    form(
        &visitor,
        StatusCode::UNAUTHORIZED,
        "/",
        Some(visitor.t().s("login-link-used")),
        None,
    )
}

/// `POST /logout`
pub(crate) async fn logout(State(state): State<UiState>, posted: Posted) -> Response {
    state.sessions.close(&posted.signed.secret);
    let session = posted.signed.visitor.session.clone();
    let closed = posted.signed.run(move |clinic, caller| match session {
        Some((_, session)) => clinic.session_close(caller, &session.login.session),
        None => Ok(()),
    });
    if closed.await.is_err() {
        tracing::warn!("a session was not closed in the store; it ends by itself");
    }
    let mut response = Redirect::to("/login").into_response();
    let gone = set_cookie(&state.cookie_names().session, "", 0, true, state.secure_cookies);
    response.headers_mut().append(header::SET_COOKIE, gone);
    response
}

/// `GET /language/{code}`
pub(crate) async fn language(
    State(state): State<UiState>,
    Path(code): Path<String>,
    Query(query): Query<Next>,
) -> Response {
    remember_language(&code, &query.next, state.secure_cookies)
}

pub(crate) fn remember_language(code: &str, next: &str, secure: bool) -> Response {
    let mut response = Redirect::to(local_path(next)).into_response();
    if let Some(lang) = Lang::parse(code) {
        response
            .headers_mut()
            .append(header::SET_COOKIE, language_cookie(lang, secure));
    }
    response
}

fn language_cookie(lang: Lang, secure: bool) -> HeaderValue {
    set_cookie(LANGUAGE_COOKIE, lang.code(), LANGUAGE_S, true, secure)
}

/// As [`language`], for pages without a [`UiState`].
pub(crate) async fn language_plain(Path(code): Path<String>, Query(query): Query<Next>) -> Response {
    remember_language(&code, &query.next, false)
}
