//! Who asks for an operation, and why: made once, where somebody comes in, and what every operation
//! takes first.
//!
//! Invariant: a decision is made of what is typed here; the strings of the store's [`Context`] are for
//! the audit log only.

use std::collections::BTreeSet;

use chaski_fhir::label::Clearance;
use chaski_store::{Context, Origin};

use crate::roles::Roles;

/// What somebody asks for, and as whom. What it is for stands in the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To treat patients: what the pages and the REST interface are for.
    Treatment,
    /// To open a session.
    Login,
    /// To run the node: the command or task that asks.
    Operation(String),
}

impl Purpose {
    /// As the audit log has it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Purpose::Treatment => "treatment",
            Purpose::Login => "login",
            Purpose::Operation(name) => name,
        }
    }
}

/// Who asks for an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    roles: Roles,
    clearance: Clearance,
    context: Context,
}

impl Caller {
    /// `user` as the node asserts them; `operation_id` ties together what is noted of one operation.
    #[must_use]
    pub fn new(operation_id: u64, user: &str, roles: Roles, purpose: &Purpose, origin: Origin) -> Caller {
        Caller {
            roles,
            clearance: Clearance::All,
            context: Context {
                operation_id,
                user: user.to_owned(),
                role: roles.names(),
                purpose: purpose.text().to_owned(),
                origin,
            },
        }
    }

    /// What they may do.
    #[must_use]
    pub fn roles(&self) -> Roles {
        self.roles
    }

    /// This caller, cleared for records of these classes of sensitivity alone.
    #[must_use]
    pub fn cleared_only_for(self, classes: BTreeSet<String>) -> Caller {
        Caller {
            clearance: Clearance::Only(classes),
            ..self
        }
    }

    /// What they are cleared for.
    #[must_use]
    pub fn clearance(&self) -> &Clearance {
        &self.clearance
    }

    /// The person or program, as the node asserts them.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.context.user
    }

    /// What ties together what is noted of this operation.
    #[must_use]
    pub fn operation_id(&self) -> u64 {
        self.context.operation_id
    }

    /// What the audit log keeps of it.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }
}
