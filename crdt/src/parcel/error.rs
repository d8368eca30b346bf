//! What can be wrong with a parcel.

use thiserror::Error;

/// Why bytes are no parcel that can be read here, or why none can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParcelError {
    /// It begins otherwise.
    #[error("this is no parcel of a Chaski node")]
    NotAParcel,
    /// Nothing stands in it.
    #[error("the file is empty: it is no parcel")]
    Empty,
    /// Of a version this node does not know.
    #[error("the parcel is of version {0}, which this version of Chaski does not read")]
    Version(u8),
    /// Sealed in another network.
    #[error("the parcel is of another network")]
    OtherNetwork,
    /// No slot opens with this node's key.
    #[error("the parcel is not sealed to this node")]
    NotForThisNode,
    /// No slot opens with this node's key, which wrote it.
    #[error("this node wrote the parcel itself, for others")]
    OwnParcel,
    /// What was sealed is not what is there.
    #[error("the parcel was altered or damaged on its way")]
    Altered,
    /// The file ends before the parcel does.
    #[error("the parcel is cut: its end is missing")]
    Cut,
    /// Something follows the parcel's end.
    #[error("something was added behind the parcel's end")]
    Extended,
    /// Head or end is not signed by the sender it names.
    #[error("the parcel is not signed by the node it names as its sender")]
    Signature,
    /// Rightly sealed, but not what a node writes; what it is, is named.
    #[error("the parcel is malformed: {0}")]
    Malformed(&'static str),
    /// More of something than a parcel may hold.
    #[error("the parcel would hold too many {0}")]
    TooMany(&'static str),
    /// A recipient's key can't be sealed to.
    #[error("a recipient's key can't be sealed to")]
    Key,
}
