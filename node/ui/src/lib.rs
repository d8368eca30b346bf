//! Server-rendered pages for clinicians.
//!
//! Invariants: every page works without script; nothing is loaded from
//! elsewhere; the pages see `chaski-clinic` only through [`Desk`] and the node
//! only through [`NodeInfo`]; no text that people read stands in Rust or in a
//! template: it stands in `locales/`.

pub mod demo;
mod desk;
mod node_info;
mod unlock;

use std::sync::Arc;

pub use demo::{DemoBackend, DemoDesk, DemoError, DemoLink, DemoNode, DemoRole, DemoState, demo_router};
pub use desk::*;
pub use node_info::{FirstSync, Nag, NodeInfo, NodeSummary, PeerSummary};
pub use unlock::{Unlock, UnlockError, unlock_router};

/// What the pages are served from. Cheap to clone.
#[derive(Clone)]
pub struct UiState {
    #[allow(dead_code)]
    desk: Arc<dyn Desk>,
    #[allow(dead_code)]
    node: Arc<dyn NodeInfo>,
}

impl UiState {
    /// `secure_cookies` where the pages are served over TLS.
    pub fn new(desk: Arc<dyn Desk>, node: Arc<dyn NodeInfo>, _secure_cookies: bool) -> Self {
        Self { desk, node }
    }

    /// A path that signs its first visitor in with this token, once, within two minutes.
    pub fn login_link(&self, _token: &str) -> Result<String, DeskError> {
        Err(DeskError::Unavailable)
    }
}

/// All pages of a node: everything under `/` except `/fhir`, `/health`, `/metrics`.
pub fn router(_state: UiState) -> axum::Router {
    axum::Router::new()
}
