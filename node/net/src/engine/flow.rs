//! The number of a session, and what may flow in it.

use chaski_store::ScopeFilter;

/// Number of a session, given by the driver, never reused by it.
pub type SessionId = u64;

/// What may flow between this node and a peer. A grant says what its holder may be given, not what
/// it may give: a team that registers somebody outside its panel hands that on and gets nothing of
/// it back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// What both may hold: compared, and repaired.
    pub(crate) shared: ScopeFilter,
    /// What the peer may be given.
    pub(crate) out: ScopeFilter,
    /// Digest of that.
    pub(crate) out_scope: u64,
    /// Digest of what this node may be given.
    pub(crate) in_scope: u64,
    /// The peer may be given more than both may hold.
    pub(crate) is_out_wider: bool,
    /// This node may be given more than both may hold.
    pub(crate) is_in_wider: bool,
}

impl Default for Flow {
    fn default() -> Flow {
        Flow {
            shared: ScopeFilter::none(),
            out: ScopeFilter::none(),
            out_scope: 0,
            in_scope: 0,
            is_out_wider: false,
            is_in_wider: false,
        }
    }
}

impl Flow {
    /// Whether there is anything that both may hold: without a grant there is not, and two that
    /// compare nothing are equal whatever they hold.
    pub(crate) fn is_anything_shared(&self) -> bool {
        !self.shared.is_none()
    }
}
