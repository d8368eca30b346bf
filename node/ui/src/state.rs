//! What every page is served from: the clinic, the node, who is signed in, and how much may go on at once.

use std::sync::Arc;

use chaski_clinic::Clinic;
use tokio::sync::Semaphore;

use crate::node_info::NodeInfo;
use crate::parcel::Parcels;
use crate::session::Sessions;

const SECRET_BYTES: usize = 32;
/// Open streams at once.
const STREAMS_MAX: usize = 256;
/// Parcels written and read at once: each takes threads and the store's time.
pub(crate) const PARCELS_MAX: usize = 2;

/// What the pages are served from. Cheap to clone; clones share their sessions.
#[derive(Clone)]
pub struct UiState {
    pub(crate) clinic: Clinic,
    pub(crate) node: Arc<dyn NodeInfo>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) parcels: Arc<dyn Parcels>,
    /// Parcels written and read at once.
    pub(crate) parcel_places: Arc<Semaphore>,
    pub(crate) secure_cookies: bool,
}

/// Cookie names of one node: browsers share cookies between ports of a host.
pub(crate) struct CookieNames {
    pub(crate) session: String,
    pub(crate) pre: String,
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
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            parcels,
            parcel_places: Arc::new(Semaphore::new(PARCELS_MAX)),
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

    /// A fresh secret: of a session, a form or a link.
    pub(crate) fn secret(&self) -> String {
        let mut bytes = [0_u8; SECRET_BYTES];
        self.node.random(&mut bytes);
        data_encoding::HEXLOWER.encode(&bytes)
    }

    /// An id for a record that a form will make (UUIDv7, RFC 9562 §5.7), drawn when the form is
    /// shown so that sending it twice records once.
    pub(crate) fn draft_id(&self) -> String {
        let mut random = [0_u8; 10];
        self.node.random(&mut random);
        uuid::Builder::from_unix_timestamp_millis(self.node.now_ms(), &random)
            .into_uuid()
            .to_string()
    }

    pub(crate) fn cookie_names(&self) -> CookieNames {
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
