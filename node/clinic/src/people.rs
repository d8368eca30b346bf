//! Who wrote what and when, as pages and conflict lists show it.

/// A node as people know it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeLabel {
    /// The node's name.
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

impl Author {
    /// Where it was written: the node's name, else its site, else the first digits of its key.
    #[must_use]
    pub fn site(&self) -> &str {
        // A site's short code says nothing to who reads a chart, so the name comes first.
        match &self.label.site {
            _ if !self.label.name.is_empty() => &self.label.name,
            Some(site) if !site.is_empty() => site,
            _ => self.node.get(..NODE_DIGITS).unwrap_or(&self.node),
        }
    }

    /// Nobody is known to have written it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.node.is_empty()
    }
}

/// Digits of a node's key that stand for its name.
pub(crate) const NODE_DIGITS: usize = 8;
