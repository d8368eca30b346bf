//! The one door: every operation asks [`decide`] before it touches a record.
//!
//! Invariants: the decision depends only on the caller, the action and the
//! target, never on clocks or on stored data; what is not allowed by name is
//! refused; a refusal never says whether the target exists.

use chaski_fhir::label::{Classes, Clearance};
use thiserror::Error;

use crate::caller::Caller;
use crate::roles::{Role, Roles};

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read one record, or a version of it.
    RecordRead,
    /// Search the records of a kind.
    RecordSearch,
    /// Read the history of a record, a type or the node.
    RecordHistory,
    /// Create a record.
    RecordCreate,
    /// Change a record.
    RecordUpdate,
    /// Mark a record deleted.
    RecordDelete,
    /// Check a record without storing it.
    RecordValidate,
    /// Bring in records from files.
    RecordImport,
    /// Write every record out.
    RecordExport,
    /// Take in a parcel of another node.
    ParcelRead,
    /// Write a parcel for other nodes.
    ParcelWrite,
    /// List the conflicts that wait for a decision.
    ConflictList,
    /// Decide a conflict.
    ConflictResolve,
    /// Make a token.
    TokenCreate,
    /// List the access tokens.
    TokenList,
    /// Revoke a token.
    TokenRevoke,
    /// See the state of the node.
    StatusView,
    /// Read the audit log.
    AuditRead,
}

impl Action {
    /// The name audit entries carry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Action::RecordRead => "record_read",
            Action::RecordSearch => "record_search",
            Action::RecordHistory => "record_history",
            Action::RecordCreate => "record_create",
            Action::RecordUpdate => "record_update",
            Action::RecordDelete => "record_delete",
            Action::RecordValidate => "record_validate",
            Action::RecordImport => "record_import",
            Action::RecordExport => "record_export",
            Action::ParcelRead => "parcel_read",
            Action::ParcelWrite => "parcel_write",
            Action::ConflictList => "conflict_list",
            Action::ConflictResolve => "conflict_resolve",
            Action::TokenCreate => "token_create",
            Action::TokenList => "token_list",
            Action::TokenRevoke => "token_revoke",
            Action::StatusView => "status_view",
            Action::AuditRead => "audit_read",
        }
    }
}

/// What it is to be done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The node itself.
    Node,
    /// Records of every kind.
    AllRecords,
    /// Records of one kind: the FHIR type.
    Kind(&'a str),
}

/// The refusal. It names the operation and the roles asked with, nothing else.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{action} is not allowed to the role {role}")]
pub struct Denied {
    /// The operation refused.
    pub action: &'static str,
    /// The roles it was asked with.
    pub role: String,
}

/// Whether records of `kind` describe the clinic rather than a patient.
#[must_use]
pub fn is_shared_kind(kind: &str) -> bool {
    chaski_fhir::kinds::of(kind).is_administered
}

/// Which records a caller may see of those that an action is allowed on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    clearance: Clearance,
}

impl Filter {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.clearance == Clearance::All
    }

    /// Up to which classes of sensitivity it lets records through.
    #[must_use]
    pub fn clearance(&self) -> &Clearance {
        &self.clearance
    }

    /// Whether it lets a record through that has been labelled with these classes: the caller is cleared for each,
    /// also for those that nobody here knows.
    #[must_use]
    pub fn admits(&self, classes: &Classes) -> bool {
        self.clearance.covers(classes)
    }
}

/// What the policy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The caller may do it.
    Allow,
    /// Yes, on these records; of all others nothing may be told.
    AllowOnly(Filter),
    /// The caller may not do it.
    Deny(Denied),
}

impl Decision {
    /// The records that it is allowed on.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn filter(self) -> Result<Filter, Denied> {
        match self {
            Decision::Allow => Ok(Filter::default()),
            Decision::AllowOnly(filter) => Ok(filter),
            Decision::Deny(denied) => Err(denied),
        }
    }
}

/// Decides on one operation.
#[must_use]
pub fn decide(caller: &Caller, action: Action, target: &Target<'_>) -> Decision {
    if is_allowed(caller, action, target) {
        return match (target, caller.clearance()) {
            (Target::Node, _) | (_, Clearance::All) => Decision::Allow,
            (_, cleared) => Decision::AllowOnly(Filter {
                clearance: cleared.clone(),
            }),
        };
    }
    tracing::info!(
        operation = caller.operation_id(),
        action = action.name(),
        "refused by policy"
    );
    Decision::Deny(Denied {
        action: action.name(),
        role: caller.roles().names(),
    })
}

/// What [`decide`] would say, for what is offered to a person: nothing was asked for, so nothing is refused.
#[must_use]
pub fn is_allowed(caller: &Caller, action: Action, target: &Target<'_>) -> bool {
    let roles = caller.roles();
    roles.has(Role::Operator) || allowed(roles, action, target)
}

