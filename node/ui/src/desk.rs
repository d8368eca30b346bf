//! The clinical operations the pages stand on, as data without sentences.
//!
//! One implementation serves ([`crate::ClinicDesk`], over `chaski-clinic`);
//! the fixture of the preview and of the page tests is another. Invariants:
//! nothing here is formatted or translated (that is the page's affair);
//! commands take text as typed and check it below; times are Unix
//! milliseconds, dates ISO 8601, numbers their literal.

use std::fmt;

/// Who is signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Principal {
    /// The token's public id; never its secret.
    pub token_id: String,
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
        f.debug_struct("Principal").field("token_id", &self.token_id).finish_non_exhaustive()
    }
}

/// Who wrote something, where and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WrittenBy {
    /// Person, as asserted by the node.
    pub user: String,
    /// Role in which it was written, as a code.
    pub role: String,
    /// Name of the node or site.
    pub site: String,
    /// By the author's clock.
    pub at_ms: u64,
}

/// Administrative sex, FHIR's four codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Sex {
    Female,
    Male,
    Other,
    #[default]
    Unknown,
}

impl Sex {
    /// FHIR code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Female => "female",
            Self::Male => "male",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// An identifier as shown: what it is called and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentifierShown {
    /// Its type's text, empty if none.
    pub label: String,
    /// Its value.
    pub value: String,
}

/// A patient in lists and banners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientRow {
    /// Record id.
    pub id: String,
    /// Version read: the base of an edit.
    pub version: String,
    /// Name as shown.
    pub name: String,
    /// Name in local script, if there is one.
    pub name_local: Option<String>,
    /// Administrative sex.
    pub sex: Sex,
    /// ISO date, possibly only a year or a month.
    pub birth_date: Option<String>,
    /// The birth date was worked out from an age.
    pub birth_estimated: bool,
    /// Known to have died.
    pub deceased: bool,
    /// Identifiers, the most useful first.
    pub identifiers: Vec<IdentifierShown>,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// Village, district or city.
    pub place: Option<String>,
    /// Unresolved conflicts on the patient's own record.
    pub conflicts: u32,
}

/// A page of patients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PatientList {
    /// Best match first.
    pub rows: Vec<PatientRow>,
    /// There are more than shown.
    pub more: bool,
}

/// How dangerous an allergy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Criticality {
    High,
    Low,
    Unknown,
}

/// An allergy or intolerance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllergyRow {
    /// `AllergyIntolerance/<id>`.
    pub record: String,
    /// Version read.
    pub version: String,
    /// Substance.
    pub substance: String,
    /// How dangerous.
    pub criticality: Criticality,
    /// What happens.
    pub reaction: Option<String>,
    /// Still counts.
    pub active: bool,
    /// FHIR clinical status code.
    pub status: String,
    /// Says "none known".
    pub none_known: bool,
    /// Unresolved conflicts.
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// A problem or diagnosis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemRow {
    /// `Condition/<id>`.
    pub record: String,
    /// What.
    pub text: String,
    /// Still counts.
    pub active: bool,
    /// ISO date of onset.
    pub onset: Option<String>,
    /// Unresolved conflicts.
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// A prescribed medicine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MedicineRow {
    /// `MedicationRequest/<id>`.
    pub record: String,
    /// Version read.
    pub version: String,
    /// Drug.
    pub drug: String,
    /// The whole instruction as text.
    pub instruction: String,
    /// Dose as a literal number, empty if not structured.
    pub dose_value: String,
    /// Its unit.
    pub dose_unit: String,
    /// Times a day, empty if not structured.
    pub times_per_day: String,
    /// Counts as active.
    pub active: bool,
    /// FHIR status code.
    pub status: String,
    /// Unresolved conflicts; the row is then "disputed".
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// How a measured value stands to its reference band.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Flag {
    #[default]
    None,
    Normal,
    Low,
    High,
    CriticalLow,
    CriticalHigh,
}

/// A measurement or result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservationRow {
    /// `Observation/<id>`.
    pub record: String,
    /// What was measured.
    pub name: String,
    /// Value as written, without its unit.
    pub value: String,
    /// Unit, empty if none.
    pub unit: String,
    /// Against its band.
    pub flag: Flag,
    /// One of the vital signs.
    pub vital: bool,
    /// When measured, as recorded: ISO date or date and time with offset.
    pub when: String,
    /// Unresolved conflicts.
    pub conflicts: u32,
    /// Last writer.
    pub by: Option<WrittenBy>,
}

/// Up to when the chart holds what a site has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteAsOf {
    /// Site or node.
    pub site: String,
    /// `None`: never heard of it.
    pub at_ms: Option<u64>,
}

