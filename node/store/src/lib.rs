//! Sealed, indexed, crash-safe storage of records over an ordered key-value trait.
//!
//! Architecture invariants:
//! - everything a write touches (record, index, fingerprint, feed, versions, audit) is in
//!   one atomic batch, durable before the write is acknowledged;
//! - what was signed by somebody who is not known here as a member waits, bounded, and is in nothing
//!   that is read or compared until whoever judges that says who is;
//! - a row that was put back to what it once was is noticed: by sums and counts over records, by the
//!   list of documents, which each reading of a document looks at, and by what a closing left;
//! - nothing on disk is readable without the node's keys, and no key names what it holds;
//! - time and randomness come from [`Env`]; no sockets, no configuration, no FHIR rules:
//!   who may do what is decided above.

mod audit;
mod blob;
mod blob_list;
mod chunk;
mod codec;
mod collision;
mod context;
mod core;
mod disk;
pub mod doctor;
mod env;
mod error;
mod feed;
mod file_names;
mod filed;
mod files;
mod fingerprint;
mod format;
mod hex;
mod history;
mod identity;
mod index;
pub mod kv;
mod lineage;
mod loaded;
mod made;
mod options;
mod policy;
mod present;
mod read;
mod remote;
mod row;
mod scope;
mod scopes;
mod seal;
mod search;
mod state;
mod store;
mod tables;
mod tx;
mod types;
mod watch;
mod write;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use audit::{AuditEntry, AuditEvent, Outcome};
pub use blob::{BLOB_BYTES_MAX, BLOB_NAME_BYTES_MAX};
pub use chaski_crdt::{
    author::{AuthorId, NetworkId, NodeId, SignedChange, VerifiedChange},
    change::ChangeHash,
    fingerprint::{Fingerprint, FingerprintKey},
    key::RecordKey,
    version::VersionId,
};
pub use chaski_fhir::compartment::{Compartment, Filing, Scope};
pub use chaski_fhir::kinds::{Urgency, of as kind_of};
pub use chaski_fhir::label::{CLASS_SYSTEM, Classes, Clearance};
pub use context::{Context, Origin};
pub use env::{Env, SystemEnv};
pub use error::{CommitError, OpenError, Refusal, SearchError, StoreError};
pub use files::wait_let_go;
pub use identity::NodeIdentity;
pub use kv::{FaultKv, MemoryKv, SledKv};
pub use options::OpenOptions;
pub use policy::record_policy;
pub use present::{
    AUTHORED_URL, COLLISION_PATH, CONFLICT_CODE, CONFLICT_URL, TAG_SYSTEM, is_one_of_several, strip,
};
pub use remote::{
    AWAITING_BYTES_MAX, AWAITING_MAX, AWAITING_PEER_BYTES_MAX, AWAITING_PEER_MAX, CURSOR_BYTES_MAX, Staged,
};
pub use seal::slots::{SlotInfo, Unlock};
pub use search::Admits;
pub use store::{Created, Store};
pub use types::*;
pub use watch::Subscription;
pub use write::{COMMIT_WRITES_MAX, HISTORY_CHANGES_MAX, RESOURCE_BYTES_MAX};

/// The ways to unlock a store: listing and replacing them; and other secrets that are unlocked alike.
pub mod slots {
    pub use crate::seal::slots::{Form, Sealed, Unsealed, list, replace, seal, unseal};
}
