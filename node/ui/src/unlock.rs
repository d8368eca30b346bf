//! The page a locked node serves after a power cut, and nothing else.

use std::sync::Arc;

use askama::Template;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use axum::{Form, Router, middleware};
use jiff::tz::TimeZone;

use crate::assets;
use crate::frame::{Frame, Nav, language_of, page};
use crate::login::language_plain;
use crate::node_info::NodeSummary;
use crate::security::{form_in_time, guard};
use crate::show::Clock;

const FORM_BYTES_MAX: usize = 8 * 1024;

/// Why a node stays locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// The passphrase or recovery words do not open any slot.
    #[error("does not open")]
    Wrong,
    /// Too many attempts; wait.
    #[error("wait")]
    Wait {
        /// Seconds until the next attempt.
        seconds: u64,
    },
    /// Something else is wrong with the store.
    #[error("failed")]
    Failed,
}

/// Opens a locked store. Implemented by `chaski-node`; may block (Argon2id).
pub trait Unlock: Send + Sync + 'static {
    /// The node's name, which is not secret.
    fn name(&self) -> String;
    /// Tries a passphrase or the recovery words.
    ///
    /// # Errors
    /// [`UnlockError::Wrong`] where no slot opens.
    fn unlock(&self, secret: &str) -> Result<(), UnlockError>;
}

#[derive(Template)]
#[template(path = "unlock.html")]
struct UnlockPage {
    f: Frame,
    problem: Option<String>,
    done: bool,
}

fn show(
    unlock: &dyn Unlock,
    headers: &HeaderMap,
    status: StatusCode,
    problem: Option<String>,
    done: bool,
) -> Response {
    let t = language_of(headers).texts();
    let node = NodeSummary {
        id: String::new(),
        name: unlock.name(),
        site: None,
        test_data: false,
        zone: TimeZone::UTC,
        is_zone_read: true,
        records: 0,
        fingerprint: String::new(),
    };
    let f = Frame {
        t,
        // A locked node knows no time worth showing.
        clock: Clock {
            now_ms: 0,
            zone: TimeZone::UTC,
            t,
        },
        node,
        assets: assets::urls(),
        nav: Nav::None,
        user: None,
        csrf: String::new(),
        conflicts: 0,
        first_sync: None,
        here: "/".to_owned(),
        flash: None,
        live: None,
        demo: false,
        clock_wrong: None,
    };
    page(status, &UnlockPage { f, problem, done })
}

async fn form(State(unlock): State<Arc<dyn Unlock>>, headers: HeaderMap) -> Response {
    show(
        unlock.as_ref(),
        &headers,
        StatusCode::SERVICE_UNAVAILABLE,
        None,
        false,
    )
}

async fn unlock(
    State(unlock): State<Arc<dyn Unlock>>,
    headers: HeaderMap,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    // As typed: a passphrase may begin or end with a space.
    let secret = pairs
        .into_iter()
        .find(|(name, _)| name == "secret")
        .map(|(_, text)| text)
        .unwrap_or_default();
    let tried = Arc::clone(&unlock);
    let done = tokio::task::spawn_blocking(move || tried.unlock(&secret))
        .await
        .unwrap_or(Err(UnlockError::Failed));
    let t = language_of(&headers).texts();
    let (status, problem) = match done {
        Ok(()) => return show(unlock.as_ref(), &headers, StatusCode::OK, None, true),
        Err(UnlockError::Wrong) => (StatusCode::UNAUTHORIZED, t.s("unlock-wrong")),
        Err(UnlockError::Wait { seconds }) => (StatusCode::TOO_MANY_REQUESTS, t.n("unlock-wait", seconds)),
        Err(UnlockError::Failed) => (StatusCode::SERVICE_UNAVAILABLE, t.s("unlock-failed")),
    };
    show(unlock.as_ref(), &headers, status, Some(problem), false)
}

/// The form on every path (503 with `GET`), `POST /unlock` tries.
pub fn unlock_router(unlock_with: Arc<dyn Unlock>) -> Router {
    Router::new()
        .route("/unlock", get(form).post(unlock))
        .route("/language/{code}", get(language_plain))
        .route("/assets/{tag}/{name}", get(assets::asset))
        .route("/favicon.ico", get(assets::favicon))
        .fallback(form)
        .layer(middleware::from_fn(form_in_time))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(guard))
        .with_state(unlock_with)
}
