//! What the demo page asks of the three nodes, which `chaski-node` runs.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::watch;

use chaski_clinic::access::Principal;
use chaski_clinic::{Caller, Clinic, Origin, Purpose};

/// What a node of the demo plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DemoRole {
    /// A rural clinic.
    Clinic,
    /// A mobile team's laptop.
    Mobile,
    /// The regional hub.
    Hub,
}

/// One of the three nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoNode {
    /// Short key used in URLs: `[a-z0-9-]{1,32}`, e.g. `clinic`.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// What it plays; decides the drawing.
    pub role: DemoRole,
    /// Base URL of its own pages, e.g. `http://127.0.0.1:8081`.
    pub http: String,
    /// Records that the node holds.
    pub records: u64,
    /// First characters of its fingerprint; equal on nodes that hold the same.
    pub fingerprint: String,
    /// Conflicts that wait for a decision.
    pub conflicts: u64,
}

/// A cable between two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoLink {
    /// Key of one end.
    pub a: String,
    /// Key of the other.
    pub b: String,
    /// Whether the cable is plugged in.
    pub on: bool,
    /// Whether a session is open at this moment.
    pub connected: bool,
}

/// Why the demo could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// No such node or link.
    #[error("no such node or link")]
    Unknown,
    /// It did not work; the text is safe to show.
    #[error("{0}")]
    Failed(String),
}

/// The three nodes behind the page. Implemented by `chaski-node`.
pub trait DemoBackend: Send + Sync + 'static {
    /// The nodes, in the order shown (clinic, hub, mobile reads best).
    fn nodes(&self) -> Vec<DemoNode>;
    /// The cables between the nodes, and which are pulled.
    fn links(&self) -> Vec<DemoLink>;
    /// Plugs in or pulls a cable; the order of the ends does not matter. Returns once it is so.
    ///
    /// # Errors
    /// [`DemoError::Unknown`] where there is no such link.
    fn set_link(&self, a: &str, b: &str, on: bool) -> Result<(), DemoError>;
    /// The clinic of one node and its demo clinician; `None` where there is no such node.
    fn clinic(&self, node: &str) -> Option<DemoClinic>;
    /// A one-time URL that signs the visitor in to the node's own pages: `http` +
    /// [`crate::UiState::login_link`].
    ///
    /// # Errors
    /// [`DemoError::Unknown`] where there is no such node.
    fn login_url(&self, node: &str) -> Result<String, DemoError>;
    /// Patient ids to show, the same on every node; the first is the one opened.
    fn people(&self) -> Vec<String>;
    /// Wall clock, Unix milliseconds.
    fn now_ms(&self) -> u64;
    /// The zone that its times are told in.
    fn zone(&self) -> TimeZone;
    /// Rises with each commit on any node and each change of a link.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// A node's clinic and who acts in it.
#[derive(Clone)]
pub struct DemoClinic {
    /// The operations of the node's clinic.
    pub clinic: Clinic,
    /// The demo's clinician on that node.
    pub clinician: Principal,
}

impl DemoClinic {
    /// The clinician as the caller of one operation.
    pub(super) fn caller(&self) -> Caller {
        let id = self.clinic.operation_id();
        self.clinician.caller(id, &Purpose::Treatment, Origin::Ui)
    }
}

/// What [`demo_router`](crate::demo_router) serves.
#[derive(Clone)]
pub struct DemoState {
    /// The nodes that the page shows.
    pub backend: Arc<dyn DemoBackend>,
}
