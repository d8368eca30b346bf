//! Administration of a node: one set of requests, executed by one function, whether the command opened
//! the directory itself or a running `serve` has it and is asked through its socket.
//!
//! Invariants: a request gives the same response on both ways; the socket is 0600 and both ends check the
//! other's user id; every frame has a bound.

mod client;
mod execute;
mod frame;
mod hub_report;
mod pieces;
mod protocol;
mod report;
mod server;
mod socket;
mod status;
mod tokens;

pub use chaski_store::COLLISION_PATH;
pub use client::{Session, call_over};
pub use execute::execute;
pub use frame::{FRAME_BYTES_MAX, Frame, read_frame, write_frame};
pub use hub_report::{HubReport, SiteReport};
pub(crate) use pieces::Pieces;
pub use protocol::{
    AdminRequest, AdminResponse, DATA_BYTES_MAX, Exchange, IdPolicy, Input, Output, Progress, ResolveChoice,
    RootFile, RootSecret, Wait,
};
pub use report::{
    AuditedToken, ConflictReport, ConflictValueReport, DoctorReport, HaltReport, ImportReport, InviteReport,
    IssuerChangeReport, IssuerReport, KnownAddressReport, ParcelReadReport, ParcelWriteReport, PeerReport,
    RecipientReport, RejectedRecord, RevokedReport, StatusReport, SyncReport, WrittenReport,
};
pub use server::AdminServer;
pub use socket::socket_path;
pub use status::doctor_report;
pub(crate) use tokens::access_error;