fn allowed(roles: Roles, action: Action, target: &Target<'_>) -> bool {
    use Role::{Administrator, Clinician, Reader};
    let shared = matches!(target, Target::Kind(kind) if is_shared_kind(kind));
    match action {
        Action::RecordRead | Action::RecordSearch | Action::RecordHistory => {
            roles.any(&[Clinician, Reader]) || (shared && roles.has(Administrator))
        }
        Action::RecordCreate | Action::RecordUpdate | Action::RecordDelete => {
            roles.has(Clinician) || (shared && roles.has(Administrator))
        }
        Action::ConflictList => roles.any(&[Clinician, Reader]),
        Action::ConflictResolve => roles.has(Clinician),
        Action::RecordValidate | Action::StatusView => roles.any(&[Administrator, Clinician, Reader]),
        // Everything at once needs both who answers for the node and who may
        // see the records.
        Action::RecordImport | Action::RecordExport | Action::ParcelRead | Action::ParcelWrite => {
            roles.has(Administrator) && roles.has(Clinician)
        }
        Action::TokenCreate | Action::TokenList | Action::TokenRevoke | Action::AuditRead => {
            roles.has(Administrator)
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::testing::caller;

    #[test]
    fn roles_round_trip_and_unknown_names_are_refused() {
        assert_eq!(Roles::parse("clinician,administrator"), Some(Roles::bootstrap()));
        assert_eq!(Roles::bootstrap().names(), "administrator,clinician");
        assert_eq!(Roles::parse(""), None);
        assert_eq!(Roles::parse("clinician,root"), None);
    }

    #[test]
    fn clearance_narrows_what_a_role_may_see_and_gives_no_right() {
        let classes = |codes: &[&str]| Classes::from_iter(codes.iter().copied());
        let only = |cleared: &[&str]| Filter {
            clearance: Clearance::Only(cleared.iter().map(|code| (*code).to_owned()).collect()),
        };
        assert!(
            only(&["HIV"]).admits(&classes(&["HIV"])) && !only(&["HIV"]).admits(&classes(&["HIV", "PSY"]))
        );
        assert!(Filter::default().admits(&classes(&["of tomorrow"])));
        let caller = caller("clinician").cleared_only_for([].into());
        let on = |target: &Target<'_>| decide(&caller, Action::RecordRead, target);
        assert!(matches!(on(&Target::Kind("Patient")), Decision::AllowOnly(_)));
        assert!(matches!(on(&Target::AllRecords), Decision::AllowOnly(_)));
        let status = decide(&caller, Action::StatusView, &Target::Node);
        assert_eq!(status, Decision::Allow);
        let other = decide(&caller, Action::RecordExport, &Target::AllRecords);
        assert!(matches!(other, Decision::Deny(_)), "clearance gives no right");
    }

    #[test]
    fn a_reader_reads_and_changes_nothing() {
        let reader = caller("reader");
        assert!(
            decide(&reader, Action::RecordRead, &Target::Kind("Patient"))
                .filter()
                .is_ok()
        );
        for action in [Action::RecordCreate, Action::RecordUpdate, Action::RecordDelete] {
            assert!(
                decide(&reader, action, &Target::Kind("Patient"))
                    .filter()
                    .is_err()
            );
            assert!(
                decide(&reader, action, &Target::Kind("Organization"))
                    .filter()
                    .is_err()
            );
        }
        assert!(
            decide(&reader, Action::ConflictResolve, &Target::Kind("Patient"))
                .filter()
                .is_err()
        );
        assert!(
            decide(&reader, Action::TokenCreate, &Target::Node)
                .filter()
                .is_err()
        );
    }

    #[test]
    fn an_administrator_alone_sees_no_clinical_record() {
        let administrator = caller("administrator");
        assert!(
            decide(&administrator, Action::RecordRead, &Target::Kind("Patient"))
                .filter()
                .is_err()
        );
        assert!(
            decide(&administrator, Action::RecordUpdate, &Target::Kind("Location"))
                .filter()
                .is_ok()
        );
        assert!(
            decide(&administrator, Action::RecordRead, &Target::Kind("Device"))
                .filter()
                .is_err()
        );
        assert!(
            decide(&administrator, Action::RecordExport, &Target::AllRecords)
                .filter()
                .is_err()
        );
        assert!(
            decide(&administrator, Action::ParcelWrite, &Target::AllRecords)
                .filter()
                .is_err()
        );
        assert!(
            decide(&administrator, Action::TokenCreate, &Target::Node)
                .filter()
                .is_ok()
        );
    }

    #[test]
    fn the_operator_may_do_everything_and_nobody_nothing() {
        assert!(
            decide(&caller("operator"), Action::RecordExport, &Target::AllRecords)
                .filter()
                .is_ok()
        );
        assert!(
            decide(&caller(""), Action::StatusView, &Target::Node)
                .filter()
                .is_err()
        );
        assert!(
            decide(
                &caller("clinician,unknown"),
                Action::RecordRead,
                &Target::Kind("Patient")
            )
            .filter()
            .is_err()
        );
    }
}
