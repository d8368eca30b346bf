//! What is asked of a parcel, what came of it, and why nothing did.

use chaski_crdt::author::NodeId;
use chaski_crdt::parcel::ParcelError as FormatError;

use crate::report::Refused;
use crate::trust::Trust;

/// Why a parcel could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ParcelError {
    /// It is none, it is damaged, it is not for this node.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// Whoever wrote it is no member.
    #[error("the parcel was written by {0}, which is not known as a node of this network")]
    Stranger(String),
    /// Whoever wrote it was revoked.
    #[error("the parcel was written by {0}, whose membership has been ended")]
    Revoked(String),
    /// A recipient can't be meant or may not receive; which and why.
    #[error("{0}")]
    Recipient(String),
    /// The disk has no room for records.
    #[error("the disk is nearly full: nothing more is taken in")]
    Full,
    /// More than may wait is by authors who are not known as members.
    #[error("more changes than may wait are by authors who are not known as members of this network")]
    Awaiting,
    /// The store or the engine failed.
    #[error("{0}")]
    Node(String),
    /// The file could not be read or written.
    #[error("the parcel could not be read or written")]
    File(#[source] std::io::Error),
}

/// What a parcel is to hold and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names or keys (or beginnings of keys) of the recipients; empty for every
    /// other node that may receive.
    pub to: Vec<String>,
    /// Everything, also what the recipients are known to have.
    pub all: bool,
}

/// A node that a parcel is for, or from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The issuer's key.
    pub node: NodeId,
    /// The node's name.
    pub name: String,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Records of which something is in the parcel.
    pub records: u64,
    /// Changes in the parcel.
    pub changes: u64,
    /// Length of the file.
    pub bytes: u64,
}

/// What a parcel brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadReport {
    /// Records in the parcel, as far as it was read.
    pub records: u64,
    /// Changes in it.
    pub changes: u64,
    /// Records that changed here.
    pub new_records: u64,
    /// Changes refused: made by no member, or not what their author signed.
    pub refused: u64,
    /// Changes set aside by this parcel.
    pub quarantined: u64,
    /// Changes that wait until it is known that their author is a member.
    pub awaiting: u64,
    /// The first of both.
    pub problems: Vec<Refused>,
    /// This node holds the same as the sender did when it wrote the parcel.
    pub in_sync: bool,
    /// This node holds all that the sender did then, and maybe more; nothing where that cannot be known.
    pub holds_all: Option<bool>,
    /// The parcel builds on changes that never came here.
    pub gap: bool,
    /// Why the file's end could not be read; what stood before it was taken in.
    pub fault: Option<FormatError>,
}

/// What the store or the engine failed with.
pub(super) fn node(error: impl std::fmt::Display) -> ParcelError {
    ParcelError::Node(error.to_string())
}

/// A node as people know it.
pub(super) fn party(trust: &Trust, node: NodeId) -> Party {
    let name = trust
        .member(&node)
        .map(|member| crate::report::harmless(&member.name));
    Party {
        node,
        name: name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| node.short()),
    }
}
