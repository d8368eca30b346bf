//! Who wrote what and when, as pages and conflict lists show it.

/// A node as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeLabel {
    /// Its name.
    pub name: String,
    /// Its site code.
    pub site: Option<String>,
}

/// Names of the network's nodes. The node implements it from its membership.
pub trait NodeDirectory: Send + Sync {
    /// The label of the node with this key, lower-case hexadecimal.
    fn label(&self, node: &str) -> Option<NodeLabel>;
}

/// The author of a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Author {
    /// The node's key, lower-case hexadecimal.
    pub node: String,
    /// Its label, if the network knows it.
    pub label: NodeLabel,
    /// The person, as their node asserted them.
    pub user: String,
    /// In which role.
    pub role: String,
    /// When, by the author's clock, in milliseconds since 1970.
    pub written_ms: u64,
}
