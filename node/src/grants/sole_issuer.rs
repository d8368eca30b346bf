//! The one issuer that others depend on.

use chaski_store::NodeId;

/// The one issuer without which the grants of others end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoleIssuer {
    /// The issuer's key.
    pub node: NodeId,
    /// The node's name.
    pub name: String,
    /// Whether it is this node.
    pub is_here: bool,
    /// When the first of those grants ends, or ended.
    pub ends_ms: u64,
    /// How many have, also by the clocks of others where this node's is ahead of them.
    pub over: u64,
    /// The names of those that were made issuers and have not been told so yet.
    pub untold: Vec<String>,
}
