//! What the pages ask of the node about parcels: to whom one may be sent, to write one, to take one in.

use std::io::{Read, Write};

use chaski_clinic::Caller;

/// A node that a parcel may be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParcelRecipient {
    /// Names it in a form: `[0-9a-f]{4,64}`.
    pub key: String,
    /// What people call it.
    pub name: String,
    /// The beginning of its key, as commands take it, where another node bears the same name.
    pub mark: Option<String>,
    /// Its permission to receive is over: no parcel may be for it until that is renewed.
    pub is_over: bool,
}

/// What a parcel is to hold and for whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParcelWanted {
    /// Keys of [`ParcelRecipient`]s, at least one.
    pub to: Vec<String>,
    /// Everything, also what the recipients are known to have.
    pub all: bool,
}

/// A parcel that was written to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParcelWritten {
    /// The names of those it is for.
    pub to: Vec<String>,
    /// Records in it.
    pub records: u64,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// It is something else than a parcel.
    NotAParcel,
    /// Of a version this node does not read.
    Version,
    /// The parcel is of another network.
    OtherNetwork,
    /// Nothing is in it.
    Empty,
    /// Sealed to others.
    NotForThisNode,
    /// This node wrote it itself.
    Own,
    /// Altered, or not signed by whoever it names.
    Altered,
    /// Its end is missing.
    Cut,
    /// Something follows its end.
    Extended,
    /// Rightly sealed, but not what a node writes.
    Malformed,
}

/// What a parcel brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParcelTaken {
    /// The name of the node that wrote it.
    pub from: String,
    /// When, by that node's clock.
    pub made_ms: u64,
    /// Records in it, as far as it was read.
    pub records: u64,
    /// Changes in it.
    pub changes: u64,
    /// Records that are new here or changed here.
    pub new_records: u64,
    /// Changes that were refused.
    pub refused: u64,
    /// Changes set aside.
    pub quarantined: u64,
    /// Changes that wait until it is known that their author is a member.
    pub awaiting: u64,
    /// This node holds what that one held then.
    pub in_sync: bool,
    /// It builds on what never came here.
    pub gap: bool,
    /// Why its end could not be read; what stood before that was taken in.
    pub fault: Option<FileFault>,
    /// The first of what was refused or set aside: record and reason, in English.
    pub problems: Vec<String>,
}

/// Why a parcel was not written or not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParcelFailure {
    /// This role may not.
    #[error("not allowed")]
    Denied,
    /// It is no parcel that this node can read; nothing of it was taken in.
    #[error("no parcel for this node")]
    File(FileFault),
    /// Whoever wrote it is no member.
    #[error("written by a stranger")]
    Stranger(String),
    /// Whoever wrote it was revoked.
    #[error("written by a node that was revoked")]
    Revoked(String),
    /// It can't be for these nodes: one may receive no more, or there is nothing all may hold.
    #[error("not for these nodes")]
    Recipients,
    /// The disk has no room; what was taken in by then is kept.
    #[error("disk full")]
    DiskFull,
    /// More than may wait is by authors not known here as members; what was taken in by then is kept.
    #[error("too much waits for its authors")]
    Awaiting,
    /// The other end went away.
    #[error("interrupted")]
    Interrupted,
    /// Busy or stopping; try again.
    #[error("unavailable")]
    Unavailable,
    /// A fault of ours; the operation id finds it in the log.
    #[error("internal")]
    Internal(String),
}

/// Parcels in and out. Implemented by `chaski-node`. All of it blocks: pages call it on threads for that.
pub trait Parcels: Send + Sync + 'static {
    /// The nodes that a parcel may be for, by name, then those whose permission to receive is over; none where this
    /// node is known to have been revoked.
    ///
    /// # Errors
    /// [`ParcelFailure::Unavailable`], [`ParcelFailure::Internal`].
    fn parcel_recipients(&self) -> Result<Vec<ParcelRecipient>, ParcelFailure>;
    /// Writes a parcel and flushes `out`.
    ///
    /// # Errors
    /// Whatever stands against it; where `out` has been written to, what it holds is no whole parcel.
    fn parcel_write(
        &self,
        caller: &Caller,
        wanted: &ParcelWanted,
        out: &mut dyn Write,
    ) -> Result<ParcelWritten, ParcelFailure>;
    /// Takes a parcel in, to the file's end or to the first byte that makes it none.
    ///
    /// # Errors
    /// When nothing of it was taken in, the disk is full, or `file` fails.
    fn parcel_read(&self, caller: &Caller, file: &mut dyn Read) -> Result<ParcelTaken, ParcelFailure>;
}
