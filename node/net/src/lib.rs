//! Identity, invitations, QUIC sessions and replication between nodes.
//!
//! Architecture invariants:
//! - the [`engine`] is sans-IO and decides everything; the QUIC driver only
//!   carries bytes, and a simulator may carry them instead;
//! - a peer is its key: proven by TLS, made a member by signed statements that
//!   lead to the network's root, never by a name, an address or a date;
//! - a relay carries signed changes and can neither make, alter nor re-file
//!   them: each one is verified here before it is merged;
//! - no configuration files, no HTTP, no FHIR: those are above and below.
//!
//! Map: [`wire`] (messages), [`engine`] (sessions), [`apply`] (taking in),
//! [`read`] (what is to be sent),
//! [`keep`] (what is remembered), [`health`] (what nodes tell of themselves), [`trust`] (authority, tickets),
//! [`addresses`] (where others reach this node), [`whereabouts`] (where nodes say so to others),
//! [`parcel`] (exchange by file), [`tls`], [`Net`] (the running endpoint),
//! [`setup`] (founding, joining, what needs no running endpoint), [`issuers`] (who may invite and renew), [`limits`]
//! (every bound).

pub mod addresses;
pub mod apply;
mod batch;
pub mod config;
mod discovery;
mod endpoint;
pub mod engine;
pub mod fault;
pub mod health;
pub mod issuers;
pub mod join;
pub mod keep;
pub mod limits;
mod net;
pub mod pace;
pub mod parcel;
mod patience;
mod place;
#[cfg(test)]
mod quic_tests;
pub mod read;
pub mod replica;
pub mod report;
pub mod setup;
mod ticket_text;
pub mod tls;
pub mod trust;
pub mod whereabouts;
pub mod wire;

pub use config::{LinkProfile, NetConfig};
pub use health::{Contact, Health, Standing, Told};
pub use join::{Newcomer, Welcome};
pub use net::{Invite, Net};
pub use patience::{TellTurn, Turn};
pub use report::{
    AddressFrom, FirstSync, JoinError, KnownAddress, NetError, PeerInfo, Refused, SyncReport, Target, Timing,
    harmless, is_harmless,
};
pub use trust::Trust;
