//! What a clinic does: roles, the policy decision point, and one folder a
//! workflow.
//!
//! Invariants:
//! - every operation takes its [`Caller`] first, passes
//!   [`policy_decision::decide`] before it reads or writes, and reads records
//!   through `door.rs` alone, which keeps back what the caller may not see;
//! - a command is validate → generate → put, in one file, with its own error;
//! - time and randomness come from the store's [`Env`], never from here;
//! - no HTTP, no HTML, no sockets, no configuration files.

pub mod access;
pub mod allergy;
mod caller;
pub mod chart;
pub mod civil;
pub mod conflict;
mod door;
mod edit;
pub mod feature;
pub mod features;
mod fhir_json;
pub mod form;
pub mod immunization;
pub mod medication;
pub mod patient;
pub mod people;
#[cfg(test)]
mod permissions;
pub mod policy_decision;
pub mod problem;
pub mod record;
mod roles;
pub mod status;
#[cfg(test)]
mod testing;
pub mod text;
pub mod vitals;

use std::sync::Arc;

pub use caller::{Caller, Purpose};
use chaski_store::{AuditEvent, Outcome};
pub use chaski_store::{Env, Origin, RecordKey, Store};

pub use chaski_fhir::label::{Classes, Clearance};
pub use policy_decision::{Action, Decision, Denied, Filter, Target};
pub use roles::{Role, Roles};

/// What the node tells the clinic about itself.
#[derive(Clone)]
pub struct Settings {
    /// Accept ids that are no UUIDs: the network has agreed that its ids are
    /// the same thing everywhere.
    pub accept_ids: bool,
    /// Names of the network's nodes, for who wrote what.
    pub directory: Option<Arc<dyn people::NodeDirectory>>,
    /// Base URLs of this network: absolute references below them become
    /// relative when written.
    pub base_urls: Vec<String>,
    /// The calling code of the clinic's country, such as `51`: a phone number that is written without one is of
    /// that country. Without it, numbers that end alike are near each other and no more.
    pub country_code: Option<String>,
    /// The zone of the clinic's wall clock: it says which day a moment is, and which day is today.
    pub zone: jiff::tz::TimeZone,
}

impl Default for Settings {
    /// In UTC, with nothing told.
    fn default() -> Settings {
        Settings {
            accept_ids: false,
            directory: None,
            base_urls: Vec::new(),
            country_code: None,
            zone: jiff::tz::TimeZone::UTC,
        }
    }
}

/// The clinic over a store. Cheap to clone.
#[derive(Clone)]
pub struct Clinic {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    settings: Settings,
    tokens: access::TokenCache,
}

impl Clinic {
    /// A clinic over `store`.
    ///
    /// # Errors
    /// The store's, when the token table cannot be read.
    pub fn new(store: Store, settings: Settings) -> Result<Clinic, chaski_store::StoreError> {
        let tokens = access::TokenCache::load(&store)?;
        Ok(Clinic {
            inner: Arc::new(Inner {
                store,
                settings,
                tokens,
            }),
        })
    }

    /// The store below, for the node's own wiring; workflows go through the
    /// operations of this type.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// What the node said about itself.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// The time now, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.inner.store.env().now_ms()
    }

    /// A random id that ties an operation's audit entry, log lines and reply
    /// together.
    #[must_use]
    pub fn operation_id(&self) -> u64 {
        let mut bytes = [0; 8];
        self.inner.store.env().random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Asks the policy: the records that it is allowed on. A refusal is noted in the audit log.
    ///
    /// # Errors
    /// [`Denied`].
    pub(crate) fn allow(
        &self,
        caller: &Caller,
        action: Action,
        target: &Target<'_>,
    ) -> Result<Filter, Denied> {
        let decision = policy_decision::decide(caller, action, target).filter();
        if decision.is_err() {
            let event = AuditEvent {
                action: action.name().to_owned(),
                target: None,
                outcome: Outcome::Denied,
                durable: false,
            };
            if let Err(error) = self.store().audit(caller.context(), &event) {
                tracing::warn!(%error, "a refusal could not be noted");
            }
        }
        decision
    }

    /// The person at the node's own console, for the command or task of this name.
    #[must_use]
    pub fn operator(&self, operation: &str) -> Caller {
        let purpose = Purpose::Operation(operation.to_owned());
        let roles = Roles::one(Role::Operator);
        Caller::new(
            self.operation_id(),
            Role::Operator.name(),
            roles,
            &purpose,
            Origin::Cli,
        )
    }
}
