//! Who asks for a page that needs a log-in, and who sends a form.
//!
//! [`Signed`] is someone signed in, without whom a page leads to the log-in; [`Posted`] is a form
//! sent by someone signed in whose form token fits (what else is sent comes back as `resume.rs` says).

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use chaski_clinic::{Caller, Clinic, Origin, Purpose};

use crate::error::{Fault, PageError};
use crate::fields::Fields;
use crate::frame::{FLASH_RESUMED, Frame, Nav, Visitor, escape_query};
use crate::i18n::Texts;
use crate::login_form;
use crate::resume::{Kept, RESUME_FIELD, is_owner};
use crate::security::{local_path, same_secret};
use crate::state::UiState;

/// Someone signed in whose token still holds.
#[derive(Clone)]
pub(crate) struct Signed {
    pub(crate) visitor: Visitor,
    /// As whom they ask, made of their token as it is now.
    pub(crate) caller: Caller,
    /// What tells them from everybody else, in this session and the next.
    pub(crate) holder_id: String,
    pub(crate) secret: String,
    pub(crate) csrf: String,
}

impl Signed {
    pub(crate) fn t(&self) -> &'static Texts {
        self.visitor.t()
    }

    pub(crate) fn state(&self) -> &UiState {
        &self.visitor.state
    }

    /// Runs a clinical operation on a blocking thread.
    pub(crate) async fn run<T: Send + 'static, E: Into<Fault>>(
        &self,
        work: impl FnOnce(&Clinic, &Caller) -> Result<T, E> + Send + 'static,
    ) -> Result<T, PageError> {
        let (clinic, caller) = (self.state().clinic.clone(), self.caller.clone());
        let done = tokio::task::spawn_blocking(move || work(&clinic, &caller).map_err(Into::into)).await;
        done.unwrap_or(Err(Fault::Unavailable))
            .map_err(|fault| self.error(fault))
    }

    pub(crate) fn error(&self, fault: Fault) -> PageError {
        PageError::new(&self.visitor, fault, self.caller.operation_id())
    }

    /// The frame with its counts and the message left by the last post.
    pub(crate) async fn frame(&self, nav: Nav) -> Frame {
        let counted = self.run(|clinic, caller| clinic.conflict_count(caller)).await;
        let conflicts = counted.ok().flatten().unwrap_or(0);
        // A page that refreshes itself leaves the message to the page that was posted from.
        let flash = if self.visitor.by_page {
            None
        } else {
            self.visitor.state.sessions.take_flash(&self.secret)
        };
        Frame {
            conflicts,
            flash,
            ..self.visitor.bare_frame(nav)
        }
    }

    /// Goes on to `path` with a message.
    pub(crate) fn done(&self, path: &str, flash: &'static str) -> Response {
        self.visitor.state.sessions.flash(&self.secret, flash);
        Redirect::to(local_path(path)).into_response()
    }
}

impl FromRequestParts<UiState> for Signed {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &UiState) -> Result<Self, Response> {
        let visitor = Visitor::of(parts, state);
        let to_login = || {
            let next = if parts.method == Method::GET {
                escape_query(&visitor.here)
            } else {
                "/".to_owned()
            };
            Redirect::to(&format!("/login?next={next}")).into_response()
        };
        let Some((secret, session)) = visitor.session.clone() else {
            return Err(to_login());
        };
        let Ok(principal) = state.clinic.token_verify(&session.login.session) else {
            state.sessions.close(&secret);
            return Err(to_login());
        };
        Ok(Self {
            visitor,
            caller: principal.caller(state.clinic.operation_id(), &Purpose::Treatment, Origin::Ui),
            holder_id: session.login.holder_id,
            secret,
            csrf: session.csrf,
        })
    }
}

/// A form sent by someone signed in, from a page of ours.
pub(crate) struct Posted {
    pub(crate) signed: Signed,
    pub(crate) fields: Fields,
    /// It was typed in a session that has ended: shown again, filled in, and saved only when its
    /// reader sends it once more.
    pub(crate) resumed: bool,
}

impl Posted {
    /// The status of a form that is only shown again; its page says so.
    pub(crate) fn resumed_status(&self) -> StatusCode {
        let signed = &self.signed;
        signed.state().sessions.flash(&signed.secret, FLASH_RESUMED);
        StatusCode::OK
    }

    /// Where a form of one tap is tapped again.
    pub(crate) fn resume_at(&self, path: &str) -> Response {
        self.signed.done(path, FLASH_RESUMED)
    }
}

impl FromRequest<UiState> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, state: &UiState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::of(&parts, state);
        let signed = Signed::from_request_parts(&mut parts, state).await;
        let request = Request::from_parts(parts, body);
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, state)
            .await
            .map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
        let fields = Fields::of(pairs);
        let signed = signed.map_err(|to_login| match Kept::of_post(&visitor.here, &fields) {
            Some(kept) => login_form::again(&visitor, &kept),
            None => to_login,
        })?;
        let sent = fields.text("csrf");
        let resumed = if same_secret(&sent, &signed.csrf) {
            fields.text(RESUME_FIELD) == "1"
        } else if is_owner(state, &sent, &signed.holder_id) {
            // The same person signed in anew, in another tab perhaps.
            true
        } else {
            return Err(signed.error(Fault::Denied).into_response());
        };
        Ok(Self {
            signed,
            fields,
            resumed,
        })
    }
}
