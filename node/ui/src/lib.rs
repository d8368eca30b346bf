//! Server-rendered pages for clinicians.
//!
//! Invariants: every page works without script; nothing is loaded from
//! elsewhere; the pages show `chaski-clinic`'s own rows and send its own forms, and see the node
//! only through [`NodeInfo`] and [`Parcels`]; no text that people read stands in Rust or in a
//! template: it stands in `locales/`.

mod allergy;
mod assets;
mod chart;
mod conflict;
pub mod demo;
mod error;
mod form;
mod form_page;
mod frame;
mod home;
mod hub;
mod i18n;
mod immunization;
mod live;
mod login;
mod medication;
mod node_info;
mod parcel;
mod patient;
mod person;
mod problem;
mod resume;
mod security;
mod session;
mod show;
#[cfg(test)]
mod tests;
mod unlock;
mod vitals;
mod workflows;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};
use chaski_clinic::Clinic;
use tokio::sync::Semaphore;

pub use demo::{DemoBackend, DemoClinic, DemoError, DemoLink, DemoNode, DemoRole, DemoState, demo_router};
pub use hub::STALE_DAYS;
pub use node_info::{
    AddressSource, FirstSync, Nag, NodeInfo, NodeSummary, PeerNote, PeerSummary, Renewal, SiteAddress,
    SiteReason, SiteStanding, SiteSummary, SiteTold,
};
pub use parcel::{
    FileFault, ParcelFailure, ParcelRecipient, ParcelTaken, ParcelWanted, ParcelWritten, Parcels,
};
pub use unlock::{Unlock, UnlockError, unlock_router};

use session::Sessions;

const FORM_BYTES_MAX: usize = 64 * 1024;
const SECRET_BYTES: usize = 32;

/// What the pages are served from. Cheap to clone; clones share their sessions.
#[derive(Clone)]
pub struct UiState {
    clinic: Clinic,
    node: Arc<dyn NodeInfo>,
    sessions: Arc<Sessions>,
    streams: Arc<Semaphore>,
    parcels: Arc<dyn Parcels>,
    /// Parcels written and read at once.
    parcel_places: Arc<Semaphore>,
    secure_cookies: bool,
}

/// Cookie names of one node: browsers share cookies between ports of a host.
struct CookieNames {
    session: String,
    pre: String,
}

impl UiState {
    /// `secure_cookies` where the pages are served over TLS.
    pub fn new(
        clinic: Clinic,
        node: Arc<dyn NodeInfo>,
        parcels: Arc<dyn Parcels>,
        secure_cookies: bool,
    ) -> Self {
        let sessions = Arc::new(Sessions::default());
        Self {
            clinic,
            node,
            sessions,
            streams: Arc::new(Semaphore::new(live::STREAMS_MAX)),
            parcels,
            parcel_places: Arc::new(Semaphore::new(parcel::PARCELS_MAX)),
            secure_cookies,
        }
    }

    /// A path that signs its first visitor in with this token, once, within two minutes.
    pub fn login_link(&self, token: &str) -> String {
        let secret = self.secret();
        self.sessions
            .link_add(&secret, token.to_owned(), self.node.now_ms());
        format!("/login/once/{secret}")
    }

    fn secret(&self) -> String {
        let mut bytes = [0_u8; SECRET_BYTES];
        self.node.random(&mut bytes);
        data_encoding::HEXLOWER.encode(&bytes)
    }

    /// An id for a record that a form will make (UUIDv7, RFC 9562 §5.7), drawn when the form is
    /// shown so that sending it twice records once.
    fn draft_id(&self) -> String {
        let mut random = [0_u8; 10];
        self.node.random(&mut random);
        uuid::Builder::from_unix_timestamp_millis(self.node.now_ms(), &random)
            .into_uuid()
            .to_string()
    }

    fn cookie_names(&self) -> CookieNames {
        let id: String = self
            .node
            .summary()
            .id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(16)
            .collect();
        CookieNames {
            session: format!("chaski-session-{id}"),
            pre: format!("chaski-login-{id}"),
        }
    }
}

/// All pages of a node: everything under `/` except `/fhir`, `/health`, `/metrics`.
pub fn router(state: UiState) -> Router {
    let own = Router::new()
        .route("/", get(home::home))
        .route("/hub", get(hub::hub))
        .route("/login", get(login::login_page).post(login::login))
        .route("/login/once/{secret}", get(login::login_once))
        .route("/logout", post(login::logout))
        .route("/language/{code}", get(login::language))
        .route("/patients/{id}", get(chart::chart_view))
        .route("/parcel", get(parcel::parcel_page))
        .route(
            "/parcel/write",
            get(parcel::parcel_page).post(parcel::parcel_write),
        );
    workflows::WORKFLOWS
        .iter()
        .fold(own, |router, workflow| (workflow.routes)(router))
        // What stands above is sent by forms, and at once; a file may take its time.
        .layer(middleware::from_fn(security::form_in_time))
        .route(
            "/parcel/read",
            // As long as it is: it is never held whole, and the disk's floor ends what doesn't fit.
            get(parcel::parcel_page)
                .post(parcel::parcel_read)
                .layer(DefaultBodyLimit::disable()),
        )
        .route("/live", get(live::live))
        .route("/assets/{tag}/{name}", get(assets::asset))
        .route("/favicon.ico", get(assets::favicon))
        .fallback(error::not_found)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(security::guard))
        .with_state(state)
}
