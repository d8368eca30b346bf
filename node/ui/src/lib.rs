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
mod fields;
mod form;
mod form_page;
mod frame;
mod home;
mod hub;
mod i18n;
mod immunization;
mod live;
mod login;
mod login_form;
mod medication;
mod nag_view;
mod node_info;
mod parcel;
mod patient;
mod person;
mod problem;
mod record;
mod resume;
mod security;
mod session;
mod show;
mod signed;
mod site_view;
mod state;
#[cfg(test)]
mod tests;
mod undecided;
mod unlock;
mod vitals;
mod words;
mod workflow;
mod workflows;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

pub use demo::{DemoBackend, DemoClinic, DemoError, DemoLink, DemoNode, DemoRole, DemoState, demo_router};
pub use node_info::{
    AddressSource, FirstSync, Nag, NodeInfo, NodeSummary, PeerNote, PeerSummary, Renewal, STALE_DAYS,
    SiteAddress, SiteReason, SiteStanding, SiteSummary, SiteTold,
};
pub use parcel::{
    FileFault, ParcelFailure, ParcelRecipient, ParcelTaken, ParcelWanted, ParcelWritten, Parcels,
};
pub use state::UiState;
pub use unlock::{Unlock, UnlockError, unlock_router};

const FORM_BYTES_MAX: usize = 64 * 1024;

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
