//! Where everything of the demo is, once it is up.

use std::path::PathBuf;

use serde::Serialize;

/// Where everything is, once it is up. Field names are a contract with scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoUp {
    /// The three nodes.
    pub nodes: Vec<DemoNodeUp>,
    /// The cables between the nodes.
    pub links: Vec<DemoLinkUp>,
    /// The demo's page.
    pub page: String,
}

/// A node of the demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoNodeUp {
    /// `clinic`, `hub` or `mobile`.
    pub name: String,
    /// The node's directory.
    pub data: PathBuf,
    /// Base URL of its pages and of `fhir`, without a slash at its end.
    pub http: String,
    /// Its UDP address.
    pub quic: String,
    /// A file with a token for it, administrator and clinician.
    pub token_file: PathBuf,
}

/// A cable of the demo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DemoLinkUp {
    /// One end's name.
    pub a: String,
    /// The other end's name.
    pub b: String,
    /// URL that takes a POST with `on=true` or `on=false`.
    pub switch: String,
}