/// All of a patient that the chart page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// The person.
    pub patient: PatientRow,
    /// Allergies, active first.
    pub allergies: Vec<AllergyRow>,
    /// Problems, active first.
    pub problems: Vec<ProblemRow>,
    /// Medicines, active first.
    pub medicines: Vec<MedicineRow>,
    /// Newest of each vital sign, then other results, newest first.
    pub observations: Vec<ObservationRow>,
    /// There are older results than shown.
    pub observations_more: bool,
    /// Per site.
    pub complete_as_of: Vec<CompleteAsOf>,
    /// Conflicts on this patient's records together.
    pub conflicts: u32,
}

/// Registration, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPatient {
    /// Id drawn when the form was shown: sending it twice registers once.
    pub draft: String,
    /// Given names.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Whole name in local script.
    pub name_local: String,
    /// FHIR code.
    pub sex: String,
    /// ISO date, month or year.
    pub birth_date: String,
    /// Age in years where no date is known.
    pub age_years: String,
    /// Telephone.
    pub phone: String,
    /// Village or town.
    pub place: String,
    /// Mother's name.
    pub mother: String,
    /// National or other number.
    pub identifier: String,
}

/// What came of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Saved under this id.
    Registered(String),
    /// Not saved: these may be the same person.
    PossibleDuplicates(Vec<PatientRow>),
}

/// A change of telephone numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhoneChange {
    /// Patient id.
    pub patient: String,
    /// Version read.
    pub base: String,
    /// The number that is changed; `None` adds one.
    pub old: Option<String>,
    /// The new number; empty removes the old one.
    pub new: String,
}

/// A new allergy as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllergyEntry {
    /// Patient id.
    pub patient: String,
    /// Id drawn when the form was shown: sending it twice records once.
    pub draft: String,
    /// The explicit statement that none is known; the rest is then empty.
    pub none_known: bool,
    /// Substance.
    pub substance: String,
    /// `high`, `low` or `unable-to-assess`.
    pub criticality: String,
    /// What happens.
    pub reaction: String,
}

/// A change of what an allergy means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllergyChange {
    /// `AllergyIntolerance/<id>`.
    pub record: String,
    /// Version read.
    pub base: String,
    /// `high`, `low` or `unable-to-assess`.
    pub criticality: String,
    /// `active`, `inactive` or `resolved`.
    pub status: String,
}

/// Vital signs as typed; empty means not measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VitalsEntry {
    /// Patient id.
    pub patient: String,
    /// Id drawn when the form was shown: sending it twice records once.
    pub draft: String,
    /// mmHg.
    pub systolic: String,
    /// mmHg.
    pub diastolic: String,
    /// Beats a minute.
    pub pulse: String,
    /// Breaths a minute.
    pub breaths: String,
    /// °C.
    pub temperature: String,
    /// %.
    pub oxygen: String,
    /// kg.
    pub weight: String,
    /// cm.
    pub height: String,
}

/// A medicine's new dose as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoseChange {
    /// `MedicationRequest/<id>`.
    pub record: String,
    /// Version read.
    pub base: String,
    /// Amount a dose.
    pub value: String,
    /// Its unit.
    pub unit: String,
    /// Times a day.
    pub times_per_day: String,
}

/// One of the values that meet in a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictValue {
    /// Label (may be empty) and text, in reading order.
    pub lines: Vec<(String, String)>,
    /// This side removed it.
    pub removed: bool,
    /// The one the system acts on until a person decides.
    pub safer: bool,
    /// Who wrote it.
    pub by: WrittenBy,
}

/// Why two versions could not be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ConflictKind {
    Element,
    Group,
    Deleted,
}

/// One conflict to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictItem {
    /// `Type/id`.
    pub record: String,
    /// Version seen, so that a value that arrived since is not decided unseen.
    pub version: String,
    /// Patient id and name.
    pub patient: Option<(String, String)>,
    /// What the record is about: drug, substance, problem; empty for the patient's own record.
    pub subject: String,
    /// Element path or group name.
    pub path: String,
    /// Element, group or removal.
    pub kind: ConflictKind,
    /// Safety-critical.
    pub critical: bool,
    /// The values, in listed order.
    pub values: Vec<ConflictValue>,
}

/// The inbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConflictList {
    /// Critical first.
    pub items: Vec<ConflictItem>,
    /// There are more than shown.
    pub more: bool,
}

/// A decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// `Type/id`.
    pub record: String,
    /// Version seen.
    pub version: String,
    /// Element path or group name.
    pub path: String,
    /// Index of the value chosen, from 0.
    pub pick: usize,
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
    fn conflict_count(&self, who: &Principal) -> Result<u64, DeskError>;
    fn conflict_list(&self, who: &Principal, limit: usize) -> Result<ConflictList, DeskError>;
    fn conflict_resolve(&self, who: &Principal, resolution: &Resolution) -> Result<(), DeskError>;
}
