//! The clinical operations the pages stand on, as data without sentences.
//!
//! One implementation serves ([`crate::ClinicDesk`], over `chaski-clinic`);
//! the fixture of the preview and of the page tests is another. Invariants:
//! nothing here is formatted or translated (that is the page's affair);
//! commands take text as typed and check it below; times are Unix
//! milliseconds, dates ISO 8601, numbers their literal.

mod forms;
mod rows;

use std::fmt;

pub use forms::*;
pub use rows::*;

/// Who is signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's public id; never its secret.
    pub token_id: String,
    /// The public id of the personal token that opened the session: the same one whenever its holder
    /// signs in, and nobody else's. A name is no such thing: tokens without one bear their role's.
    pub holder_id: String,
    /// The person's name as the token says it.
    pub user: String,
    /// Roles the token holds, as codes.
    pub roles: Vec<String>,
    /// The secret by which the session is checked anew; never shown, never logged.
    pub grant: String,
}

/// What a log-in gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Who it is.
    pub principal: Principal,
    /// The personal token for which a one-use token was exchanged, to be shown once.
    pub own_token: Option<OwnToken>,
}

/// A secret to be shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnToken(pub String);

impl fmt::Debug for OwnToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnToken")
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal")
            .field("token_id", &self.token_id)
            .finish_non_exhaustive()
    }
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing typed.
    Required,
    /// More characters than fit.
    TooLong,
    /// Lies in the future.
    InFuture,
    /// More than 140 years ago.
    TooLongAgo,
    /// No living body has this value.
    Impossible,
    /// Must be greater than zero.
    NotPositive,
    /// Does not fit another field.
    Inconsistent,
    /// What it names is not in the record any more.
    Gone,
    /// Not one of the choices.
    NotAChoice,
    /// Already recorded.
    Duplicate,
    /// Not written the way it must be.
    Malformed,
    /// Written for what other fields said before.
    Outdated,
}

/// A field and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The form field's name.
    pub field: &'static str,
    /// What is wrong.
    pub reason: Reason,
}

/// Why an operation did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// The token is unknown, expired or revoked.
    #[error("not signed in")]
    SignIn,
    /// This role may not.
    #[error("not allowed")]
    Denied,
    /// No such record.
    #[error("no such record")]
    NotFound,
    /// Fields to correct.
    #[error("fields to correct")]
    Invalid(Vec<FieldProblem>),
    /// What was seen has changed since.
    #[error("changed since it was read")]
    Stale,
    /// The disk is below its floor: writes are refused, reading goes on.
    #[error("disk full")]
    DiskFull,
    /// Busy, locked or stopping; try again.
    #[error("unavailable")]
    Unavailable,
    /// A fault of ours; the operation id finds it in the log.
    #[error("internal")]
    Internal(String),
}

/// The operations. They may block; pages call them on blocking threads.
#[allow(missing_docs)]
pub trait Desk: Send + Sync + 'static {
    /// Checks a token's secret.
    ///
    /// # Errors
    /// [`DeskError::SignIn`] where it does not hold.
    fn sign_in(&self, secret: &str) -> Result<SignedIn, DeskError>;
    /// Ends what [`Desk::sign_in`] began.
    fn sign_out(&self, principal: &Principal);
    /// Whether a session's token still holds; asked on each request.
    fn still_holds(&self, principal: &Principal) -> bool;
    fn patient_search(&self, who: &Principal, text: &str, limit: usize) -> Result<PatientList, DeskError>;
    fn patient_view(&self, who: &Principal, patient: &str) -> Result<PatientRow, DeskError>;
    fn patient_register(
        &self,
        who: &Principal,
        entry: &NewPatient,
        accept_duplicates: bool,
    ) -> Result<Registration, DeskError>;
    fn chart_view(&self, who: &Principal, patient: &str) -> Result<Chart, DeskError>;
    fn phone_change(&self, who: &Principal, change: &PhoneChange) -> Result<(), DeskError>;
    fn allergy_record(&self, who: &Principal, entry: &AllergyEntry) -> Result<(), DeskError>;
    fn allergy_change(&self, who: &Principal, change: &AllergyChange) -> Result<(), DeskError>;
    fn vitals_record(&self, who: &Principal, entry: &VitalsEntry) -> Result<(), DeskError>;
    fn medication_dose_change(&self, who: &Principal, change: &DoseChange) -> Result<(), DeskError>;
    fn medication_status_change(
        &self,
        who: &Principal,
        change: &MedicineStatusChange,
    ) -> Result<(), DeskError>;
    fn conflict_count(&self, who: &Principal) -> Result<u64, DeskError>;
    fn conflict_list(&self, who: &Principal, limit: usize) -> Result<ConflictList, DeskError>;
    fn conflict_resolve(&self, who: &Principal, resolution: &Resolution) -> Result<(), DeskError>;
    /// Whether this person may carry everything to and from other nodes ([`crate::Bundles`]).
    fn bundle_allowed(&self, who: &Principal) -> bool;
}
