//! Who does what, and why: the first argument of every operation.
//!
//! Invariants: a context names people only by the identifier their node asserts;
//! it is written to the audit log, never to the program's log.

/// Where an operation came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The command line, as the local operator.
    Cli,
    /// The FHIR REST interface.
    Http,
    /// The node's own pages.
    Ui,
    /// Replication with a peer.
    Sync,
    /// The node itself.
    System,
}

impl Origin {
    /// The one-byte form used in audit rows.
    pub(crate) fn code(self) -> u8 {
        match self {
            Origin::Cli => 0,
            Origin::Http => 1,
            Origin::Ui => 2,
            Origin::Sync => 3,
            Origin::System => 4,
        }
    }

    /// The origin a stored byte stands for; unknown ones read as `System`.
    pub(crate) fn from_code(code: u8) -> Origin {
        match code {
            0 => Origin::Cli,
            1 => Origin::Http,
            2 => Origin::Ui,
            3 => Origin::Sync,
            _ => Origin::System,
        }
    }
}

/// The context of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Random number that ties the entries of one operation together.
    pub operation_id: u64,
    /// The user as asserted by this node, e.g. a token's name.
    pub user: String,
    /// The role the user acts in.
    pub role: String,
    /// The purpose of use.
    pub purpose: String,
    /// Where the operation came in.
    pub origin: Origin,
}

impl Context {
    /// The context of work the node does for itself.
    pub fn system(purpose: &str) -> Context {
        Context {
            operation_id: 0,
            user: "system".to_owned(),
            role: "system".to_owned(),
            purpose: purpose.to_owned(),
            origin: Origin::System,
        }
    }
}
